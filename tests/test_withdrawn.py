"""Tombstones: a clip that was withdrawn comes back under no id, from no source, and in no other run."""

import dataclasses
from pathlib import Path

import pytest
from report_run import clip_bytes

from pipeline.clips import obtain_clip
from pipeline.dataset.withdrawn import (
    NAME,
    Withdrawal,
    Withdrawn,
    hand_on,
    noted,
    told,
    withdrawn,
    without,
    write_withdrawn,
)
from pipeline.generators.made import Made, key_of
from pipeline.generators.make import taken_up
from pipeline.generators.simulated import SimulatedSpec
from pipeline.media.options import FramesOptions
from pipeline.running import in_waves
from pipeline.sources.run import RunSource
from pipeline.state import Marks
from schemas import HARMLESS, Clip, Failure, Reason
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store

GONE = Withdrawal(video_ids=("a", "b"), sha256="0" * 64, reason="asked", date="2026-01-02")


def clip(video: str, **more: object) -> Clip:
    facts = {
        "prompt_id": "p",
        "prompt": "a kite",
        "generator": "g",
        "source": "s",
        "path": "/x.mp4",
    }
    return Clip(video_id=video, **{**facts, **more})


def test_they_are_read_as_they_were_written_and_say_nothing_else(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert not withdrawn(layout)
    assert noted(layout) is None
    found = Withdrawn(entries=(GONE, Withdrawal(video_ids=("c",))), versions=("v1",))
    write_withdrawn(layout, found)
    assert withdrawn(layout) == found
    assert noted(layout) == {"clips": 3, "versions_before": ["v1"]}
    (tmp_path / NAME).write_text('{"format": 1, "withdrawn": [{"video_ids"')
    with pytest.raises(SetupError, match="not a whole list"):
        withdrawn(layout)  # without it a clip could come back


def test_a_clip_is_left_out_by_id_and_by_promised_content_and_only_counted() -> None:
    clips = [clip("a"), clip("x", sha256="0" * 64), clip("y", sha256="1" * 64), clip("z")]
    staying, gone = without(clips, Withdrawn(entries=(GONE,)))
    assert [c.video_id for c in staying] == ["y", "z"]
    assert [c.video_id for c in gone] == ["a", "x"]
    (note,) = told(gone)
    assert note.startswith("2 clips")
    assert list(told([])) == []


def test_two_lists_are_one_with_every_content_once() -> None:
    """A clip that was withdrawn unread, and whose content is known by now, is one entry."""
    one = Withdrawn(entries=(GONE, Withdrawal(video_ids=("c",))), versions=("v1",))
    two = Withdrawn(entries=(Withdrawal(video_ids=("c",), sha256="0" * 64, reason="other"),))
    both = one.joined(two)
    assert both.entries == (dataclasses.replace(GONE, video_ids=("a", "b", "c")),)
    assert both.versions == ("v1",)
    assert one.joined(one) == one


def test_the_same_bytes_under_another_id_are_kept_nowhere(tmp_path: Path) -> None:
    data = clip_bytes(1)
    file = tmp_path / "again.mp4"
    file.write_bytes(data)
    layout = Layout(tmp_path / "out")
    entry = Withdrawal(video_ids=("a",), sha256=sha256_hex(data))
    write_withdrawn(layout, Withdrawn(entries=(entry,)))
    gone = withdrawn(layout).contents
    new = clip("new", path=str(file))
    found = obtain_clip(new, layout=layout, options=FramesOptions(), withdrawn=gone)
    assert isinstance(found, Failure)
    assert found.reason is Reason.WITHDRAWN
    assert found.reason in HARMLESS  # it stops no run
    assert entry.sha256 is not None
    assert entry.sha256 not in found.message
    assert list(layout.media.names()) == []


def test_a_clip_that_was_made_before_is_not_taken_up_once_it_is_withdrawn(tmp_path: Path) -> None:
    spec = SimulatedSpec(name="sim-clean")
    made = Made(Store(str(tmp_path / "notes")), Store(str(tmp_path / "media")))
    planned = clip("new", path=None, settings="{}", seed=1)
    made.put(key_of(spec.kind, planned), planned, b"bytes")
    held = dataclasses.replace(made, withdrawn=frozenset({sha256_hex(b"bytes")}))

    class Keeping:
        kind, kept = spec.kind, True

    found = taken_up(Keeping(), [planned], held)  # type: ignore[arg-type]
    assert found["new"].reason is Reason.WITHDRAWN  # type: ignore[union-attr]


def test_a_run_takes_over_what_its_sources_withdrew(tmp_path: Path) -> None:
    source, own = Layout(tmp_path / "one"), Layout(tmp_path / "two")
    source.root.mkdir()
    own.root.mkdir()
    block = [RunSource(path=str(source.root))]
    assert hand_on(own, block) == []
    write_withdrawn(source, Withdrawn(entries=(GONE,), versions=("of the source",)))
    (note,) = hand_on(own, block)
    assert "withdraw" in note
    assert withdrawn(own) == Withdrawn(entries=(GONE,))  # its versions are its own affair
    assert hand_on(own, block) == []


def test_the_others_stay_in_their_waves() -> None:
    """Four clips of one prompt each, two a wave: without the first the others would move up."""
    clips = [clip(v, prompt_id=v) for v in "abcd"]
    waves = in_waves(clips, 2)
    gone = [[c.video_id for c in wave if c.video_id != "a"] for wave in waves]
    assert gone == [["b"], ["c", "d"]]


def test_what_stands_is_taken_as_it_is_until_clips_are_collected_anew(tmp_path: Path) -> None:
    marks = Marks(Layout(tmp_path))
    marks.let_stand("compare-00000", {"n": 1})
    marks.let_stand("compare-00001", {"n": 2})
    assert marks.is_whole("compare-00000", "f")
    assert marks.note("compare-00000") == {"n": 1}
    assert not marks.is_whole("compare-00000", "g")  # it was taken once, as made from f
    marks.write("collect-00000", "f", None)
    assert not marks.is_whole("compare-00001", "f")
    assert marks.is_whole("compare-00000", "f")
