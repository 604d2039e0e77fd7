"""Shards of prompts: cut anywhere, they give the rows of the whole, and nothing that goes missing hides."""

import dataclasses
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fragile_work
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from assembly_oracle import pairs_of, scores_of
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.account import Account, Drawn, draw_up
from pipeline.books import BooksError, require
from pipeline.dataset.parquet import parts, publish, read_columns, read_rows, write_rows
from pipeline.dataset.ranges import Range, bounds_of, read_range
from pipeline.dataset.reassemble import reassemble, rules_of
from pipeline.preference import shards as shards_module
from pipeline.preference.assembly import assemble_shard
from pipeline.preference.consensus import MARK_COLUMNS, keyed_mark
from pipeline.preference.fit import fit
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.preference.prompts import judge_prompt
from pipeline.preference.rules import Rules
from pipeline.preference.shards import Shard, cut, shards_of
from pipeline.preference.votes import RANKING_COLUMNS, keyed_ranking
from pipeline.protocol import ProtocolOptions
from pipeline.stages.assemble import _require_done
from pipeline.state import write_json
from pipeline.transforms.children import in_children
from schemas import (
    SPLITS,
    Annotation,
    Comparison,
    Failure,
    HumanRating,
    Preference,
    Prompt,
    Reason,
    RecordError,
    Score,
    Settings,
    Video,
)
from schemas.layout import Layout
from schemas.tables import arrow_schema, key_of, to_row, to_table

DIMENSIONS = ("prompt_following", "video_quality")
JUDGES = ("x", "y", "z")
POINTS = [1.0, 2.0, 3.0, 4.0, 5.0]


@dataclasses.dataclass(frozen=True)
class World:
    """A few prompts of up to four clips, and what three judges said of them; some of it is missing."""

    prompts: list[Prompt]
    clips: dict[str, tuple[str, str]]
    annotations: list[Annotation]
    comparisons: list[Comparison]


def world(seed: int, n_prompts: int = 7) -> World:
    rng = random.Random(seed)
    prompts = [
        Prompt(prompt_id=f"p{i}", text=f"words {i}", source="t", split=rng.choice([*SPLITS, None]))
        for i in range(n_prompts)
    ]
    clips = {
        f"{rng.choice('abc')}{p.prompt_id}{c}": (p.prompt_id, f"g{c}")
        for p in prompts
        for c in range(rng.randint(0, 4))
    }
    return World(prompts, clips, _annotations(clips, rng), _comparisons(prompts, clips, rng))


def _annotations(clips: dict[str, tuple[str, str]], rng: random.Random) -> list[Annotation]:
    # thirds and sevenths: means whose last digits depend on how they are added up
    return [
        Annotation(
            video_id=video,
            dimension=dimension,
            annotator_id=judge,
            draw=draw,
            prompt_id=prompt,
            generator=generator,
            score=rng.choice([1.0, 2.0, 10 / 3, 30 / 7, 5.0]),
            scale_low=1.0,
            scale_high=5.0,
            n_frames=8,
            rationale="because",
        )
        for video, (prompt, generator) in clips.items()
        for dimension, judge, draw in itertools.product(DIMENSIONS, JUDGES, range(2))
        if rng.random() < 0.9
    ]


def _comparisons(
    prompts: Sequence[Prompt], clips: dict[str, tuple[str, str]], rng: random.Random
) -> list[Comparison]:
    found = []
    for prompt, dimension, judge in itertools.product(prompts, DIMENSIONS, JUDGES):
        own = sorted(video for video, (of, _) in clips.items() if of == prompt.prompt_id)
        for pair in itertools.combinations(own, 2):
            for shown in (pair, pair[::-1]):
                if rng.random() < 0.9:
                    found.append(
                        Comparison(
                            prompt_id=prompt.prompt_id,
                            video_ids=shown,
                            generators=tuple(clips[video][1] for video in shown),
                            dimension=dimension,
                            annotator_id=judge,
                            draw=0,
                            ranking=rng.choice([(1, 2), (2, 1), (1, 1)]),
                            n_frames=8,
                        )
                    )
    return found


