"""Where clips may lie: whatever is found lies inside a declared place."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.sources.base import ClipSource
from pipeline.sources.listing import Listing, Where
from pipeline.sources.places import OutsideError, Places, is_remote
from schemas.options import SetupError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A set with a clip, a further root reached by a link, and a folder that is none of theirs."""
    for folder in ("set/videos", "more", "secret"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "set/videos/a.mp4").touch()
    (tmp_path / "more/b.mp4").touch()
    (tmp_path / "secret/key.mp4").touch()
    (tmp_path / "root").symlink_to(tmp_path / "more")
    (tmp_path / "set/out").symlink_to(tmp_path / "secret")
    (tmp_path / "set/videos/in.mp4").symlink_to(tmp_path / "set/videos/a.mp4")
    (tmp_path / "set/loop.mp4").symlink_to("loop.mp4")
    return tmp_path


def find(tree: Path, value: str, *roots: str, urls: bool = False) -> str:
    return Places(tree / "set", ["../root", "gs://bucket/dir", *roots], urls=urls).find(value)


def test_what_is_inside_is_found_as_what_it_really_is(tree: Path) -> None:
    set_, more = tree / "set", tree / "more"
    for value, found in {
        "videos/a.mp4": set_ / "videos/a.mp4",
        "./videos/../videos//a.mp4": set_ / "videos/a.mp4",
        "videos/in.mp4": set_ / "videos/a.mp4",  # a link that stays inside
        f"{tree}/root/b.mp4": more / "b.mp4",  # a root that is a link
        f"{more}/b.mp4": more / "b.mp4",
        f"file://{set_}/videos/a.mp4": set_ / "videos/a.mp4",
        f"FILE://localhost{set_}/a%20b%23.mp4": set_ / "a b#.mp4",
        "a cat: running-0.mp4": set_ / "a cat: running-0.mp4",  # names of VBench's kind
        "./clip:1.mp4": set_ / "clip:1.mp4",
        "C:\\clips\\a.mp4": set_ / "C:\\clips\\a.mp4",  # no drives here: a name like any other
        "..\\a.mp4": set_ / "..\\a.mp4",
        "%2e%2e/a.mp4": set_ / "%2e%2e/a.mp4",  # nothing but a file: address has percent signs
        "ü.mp4": set_ / "ü.mp4",
        "u\u0308.mp4": set_ / "u\u0308.mp4",  # another name to a Linux disk
        "x" * 5000: set_ / ("x" * 5000),
    }.items():
        assert find(tree, value) == str(found), value
    for value, address in {
        "gs://bucket/dir/a.mp4": "gs://bucket/dir/a.mp4",
        "GS://bucket/dir/./x/../a.mp4": "gs://bucket/dir/a.mp4",
        "gs://bucket/dir/%2e%2e/a": "gs://bucket/dir/%2e%2e/a",  # an object's name is what it is
    }.items():
        assert find(tree, value) == address
        assert is_remote(address)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("../secret/key.mp4", "lies outside"),
        ("out/key.mp4", "lies outside"),
        ("videos/../../set2/a.mp4", "lies outside"),
        ("/etc/passwd", "lies outside"),
        ("~/a\0.mp4", "is not a path"),
        ("\ud800.mp4", "is not a path"),
        ("file:///etc/passwd", "lies outside"),
        ("file:///%2e%2e/%65tc/passwd", "lies outside"),
        ("file:etc/passwd", "is not a file:/// address"),
        ("file://host/a.mp4", "is not on this machine"),
        ("file://[host/a.mp4", "is not a file:/// address"),
        ("file:///%ff.mp4", "is not a file:/// address"),
        ("concat:a.mp4|b.mp4", "is not on this machine"),
        ("subfile:a.mp4", "is not on this machine"),
        ("data:video/mp4;base64,AAAA", "is not on this machine"),
        ("ftp://h/a.mp4", "is not on this machine"),
        ("HTTP://h/a.mp4", "is not on this machine"),
        ("gs://bucket/a.mp4", "lies outside"),
        ("gs://bucket/dir-2/a.mp4", "lies outside"),
        ("gs://bucket/dir/../../other/a.mp4", "lies outside"),
        ("gs://BUCKET/dir/a.mp4", "lies outside"),
        ("s3://bucket/dir/a.mp4", "lies outside"),
        ("gs:bucket/dir/a.mp4", "names no place"),
        ("gs://", "names no place"),
        ("gs://bucket/dir/a\0.mp4", "names no place"),
        ("gs://bucket/dir/zip://a::https://h/b", "'::'"),
        ("memory://dir/a.mp4", "lies outside"),
        ("https://h/a.mp4", "urls: true"),
    ],
)
def test_what_is_outside_is_refused(tree: Path, value: str, says: str) -> None:
    with pytest.raises(OutsideError, match=says):
        find(tree, value)


