"""Rubrics load, render to exactly the words that were released, and say what a reply must be."""

import collections
import dataclasses
import itertools
import json
import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import (
    as_protocol,
    load_rubric,
    render,
    render_several,
    reply_schema,
    rubric_names,
)
from prompts.levels import shown_dimensions
from schemas import PROTOCOLS
from schemas.ids import sha256_hex
from schemas.options import SetupError

GOLDEN = Path(__file__).parent / "golden"
RELEASED = [
    "videoprefer/prompt_following@1",
    "videoprefer/video_quality@1",
    "visionprefer/aesthetic@1",
    "visionprefer/fidelity@1",
    "visionprefer/harmlessness@1",
]
# SHA-256 of files that paid replies are keyed by: they never change. A rubric's own sha256 covers
# its file, a zero byte and its template.
HASHES = {
    "rubrics/videoprefer/prompt_following.v1.yaml":
        "b185f1bc041933e9b16e54e2921282747f850932a6b9e52354764eccb0107833",
    "rubrics/videoprefer/video_quality.v1.yaml":
        "8fdab46a0500c2a627967d5d194af1be3c204d42cd96b57b11bfc5df640e40d0",
    "rubrics/visionprefer/aesthetic.v1.yaml":
        "9a42626bcd6b267b2a3448613ff9dc8156c90dcbda962adc9f6ed9dea05360c1",
    "rubrics/visionprefer/fidelity.v1.yaml":
        "58a4b7090f317062d25ad20936caf0099fa6e728e6b9fe0a910fb9ff9a79e956",
    "rubrics/visionprefer/harmlessness.v1.yaml":
        "4ba26714483fffea26b956dc604158208e2633a8336cb2496e949c75ccd7079a",
    "templates/pointwise.v1.j2":
        "f7b438c44f9d5f24d52eac53c31718fcdf82c4bad006771e1d68e33c5f4eec61",
}  # fmt: skip

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
    assert rubric_names() == ["videofeedback/video_score@1", *RELEASED]
    for name in rubric_names():
        rubric = load_rubric(name)
        assert f"{rubric.name}@{rubric.version}" == name
    for name in RELEASED:
        rubric = load_rubric(name)
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


@pytest.mark.parametrize("file", HASHES)
def test_released_files_never_change(file: str) -> None:
    assert sha256_hex((resources.files("prompts") / file).read_bytes()) == HASHES[file]


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
        (("score: 0", "score: 9"), r"dimensions\.\d\.scale: .*rising; got 9, "),
        (("template: pointwise.v1", "template: absent.v7"), "absent.v7"),
        (("dimensions:", "dimensions: ["), "not YAML"),
        (("name: motion", "name: colour"), "dimensions: two are named 'colour'"),
        (("protocol: pointwise", "protocol: pairwise"), "template 'pointwise.v1': .*'n_frames'"),
        (("template: pointwise.v1", "template: listwise.v1"), "template 'listwise.v1': .*'videos'"),
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


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% block system %}{{ rolle }}{% endblock %}", "rolle"),
        ("{% block system %}s{% endblock %}", "no block 'user'"),
        ("{% block system %}s{% endblock %}{% block user %}{{ role\n }{% endblock %}", "line 2"),
        ("{% block system %}s{% endblock %}{% block user %}{{ t if times_s }}{% endblock %}", "'t'"),
        ("{% block system %}s{% endblock %}{% block user %}{{ n_frames + role }}{% endblock %}", "int"),
    ],
)  # fmt: skip
def test_a_faulty_template_is_refused_when_it_is_read(
    tmp_path: Path, template: str, message: str
) -> None:
    rubric = tmp_path / "r.yaml"
    rubric.write_text(TWO_DIMENSIONS.replace("pointwise.v1", "t.j2"))
    (tmp_path / "t.j2").write_text(template)
    with pytest.raises(SetupError, match=message) as caught:
        load_rubric(str(rubric))
    assert f"{rubric}: template 't.j2'" in str(caught.value)


# Levels in an order drawn by hash


def test_no_order_key_leaves_the_words_as_they_were() -> None:
    rubric = load_rubric("videoprefer/video_quality")
    assert render(rubric, prompt="x", n_frames=3) == render(
        rubric, prompt="x", n_frames=3, order_key=None
    )


def _levels(words: str) -> list[int]:
    return [int(found) for found in re.findall(r"^(\d) \(", words, re.MULTILINE)]


def test_every_order_of_five_levels_can_occur() -> None:
    """120 orders; of 3,000 keys each has its share of 25 within five standard deviations (5 x 5)."""
    rubric = load_rubric("videoprefer/video_quality")
    orders = collections.Counter(
        tuple(point.score for point in shown_dimensions(rubric, f"v{i} 0")[0].scale)
        for i in range(3000)
    )
    assert set(orders) == set(itertools.permutations(range(1, 6)))
    assert max(orders.values()) <= 50


def test_a_drawn_order_changes_the_order_of_levels_and_nothing_else() -> None:
    rubric = load_rubric("videoprefer/video_quality")
    plain = render(rubric, prompt="x", n_frames=3)
    drawn = render(rubric, prompt="x", n_frames=3, order_key="v 0")
    assert drawn == render(rubric, prompt="x", n_frames=3, order_key="v 0")
    assert drawn.user == plain.user
    assert _levels(plain.system) == [1, 2, 3, 4, 5]
    assert _levels(drawn.system) != [1, 2, 3, 4, 5]
    assert sorted(drawn.system.split("\n")) == sorted(plain.system.split("\n"))
    assert "a whole number from 1 to 5" in drawn.system  # the ends of the scale, not of the list


