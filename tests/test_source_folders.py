"""What lies below a folder or an address, in one order; and templates of paths."""

import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from object_store import KINDS, open_store

from pipeline.config import load_config
from pipeline.sources import folders
from pipeline.sources.clips import ClipsSource
from pipeline.sources.evalcrafter import EvalCrafterSource
from pipeline.sources.folders import joined, names_below
from pipeline.sources.template import Template
from pipeline.sources.vbench import VBenchSource
from pipeline.sources.vidprom import VidProMSource
from schemas.far import StoreError
from schemas.options import SetupError
from schemas.store import Store

NAMES = ["B/x-0.mp4", "B/x-1.mp4", "a/b/c-0.mp4", "a/é-0.mp4", "a/é-1.mp4", "é/z-0.mp4"]


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    yield from open_store(request.param, tmp_path)


def test_names_are_the_same_on_every_store(store: Store) -> None:
    for name in [*NAMES, "._x.mp4", ".cache/x.mp4", "a/.part/y.mp4", "...dots-0.mp4"]:
        store.put(name, b"clip")
    assert names_below(store.root) == ["...dots-0.mp4", *NAMES]


def test_an_address_that_cannot_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for root in ("nostore://x", "http://x", "file:///x", "memory://a::http://b"):
        with pytest.raises(SetupError, match=f"{root}: files are listed on this machine"):
            names_below(root)

    def refuse(store: Store, folder: str = "") -> None:
        raise StoreError("s3://x: cannot be listed: PermissionError: no credentials")

    monkeypatch.setattr(Store, "names", refuse)
    with pytest.raises(
        SetupError, match="s3://x: cannot be listed: PermissionError: no credentials"
    ):
        names_below("s3://x")


def test_linked_folders_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    (tmp_path / "root" / "m").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "x.mp4").write_bytes(b"x")
    (tmp_path / "root" / "m" / "y.mp4").write_bytes(b"y")
    (tmp_path / "root" / "n").symlink_to(tmp_path / "far")
    (tmp_path / "root" / "m" / "up").symlink_to(tmp_path / "root")
    (tmp_path / "far" / "self").symlink_to(tmp_path / "far")
    assert names_below(str(tmp_path / "root")) == ["m/y.mp4", "n/x.mp4"]