def wave_files(folder: Path, record: type, rows: Sequence[Any]) -> list[Path]:
    """Two waves before a gate (every third clip), and two after it: a prompt is in one of each."""
    files = []
    for number, (first, half) in enumerate(itertools.product((True, False), repeat=2)):
        own = [
            row
            for row in rows
            if (sum(map(ord, str(key_of(row).split("/")[0]))) % 3 == 0) == first
            and (row.prompt_id < "p3") == half
        ]
        if own:
            files.append(write_rows(record, own, folder / f"{record.__name__}-{number}.parquet"))
    return files


def rules(kind: str = "pointwise", consensus: Any = None, **changes: Any) -> Rules:
    return Rules(
        dimensions=DIMENSIONS,
        consensus=ConsensusOptions.model_validate(consensus or {}),
        preferences=PreferenceOptions(tie_margin=0.5),
        splits=changes.pop("splits", SplitOptions()),
        protocol=ProtocolOptions.model_validate(
            {"kind": kind, **({"band": 1.0} if kind == "tie_band" else {})}
        ),
        **changes,
    )


def learned(asked: Rules, w: World) -> Rules:
    if not asked.consensus.needs_fit:
        return asked
    marks = [keyed_mark(tuple(getattr(a, name) for name in MARK_COLUMNS)) for a in w.annotations]
    people = _people(w) if asked.consensus.method == "human_weights" else []
    fitted = fit(marks, asked.consensus, people, {}, dict.fromkeys(DIMENSIONS, POINTS))
    return dataclasses.replace(asked, fitted=fitted)


def _people(w: World) -> list[HumanRating]:
    """Two raters, who rate by the clip's place in its prompt."""
    return [
        HumanRating(
            video_id=video,
            rater=rater,
            dimension=dimension,
            prompt_id=prompt,
            generator=generator,
            score=float(generator[1:]) + 1,
            source="t",
        )
        for video, (prompt, generator) in w.clips.items()
        for rater, dimension in itertools.product(("r1", "r2"), DIMENSIONS)
    ]


def cut_anywhere(w: World, ends: Sequence[int]) -> list[tuple[str, str]]:
    ids = [prompt.prompt_id for prompt in w.prompts]
    places = sorted({0, *ends, len(ids)})
    return [(ids[a], ids[b - 1]) for a, b in itertools.pairwise(places)]


def assembled(
    folder: Path, w: World, asked: Rules, ends: Sequence[int], shuffled: bool = False
) -> tuple[list[Shard], Path]:
    """The world through shards, in another order than theirs where ``shuffled``."""
    out = folder / "out"
    listed = write_rows(Prompt, w.prompts, folder / "prompts.parquet")
    annotations = wave_files(folder, Annotation, w.annotations) if asked.protocol.scores else []
    comparisons = wave_files(folder, Comparison, w.comparisons) if asked.protocol.compares else []
    shards = shards_of(cut_anywhere(w, ends), [listed], annotations, comparisons)
    for shard in shards[::-1] if shuffled else shards:
        assert assemble_shard(shard, asked, str(out)) == shard.name
    return shards, out


def written(out: Path, record: type, table: str) -> list[dict[str, Any]]:
    """All rows of a table, by key; each part must be sorted by itself."""
    rows: list[Any] = []
    for part in parts(out / table):
        own = list(read_rows(record, [part]))
        assert [key_of(row) for row in own] == sorted(key_of(row) for row in own)
        rows += own
    return [to_row(row) for row in sorted(rows, key=key_of)]


