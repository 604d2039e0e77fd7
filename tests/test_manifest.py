"""Manifests: what is read from them, and what is refused with its row and field."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.sources.manifest import ManifestSource
from schemas import Clip, Prompt, ids
from schemas.options import SetupError

RED = "a red ball"


def read(source: ManifestSource) -> tuple[list[Prompt], list[Clip]]:
    found = source.read()
    return list(found.prompts), list(found.clips)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with four clips. The reader never looks into them."""
    folder = tmp_path / "set"
    (folder / "videos").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4", "c.mp4", "d e.mp4"):
        (folder / "videos" / name).write_bytes(name.encode())
    return folder


def write(folder: Path, *rows: dict[str, Any], name: str = "m.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def row(video: str = "videos/a.mp4", **fields: Any) -> dict[str, Any]:
    return {"prompt": RED, "generator": "g1", "video": video, **fields}


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        read(ManifestSource(path=path, **options))
    assert path in str(caught.value)
    return str(caught.value)


def test_csv_with_every_column(folder: Path) -> None:
    digest = "AB" * 32
    (folder / "m.csv").write_text(
        "prompt_id,prompt,generator,video,video_id,sha256,licence,split,cfg,note\n"
        f'p1,"a red ball, rolling",g1,videos/a.mp4,v1,{digest},CC0-1.0,train,7.5,\n'
        'p1,"a red ball,  rolling ",g2,videos/b.mp4,,,,,,seen twice\n'
    )
    prompts, clips = read(ManifestSource(path=str(folder / "m.csv"), licence="MIT"))
    text = "a red ball, rolling"
    assert prompts == [Prompt(prompt_id="p1", text=text, source="m.csv", split="train")]
    assert clips == [
        Clip(
            video_id="v1", prompt_id="p1", prompt=text, generator="g1", source="m.csv",
            path=str(folder / "videos" / "a.mp4"), sha256=digest.lower(), licence="CC0-1.0",
            extra='{"cfg":"7.5"}',
        ),
        Clip(
            video_id=ids.video_id("p1", "g2", "videos/b.mp4"), prompt_id="p1", prompt=text,
            generator="g2", source="m.csv", path=str(folder / "videos" / "b.mp4"), licence="MIT",
            extra='{"note":"seen twice"}',
        ),
    ]  # fmt: skip


def test_ids_are_hashes_unless_given(folder: Path) -> None:
    prompts, clips = read(ManifestSource(path=write(folder, row())))
    # printf 'a red ball' | sha256sum
    assert prompts[0].prompt_id == "9bc68b58423cea50"
    # printf '9bc68b58423cea50\ng1\nvideos/a.mp4' | sha256sum
    assert clips[0].video_id == "b53e98b8122171d8"


def test_json_lines_and_parquet_give_the_same(folder: Path) -> None:
    rows = [row(seed=7, ok=True, loss=0.5), row("videos/b.mp4", seed=8, ok=False, loss=None)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "m.parquet")
    from_parquet = read(ManifestSource(path=str(folder / "m.parquet")))
    from_lines = read(ManifestSource(path=write(folder, *rows)))
    assert [c.extra for c in from_lines[1]] == [
        '{"loss":0.5,"ok":true,"seed":7}',
        '{"ok":false,"seed":8}',
    ]
    assert [c.extra for c in from_parquet[1]] == [c.extra for c in from_lines[1]]
    assert [c.video_id for c in from_parquet[1]] == [c.video_id for c in from_lines[1]]


def test_values_that_json_does_not_know(folder: Path) -> None:
    table = {"prompt": [RED], "generator": ["g1"], "video": ["videos/a.mp4"],
             "day": [date(2025, 1, 2)], "loss": [float("nan")], "tags": [["a", "b"]]}  # fmt: skip
    pq.write_table(pa.table(table), folder / "m.parquet")
    _, clips = read(ManifestSource(path=str(folder / "m.parquet")))
    assert clips[0].extra == '{"day":"2025-01-02","tags":["a","b"]}'
    pq.write_table(pa.table({**table, "frames": [b"\0"]}), folder / "m.parquet")
    assert "row 1, column 'frames': holds raw bytes" in refusal(str(folder / "m.parquet"))


def test_columns_by_other_names(folder: Path) -> None:
    other = {"caption": RED, "model": "g1", "file": "videos/a.mp4", "id": 12}
    columns = {"prompt": "caption", "generator": "model", "video": "file", "video_id": "id"}
    _, clips = read(ManifestSource(path=write(folder, other), columns=columns))
    assert (clips[0].generator, clips[0].video_id, clips[0].extra) == ("g1", "12", None)
    assert "'caption' is no column" in refusal(write(folder, other), columns={"caption": "prompt"})


def test_paths_in_every_form(folder: Path, tmp_path: Path) -> None:
    (folder / "link.mp4").symlink_to(folder / "videos" / "b.mp4")
    forms = ["videos/../videos/a.mp4", str(folder / "videos" / "a.mp4"),
             f"file://{folder}/videos/d%20e.mp4", "link.mp4"]  # fmt: skip
    source = ManifestSource(path=write(folder, *map(row, forms)), keep="reference")
    _, clips = read(source)
    names = ["a.mp4", "a.mp4", "d e.mp4", "b.mp4"]
    assert [c.path for c in clips] == [str(folder / "videos" / name) for name in names]
    assert {c.keep for c in clips} == {"reference"}


def test_clips_outside_need_a_root(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "x.mp4").write_bytes(b"x")
    (folder / "link.mp4").symlink_to(other / "x.mp4")
    for form in ("../other/x.mp4", str(other / "x.mp4"), f"file://{other}/x.mp4", "link.mp4"):
        path = write(folder, row(), row(form))
        message = refusal(path)
        assert "row 2, column 'video'" in message
        assert "roots:" in message
        for root in ("../other", str(other)):
            _, clips = read(ManifestSource(path=path, roots=[root]))
            assert clips[1].path == str(other / "x.mp4")
    # A folder whose name merely begins like a root is not inside it.
    (tmp_path / "set-2").mkdir()
    (tmp_path / "set-2" / "x.mp4").write_bytes(b"x")
    assert "outside" in refusal(write(folder, row("../set-2/x.mp4")))


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"prompt": " "}, "row 2, column 'prompt': is blank"),
        ({"generator": ""}, "row 2, column 'generator': is blank"),
        ({"video": None}, "row 2, column 'video': is blank"),
        ({"prompt": ["a"]}, "row 2, column 'prompt': expected text, got ['a']"),
        ({"video_id": "v1"}, "row 2, column 'video_id': the clip v1 is already in row 1"),
        ({"prompt_id": "p1", "prompt": "blue"}, "row 2, column 'prompt': differs from row 1"),
        ({"split": "test"}, "row 2, column 'split': 'test', but row 1"),
        ({"prompt_id": "p2", "split": "test"}, "row 2, column 'split': 'test', but row 1"),
        ({"split": "dev"}, "row 2, column 'split': 'dev' is not one of train, validation, test"),
        ({"sha256": "12ab"}, "row 2, column 'sha256': '12ab' is not 64 hexadecimal digits"),
        ({"generator": "mo\ndel"}, "row 2: Clip.generator"),
        ({"video": "s3://bucket/a.mp4"}, "row 2, column 'video': s3://bucket/a.mp4 lies outside"),
        ({"video": "http://h/a.mp4"}, "is not on this machine"),
        ({"video": "concat:a.mp4|b.mp4"}, "is not on this machine"),
        ({"video": "file://host/a.mp4"}, "is not on this machine"),
        ({"video": "a\0.mp4"}, "row 2, column 'video': 'a\\x00.mp4' is not a path"),
        ({"video": "../../etc/passwd"}, "row 2, column 'video': "),
    ],
)
def test_a_bad_row_is_named(folder: Path, second: dict[str, Any], says: str) -> None:
    first = row(prompt_id="p1", video_id="v1", split="train")
    plain = row("videos/b.mp4", prompt_id="p1", video_id="v2")
    assert says in refusal(write(folder, first, {**plain, **second}))


