"""Planned clips through generators: batches, what is made before, and every way to fail."""

import collections
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from made_up_generators import InThreads, MadeUp

from annotators.ledger import Ledger
from annotators.shared import started
from pipeline.generators.base import Tools
from pipeline.generators.made import Made, key_of
from pipeline.generators.make import make
from pipeline.generators.simulated import SimulatedSpec
from pipeline.transforms.making import MakeClips, _keyed
from schemas import Clip, Failure, Reason, Video
from schemas.ids import sha256_hex
from schemas.store import Store


def clip_of(prompt: str, generator: str = "g", seed: int = 1, **more: Any) -> Clip:
    return Clip(
        video_id=f"{prompt}-{generator}-{seed}", prompt_id=prompt, prompt=prompt, generator=generator,
        source="test", settings='{"guidance_scale":7.5}', seed=seed, **more,
    )  # fmt: skip


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(Store(str(tmp_path / "generated")), Store(str(tmp_path / "media")))


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(jobs=Store(str(tmp_path / "jobs")), ledger=Ledger())


def spec_of(tmp_path: Path, kind: type[MadeUp] = MadeUp, **options: Any) -> MadeUp:
    (tmp_path / "asked").mkdir(exist_ok=True)
    return kind(**{"name": "g", "asked": str(tmp_path / "asked"), **options})


def asked(tmp_path: Path) -> collections.Counter[str]:
    """How often each clip was asked for."""
    files = (tmp_path / "asked").iterdir()
    return collections.Counter(file.name.rsplit("-", 1)[0] for file in files)


def test_the_key_is_made_of_all_that_shapes_a_clip_and_of_nothing_else() -> None:
    clip = clip_of("a", licence="MIT")
    # canonical JSON of the four, sorted and without blanks
    written = b'{"kind":"k","prompt":"a","seed":1,"settings":{"guidance_scale":7.5}}'
    assert key_of("k", clip) == sha256_hex(written)
    assert key_of("k", clip_of("a", generator="renamed")) == key_of("k", clip)
    others = [key_of("other", clip), key_of("k", clip_of("b")), key_of("k", clip_of("a", seed=2))]
    assert len({key_of("k", clip), *others}) == 4


def test_what_was_made_is_not_made_again(tmp_path: Path, made: Made, tools: Tools) -> None:
    spec, clips = spec_of(tmp_path), [clip_of("a"), clip_of("b")]
    first = make(spec, clips[:1], made, tools)
    second = make(spec, clips, made, tools)
    assert asked(tmp_path) == {"a-g-1": 1, "b-g-1": 1}
    assert second[0] == first[0]
    video = second[1]
    assert isinstance(video, Video)
    assert (video.sha256, video.seed, video.settings) == (
        sha256_hex(b"GIF89ab"), 1, '{"guidance_scale":7.5}',
    )  # fmt: skip
    assert made.media.get(video.uri.removeprefix("media/")) == b"GIF89ab"


def test_a_damaged_clip_is_made_again(tmp_path: Path, made: Made, tools: Tools) -> None:
    spec, clip = spec_of(tmp_path), clip_of("a")
    (video,) = make(spec, [clip], made, tools)
    assert isinstance(video, Video)
    Path(made.media.path(video.uri.removeprefix("media/"))).write_bytes(b"GIF89")
    assert make(spec, [clip], made, tools) == [video]
    assert asked(tmp_path) == {"a-g-1": 2}
    assert made.get(key_of("made-up", clip)) == b"GIF89aa"


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b"{}"])
def test_a_clip_whose_note_is_damaged_is_made_again(
    tmp_path: Path, made: Made, tools: Tools, note: bytes
) -> None:
    spec, clip = spec_of(tmp_path), clip_of("a")
    (video,) = make(spec, [clip], made, tools)
    (name,) = made.notes.names()
    Path(made.notes.path(name)).write_bytes(note)
    assert make(spec, [clip], made, tools) == [video]
    assert asked(tmp_path) == {"a-g-1": 2}
    assert made.get(key_of("made-up", clip)) == b"GIF89aa"


def test_a_shared_store_gives_the_clip_to_another_run(tmp_path: Path, tools: Tools) -> None:
    spec, clip, shared = spec_of(tmp_path), clip_of("a"), Store(str(tmp_path / "shared"))
    runs = [Made(shared, Store(str(tmp_path / run)), shared=True) for run in ("one", "two")]
    videos = [make(spec, [clip], made, tools)[0] for made in runs]
    assert videos[0] == videos[1]
    assert asked(tmp_path) == {"a-g-1": 1}
    assert list(runs[0].media.names()) == list(runs[1].media.names())


def test_a_failure_costs_one_clip_and_an_exception_the_rest_of_the_batch(
    tmp_path: Path, made: Made, tools: Tools
) -> None:
    spec = spec_of(tmp_path)
    clips = [clip_of("a"), clip_of("fail"), clip_of("b")]
    kinds = [type(outcome) for outcome in make(spec, clips, made, tools)]
    assert kinds == [Video, Failure, Video]
    outcomes = make(spec, [clip_of("c"), clip_of("quota"), clip_of("d")], made, tools)
    assert isinstance(outcomes[0], Video)
    assert [o.reason for o in outcomes[1:] if isinstance(o, Failure)] == [Reason.QUOTA] * 2
    assert outcomes[1].key == "quota-g-1"  # type: ignore[union-attr]
    assert "no money is left" in outcomes[1].message  # type: ignore[union-attr]


