"""Clips named after their prompts: indices, suites, altered and cut names, maps, folders."""

import dataclasses
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.vbench import Suite, split_name
from pipeline.sources.base import Found
from pipeline.sources.prompts import PromptsSource
from pipeline.sources.vbench import VBenchSource
from schemas import ids
from schemas.options import SetupError

KITE, DOG = "a red kite over a lake", "a dog digs in snow"
# 268 letters and blanks, more than a file's name takes; the second shares all but its end
LONG = "a very long walk along the shore of a lake at dusk, " * 5 + "in rain."
LONGER = LONG[:-8] + "in snow."


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "vbench_videos"
    root.mkdir()
    return root


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"clip")


def suite(root: Path, *texts: str) -> str:
    path = root.parent / "suite.json"
    rows = [{"prompt_en": text, "dimension": ["color"]} for text in texts]
    path.write_text(json.dumps(rows))
    return str(path)


def read(root: Path, **options: Any) -> Found:
    return VBenchSource(path=str(root), **options).read()


def listed(found: Found) -> list[tuple[str, str, str | None]]:
    return [(clip.generator, clip.prompt, clip.extra) for clip in found.clips]


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        read(root, **options)
    assert str(root) in str(caught.value)
    return str(caught.value)


def test_a_folder_per_model(root: Path) -> None:
    put(
        root, f"lavie/{KITE}-0.mp4", f"lavie/{KITE}-10.mp4", f"pika/{DOG}-3.gif", f"pika/{KITE}.mp4"
    )
    put(root, "pika/notes.txt", ".cache/x-0.mp4", "pika/._hidden-0.mp4")
    found = read(root, licence="MIT")
    assert listed(found) == [
        ("lavie", KITE, '{"index":0}'),
        ("lavie", KITE, '{"index":10}'),
        ("pika", DOG, '{"index":3}'),
        ("pika", KITE, None),
    ]
    clip, prompt_id = found.clips[0], ids.prompt_id(KITE)
    assert clip.path == str(root / "lavie" / f"{KITE}-0.mp4")
    assert clip.video_id == ids.video_id(prompt_id, "lavie", f"lavie/{KITE}-0.mp4")
    assert (clip.source, clip.licence) == ("vbench_videos", "MIT")
    assert [prompt.prompt_id for prompt in found.prompts] == [prompt_id, ids.prompt_id(DOG)]
    assert found.notes == ()


def test_prompts_with_a_colon_or_other_signs(root: Path) -> None:
    """`cyberpunk:` begins like an address; with `generator:` the file's name is the whole name."""
    texts = ["...and then", "100% real, #1? yes!", "cyberpunk: a city"]
    put(root, *(f"{text}-0.mp4" for text in texts))
    found = read(root, generator="m1")
    assert [clip.prompt for clip in found.clips] == texts
    assert [clip.path for clip in found.clips] == [str(root / f"{text}-0.mp4") for text in texts]


def test_other_folders_and_another_separator(root: Path) -> None:
    put(root, f"color/m1/{KITE}_0.mp4", f"scene/m1/{KITE}_1.mp4")
    found = read(root, folders="{dimension}/{generator}", index_separator="_")
    assert listed(found) == [
        ("m1", KITE, '{"dimension":"color","index":0}'),
        ("m1", KITE, '{"dimension":"scene","index":1}'),
    ]
    message = refusal(root)
    assert "'color/m1/a red kite over a lake_0.mp4' does elsewhere; set folders:" in message
    put(root, f"m2/{DOG}_0.mp4")
    found = read(root, folders="{dimension}/{generator}", index_separator="_")
    assert found.notes == (f"{root}: 1 of 3 clips lie in other folders: m2/{DOG}_0.mp4",)
    # the resolution's folder does not matter
    assert listed(read(root / "color", folders="{generator}", index_separator="_")) == [
        ("m1", KITE, '{"index":0}')
    ]


