"""What `doctor` finds: every check with the branch that it is for, and all of them on this machine."""

import fcntl
import importlib.metadata
import json
import os
import shutil
import sys
import threading
import time
import types
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from plugged import install

from pipeline.__main__ import main
from pipeline.config import load_config
from pipeline.doctor import (
    child,
    disk,
    examine,
    keys,
    machine,
    models,
    packages,
    plugged,
    stores,
    video,
)
from pipeline.doctor.child import in_child
from pipeline.doctor.finding import Asked, Finding, refused
from pipeline.transforms import examined
from schemas.plugins import ANNOTATORS, RUBRICS

GIB = 2**30
NAME = "{generator}/{prompt}"
SECRET = "sk-not-to-be-told"
Usage = namedtuple("Usage", "total used free")


def states(found) -> list[str]:
    return [one.state for one in found]


def configured(folder: Path, **blocks: object):
    tree = {"sources": [{"kind": "simulated", "prompts": 2}], "annotators": [{"kind": "signal"}]}
    file = folder / "my.yaml"
    file.write_text(yaml.safe_dump(tree | blocks))
    return load_config(str(file))


def asking(folder: Path, **block: object) -> Asked:
    judge = {"kind": "openai", "model": "m", **block}
    return Asked(config=configured(folder, annotators=[judge]))


# the whole


def test_all_of_it_on_this_machine(tmp_path, capsys):
    out = tmp_path / "out"
    command = ["doctor", "--config", "demo", "--output", str(out), "--set", "sources.0.prompts=20"]
    code = main([*command, "--json"])
    told = json.loads(capsys.readouterr().out)
    found = {(one["check"], one["state"]) for one in told["checks"]}
    assert [one for one in told["checks"] if one["state"] == "fail"] == []
    assert (code, told["failed"]) == (0, 0)
    assert {("configuration", "ok"), ("torch", "ok"), ("ffmpeg", "ok"), ("runner", "ok")} <= found
    said = [one["said"] for one in told["checks"]]
    assert sum("reads all 24 frames" in one for one in said) >= 2
    assert all(one["todo"] for one in told["checks"] if one["state"] != "ok")
    assert not out.exists()  # nothing was made


def test_what_fails_ends_with_2_and_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(examine, "CHECKS", {"memory": machine.memory})
    (tmp_path / "file").write_text("")
    assert main(["doctor", "--config", "nowhere", "--output", str(tmp_path / "file")]) == 2
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("fail  configuration: --config nowhere: no such file")
    assert said[1].startswith("fail  output:")
    assert said[1].endswith("is a file; name another")
    assert said[-1].startswith("3 checks: 2 failed")


def test_a_check_that_breaks_is_a_failure_of_its_own(monkeypatch):
    monkeypatch.setattr(examine, "CHECKS", {"odd": lambda asked: 1 / 0})
    (found,) = examine.examine(Asked())
    assert found.line() == (
        "fail  odd: the check itself failed: ZeroDivisionError: division by zero; "
        "report it with this line"
    )


def test_a_line_that_is_not_ok_has_something_to_do():
    with pytest.raises(ValueError, match="odd: warn"):
        Finding(check="odd", state="warn", said="odd")
    assert refused("x", "a is odd;  mend\na").line() == "fail  x: a is odd; mend a"
    assert refused("x", "a is odd", "mend a").line() == "fail  x: a is odd; mend a"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("time", "sleep", 30), "no answer within 1 s"),
        (("os", "abort"), "crashed with signal 6 (SIGABRT)"),
        (("operator", "truediv", 1, 0), "ZeroDivisionError: division by zero"),
        (("os", "_exit", 7), "ended with exit code 7"),
    ],
)
def test_a_child_that_gives_no_answer(call, said):
    patience = 1.0 if call[0] == "time" else 30.0
    (found,) = in_child("odd", *call, todo="mend it", patience_s=patience)
    assert found == Finding(check="odd", state="fail", said=said, todo="mend it")


