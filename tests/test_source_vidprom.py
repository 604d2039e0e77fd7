"""VidProM's table: filters, options behind prompts, the choice by hash while it streams, clips."""

import csv
import tracemalloc
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.formats.vidprom import COLUMNS, PROBABILITIES, uuid_in, without_options
from pipeline.sources.base import Found, limited
from pipeline.sources.chosen import Chosen
from pipeline.sources.vidprom import VidProMSource
from schemas import Prompt, ids
from schemas.ids import hash_fraction
from schemas.options import SetupError

KITE, DOG = "a red kite over a lake", "a dog, digging in snow -motion 2"
# as published: COLUMNS, then a row each; the six probabilities stand in the order of PROBABILITIES
ROWS = [
    (KITE, 0.001, 0.0002, 7e-05, 0.0006, 2e-05, 2e-05),
    (DOG, 0.017, 0.0003, 0.003, 0.002, 0.0002, 5e-05),
    ("cat", 0.5, 0.0001, 0.0001, 0.0001, 0.0001, 0.25),
    ("one two three", "", 0.1, 0.1, 0.1, 0.1, 0.1),
    ("  ", 0.1, 0.1, 0.1, 0.1, 0.1, 0.1),
]


def uid(n: int) -> str:
    return f"00000000-0000-5000-8000-{n:012d}"


def write(folder: Path, rows: list[tuple[Any, ...]] = ROWS) -> str:
    path = folder / "VidProM_unique.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n, (text, *probabilities) in enumerate(rows):
            writer.writerow((uid(n), text, "Sun Sep  3 12:27:44 2023", *probabilities))
    return str(path)


def put(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"clip")
    return str(folder)


def read(path: str, **options: Any) -> Found:
    return VidProMSource(path=path, **options).read()


def kept(found: Found) -> list[str]:
    return [prompt.text for prompt in found.prompts]


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        read(path, **options)
    return str(caught.value)


def test_every_row_with_a_prompt_unless_filters_are_set(tmp_path: Path) -> None:
    path = write(tmp_path)
    found = read(path)
    assert found.prompts[1] == Prompt(
        prompt_id=uid(1), text=DOG, source="VidProM_unique.csv", licence="CC-BY-NC-4.0"
    )
    assert kept(found) == [KITE, DOG, "cat", "one two three"]
    assert found.notes == (f"{path}: of 5 rows left out: 1 with no prompt",)
    assert read(path, prompt_licence="own").prompts[0].licence == "own"


def test_filters_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path)
    # all six: 0.5 of toxicity is too much for "cat", and "one two three" has no toxicity
    found = read(path, max_probability=0.4)
    assert kept(found) == [KITE, DOG]
    assert found.notes == (
        f"{path}: of 5 rows left out: 1 with a probability above max_probability, "
        "1 with a probability missing, 1 with no prompt",
    )
    # the limit itself passes; columns that are not named are not looked at
    assert kept(read(path, max_probability={"sexual_explicit": 0.25})) == kept(read(path))
    assert "cat" not in kept(read(path, max_probability={"sexual_explicit": 0.2499}))
    # KITE has 6 words, DOG 7 with its option and 5 without
    assert kept(read(path, words=(6, 7))) == [KITE, DOG]
    assert kept(read(path, words=(6, 7), strip_options=True)) == [KITE]
    assert kept(read(path, words=(1, 1))) == ["cat"]


def test_options_are_stripped_only_on_request(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert read(path).prompts[1].text == DOG
    assert read(path, strip_options=True).prompts[1].text == "a dog, digging in snow"
    bare = write(tmp_path, [("-motion 2 -gs 12", *[0.1] * 6), (KITE, *[0.1] * 6)])
    assert read(bare, strip_options=True).notes == (
        f"{bare}: of 2 rows left out: 1 with no prompt",
    )


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [
        ("a kite -motion 2", "a kite"),
        ("a kite --ar 16:9 --v 5.2", "a kite"),
        ("a kite -gs 12 -neg blurry, low quality -camera zoom in", "a kite"),
        ("a kite —ar 16:9", "a kite"),  # as phones correct it
        ("a kite --ar=16:9\n", "a kite"),
        ("a kite -MOTION 4", "a kite"),
        ("a kite --tile --no text", "a kite --tile"),
        ("a kite -motion 2 over a lake", "a kite -motion 2 over a lake"),  # not at the end
        ("a kite -motion 2, in slow motion", "a kite -motion 2, in slow motion"),
        ("a well-known x-ray -unknown 2", "a well-known x-ray -unknown 2"),
        ("two - three", "two - three"),
        ("minus -5 degrees", "minus -5 degrees"),
        ("-motion 2", ""),
    ],
)
def test_what_counts_as_an_option(prompt: str, plain: str) -> None:
    assert without_options(prompt) == plain


@given(st.text("a -—:\nmotin9", max_size=60))
def test_stripping_takes_from_the_end_and_once_is_enough(prompt: str) -> None:
    plain = without_options(prompt)
    assert prompt.startswith(plain)
    assert without_options(plain) == plain


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=40, unique=True),
    st.integers(1, 12),
    st.booleans(),
)
def test_a_limit_while_streaming_chooses_as_one_afterwards(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], limit: int, filtered: bool
) -> None:
    """``read`` with a limit is ``limited`` of ``read`` without: prompts, clips, notes, order."""
    folder = tmp_path_factory.mktemp("v")
    with (folder / "v.csv").open("w") as file:
        file.write("uuid,prompt,toxicity\n")
        file.writelines(f"{uid(n)},prompt {n},{n / 100}\n" for n in numbers)
    put(folder / "pika", *(f"{uid(n)}.mp4" for n in range(0, 31, 2)))
    options: dict[str, Any] = {"path": str(folder / "v.csv"), "videos": {"pika": f"{folder}/pika"},
                               "without_clips": "keep"}  # fmt: skip
    if filtered:
        options["max_probability"] = {"toxicity": 0.3}
    expected = limited(read(**options), limit)
    assert read(**options, limit=limit) == expected
    assert len(expected.prompts) == min(limit, len(numbers))


