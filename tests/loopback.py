"""A TLS server on this machine that answers as a test tells it, with certificates of its own."""

import dataclasses
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "clips.example"
_BORN, _DIES = datetime.datetime(2020, 1, 1), datetime.datetime(2100, 1, 1)
Answer = Callable[[bytes, socket.socket], None]  # what was asked, where to answer


@dataclasses.dataclass(frozen=True)
class Server:
    """Where it listens, what it was asked, and how to trust it."""

    port: int
    asked: list[bytes]
    trust: ssl.SSLContext

    def url(self, path: str = "/a.mp4", host: str = HOST) -> str:
        return f"https://{host}:{self.port}{path}"


@contextmanager
def serving(answer: Answer, folder: Path, *, host: str = HOST) -> Iterator[Server]:
    """Answers every connection, one after another, until the block ends."""
    certificate(folder / "tls.pem", host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls.pem")
    trust = ssl.create_default_context(cafile=str(folder / "tls.pem"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(listening.getsockname()[1], [], trust)
        thread = threading.Thread(target=_serve, args=(listening, context, answer, server.asked))
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            assert not thread.is_alive()


def _serve(
    listening: socket.socket, context: ssl.SSLContext, answer: Answer, asked: list[bytes]
) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        with plain:
            plain.settimeout(10)
            try:
                with context.wrap_socket(plain, server_side=True) as wire:
                    request = b""
                    while b"\r\n\r\n" not in request:
                        piece = wire.recv(4096)
                        if not piece:
                            break
                        request += piece
                    asked.append(request)
                    answer(request, wire)
                    wire.unwrap()
            except (OSError, ValueError):
                pass  # the client has gone, as some tests want it to


def certificate(path: Path, host: str) -> None:
    """A key and a certificate for a host that vouches for itself, as one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "videoprefer tests")])
    try:
        known = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        known = x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_BORN)
        .not_valid_after(_DIES)
        .add_extension(x509.SubjectAlternativeName([known]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))


def reply(body: bytes, *headers: str, status: str = "200 OK") -> Answer:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda _, wire: wire.sendall("\r\n".join(lines).encode() + body)