def run(
    tmp_path: Path, clips: list[Clip], made: Made, tools: Tools, *specs: MadeUp
) -> dict[str, Any]:
    """Every outcome by the clip's id, through the transform."""
    out = tmp_path / "out"
    with beam.Pipeline(runner="FnApiRunner") as p:
        videos, failures = (
            p
            | beam.Create(clips)
            | MakeClips({s.name: s for s in specs}, made, tools, 2, str(tmp_path / "progress"))
        )
        (
            videos
            | "v" >> beam.Map(lambda v: f"{v.video_id}\tvideo")
            | "wv" >> beam.io.WriteToText(f"{out}-v")
        )
        (
            failures
            | "f" >> beam.Map(lambda f: f"{f.key}\t{f.reason}")
            | "wf" >> beam.io.WriteToText(f"{out}-f")
        )
    lines = [line for file in tmp_path.glob("out-*") for line in file.read_text().splitlines()]
    found = dict(line.split("\t") for line in lines)
    assert len(found) == len(lines)
    return found


def test_a_clip_that_hangs_or_dies_takes_only_its_batch_along(
    tmp_path: Path, made: Made, tools: Tools
) -> None:
    spec = spec_of(tmp_path, timeout_s=2.0)
    names = ["a", "die", "b", "hang", "c", "fail"]
    found = run(tmp_path, [clip_of(name) for name in names], made, tools, spec)
    assert found == {
        "a-g-1": "video", "b-g-1": "video", "c-g-1": "video",
        "die-g-1": "crashed", "hang-g-1": "timeout", "fail-g-1": "generation",
    }  # fmt: skip


def test_what_a_batch_had_made_before_it_died_is_kept(
    tmp_path: Path, made: Made, tools: Tools
) -> None:
    # sorted by id, the batch of three is a, b, die
    spec = spec_of(tmp_path, size=3)
    found = run(tmp_path, [clip_of(name) for name in ("die", "b", "a")], made, tools, spec)
    assert found == {"a-g-1": "video", "b-g-1": "video", "die-g-1": "crashed"}


def test_generators_of_one_kind_take_turns_in_the_same_process(
    tmp_path: Path, made: Made, tools: Tools
) -> None:
    specs = [spec_of(tmp_path, name=name, workers=1) for name in ("g", "h")]
    clips = [clip_of(f"{g}{i}", generator=g) for i in range(6) for g in ("g", "h")]
    assert set(run(tmp_path, clips, made, tools, *specs).values()) == {"video"}
    files = sorted((tmp_path / "asked").iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert len({file.read_text() for file in files}) == 1
    # all of one generator before the first of the other: a model is loaded once
    assert [file.name.split("-")[1] for file in files] == ["g"] * 6 + ["h"] * 6


def test_a_lane_is_worked_off_in_one_place_of_each_machine(tmp_path: Path) -> None:
    """What a server or a GPU bears at a time is said once, however many workers a machine has."""
    specs = {name: spec_of(tmp_path, name=name) for name in ("g", "h")}
    clips = [clip_of(f"p{i}", generator=name) for i in range(20) for name in specs]
    assert {_keyed(clip, specs, 1)[0] for clip in clips} == {"made-up 0"}
    assert {_keyed(clip, specs, 2)[0] for clip in clips} == {"made-up 0", "made-up 1"}
    drawn = {"g": SimulatedSpec(name="g", weaknesses={})}
    assert len({_keyed(clip, drawn, 1)[0] for clip in clips[::2]}) > 10  # a processor has no owner


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_making as t
from pipeline.generators.lanes import opened
if __name__ == "__main__":
    folder = Path({folder!r})
    made = t.Made(t.Store(str(folder / "notes")), t.Store(str(folder / "media")))
    tools = t.Tools(jobs=t.Store(str(folder / "jobs")), ledger=t.Ledger())
    spec, clip = t.spec_of(folder), t.clip_of("hang")
    opened("processes", 1).submit((spec, [clip], made, tools), spec, [clip]).result()
"""


def test_a_process_that_makes_clips_ends_with_the_run(tmp_path: Path) -> None:
    """After ``kill -9`` no model stays in the memory of a GPU, and nothing is paid beside the next run."""
    script = tmp_path / "killed.py"
    script.write_text(KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path)))
    with subprocess.Popen([sys.executable, script]) as run:
        until = time.monotonic() + 60
        while not (found := list(tmp_path.glob("asked/*"))) and time.monotonic() < until:
            time.sleep(0.05)
        run.kill()
    time.sleep(0.1)
    pid = int(found[0].read_text())
    while started(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert started(pid) is None


@pytest.mark.parametrize("kind", [MadeUp, InThreads])
def test_an_account_that_is_empty_stops_what_was_not_begun(
    tmp_path: Path, made: Made, tools: Tools, kind: type[MadeUp]
) -> None:
    spec = spec_of(tmp_path, kind, workers=1)
    clips = [clip_of("a"), clip_of("quota"), *(clip_of(f"slow{i:02}") for i in range(40))]
    found = run(tmp_path, clips, made, tools, spec)
    assert len(found) == 42
    assert (found["a-g-1"], found["quota-g-1"]) == ("video", "quota")
    assert "not_attempted" in found.values()
    assert len(asked(tmp_path)) < 42