def by(rows: Sequence[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: "/".join(row[name] for name in names))


# the same rows


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    ends=st.lists(st.integers(1, 6), max_size=6),
    method=st.sampled_from(["mean", "median"]),
    shuffled=st.booleans(),
)
def test_shards_give_the_rows_that_plain_words_give(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    ends: list[int],
    method: str,
    shuffled: bool,
) -> None:
    folder, w = tmp_path_factory.mktemp("world"), world(seed)
    _, out = assembled(folder, w, rules(consensus={"method": method}), ends, shuffled)
    scores, pairs = [], []
    for prompt in w.prompts:
        said = [a for a in w.annotations if a.prompt_id == prompt.prompt_id]
        own = scores_of(said, DIMENSIONS, method)
        scores += own
        pairs += pairs_of(prompt, own, 0.5)
    assert written(out, Score, "scores") == by(scores, "video_id", "dimension", "annotator_id")
    for split in SPLITS:
        expected = by([pair for pair in pairs if pair["split"] == split], "pair_id")
        assert written(out, Preference, f"{split}/preferences") == expected


EVERYTHING = [
    *(("pointwise", {"method": m}) for m in ("mean", "median", "human_weights", "dawid_skene")),
    ("pointwise", {"scale": "standardised"}),
    ("pointwise", {"method": "human_weights", "scale": "standardised"}),
    ("pointwise", {"annotators": ["x", "z"]}),
    *itertools.product(("tie_band", "pairwise", "listwise"), ({}, {"method": "median"})),
]


@pytest.mark.parametrize(("kind", "consensus"), EVERYTHING)
def test_shards_give_the_rows_of_the_whole_and_the_books_balance(
    tmp_path: Path, kind: str, consensus: dict[str, Any]
) -> None:
    """Every protocol and consensus: all prompts at once, in memory, against four shards."""
    w = world(3)
    asked = learned(rules(kind, consensus), w)
    shards, out = assembled(tmp_path, w, asked, [1, 2, 5])
    marks = [keyed_mark(tuple(getattr(a, n) for n in MARK_COLUMNS)) for a in w.annotations]
    said = [keyed_ranking(tuple(getattr(c, n) for n in RANKING_COLUMNS)) for c in w.comparisons]
    scores: list[Score] = []
    pairs: list[Preference] = []
    for prompt in w.prompts:
        own = [mark for of, mark in marks if of == prompt.prompt_id]
        compared = [one for of, one in said if of == prompt.prompt_id]
        found = judge_prompt(prompt, own, asked, compared if asked.protocol.compares else [])
        scores += found[0]
        pairs += found[1]
    assert scores
    assert pairs
    assert written(out, Score, "scores") == [to_row(s) for s in sorted(scores, key=key_of)]
    for split in SPLITS:
        own = sorted((p for p in pairs if p.split == split), key=key_of)
        assert written(out, Preference, f"{split}/preferences") == [to_row(p) for p in own]
    for drawn in books(w, asked, shards, out):
        assert drawn.scores.balanced, drawn.scores
        assert drawn.preferences.balanced, drawn.preferences


# the books


def books(
    w: World, asked: Rules, shards: Sequence[Shard], out: Path, left_out: Sequence[str] = ()
) -> Iterator[Drawn]:
    for shard in shards:
        _, first, last = shard.wanted
        yield draw_up(
            Account(
                shard=shard,
                prompts={p.prompt_id: p for p in w.prompts if first <= p.prompt_id <= last},
                clips={v: c for v, c in w.clips.items() if first <= c[0] <= last},
                annotators=JUDGES,
                rules=asked,
                left_out=left_out,
            ),
            out,
        )


@pytest.fixture
def done(tmp_path: Path) -> tuple[World, Rules, list[Shard], Path]:
    w, asked = world(3), rules()
    shards, out = assembled(tmp_path, w, asked, [2, 5])
    return w, asked, shards, out


def test_all_that_was_said_is_seen_once(done: tuple[World, Rules, list[Shard], Path]) -> None:
    w, asked, shards, out = done
    assert len(shards) == 3
    assert sum(d.rows for d in books(w, asked, shards, out)) == len(w.annotations)


def test_a_row_that_a_shard_lost_is_missed(done: tuple[World, Rules, list[Shard], Path]) -> None:
    w, asked, shards, out = done
    part = shards[1].part(out, "scores")
    rows = list(read_rows(Score, [part]))
    lost = next(row for row in rows if row.annotator_id == "x")
    write_rows(Score, [row for row in rows if row is not lost], part)
    _, drawn, _ = books(w, asked, shards, out)
    assert drawn.scores.missing == (key_of(lost),)
    with pytest.raises(BooksError, match="stage scores do not balance"):
        require(drawn.scores)


