"""Addresses: an https one taken apart and checked, before anything is looked up or sent."""

import re
from urllib.parse import quote, urlsplit

_NEVER = re.compile(r"[\s\x00-\x1f\x7f\\]")  # blanks, control characters, backslashes
_SAFE = "/%:=&?~+!$,;'@()*[]-._"  # in a path or query; what is not ASCII gets percent signs


class Target:
    """Host, port and path of an https address. Raises ``ValueError`` saying what is wrong with it."""

    def __init__(self, address: str) -> None:
        if _NEVER.search(address):
            raise ValueError(
                "it holds blanks, control characters or backslashes; write %20 for ' '"
            )
        parts = urlsplit(address)
        if parts.scheme != "https":
            raise ValueError("it is not an https:// address, and nothing else is fetched")
        if "@" in parts.netloc:
            raise ValueError("it holds a user name or password, and addresses are kept in tables")
        if not parts.hostname:
            raise ValueError("it names no host")
        self.host = _ascii(parts.hostname.rstrip("."))
        self.port = 443 if parts.port is None else parts.port  # ValueError where it is no port
        # Below 1024 are mail, shells and the like, which no clip is served by.
        if self.port != 443 and self.port < 1024:
            raise ValueError(f"it names port {self.port}; 443 and those from 1024 up are allowed")
        self.path = quote(parts.path or "/", safe=_SAFE)
        self.query = quote(parts.query, safe=_SAFE)

    @property
    def wanted(self) -> str:
        """What the request asks for."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == 443 else f":{self.port}"
        return f"https://{host}{port}{self.path}"


def is_address(place: str) -> bool:
    """Whether a place is an address of any kind, and not a path on this machine."""
    return "://" in place


def shown(address: str) -> str:
    """An address for messages: without its query, which may hold a signature that grants access."""
    return re.split(r"[?#]", address, maxsplit=1)[0]


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValueError(f"it names a host that is none ({error})") from error
