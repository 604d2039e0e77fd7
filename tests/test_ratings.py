"""Plain tables: rows and their numbers, human ratings, and what each refuses."""

import gzip
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.formats.finder import ClipFinder
from pipeline.formats.ratings import read_ratings, read_table
from schemas import Video, ids
from schemas.options import SetupError
from schemas.rows import read_json, read_json_lines, read_rows


def video(video_id, prompt_id, generator):
    return Video(
        video_id=video_id,
        prompt_id=prompt_id,
        prompt="a cat",
        generator=generator,
        uri="a.mp4",
        sha256="0" * 64,
        n_bytes=1,
        source="test",
    )


VIDEOS = [
    video("v1", "p1", "one"),
    video("v2", "p1", "two"),
    video("v3", "p2", "one"),
    video("v4", "p3", "one"),
    video("v5", "p3", "one"),
]
HEADER = "video_id,rater,dimension,score"


@pytest.fixture
def write(tmp_path):
    def write(*lines, name="table.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


# rows


def test_csv_rows_have_the_numbers_of_a_spreadsheet(write):
    path = write("a,b", "1,", "", '"two\nlines",x')
    assert list(read_rows(path)) == [
        (2, {"a": "1", "b": None}),
        (4, {"a": "two\nlines", "b": "x"}),
    ]


def test_a_byte_order_mark_is_not_part_of_the_first_column(write):
    assert list(read_rows(write("\ufeffa,b", "1,2"), ["a"])) == [(2, {"a": "1", "b": "2"})]


def test_json_lines_and_parquet_keep_their_types(write, tmp_path):
    lines = write(json.dumps({"a": 1}), "", json.dumps({"a": None}), name="t.jsonl")
    assert list(read_rows(lines)) == [(1, {"a": 1}), (3, {"a": None})]
    pq.write_table(pa.table({"a": [1.5, None]}), tmp_path / "t.parquet")
    assert list(read_rows(tmp_path / "t.parquet")) == [(1, {"a": 1.5}), (2, {"a": None})]


def test_aliases_rename(write):
    assert list(read_rows(write("aspect", "x"), ["dimension"], {"aspect": "dimension"})) == [
        (2, {"dimension": "x"})
    ]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((",",), "no header"),
        (("a,b",), "has no rows"),
        (("a,a", "1,2"), "row 1 names column 'a' more than once"),
        (("a,b", "1,2", "1"), "row 3 has 1 cells, the header has 2"),
        (("a,c", "1,2"), "row 2 has no column 'b'; it has a, c"),
        (("a,b", '1,"2'), "not readable as CSV"),
    ],
)
def test_unreadable_csv_is_refused(write, lines, message):
    path = write(*lines)
    with pytest.raises(SetupError, match=message) as refused:
        list(read_rows(path, ["a", "b"]))
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("line", "message"), [("{", "row 2 is not JSON"), ("[1]", "row 2 is not a JSON object")]
)
def test_unreadable_json_is_refused(write, line, message):
    with pytest.raises(SetupError, match=message):
        list(read_rows(write('{"a": 1}', line, name="t.jsonl")))


def test_compressed_files_hold_the_same_rows(write, tmp_path):
    whole = {
        "t.csv": "a,b\n1,2\n",
        "t.jsonl": '{"a": 1}\n',
        "t.json": '[{"a": 1}]',
        "t.tsv": "a\n1\n",
    }
    for name, text in whole.items():
        packed = tmp_path / f"{name}.gz"
        packed.write_bytes(gzip.compress(text.encode()))
        assert list(read_rows(packed)) == list(read_rows(write(text.rstrip("\n"), name=name)))
    assert read_json(tmp_path / "t.json.gz") == [{"a": 1}]
    # JSON Lines are often named *.json
    assert list(read_json_lines(write('{"a": 1}', "", '{"a": 2}', name="l.json"))) == [
        (1, {"a": 1}),
        (3, {"a": 2}),
    ]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.json.gz", "t.jsonl.gz"])
