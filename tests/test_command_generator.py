"""A program as a generator: what it is told, what becomes of what it wrote, and that nothing stays behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from annotators.ledger import Ledger
from pipeline.generators.base import GenerationError, Tools
from pipeline.generators.command import CommandSpec, call, run
from pipeline.generators.command.template import Unfilled, fill, names_in
from schemas import Clip, Reason
from schemas.ids import canonical_json
from schemas.options import SetupError
from schemas.store import Store

MP4 = b"\0\0\0\x18ftypisom"  # what a clip begins with
# writes a clip that holds all that it was told, as the tests below read it
TELLS = """
import json, os, sys
output, *rest = sys.argv[1:]
told = {"rest": rest, "cwd": os.getcwd(), "files": os.listdir(), "env": dict(os.environ)}
with open(output, "wb") as file:
    file.write(b"\\0\\0\\0\\x18ftypisom" + json.dumps(told).encode())
"""
# writes a clip for every line of a jobs file; the argument: after how many it gives up
MANY = """
import json, sys
for i, line in enumerate(open(sys.argv[1], encoding="utf-8")):
    if i == int(sys.argv[2]):
        sys.exit("out of memory")
    job = json.loads(line)
    with open(job["output"], "wb") as file:
        file.write(b"\\0\\0\\0\\x18ftypisom" + line.encode())