# Python and packages


def test_python_outside_the_bounds():
    assert packages.fits("3.11.7", ">=3.11,<3.15", "0.1").state == "ok"
    assert packages.fits("3.15.0", ">=3.11,<3.15", "0.1").state == "fail"


def test_ourselves_not_installed(monkeypatch):
    monkeypatch.setattr(packages, "OURS", "no-such-distribution")
    (found,) = packages.python(Asked())
    assert (found.state, found.said) == ("fail", "no-such-distribution is not installed")


def test_packages_absent_or_of_another_version():
    there = importlib.metadata.version("numpy")
    asked = [
        "numpy>=1",
        "numpy>=99,<100",
        "no-such-distribution>=1; python_version > '3'",
        "absent-too; python_version < '3'",
        "absent-extra; extra == 'test'",
        "torch>=2.6",  # 2.13.0+cpu is within
    ]
    assert [one.line() for one in packages.wrong(asked)] == [
        f"fail  packages: numpy {there} is outside <100,>=99; pip install 'numpy<100,>=99'",
        "fail  packages: no-such-distribution is not installed; "
        "pip install 'no-such-distribution>=1'",
    ]


def test_another_owner_of_our_names(monkeypatch):
    monkeypatch.setattr(packages, "collisions", lambda: ["pipeline: also of other-package"])
    (found,) = packages.names(Asked())
    assert found.state == "fail"
    assert found.said == "pipeline: also of other-package"


def test_generators_whose_package_is_absent(monkeypatch, tmp_path):
    block = {"kind": "diffusers", "name": "d", "model": "a/b", "revision": "c" * 40, "fps": 8}
    config = configured(tmp_path, generators={"pool": [block]})

    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    assert states(packages.extras(Asked(config=configured(tmp_path)))) == []
    monkeypatch.setattr(importlib.metadata, "version", absent)
    (found,) = packages.extras(Asked(config=config))
    assert found.state == "warn"
    assert "videoprefer[generate]" in found.todo


def test_plugins_that_cannot_be_loaded(monkeypatch, tmp_path):
    points = {ANNOTATORS: {"odd": "nowhere_lab:X"}, RUBRICS: {"lab": "nowhere_lab"}}
    monkeypatch.syspath_prepend(str(install(tmp_path / "lab", points)))
    found = list(plugged.loaded())
    assert states(found) == ["warn", "warn"]
    assert "entry point odd = nowhere_lab:X" in found[0].said
    assert found[0].todo.endswith("pip uninstall lab-doors")


# models


def fake_torch(cuda: str | None, *, seen: bool = False, bf16: bool = True) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        version=types.SimpleNamespace(cuda=cuda),
        cuda=types.SimpleNamespace(
            is_available=lambda: seen,
            device_count=lambda: 1,
            mem_get_info=lambda number: (70 * GIB, 80 * GIB),
            get_device_name=lambda number: "H100",
            is_bf16_supported=lambda: bf16,
        ),
        backends=types.SimpleNamespace(mps=types.SimpleNamespace(is_available=lambda: False)),
    )


def test_a_card_that_torch_sees(monkeypatch):
    monkeypatch.setattr(models, "_by_driver", lambda what="name": "570.86")
    found = models.gpu(fake_torch("12.8", seen=True), True)
    assert found.line() == "ok    gpu: H100, 70 of 80 GiB free, driver 570.86, bf16"
    assert "set dtype: float16" in models.gpu(fake_torch("12.8", seen=True, bf16=False), True).said


def test_a_card_that_torch_does_not_see(monkeypatch):
    monkeypatch.setattr(models, "_by_driver", lambda what="name": "H100")
    without = models.gpu(fake_torch(None), False)
    assert (without.state, without.said) == (
        "warn", "H100 is there, and this torch is built without CUDA"
    )  # fmt: skip
    assert "update the driver" in models.gpu(fake_torch("12.8"), False).todo


