"""One call of the program: files for it to read, its end, and the clips it wrote."""

import contextlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from annotators.chat.errors import redact
from pipeline.generators.base import GenerationError, SettingValue
from pipeline.generators.command.run import Ended, run
from pipeline.generators.command.spec import CommandSpec
from pipeline.generators.command.template import fill, names_in
from pipeline.media.sniff import HEAD_BYTES, container_of
from schemas import Clip, Reason
from schemas.ids import canonical_json

MOST_BYTES = 256 * 2**20  # of a clip
LONGEST, SHORT = 400, 3  # characters: of what a program said; of what is surely no secret
# of an environment variable's name
_SECRET = re.compile(
    r"(?:^|_)(?:API)?(?:KEYS?|TOKENS?|SECRETS?|CREDENTIALS?|AUTH)(?:_|$)|PASSW", re.IGNORECASE
)


def generate(spec: CommandSpec, clips: Sequence[Clip]) -> Iterator[bytes | GenerationError]:
    """Runs the program once. Raises :class:`GenerationError` where it could not even begin."""
    with tempfile.TemporaryDirectory(prefix="videoprefer-", ignore_cleanup_errors=True) as folder:
        outputs = [Path(folder, f"clip-{i:05}{spec.suffix}") for i in range(len(clips))]
        values = [_values(spec, clip, output) for clip, output in zip(clips, outputs)]
        environment = _environment(spec, folder)
        timeout_s = spec.timeout_s * len(clips)
        ended = run(_words(spec, values, Path(folder)), folder, environment, timeout_s)
        fault = _fault(spec, ended, timeout_s)
        # what a program was writing when it failed may be half a clip: the last one it wrote
        suspect = _newest(outputs) if fault else None
        for output in outputs:
            if fault and (output == suspect or not output.exists()):
                yield fault
            else:
                yield _taken(spec, output, ended)
            with contextlib.suppress(OSError):
                output.unlink()


def _values(spec: CommandSpec, clip: Clip, output: Path) -> dict[str, SettingValue]:
    """What the program is told of a clip: as its settings were drawn, which stand in its row."""
    drawn = json.loads(clip.settings or "{}")
    told = {name: drawn[name] for name in (*spec.settings, "guidance_scale") if name in drawn}
    return {**told, "prompt": clip.prompt, "seed": clip.seed or 0, "output": str(output)}


def _words(
    spec: CommandSpec, clips: Sequence[Mapping[str, SettingValue]], folder: Path
) -> list[str]:
    named = frozenset().union(*map(names_in, spec.command))
    if "jobs" in named:
        path = folder / "jobs.jsonl"
        path.write_text("".join(canonical_json(clip) + "\n" for clip in clips), encoding="utf-8")
        values: dict[str, SettingValue] = {**spec.settings, "jobs": str(path)}
    else:
        (clip,) = clips
        _refuse(spec, str(clip["prompt"]))
        path = folder / "prompt.txt"
        path.write_text(str(clip["prompt"]), encoding="utf-8")
        values = {**clip, "prompt_file": str(path)}
    return [fill(word, values) for word in spec.command]


def _refuse(spec: CommandSpec, prompt: str) -> None:
    """A prompt that no argument can hold, or that the program would take for an option."""
    if "\0" in prompt:
        raise GenerationError("the prompt holds a NUL character", Reason.REJECTED)
    before = spec.command[: spec.command.index("{prompt}")] if "{prompt}" in spec.command else ()
    if "{prompt}" in spec.command and prompt.startswith("-") and "--" not in before:
        raise GenerationError(
            "the prompt begins with '-', which the program would take for an option; write "
            "--prompt={prompt} as one word of command, or use {prompt_file}",
            Reason.REJECTED,
        )


def _environment(spec: CommandSpec, folder: str) -> dict[str, str]:
    """That of the run without what looks like a secret; temporary files lie in the folder, too."""
    own = {
        name: value
        for name, value in os.environ.items()
        if name in spec.environment or not _SECRET.search(name)
    }
    return {**own, "TMPDIR": folder}


def _fault(spec: CommandSpec, ended: Ended, timeout_s: float) -> GenerationError | None:
    if ended.code == 0:
        return None
    what, reason = f"the program ended with exit code {ended.code}", Reason.GENERATION
    if ended.fault:
        what = ended.fault
    elif ended.code is None:
        what, reason = f"the program ran for {timeout_s:g} s and was ended", Reason.TIMEOUT
        what += "; raise timeout_s, or look at what it waits for"
    elif ended.code < 0:
        what, reason = f"the program was ended by signal {-ended.code}", Reason.CRASHED
    return GenerationError(what + _last_lines(spec, ended), reason)


def _last_lines(spec: CommandSpec, ended: Ended) -> str:
    lines = " | ".join(line.strip() for line in ended.said.splitlines() if line.strip())
    for name in spec.environment:
        if len(secret := os.environ.get(name, "")) > SHORT:
            lines = lines.replace(secret, "[key]")
    if len(lines) > LONGEST:  # half a key would not be known as one: nor would one without "Bearer"
        lines = "... " + " ".join(lines[-LONGEST:].split(" ")[2:])
    said = redact(lines)
    return f"; it said last: {said}" if said else "; it said nothing"


def _newest(outputs: Sequence[Path]) -> Path | None:
    times = {path: path.stat().st_mtime_ns for path in outputs if path.exists()}
    return max(times, key=lambda path: times[path]) if times else None


def _taken(spec: CommandSpec, output: Path, ended: Ended) -> bytes | GenerationError:
    """The clip, if it is one."""
    try:
        # no link out of the folder, no device, and no pipe that would never end
        descriptor = os.open(output, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        wrote = "wrote no file there" if isinstance(error, FileNotFoundError) else str(error)
        return GenerationError(f"{output.name}: the program {wrote}{_last_lines(spec, ended)}")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return GenerationError(f"{output.name}: the program wrote something that is no file")
        if status.st_size > MOST_BYTES:
            said = f"{output.name}: {status.st_size} bytes; at most {MOST_BYTES} are taken"
            return GenerationError(said, Reason.TOO_LARGE)
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read()
    finally:
        os.close(descriptor)
    if container_of(data[:HEAD_BYTES]) is None:
        what = f"{len(data)} bytes that are no video" if data else "an empty file"
        return GenerationError(f"{output.name}: {what}{_last_lines(spec, ended)}")
    return data
