"""Clips named by the number of their prompt: the number is the key, whatever the words."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats.evalcrafter import read_numbered
from pipeline.sources.base import Found
from pipeline.sources.evalcrafter import EvalCrafterSource
from schemas import ids
from schemas.options import SetupError

# as the published list: the same words under two numbers, no line break after the last
LINES = ["a red kite", "a dog digs in snow", "a red kite", "", "a cat"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "prompt700.txt").write_text("\n".join(LINES))
    for name in ("m1/0000.mp4", "m1/0002.mp4", "m2/0004.mp4", "m2/0000.mp4", "m2/readme.md"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / name).write_bytes(b"stub")
    return tmp_path


def read(root: Path, **options: Any) -> Found:
    options = {"prompts": str(root / "prompt700.txt"), **options}
    return EvalCrafterSource(path=str(root / "videos"), **options).read()


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        read(root, **options)
    return str(caught.value)


def test_clips_that_are_there_by_number(root: Path) -> None:
    found = read(root)
    assert [(p.prompt_id, p.text) for p in found.prompts] == [
        ("evalcrafter-0000", "a red kite"),
        ("evalcrafter-0002", "a red kite"),
        ("evalcrafter-0004", "a cat"),
    ]
    assert [(c.generator, c.prompt_id, c.path) for c in found.clips] == [
        ("m1", "evalcrafter-0000", str(root / "videos/m1/0000.mp4")),
        ("m1", "evalcrafter-0002", str(root / "videos/m1/0002.mp4")),
        ("m2", "evalcrafter-0000", str(root / "videos/m2/0000.mp4")),
        ("m2", "evalcrafter-0004", str(root / "videos/m2/0004.mp4")),
    ]
    assert found.clips[3].video_id == ids.video_id("evalcrafter-0004", "m2", "m2/0004.mp4")
    assert found.notes == ()


def test_the_three_layouts_of_the_list_say_the_same(root: Path) -> None:
    texts = {number: line for number, line in enumerate(LINES) if line}
    (root / "prompts").mkdir()
    (root / "prompts" / "readme.txt").write_text("not a prompt")
    for number, line in texts.items():
        (root / "prompts" / f"{number:04d}.txt").write_text(line + "\n")
    entries = {f"{n:04d}": {"prompt": line, "attributes": {}} for n, line in texts.items()}
    (root / "metadata.json").write_text(json.dumps(entries))
    for name in ("prompt700.txt", "prompts", "metadata.json"):
        assert read_numbered(root / name) == texts
        assert read(root, prompts=str(root / name)) == read(root)


def test_line_700_of_700(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("\r\n".join(f"prompt {n + 1}" for n in range(700)))
    texts = read_numbered(tmp_path / "p.txt")
    assert (len(texts), texts[0], texts[699]) == (700, "prompt 1", "prompt 700")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("m1/0005.mp4", "has no prompt 5 (it has 0 to 4); take the clip out"),
        ("m1/0003.mp4", "has no prompt 3 "),  # its line is blank
        ("m1/best.mp4", "is not named by a number such as 0007"),
    ],
)
def test_a_clip_without_a_prompt_is_named(root: Path, name: str, says: str) -> None:
    (root / "videos" / name).write_bytes(b"stub")
    message = refusal(root)
    assert message.startswith(f"{root}/videos/{name}: ")
    assert says in message


def test_clips_in_other_folders_are_counted(root: Path) -> None:
    (root / "videos" / "0000.mp4").write_bytes(b"stub")
    assert read(root).notes == (f"{root}/videos: 1 of 5 clips lie in other folders: 0000.mp4",)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("absent.txt", None, "no such file"),
        ("absent.json", None, "no such file"),
        ("p.txt", "\n\n", "names no prompt"),
        ("p.json", "[", "not JSON"),
        ("p.json", "[]", "expected an object"),
        ("p.json", '{"x": {"prompt": "a"}}', "'x' is not a number"),
        ("p.json", '{"0000": {"text": "a"}}', "'0000': expected a prompt, got None"),
        ("p.json", '{"0000": "a"}', "'0000': expected a prompt, got None"),
        ("p.json", '{"0000": {"prompt": "a"}, "0": {"prompt": "b"}}', "'0' stands there twice"),
        ("p.json", '{"0000": {"prompt": "a \\ud800"}}', "'0000': holds half of a letter"),
    ],
)
def test_a_bad_list_is_named(root: Path, name: str, content: str | None, says: str) -> None:
    if content is not None:
        (root / name).write_text(content)
    message = refusal(root, prompts=str(root / name))
    assert message.startswith(f"{root}/{name}: ")
    assert says in message
