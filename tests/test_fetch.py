"""Clips from a disk, a store or an https address: within limits, and from nowhere else."""

import ipaddress
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fsspec
import pytest
from loopback import HOST, Answer, Server, reply, serving
from object_store import open_store

from pipeline.media.errors import MediaError
from pipeline.media.fetching import https, store_file
from pipeline.media.fetching.fetch import at_hand, read_clip
from pipeline.media.fetching.public import Address, is_public
from pipeline.media.fetching.target import Target
from pipeline.media.options import FramesOptions
from schemas import Reason

LIMITS = (10_000, 5.0)  # bytes, seconds
HERE = [ipaddress.ip_address("127.0.0.1")]


def failure(work: Any, *args: Any, **named: Any) -> MediaError:
    with pytest.raises(MediaError) as caught:
        work(*args, **named)
    return caught.value


# --- this machine


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x" * 100)
    assert read_clip(str(path), 100, 1) == b"x" * 100
    assert failure(read_clip, str(path), 99, 1).reason == Reason.TOO_LARGE
    with at_hand(str(path), FramesOptions()) as local:
        assert local == str(path)
    path.write_bytes(b"")
    assert "empty" in failure(read_clip, str(path), 99, 1).message


def test_what_is_no_regular_file_of_its_own_is_not_found(tmp_path: Path) -> None:
    """Nor does any of them hang: opening a FIFO would wait for somebody to write."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.mp4").write_bytes(b"x")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("d/a.mp4")
    (tmp_path / "linked").symlink_to("d")
    for name, says in {
        "absent": "cannot be read",
        "nul\0l": "cannot be read",
        "x" * 300: "cannot be read",
        "d": "not a regular file",
        "fifo": "not a regular file",
        "link": "cannot be read",  # was a file when it was listed
        "linked/a.mp4": "by a link",
    }.items():
        found = failure(read_clip, f"{tmp_path}/{name}", *LIMITS)
        assert (found.reason, says in found.message) == (Reason.NOT_FOUND, True), found.message
    for device in ("/dev/zero", "/dev/stdin", "/dev/tty"):
        assert failure(read_clip, device, *LIMITS).reason == Reason.NOT_FOUND
    for name in ("fifo", "link", "d", "linked/a.mp4"):
        with pytest.raises(MediaError, match=name), at_hand(str(tmp_path / name), FramesOptions()):
            pass


def test_a_file_that_says_it_is_empty_is_still_bounded() -> None:
    """Files below /proc have a size of 0 and hold something all the same."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("no /proc")
    path = f"/proc/{os.getpid()}/status"
    assert b"Name:" in read_clip(path, *LIMITS)
    assert failure(read_clip, path, 20, 1).reason == Reason.TOO_LARGE


# --- stores


@pytest.fixture
def memory() -> Iterator[Any]:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/clips/a.mp4", b"x" * 100)
    fs.pipe_file("/clips/empty.mp4", b"")
    yield fs
    fs.rm("/clips", recursive=True)


def test_a_file_in_a_store(memory: Any) -> None:
    assert read_clip("memory://clips/a.mp4", 100, 5) == b"x" * 100
    assert failure(read_clip, "memory://clips/a.mp4", 99, 5).reason == Reason.TOO_LARGE
    assert failure(read_clip, "memory://clips/b.mp4", *LIMITS).reason == Reason.NOT_FOUND
    assert failure(read_clip, "memory://clips", *LIMITS).reason == Reason.NOT_FOUND
    assert failure(read_clip, "memory://clips/empty.mp4", *LIMITS).reason == Reason.UNDECODABLE


@pytest.mark.slow
def test_a_file_in_a_bucket(tmp_path: Path) -> None:
    """S3 as moto plays it."""
    for store in open_store("s3", tmp_path):
        store.put("a.mp4", b"x" * 100)
        place = f"{store.root}/a.mp4"
        assert read_clip(place, 100, 20) == b"x" * 100
        assert failure(read_clip, place, 99, 20).reason == Reason.TOO_LARGE
        assert failure(read_clip, f"{store.root}/b.mp4", 99, 20).reason == Reason.NOT_FOUND
        with at_hand(place, FramesOptions()) as path:
            assert Path(path).read_bytes() == b"x" * 100


