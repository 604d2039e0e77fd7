"""Reading runs: groups of pairs, several folders, one split for a prompt, and what is refused."""

import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from videorm_folders import load, pairs, write_folder
from videorm_run import write

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import split_of
from pipeline.videorm.data.corpus import check_trainable
from pipeline.videorm.data.splits import settle, words_of
from pipeline.videorm.options import DataOptions
from schemas import Preference, Prompt
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import from_table, to_table

TWO = {"v1": {"prompt_following": 4}, "v2": {"prompt_following": 3}}


def named(names: str, dimension="prompt_following") -> dict:
    """Clips with falling scores."""
    return {v: {dimension: 5 - i} for i, v in enumerate(names.split())}


def test_a_group_holds_all_pairs_of_a_prompt_and_no_overall(tmp_path):
    scores = {
        "v1": {"prompt_following": 4, "video_quality": 2},
        "v2": {"prompt_following": 3, "video_quality": 2},
        "v3": {"prompt_following": 5},
    }  # its quality was never scored
    corpus = load(write_folder(tmp_path, {"train": {"a red kite": scores}}))
    assert corpus.dimensions == ("prompt_following", "video_quality")
    # v1 4 > v2 3; v1 4 < v3 5; v2 3 < v3 5; quality: v1 and v2 tie, nothing with v3
    assert pairs(corpus, "train") == [
        ("a red kite", "prompt_following", "v1", "v2", 1, 1.0, None, 1.0),
        ("a red kite", "prompt_following", "v1", "v3", -1, -1.0, None, 1.0),
        ("a red kite", "prompt_following", "v2", "v3", -1, -2.0, None, 1.0),
        ("a red kite", "video_quality", "v1", "v2", 0, 0.0, None, 1.0),
    ]
    (group,) = corpus.groups["train"]
    assert np.array_equal(group.scores, [[4, 2], [3, 2], [5, np.nan]], equal_nan=True)
    assert not group.by_people.any()
    assert group.generators == ("g", "g", "g")
    assert corpus.groups["test"] == ()
    assert corpus.most_frames == 2
    assert corpus.generators == {"v1": "g", "v2": "g", "v3": "g"}
    assert pickle.loads(pickle.dumps(corpus)).groups["train"][0].prompt == "a red kite"


def test_only_the_named_dimensions_are_read_and_overall_where_it_is_named(tmp_path):
    scores = {
        "v1": {"prompt_following": 4, "video_quality": 2},
        "v2": {"prompt_following": 3, "video_quality": 1},
    }
    write_folder(tmp_path, {"train": {"p": scores}})
    corpus = load(tmp_path, dimensions=["video_quality"])
    assert [g.dimension.tolist() for g in corpus.groups["train"]] == [[0]]
    pooled = load(tmp_path, dimensions=["overall"])
    # overall: (4 + 2) / 2 - (3 + 1) / 2
    assert pairs(pooled, "train") == [("p", "overall", "v1", "v2", 1, 1.0, None, 1.0)]
    assert pooled.groups["train"][0].scores.tolist() == [[3.0], [2.0]]
    both = load(tmp_path, dimensions=["video_quality", "overall"])
    assert both.dimensions == ("video_quality", "overall")
    with pytest.raises(SetupError, match=r"no labels on sharpness in .*there are prompt_following"):
        load(tmp_path, dimensions=["sharpness"])


def test_preferences_by_comparisons_carry_a_share_and_no_score(tmp_path):
    write_folder(tmp_path, {"train": {"p": TWO}})
    file = next(Layout(tmp_path).table("preferences", "train").glob("*"))
    (row,) = (r for r in from_table(Preference, pq.read_table(file)) if r.dimension != "overall")
    # three verdicts of four for a: score_a = 0.75, score_b = 0.25
    values = {n: getattr(row, n) for n in Preference.__dataclass_fields__}
    values |= {"score_a": 0.75, "score_b": 0.25, "margin": 0.5, "basis": "comparisons"}
    write(tmp_path, "preferences", to_table(Preference, [Preference(**values)]), "train")
    corpus = load(tmp_path)
    assert pairs(corpus, "train") == [("p", "prompt_following", "v1", "v2", 1, None, 0.75, 1.0)]
    assert np.isnan(corpus.groups["train"][0].scores).all()


def test_what_cannot_be_trained_on_is_refused_with_the_split_and_the_dimension(tmp_path):
    good, other = named("v1 v2"), named("v3 v4")
    tied = {"v5": {"prompt_following": 4}, "v6": {"prompt_following": 4}}
    for name, splits, message in (
        ("one", {"train": {"p": good}, "test": {"q": other}}, "1 prompts in the train split"),
        ("none", {"train": {"p": good, "q": other}}, "0 prompts in the test split"),
        (
            "tied",
            {"train": {"p": good, "q": other}, "test": {"r": tied}},
            "no untied pair of prompt_following in the test split",
        ),
    ):
        with pytest.raises(SetupError, match=message):
            check_trainable(load(write_folder(tmp_path / name, splits)))


