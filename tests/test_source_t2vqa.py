"""T2VQA-DB's lines: their clips and their mean opinion scores. Layout after QMME/T2VQA."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.formats.t2vqa import read_t2vqa
from pipeline.sources.t2vqa import T2VQASource
from schemas.options import SetupError

KITE = "a red kite over a lake"
LINES = f"""\
m1/0001.mp4|{KITE}|61.25
m2/0001.mp4|{KITE}|48.5
0002.mp4|a dog, digging "in snow"|0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("m1/0001.mp4", "m2/0001.mp4", "0002.mp4"):
        (tmp_path / "db" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "db" / name).write_bytes(name.encode())
    return tmp_path


def written(folder: Path, text: str) -> str:
    (folder / "train.txt").write_text(text)
    return str(folder / "train.txt")


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        T2VQASource(path=path, **options).read()
    return str(caught.value)


def test_lines(folder: Path) -> None:
    path = written(folder, LINES)
    found = T2VQASource(path=path, videos=str(folder / "db"), generator="m0").read()
    assert [p.text for p in found.prompts] == [KITE, 'a dog, digging "in snow"']
    assert [(c.generator, c.path) for c in found.clips] == [
        ("m1", str(folder / "db/m1/0001.mp4")),
        ("m2", str(folder / "db/m2/0001.mp4")),
        ("m0", str(folder / "db/0002.mp4")),
    ]
    rows = list(read_t2vqa(path))
    assert [(row.number, row.clip.scores) for row in rows] == [
        (1, {"overall": 61.25}),
        (2, {"overall": 48.5}),
        (3, {"overall": 0.0}),
    ]
    assert rows[2].clip.generator == "unknown"
    assert [row.clip.video_id(row.prompt) for row in rows[:2]] == [
        c.video_id for c in found.clips[:2]
    ]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("m2/0001.mp4|a kite | a lake|48.5", "row 2: expected file|prompt|MOS"),
        ("m2/0001.mp4|a kite", "row 2: expected file|prompt|MOS"),
        ("m2/0001.mp4||48.5", "row 2: expected file|prompt|MOS"),
        ("", "row 2: expected file|prompt|MOS"),
        ("m2/0001.mp4|a kite|good", "row 2, MOS: 'good' is not a number from 0 to 100"),
        ("m2/0001.mp4|a kite|100.5", "row 2, MOS: '100.5'"),
        ("m2/0001.mp4|a kite|nan", "row 2, MOS: 'nan'"),
        ("m1/0001.mp4|a kite|50", f"row 2, column 'file': {{db}}/m1/0001.mp4 stands here under prompt "
         f"'a kite', but row 1 puts it under {KITE!r}"),
        ("m3/0001.mp4|a kite|50", "column 'file': 1 of 2 clips are not there"),
        ("../train.txt|a kite|50", "row 2, column 'file'"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(folder: Path, second: str, says: str) -> None:
    db = folder / "db"
    path = written(folder, LINES.splitlines()[0] + f"\n{second}\n")
    assert says.replace("{db}", str(db)) in refusal(path, videos=str(db))


def test_a_clip_scored_twice_is_one_clip(folder: Path) -> None:
    path = written(folder, f"m1/0001.mp4|{KITE}|61.25\n./m1/0001.mp4|{KITE}|50\n")
    assert len(T2VQASource(path=path, videos=str(folder / "db")).read().clips) == 1


def test_no_lines_and_no_file(folder: Path) -> None:
    assert "has no lines" in refusal(written(folder, ""))
    assert "no such file" in refusal(str(folder / "absent.txt"))
    (folder / "train.txt").write_bytes(b"m1/0001.mp4|caf\xe9|50\n")
    assert "not UTF-8" in refusal(str(folder / "train.txt"))
