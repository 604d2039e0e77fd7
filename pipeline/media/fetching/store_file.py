"""One file from a store (gs://, s3://, hf://, memory://), within limits, its errors told in words."""

import fsspec

from pipeline.media.errors import MediaError, too_many_bytes
from pipeline.media.fetching.clock import Clock, within
from schemas import Reason

_PIECE = 8 * 2**20  # bytes asked for at a time
# scheme: the package that opens it, and how to log in
STORES = {
    "gs": ("gcsfs", "gcloud auth application-default login"),
    "gcs": ("gcsfs", "gcloud auth application-default login"),
    "s3": ("s3fs", "aws configure, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    "hf": ("huggingface_hub", "hf auth login, or set HF_TOKEN"),
    "memory": ("fsspec", "nothing"),
}
_ACCESS = ("credential", "forbidden", "denied", "unauthorized", "gated", "token", "401", "403")


def from_store(address: str, max_bytes: int, timeout_s: float) -> bytes:
    """All bytes of a file in a store. Raises :class:`MediaError`, see ``fetch.read_clip``."""
    scheme = address.partition("://")[0]
    if scheme not in STORES or "::" in address:  # fsspec would take :: for a chain of addresses
        raise _failed(address, f"it is in none of the stores {', '.join(STORES)}")
    clock = Clock(timeout_s)
    try:
        return within(clock, lambda: _read(scheme, address, max_bytes, clock))
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
    except ImportError as error:
        package = STORES[scheme][0]
        raise _failed(address, f"{scheme}:// needs a package: pip install {package}") from error
    except Exception as error:  # every store has errors of its own
        raise _failed(address, _in_words(scheme, error)) from error


def _read(scheme: str, address: str, max_bytes: int, clock: Clock) -> bytes:
    fs = fsspec.filesystem(scheme)
    path = fs._strip_protocol(address)
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


def _failed(address: str, what: str) -> MediaError:
    return MediaError(Reason.FETCH, f"{address}: could not be fetched: {what}")


def _in_words(scheme: str, error: Exception) -> str:
    told = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
    access = isinstance(error, PermissionError) or any(word in told.lower() for word in _ACCESS)
    if access:
        return f"{told}; log in ({STORES[scheme][1]}) with an account that may read it"
    return f"{told}; check the address and the network, and try again"