def test_a_fragment_or_query_would_name_another_file(tree: Path) -> None:
    (tree / "set/take").touch()
    for value in (f"file://{tree}/set/take#2.mp4", f"file://{tree}/set/take?2.mp4"):
        with pytest.raises(OutsideError, match="%23"):
            find(tree, value)


def test_addresses_on_the_net_where_they_are_allowed(tree: Path) -> None:
    assert find(tree, "HTTPS://Host/a.mp4?sig=1", urls=True) == "https://Host/a.mp4?sig=1"
    for value, says in {
        "https://u:p@h/a.mp4": "user name or password",
        "https:///a.mp4": "no host",
        "https:h/a.mp4": "no host",
        "https://h:22/a.mp4": "port 22",
        "https://h:x/a.mp4": "cannot be fetched",
        "https://h/a b.mp4": "blanks",
        "https://h/a\r\nX: y": "control characters",
        "https://h\\@evil/a": "backslashes",
        "http://h/a.mp4": "is not on this machine",
    }.items():
        with pytest.raises(OutsideError, match=says):
            find(tree, value, urls=True)


def test_a_base_in_a_store_holds_relative_names(tmp_path: Path) -> None:
    places = Places("gs://bucket/set", [str(tmp_path)])
    assert places.find("a/b.mp4") == "gs://bucket/set/a/b.mp4"
    assert places.find(f"{tmp_path}/a.mp4") == f"{tmp_path}/a.mp4"
    for value in ("../other/a.mp4", "a/../../../x.mp4", "/etc/passwd"):
        with pytest.raises(OutsideError, match="lies outside"):
            places.find(value)
    with pytest.raises(OutsideError, match="'::'"):
        places.find("a::b.mp4")


PARTS = st.sampled_from(
    ["..", ".", "", "a", "videos", "out", "root", "set", "secret", "loop.mp4", "a.mp4", "%2e%2e",
     "bucket", "dir", "gs:", "s3:", "file:", "FILE:", "https:", "C:", "::", "memory:", "localhost",
     "\0", "\\", "?", "#", "@", "ü", " ", "~", "[", "%ff", "x" * 300]
)  # fmt: skip


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree.__wrapped__(tmp_path_factory.mktemp("grown"))  # type: ignore[attr-defined]


@given(st.lists(st.one_of(PARTS, st.text(max_size=6)), max_size=8).map("/".join))
@example("gs://bucket/dir/../dir/../../bucket/dir/x")
@example("file:///%00")
def test_whatever_is_found_lies_inside(grown: Path, value: str) -> None:
    """Inside: the real path of a local place, or the address, starts with a root and a slash."""
    try:
        place = find(grown, value)
    except OutsideError:
        return
    roots = ["gs://bucket/dir", *map(os.path.realpath, (grown / "set", grown / "more"))]
    assert any(f"{place}/".startswith(f"{root}/") for root in roots)
    assert "/../" not in f"{place}/"
    if not is_remote(place):
        assert os.path.realpath(place) == place


def listing(tree: Path, **options: object) -> Listing:
    source = ClipSource.model_validate({"kind": "x", "urls": True, **options})
    return Listing("m", Places(tree / "set", urls=True), source)


@pytest.mark.parametrize(
    ("options", "clip", "says"),
    [
        ({"keep": "reference"}, {"video": "https://h/a.mp4"}, "column 'video': keep: reference"),
        ({"keep": "reference"}, {"frame_files": ["a.jpg"], "frame_rate": 8.0}, "keep: reference"),
        (
            {},
            {"frame_files": ["a.jpg"], "frame_rate": 8.0, "sha256": "0" * 64},
            "'sha256': promises",
        ),
        ({}, {"frame_files": ["a.jpg"], "frame_rate": 0.0}, "'frame_rate': 0 is no number"),
        ({}, {"frame_files": ["a.jpg"], "frame_rate": float("nan")}, "'frame_rate': nan is no"),
        ({}, {"frame_files": ["a.jpg"], "frame_rate": 1e-9}, "'frame_rate': 1e-09 is no"),
        ({}, {"frame_files": ["a.jpg"], "frame_rate": 1e9}, "'frame_rate': 1e"),
        ({}, {"frame_files": ["../a.mp4"], "frame_rate": 8.0}, "is not the name of a picture"),
        ({}, {"frame_files": ["in.mp4"], "frame_rate": 8.0}, "is a link"),
        ({}, {"video": "https://h/d", "frame_files": ["a"], "frame_rate": 8.0}, "https has none"),
    ],
)
def test_clips_that_cannot_be_what_they_are_said_to_be(
    tree: Path, options: dict[str, object], clip: dict[str, object], says: str
) -> None:
    rows = listing(tree, **options)
    prompt = rows.prompt(Where("m.csv", 3), "a red ball")
    with pytest.raises(SetupError, match=rf"m\.csv: row 3, .*{says}"):
        rows.clip(Where("m.csv", 3), prompt, "g", **{"video": "videos", **clip})  # type: ignore[arg-type]
