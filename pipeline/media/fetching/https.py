"""One file from an https address, by a client that cannot be led anywhere else.

Of the standard library: a client that pools connections, follows redirects and looks names up by
itself would have to be talked out of all three.
"""

import http.client
import io
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urljoin

from pipeline.media.errors import MediaError, too_many_bytes
from pipeline.media.fetching.clock import Clock, within
from pipeline.media.fetching.public import Address, is_public
from pipeline.media.fetching.target import Target, shown
from schemas import Reason

REDIRECTS = 5
_PIECE = 2**16
_HEADERS = {
    "Accept": "video/*, image/gif, */*;q=0.5",
    "Accept-Encoding": "identity",  # what is counted is what is kept
    "User-Agent": "videoprefer",
    "Connection": "close",
}
_MOVED = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})

Resolve = Callable[[str, int], Sequence[Address]]


def look_up(host: str, port: int) -> Sequence[Address]:
    """Every address of a host name. Raises ``OSError`` where it has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(str(entry[4][0])) for entry in found]


def fetch(
    address: str,
    max_bytes: int,
    timeout_s: float,
    *,
    resolve: Resolve = look_up,
    allowed: Callable[[Address], bool] = is_public,
    context: ssl.SSLContext | None = None,
) -> bytes:
    """The body that an https address answers with.

    The host's addresses are looked up once, all must be public, and the connection goes to one of
    those very addresses: an answer that changes afterwards (DNS rebinding) changes nothing. The
    certificate must be the host's. Up to ``REDIRECTS`` redirects, each checked in the same way. No
    proxy, cookie or password of the environment is used. ``timeout_s`` bounds everything together.
    ``resolve``, ``allowed`` and ``context`` are for tests, which serve on this machine.

    Raises :class:`MediaError` with NOT_FOUND (404, 410), TOO_LARGE, TIMEOUT, or FETCH for the rest.
    """
    client = _Client(Clock(timeout_s), max_bytes, resolve, allowed, context or _context())
    place = address
    try:
        for _ in range(REDIRECTS + 1):
            answer = client.get(Target(place))
            if isinstance(answer, bytes):
                return answer
            place = urljoin(place, answer.location)
        raise ValueError(f"more than {REDIRECTS} redirects")
    except TimeoutError as error:
        raise MediaError(
            Reason.TIMEOUT,
            f"{shown(address)}: could not be fetched within frames.timeout_s = {timeout_s:g} s; "
            "raise it, or fetch the clip and name the local file",
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        what = str(error) or type(error).__name__
        via = "" if place == address else f", led to {shown(place)}"
        raise MediaError(
            Reason.FETCH,
            f"{shown(address)}: could not be fetched{via}: {what}; correct the address, or fetch "
            "the clip and name the local file",
        ) from error


def _context() -> ssl.SSLContext:
    return ssl.create_default_context()  # certificates and host names are checked


class _Moved:
    """The clip lies elsewhere."""

    def __init__(self, location: str) -> None:
        self.location = location


class _Client:
    """The requests of one fetch, under one deadline."""

    def __init__(
        self,
        clock: Clock,
        max_bytes: int,
        resolve: Resolve,
        allowed: Callable[[Address], bool],
        context: ssl.SSLContext,
    ) -> None:
        self._clock, self._max_bytes, self._context = clock, max_bytes, context
        self._resolve, self._allowed = resolve, allowed

    def get(self, target: Target) -> bytes | _Moved:
        """One request: the body, or where it points to."""
        addresses = self._checked(target)
        with self._connected(addresses, target.port) as plain:
            plain.settimeout(self._clock.left())  # of the whole handshake
            with self._context.wrap_socket(
                plain, server_hostname=target.host, suppress_ragged_eofs=False
            ) as wire:
                connection = http.client.HTTPConnection(target.host, target.port)
                connection.default_port = 443  # the Host header leaves it out
                connection.sock = _Wire(wire, self._clock)
                connection.request("GET", target.wanted, headers=_HEADERS)
                return self._answer(target, connection.getresponse())

    def _checked(self, target: Target) -> Sequence[Address]:
        found = within(self._clock, lambda: self._resolve(target.host, target.port))
        for address in found:
            if not self._allowed(address):
                raise ValueError(f"{target.host} is {address}, which is not on the public net")
        if not found:
            raise ValueError(f"{target.host} has no address")
        return found

    def _connected(self, addresses: Sequence[Address], port: int) -> socket.socket:
        """A connection to the first address that answers; each has its share of the time."""
        for i, address in enumerate(addresses):
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            plain = socket.socket(family, socket.SOCK_STREAM)
            try:
                plain.settimeout(self._clock.left() / (len(addresses) - i))
                plain.connect((str(address), port))  # a number: nothing is looked up again
                return plain
            except OSError:
                plain.close()
                if i == len(addresses) - 1:
                    raise
        raise AssertionError("no address was tried")

    def _answer(self, target: Target, answer: http.client.HTTPResponse) -> bytes | _Moved:
        if answer.status in _MOVED:
            location = answer.getheader("Location")
            if not location:
                raise ValueError(f"the server answers {answer.status} without saying where to")
            return _Moved(location)
        if answer.status in _GONE:
            raise MediaError(
                Reason.NOT_FOUND,
                f"{target}: the server has no such file ({answer.status}); correct the address or "
                "take its row out of the source",
            )
        if answer.status != 200:
            raise ValueError(f"the server answers {answer.status} {answer.reason}"[:200])
        if answer.getheader("Content-Encoding", "identity").lower() != "identity":
            raise ValueError("the server sends the file packed, though it was asked not to")
        return self._body(target, answer)

    def _body(self, target: Target, answer: http.client.HTTPResponse) -> bytes:
        promised = answer.length  # None: not said, or in chunks
        if promised is not None and promised > self._max_bytes:
            raise too_many_bytes(str(target), self._max_bytes)
        body = bytearray()
        while piece := answer.read(_PIECE):
            body += piece
            if len(body) > self._max_bytes:
                raise too_many_bytes(str(target), self._max_bytes)
        if not body:
            raise ValueError("the server sends nothing")
        if promised is not None and len(body) < promised:
            raise ValueError(f"the connection ended after {len(body)} of {promised} bytes")
        return bytes(body)


class _Wire:
    """A socket for ``http.client`` on which no single step outlasts the deadline, however small."""

    def __init__(self, wire: ssl.SSLSocket, clock: Clock) -> None:
        self._wire, self._clock = wire, clock

    def sendall(self, data: bytes) -> None:
        self._wire.settimeout(self._clock.left())
        self._wire.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._wire, self._clock))

    def close(self) -> None:
        """Whoever opened the socket closes it."""


class _Incoming(io.RawIOBase):
    def __init__(self, wire: ssl.SSLSocket, clock: Clock) -> None:
        self._wire, self._clock = wire, clock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        self._wire.settimeout(self._clock.left())
        return self._wire.recv_into(buffer)
