"""Prompt suites for generation: every layout, the same words once, dimensions, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats.prompt_list import is_map, read_prompt_list, read_prompt_map
from pipeline.sources.base import Found
from pipeline.sources.prompts import PromptsSource
from schemas import Prompt, ids
from schemas.options import SetupError

KITE, DOG, CAT = "a red kite over a lake", "a dog digs in snow", "a cat, asleep"
SUITE = [
    {"prompt_en": KITE, "dimension": ["color", "scene"]},
    {"prompt_en": DOG, "dimension": ["dynamic_degree"], "auxiliary_info": {"x": 1}},
    {"prompt_en": f" {KITE}", "dimension": ["imaging_quality"]},
]


def write(folder: Path, name: str, content: str | list[Any] | dict[str, Any]) -> str:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def read(path: str, **options: Any) -> Found:
    return PromptsSource(path=path, **options).read()


def texts(found: Found) -> list[str]:
    return [prompt.text for prompt in found.prompts]


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        read(path, **options)
    assert path in str(caught.value)
    return str(caught.value)


def test_text_lines_with_a_mark_blank_lines_and_either_line_end(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_bytes(f"\ufeff{KITE}\r\n\r\n  {DOG} \n\n{CAT}".encode())
    found = read(str(tmp_path / "p.txt"), licence="MIT")
    assert found.prompts == [
        Prompt(prompt_id=ids.prompt_id(text), text=text, source="p.txt", licence="MIT")
        for text in (KITE, DOG, CAT)
    ]
    assert (len(found.clips), len(found.notes)) == (0, 0)
    assert [row.number for row in read_prompt_list(tmp_path / "p.txt")] == [1, 3, 5]


def test_a_line_is_what_ends_in_a_line_break_and_nothing_else(tmp_path: Path) -> None:
    # U+2028 and form feed end a line for str.splitlines, and stand inside of prompts
    text = "a sign\u2028below it\x0ca second"
    assert texts(read(write(tmp_path, "p.txt", f"{text}\n{DOG}\n"))) == [text, DOG]


def test_tables_of_every_kind_with_what_else_they_say(tmp_path: Path) -> None:
    rows = [
        {"caption": KITE, "prompt_id": "p1", "split": "test", "licence": "CC0-1.0", "source": "VidProM"},
        {"caption": CAT, "prompt_id": None, "split": None, "licence": None, "source": None},
    ]  # fmt: skip
    (tmp_path / "p.csv").write_text(
        f'caption,prompt_id,split,licence,source\n{KITE},p1,test,CC0-1.0,VidProM\n"{CAT}",,,,\n'
    )
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    write(tmp_path, "p.json", rows)
    for name in ("p.csv", "p.jsonl", "p.parquet", "p.json"):
        found = read(str(tmp_path / name), column="caption", licence="MIT")
        assert list(found.prompts) == [
            Prompt(prompt_id="p1", text=KITE, source="VidProM", licence="CC0-1.0", split="test"),
            Prompt(prompt_id=ids.prompt_id(CAT), text=CAT, source=name, licence="MIT"),
        ]
    assert "'prompt'" in refusal(str(tmp_path / "p.csv"))


def test_a_json_list_of_texts(tmp_path: Path) -> None:
    assert texts(read(write(tmp_path, "p.json", [KITE, DOG]))) == [KITE, DOG]


def test_a_suite_with_dimensions(tmp_path: Path) -> None:
    path = write(tmp_path, "suite.json", SUITE)
    found = read(path)
    assert texts(found) == [KITE, DOG]
    assert list(found.notes) == [f"{path}: 1 rows have the words of an earlier one: left out"]
    found = read(path, dimensions=["imaging_quality", "scene"])
    assert texts(found) == [KITE]
    assert f"{path}: 1 rows are of other dimensions: left out" in found.notes
    message = refusal(path, dimensions=["color", "colour"])
    assert "no prompt has dimension 'colour'; it has color, dynamic_degree" in message
    assert "it has none" in refusal(write(tmp_path, "p.txt", KITE), dimensions=["color"])


def test_the_suite_of_vbench(test_data: Path) -> None:
    """946 entries; two texts stand in two entries each, so 944 prompts. 72 are of dynamic_degree."""
    path = str(test_data / "prompts" / "vbench_full_info.json")
    found = read(path)
    assert len(found.prompts) == 944
    assert list(found.notes) == [f"{path}: 2 rows have the words of an earlier one: left out"]
    # two prompts that differ in one capital letter stay two
    assert {"a fantasy landscape", "A fantasy landscape"} <= set(texts(found))
    assert len(read(path, dimensions=["dynamic_degree"]).prompts) == 72
    # counted in the file: 93 entries have both, and `scene` has 86 of its own
    both = read(path, dimensions=["scene", "aesthetic_quality"])
    rows = [row for row in json.loads(Path(path).read_text())
            if {"scene", "aesthetic_quality"} & set(row["dimension"])]  # fmt: skip
    assert {*texts(both)} == {row["prompt_en"] for row in rows}


def test_the_same_words_under_two_ids_are_one_prompt(tmp_path: Path) -> None:
    path = write(
        tmp_path, "p.csv", f"prompt,prompt_id\n{KITE},p1\n{DOG},p2\na red  kite over a lake,p3\n"
    )
    found = read(path)
    assert [(p.prompt_id, p.text) for p in found.prompts] == [("p1", KITE), ("p2", DOG)]
    assert "1 rows" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("p.txt", "\n \n", "names no prompt"),
        ("p.json", [], "has no entries"),
        ("p.json", [KITE, " "], "row 2: expected a prompt, got ' '"),
        ("p.json", [KITE, 7], "row 2: expected a prompt, got 7"),
        ("p.json", [{"text": KITE}], "row 1 has neither 'prompt' nor 'prompt_en'"),
        ("p.json", [{"prompt": KITE, "dimension": [1]}], "row 1, column 'dimension'"),
        ("p.json", {"a": KITE}, "expected a JSON list"),
        ("p.json", "[", "not JSON"),
        ("p.json", '["a \\ud800 kite"]', "row 1: holds half of a letter"),
        ("p.csv", f"prompt,prompt_id\n{KITE},p1\n{DOG},p1\n", "row 3, column 'prompt': differs"),
        ("p.csv", f"prompt,split\n{KITE},test\n{KITE},train\n", "row 3, column 'split': 'train'"),
        ("p.csv", f"prompt,split\n{KITE},dev\n", "row 2, column 'split': 'dev'"),
        ("p.csv", f"prompt,split\n{KITE},test\n,test\n", "row 3: expected a prompt, got None"),
        ("p.doc", KITE, "expected a file named"),
    ],
)
def test_a_bad_entry_is_named(tmp_path: Path, name: str, content: Any, says: str) -> None:
    assert says in refusal(write(tmp_path, name, content))


def test_a_file_that_is_absent_or_no_text(tmp_path: Path) -> None:
    assert "no such file" in refusal(str(tmp_path / "absent.txt"))
    (tmp_path / "p.txt").write_bytes(b"caf\xe9")
    assert "not UTF-8" in refusal(str(tmp_path / "p.txt"))


def test_maps_of_names_to_prompts(tmp_path: Path) -> None:
    plain = write(tmp_path, "map.json", {"a.mp4": KITE, "b.mp4": f" {DOG} "})
    assert is_map(plain)
    assert read_prompt_map(plain) == {"a.mp4": KITE, "b.mp4": DOG}
    assert not is_map(write(tmp_path, "list.json", [KITE]))
    assert not is_map(write(tmp_path, "p.txt", KITE))
    table = write(tmp_path, "map.csv", f"file,prompt\na.mp4,{KITE}\n")
    assert read_prompt_map(table) == {"a.mp4": KITE}
    table = write(tmp_path, "ids.csv", f"prompt_id,prompt\np1,{KITE}\np1,{KITE}\n")
    assert read_prompt_map(table) == {"p1": KITE}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.json", '{"a.mp4": "one", "a.mp4": "two"}', "entry 'a.mp4': 'a.mp4' has two prompts"),
        ("m.json", {"a.mp4": ""}, "entry 'a.mp4': expected a prompt"),
        ("m.json", {}, "names no prompt"),
        ("m.json", [KITE], "expected a JSON object"),
        ("m.csv", "prompt_id,prompt\np1,one\np1,two\n", "row 3: 'p1' has two prompts"),
        ("m.csv", "prompt\none\n", "a column prompt_id or file"),
        ("m.csv", "prompt_id,file,prompt\np1,a.mp4,one\n", "a column prompt_id or file"),
    ],
)
def test_a_bad_map_is_named(tmp_path: Path, name: str, content: Any, says: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(SetupError, match="^" + path.replace(".", r"\.")) as caught:
        read_prompt_map(path)
    assert says in str(caught.value)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["a b", "a  b", " a b", "c", "C", "d\te"]), min_size=1))
def test_every_text_once_in_the_order_of_the_first(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    found = read(write(tmp_path_factory.mktemp("p"), "p.json", lines))
    words = [" ".join(line.split()) for line in lines]
    assert [" ".join(text.split()) for text in texts(found)] == list(dict.fromkeys(words))