"""


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(jobs=Store(str(tmp_path / "jobs")), ledger=Ledger())


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setattr(run, "GRACE_S", 0.2)


@pytest.fixture
def python(tmp_path: Path) -> Iterator[list[str]]:
    """Where Python starts fast; afterwards no call has left a folder behind."""
    yield [sys.executable, "-I", "-S"]
    assert list((tmp_path / "temporary").iterdir()) == []


def program(folder: Path, text: str) -> str:
    path = folder / "program.py"
    path.write_text(text)
    return str(path)


def spec_of(*command: str, **more: object) -> CommandSpec:
    return CommandSpec.model_validate(
        {"name": "mine", "version": "1", "command": list(command), **more}
    )


def planned(spec: CommandSpec, prompt: str = "a red kite", seed: int = 7) -> Clip:
    settings = canonical_json(spec.fixed_settings() | (
        {"guidance_scale": spec.guidance_scale} if spec.guidance_scale else {}))  # fmt: skip
    return Clip(video_id=f"v{seed}", prompt_id="p", prompt=prompt, generator=spec.name,
                source="s", settings=settings, seed=seed)  # fmt: skip


def results(spec: CommandSpec, tools: Tools, *clips: Clip) -> list[bytes | GenerationError]:
    try:
        return list(spec.generate(clips or (planned(spec),), tools))
    except GenerationError as error:  # it fails all clips of the call
        return [error]


def told(result: bytes | GenerationError) -> dict:
    assert isinstance(result, bytes), result
    return json.loads(result.removeprefix(MP4))


def failed(result: bytes | GenerationError) -> GenerationError:
    assert isinstance(result, GenerationError)
    return result


def test_words_are_filled_in_once_and_never_read_again() -> None:
    values = {"prompt": "{seed} {{x}}", "seed": 3, "fast": True, "scale": 7.5}
    assert fill("--p={prompt}", values) == "--p={seed} {{x}}"
    assert fill("{seed}/{fast}/{scale}/{{seed}}", values) == "3/true/7.5/{seed}"
    assert names_in("{a}{{b}}{c_1}") == {"a", "c_1"}
    for word in ("{", "{a", "a}", '{"a": 1}', "{a b}"):
        with pytest.raises(Unfilled, match="single brace"):
            names_in(word)


@pytest.mark.parametrize(
    "prompt",
    [
        "a \"red\" 'kite'",
        "$(touch pwned) `touch pwned` ; touch pwned | touch pwned && touch pwned",
        "two\nlines\ttab \\ back {seed} {{braces}} %s *",
        "凧 über – 🪁",
    ],
)
def test_a_prompt_arrives_as_it_is(
    prompt: str, tools: Tools, python: list[str], tmp_path: Path
) -> None:
    spec = spec_of(*python, program(tmp_path, TELLS), "{output}", "--prompt={prompt}", "{prompt}")
    said = told(results(spec, tools, planned(spec, prompt))[0])
    assert said["rest"] == [f"--prompt={prompt}", prompt]
    assert said["files"] == ["prompt.txt"]


def test_seed_settings_and_files(
    tools: Tools, python: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-one")
    monkeypatch.setenv("HF_TOKEN", "hf-two")
    monkeypatch.setenv("HARMLESS", "yes")
    text = TELLS + "\nprint(open(sys.argv[-1]).read())\n"
    spec = spec_of(
        *python, program(tmp_path, text), "{output}", "--seed", "{seed}", "--steps={steps}",
        "-g{guidance_scale}", "{flag}", "{prompt_file}",
        settings={"steps": 50, "flag": False}, guidance_scale=7.5, environment=["HF_TOKEN"],
        suffix=".webm",
    )  # fmt: skip
    spec.check()
    said = told(results(spec, tools, planned(spec, seed=11))[0])
    assert said["rest"][:-1] == ["--seed", "11", "--steps=50", "-g7.5", "false"]
    assert said["rest"][-1] == f"{said['cwd']}/prompt.txt"
    assert said["cwd"] != os.getcwd()
    assert said["env"]["TMPDIR"] == said["cwd"]
    assert said["env"]["HARMLESS"] == "yes"
    assert said["env"]["HF_TOKEN"] == "hf-two"
    assert "MY_API_KEY" not in said["env"]


def test_what_shapes_a_clip_is_in_its_settings(tmp_path: Path) -> None:
    spec = spec_of("python3", "/home/me/gen.py", "--m=/x", "{prompt}", "{output}", "{steps}",
                   settings={"steps": 50})  # fmt: skip
    assert spec.fixed_settings() == {
        "steps": 50,
        "version": "1",
        "command": '["python3","gen.py","--m=/x","{prompt}","{output}","{steps}"]',
    }
    moved = spec_of("/usr/bin/python3", "/opt/gen.py", *spec.command[2:], settings={"steps": 50})
    assert moved.fixed_settings() == spec.fixed_settings()
    newer = spec.model_copy(update={"version": "2"})
    assert newer.fixed_settings() != spec.fixed_settings()
    quicker = spec.model_copy(update={"timeout_s": 1.0, "concurrency": 4, "batch_size": 8})
    assert quicker.fixed_settings() == spec.fixed_settings()


@pytest.mark.parametrize(
    ("text", "reason", "said"),
    [
        ("import sys; print('loading'); sys.exit('no GPU')", Reason.GENERATION,
         "exit code 1; it said last: loading | no GPU"),
        ("", Reason.GENERATION, "clip-00000.mp4: the program wrote no file there; it said nothing"),
        ("import sys; open(sys.argv[1], 'w')", Reason.GENERATION, "an empty file"),
        ("import sys; open(sys.argv[1], 'w').write('<html>')", Reason.GENERATION,
         "6 bytes that are no video"),
        ("import sys, os; os.symlink('/etc/passwd', sys.argv[1])", Reason.GENERATION,
         "Too many levels of symbolic links"),
        ("import sys, os; os.mkfifo(sys.argv[1])", Reason.GENERATION, "something that is no file"),
        ("import sys, os; os.mkdir(sys.argv[1])", Reason.GENERATION, "something that is no file"),
        ("import sys; open(sys.argv[1], 'wb').truncate(2**28 + 1)", Reason.TOO_LARGE,
         "268435457 bytes; at most 268435456"),
        ("import os; os.kill(os.getpid(), 11)", Reason.CRASHED, "ended by signal 11"),
        # the clip is there, but the program failed: nobody knows whether it is whole
        (TELLS + "sys.exit(3)", Reason.GENERATION, "exit code 3"),
    ],
)  # fmt: skip
def test_what_a_program_can_do_wrong(
    text: str, reason: Reason, said: str, tools: Tools, python: list[str], tmp_path: Path
) -> None:
    spec = spec_of(*python, program(tmp_path, text), "{output}", "--prompt={prompt}")
    error = failed(results(spec, tools)[0])
    assert said in str(error)
    assert error.reason is reason
    assert error.cost_usd == 0.0


def test_much_is_said_and_little_kept(tools: Tools, python: list[str], tmp_path: Path) -> None:
    text = "import sys\nfor i in range(200_000): print(f'{i:099}')\nsys.exit('the end sk-abcdef')"
    spec = spec_of(*python, program(tmp_path, text), "{output}{prompt}")
    error = str(failed(results(spec, tools)[0]))  # 20 MB went by
    assert error.endswith("the end [key]")
    assert len(error) < 600


@pytest.mark.parametrize("n_after", [380, 390, 395, 399, 400, 405])
def test_no_part_of_a_key_is_repeated(
    n_after: int, tools: Tools, python: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever what it said is cut: in a word of the three, between them, after them."""
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    for said in ("Bearer 0123456789 x", "a hf_0123456789 x", "a sk-0123456789 x"):
        text = f"import sys; sys.exit({said!r} + ' ' + 'y' * {n_after - 2})"
        spec = spec_of(
            *python, program(tmp_path, text), "{output}{prompt}", environment=["HF_TOKEN"]
        )
        assert "3456" not in str(failed(results(spec, tools)[0]))