def test_the_same_row_twice(folder: Path) -> None:
    message = refusal(write(folder, row(), row("videos/b.mp4"), row()))
    assert "row 3, column 'video'" in message
    assert "already in row 1" in message


def test_csv_rows_are_numbered_as_a_spreadsheet_does(folder: Path) -> None:
    (folder / "m.csv").write_text("prompt,generator,video\na,g,videos/a.mp4\n,g,videos/b.mp4\n")
    assert "row 3, column 'prompt'" in refusal(str(folder / "m.csv"))


@pytest.mark.parametrize("column", ["prompt", "generator", "video"])
def test_a_missing_column(folder: Path, column: str) -> None:
    cells = row()
    del cells[column]
    assert repr(column) in refusal(write(folder, cells))


def test_missing_clips_are_counted_and_the_first_named(folder: Path) -> None:
    (folder / "videos" / "folder.mp4").mkdir()
    absent = [row(f"videos/{i}.mp4") for i in range(6)]
    message = refusal(write(folder, row(), *absent, row("videos/folder.mp4")))
    assert "7 of 8 clips" in message
    assert f"row 2: {folder}/videos/0.mp4" in message
    assert f"row 6: {folder}/videos/4.mp4; and 2 more" in message


def test_a_missing_manifest_or_none_at_all(folder: Path) -> None:
    assert "no such file" in refusal(str(folder / "absent.csv"))
    assert "no rows" in refusal(write(folder))


def test_a_manifest_on_the_net_is_refused_in_words(folder: Path) -> None:
    for path in ("https://host.org/m.csv", "ftp://host.org/m.csv"):
        assert "fetch it and name the local file" in refusal(path)
    assert "chain of addresses" in refusal("memory://a::http://b/m.csv")


def test_a_damaged_manifest_is_refused_in_words(folder: Path) -> None:
    """The footer of the Parquet file is whole, one of its pages is not."""
    path = folder / "m.parquet"
    rows = [row(f"videos/{i}.mp4") for i in range(2_000)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    data = bytearray(path.read_bytes())
    data[100:1_000] = bytes(255 - byte for byte in data[100:1_000])
    path.write_bytes(data)
    assert "not readable as Parquet" in refusal(str(path))
    (folder / "m.json").write_text("[" * 100_000)
    assert "not readable as JSON" in refusal(str(folder / "m.json"))
    (folder / "m.csv").write_text('prompt,generator,video\np,g,videos/a.mp4\n"p,g,videos/b.mp4\n')
    assert "row 3 is not readable as CSV" in refusal(str(folder / "m.csv"))


def test_a_split_stated_once_holds_for_the_prompt(folder: Path) -> None:
    path = write(folder, row(), row("videos/b.mp4", split="validation"), row("videos/c.mp4"))
    prompts, _ = read(ManifestSource(path=path))
    assert [p.split for p in prompts] == ["validation"]
