"""Object stores that the configuration or the output folder names."""

import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.doctor.finding import Asked, Finding, fail, ok
from schemas.far import STORES
from schemas.options import SetupError
from schemas.store import Store

if TYPE_CHECKING:
    from pipeline.config import Config

INSTALL = {
    "gcsfs": "pip install 'videoprefer[dataflow]' gcsfs",
    "s3fs": "pip install s3fs",
}


def stores(asked: Asked) -> Iterator[Finding]:
    """Whether each can be opened; with the network also written to, or listed where it is only read."""
    written, read = addresses(asked)
    for address in dict.fromkeys([*written, *read]):
        scheme = address.partition("://")[0]
        if scheme not in STORES:
            known = ", ".join(f"{name}://" for name in STORES if name != "memory")
            yield fail("stores", f"{address}: no such store", f"name one of {known}")
        elif importlib.util.find_spec(package := STORES[scheme][0]) is None:
            todo = INSTALL.get(package, f"pip install {package}")
            yield fail("stores", f"{address}: {package} is not installed", todo)
        elif asked.reach:
            yield _reached(address, write=address in written)
        else:
            yield ok("stores", f"{address}: {package} is there; --reach would ask the store")


def addresses(asked: Asked) -> tuple[list[str], list[str]]:
    """Those a run writes to, and those it only reads."""
    config = asked.config
    written = [asked.home]
    if config is not None:
        written += [config.journal, config.generators.store if config.generators else None]
    read = _of_sources(config) if config is not None else []
    return [one for one in written if one and "://" in one], read


def _of_sources(config: "Config") -> list[str]:
    found = []
    for source in config.sources:
        told = [getattr(source, "path", None), *getattr(source, "roots", ())]
        found += [_folder(one) for one in told if isinstance(one, str) and "://" in one]
    return [one for one in found if not one.startswith(("http://", "https://"))]


def _folder(address: str) -> str:
    """The part of a pattern of paths that is no pattern."""
    whole = address.replace("[", "*").replace("?", "*").partition("*")
    return whole[0].rpartition("/")[0] if whole[1] else address


def _reached(address: str, *, write: bool) -> Finding:
    scheme = address.partition("://")[0]
    store = Store(address)
    try:
        if write:
            store.check()
            return ok("stores", f"{address}: a name was put, put again in vain, and deleted")
        found = store.exists("") or next(store.names(), None)
    except (OSError, SetupError) as error:
        return fail("stores", str(error), f"look at the address, or log in ({STORES[scheme][1]})")
    if not found:
        return fail("stores", f"{address}: holds nothing", "look at the address")
    return ok("stores", f"{address}: can be read")
