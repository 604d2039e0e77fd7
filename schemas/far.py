"""Object stores: how they are opened, how long one is asked again, and what its errors say.

fsspec speaks to them (gcsfs, s3fs). Its libraries ask again by themselves after some errors and for
some seconds; what is left over is asked again here, for a minute, since a stage must not lose an
hour's work to a store that was away for ten seconds.
"""

import errno
import functools
import importlib
import os
import random
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import fsspec
import tenacity

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 64  # requests of one process in flight, where many are made at once
GIVE_UP_S = 60.0  # after which nothing is asked again
SILENCE_S = 60.0  # without a byte, after which a request counts as lost
# scheme: the package that opens it, and how to log in
STORES = {
    "gs": ("gcsfs", "gcloud auth application-default login"),
    "gcs": ("gcsfs", "gcloud auth application-default login"),
    "s3": ("s3fs", "aws configure, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    "hf": ("huggingface_hub", "hf auth login, or set HF_TOKEN"),
    "memory": ("fsspec", "nothing"),
}
# whose put-if-absent is the store's own: a header or parameter of the one request that writes
CONDITIONAL = frozenset({"gs", "gcs", "s3", "memory"})
_ENDPOINT = {
    "gs": "STORAGE_EMULATOR_HOST",
    "gcs": "STORAGE_EMULATOR_HOST",
    "s3": "AWS_ENDPOINT_URL",
}
_SECRET = re.compile(r"\?[^\s'\")]+")  # the query of an address may hold a signature
# of Google, S3's own words, and what their libraries say
_NOBODY = (
    "anonymous",
    "nocredentials",
    "unable to locate credentials",
    "invalid credentials",
    "401",
)
_DENIED = ("forbidden", "denied", "unauthorized", "gated", "accessdenied", "403", "signature")
_BUCKET = ("nosuchbucket", "bucket does not exist", "specified bucket")


class StoreError(OSError):
    """A store cannot do what it was asked, and asking again did not help.

    The message names the address, what failed, and what to do.
    """


def opened(root: str) -> tuple[Any, str]:
    """The file system of an address or path, and the path in it. fsspec caches the instance.

    Endpoints and credentials are the environment's: ``STORAGE_EMULATOR_HOST``, ``AWS_ENDPOINT_URL``,
    ``FSSPEC_*``, and those of the stores' own programs. Listings are never cached.
    """
    scheme = root.partition("://")[0] if "://" in root else "file"
    if scheme in ("gs", "gcs"):
        # not what fsspec would take: that asks a service for the kind of every bucket first, which only
        # folders and appending need, and which is a minute's wait where nothing answers
        fs = importlib.import_module("gcsfs.core").GCSFileSystem(**_options(scheme))
        return fs, fs._strip_protocol(root).rstrip("/")
    fs, path = fsspec.core.url_to_fs(root, **_options(scheme))
    return fs, path.rstrip("/")


def read_whole(fs: Any, path: str) -> bytes:
    """All bytes of an object, in one request."""
    # s3fs would ask for the size first, to read big files in parts
    return fs.cat_file(path, **({"max_concurrency": 1} if "s3" in fs.protocol else {}))


def write_new(fs: Any, path: str, data: bytes) -> None:
    """Write an object if there is none: by the store's own condition, in the request that writes.

    ``ifGenerationMatch=0`` at Google, ``If-None-Match: *`` at S3. Raises ``FileExistsError``.
    """
    if data.endswith(b"\r") and "gs" in fs.protocol:
        # gcsfs parts what it sends in one request by a bare line feed, which makes this last byte look
        # like half of a line's end: sent by itself, nothing is taken for the end of a part
        fs.pipe_file(path, data, mode="create", chunksize=len(data))
    else:
        fs.pipe_file(path, data, mode="create")


def _options(scheme: str) -> dict[str, Any]:
    """What is not said in fsspec's own configuration."""
    if scheme == "s3":
        ours: dict[str, Any] = {
            "use_listings_cache": False,
            "config_kwargs": {"max_pool_connections": AT_ONCE},  # ten otherwise
        }
    elif scheme in ("gs", "gcs"):
        ours = {"use_listings_cache": False, "requests_timeout": _patience()}
        if os.environ.get("STORAGE_EMULATOR_HOST"):
            ours["token"] = "anon"
    else:
        return {}
    names = ("gs", "gcs") if scheme != "s3" else ("s3",)
    said = {key for name in names for key in fsspec.config.conf.get(name, {})}
    return {key: value for key, value in ours.items() if key not in said}


@functools.cache
def _patience() -> Any:
    """gcsfs waits for ever by itself; a big file may take long as long as bytes come."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_S, sock_read=SILENCE_S)


def asked(
    address: str,
    what: str,
    ask: Callable[[], T],
    give_up_s: float = GIVE_UP_S,
    answers: tuple[type[Exception], ...] = (),
) -> T:
    """What ``ask`` gives, asked again after errors that may pass until ``give_up_s`` are over.

    ``FileNotFoundError`` of a name and ``FileExistsError`` are answers, too, and so are errors of the
    classes in ``answers``: they are raised as they are. Raises :class:`StoreError` for
    every other error that stays; ``what`` says in it what was tried ("cannot be read").
    """
    try:
        try:
            return ask()
        except Exception as error:
            if not may_pass(error):
                raise
        return _again(ask, give_up_s)
    except FileNotFoundError as error:
        if _is_of(error, _BUCKET):
            raise told(address, what, error) from error
        raise
    except (FileExistsError, StoreError):
        raise
    except answers:
        raise
    except Exception as error:  # every store has errors of its own
        raise told(address, what, error) from error


def _again(ask: Callable[[], T], give_up_s: float) -> T:
    time.sleep(
        random.uniform(0, 0.5)
    )  # after the first; many of one store begin at the same moment
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
        stop=tenacity.stop_after_delay(give_up_s),
        reraise=True,
    )
    return retrying(ask)


_PASSING_CODES = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_PASSING_NAMES = frozenset(
    {
        "ClientConnectionError",  # aiohttp
        "ClientPayloadError",
        "ConnectionError",
        "HTTPClientError",  # botocore: timeouts, resets, connections that fail
        "IncompleteReadError",
        "ResponseParserError",
        "ChecksumError",  # gcsfs: what came is not what lies there
        "ChunkedEncodingError",  # requests, which gcsfs raises, too
        "ProxyError",
        "TransportError",  # google.auth
    }
)
_PASSING_ERRNO = frozenset({errno.EBUSY, errno.ECONNRESET, getattr(errno, "EREMOTEIO", -1)})


def may_pass(error: BaseException) -> bool:
    """Whether an error of a store may be over when it is asked again."""
    if isinstance(error, StoreError | PermissionError | FileNotFoundError | FileExistsError):
        return False
    if isinstance(error, TimeoutError | ConnectionError):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNO:
        return True
    if _status(error) in _PASSING_CODES or _status(error.__cause__) in _PASSING_CODES:
        return True
    return any(kind.__name__ in _PASSING_NAMES for kind in type(error).__mro__)


def _status(error: BaseException | None) -> int | None:
    """The HTTP status that an error of gcsfs, botocore or aiohttp is about."""
    response = getattr(error, "response", None)  # botocore
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    code = metadata.get("HTTPStatusCode") or getattr(error, "code", getattr(error, "status", None))
    return (
        int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else None
    )


def told(address: str, what: str, error: BaseException) -> StoreError:
    """The error in words: the address, what failed, and what to do."""
    said = f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
    return StoreError(f"{address}: {what}: {_SECRET.sub('?...', said)}; {_remedy(address, error)}")


def _remedy(address: str, error: BaseException) -> str:
    scheme = address.partition("://")[0]
    package, login = STORES.get(scheme, ("a package for it", "its own program"))
    if isinstance(error, ImportError):
        return f"{scheme}:// needs a package: pip install {package}"
    if isinstance(error, FileNotFoundError):
        bucket = "/".join(address.split("/")[:3])
        return f"is there a bucket {bucket}? create it, or correct the address"
    if _is_of(error, _NOBODY) or _status(error) == 401:
        return f"nobody is logged in, or no longer: log in ({login})"
    if isinstance(error, PermissionError) or _is_of(error, _DENIED) or _status(error) == 403:
        return f"this account may not: log in ({login}) with one that may, or grant it the right"
    if may_pass(error):
        variable = _ENDPOINT.get(scheme)
        at = (
            f" and {variable}={os.environ[variable]}" if variable and variable in os.environ else ""
        )
        return f"check the network{at}, and run the same command again: what is done is kept"
    return "check the address and the network, and try again"


def _is_of(error: BaseException, words: Iterable[str]) -> bool:
    said = f"{type(error).__name__} {error} {error.__cause__ or ''}".lower()
    return any(word in said for word in words)


def each(do: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results of requests to a store, many in flight at a time, in the order of the items."""
    items = list(items)
    return list(_pool(os.getpid()).map(do, items)) if len(items) > 1 else [do(i) for i in items]


@functools.lru_cache(maxsize=1)
def _pool(pid: int) -> ThreadPoolExecutor:
    """Of this process: threads do not survive a fork."""
    return ThreadPoolExecutor(AT_ONCE, "store")