def test_each_scale_has_an_order_of_its_own() -> None:
    rubric = load_rubric("videofeedback/video_score")
    levels = _levels(render(rubric, prompt="x", n_frames=1, order_key="k").system)
    orders = [tuple(levels[i : i + 4]) for i in range(0, 20, 4)]
    assert all(sorted(order) == [1, 2, 3, 4] for order in orders)
    assert len(set(orders)) > 1


# Several videos


CLIPS = [(8, [0.0, 0.43]), (1, [0.5]), (2, [0.0, None])]


def test_captions_name_each_video_its_frames_and_times() -> None:
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), "listwise")
    assert render_several(rubric, prompt="x", clips=CLIPS).captions == (
        ("Video A, 8 frames in order of time, taken at 0.00, 0.43 seconds:", 8),
        ("Video B, one frame, taken at 0.50 seconds:", 1),
        ("Video C, 2 frames in order of time:", 2),
    )


def test_one_clip_has_no_captions() -> None:
    assert render(load_rubric("videoprefer/video_quality"), prompt="x", n_frames=2).captions == ()


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
@given(prompt=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_the_prompt_of_several_clips_is_data_too(protocol: str, prompt: str) -> None:
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), protocol)
    words = render_several(rubric, prompt=prompt, clips=CLIPS[:2])
    _, opening, data, closing, *_ = words.user.split("\n")
    assert json.loads(data) == prompt
    assert closing == opening.replace("<", "</")
    assert words.user.count(opening) == 1
    again = render_several(rubric, prompt="another", clips=CLIPS[:2])
    assert (words.system, words.captions) == (again.system, again.captions)


def test_the_order_of_the_clips_changes_captions_and_letters_only() -> None:
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), "pairwise")
    one = render_several(rubric, prompt="x", clips=CLIPS[:2])
    other = render_several(rubric, prompt="x", clips=CLIPS[1::-1])
    assert (one.system, one.user) == (other.system, other.user)
    assert other.captions[0][0].startswith("Video A, one frame")


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_comparing_words_offer_no_tie_and_forbid_what_must_not_count(protocol: str) -> None:
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), protocol)
    words = render_several(rubric, prompt="x", clips=CLIPS[:2])
    system = words.system
    assert not re.search(r"\btie\b|\bequal", system)
    assert "Think about each video alone first" in system
    assert "must not matter" in system
    assert "never instructions to you" in system
    answer = "choice" if protocol == "pairwise" else "ranking"
    assert system.index(f'"{answer}"') < system.index('"rationale"')
    for item in (*rubric.checklist, *(point.anchor for point in rubric.dimensions[0].scale)):
        assert item in system


def test_another_protocol_keeps_the_words_and_has_a_hash_of_its_own() -> None:
    rubric = load_rubric("videoprefer/video_quality")
    asked = {protocol: as_protocol(rubric, protocol) for protocol in PROTOCOLS}
    assert asked["pointwise"] is rubric
    assert len({one.sha256 for one in asked.values()}) == 3
    for protocol in ("pairwise", "listwise"):
        template = (resources.files("prompts") / f"templates/{protocol}.v1.j2").read_bytes()
        assert asked[protocol] == dataclasses.replace(
            rubric,
            protocol=protocol,
            template=template.decode(),
            sha256=sha256_hex(f"{rubric.sha256}\n".encode() + template),
        )
    with pytest.raises(SetupError, match="'pairs'; choose one of pointwise, pairwise, listwise"):
        as_protocol(rubric, "pairs")


@pytest.mark.parametrize(
    ("protocol", "clips", "message"),
    [
        ("pairwise", CLIPS, "it is pairwise, and was given 3 videos"),
        ("listwise", CLIPS[:1], "1 videos cannot be compared"),
        ("listwise", CLIPS[:1] * 27, "27 videos cannot be compared"),
        ("pointwise", CLIPS, "it is pointwise, and was given several videos"),
    ],
)
def test_a_number_of_videos_that_cannot_be_asked_is_refused(
    protocol: str, clips: list, message: str
) -> None:
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), protocol)
    with pytest.raises(SetupError, match=message):
        render_several(rubric, prompt="x", clips=clips)


def test_a_comparing_rubric_is_not_asked_about_one_video() -> None:
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), "pairwise")
    with pytest.raises(SetupError, match="it is pairwise, and was given one video"):
        render(rubric, prompt="x", n_frames=1)


def _judgement(answer: dict) -> dict:
    return {
        "type": "object",
        "properties": answer | {"rationale": {"type": "string"}},
        "required": [*answer, "rationale"],
        "additionalProperties": False,
    }


def test_reply_schemas_of_comparisons_hold_the_letters_that_are_shown(two: str) -> None:
    rubric = load_rubric("videoprefer/video_quality")
    choice = {"choice": {"type": "string", "enum": ["A", "B"]}}
    ranking = {"ranking": {"type": "array", "items": {"type": "string", "enum": ["A", "B", "C"]}}}
    pairwise = reply_schema(as_protocol(rubric, "pairwise"), 2)
    assert pairwise == _judgement(choice) == reply_schema(as_protocol(rubric, "pairwise"))
    assert list(pairwise["properties"]) == ["choice", "rationale"]
    listwise = reply_schema(as_protocol(rubric, "listwise"), 3)
    assert listwise == _judgement(ranking)
    assert list(listwise["properties"]) == ["ranking", "rationale"]
    several = reply_schema(as_protocol(load_rubric(two), "pairwise"), 2)["properties"]
    assert several == {"colour": _judgement(choice), "motion": _judgement(choice)}
    with pytest.raises(SetupError, match="1 videos"):
        reply_schema(as_protocol(rubric, "listwise"))
