"""Clips under a pattern: local folders and stores, what their paths say, texts from a map."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from object_store import KINDS, open_store

from pipeline.sources.base import Found
from pipeline.sources.clips import ClipsSource
from pipeline.sources.manifest import ManifestSource
from schemas import Clip, ids
from schemas.options import SetupError
from schemas.store import Store

NAMED = "{generator}/{prompt}-{index}.mp4"
KITE = "a red kite"


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    yield from open_store(request.param, tmp_path / "clips")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "clips"


def put(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"clip")


def read(path: object, name: str = NAMED, **options: Any) -> Found:
    return ClipsSource(path=str(path), name=name, **options).read()


def refusal(path: object, name: str = NAMED, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        read(path, name, **options)
    return str(caught.value)


def test_a_pattern_on_every_store(store: Store) -> None:
    for name in ("m2/a red kite-0.mp4", "m1/a dog-1.mp4", "m1/a dog-0.mp4", "m1/a dog-0.json",
                 "m1/deep/a cat-0.mp4"):  # fmt: skip
        store.put(name, b"clip")
    found = read(f"{store.root}/*/*.mp4", keep="reference")
    assert [(c.generator, c.prompt, c.extra, c.path, c.keep) for c in found.clips] == [
        ("m1", "a dog", '{"index":0}', f"{store.root}/m1/a dog-0.mp4", "reference"),
        ("m1", "a dog", '{"index":1}', f"{store.root}/m1/a dog-1.mp4", "reference"),
        ("m2", KITE, '{"index":0}', f"{store.root}/m2/a red kite-0.mp4", "reference"),
    ]
    # the id is that of the name below the pattern's fixed folder, wherever that lies
    prompt_id = ids.prompt_id(KITE)
    assert found.clips[2].video_id == ids.video_id(prompt_id, "m2", "m2/a red kite-0.mp4")
    assert {clip.source for clip in found.clips} == {"clips"}
    everywhere = read(f"{store.root}/**/*.mp4")
    assert [clip.prompt for clip in everywhere.clips] == ["a dog", "a dog", "a cat", KITE]
    assert [clip.generator for clip in everywhere.clips] == ["m1", "m1", "deep", "m2"]


def test_every_field_and_words_of_ones_own(root: Path) -> None:
    put(root, "256p/m1/p1_a red kite_s42_cfg7.mp4")
    found = read(f"{root}/*/*/*.mp4", "{size}/{generator}/{prompt_id}_{prompt}_s{seed}_{}.mp4")
    clip = found.clips[0]
    assert (clip.prompt_id, clip.prompt, clip.generator) == ("p1", KITE, "m1")
    assert (clip.seed, clip.extra) == (42, '{"size":"256p"}')


def test_constants(root: Path) -> None:
    put(root, "0001.mp4", "0002.mp4", "x/0003.mp4")
    found = read(f"{root}/*.mp4", "{take}.mp4", generator="m1", prompt=KITE)
    assert [(c.generator, c.prompt, c.extra) for c in found.clips] == [
        ("m1", KITE, '{"take":"0001"}'),
        ("m1", KITE, '{"take":"0002"}'),
    ]
    assert len(found.prompts) == 1
    # the fixed part of the path may name what all have in common
    found = read(f"{root}/x/*.mp4", "{generator}/{}.mp4", prompt=KITE)
    assert [c.generator for c in found.clips] == ["x"]


def test_texts_from_a_map(root: Path, tmp_path: Path) -> None:
    put(root, "m1/p1-0.mp4", "m1/p2-0.mp4", "m2/p1-0.mp4")
    by_id = tmp_path / "ids.csv"
    by_id.write_text("prompt_id,prompt\np1,a red kite\np2,a dog\n")
    found = read(f"{root}/*/*.mp4", "{generator}/{prompt_id}-{index}.mp4", prompts=str(by_id))
    assert [(c.prompt_id, c.prompt) for c in found.clips] == [
        ("p1", KITE), ("p2", "a dog"), ("p1", KITE),
    ]  # fmt: skip
    by_file = tmp_path / "files.json"
    by_file.write_text(json.dumps({"p1-0.mp4": KITE, "m2/p1-0.mp4": "a cat", "p2-0": "a dog"}))
    found = read(f"{root}/*/*.mp4", "{generator}/{}.mp4", prompts=str(by_file))
    assert [c.prompt for c in found.clips] == [KITE, "a dog", "a cat"]
    assert found.clips[0].prompt_id == ids.prompt_id(KITE)


def test_files_that_do_not_fit(root: Path, tmp_path: Path) -> None:
    put(root, "m1/a red kite-0.mp4", "m1/preview.mp4")
    message = refusal(f"{root}/*/*.mp4")
    assert message == (
        f"{root}/m1/preview.mp4: its path does not end like name: {NAMED}; correct that, "
        "narrow path:, or set unmatched: leave_out"
    )
    found = read(f"{root}/*/*.mp4", unmatched="leave_out")
    assert [c.prompt for c in found.clips] == [KITE]
    assert found.notes == (
        f"{root}/*/*.mp4: 1 of 2 clips do not fit name: {NAMED}: m1/preview.mp4",
    )
    texts = tmp_path / "t.json"
    texts.write_text('{"preview": "a red kite"}')
    options: dict[str, Any] = {"generator": "m1", "prompts": str(texts)}
    message = refusal(f"{root}/*/*.mp4", "{}.mp4", **options)
    assert f"{root}/m1/a red kite-0.mp4: {texts} has no prompt for it" in message
    found = read(f"{root}/*/*.mp4", "{}.mp4", **options, unmatched="leave_out")
    assert [c.path for c in found.clips] == [f"{root}/m1/preview.mp4"]
    nothing = refusal(f"{root}/*/*.mp4", "{generator}/x{prompt}.mp4", unmatched="leave_out")
    assert "2 of 2 clips do not fit name:" in nothing


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("{prompt}.mp4", {}, "name the generator once"),
        (NAMED, {"generator": "m1"}, "name the generator once"),
        ("{generator}/{index}.mp4", {}, "give the text by one of"),
        ("{generator}/{prompt_id}.mp4", {}, "give the text by one of"),
        (NAMED, {"prompt": "x"}, "give the text by one of"),
        ("{generator}/{}.mp4", {"prompt": "x", "prompts": "y"}, "give the text by one of"),
        ("{generator}{prompt}.mp4", {}, "two fields need some text between them"),
    ],
)
def test_fields_named_nowhere_or_twice(
    root: Path, name: str, options: dict[str, Any], says: str
) -> None:
    put(root, "m1/a red kite-0.mp4")
    assert says in refusal(f"{root}/*/*.mp4", name, **options)


def test_a_pattern_that_fits_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, "m1/a red kite-0.mp4", "[v1]/m1/a red kite-0.mp4")
    assert f"{root}/*.mp4: no file fits the pattern" in refusal(f"{root}/*.mp4")
    assert f"{root}: is a folder; say which files" in refusal(root)
    assert "absent: no such folder" in refusal(f"{root}/absent/*.mp4")
    assert "name a folder or bucket" in refusal("memory://*.mp4")
    for address in ("http://host/*.mp4", "https://host/*.mp4", "file:///x/*.mp4"):
        assert "listed on this machine (a plain path) or in a store" in refusal(address)
    # one file, a folder that is really called [v1], and a path relative to where one stands
    assert len(read(f"{root}/m1/a red kite-0.mp4").clips) == 1
    assert len(read(f"{root}/[v1]/*/*.mp4").clips) == 1
    monkeypatch.chdir(root)
    assert [c.path for c in read("m1/*.mp4").clips] == [f"{root}/m1/a red kite-0.mp4"]


def test_links_that_lead_out_are_refused(root: Path, tmp_path: Path) -> None:
    put(tmp_path, "far/m1/a red kite-0.mp4")
    root.mkdir()
    (root / "m1").symlink_to(tmp_path / "far" / "m1")
    message = refusal(f"{root}/*/*.mp4")
    assert "lies outside" in message
    found = read(f"{root}/*/*.mp4", roots=[str(tmp_path / "far")])
    assert [c.path for c in found.clips] == [f"{tmp_path}/far/m1/a red kite-0.mp4"]
    assert "roots" in refusal(f"{root}/*/*.mp4", roots=["http://host"])


def test_a_seed_that_no_table_holds(root: Path) -> None:
    put(root, f"m1/a red kite_{2**63 - 1}.mp4")
    name = "{generator}/{prompt}_{seed}.mp4"
    assert read(f"{root}/*/*.mp4", name).clips[0].seed == 2**63 - 1
    put(root, f"m1/a red kite_{2**63}.mp4")
    assert "does not fit a column of whole numbers" in refusal(f"{root}/*/*.mp4", name)


def test_the_same_prompt_id_with_two_texts(root: Path) -> None:
    put(root, "m1/p1_a red kite.mp4", "m1/p1_a dog.mp4")
    message = refusal(f"{root}/*/*.mp4", "{generator}/{prompt_id}_{prompt}.mp4")
    assert "m1/p1_a red kite.mp4: column 'prompt': differs from" in message


def test_real_clips_as_their_manifest_has_them(test_data: Path, tmp_path: Path) -> None:
    """140 clips named NUMBER__GENERATOR.mp4, of 35 prompts: found by their names, texts by file."""
    manifest = ManifestSource(path=str(test_data / "fetv" / "manifest.csv")).read()
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps({Path(c.path or "").name: c.prompt for c in manifest.clips}))
    found = read(
        test_data / "fetv" / "videos" / "*.mp4", "{number}__{generator}.mp4", prompts=str(texts)
    )
    assert (len(found.clips), len(found.prompts)) == (140, 35)

    def said(clips: Sequence[Clip]) -> set[tuple[str | None, str, str]]:
        return {(clip.path, clip.generator, clip.prompt) for clip in clips}

    assert said(found.clips) == said(manifest.clips)