def test_a_copy_at_hand_is_there_for_this_process_and_its_programs(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with at_hand("memory://clips/a.mp4", FramesOptions()) as path:
        assert Path(path).read_bytes() == b"x" * 100
        assert stat.S_ISREG(os.stat(path).st_mode)
        assert subprocess.check_output(["cat", path]) == b"x" * 100
    assert not os.path.exists(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the copy has a name")
def test_a_copy_at_hand_does_not_outlive_a_kill(tmp_path: Path) -> None:
    code = (
        "import fsspec, os, signal\n"
        "from pipeline.media.fetching.fetch import at_hand\n"
        "from pipeline.media.options import FramesOptions\n"
        "fsspec.filesystem('memory').pipe_file('/c/a.mp4', b'x')\n"
        "with at_hand('memory://c/a.mp4', FramesOptions()): os.kill(os.getpid(), signal.SIGKILL)"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []


class Unread:
    """A store whose file says it is small, and never ends; or never begins."""

    size: int | None = 10

    def __init__(self, error: Exception | None = None, wait_s: float = 0) -> None:
        self.error, self.wait_s = error, wait_s

    def _strip_protocol(self, path: str) -> str:
        return path

    def open(self, path: str, mode: str, **_: Any) -> "Unread":
        time.sleep(self.wait_s)
        if self.error:
            raise self.error
        return self

    def __enter__(self) -> "Unread":
        return self

    def __exit__(self, *_: object) -> None: ...

    def read(self, n: int) -> bytes:
        return b"x" * n


class NoCredentialsError(Exception):
    """As botocore names it."""


@pytest.mark.parametrize(
    ("fs", "reason", "says"),
    [
        (Unread(), Reason.TOO_LARGE, "frames.max_bytes"),
        (Unread(wait_s=2), Reason.TIMEOUT, "frames.timeout_s"),
        (Unread(ImportError("Install s3fs")), Reason.FETCH, "pip install s3fs"),
        (Unread(NoCredentialsError("Unable to locate credentials")), Reason.FETCH, "aws configure"),
        (Unread(PermissionError("no")), Reason.FETCH, "this account may not: log in"),
        (Unread(OSError("Could not connect")), Reason.FETCH, "network"),
    ],
)
def test_what_a_store_does_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, fs: Unread, reason: Reason, says: str
) -> None:
    monkeypatch.setattr(store_file, "opened", lambda address: (fs, address))
    found = failure(read_clip, "s3://bucket/a.mp4", 10_000, 0.5)
    assert (found.reason, says in found.message) == (reason, True), found.message
    assert "s3://bucket/a.mp4" in found.message


def test_a_store_that_is_not_installed_names_its_package() -> None:
    """In a process of its own where gcsfs cannot be imported, installed or not."""
    code = (
        "import sys; sys.modules['gcsfs'] = None\n"
        "from pipeline.media.fetching.fetch import read_clip\n"
        "from pipeline.media.errors import MediaError\n"
        "try: read_clip('gs://b/a.mp4', 10, 5.0)\n"
        "except MediaError as error: print(error.reason.value, error.message)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.startswith("fetch gs://b/a.mp4")
    assert "pip install gcsfs" in said


@pytest.mark.parametrize("place", ["http://h/a", "ftp://h/a", "memory://a::file:///etc/passwd"])
def test_no_other_address_is_opened(place: str) -> None:
    assert failure(read_clip, place, *LIMITS).reason == Reason.FETCH


# --- which addresses are public


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.0.9", "169.254.169.254",
     "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1",
     "198.18.0.1", "198.51.100.1", "203.0.113.7", "224.0.0.1", "233.252.0.1", "240.0.0.1",
     "255.255.255.255",
     "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1",
     "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
     "2002:7f00:1::", "2002:c0a8:101::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1",
     "fd00:ec2::254", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1"],
)  # fmt: skip
def test_addresses_that_are_somebodys_inside(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "8.8.8.8", "93.184.215.14", "100.63.255.255", "172.32.0.1", "2606:4700::1111",
     "2a00:1450:4001:80b::200e", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)  # fmt: skip
def test_addresses_of_the_public_net(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["0x7f000001", "2130706433", "127.1", "0177.0.0.1", "localhost", "[::1]", "[::]", "0"]
)
def test_other_ways_to_write_this_machine_are_seen_through(host: str) -> None:
    """``getaddrinfo`` makes addresses of all of them without asking anybody."""
    found = failure(read_clip, f"https://{host}/a.mp4", *LIMITS)
    assert found.reason == Reason.FETCH
    assert "not on the public net" in found.message


# --- addresses


def test_addresses_are_taken_apart() -> None:
    target = Target("https://Clips.Example.:8443/a b.mp4?x=1&y=ü#t=3".replace(" ", "%20"))
    assert (target.host, target.port) == ("clips.example", 8443)
    assert target.wanted == "/a%20b.mp4?x=1&y=%C3%BC"
    assert str(target) == "https://clips.example:8443/a%20b.mp4"
    assert Target("https://bücher.example").wanted == "/"
    assert Target("https://bücher.example").host == "xn--bcher-kva.example"
    assert str(Target("https://[2606:4700::1111]/a")) == "https://[2606:4700::1111]/a"


# --- https, on loopback: the tests say which address is allowed, and what a name stands for


class Names:
    """A name server: a list of answers for each question, the last one for good."""

    def __init__(self, *answers: Sequence[Address]) -> None:
        self.answers, self.asked = list(answers) or [HERE], []

    def __call__(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def get(server: Server, url: str | None = None, names: Names | None = None, **more: Any) -> bytes:
    named = {"max_bytes": LIMITS[0], "timeout_s": LIMITS[1], "allowed": lambda a: a in HERE}
    return https.fetch(
        url or server.url(), resolve=names or Names(), context=server.trust, **{**named, **more}
    )


def test_a_clip_comes_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    body = os.urandom(5000)
    with serving(reply(body), tmp_path) as server:
        assert get(server, server.url("/a.mp4?sig=s#t")) == body
        assert get(server, max_bytes=5000) == body
    request = server.asked[0].decode().split("\r\n")
    assert request[0] == "GET /a.mp4?sig=s HTTP/1.1"
    assert f"Host: {HOST}:{server.port}" in request
    assert "Accept-Encoding: identity" in request
    assert not [line for line in request if line.lower().startswith(("cookie", "authorization"))]


def test_a_clip_in_chunks(tmp_path: Path) -> None:
    def chunks(_: bytes, wire: socket.socket) -> None:
        wire.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        wire.sendall(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")

    with serving(chunks, tmp_path) as server:
        assert get(server) == b"abcde"


def test_an_inside_address_is_refused_before_connecting(tmp_path: Path) -> None:
    public = ipaddress.ip_address("8.8.8.8")
    with serving(reply(b"secret"), tmp_path) as server:
        for answers in (HERE, [public, *HERE]):  # one bad address is enough
            found = failure(get, server, names=Names(answers), allowed=is_public)
            assert found.reason == Reason.FETCH
            assert f"{HOST} is 127.0.0.1, which is not on the public net" in found.message
    assert server.asked == []


def test_an_inside_address_is_refused_after_a_redirect(tmp_path: Path) -> None:
    moved = reply(b"", "Location: https://inside.example/key", status="302 Found")
    with serving(moved, tmp_path) as server:
        names = Names(HERE, [ipaddress.ip_address("10.0.0.1")])
        found = failure(get, server, names=names)
        assert "inside.example is 10.0.0.1" in found.message
        assert found.message.startswith(
            f"{server.url()}: could not be fetched, led to https://inside"
        )
    assert names.asked == [HOST, "inside.example"]


@pytest.mark.parametrize(
    "location",
    ["http://clips.example/a.mp4", "file:///etc/passwd", "ftp://h/a", "gs://b/a", "//u@h/"],
)
def test_a_redirect_to_anything_but_https_is_refused(tmp_path: Path, location: str) -> None:
    with serving(reply(b"", f"Location: {location}", status="301 Moved"), tmp_path) as server:
        assert failure(get, server).reason == Reason.FETCH
    assert len(server.asked) == 1


def test_a_name_that_changes_its_address_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name is asked for once, and that very address is connected to."""
    names = Names(HERE, [ipaddress.ip_address("10.0.0.1")])
    with serving(reply(b"clip"), tmp_path) as server:
        monkeypatch.setattr(socket, "getaddrinfo", None)  # asking again would be an error
        assert get(server, names=names) == b"clip"
    assert names.asked == [HOST]


def test_the_next_address_is_tried_where_one_does_not_answer(tmp_path: Path) -> None:
    dead = ipaddress.ip_address("127.0.0.2")  # nobody listens there on this port
    with serving(reply(b"clip"), tmp_path) as server:
        answers = Names([dead, *HERE])
        assert get(server, names=answers, allowed=lambda a: a.is_loopback) == b"clip"


def test_redirects_are_followed_and_counted(tmp_path: Path) -> None:
    def hop(request: bytes, wire: socket.socket) -> None:
        left = int(request.split()[1].removeprefix(b"/"))
        answer = reply(b"clip") if left == 0 else reply(
            b"", f"Location: /{left - 1}", status="307 Temporary Redirect"
        )  # fmt: skip
        answer(request, wire)

    with serving(hop, tmp_path) as server:
        assert get(server, server.url("/5")) == b"clip"
        found = failure(get, server, server.url("/6"))
    assert (found.reason, "more than 5 redirects" in found.message) == (Reason.FETCH, True)
    with serving(reply(b"", "Location: /", status="302 Found"), tmp_path) as server:
        assert "more than 5 redirects" in failure(get, server).message
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (reply(b"", status="404 Not Found"), Reason.NOT_FOUND, "404"),
        (reply(b"", status="410 Gone"), Reason.NOT_FOUND, "410"),
        (reply(b"", status="403 Forbidden"), Reason.FETCH, "403"),
        (reply(b"", status="503 Busy"), Reason.FETCH, "503 Busy"),
        (reply(b"", status="302 Found"), Reason.FETCH, "without saying where to"),
        (reply(b"", status="206 Partial"), Reason.FETCH, "206"),
        (reply(b""), Reason.FETCH, "sends nothing"),
        (reply(b"x", "Content-Encoding: gzip"), Reason.FETCH, "packed"),
        (reply(b"x" * 10_001), Reason.TOO_LARGE, "frames.max_bytes"),
        (lambda _, wire: wire.sendall(b"SSH-2.0-x\r\n"), Reason.FETCH, "SSH-2.0"),
        (lambda _, wire: None, Reason.FETCH, "without response"),
        (lambda _, wire: wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"),
         Reason.FETCH, "3 of 9 bytes"),
        (lambda _, wire: wire.sendall(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200), Reason.FETCH,
         "100 headers"),
        (lambda _, wire: wire.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 20_000),
         Reason.TOO_LARGE, "frames.max_bytes"),
    ],
)  # fmt: skip
def test_what_a_server_answers(tmp_path: Path, answer: Answer, reason: Reason, says: str) -> None:
    with serving(answer, tmp_path) as server:
        found = failure(get, server, server.url("/a.mp4?sig=secret"))
    assert (found.reason, says in found.message) == (reason, True), found.message
    assert "secret" not in found.message  # a signed query grants access


def test_a_body_without_length_or_end_must_be_closed_properly(tmp_path: Path) -> None:
    """Cut off where TLS did not say goodbye, it may be half of the clip."""

    def cut(_: bytes, wire: socket.socket) -> None:
        wire.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        wire.shutdown(socket.SHUT_RDWR)

    with serving(cut, tmp_path) as server:
        assert failure(get, server).reason == Reason.FETCH


def drip(first: bytes) -> Answer:
    def answer(_: bytes, wire: socket.socket) -> None:
        wire.sendall(first)
        for _ in range(200):
            wire.sendall(b"x")
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"],
)  # fmt: skip
def test_a_server_that_drips_is_left_at_the_deadline(tmp_path: Path, first: bytes) -> None:
    """Every read brings a byte, so no timeout of a single read would ever end this."""
    with serving(drip(first), tmp_path) as server:
        began = time.monotonic()
        found = failure(get, server, timeout_s=0.5)
        took = time.monotonic() - began
    assert found.reason == Reason.TIMEOUT
    assert 0.4 < took < 3


def test_a_server_that_never_shakes_hands_and_a_name_that_never_resolves(tmp_path: Path) -> None:
    with serving(reply(b"x"), tmp_path) as server, socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://{HOST}:{mute.getsockname()[1]}/"
        assert failure(get, server, url, timeout_s=0.3).reason == Reason.TIMEOUT
        stuck = threading.Event()

        def never(host: str, port: int) -> Sequence[Address]:
            stuck.wait(5)
            return HERE

        assert failure(get, server, names=never, timeout_s=0.3).reason == Reason.TIMEOUT
        stuck.set()


def test_a_certificate_must_be_the_hosts_and_trusted(tmp_path: Path) -> None:
    with serving(reply(b"x"), tmp_path, host="other.example") as server:
        found = failure(get, server)
        assert (found.reason, "Hostname mismatch" in found.message) == (Reason.FETCH, True)
        assert get(server, server.url(host="other.example")) == b"x"
        found = failure(
            https.fetch, server.url(host="other.example"), *LIMITS,
            resolve=Names(), allowed=lambda a: True,
        )  # fmt: skip
        assert "self-signed certificate" in found.message.replace("self signed", "self-signed")
    assert len(server.asked) == 1


def test_a_host_given_as_a_number_needs_a_certificate_for_it(tmp_path: Path) -> None:
    with serving(reply(b"x"), tmp_path, host="127.0.0.1") as server:
        url = server.url(host="127.0.0.1")
        assert https.fetch(
            url, *LIMITS, allowed=lambda a: a in HERE, context=server.trust
        ) == b"x"  # fmt: skip


def test_an_unknown_name(tmp_path: Path) -> None:
    def unknown(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    found = failure(https.fetch, f"https://{HOST}/a", *LIMITS, resolve=unknown)
    assert (found.reason, "not known" in found.message) == (Reason.FETCH, True)
    found = failure(https.fetch, f"https://{HOST}/a", *LIMITS, resolve=lambda h, p: [])
    assert "has no address" in found.message


def test_the_check_cannot_be_turned_off_from_outside() -> None:
    """What production calls passes nothing but the address and the limits."""
    assert https._context().verify_mode == ssl.CERT_REQUIRED
    assert https._context().check_hostname
