"""Whole runs over doctored clips: every flag fires, what is left out is not judged, books balance."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer
from PIL import Image

from pipeline import command
from pipeline.dataset.parquet import parts
from pipeline.generators.encode import to_mp4
from schemas import SPLITS
from schemas.layout import Layout

N, SIZE = 16, 96
# prompt, generator, split, and what is wrong with the clip
CLIPS = {
    "a-good": ("a fox", "one", "train", ()),
    "black": ("a fox", "two", "train", ("black", "frozen")),
    "frozen": ("a fox", "three", "train", ("frozen",)),
    "boxed": ("a heron", "one", "train", ("letterbox",)),
    "other": ("a heron", "two", "train", ()),
    "short": ("a heron", "three", "train", ("too_short",)),
    "copy": ("a lynx", "one", "test", ("near_duplicate",)),  # of `a-good`, half as large
    "fine": ("a lynx", "two", "test", ()),
    "cut": ("a lynx", "three", "test", None),  # no frames
}
WRONG = {name: set(found) for name, (_, _, _, found) in CLIPS.items() if found}


def scenes(seed: int, frames: int = N, size: int = SIZE) -> np.ndarray:
    """Frames of a window that moves over a large, smooth picture of its own."""
    cells = np.random.default_rng(seed).integers(60, 216, (8, 12, 3), np.uint8)
    large = np.asarray(
        Image.fromarray(cells).resize((3 * size, 2 * size), Image.Resampling.BICUBIC)
    )
    starts = np.linspace(0, 2 * size, frames).astype(int)
    return np.stack([large[size // 2 : size // 2 + size, x : x + size] for x in starts])


def doctored() -> dict[str, bytes]:
    good, boxed = scenes(1), scenes(2).copy()
    boxed[:, :16], boxed[:, -16:] = 0, 0
    half = [np.asarray(Image.fromarray(f).resize((48, 48), Image.Resampling.BICUBIC)) for f in good]
    made = {
        "a-good": good,
        "black": np.full((N, SIZE, SIZE, 3), 6, np.uint8),
        "frozen": np.repeat(scenes(3)[:1], N, axis=0),
        "boxed": boxed,
        "other": scenes(4),
        "short": scenes(5, frames=4),
        "copy": np.stack(half),
        "fine": scenes(6),
    }
    files = {name: to_mp4(frames, 8) for name, frames in made.items()}
    return {**files, "cut": files["fine"][:400]}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, data in doctored().items():
        (folder / f"{name}.mp4").write_bytes(data)
    lines = [
        f"{prompt},{generator},{name}.mp4,{name},{split}\n"
        for name, (prompt, generator, split, _) in CLIPS.items()
    ]
    (folder / "manifest.csv").write_text("prompt,generator,video,video_id,split\n" + "".join(lines))
    return folder


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test-0123456789")


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as running:
        yield running


def run(folder: Path, source: Path, server: JudgeServer, *flags: str, **blocks: Any) -> int:
    tree = {
        "sources": [{"kind": "manifest", "path": str(source / "manifest.csv")}],
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": server.base_url,
                "api_key_env": "A_TEST_KEY",
                "concurrency": 8,
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
            }
        ],
        "rubrics": ["videoprefer/video_quality"],
        "report": {"prompts": 1},
        "concurrency": {"processes": 1},
        "wave_size": 6,  # two waves: the copy is in another than what it repeats
        **blocks,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    return command.main(["--config", str(path), "--output", str(folder / "out"), *flags])


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    layout = Layout(folder / "out")
    folders = (
        [layout.table(name, s) for s in SPLITS] if name == "preferences" else [layout.table(name)]
    )
    return [row for f in folders for file in parts(f) for row in pq.read_table(file).to_pylist()]


def checked(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["video_id"]: row for row in table(folder, "clip_checks")}


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "out" / "run.json").read_text())
    return found


def book(folder: Path, stage: str) -> tuple[int, ...]:
    """owed, written, failed, filtered, upstream"""
    held = record(folder)["books"][stage]
    assert held["missing"] == held["unexpected"] == 0
    names = ("owed", "written", "failed", "filtered", "upstream")
    counts = tuple(held[name] for name in names)
    assert counts[0] == sum(counts[1:])
    return counts


def test_every_flag_fires_and_nothing_is_left_out_unless_asked(
    tmp_path, source, server, capsys, monkeypatch
):
    assert run(tmp_path, source, server) == 0
    said = capsys.readouterr().err
    assert (
        "check: 1 black, 2 frozen, 1 too short, 1 letterboxed, 1 near duplicate (1 across splits), "
        "0 left out"
    ) in said
    rows = checked(tmp_path)
    assert rows.keys() == CLIPS.keys() - {"cut"}
    assert {name: set(row["found"]) for name, row in rows.items() if row["found"]} == WRONG
    assert not any(row["left_out"] for row in rows.values())
    copy = rows["copy"]
    assert (copy["near_duplicate_of"], copy["across_prompts"], copy["across_splits"]) == (
        "a-good", True, True)  # fmt: skip
    assert 0 <= copy["near_duplicate_bits"] <= 5
    assert book(tmp_path, "check") == (9, 8, 0, 0, 1)
    assert book(tmp_path, "annotate") == (9, 8, 0, 0, 1)
    assert server.n_bills == 8
    (note,) = [note for note in record(tmp_path)["notes"] if note.startswith("check:")]
    assert "copy in test, a-good in train" in note
    assert note in said
    assert record(tmp_path)["failures"] == {"frames": {"undecodable": 1}}
    data = (tmp_path / "out/report/data/run.js").read_text()
    assert '"generator":"one","clips":3,"found":{"black":0,"frozen":0,"too_short":0,' in data
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| two | 3 | 1 | 1 | 0 | 0 | 0 | 0 |" in card  # black, and so frozen

    # another set of checks: nothing is decoded again, nothing paid twice
    taken = {p: p.stat().st_mtime_ns for p in (tmp_path / "out/work/collect").rglob("*.parquet")}
    changed = {"checks": {"leave_out": ["black"], "letterbox": 0.9}}
    assert run(tmp_path, source, server, **changed) == 2
    assert "checks.leave_out" in capsys.readouterr().err
    assert run(tmp_path, source, server, "--rebuild", **changed) == 0
    assert {p: p.stat().st_mtime_ns for p in taken} == taken
    assert server.n_bills == 8
    rows = checked(tmp_path)
    assert [name for name, row in rows.items() if row["left_out"]] == ["black"]
    assert rows["boxed"]["found"] == []
    assert len(table(tmp_path, "annotations")) == 7
    assert book(tmp_path, "annotate") == (9, 7, 0, 1, 1)

    # what is left out is no failure to take up
    assert command.retry([str(tmp_path / "out"), "--reason", "black"]) == 2
    assert "there are 1 undecodable" in capsys.readouterr().err

    # thresholds alone: the table is new, and no pipeline runs
    monkeypatch.setattr(
        "pipeline.transforms.engine.Engine.run", lambda *_: pytest.fail("a pipeline was run again")
    )
    lower = {"checks": {"leave_out": ["black"], "letterbox": 0.05}}
    assert run(tmp_path, source, server, "--rebuild", **lower) == 0
    assert checked(tmp_path)["boxed"]["found"] == ["letterbox"]


HOOK = '''
from io import BytesIO
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent


def score(jpegs):
    """Not safe: what is black. The second clip ends the run while `broken` lies beside."""
    with (HERE / "asked").open("a") as file:
        file.write(".")
    if (HERE / "broken").exists() and len((HERE / "asked").read_text()) == 2:
        raise RuntimeError("out of memory")
    return 1.0 if Image.open(BytesIO(jpegs[0])).convert("L").getextrema()[1] < 30 else 0.0
'''


def test_what_is_left_out_is_not_judged_and_the_books_say_so(
    tmp_path, source, server, capsys, monkeypatch
):
    (tmp_path / "my_hook.py").write_text(HOOK)
    (tmp_path / "broken").touch()
    monkeypatch.syspath_prepend(tmp_path)
    blocks = {
        "checks": {"nsfw": {"hook": "my_hook:score"}, "leave_out": ["nsfw", "frozen", "near_duplicate"]},
        "protocol": {"kind": "tie_band", "band": 9},  # every pair that both have scores of
        "sentinels": {"clips": 9, "draws": 1},
        "wave_size": 9,
    }  # fmt: skip
    assert run(tmp_path, source, server, **blocks) == 3
    assert "my_hook:score failed on clip" in capsys.readouterr().err
    assert server.n_bills == 0
    (tmp_path / "broken").unlink()
    assert run(tmp_path, source, server, **blocks) == 0
    assert len((tmp_path / "asked").read_text()) == 1 + 1 + 7  # the first is not asked about again
    sys.modules.pop("my_hook", None)

    assert "1 not safe for work, 3 left out" in capsys.readouterr().err
    kept = {"a-good", "boxed", "other", "short", "fine"}
    failed = {(row["stage"], row["key"], row["reason"]) for row in table(tmp_path, "failures")}
    assert failed == {
        ("check", "black", "frozen"), ("check", "frozen", "frozen"),
        ("check", "copy", "near_duplicate"), ("frames", "cut", "undecodable"),
    }  # fmt: skip
    rows = checked(tmp_path)
    assert {name for name, row in rows.items() if not row["left_out"]} == kept
    assert {name: row["nsfw"] for name, row in rows.items() if row["nsfw"]} == {"black": 1.0}
    assert {row["video_id"] for row in table(tmp_path, "annotations")} == kept
    assert len(table(tmp_path, "frames")) == 8  # those left out are there to look at
    # only the second prompt has more than one kept clip: three pairs, in both orders
    shown = Counter(tuple(sorted(row["video_ids"])) for row in table(tmp_path, "comparisons"))
    assert shown == {("boxed", "other"): 2, ("boxed", "short"): 2, ("other", "short"): 2}
    history = list((tmp_path / "out" / "sentinels").rglob("*.json"))
    asked = {name for path in history for name in CLIPS if f'"{name}"' in path.read_text()}
    assert asked == kept

    assert book(tmp_path, "check") == (9, 5, 0, 3, 1)
    assert book(tmp_path, "annotate") == (9, 5, 0, 3, 1)
    assert book(tmp_path, "compare") == (6, 6, 0, 0, 0)
    # clips x (judge, consensus) x (dimension, overall)
    assert book(tmp_path, "scores") == (36, 20, 0, 12, 4)
    # 3 prompts x 3 pairs x 2: all three of the first name a clip that is left out, of the last the
    # two with the copy; the pair of `fine` and `cut` is owed upstream
    assert book(tmp_path, "preferences") == (18, 6, 0, 10, 2)


@pytest.mark.slow
def test_a_clip_that_is_mended_is_checked_anew(tmp_path, source, server):
    own = tmp_path / "source"
    own.mkdir()
    for file in source.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    leave_out = {"leave_out": ["black", "frozen", "too_short", "letterbox", "near_duplicate"]}
    assert run(tmp_path, own, server, checks=leave_out) == 0
    assert book(tmp_path, "annotate") == (9, 3, 0, 5, 1)
    (own / "cut.mp4").write_bytes((own / "fine.mp4").read_bytes())
    assert command.retry([str(tmp_path / "out"), "--reason", "undecodable"]) == 0
    rows = checked(tmp_path)
    # ids in order: `cut` is there first, so `fine` repeats it now
    assert rows["cut"]["found"] == []
    assert rows["fine"]["near_duplicate_of"] == "cut"
    assert {row["video_id"] for row in table(tmp_path, "annotations")} == {"a-good", "other", "cut"}
    assert book(tmp_path, "annotate") == (9, 3, 0, 6, 0)
