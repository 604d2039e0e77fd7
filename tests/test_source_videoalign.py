"""VideoAlign's CSV: its clips, and its labels in our words. Layout after KwaiVGI/VideoAlign."""

import csv
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.videoalign import LABELS, read_videoalign
from pipeline.sources.videoalign import VideoAlignSource
from schemas import ids
from schemas.options import SetupError

KITE, DOG = "a red kite over a lake", "a dog, digging in snow"
TRAIN = f"""\
path_A,path_B,prompt,VQ,MQ,TA,fps_A,num_frames_A,fps_B,num_frames_B
videos/0001_a.mp4,./videos/0001_b.mp4,"{KITE}",A,same,B,8.0,40.0,8.0,40.0
./videos/0001_a.mp4,videos/0001_c.mp4,"{KITE}",B,,same,8.0,40.0,16.0,81.0
videos/0002_a.mp4,./videos/0002_b.mp4,"{DOG}",B,B,invalid,16.0,81.0,,
"""
BENCH = """\
path_A,A_model,path_B,B_model,prompt,VQ,MQ,TA,Overall,MOS_A_VQ,MOS_B_VQ
m1/0001.mp4,m1,m2/0001.mp4,m2,a red kite over a lake,A,same,B,A,3.5,
m1/0001.mp4,m1,m3/0001.mp4,m3,a red kite over a lake,same,B,B,B,3.5,2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [f"videos/000{n}_{side}.mp4" for n in (1, 2) for side in "abc"]
    for name in (*names, "m1/0001.mp4", "m2/0001.mp4", "m3/0001.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def written(folder: Path, text: str) -> str:
    (folder / "pairs.csv").write_text(text)
    return str(folder / "pairs.csv")


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        VideoAlignSource(path=path, **options).read()
    assert str(caught.value).startswith(path)
    return str(caught.value)


def test_the_clips_of_a_training_file(folder: Path) -> None:
    found = VideoAlignSource(path=written(folder, TRAIN)).read()
    assert [p.text for p in found.prompts] == [KITE, DOG]
    # Three rows name six clips, 0001_a twice: once with a leading ./ and once without.
    names = ["0001_a", "0001_b", "0001_c", "0002_a", "0002_b"]
    assert [c.path for c in found.clips] == [str(folder / f"videos/{name}.mp4") for name in names]
    assert {c.generator for c in found.clips} == {"unknown"}
    kite = ids.prompt_id(KITE)
    assert [c.video_id for c in found.clips[:2]] == [
        ids.video_id(kite, "unknown", "videos/0001_a.mp4"),
        ids.video_id(kite, "unknown", "videos/0001_b.mp4"),
    ]
    assert [c.extra for c in found.clips] == [
        '{"stated_fps":8.0,"stated_num_frames":40.0}',
        '{"stated_fps":8.0,"stated_num_frames":40.0}',
        '{"stated_fps":16.0,"stated_num_frames":81.0}',
        '{"stated_fps":16.0,"stated_num_frames":81.0}',
        None,
    ]
    assert found.notes == ()


def test_the_labels_of_a_training_file(folder: Path) -> None:
    rows = list(read_videoalign(written(folder, TRAIN)))
    assert [row.number for row in rows] == [2, 3, 4]  # the header is row 1
    assert [row.labels for row in rows] == [
        {"VQ": "A", "MQ": "same", "TA": "B"},
        {"VQ": "B", "MQ": None, "TA": "same"},
        {"VQ": "B", "MQ": "B", "TA": "invalid"},
    ]
    # An empty cell and `invalid` are no votes: the dimension is absent.
    assert [row.votes for row in rows] == [
        {"VQ": "a", "MQ": "tie", "TA": "b"},
        {"VQ": "b", "TA": "tie"},
        {"VQ": "b", "MQ": "b"},
    ]


def test_the_benchmark_names_models_and_may_hold_scores(folder: Path) -> None:
    path = written(folder, BENCH)
    found = VideoAlignSource(path=path, generator="never used").read()
    assert [c.generator for c in found.clips] == ["m1", "m2", "m3"]
    first, second = read_videoalign(path)
    assert first.votes == {"VQ": "a", "MQ": "tie", "TA": "b", "Overall": "a"}
    assert (first.a.scores, first.b.scores) == ({"VQ": 3.5}, {})  # an empty one is no zero
    assert second.b.scores == {"VQ": 2.0}
    # A row leads to the clips that the source lists.
    assert {row.a.video_id(row.prompt) for row in (first, second)} == {found.clips[0].video_id}
    assert second.b.video_id(second.prompt) == found.clips[2].video_id


def test_columns_by_other_names(folder: Path) -> None:
    text = "prompt,video_a,video_b,VQ\nx,m1/0001.mp4,m2/0001.mp4,A\n"
    columns = {"path_A": "video_a", "path_B": "video_b"}
    found = VideoAlignSource(path=written(folder, text), columns=columns, generator="g").read()
    assert [(c.generator, c.prompt) for c in found.clips] == [("g", "x"), ("g", "x")]
    assert "'video_a' is no column" in refusal(written(folder, text), columns={"video_a": "path_A"})
    absent = written(folder, text.replace("m2/0001", "m9/0001"))
    assert "column 'video_b': 1 of 2 clips" in refusal(absent, columns=columns)


def test_the_videos_may_lie_elsewhere(folder: Path) -> None:
    (folder / "lists").mkdir()
    path = written(folder / "lists", TRAIN)
    assert "5 of 5 clips" in refusal(path)
    assert len(VideoAlignSource(path=path, videos=str(folder)).read().clips) == 5
    outside = written(folder / "lists", TRAIN.replace("videos/0002_a", "../videos/0002_a"))
    assert "row 4, column 'path_A'" in refusal(outside)
    assert "roots:" in refusal(outside)


def test_clips_that_are_not_there_can_be_left_out(folder: Path) -> None:
    (folder / "videos" / "0001_a.mp4").unlink()
    path = written(folder, TRAIN)
    assert "column 'path_A': 1 of 5 clips" in refusal(path)
    found = VideoAlignSource(path=path, missing="leave_out").read()
    assert len(found.clips) == 4
    # Two rows name the missing clip; it is one clip.
    assert [note.split(":")[:2] for note in found.notes] == [
        ["pairs.csv", " 1 of 5 clips are not there"]
    ]


HEADER = "path_A,path_B,prompt,VQ,A_model,B_model\n"
GOOD = "m1/0001.mp4,m2/0001.mp4,x,A,m1,m2\n"


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("m1/0001.mp4,m3/0001.mp4,x,a,,", "row 3, column 'VQ': 'a' is not one of A, B, same, inv"),
        ("m1/0001.mp4,m3/0001.mp4,x,tie,,", "row 3, column 'VQ': 'tie'"),
        ("m1/0001.mp4,./m1/0001.mp4,x,A,,", "row 3: path_A and path_B are the same clip"),
        ("m1/0001.mp4,,x,A,,", "row 3, column 'path_B': is blank"),
        ("m1/0001.mp4,m3/0001.mp4,,A,,", "row 3, column 'prompt': is blank"),
        ("m1/0001.mp4,m3/0001.mp4,y,A,m1,m3", "row 3, column 'path_A'"),
        ("m3/0001.mp4,m2/0001.mp4,x,A,m3,m1", "row 3, column 'path_B'"),
    ],
)
def test_a_bad_row_is_named(folder: Path, second: str, says: str) -> None:
    assert says in refusal(written(folder, HEADER + GOOD + second + "\n"))


def test_a_path_stands_for_one_clip_unless_it_is_allowed(folder: Path) -> None:
    two_prompts = written(folder, HEADER + GOOD + "m1/0001.mp4,m3/0001.mp4,y,A,m1,m3\n")
    message = refusal(two_prompts)
    assert "prompt 'y', but row 2 puts it under 'x'" in message
    found = VideoAlignSource(path=two_prompts, shared_paths="keep").read()
    assert [(c.prompt, c.generator) for c in found.clips] == [
        ("x", "m1"), ("x", "m2"), ("y", "m1"), ("y", "m3"),
    ]  # fmt: skip
    two_models = written(folder, HEADER + GOOD + "m3/0001.mp4,m2/0001.mp4,x,A,m3,m1\n")
    assert "generator 'm1', but row 2 says 'm2'" in refusal(two_models)


def test_a_second_description_of_a_clip_is_noted(folder: Path) -> None:
    text = TRAIN.replace("invalid,16.0", "invalid,24.0") + TRAIN.splitlines()[3] + "\n"
    found = VideoAlignSource(path=written(folder, text)).read()
    assert found.clips[3].extra == '{"stated_fps":24.0,"stated_num_frames":81.0}'
    assert "1 clips are described in another way" in found.notes[0]


def test_a_list_without_labels_is_another_kind(folder: Path) -> None:
    text = "path_A,path_B,prompt\nm1/0001.mp4,m2/0001.mp4,x\n"
    assert "none of the columns VQ, MQ, TA, Overall" in refusal(written(folder, text))


def test_published_examples(test_data: Path) -> None:
    path = str(test_data / "videoalign" / "pairs.csv")
    columns = {"path_A": "video_a", "path_B": "video_b"}
    found = VideoAlignSource(path=path, columns=columns).read()
    assert (len(found.prompts), len(found.clips)) == (3, 6)
    rows = list(read_videoalign(path, columns))
    # B,B,A / same,same,A / A,same,same
    assert Counter(vote for row in rows for vote in row.votes.values()) == {
        "a": 3,
        "b": 2,
        "tie": 4,
    }


LINE = st.tuples(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
    st.sampled_from(["", *LABELS]),
    st.sampled_from(["", *LABELS]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=8))
def test_any_labels_read_back_as_written(lines: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pairs.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["path_A", "path_B", "prompt", "VQ", "TA"])
            writer.writerows([f"{i}a.mp4", f"{i}b.mp4", *cells] for i, cells in enumerate(lines))
        rows = list(read_videoalign(path))
    assert [(row.prompt, row.labels["VQ"] or "", row.labels["TA"] or "") for row in rows] == [
        (prompt.strip(), quality, alignment) for prompt, quality, alignment in lines
    ]
    # A vote is there exactly where the label is one of the three that choose.
    for row in rows:
        choosing = {name for name, label in row.labels.items() if label in ("A", "B", "same")}
        assert set(row.votes) == choosing