def test_the_generator_is_named_once(root: Path) -> None:
    put(root, f"m1/{KITE}-0.mp4")
    for options in ({"generator": "x", "folders": "{generator}"}, {"folders": "{}"}):
        assert "name the generator once" in refusal(root, **options)
    assert listed(read(root, generator="x", folders="{}")) == [("x", KITE, '{"index":0}')]


def test_names_of_a_suite(root: Path) -> None:
    """The final number is an index unless only the whole name is a prompt."""
    texts = ["route 66-2", "route 66", "a 3/4 view: a cat?", "café, closed", KITE]
    put(
        root,
        "m/route 66-2-0.mp4",  # -0 is the index
        "m/route 66-2.mp4",  # of two readings VBench's own: "route 66", index 2
        "m/a 3_4 view_ a cat_-1.mp4",  # what a file system does not take, replaced
        "m/cafe\u0301, closed-0.mp4",  # as some disks write an accent
    )
    found = read(root, prompts=suite(root, *texts))
    assert listed(found) == [
        ("m", "a 3/4 view: a cat?", '{"index":1}'),
        ("m", "café, closed", '{"index":0}'),
        ("m", "route 66-2", '{"index":0}'),
        ("m", "route 66", '{"index":2}'),
    ]
    assert listed(read(root, prompts=suite(root, "route 66-2", *texts[2:])))[2:] == [
        ("m", "route 66-2", '{"index":0}'),
        ("m", "route 66-2", None),
    ]


def test_signs_that_tell_prompts_apart() -> None:
    """Two emoji, two vowel signs: what is not ASCII is never taken for a replaced sign."""
    suite = Suite(["a 🐱", "🐱", "कि", "a cat", "a cat?", "?!"])
    for name in ("a 🐶-0.mp4", "🐶-0.mp4", "का-0.mp4", "--0.mp4", "a cat!-0.mp4"):
        assert suite.find(name) is None, name
    assert suite.find("?!-0.mp4") == ("?!", 0)
    assert suite.find("a cat-0.mp4") == ("a cat", 0)
    assert suite.find("a cat?-1.mp4") == ("a cat?", 1)
    assert Suite(["a cat?"]).find("a cat-0.mp4") == ("a cat?", 0)
    # the whole name is a prompt, and without its ending it is nearly another
    assert Suite(["a cat-1", "a cat?"]).find("a cat-1.mp4") == ("a cat-1", None)


def test_names_cut_by_the_file_system(root: Path) -> None:
    start = LONG[: 255 - len("-0.mp4")]
    assert len(f"{start}-0.mp4") == 255
    put(root, f"m/{start}-0.mp4", f"m/{KITE[:10]}-0.mp4", f"m/{KITE}-0.mp4")
    path = suite(root, LONG, KITE)
    found = read(root, prompts=path)
    assert listed(found) == [("m", KITE, '{"index":0}'), ("m", LONG, '{"index":0}')]
    # a short name is no cut one, and is not taken for a prompt that it begins
    assert found.notes == (f"{root}: 1 of 3 clips fit no prompt of {path}: m/{KITE[:10]}-0.mp4",)
    # two prompts begin so: it is not guessed which
    found = read(root, prompts=suite(root, LONG, LONGER, KITE))
    assert listed(found) == [("m", KITE, '{"index":0}')]
    assert "2 of 3 clips fit no prompt" in found.notes[0]


def test_names_cut_by_the_tool(root: Path) -> None:
    put(root, f"m/{LONG[:180]}-4.mp4", f"m/{KITE}-0.mp4")
    path = suite(root, LONG, KITE)
    assert listed(read(root, prompts=path, cut=180)) == [
        ("m", KITE, '{"index":0}'),
        ("m", LONG, '{"index":4}'),
    ]
    assert len(read(root, prompts=path).clips) == 1
    assert len(read(root, prompts=suite(root, LONG, LONGER, KITE), cut=180).clips) == 1