def test_what_is_not_compressed_or_cut_short_is_refused(tmp_path, name):
    path = tmp_path / name
    rows = b"\n".join(b'[{"a": "%d"}]' % n for n in range(500))
    for data in (b"plain", gzip.compress(rows)[:-20], gzip.compress(rows)[:-200]):
        path.write_bytes(data)
        with pytest.raises(SetupError, match=r"t\.\w+\.gz: .*(cannot be decompressed|row 1)"):
            list(read_rows(path))
    path = tmp_path / "t.parquet.gz"
    path.write_bytes(b"")
    with pytest.raises(SetupError, match="expected a file named"):
        read_rows(path)


def test_other_files_are_refused(write, tmp_path):
    with pytest.raises(SetupError, match=r"absent\.csv: no such file"):
        read_rows(tmp_path / "absent.csv")
    with pytest.raises(SetupError, match=r"expected a file named \*\.csv"):
        read_rows(write("x", name="t.xlsx"))
    with pytest.raises(SetupError, match="not readable as Parquet"):
        list(read_rows(write("x", name="t.parquet")))
    (tmp_path / "latin.csv").write_bytes(b"a\n\xe9\n")
    with pytest.raises(SetupError, match="not UTF-8"):
        list(read_rows(tmp_path / "latin.csv"))


def test_two_names_of_one_column_are_refused(write):
    with pytest.raises(SetupError, match="'dimension' and 'aspect' mean the same"):
        list(read_rows(write("aspect,dimension", "x,y"), [], {"aspect": "dimension"}))


# ratings


def test_ratings_by_id_and_by_origin_are_the_same(write):
    by_id = write(HEADER, "v1,r1,q,4", "v2,r1,q,2.5", name="a.csv")
    by_origin = write(
        "prompt_id,generator,rater,aspect,score", "p1,one,r1,q,4", "p1,two,r1,q,2.5", name="b.csv"
    )
    first, second = (read_ratings(path, VIDEOS) for path in (by_id, by_origin))
    assert [(r.video_id, r.prompt_id, r.generator, r.rater, r.dimension, r.score)
            for r in first.rows] == [
        ("v1", "p1", "one", "r1", "q", 4.0), ("v2", "p1", "two", "r1", "q", 2.5),
    ]  # fmt: skip
    assert [r.score for r in second.rows] == [4.0, 2.5]
    assert [r.video_id for r in second.rows] == ["v1", "v2"]
    assert (first.rows[0].source, first.rows[0].simulated) == ("a.csv", False)


def test_what_cannot_be_used_is_counted(write):
    path = write(HEADER, "v1,r1,q,0", "v1,r2,q,6", "v1,r3,q,", "v9,r1,q,3", "v2,r1,q,5")
    read = read_ratings(path, VIDEOS)
    assert (len(read.rows), read.unmatched, read.off_scale, read.blank) == (1, 1, 2, 1)
    assert len(read_ratings(path, VIDEOS, scale=(0, 10)).rows) == 3


def test_simulated_ratings_stay_simulated(write):
    path = write(HEADER + ",simulated", "v1,r1,q,3,true", "v1,r2,q,3,false")
    assert [r.simulated for r in read_ratings(path, VIDEOS).rows] == [True, False]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEADER, "v1,r1,q,good"), "row 2: column 'score': expected a number, got 'good'"),
        ((HEADER, "v1,r1,q,inf"), "row 2: column 'score': expected a number, got 'inf'"),
        ((HEADER, "v1,r1,q,3", "v2,r1,q,3", "v1,r1,q,4"), "rows 2 and 4 are both about clip 'v1'"),
        ((HEADER, "v1,r1,q,", "v1,r1,q,4"), "rows 2 and 3 are both about clip 'v1'"),
        ((HEADER, "v1,,q,3"), "row 2: column 'rater' is empty"),
        ((HEADER, "v1,a/b,q,3"), "row 2: HumanRating.rater"),
        ((HEADER, ",r1,q,3"), "row 2: says too little of its clip; give video_id, or"),
        (
            ("rater,dimension,score", "r1,q,3"),
            "row 2: says too little of its clip; give video_id, or",
        ),
        (("video_id,rater,score", "v1,r1,3"), r"no column 'dimension' \(or 'aspect'\)"),
        (
            ("prompt_id,generator,rater,dimension,score", "p3,one,r1,q,3"),
            "row 2: prompt_id 'p3' and generator 'one' match 2 clips; add a column video_id",
        ),
        ((HEADER + ",simulated", "v1,r1,q,3,maybe"), "column 'simulated': expected true or false"),
    ],
)
def test_bad_ratings_are_refused(write, lines, message):
    path = write(*lines)
    with pytest.raises(SetupError, match=message) as refused:
        read_ratings(path, VIDEOS)
    assert str(path) in str(refused.value)