def test_a_program_that_is_not_there(tools: Tools) -> None:
    spec = spec_of("/no/such/program", "{prompt}", "{output}")
    assert "cannot start: " in str(failed(results(spec, tools)[0]))
    with pytest.raises(SetupError, match="is no program that can be run here"):
        spec.check()


def test_prompts_that_no_argument_can_hold(tools: Tools, python: list[str], tmp_path: Path) -> None:
    bare = spec_of(*python, program(tmp_path, TELLS), "{output}", "{prompt}")
    error = failed(results(bare, tools, planned(bare, "--output=/etc/passwd"))[0])
    assert error.reason is Reason.REJECTED
    after = spec_of(*python, program(tmp_path, TELLS), "{output}", "--", "{prompt}")
    assert told(results(after, tools, planned(after, "-x"))[0])["rest"] == ["--", "-x"]
    assert "NUL" in str(failed(results(bare, tools, planned(bare, "a\0b"))[0]))
    long = failed(results(bare, tools, planned(bare, "x" * 200_000))[0])  # an argument has 128 KiB
    assert "cannot be started" in str(long)


FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = "import os, signal, sys, time; signal.signal(15, signal.SIG_IGN); {}; time.sleep(600)"
pid = "open(sys.argv[1], 'a').write(str(os.getpid()) + chr(10))"
for code in (pid, "os.setsid(); " + pid, "os.fork() and os._exit(0); os.setsid(); " + pid):
    subprocess.Popen([sys.executable, "-I", "-S", "-c", sleeper.format(code), sys.argv[1]])
open(sys.argv[1], "a").write(str(os.getpid()) + chr(10))
while len(open(sys.argv[1]).read().split()) < 4: time.sleep(0.01)
print("waiting", flush=True)
{end}
"""


def family(path: Path, n: int = 4) -> list[int]:
    """The processes that told of themselves, once all have."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and len(lines := path.read_text().split()) == n:
            return [int(line) for line in lines]
        time.sleep(0.02)
    raise AssertionError("they never came up")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize(
    ("end", "reason", "timeout_s"),
    [
        ("time.sleep(600)", Reason.TIMEOUT, 4),
        ("os._exit(5)", Reason.GENERATION, 60),
    ],
)
def test_nothing_is_left_behind(
    end: str, reason: Reason, timeout_s: float, tools: Tools, python: list[str], tmp_path: Path
) -> None:
    """Children that ignore the request to end, that left the group, that left their parent."""
    pids = tmp_path / "pids"
    text = program(tmp_path, FAMILY.replace("{end}", end))
    spec = spec_of(*python, text, str(pids), "{output}{prompt}", timeout_s=timeout_s)
    error = failed(results(spec, tools)[0])
    assert error.reason is reason
    assert "it said last: waiting" in str(error)
    assert all(map(gone, family(pids)))


