"""Clips of another run: the same ids, and what made them is kept."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.dataset.parquet import write_rows
from pipeline.sources.run import RunSource
from schemas import Clip, Prompt, Video
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError

KITE = Prompt(
    prompt_id="p1", text="a red kite", source="suite.csv", licence="CC0-1.0", split="test"
)
DOG = Prompt(prompt_id="p2", text="a dog", source="simulated", simulated=True)


def video(name: str, prompt: Prompt, uri: str, data: bytes, **fields: Any) -> Video:
    return Video(
        video_id=name, prompt_id=prompt.prompt_id, prompt=prompt.text, generator="g1", uri=uri,
        sha256=sha256_hex(data), n_bytes=len(data), source=prompt.source, **fields,
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A complete run with a clip that was read and one that was made; a third prompt has none."""
    root = tmp_path / "first"
    (root / "media" / "aa").mkdir(parents=True)
    for name in ("v1", "v2"):
        (root / "media" / "aa" / f"{name}.mp4").write_bytes(name.encode())
    videos = [
        video("v1", KITE, "media/aa/v1.mp4", b"v1", licence="MIT", extra='{"cfg":"7.5"}'),
        video("v2", DOG, "media/aa/v2.mp4", b"v2", seed=3, settings='{"size":96}', simulated=True),
    ]
    lone = Prompt(prompt_id="p3", text="nobody made it", source="suite.csv")
    layout = Layout(root)
    write_rows(Prompt, [KITE, DOG, lone], layout.table("prompts") / "prompts-00000.parquet")
    write_rows(Video, videos[:1], layout.table("videos") / "videos-00000.parquet")
    write_rows(Video, videos[1:], layout.table("videos") / "videos-00001.parquet")
    layout.run.write_text("{}")
    return root


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        RunSource(path=str(path), **options).read()
    return str(caught.value)


def test_prompts_and_clips_keep_their_ids(root: Path) -> None:
    found = RunSource(path=str(root)).read()
    assert list(found.prompts[:2]) == [dataclasses.replace(KITE, split=None), DOG]
    assert found.settled == {"p1": "test", "p2": None, "p3": None}  # left out of all splits
    assert [p.prompt_id for p in found.prompts] == ["p1", "p2", "p3"]
    assert list(found.clips) == [
        Clip(
            video_id="v1", prompt_id="p1", prompt="a red kite", generator="g1", source="first",
            path=str(root / "media/aa/v1.mp4"), sha256=sha256_hex(b"v1"), licence="MIT",
            extra='{"cfg":"7.5","source":"suite.csv"}',
        ),
        Clip(
            video_id="v2", prompt_id="p2", prompt="a dog", generator="g1", source="first",
            path=str(root / "media/aa/v2.mp4"), sha256=sha256_hex(b"v2"), seed=3, simulated=True,
            extra='{"settings":{"size":96},"source":"simulated"}',
        ),
    ]  # fmt: skip


def test_a_run_of_a_run_tells_the_first_source(root: Path, tmp_path: Path) -> None:
    layout, found = Layout(tmp_path / "second"), RunSource(path=str(root)).read()
    again = [
        Video(
            video_id=c.video_id, prompt_id=c.prompt_id, prompt=c.prompt, generator=c.generator,
            uri=c.path or "", sha256=c.sha256 or "", n_bytes=2, source=c.source, extra=c.extra,
        )
        for c in found.clips
    ]  # fmt: skip
    write_rows(Prompt, found.prompts, layout.table("prompts") / "prompts-00000.parquet")
    write_rows(Video, again, layout.table("videos") / "videos-00000.parquet")
    layout.run.write_text("{}")
    message = refusal(layout.root)
    assert "column 'uri'" in message
    assert "roots:" in message
    second = RunSource(path=str(layout.root), roots=[str(root)]).read()
    assert [json.loads(c.extra or "") for c in second.clips] == [
        {"cfg": "7.5", "source": "suite.csv"},
        {"settings": {"size": 96}, "source": "simulated"},
    ]


def test_a_run_must_be_complete(root: Path, tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "absent")
    (root / "run.json").unlink()
    assert "not a complete run" in refusal(root)


def test_clips_that_are_gone(root: Path) -> None:
    (root / "media" / "aa" / "v2.mp4").unlink()
    assert "column 'uri': 1 of 2 clips are not there" in refusal(root)
    found = RunSource(path=str(root), missing="leave_out").read()
    assert [c.video_id for c in found.clips] == ["v1"]


def test_tables_that_are_not_ours(root: Path) -> None:
    layout = Layout(root)
    write_rows(Prompt, [KITE], layout.table("prompts") / "prompts-00000.parquet")
    assert "'p2' of clip v2 is not among the prompts" in refusal(root)
    path = next(layout.table("videos").glob("*.parquet"))
    path.write_bytes(b"PAR1")
    assert f"{path}: not readable as a table of videos" in refusal(root)
    for path in layout.table("videos").glob("*.parquet"):
        path.unlink()
    assert "holds no *.parquet" in refusal(root)