def test_numbers_and_rater_names_may_have_any_type(tmp_path):
    table = pa.table(
        {"video_id": ["v1", "v2"], "rater": [7, 7], "dimension": ["q", "q"], "score": [3, None]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    read = read_ratings(tmp_path / "t.parquet", VIDEOS)
    assert [(r.rater, r.score) for r in read.rows] == [("7", 3.0)]
    assert read.blank == 1


def test_real_ratings(test_data):
    path = test_data / "fetv" / "human_ratings.csv"
    read = read_ratings(path, [video("x", "fetv-0000", "cogvideo")])
    # three raters, three aspects of this clip; the table has 27,153 rows
    assert (len(read.rows), read.unmatched, read.off_scale) == (9, 27_153 - 9, 0)


# ratings where rows make clips known


def table(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_name_their_clips_and_say_more_of_them(tmp_path):
    rows = [
        {"prompt": "a cat", "generator": "one", "rater": "r", "dimension": "q", "score": 3,
         "complexity": "simple", "duration_s": 2.0},
        {"prompt": "a cat", "generator": "two", "video": "./b/x.mp4", "rater": "r", "dimension": "q",
         "score": 4, "source": "suite"},
        {"video": "b/x.mp4", "rater": "s", "dimension": "q", "score": 5},
        {"video_id": "nothing else is known of it", "rater": "s", "dimension": "q", "score": 5},
    ]  # fmt: skip
    finder = ClipFinder(open=True)
    read = read_table(table(tmp_path / "t.jsonl", rows), finder)
    cat = ids.prompt_id("a cat")
    one, two = ids.video_id(cat, "one", ""), ids.video_id(cat, "two", "b/x.mp4")
    assert {(r.video_id, r.rater, r.score) for r in read.ratings} == {
        (one, "r", 3), (two, "r", 4), (two, "s", 5),
    }  # fmt: skip
    assert read.left_out == {"rows are about clips that are not here": 1}
    assert (finder.clips[one].complexity, finder.clips[one].duration_s) == ("simple", 2.0)
    assert (finder.clips[two].source, finder.clips[two].video) == ("suite", "b/x.mp4")
    assert (read.scale, read.scales) == ((1, 5), {"q": (1, 5)})


def test_a_clip_may_be_named_in_full_after_its_first_row(tmp_path):
    """Whatever row comes first, and whichever way a row names the clip."""
    rows = [
        {"video_id": "v", "rater": "r", "aspect": "q", "score": 3},
        {"prompt_id": "p", "generator": "g", "rater": "s", "aspect": "q", "score": 4},
        {"video_id": "v", "prompt_id": "p", "generator": "g", "rater": "t", "aspect": "q", "score": 5},
    ]  # fmt: skip
    rng = random.Random(1)
    for _ in range(6):
        rng.shuffle(rows)
        read = read_table(table(tmp_path / "t.jsonl", rows), ClipFinder(open=True))
        assert [(r.video_id, r.rater, r.score) for r in read.ratings] == [
            ("v", "r", 3), ("v", "s", 4), ("v", "t", 5),
        ]  # fmt: skip


def test_a_length_that_is_no_number_is_refused(tmp_path):
    row = {"video_id": "v", "rater": "r", "dimension": "q", "score": 3, "duration_s": "long"}
    with pytest.raises(SetupError, match="row 1: column 'duration_s': expected a number"):
        read_table(table(tmp_path / "t.jsonl", [row]), ClipFinder(open=True))