def test_folders_that_hold_nothing_are_refused(tmp_path):
    with pytest.raises(SetupError, match="no data; name the folder"):
        load()
    with pytest.raises(SetupError, match="no such folder"):
        load(tmp_path / "absent")
    with pytest.raises(SetupError, match="no preferences; name the folder of a complete run"):
        load(tmp_path)  # not a run's folder
    empty = write_folder(tmp_path / "empty", {"train": {}})
    with pytest.raises(SetupError, match=r"preferences: no preferences; name the folder"):
        load(empty)
    good = write_folder(tmp_path / "good", {"train": {"p": TWO}})
    with pytest.raises(SetupError, match="no preferences"):
        load(good, empty)
    with pytest.raises(SetupError, match="named twice"):
        load(good, good)


def test_preferences_of_clips_without_frames_are_refused(tmp_path):
    write_folder(tmp_path / "a", {"train": {"p": TWO}})
    write_folder(tmp_path / "b", {"train": {"q": named("v8 v9")}})
    frames = next(Layout(tmp_path / "b").table("frames").glob("*"))
    frames.rename(next(Layout(tmp_path / "a").table("frames").glob("*")))
    with pytest.raises(SetupError, match=r"no frames of clip v1 \(2 of 2 clips\)"):
        load(tmp_path / "a")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("label", "c", "row 1, label: expected a, b or tie, got 'c'"),
        ("margin", float("nan"), "row 1, margin: expected a finite number, got nan"),
        ("weight", -1.0, "row 1, weight: expected a number of at least 0, got -1.0"),
        ("score_a", None, "row 1, score_a: expected a value, got None"),
        ("video_b", "v1", "row 1, video_b: expected another clip than video_a, got 'v1'"),
    ],
)
def test_a_row_that_cannot_be_is_named(tmp_path, column, value, message):
    write_folder(tmp_path, {"train": {"p": TWO}})
    file = next(Layout(tmp_path).table("preferences", "train").glob("*"))
    table = pq.read_table(file)
    rows = [{**row, column: value} for row in table.to_pylist()]
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), file)
    with pytest.raises(SetupError, match=message):
        load(tmp_path)
    pq.write_table(table.drop_columns([column]), file)
    with pytest.raises(SetupError, match=f"has no column {column}"):
        load(tmp_path)


def test_a_prompt_in_two_splits_of_one_folder_is_refused(tmp_path):
    write_folder(tmp_path, {"train": {"p": TWO}, "test": {"p": TWO}})
    with pytest.raises(SetupError, match="prompt p stands in train and in test"):
        load(tmp_path)


def test_folders_are_mixed_and_a_clip_that_stands_in_two_is_one(tmp_path):
    one = write_folder(tmp_path / "one", {"train": {"p": named("v1 v2"), "q": named("w1 w2")}})
    two = write_folder(
        tmp_path / "two", {"train": {"p": named("v2 v3")}, "test": {"r": named("x y")}}
    )
    corpus = load(one, two)
    assert corpus.clips.video_ids == ("v1", "v2", "v3", "w1", "w2", "x", "y")
    # each folder's opinion on v1 > v2 and v2 > v3; v1 and v3 were never compared
    assert [p[2:5] for p in pairs(corpus, "train")] == [
        ("v1", "v2", 1),
        ("v2", "v3", 1),
        ("w1", "w2", 1),
    ]
    p = corpus.groups["train"][0]
    # v2 was scored 4 in one folder and 5 in the other
    assert p.scores.tolist() == [[5.0], [4.5], [4.0]]
    assert corpus.notes == ()


def test_what_is_tested_on_in_any_folder_is_not_trained_on(tmp_path):
    one = {"train": {"A red  kite": named("k1 k2"), "q": named("w1 w2")}, "validation": {"z": TWO}}
    two = {"test": {"a red kite": named("x1 x2")}, "train": {"z": named("y1 y2")}}
    folders = [write_folder(tmp_path / n, s) for n, s in (("one", one), ("two", two))]
    for order in (folders, folders[::-1]):
        corpus = load(*order)
        found = {s: [g.prompt for g in gs] for s, gs in corpus.groups.items()}
        assert found == {"train": ["q"], "validation": ["z"], "test": ["a red kite"]}
        assert corpus.notes == (
            "2 prompts of train left out: by id or by words they stand in a stricter split",
        )
        # what is left out takes no memory either
        assert corpus.clips.video_ids == ("v1", "v2", "w1", "w2", "x1", "x2")


def test_one_id_with_two_texts_makes_two_groups_that_share_a_split():
    found = settle(
        [("1", "a cat", "train"), ("1", "a dog", None), ("2", "A  Dog", "test"), ("3", "x", None)]
    )
    # 1 and 2 hang together by way of the dog
    assert found["1", "a cat"] == found["1", "a dog"] == found["2", "a dog"] == "test"
    alone = split_of(Prompt(prompt_id="3", text="x", source="t"), SplitOptions())
    assert found["3", "x"] == alone