def test_no_card(monkeypatch):
    monkeypatch.setattr(models, "_by_driver", lambda what="name": "")
    assert models.gpu(fake_torch(None), False).state == "ok"
    assert models.gpu(fake_torch(None), True).state == "warn"


def test_torchvision_of_another_torch(monkeypatch, tmp_path):
    broken = "raise RuntimeError('operator torchvision::nms does not exist')"
    files = {"torchvision/__init__.py": broken}
    folder = install(tmp_path / "site", {}, name="torchvision", version="0.28.0", files=files)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    (found,) = models.torchvision("2.13.0")
    assert found.state == "fail"
    assert "0.28.0 does not fit torch 2.13.0" in found.said
    assert found.todo.startswith("pip uninstall torchvision")


# video


def test_a_program_that_does_not_run(monkeypatch, tmp_path):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "gone"))
    assert states(video.program(Asked())) == ["fail"]
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    (found,) = video.program(Asked())
    assert found.said == f"{broken} ends with exit code 3"
    assert found.todo == f"mend or unset IMAGEIO_FFMPEG_EXE={broken}"
    # the decoder is the same program, and installing it anew would change nothing
    assert video.judged("ffmpeg", [], needed=False).todo == found.todo


def test_frames_that_are_not_those_written():
    right = [10.0 * n for n in range(24)]
    assert video.judged("decord", right, needed=False).state == "ok"
    assert video.judged("decord", right[:23], needed=False).state == "warn"
    assert video.judged("pyav", right[:23], needed=True).state == "fail"
    assert "in another order" in video.judged("pyav", right[::-1], needed=True).said
    assert "other ones" in video.judged("pyav", [9.0] * 24, needed=True).said  # one stands for all


def test_decord_is_needed_only_where_it_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(video, "in_child", lambda *_, **__: [])
    monkeypatch.setattr(video.importlib.util, "find_spec", lambda name: None)
    assert states(video.decoders(Asked())) == ["ok"]
    config = configured(tmp_path, frames={"decoder": "decord"})
    (found,) = video.decoders(Asked(config=config))
    assert (found.state, found.todo) == ("fail", "set frames.decoder: auto")


# keys


def test_keys_are_told_by_name_alone(monkeypatch, tmp_path):
    asked = asking(tmp_path, endpoints=[{"api_key_env": "KEY_A"}, {"api_key_env": "KEY_B"}])
    monkeypatch.setenv("KEY_A", SECRET)
    monkeypatch.setenv("KEY_B", "  ")
    found = list(keys.keys(asked))
    assert [one.state for one in found] == ["ok", "fail"]
    assert found[0].line() == "ok    keys: annotator m: KEY_A is set"
    assert "KEY_B is not set or is empty" in found[1].said
    assert SECRET not in str(found)
    assert str(len(SECRET)) not in found[0].line()


def test_a_key_in_the_place_of_a_name_is_not_told(tmp_path):
    found = list(keys.keys(asking(tmp_path, api_key_env=SECRET)))
    assert states(found) == ["fail"]
    assert SECRET not in str(found)