def test_a_shard_that_an_engine_lost_is_missed(
    done: tuple[World, Rules, list[Shard], Path],
) -> None:
    w, asked, shards, out = done
    held = [len(written(out, Preference, f"{split}/preferences")) for split in SPLITS]
    for table in ("scores", *(f"{split}/preferences" for split in SPLITS)):
        shards[0].part(out, table).unlink(missing_ok=True)
    left = [len(written(out, Preference, f"{split}/preferences")) for split in SPLITS]
    first, second, third = books(w, asked, shards, out)
    assert first.scores.written == 0
    assert len(first.scores.missing) == first.scores.owed - first.scores.upstream > 0
    # its pairs rest on its scores, which are gone: the book of scores is what tells
    assert first.preferences.written == 0
    assert sum(held) > sum(left)
    assert second.scores.balanced
    assert third.scores.balanced


def test_pairs_that_a_shard_lost_are_missed(done: tuple[World, Rules, list[Shard], Path]) -> None:
    w, asked, shards, out = done
    split = next(s for s in SPLITS if shards[1].part(out, f"{s}/preferences").is_file())
    part = shards[1].part(out, f"{split}/preferences")
    lost = sorted(key for (key,) in read_columns([part], ("pair_id",)))
    part.unlink()
    _, drawn, _ = books(w, asked, shards, out)
    assert list(drawn.preferences.missing) == lost


def test_rows_of_another_shard_were_never_owed(
    done: tuple[World, Rules, list[Shard], Path],
) -> None:
    w, asked, shards, out = done
    rows = list(read_rows(Score, [shards[0].part(out, "scores")]))
    own = list(read_rows(Score, [shards[1].part(out, "scores")]))
    write_rows(Score, [*own, rows[0]], shards[1].part(out, "scores"))
    _, drawn, _ = books(w, asked, shards, out)
    assert drawn.scores.unexpected == (key_of(rows[0]),)


def test_what_a_rule_leaves_out_is_filtered(tmp_path: Path) -> None:
    """p0 in no split, p1 in train, p2 in test; 3 clips each, so 3 pairs x 3 dimensions.

    g0 is held out: its 2 pairs of p1 are filtered, not those of p2. A clip of p2 is barred: 2 of its 3
    pairs. So 9 + 6 + 6 pairs are filtered, 3 + 3 written.
    """
    prompts = [
        Prompt(prompt_id=f"p{i}", text="words", source="t", split=split)
        for i, split in enumerate((None, "train", "test"))
    ]
    clips = {f"v{i}{c}": (f"p{i}", f"g{c}") for i in range(3) for c in range(3)}
    full = random.Random(0)
    full.random = lambda: 0.0  # type: ignore[method-assign]  # nothing is missing
    w = World(prompts, clips, _annotations(clips, full), [])
    asked = rules(splits=SplitOptions(held_out_generators=["g0"]), barred=frozenset(["v21"]))
    shards, out = assembled(tmp_path, w, asked, [])
    (drawn,) = books(w, asked, shards, out)
    assert drawn.scores.balanced
    assert drawn.preferences.balanced
    assert (drawn.preferences.owed, drawn.preferences.filtered) == (27, 21)
    pairs = [
        *written(out, Preference, "train/preferences"),
        *written(out, Preference, "test/preferences"),
    ]
    assert {(p["split"], *sorted((p["video_a"], p["video_b"]))) for p in pairs} == {
        ("train", "v11", "v12"),
        ("test", "v20", "v22"),
    }


def test_a_clip_that_the_checks_left_out_is_filtered_and_not_missed(
    done: tuple[World, Rules, list[Shard], Path], tmp_path: Path
) -> None:
    w, asked, *_ = done
    out_of = next(v for v, (prompt, _) in w.clips.items() if prompt == "p1")
    kept = dataclasses.replace(w, annotations=[a for a in w.annotations if a.video_id != out_of])
    shards, out = assembled(tmp_path / "kept", kept, asked, [2, 5])
    first, *_ = books(w, asked, shards, out, [out_of])
    assert first.scores.balanced
    assert first.preferences.balanced
    assert first.scores.filtered == (len(JUDGES) + 1) * (len(DIMENSIONS) + 1)