def test_ids_of_a_suite_in_a_table(root: Path, tmp_path: Path) -> None:
    """The same table as a list to generate from and to read back gives the same prompts."""
    put(root, f"m/{KITE}-0.mp4")
    table = tmp_path / "suite.csv"
    table.write_text(f"prompt,prompt_id,split,licence\n{KITE},k1,test,MIT\n{DOG},d1,,\n")
    found = read(root, prompts=str(table))
    listed_alone = PromptsSource(path=str(table)).read().prompts[0]
    assert found.prompts == [dataclasses.replace(listed_alone, source="vbench_videos")]
    assert found.clips[0].prompt_id == "k1"


def test_what_fits_no_prompt(root: Path) -> None:
    put(root, *(f"m/other {i}-0.mp4" for i in range(7)), f"m/{KITE}-0.mp4")
    path = suite(root, KITE)
    found = read(root, prompts=path)
    assert [prompt.text for prompt in found.prompts] == [KITE]
    names = "; ".join(f"m/other {i}-0.mp4" for i in range(5))
    assert found.notes == (f"{root}: 7 of 8 clips fit no prompt of {path}: {names}; and 2 more",)
    assert "7 of 8 clips fit no prompt" in refusal(root, prompts=path, unmatched="refuse")
    assert "8 of 8 clips fit no prompt" in refusal(root, prompts=suite(root, DOG))


def test_ones_own_clips_with_a_map(root: Path) -> None:
    put(root, "m1/0001.mp4", "m1/0002.mp4", "m2/0001.mp4", "m2/0003-7.mp4")
    path = root.parent / "map.json"
    path.write_text(json.dumps({"0001.mp4": KITE, "m2/0001.mp4": DOG, "0003-7.mp4": DOG}))
    found = read(root, prompts=str(path))
    assert listed(found) == [("m1", KITE, None), ("m2", DOG, None), ("m2", DOG, '{"index":7}')]
    assert found.notes == (f"{root}: 1 of 4 clips fit no prompt of {path}: m1/0002.mp4",)


def test_a_clip_that_leads_out_or_nowhere(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/x.mp4")
    put(root, f"m/{KITE}-0.mp4")
    (root / "m" / f"{DOG}-0.mp4").symlink_to(tmp_path / "elsewhere" / "x.mp4")
    message = refusal(root)
    assert "lies outside" in message
    assert "roots:" in message
    assert len(read(root, roots=[str(tmp_path / "elsewhere")]).clips) == 2
    (root / "m" / f"{DOG}-1.mp4").symlink_to(root / "gone.mp4")
    options: dict[str, Any] = {"roots": [str(tmp_path / "elsewhere")]}
    assert "1 of 3 clips are not there" in refusal(root, **options)
    assert len(read(root, **options, missing="leave_out").clips) == 2


def test_a_folder_without_clips(root: Path) -> None:
    assert "holds no clips" in refusal(root)
    assert "no such folder" in refusal(root / "absent")


def test_every_name_of_the_suite_of_vbench_is_found_again(test_data: Path, root: Path) -> None:
    rows = json.loads((test_data / "prompts" / "vbench_full_info.json").read_text())
    texts = list(dict.fromkeys(row["prompt_en"] for row in rows))
    put(root, *(f"m/{text}-{i}.mp4" for i, text in enumerate(texts)))
    found = read(root, prompts=str(test_data / "prompts" / "vbench_full_info.json"))
    assert {clip.prompt for clip in found.clips} == set(texts)
    assert len(found.clips) == 944
    assert found.notes == ()
    # and with every sign replaced, which is where two prompts could fall together
    read_again = Suite(texts)
    for text in texts:
        replaced = "".join(c if c.isalnum() else "_" for c in text)
        assert read_again.find(f"{replaced}-0.mp4") == (text, 0)


@given(st.text(min_size=1).filter(lambda t: t.strip()), st.integers(0, 10**6))
def test_a_name_gives_back_what_it_was_made_of(text: str, index: int) -> None:
    assert split_name(f"{text}-{index}") == (unicodedata.normalize("NFC", text).strip(), index)
    assert Suite([text]).find(f"{text}-{index}.mp4") == (text, index)
