"""Rubrics of several dimensions, packaged and one's own, through all three protocols."""

from pathlib import Path

import pytest

from annotators.verdict import Judgement, Ranked, read_comparison, read_verdict
from prompts import as_protocol, load_rubric, render, render_several, reply_schema
from schemas.options import SetupError

FIVE = [
    "visual_quality", "temporal_consistency", "dynamic_degree", "text_to_video_alignment",
    "factual_consistency",
]  # fmt: skip
CLIPS = [(8, [0.0, 0.5]), (8, [0.0, 0.5]), (4, [])]

OWN = """
name: mine/{protocol}
version: 1
protocol: {protocol}
template: {template}
role: Du vergleichst Videos.
task: Entscheide.
checklist: [Farbe, Bewegung]
dimensions:
  - name: farbe
    question: Stimmen die Farben?
    scale:
      - {{score: 1, label: falsch, anchor: gar nicht}}
      - {{score: 2, label: richtig, anchor: alle}}
"""
OWN_POINTWISE = (
    "{% block system %}{{ role }} {{ n_frames }}{% endblock %}"
    "{% block user %}{{ prompt_json }}{% endblock %}"
)
OWN_SEVERAL = (
    "{% block system %}{{ role }} {{ videos | length }}{% endblock %}"
    "{% block user %}{{ prompt_json }}{% endblock %}"
    "{% block caption %}Film {{ video.letter }} ({{ video.n_frames }} Bilder):{% endblock %}"
)


def _own(folder: Path, protocol: str, template: str = "") -> str:
    path = folder / f"{protocol}.yaml"
    path.write_text(
        OWN.format(protocol=protocol, template="t.j2" if template else f"{protocol}.v1")
    )
    (folder / "t.j2").write_text(template)
    return str(path)


def test_the_rubric_of_videofeedback_asks_its_five_questions_from_one_to_four() -> None:
    rubric = load_rubric("videofeedback/video_score")
    assert [dimension.name for dimension in rubric.dimensions] == FIVE
    for dimension in rubric.dimensions:
        assert [(point.score, point.label) for point in dimension.scale] == [
            (1, "Bad"), (2, "Average"), (3, "Good"), (4, "Real or perfect"),
        ]  # fmt: skip
        assert dimension.name in "\n".join((rubric.task, *rubric.checklist))
    anchors = [point.anchor for d in rubric.dimensions for point in d.scale]
    assert len(set(anchors)) == 20


def test_its_words_and_schema_in_every_protocol() -> None:
    rubric = load_rubric("videofeedback/video_score")
    pairwise, listwise = as_protocol(rubric, "pairwise"), as_protocol(rubric, "listwise")
    systems = [
        render(rubric, prompt="x", n_frames=8).system,
        render_several(pairwise, prompt="x", clips=CLIPS[:2]).system,
        render_several(listwise, prompt="x", clips=CLIPS).system,
    ]
    for system in systems:
        for dimension in rubric.dimensions:
            assert f"# Scale: {dimension.name}\n{dimension.question}\n1 (Bad): " in system
        assert ", ".join(f'"{name}"' for name in FIVE) in system
    fields = [
        (reply_schema(rubric), "score"),
        (reply_schema(pairwise, 2), "choice"),
        (reply_schema(listwise, 3), "ranking"),
    ]
    for schema, answer in fields:
        assert list(schema["properties"]) == schema["required"] == FIVE
        for one in schema["properties"].values():
            assert list(one["properties"]) == one["required"] == [answer, "rationale"]


def test_replies_to_it_are_read_in_every_protocol() -> None:
    rubric = load_rubric("videofeedback/video_score")
    scores = ", ".join(
        f'"{name}": {{"score": {i % 4 + 1}, "rationale": "r"}}' for i, name in enumerate(FIVE)
    )
    assert read_verdict(f"{{{scores}}}", rubric) == tuple(
        Judgement(dimension=name, score=i % 4 + 1, rationale="r") for i, name in enumerate(FIVE)
    )
    choices = ", ".join(
        f'"{name}": {{"choice": "{"AB"[i % 2]}", "rationale": "r"}}' for i, name in enumerate(FIVE)
    )
    assert read_comparison(f"{{{choices}}}", as_protocol(rubric, "pairwise"), 2) == tuple(
        Ranked(dimension=name, ranking=[(1, 2), (2, 1)][i % 2], rationale="r")
        for i, name in enumerate(FIVE)
    )
    orders = "\n".join(f"{name}: C > A > B" for name in FIVE)
    assert read_comparison(orders, as_protocol(rubric, "listwise"), 3) == tuple(
        Ranked(dimension=name, ranking=(2, 3, 1), rationale=None) for name in FIVE
    )


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_a_rubric_of_ones_own_compares_with_the_packaged_template(
    tmp_path: Path, protocol: str
) -> None:
    rubric = load_rubric(_own(tmp_path, protocol))
    words = render_several(rubric, prompt="ein Ball", clips=CLIPS[:2])
    assert "Stimmen die Farben?" in words.system
    assert words.captions[1] == (
        "Video B, 8 frames in order of time, taken at 0.00, 0.50 seconds:", 8,
    )  # fmt: skip


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_a_template_of_ones_own_has_its_own_words(tmp_path: Path, protocol: str) -> None:
    rubric = load_rubric(_own(tmp_path, protocol, OWN_SEVERAL))
    words = render_several(rubric, prompt="ein Ball", clips=CLIPS[:2])
    assert words.system == "Du vergleichst Videos. 2"
    assert words.captions == (("Film A (8 Bilder):", 8), ("Film B (8 Bilder):", 8))


def test_captions_that_are_not_worded_are_those_of_the_packaged_template(tmp_path: Path) -> None:
    without = OWN_SEVERAL.partition("{% block caption")[0]
    rubric = load_rubric(_own(tmp_path, "pairwise", without))
    words = render_several(rubric, prompt="x", clips=[(2, []), (1, [])])
    assert [caption for caption, _ in words.captions] == [
        "Video A, 2 frames in order of time:", "Video B, one frame:",
    ]  # fmt: skip


def test_a_template_of_ones_own_gives_way_to_the_packaged_one_in_another_protocol(
    tmp_path: Path,
) -> None:
    rubric = load_rubric(_own(tmp_path, "pointwise", OWN_POINTWISE))
    assert render(rubric, prompt="x", n_frames=7).system == "Du vergleichst Videos. 7"
    pairwise = as_protocol(rubric, "pairwise")
    words = render_several(pairwise, prompt="x", clips=CLIPS[:2])
    assert words.system.startswith("Du vergleichst Videos.\n\n# Task\nEntscheide.")
    back = as_protocol(load_rubric(_own(tmp_path, "listwise", OWN_SEVERAL)), "pointwise")
    assert "# Scale: farbe" in render(back, prompt="x", n_frames=7).system


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_a_faulty_caption_is_refused_with_its_file(tmp_path: Path, protocol: str) -> None:
    path = _own(tmp_path, protocol, OWN_SEVERAL.replace("video.letter", "video.name"))
    with pytest.raises(SetupError, match="name") as caught:
        load_rubric(path)
    assert f"{path}: template 't.j2'" in str(caught.value)


def test_a_template_that_is_not_text_is_refused_with_its_file(tmp_path: Path) -> None:
    path = _own(tmp_path, "pointwise", OWN_POINTWISE)
    (tmp_path / "t.j2").write_bytes(b"\xff\xfe{% block")
    with pytest.raises(SetupError, match=r"pointwise\.yaml: template 't\.j2': .*utf-8"):
        load_rubric(path)
