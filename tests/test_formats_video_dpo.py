"""VideoDPO's and UnifiedReward's pairs for DPO: written, held to their loaders, read again."""

import json
import os
from pathlib import Path

import pytest
from export_folder import JUDGED, KITE, Written, write_dataset

from pipeline.formats.finder import ClipFinder
from pipeline.formats.readers import reader_of
from pipeline.formats.unifiedreward import read_unifiedreward
from pipeline.formats.videodpo import read_videodpo
from pipeline.formats.writing import Choice, ExportError
from schemas.options import SetupError

META, PAIRS, DATA = "train/metadata.json", "train/pair.json", "train/dpo_data.json"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def videodpo(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(dataset, "videodpo", tmp_path_factory.mktemp("out") / "dpo")


@pytest.fixture(scope="module")
def unified(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(dataset, "unifiedreward", tmp_path_factory.mktemp("out") / "ur")


def test_videodpo_as_it_stands(videodpo: Written) -> None:
    clip = (
        '{{"basic": {{"clip_path": "videos/{}.mp4", "clip_duration": 2.0}}, '
        '"misc": {{"frame_caption": ["a red kite, high over a lake"]}}}}'
    )
    clips = ",\n".join(clip.format(name) for name in ("k1", "k2", "k3"))
    assert videodpo.text(META) == f"[\n{clips}\n]\n"
    # overall k1 3.5, k2 2.5, k3 4: margins 1.5, 1, 0.5, mean 1; score = 0.72 x 1 / margin
    assert videodpo.text(PAIRS) == (
        "[\n"
        '{"video1": 2, "video2": 1, "frame_caption": "a red kite, high over a lake", "score": 0.48},\n'
        '{"video1": 0, "video2": 1, "frame_caption": "a red kite, high over a lake", "score": 0.72},\n'
        '{"video1": 2, "video2": 0, "frame_caption": "a red kite, high over a lake", "score": 1.44}\n'
        "]\n"
    )
    # the two dogs are a tie, which has no place
    assert videodpo.plan.left_out == {"pairs are ties, which the format cannot say": 1}
    assert not (videodpo.folder / "test").exists()


def theirs(yaml_file: str, meta: str) -> tuple[list[str], list[tuple[str, str, float]]]:
    """Paths, and pairs with their weight at dupbeta 1, as VideoDPO's data/video_data.py reads them."""
    videos, pairs = [], []
    for item in json.loads(Path(meta, "metadata.json").read_text()):
        if item["basic"]["clip_duration"] < 1.0:
            continue
        path = os.path.join(meta, item["basic"]["clip_path"])
        videos.append(os.path.join(yaml_file, path))
    for item in json.loads(Path(meta, "pair.json").read_text()):
        weight = (0.72 / item.get("score", 1)) ** 1.0
        pairs.append((videos[item["video1"]], videos[item["video2"]], weight))
    return videos, pairs


def test_videodpo_as_its_loader_reads_it(videodpo: Written) -> None:
    videos, pairs = theirs("configs/train_data.yaml", str(videodpo.folder / "train"))
    assert all(Path(path).is_file() for path in videos)
    named = [(Path(a).stem, Path(b).stem, round(weight, 9)) for a, b, weight in pairs]
    # a pair weighs its margin over the mean margin: 1.5, 1, 0.5
    assert named == [("k3", "k2", 1.5), ("k1", "k2", 1.0), ("k3", "k1", 0.5)]


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        (META, '"clip_duration": 2.0', '"clip_duration": 0.5', "clip_duration"),
        (META, "videos/k2.mp4", "videos/k9.mp4", "clip_path"),
        (META, "videos/k2.mp4", "videos/k1.mp4", "one row number"),
        (META, '["a red kite, high over a lake"]', '"a red kite, high over a lake"', "one caption"),
        (META, '["a red kite,', '["a blue kite,', "have its caption"),
        (META, '"basic"', '"base"', "keys"),
        (PAIRS, '"video1": 2', '"video1": 3', "row numbers"),
        (PAIRS, '"video1": 2', '"video1": "2"', "row numbers"),
        (PAIRS, '"video1": 2', '"video1": 1', "two clips"),
        (PAIRS, '"score": 0.48', '"score": 0.0', "score"),
        (PAIRS, '"score": 0.48', '"score": null', "score"),
        (PAIRS, ', "score": 0.48', "", "keys"),
    ],
)
def test_each_rule_of_videodpo(videodpo: Written, path: str, old: str, new: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        videodpo.check_of_changed(path, old, new)


def test_clips_that_would_shift_the_numbers_are_left_out(tmp_path: Path) -> None:
    root = write_dataset(
        tmp_path / "data",
        frames={"k1": {"duration_s": 0.9}, "d1": {"n_frames_in_clip": 16}},
        splits={KITE: "train"},
    )
    plan = Written(root, "videodpo", tmp_path / "out").plan
    assert plan.left_out == {
        "pairs hold a clip of less than 1 s, which the loader drops before it counts": 2
    }
    assert [row["basic"]["clip_path"] for row in plan.files[META]] == [
        "videos/k2.mp4",
        "videos/k3.mp4",
    ]
    short = {k: {"n_frames_in_clip": 15, "indices": (0, 14)} for k in JUDGED}
    root = write_dataset(tmp_path / "short", frames=short)
    with pytest.raises(SetupError, match="3 pairs hold a clip of fewer than 16 frames"):
        Written(root, "videodpo", tmp_path / "none")


def test_unifiedreward_as_it_stands(unified: Written) -> None:
    assert unified.text(DATA) == (
        "[\n"
        '{"caption": "a red kite, high over a lake", "chosen": "videos/k3.mp4", "rejected": '
        '"videos/k2.mp4", "chosen_score": "4", "rejected_score": "2.5"},\n'
        '{"caption": "a red kite, high over a lake", "chosen": "videos/k1.mp4", "rejected": '
        '"videos/k2.mp4", "chosen_score": "3.5", "rejected_score": "2.5"},\n'
        '{"caption": "a red kite, high over a lake", "chosen": "videos/k3.mp4", "rejected": '
        '"videos/k1.mp4", "chosen_score": "4", "rejected_score": "3.5"}\n'
        "]\n"
    )


def test_unifiedreward_as_its_loader_reads_it(unified: Written) -> None:
    # VideoDPO/data/video_data.py: the last two parts of a path, below META
    meta = str(unified.folder / "train")
    for item in json.loads((unified.folder / DATA).read_text()):
        for side in ("chosen", "rejected"):
            assert Path(meta, "/".join(item[side].split("/")[-2:])).is_file()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"caption": "a red kite, high over a lake"', '"caption": " "', "caption"),
        ("videos/k3.mp4", "train/videos/k3.mp4", "chosen"),
        ("videos/k3.mp4", "./videos/k3.mp4", "no more of it is kept"),
        ("videos/k3.mp4", "videos/k2.mp4", "two clips"),
        ("videos/k3.mp4", "videos/k9.mp4", "chosen"),
        ('"chosen_score": "4"', '"chosen_score": 4', "chosen_score"),
        ('"chosen_score": "4"', '"chosen_score": "nan"', "chosen_score"),
        ('"chosen_score": "4"', '"chosen_score": "2"', "higher score"),
        (', "rejected_score": "2.5"', "", "keys"),
    ],
)
def test_each_rule_of_unifiedreward(unified: Written, old: str, new: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        unified.check_of_changed(DATA, old, new)


@pytest.mark.parametrize("kind", ["videodpo", "unifiedreward"])
def test_audits_read_both_as_votes(kind: str, videodpo: Written, unified: Written) -> None:
    file = videodpo.folder / PAIRS if kind == "videodpo" else unified.folder / DATA
    reader = reader_of(file)
    assert reader.kind == kind
    finder = ClipFinder(open=True)
    people = reader.read(file, finder, None)
    video = {clip.video_id: clip.video for clip in finder.clips.values()}
    assert {(video[v.video_a], video[v.video_b], v.choice) for v in people.votes} == {
        ("videos/k3.mp4", "videos/k2.mp4", "a"),
        ("videos/k1.mp4", "videos/k2.mp4", "a"),
        ("videos/k3.mp4", "videos/k1.mp4", "a"),
    }
    assert {v.dimension for v in people.votes} == {"overall"}


def test_readers_count_as_the_loader_does_and_refuse_what_it_cannot_read(tmp_path: Path) -> None:
    def write(name: str, rows: list[object]) -> Path:
        (tmp_path / name).write_text(json.dumps(rows))
        return tmp_path / name

    clips = [
        {"basic": {"clip_path": f"{n}.mp4", "clip_duration": d}}
        for n, d in (("x", 0.5), ("y", 1.0), ("z", 3))
    ]
    write("metadata.json", clips)
    pairs = write("pair.json", [{"video1": 1, "video2": 0, "frame_caption": ["a kite"]}])
    (row,) = read_videodpo(pairs)  # x is dropped first: 0 is y, 1 is z
    assert (row.a.video, row.b.video, row.prompt) == ("z.mp4", "y.mp4", "a kite")
    for wrong in (2, "1", -1):
        write("pair.json", [{"video1": wrong, "video2": 0, "frame_caption": "a kite"}])
        with pytest.raises(SetupError, match="row 1, video1"):
            list(read_videodpo(pairs))
    data = write("dpo_data.json", [{"caption": "c", "chosen": "a/b/x.mp4", "rejected": "b/x.mp4"}])
    with pytest.raises(SetupError, match="the same clip"):
        list(read_unifiedreward(data))


def test_another_dimension_may_be_exported(dataset: Path, tmp_path: Path) -> None:
    choice = Choice(dimensions={"preference": "video_quality"}, splits=("test",))
    plan = Written(dataset, "unifiedreward", tmp_path / "out", choice).plan
    # quality d1 2, d2 5
    (row,) = plan.files["test/dpo_data.json"]
    assert (row["chosen"], row["chosen_score"], row["rejected_score"]) == (
        "videos/d2.mp4",
        "5",
        "2",
    )