def test_nothing_is_left_behind_by_a_run_that_was_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = program(tmp_path, FAMILY.replace("{end}", "time.sleep(600)"))
    code = f"""
from pathlib import Path
from pipeline.generators.command import run
run.GRACE_S = 0.2
run.run([{sys.executable!r}, "-I", "-S", {text!r}, {str(pids)!r}], {str(tmp_path)!r}, {{}}, 600)
"""
    runs = subprocess.Popen([sys.executable, "-c", code])
    try:
        there = family(pids)
    finally:
        runs.send_signal(signal.SIGKILL)
        runs.wait()
    until = time.monotonic() + 60
    while not all(map(gone, there)) and time.monotonic() < until:
        time.sleep(0.02)
    assert all(map(gone, there))


def test_who_escapes_all_the_same_holds_nothing_up(
    tools: Tools, python: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system has no way to find them: they live, with the program's output open."""
    text = run.KEEPER.read_text()
    keeper = tmp_path / "keeper.py"
    keeper.write_text(text.replace('LINUX = sys.platform == "linux"', "LINUX = False"))
    assert keeper.read_text() != text
    monkeypatch.setattr(run, "KEEPER", keeper)
    pids = tmp_path / "pids"
    path = program(tmp_path, FAMILY.replace("{end}", "os._exit(5)"))
    spec = spec_of(*python, path, str(pids), "{output}{prompt}", timeout_s=60)
    try:
        assert "exit code 5; it said last: waiting" in str(failed(results(spec, tools)[0]))
        assert not all(map(gone, family(pids)))
    finally:
        for pid in family(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_many_clips_of_one_call(tools: Tools, python: list[str], tmp_path: Path) -> None:
    spec = spec_of(*python, program(tmp_path, MANY), "{jobs}", "{stop}", batch_size=3,
                   settings={"stop": 9}, guidance_scale=2.5)  # fmt: skip
    spec.check()
    assert spec.batch == 3
    clips = [planned(spec, f"kite\n{i}", seed=i) for i in range(3)]
    jobs = [told(result) for result in results(spec, tools, *clips)]
    assert [(job["prompt"], job["seed"]) for job in jobs] == [(f"kite\n{i}", i) for i in range(3)]
    assert all((job["stop"], job["guidance_scale"]) == (9, 2.5) for job in jobs)
    assert sorted(jobs[0]) == ["guidance_scale", "output", "prompt", "seed", "stop"]


def test_what_a_failed_call_finished_is_kept(
    tools: Tools, python: list[str], tmp_path: Path
) -> None:
    """It stops before the fourth of five: of the three that are there the last may be half a clip."""
    spec = spec_of(*python, program(tmp_path, MANY), "{jobs}", "{stop}", batch_size=5,
                   settings={"stop": 3})  # fmt: skip
    clips = [planned(spec, seed=i) for i in range(5)]
    found = results(spec, tools, *clips)
    assert [told(result)["seed"] for result in found[:2]] == [0, 1]
    assert all("out of memory" in str(failed(result)) for result in found[2:])


def test_a_call_that_skips_a_clip_fails_that_one(
    tools: Tools, python: list[str], tmp_path: Path
) -> None:
    text = MANY.replace('sys.exit("out of memory")', "continue")
    spec = spec_of(*python, program(tmp_path, text), "{jobs}", "{stop}", batch_size=3,
                   settings={"stop": 1})  # fmt: skip
    found = results(spec, tools, *[planned(spec, seed=i) for i in range(3)])
    assert [isinstance(result, bytes) for result in found] == [True, False, True]
    assert "clip-00001.mp4: the program wrote no file there" in str(found[1])


def test_a_caller_that_stops_listening_leaves_no_folder(
    tools: Tools, python: list[str], tmp_path: Path
) -> None:
    spec = spec_of(*python, program(tmp_path, MANY), "{jobs}", "9", batch_size=3)
    made = spec.generate([planned(spec, seed=i) for i in range(3)], tools)
    assert isinstance(next(made), bytes)
    made.close()  # type: ignore[attr-defined]


def test_calls_side_by_side(tools: Tools, python: list[str], tmp_path: Path) -> None:
    """Four at a time, each of which waits until the other three are there as well."""
    meet = tmp_path / "meet"
    meet.mkdir()
    text = f"""
import os, sys, time
open({str(meet)!r} + "/" + sys.argv[2], "w")
while len(os.listdir({str(meet)!r})) < 4: time.sleep(0.01)
""" + TELLS  # fmt: skip
    spec = spec_of(*python, program(tmp_path, text), "{output}", "{seed}", "{prompt}",
                   concurrency=4, timeout_s=60)  # fmt: skip
    assert spec.at_once(processes=1) == 4
    done: dict[int, bytes | GenerationError] = {}

    def one(seed: int) -> None:
        done[seed] = results(spec, tools, planned(spec, seed=seed))[0]

    threads = [threading.Thread(target=one, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {seed: told(result)["rest"][0] for seed, result in done.items()} == {
        seed: str(seed) for seed in range(4)}  # fmt: skip


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        (["sh", "{prompt}"], {}, "nowhere what file to write"),
        (["sh", "{output}"], {}, "the prompt is in none"),
        (["sh", "{output}", "{prompt}", "{steps}"], {}, "unknown in braces: steps"),
        (["sh", "{output}", "{prompt}", "{guidance_scale}"], {}, "unknown in braces: guidance"),
        (["sh", "{output}", "{prompt}"], {"settings": {"steps": 5}}, "steps: set, but in none"),
        (["sh", "{output}", "{prompt}"], {"guidance_scale": 5}, "guidance_scale: set, but"),
        (["sh", "{output}", "{prompt"], {}, "single brace"),
        (["sh", "{jobs}", "{output}"], {}, "unknown in braces: output; known are jobs"),
        (["sh", "pyproject.toml", "{output}", "{prompt}"], {}, "is a relative path"),
        (["scripts/test.sh", "{output}", "{prompt}"], {}, "is a relative path"),
    ],
)
def test_what_cannot_work_is_refused_before(
    command: list[str], more: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1])
    with pytest.raises(SetupError, match=message):
        spec_of(*command, **more).check()


@pytest.mark.parametrize(
    "more",
    [
        {"batch_size": 2},
        {"settings": {"seed": 1}},
        {"settings": {"version": "x"}},
        {"settings": {"a-b": 1}},
        {"settings": {"a": float("nan")}},
        {"version": ""},
        {"suffix": "/../x"},
    ],
)
def test_what_no_block_may_say(more: dict) -> None:
    with pytest.raises(ValidationError):
        spec_of("sh", "{output}", "{prompt}", **more)


def test_secrets_are_told_by_their_names() -> None:
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_APIKEY", "PGPASSWORD",
                 "GOOGLE_APPLICATION_CREDENTIALS", "api_key"):  # fmt: skip
        assert call._SECRET.search(name), name
    for name in ("PATH", "HOME", "TOKENIZERS_PARALLELISM", "KEYBOARD", "XAUTHORITY", "CUDA_HOME"):
        assert not call._SECRET.search(name), name