def test_a_shard_that_fails_ends_the_stage_and_is_named(tmp_path: Path) -> None:
    _require_done(tmp_path)  # nothing failed: there is no such table
    lost = Failure(stage="assemble", key="00007", reason=Reason.CRASHED, message="exit code -9")
    write_rows(Failure, [lost], tmp_path / "failures" / "part-00000.parquet")
    with pytest.raises(
        RuntimeError, match=r"not written: 1, for example 00007: exit code -9; every paid"
    ):
        _require_done(tmp_path)


def test_tasks_in_children_all_have_a_result_or_it_is_said_why_not() -> None:
    found = in_children(fragile_work.square, range(20), processes=2, timeout_s=30)
    assert sorted(found) == [n * n for n in range(20)]
    for task, why in (
        ("raise no such colour", "ValueError: no such colour"),
        ("exit 3", "exit code 3"),
    ):
        with pytest.raises(RuntimeError, match=f"gave no result: {why}"):
            in_children(fragile_work.fragile, ["good", task], processes=1, timeout_s=30)


# the cut


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40), st.integers(1, 30))
def test_a_cut_covers_every_prompt_once_and_never_exceeds_its_size(
    n_clips: list[int], marks: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards_module, "ROWS", 2_000)
        given_clips = [(f"p{i:02d}", n) for i, n in enumerate(n_clips)]
        ranges = list(cut(given_clips, marks=marks, annotators=1, dimensions=2))
    inside = [[p for p, _ in given_clips if first <= p <= last] for first, last in ranges]
    assert [p for own in inside for p in own] == [p for p, _ in given_clips]
    n_of = dict(given_clips)
    for own in inside:
        rows = [
            2 * marks * n + 3 * (2 * n + n * (n - 1) // 2) for n in (n_of[prompt] for prompt in own)
        ]
        assert sum(rows) <= 2_000 or len(rows) == 1


def test_a_small_run_is_one_shard() -> None:
    # 8 marks, 24 scores and 18 pairs of a prompt: 50 rows, so 4,000 prompts fill a shard of 200,000
    clips = [(f"{i:05d}", 4) for i in range(4_001)]
    asked = {"marks": 1, "annotators": 1, "dimensions": 2}
    assert list(cut(clips[:4_000], **asked)) == [("00000", "03999")]
    assert list(cut(clips, **asked)) == [("00000", "03999"), ("04000", "04000")]
    assert list(cut([], **asked)) == []


# reading a range


def test_a_range_is_read_from_the_files_and_groups_that_may_hold_it(tmp_path: Path) -> None:
    ids = [f"p{i}" for i in range(10)]
    table = to_table(Prompt, [Prompt(prompt_id=p, text="t", source="s") for p in ids])
    path, bare = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(table, path, row_group_size=3)
    pq.write_table(table, bare, write_statistics=False)
    wanted = Range("prompt_id", "p2", "p4")
    assert bounds_of(path, "prompt_id") == ("p0", "p9")
    assert bounds_of(bare, "prompt_id") == (None, None)
    for file in (path, bare):
        assert bounds_of(file, "prompt_id").meets(wanted)  # type: ignore[union-attr]
        rows = read_range([file], Prompt, wanted, ("text", "prompt_id", "licence"))
        assert list(rows) == [("t", p, None) for p in ("p2", "p3", "p4")]
    empty = write_rows(Prompt, [], tmp_path / "c.parquet")
    assert bounds_of(empty, "prompt_id") is None
    assert list(read_range([empty], Prompt, wanted, ("text",))) == []


# records by the million


def test_a_table_made_by_columns_is_the_one_made_of_dictionaries() -> None:
    told = world(1)
    plain = [dataclasses.replace(a, requested=Settings(temperature=0.3)) for a in told.annotations]
    mixed = [*plain, *told.annotations]
    for record, rows in (
        (Annotation, mixed),
        (Comparison, told.comparisons),
        (Prompt, told.prompts),
    ):
        expected = pa.Table.from_pylist(
            [dataclasses.asdict(row) for row in rows], schema=arrow_schema(record)
        )
        assert to_table(record, rows).equals(expected, check_metadata=True)
        assert to_table(record, []).equals(expected.slice(0, 0), check_metadata=True)


def test_what_was_good_once_is_still_looked_at() -> None:
    """Checks of ids remember texts they have seen; neither a bad text nor another type slips through."""
    for _ in range(2):
        for bad in ("", "a/b", "a\nb", " a", None, 7):
            with pytest.raises(RecordError, match=r"Prompt\.prompt_id"):
                Prompt(prompt_id=bad, text="t", source="s")  # type: ignore[arg-type]
        Prompt(prompt_id="7", text="t", source="s")


# a finished folder


@pytest.mark.parametrize(
    ("kind", "consensus"),
    [
        ("pointwise", {}),
        ("pointwise", {"method": "human_weights"}),
        ("tie_band", {}),
        ("listwise", {}),
    ],
)
def test_a_folder_is_assembled_anew_from_its_tables(
    tmp_path: Path, kind: str, consensus: dict[str, Any]
) -> None:
    w = world(5)
    asked = learned(rules(kind, consensus), w)
    _, out = assembled(tmp_path / "run", w, asked, [2])
    layout = published(tmp_path, w, kind, consensus)
    found = rules_of(layout)
    assert found == asked
    reassemble(layout, found, w.prompts, tmp_path / "again")
    tables = [(Score, "scores"), *((Preference, f"{split}/preferences") for split in SPLITS)]
    for record, table in tables:
        assert written(tmp_path / "again", record, table) == written(out, record, table)


def test_prompts_that_are_not_named_count_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards_module, "ROWS", 1)  # every prompt is a shard
    w = world(5)
    layout = published(tmp_path, w, "pointwise", {})
    some = [prompt for prompt in w.prompts if prompt.prompt_id in ("p1", "p5")]
    reassemble(layout, rules_of(layout), some, tmp_path / "again")
    assert {row["prompt_id"] for row in written(tmp_path / "again", Score, "scores")} == {
        "p1",
        "p5",
    }