def test_no_deeper_than_asked(tmp_path: Path) -> None:
    for name in ("x.mp4", "a/x.mp4", "a/b/x.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names_below(str(tmp_path), 1) == ["x.mp4"]
    assert names_below(str(tmp_path), 2) == ["a/x.mp4", "x.mp4"]
    assert len(names_below(str(tmp_path))) == 3


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.mp4", "wb"):
        pass
    with pytest.raises(SetupError, match=r"'caf\\udce9\.mp4' is not UTF-8; rename"):
        names_below(str(tmp_path))


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    with pytest.raises(SetupError, match=f"{tmp_path}: cannot be read: Permission denied"):
        names_below(str(tmp_path))


RECIPE = """
sources:
  - {kind: vbench, path: vbench, prompts: map.json, index_separator: "-"}
  - {kind: evalcrafter, path: crafter, prompts: prompt700.txt}
  - {kind: clips, path: "vbench/*/*.mp4", name: "{generator}/{prompt}-{index}.mp4"}
  - {kind: vidprom, path: v.csv, max_probability: {toxicity: 0.5}, words: [1, 9], videos: {pika: pika}}
  - {kind: prompts, path: prompt700.txt}
annotators: [{kind: signal}]
"""
UUIDS = [f"00000000-0000-5000-8000-00000000000{i}" for i in range(3)]


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each kind that lists a folder."""
    root = tmp_path_factory.mktemp("benchmarks")
    for model in ("m1", "m2", "m10"):
        for name in ("vbench/{}/a kite-0.mp4", "vbench/{}/a kite-1.mp4", "vbench/{}/a dog-0.mp4",
                     "crafter/{}/0000.mp4", "crafter/{}/0002.mp4"):  # fmt: skip
            file = root / name.format(model)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"clip")
        for uuid in UUIDS:
            file = root / "pika" / model / f"pika-{uuid}.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"clip")
    (root / "prompt700.txt").write_text("one\ntwo\nthree")
    (root / "v.csv").write_text(
        "uuid,prompt,toxicity\n" + "".join(f"{u},a kite,0.1\n" for u in UUIDS)
    )
    return root


def test_a_recipe_with_every_kind(benchmarks: Path) -> None:
    """Relative paths start at the recipe's folder, those of a setting where one stands."""
    (benchmarks / "map.json").write_text('{"a kite-0.mp4": "a kite", "m1/a dog-0.mp4": "x"}')
    (benchmarks / "recipe.yaml").write_text(RECIPE)
    sources = load_config(str(benchmarks / "recipe.yaml")).sources
    counts = [(len(found.prompts), len(found.clips)) for found in (s.read() for s in sources)]
    assert counts == [(2, 4), (2, 6), (2, 9), (3, 9), (3, 0)]
    elsewhere = f"sources.0.path={benchmarks}/vbench/m1"
    flat = load_config(str(benchmarks / "recipe.yaml"), [elsewhere, "sources.0.generator=m1"])
    assert len(flat.sources[0].read().clips) == 1


def test_settings_inside_a_list_or_a_mapping_of_paths_are_paths(
    benchmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They start at the current folder, as those of a whole key do."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"sources: [{{kind: vidprom, path: {benchmarks}/v.csv, videos: {{pika: absent}}, roots: [absent]}}]\n"
        "annotators: [{kind: signal}]\n"
    )
    monkeypatch.chdir(benchmarks)
    settings = ["sources.0.videos.pika=pika/m1", "sources.0.roots.0=vbench"]
    (source,) = load_config(str(recipe), settings).sources
    assert source.videos == {"pika": f"{benchmarks}/pika/m1"}
    assert source.roots == [f"{benchmarks}/vbench"]
    (unchanged,) = load_config(str(recipe), ["sources.0.licence=MIT"]).sources
    assert unchanged.roots == [f"{tmp_path}/absent"]


def test_a_recipe_that_is_no_utf_8_or_names_the_home_of_nobody(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_bytes(RECIPE.encode() + b"# caf\xe9")
    with pytest.raises(SetupError, match="not valid YAML"):
        load_config(str(recipe))
    recipe.write_text(RECIPE.replace("path: vbench,", "path: ~nobody-of-this-name/vbench,"))
    with pytest.raises(
        SetupError, match="path: ~nobody-of-this-name/vbench: there is no such user"
    ):
        load_config(str(recipe))


def every_kind(root: Path) -> list[Any]:
    return [
        source.read()
        for source in (
            VBenchSource(path=str(root / "vbench")),
            EvalCrafterSource(path=str(root / "crafter"), prompts=str(root / "prompt700.txt")),
            ClipsSource(path=f"{root}/vbench/*/*.mp4", name="{generator}/{prompt}-{index}.mp4"),
            VidProMSource(path=str(root / "v.csv"), videos={"pika": str(root / "pika")}),
        )
    ]


@settings(max_examples=20)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_disk_does_not_matter(benchmarks: Path, chance: random.Random) -> None:
    class Shuffled:
        """A folder's entries as another file system might give them."""

        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self._entries = list(entries)
            chance.shuffle(self._entries)

        def __enter__(self) -> Any:
            return iter(self._entries)

        def __exit__(self, *_: object) -> None:
            pass

    scandir = os.scandir
    expected = every_kind(benchmarks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders.os, "scandir", Shuffled)
        assert every_kind(benchmarks) == expected
    assert [len(found.clips) for found in expected] == [9, 6, 9, 9]


@pytest.mark.parametrize(
    ("template", "path", "fields"),
    [
        ("{generator}/{prompt}-{index}.mp4", "/x/m1/a-2-0.mp4",
         {"generator": "m1", "prompt": "a-2", "index": "0"}),
        ("{generator}/{prompt}-{index}.mp4", "/x/m1/a kite.mp4", None),
        ("{generator}/{}/{prompt}.{}", "/x/m1/256p/a.b.gif", {"generator": "m1", "prompt": "a.b"}),
        ("{prompt_id}_{seed}.mp4", "p_1_42.mp4", {"prompt_id": "p_1", "seed": "42"}),
        ("{prompt_id}_{seed}.mp4", "p_x.mp4", None),
        ("m1/{prompt}.mp4", "/xm1/a.mp4", None),  # a folder's whole name
        ("{prompt}.mp4", "/x/a\nb.mp4", {"prompt": "a\nb"}),
        ("{prompt}.mp4", "/x/a.mp4.part", None),
        ("(a|b)*{prompt}.mp4", "(a|b)*c.mp4", {"prompt": "c"}),  # nothing but braces is special
    ],
)  # fmt: skip
def test_templates(template: str, path: str, fields: dict[str, str] | None) -> None:
    assert Template(template, "name").at_end(path) == fields


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{prompt}{index}.mp4", "two fields need some text between them"),
        ("{a}/{a}", "names a field more than once"),
        ("{a b}.mp4", "a field is a word in braces"),
        ("{a.mp4", "has a brace that does not close"),
        ("a}.mp4", "has a brace that does not close"),
    ],
)
def test_templates_that_cannot_be_read(template: str, says: str) -> None:
    with pytest.raises(SetupError, match=r"^name: ") as caught:
        Template(template, "name")
    assert says in str(caught.value)


word = st.text("ab-_. é", min_size=1)


@given(word, word, st.integers(0, 10**9))
def test_a_path_gives_back_its_fields(generator: str, prompt: str, index: int) -> None:
    path = joined("/x/y", f"{generator}/{prompt}-{index}.mp4")
    fields = Template("{generator}/{prompt}-{index}.mp4", "name").at_end(path)
    assert fields == {"generator": generator, "prompt": prompt, "index": str(index)}
