"""Stores of every kind for the tests: a disk, memory, and S3 as moto plays it on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.store import Store

KINDS = ["disk", "memory", pytest.param("s3", marks=pytest.mark.slow)]
_S3 = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_REGION": "us-east-1"}


def open_store(kind: str, folder: Path) -> Iterator[Store]:
    """An empty store; for a fixture to ``yield from``."""
    if kind == "s3":
        yield from _s3(folder.name)
    else:
        yield Store(str(folder) if kind == "disk" else f"memory://{folder.name}")


def _s3(name: str) -> Iterator[Store]:
    s3fs = pytest.importorskip("s3fs", reason="s3fs is not installed")
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in _S3.items():
            patch.setenv(variable, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3fs.S3FileSystem.clear_instance_cache()  # they remember the endpoint of another test
        s3fs.S3FileSystem().makedirs("bucket", exist_ok=True)
        try:
            yield Store(f"s3://bucket/{name}")
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            server.stop()