def published(folder: Path, w: World, kind: str, consensus: dict[str, Any]) -> Layout:
    """The folder of a run that came to its end, as far as the assembly reads it."""
    layout = Layout(folder / "dataset")
    videos = [
        Video(
            video_id=video,
            prompt_id=prompt,
            prompt="words",
            generator=generator,
            uri=f"media/{video}.mp4",
            sha256="0" * 64,
            n_bytes=1,
            source="t",
        )
        for video, (prompt, generator) in w.clips.items()
    ]
    compares = kind != "pointwise"
    for name, record, rows in (
        ("videos", Video, videos),
        ("prompts", Prompt, w.prompts),
        ("annotations", Annotation, w.annotations if kind in ("pointwise", "tie_band") else []),
        ("comparisons", Comparison, w.comparisons if compares else []),
        ("human_ratings", HumanRating, _people(w)),
    ):
        files = (
            wave_files(folder / "tables", record, rows)
            if name in ("annotations", "comparisons")
            else [write_rows(record, rows, folder / f"{name}.parquet")]
        )
        publish(files, layout.table(name), record)
    config = {
        "name": "t",
        "sources": [{"kind": "simulated", "prompts": 1}],
        "annotators": [{"kind": "signal"}],
        "protocol": {"kind": kind, **({"band": 1.0} if kind == "tie_band" else {})},
        "consensus": consensus,
        "preferences": {"tie_margin": 0.5},
    }
    rubrics = [{"name": f"videoprefer/{d}", "version": 1, "text": None} for d in DIMENSIONS]
    write_json(layout.run, {"config": config, "rubrics": rubrics})
    return layout
