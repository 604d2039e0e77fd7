"""One file from a store (gs://, s3://, hf://, memory://), within limits, its errors told in words."""

from pipeline.media.errors import MediaError, too_many_bytes
from pipeline.media.fetching.clock import Clock, within
from schemas import Reason
from schemas.far import GIVE_UP_S, STORES, StoreError, asked, opened, told

_PIECE = 8 * 2**20  # bytes asked for at a time
_WHAT = "could not be fetched"


def from_store(address: str, max_bytes: int, timeout_s: float) -> bytes:
    """All bytes of a file in a store. Raises :class:`MediaError`, see ``fetch.read_clip``."""
    scheme = address.partition("://")[0]
    if scheme not in STORES or "::" in address:  # fsspec would take :: for a chain of addresses
        what = f"it is in none of the stores {', '.join(STORES)}"
        raise MediaError(Reason.FETCH, f"{address}: {_WHAT}: {what}")
    clock = Clock(timeout_s)
    try:
        return within(clock, lambda: _patient(address, max_bytes, clock))
    except MediaError:
        raise
    except (FileNotFoundError, IsADirectoryError) as error:
        raise MediaError(
            Reason.NOT_FOUND,
            f"{address}: there is no such file; put it there or take its row out of the source",
        ) from error
    except TimeoutError as error:
        raise MediaError(
            Reason.TIMEOUT,
            f"{address}: could not be fetched within frames.timeout_s = {timeout_s:g} s; raise it",
        ) from error
    except StoreError as error:
        raise MediaError(Reason.FETCH, str(error)) from error
    except Exception as error:  # every store has errors of its own
        raise MediaError(Reason.FETCH, str(told(address, _WHAT, error))) from error


def _patient(address: str, max_bytes: int, clock: Clock) -> bytes:
    """Asks again after errors that may pass, as long as there is time for another attempt."""
    give_up_s = min(GIVE_UP_S, clock.left() / 2)
    answers = MediaError, IsADirectoryError
    return asked(address, _WHAT, lambda: _read(address, max_bytes, clock), give_up_s, answers)


def _read(address: str, max_bytes: int, clock: Clock) -> bytes:
    fs, path = opened(address)
    data = bytearray()
    with fs.open(path, "rb", cache_type="none") as file:
        if (getattr(file, "size", None) or 0) > max_bytes:
            raise too_many_bytes(address, max_bytes)
        while piece := file.read(min(_PIECE, max_bytes + 1 - len(data))):
            data += piece
            if len(data) > max_bytes:
                raise too_many_bytes(address, max_bytes)
            clock.left()  # a thread left behind stops here
    if not data:
        raise MediaError(Reason.UNDECODABLE, f"{address}: the file is empty; put it there again")
    return bytes(data)