@given(st.lists(st.integers(0, 8), max_size=30), st.integers(1, 6))
def test_rows_of_one_prompt_stay_together(numbers: list[int], limit: int) -> None:
    chosen: Chosen[int] = Chosen(limit)
    for n in numbers:
        chosen.add(str(n), n)
    best = sorted(set(numbers), key=lambda n: hash_fraction("limit", str(n)))[:limit]
    assert chosen.rows() == [n for n in numbers if n in best]


def test_of_equal_hashes_the_earlier_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a stable sort has it, which is what ``limited`` does."""
    monkeypatch.setattr("pipeline.sources.chosen.hash_fraction", lambda *_: 0.5)
    chosen: Chosen[str] = Chosen(2)
    for name in "zbya":
        chosen.add(name, name)
    assert chosen.rows() == ["z", "b"]


def test_memory_is_that_of_the_rows_kept(tmp_path: Path) -> None:
    """8,000 rows are 1.3 MB of text; ten of them and one batch of the file are far less."""
    path = write(tmp_path, [(f"{KITE} {n} " + "word " * 10, *[0.1] * 6) for n in range(8_000)])
    assert Path(path).stat().st_size > 1.3e6
    tracemalloc.start()
    try:
        found = read(path, limit=10, max_probability=0.5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.prompts) == 10
    assert peak < 5e5


def test_clips_by_the_uuid_in_their_names(tmp_path: Path) -> None:
    path = write(tmp_path)
    pika = put(
        tmp_path / "pika", f"01/pika-{uid(0).upper()}.mp4", f"02/{uid(1)}-0.mp4", f"02/{uid(1)}-1.mp4",
        f"02/{uid(77)}.mp4", "02/readme.txt", "pika_videos_1.tar",
    )  # fmt: skip
    vc2 = put(tmp_path / "elsewhere", f"{uid(1)}.mp4")
    found = read(path, videos={"vc2": vc2, "pika": pika}, licence="CC-BY-NC-4.0")
    assert kept(found) == [KITE, DOG]
    assert [(c.generator, c.prompt_id, c.path) for c in found.clips] == [
        ("pika", uid(0), f"{pika}/01/pika-{uid(0).upper()}.mp4"),
        ("pika", uid(1), f"{pika}/02/{uid(1)}-0.mp4"),
        ("pika", uid(1), f"{pika}/02/{uid(1)}-1.mp4"),
        ("vc2", uid(1), f"{vc2}/{uid(1)}.mp4"),
    ]
    assert found.clips[3].video_id == ids.video_id(uid(1), "vc2", f"{uid(1)}.mp4")
    assert found.clips[3].licence == "CC-BY-NC-4.0"
    assert found.notes == (
        f"{path}: of 5 rows left out: 2 with no clip, 1 with no prompt",
        f"{path}: 1 clips of pika belong to no row that is left",
    )
    found = read(path, videos={"pika": pika}, without_clips="keep")
    assert len(found.prompts) == 4


def test_clips_that_are_packed_or_of_other_names(tmp_path: Path) -> None:
    path = write(tmp_path)
    folder = put(tmp_path / "pika", "pika_videos_1.tar", "pika_videos_2.tar")
    message = refusal(path, videos={"pika": folder})
    assert f"{folder}: pika_videos_1.tar is packed; unpack the tar files" in message
    folder = put(tmp_path / "ms", "0001.mp4")
    assert f"{folder}: no clip in it has a UUID" in refusal(path, videos={"ms": folder})
    assert "no such folder" in refusal(path, videos={"ms": str(tmp_path / "absent")})


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("nonsense,a,0.1\n", "row 2, column 'uuid': 'nonsense' is not a UUID"),
        (f"{uid(0)},a,0.1\n{uid(1)},b,high\n", "row 3: column 'toxicity': expected a number"),
        (f"{uid(0)},a,1.5\n", "row 2, column 'toxicity': 1.5 is not a probability"),
        (f"{uid(0)},a,0.1\n{uid(0)},b,0.1\n", "row 3, column 'prompt': differs from row 2"),
        (
            f"{uid(0)},a,0.9\n",
            "no row of 1 is left: of 1 rows left out: 1 with a probability above",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, rows: str, says: str) -> None:
    path = tmp_path / "v.csv"
    path.write_text("uuid,prompt,toxicity\n" + rows)
    message = refusal(str(path), max_probability={"toxicity": 0.5})
    assert message.startswith(f"{path}: ")
    assert says in message


def test_a_missing_column_is_named_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text(f"uuid,prompt\n{uid(0)},{KITE}\n")
    assert kept(read(str(path))) == [KITE]
    assert f"no column {PROBABILITIES[0]!r}" in refusal(str(path), max_probability=0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"max_probability": 1.5},
        {"max_probability": {"rudeness": 0.5}},
        {"max_probability": {"insult": -1}},
        {"words": (5, 3)},
        {"words": (0, 3)},
    ],
)
def test_options_that_mean_nothing(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VidProMSource(path="v.csv", **options)


@given(st.uuids())
def test_a_uuid_is_found_in_any_name(value: uuid.UUID) -> None:
    assert uuid_in(f"pika-{str(value).upper()}_0.mp4") == str(value)
    assert uuid_in(str(value)[:-1] + ".mp4") is None