@pytest.fixture(scope="module")
def server():
    """Answers ``/STATUS/models`` with that status, and keeps what it was asked with."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(int(self.path.split("/")[1]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}", asked
    serving.shutdown()
    serving.server_close()


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "ok"), (401, "fail"), (403, "fail"), (404, "warn"), (503, "warn"), (302, "warn")],
)
def test_servers_are_asked_where_that_is_asked_for(status, state, server, monkeypatch, tmp_path):
    url, heard = server
    monkeypatch.setenv("KEY_A", SECRET)
    asked = asking(tmp_path, base_url=f"{url}/{status}", api_key_env="KEY_A")
    heard.clear()
    assert keys.reach(asked) == []
    assert heard == []
    (found,) = keys.reach(Asked(config=asked.config, reach=True))
    assert (found.state, SECRET in str(found)) == (state, False)
    assert heard == [(f"/{status}/models", f"Bearer {SECRET}")]


def test_a_server_that_is_not_there(tmp_path):
    config = asking(tmp_path, base_url="http://127.0.0.1:9/v1", api_key_env=None).config
    (found,) = keys.reach(Asked(config=config, reach=True))
    assert found.state == "fail"
    assert found.said.endswith("http://127.0.0.1:9/v1/models does not answer (ConnectError)")


def test_an_address_with_a_password_is_not_told(tmp_path):
    config = asking(tmp_path, base_url=f"http://me:{SECRET}@127.0.0.1:9/v1").config
    found = keys.reach(Asked(config=config, reach=True))
    assert states(found) == ["fail"]
    assert SECRET not in str(found)


# disks, memory, cores


def test_disks(monkeypatch, tmp_path):
    config = configured(tmp_path, journal=str(tmp_path / "journal"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(9 * GIB, 8 * GIB, GIB))
    found = list(disk.disks(Asked(config=config, place=tmp_path / "a/b")))
    assert [one.said.partition(":")[0] for one in found] == [
        "output", "journal", "temporary files"
    ]  # fmt: skip
    assert states(found) == ["ok"] * 3
    assert list(tmp_path.glob(".videoprefer*")) == []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(9 * GIB, 8 * GIB, GIB - 1))
    assert states(disk.disks(Asked(place=tmp_path))) == ["warn"] * 2


def no_links(*_: object) -> None:
    raise OSError(95, "Operation not supported")


@pytest.mark.parametrize(
    ("module", "name", "broken", "said"),
    [
        (os, "link", no_links, "has no hard links"),
        (os, "link", lambda *_: None, "has no hard links"),  # a second one takes the name
        (os, "fsync", no_links, "has no fsync"),
        (fcntl, "flock", lambda *_: None, "has no locks (flock)"),  # both get it, as on some mounts
    ],
)
def test_file_systems_that_lack_what_a_run_rests_on(
    module, name, broken, said, monkeypatch, tmp_path
):
    monkeypatch.setattr(module, name, broken)
    found = next(iter(disk.disks(Asked(place=tmp_path))))
    assert found.state == "fail"
    assert found.said.endswith(said)
    assert found.todo == "name another --output, on a local disk"


def test_a_folder_that_cannot_be_written_to(monkeypatch, tmp_path):
    monkeypatch.setattr(disk.tempfile, "gettempdir", lambda: "/proc")
    found = list(disk.disks(Asked(place=tmp_path)))
    assert states(found) == ["ok", "fail"]
    assert found[1].todo == "set TMPDIR to a folder on another disk"


def test_room_for_a_run():
    def compared(need: int, free: int, elsewhere: bool = False) -> str:
        return disk.compared(need, free, "/data", elsewhere).state

    assert compared(3 * GIB, 2 * GIB) == "fail"
    assert compared(3 * GIB, 5 * GIB) == "warn"  # an estimate is rough
    assert compared(3 * GIB, 6 * GIB) == "ok"
    assert compared(3 * GIB, 0, elsewhere=True) == "ok"


def test_a_plan_that_would_be_refused(tmp_path):
    def planned(**blocks: object) -> list[Finding]:
        configured(tmp_path, **blocks)
        return list(disk.planned(str(tmp_path / "my.yaml"), [], str(tmp_path), False, False))

    (found,) = planned()  # prompts, and nothing that makes clips
    assert found.state == "fail"
    assert found.todo == "add `generators:` to make some"
    expects = {"prompts": 2, "clips": 4}
    judge = {"kind": "openai", "model": "gpt-4o", "api_key_env": "NO_SUCH_KEY"}
    found = planned(
        sources=[{"kind": "manifest", "path": "gone.csv", "expects": expects}], annotators=[judge]
    )
    assert states(found) == ["warn", "ok", "ok"]  # the key is told by another check
    assert "gone.csv is not here yet" in found[0].said
    assert found[1].said == "2 prompts, 4 clips"


def test_a_plan_that_the_network_would_have_to_be_asked_for(tmp_path):
    clips = {"kind": "clips", "path": "s3://bucket/clips/*.mp4", "name": NAME}
    (found,) = disk.plan(Asked(config=configured(tmp_path, sources=[clips])))
    assert (found.state, found.todo) == ("warn", "add --reach")


def test_a_plan_that_takes_long_is_left_to_the_estimate(monkeypatch, tmp_path):
    monkeypatch.setattr(disk, "PLAN_S", 0.01)
    config = configured(tmp_path)
    (found,) = disk.plan(Asked(config=config, name=str(tmp_path / "my.yaml")))
    assert (found.state, found.todo) == ("warn", "`run --estimate` takes its time over it")


def test_memory(monkeypatch, tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  16000000 kB\nMemAvailable:   8388608 kB\n")  # 8 GiB
    monkeypatch.setattr(machine, "MEMINFO", meminfo)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    assert [one.line() for one in machine.memory(Asked())] == ["ok    memory: 8.0 GiB can be used"]
    (tmp_path / "memory.max").write_text(f"{3 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{2 * GIB}\n")
    (found,) = machine.memory(Asked())  # the container's limit is the tighter one
    assert (found.state, found.said) == ("warn", "1.0 GiB can be used")
    (tmp_path / "memory.max").write_text("max\n")
    assert states(machine.memory(Asked())) == ["ok"]
    meminfo.unlink()
    assert states(machine.memory(Asked())) == ["ok"]


def test_cores(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert [one.said for one in machine.cores(Asked())] == ["8 can be used"]
    (tmp_path / "cpu.max").write_text("200000 100000\n")  # 2 of 8
    (found,) = machine.cores(Asked())
    assert (found.state, found.todo) == ("warn", "set concurrency.processes: 2")
    told = configured(tmp_path, concurrency={"processes": 2})
    assert states(machine.cores(Asked(config=told))) == ["ok"]
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert states(machine.cores(Asked())) == ["ok"]


def test_no_shared_memory(monkeypatch):
    assert states(machine.shared_memory(Asked())) == ["ok"]
    monkeypatch.setattr(machine, "SharedMemory", no_shared_memory)
    (found,) = machine.shared_memory(Asked())
    assert (found.state, "--shm-size" in found.todo) == ("fail", True)


def no_shared_memory(**_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("platform", "state"), [("linux", "ok"), ("darwin", "warn"), ("win32", "fail")]
)
def test_systems(platform, state, monkeypatch):
    monkeypatch.setattr(machine.sys, "platform", platform)
    found = list(machine.system(Asked()))
    monkeypatch.undo()
    assert states(found) == [state]


# stores


def test_stores(monkeypatch, tmp_path):
    config = configured(
        tmp_path,
        journal="memory://doctor-journal",
        sources=[
            {
                "kind": "clips",
                "path": "s3://bucket/clips/*/*.mp4",
                "name": NAME,
                "roots": ["ftp://a/b"],
            },
            {"kind": "clips", "path": "memory://doctor-clips/*.mp4", "name": NAME},
        ],
    )
    asked = Asked(config=config, home="memory://doctor-out")
    assert stores.addresses(asked) == (
        ["memory://doctor-out", "memory://doctor-journal"],
        ["s3://bucket/clips", "ftp://a/b", "memory://doctor-clips"],
    )
    assert states(stores.stores(asked)) == ["ok", "ok", "ok", "fail", "ok"]
    monkeypatch.setattr(stores.importlib.util, "find_spec", lambda name: None)
    assert list(stores.stores(asked))[2].line() == (
        "fail  stores: s3://bucket/clips: s3fs is not installed; pip install s3fs"
    )


def test_stores_are_written_to_and_read_where_that_is_asked_for(tmp_path):
    sources = [{"kind": "clips", "path": "memory://doctor-none/*.mp4", "name": NAME}]
    asked = Asked(
        config=configured(tmp_path, sources=sources), home="memory://doctor-out", reach=True
    )
    found = list(stores.stores(asked))
    assert states(found) == ["ok", "fail"]
    assert "put again in vain, and deleted" in found[0].said
    assert found[1].said == "memory://doctor-none: holds nothing"


# runners


def test_an_option_that_nobody_knows():
    (found,) = examined.look(["--runer=FnApiRunner"], None, False)
    assert found.state == "fail"
    assert found.said.startswith("--runer=FnApiRunner: neither an option of this command nor of B")


def test_a_job_server_that_does_not_answer():
    (found,) = examined.look(["--runner=PortableRunner", "--job_endpoint=localhost:9"], None, False)
    assert found.state == "fail"
    assert found.todo == "start the job server there first"


def test_a_job_server_elsewhere_is_asked_with_the_network_alone():
    flags = ["--runner=PortableRunner", "--job_endpoint=host.invalid:9"]
    (found,) = examined.look(flags, None, False)
    assert (found.state, found.todo) == ("warn", "add --reach")


def test_prism(tmp_path):
    program = tmp_path / "prism"
    program.write_text("")
    program.chmod(0o644)
    flags = ["--runner=PrismRunner", f"--prism_location={program}"]
    assert states(examined.look(flags, None, False)) == ["ok", "fail"]
    program.chmod(0o755)
    assert states(examined.look(flags, None, False)) == ["ok", "ok"]
    assert examined.prism("https://github.com/apache/beam/prism.zip").state == "warn"
    program.unlink()
    (found,) = examined.look(flags, None, False)
    assert "there is no such file" in found.said


class NoCredentials(Exception):
    """As google.auth has it."""


@pytest.fixture
def google(monkeypatch):
    """Google's library, which is an extra: what it answers is the test's to say."""
    auth = types.ModuleType("google.auth")
    auth.exceptions = types.SimpleNamespace(DefaultCredentialsError=NoCredentials)
    monkeypatch.setitem(sys.modules, "google.auth", auth)
    monkeypatch.delenv("NO_GCE_CHECK", raising=False)
    return auth


def test_credentials_for_dataflow(google):
    def nobody() -> None:
        assert os.environ.get("NO_GCE_CHECK") == "true"  # a cloud's own server is not asked
        raise NoCredentials("Your default credentials were not found. To set up ...\nmore")

    google.default = nobody
    found = examined.credentials(reach=False)
    assert found.said == (
        "no credentials for Google's cloud (Your default credentials were not found)"
    )
    assert found.todo.startswith("gcloud auth application-default login")
    google.default = lambda: (Exception(), "my-project")
    assert examined.credentials(reach=True).said.endswith("project my-project")


def test_what_builds_the_code_for_dataflow(google, monkeypatch):
    google.default = lambda: (Exception(), None)
    monkeypatch.setattr(examined.importlib.util, "find_spec", lambda name: None)
    assert states(examined.dataflow([], True)) == ["fail", "fail", "ok"]
    assert states(examined.dataflow(["--sdk_container_image=x"], True)) == ["ok"]


def test_packages_that_workers_elsewhere_lack():
    def missing(*flags: str) -> list[str]:
        return [one.said.split()[3] for one in examined.sent(flags, ["lab-doors", "calm"])]

    assert missing() == ["calm,", "lab-doors,"]
    assert missing("--extra_package=dist/lab_doors-1.2-py3-none-any.whl") == ["calm,"]
    assert missing("--sdk_container_image=eu.gcr.io/me/videoprefer:1") == []


def test_an_interrupt_ends_the_children(monkeypatch):
    def stop(asked: Asked) -> None:
        while not child.LIVE:
            time.sleep(0.01)
        raise KeyboardInterrupt

    def wait(asked: Asked) -> list[Finding]:
        return in_child("odd", "time", "sleep", 30, todo="wait")

    monkeypatch.setattr(examine, "CHECKS", {"stop": stop, "wait": wait})
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        examine.examine(Asked())
    assert time.monotonic() - begun < 20
    assert not child.LIVE