def test_file_and_row_order_do_not_matter(tmp_path):
    scores = {f"v{i}": {"prompt_following": i % 3, "video_quality": i % 2} for i in range(4)}
    other = {f"w{v}": s for v, s in scores.items()}
    one = load(write_folder(tmp_path / "a", {"train": {"p": scores, "q": other}}))
    two = load(write_folder(tmp_path / "b", {"train": {"q": other, "p": scores}}))
    same(one, two)


def same(one, two) -> None:
    assert one.clips.video_ids == two.clips.video_ids
    assert one.clips.keys == two.clips.keys
    assert (one.dimensions, one.generators, one.notes) == (
        two.dimensions,
        two.generators,
        two.notes,
    )
    for split, groups in one.groups.items():
        for first, second in zip(groups, two.groups[split], strict=True):
            for name in type(first).__dataclass_fields__:
                a, b = getattr(first, name), getattr(second, name)
                nan = isinstance(a, np.ndarray) and a.dtype.kind == "f"
                assert np.array_equal(a, b, equal_nan=nan), name


SPLIT = st.sampled_from(["train", "validation", "test"])
WORDS = st.sampled_from(["a cat", "A cat", "a  CAT", "a dog", "rain"])
FOLDER = st.dictionaries(
    WORDS, st.tuples(SPLIT, st.lists(st.integers(1, 5), min_size=2, max_size=3))
)


def build(root, content, number):
    by_split: dict = {}
    for text, (split, scores) in content.items():
        clips = {
            f"{text.replace(' ', '-')}.{i}": {"prompt_following": s} for i, s in enumerate(scores)
        }
        by_split.setdefault(split, {})[text] = clips
    ratings = [
        (
            text,
            f"{text.replace(' ', '-')}.{i}",
            f"r{r}",
            "prompt_following",
            float((s * r + number) % 5),
        )
        for text, (_, scores) in content.items()
        for i, s in enumerate(scores)
        for r in range(2)
    ]
    return write_folder(root, by_split, ratings=ratings)


@settings(max_examples=12)
@given(st.lists(FOLDER.filter(bool), min_size=2, max_size=3), st.sampled_from(["machine", "both"]))
def test_the_order_of_folders_changes_nothing_and_no_test_prompt_is_trained_on(
    tmp_path_factory, contents, labels
):
    root = tmp_path_factory.mktemp("folders")
    folders = [build(root / str(i), content, i) for i, content in enumerate(contents)]
    given_ = {"options": DataOptions(labels=labels)}
    one, two = load(*folders, **given_), load(*folders[::-1], **given_)
    same(one, two)
    stated = [(words_of(t), s) for content in contents for t, (s, _) in content.items()]
    for split, stricter in (("train", {"validation", "test"}), ("validation", {"test"})):
        banned = {words for words, s in stated if s in stricter}
        assert not banned & {words_of(g.prompt) for g in one.groups[split]}
    # and what is tested on in some folder is tested on
    assert {w for w, s in stated if s == "test"} == {words_of(g.prompt) for g in one.groups["test"]}


@settings(max_examples=15)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.data())
def test_a_pair_read_the_other_way_round_is_the_same_pair(tmp_path_factory, scores, data):
    root = tmp_path_factory.mktemp("turned")
    clips = {f"v{i}": {"prompt_following": s} for i, s in enumerate(scores)}
    write_folder(root, {"train": {"p": clips}})
    before = load(root)
    file = next(Layout(root).table("preferences", "train").glob("*"))
    table = pq.read_table(file)
    rows = [turned(r) if data.draw(st.booleans()) else r for r in table.to_pylist()]
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), file)
    after = load(root)
    for one, two in zip(before.groups["train"], after.groups["train"], strict=True):
        sign = np.where(one.a == two.a, 1, -1)
        assert (np.where(sign > 0, two.a, two.b) == one.a).all()
        assert (np.where(sign > 0, two.b, two.a) == one.b).all()
        assert (one.label == sign * two.label).all()
        assert (one.margin == sign * two.margin).all()
        assert (one.scores == two.scores).all()
        assert one.rows.tolist() == two.rows.tolist()


def turned(row: dict) -> dict:
    swapped = {
        f"{n}_{a}": row[f"{n}_{b}"]
        for n in ("video", "generator", "score", "n")
        for a, b in ("ab", "ba")
    }
    label = {"a": "b", "b": "a", "tie": "tie"}[row["label"]]
    return {**row, **swapped, "label": label, "margin": -row["margin"]}


def test_only_the_splits_asked_for_are_read(tmp_path):
    by_split = {"train": {"p": named("v1 v2")}, "test": {"q": named("w1 w2")}}
    corpus = load(write_folder(tmp_path, by_split), splits=("test",))
    assert list(corpus.groups) == ["test"]
    assert corpus.clips.video_ids == ("w1", "w2")
    assert corpus.generators == {"w1": "g", "w2": "g"}
    nothing = load(tmp_path, splits=("validation",))
    assert nothing.groups == {"validation": ()}
    assert nothing.clips.video_ids == ()
