"""Rubrics load, render to exactly the words that were released, and say what a reply must be."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import load_rubric, render, reply_schema, rubric_names
from schemas.ids import sha256_hex
from schemas.options import SetupError

GOLDEN = Path(__file__).parent / "golden"
RELEASED = ["videoprefer/prompt_following@1", "videoprefer/video_quality@1"]

TWO_DIMENSIONS = """
name: mine/both
version: 3
protocol: pointwise
template: pointwise.v1
role: A judge.
task: Judge.
checklist: [Look.]
dimensions:
  - name: colour
    question: Are the colours right?
    scale:
      - {score: 0, label: wrong, anchor: not at all}
      - {score: 1, label: right, anchor: all of them}
  - name: motion
    question: Does it move?
    scale:
      - {score: 1, label: still, anchor: still}
      - {score: 2, label: some, anchor: some}
      - {score: 3, label: much, anchor: much}
"""


@pytest.fixture
def two(tmp_path: Path) -> str:
    path = tmp_path / "both.yaml"
    path.write_text(TWO_DIMENSIONS)
    return str(path)


def test_every_packaged_rubric_is_where_its_name_says() -> None:
    assert rubric_names() == RELEASED
    for name in rubric_names():
        rubric = load_rubric(name)
        assert f"{rubric.name}@{rubric.version}" == name
        assert rubric.dimensions[0].name == rubric.name.split("/")[1]
        assert [point.score for point in rubric.dimensions[0].scale] == [1, 2, 3, 4, 5]


def test_a_name_without_a_version_is_the_newest() -> None:
    assert load_rubric("videoprefer/video_quality") == load_rubric("videoprefer/video_quality@1")


@pytest.mark.parametrize("name", RELEASED)
def test_released_words_never_change(name: str) -> None:
    """A changed comma is a new rubric: these files hold the request as version 1 rendered it."""
    words = render(load_rubric(name), prompt='a "red" ball\nrolls', n_frames=3,
                   times_s=[0.0, 0.5, 1.25])  # fmt: skip
    golden = GOLDEN / (name.split("/")[1].replace("@", ".v") + ".txt")
    assert f"{words.system}\n=====\n{words.user}\n" == golden.read_text()


def test_the_hash_covers_rubric_and_template(tmp_path: Path) -> None:
    rubric, template = tmp_path / "r.yaml", tmp_path / "t.j2"
    text = TWO_DIMENSIONS.replace("pointwise.v1", "t.j2")
    template.write_text("{% block system %}s{% endblock %}{% block user %}u{% endblock %}")
    rubric.write_text(text)
    first = load_rubric(str(rubric)).sha256
    assert first == sha256_hex(text.encode() + b"\0" + template.read_bytes())
    rubric.write_text(text + "# a comment\n")
    second = load_rubric(str(rubric)).sha256
    template.write_text(template.read_text() + "\n")
    assert len({first, second, load_rubric(str(rubric)).sha256}) == 3


def test_several_dimensions_go_through_the_same_door(two: str) -> None:
    rubric = load_rubric(two)
    words = render(rubric, prompt="x", n_frames=1)
    assert '"colour", "motion"' in words.system
    assert "0 (wrong): not at all" in words.system
    assert "3 (much): much" in words.system
    schema = reply_schema(rubric)
    assert list(schema["properties"]) == schema["required"] == ["colour", "motion"]
    assert schema["properties"]["colour"]["properties"]["score"]["enum"] == [0, 1]


def test_reply_schema_is_strict_and_asks_for_the_score_first() -> None:
    assert reply_schema(load_rubric("videoprefer/video_quality")) == {
        "type": "object",
        "properties": {
            "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
            "rationale": {"type": "string"},
        },
        "required": ["score", "rationale"],
        "additionalProperties": False,
    }
    fields = reply_schema(load_rubric("videoprefer/video_quality"))["properties"]
    assert list(fields) == ["score", "rationale"]  # equal dictionaries may differ in order


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_the_prompt_of_a_clip_stays_one_json_string_between_its_tags(prompt: str) -> None:
    rubric = load_rubric("videoprefer/video_quality")
    words = render(rubric, prompt=prompt, n_frames=8)
    _, opening, data, closing, *_ = words.user.split("\n")
    assert json.loads(data) == prompt
    assert closing == opening.replace("<", "</")
    assert words.user.count(opening) == 1
    assert words.system == render(rubric, prompt="another", n_frames=1).system


def test_a_long_prompt_is_cut_and_says_so() -> None:
    words = render(load_rubric("videoprefer/video_quality"), prompt="ab" * 2500, n_frames=8)
    assert "only its first 4000 of 5000 characters" in words.user
    assert json.loads(words.user.split("\n")[2]) == "ab" * 2000


def test_times_are_told_only_where_all_are_known() -> None:
    rubric = load_rubric("videoprefer/video_quality")
    told = render(rubric, prompt="x", n_frames=2, times_s=[0.0, 0.125]).user
    assert told.endswith("taken at 0.00, 0.12 seconds.")
    for times in ([0.0, None], []):
        assert "seconds" not in render(rubric, prompt="x", n_frames=2, times_s=times).user


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("version: 3", "version: three"), "version"),
        (("role: A judge.", "rule: A judge."), "role"),
        (("protocol: pointwise", "protocol: guess"), "protocol"),
        (("score: 0", "score: 9"), "ascending"),
        (("template: pointwise.v1", "template: absent.v7"), "absent.v7"),
        (("dimensions:", "dimensions: ["), "not YAML"),
    ],
)
def test_a_faulty_rubric_names_file_and_field(
    two: str, change: tuple[str, str], message: str
) -> None:
    Path(two).write_text(TWO_DIMENSIONS.replace(*change))
    with pytest.raises(SetupError, match=message) as caught:
        load_rubric(two)
    assert two in str(caught.value)


def test_an_unknown_rubric_lists_what_exists() -> None:
    for name in ("videoprefer/beauty", "videoprefer/video_quality@2", "video_quality"):
        with pytest.raises(SetupError, match="videoprefer/video_quality@1"):
            load_rubric(name)


def test_a_template_with_an_unknown_variable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(TWO_DIMENSIONS.replace("pointwise.v1", "t.j2"))
    (tmp_path / "t.j2").write_text("{% block system %}{{ rolle }}{% endblock %}")
    with pytest.raises(SetupError, match="rolle"):
        render(load_rubric(str(tmp_path / "r.yaml")), prompt="x", n_frames=1)
