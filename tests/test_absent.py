"""An estimate of a recipe whose data, models and key are not here yet."""

from pathlib import Path

import pytest

from pipeline.command import main
from pipeline.config import load_config
from pipeline.estimate.absent import without_absent
from pipeline.estimate.words import possible_pairs
from pipeline.plan import make_plan
from schemas.options import SetupError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none of the files of a recipe lie, and without a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_videoprefer_is_counted_without_its_data() -> None:
    """14,000 prompts x 4 clips = 56,000 clips; 14,000 x 6 pairs x 2 dimensions = 168,000 pairs. Of the
    clips 1,100 are real, those of the captions; the others are to be made."""
    config, notes = without_absent(load_config("videoprefer"))
    plan = make_plan(config, keys=False)
    assert (len(plan.prompts), len(plan.clips)) == (14_000, 56_000)
    assert sum(clip.path is not None for clip in plan.clips) == 1_100
    assert possible_pairs(plan) == 168_000
    claims = config.claims
    assert claims is not None
    assert claims.untied_share == pytest.approx(135 / 168)
    told = "\n".join(notes)
    assert "VidProM_unique.csv is not here yet: counted as 12,900 prompts" in told
    assert "activitynet/manifest.csv is not here yet: counted as 900 prompts and 900 clips" in told
    assert "generator modelscope-t2v: models/modelscope is no folder here" in told
    assert "models/hps-v2 is no folder here" in told
    assert "OPENAI_API_KEY is not set" in told


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        # 20 prompts x 4 clips; 20 x 6 x 2 pairs; 80 clips x 2 requests
        ("videoprefer", ["20 prompts, 80 clips", "at most 240 pairs", "says: 14,000 prompts, 54,000 clips",
                         "requests      160"]),
        # the same with four questions, each a request of its own
        ("visionprefer-video", ["20 prompts, 80 clips", "at most 480 pairs", "27.9 %",
                                "requests      320"]),
    ],
)  # fmt: skip
def test_the_estimate_of_a_recipe_says_what_it_is_held_against(
    name: str, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--config", name, "--output", "out", "--set", "limit=20", "--estimate"]) == 0
    text = capsys.readouterr()
    said = " ".join((text.out + text.err).split())
    for words in shown:
        assert " ".join(words.split()) in said
    assert not Path("out").exists()


def test_videofeedback_is_counted_clip_by_clip() -> None:
    """32,900 + 680 scored clips and 4,080 of camera footage, five questions in one request each."""
    config, _ = without_absent(load_config("videofeedback"))
    plan = make_plan(config, keys=False)
    assert len(plan.clips) == 37_660
    assert (len(plan.rubrics), len(plan.dimensions)) == (1, 5)


def test_what_is_here_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a red kite\na dog digs\n")
    (tmp_path / "mine.yaml").write_text(
        "sources: [{kind: prompts, path: prompts.txt, expects: {prompts: 9}}]\n"
        "generators: {clips_per_prompt: 2, pool: [{kind: simulated, name: sim-clean}]}\n"
        "annotators: [{kind: signal}]\n"
    )
    asked = load_config("mine.yaml")
    config, notes = without_absent(asked)
    assert config is asked
    assert notes == ()


def test_a_source_of_unknown_size_is_refused_as_ever(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "sources: [{kind: prompts, path: prompts.txt}]\n"
        "generators: {clips_per_prompt: 2, pool: [{kind: simulated, name: sim-clean}]}\n"
        "annotators: [{kind: signal}]\n"
    )
    config, _ = without_absent(load_config("mine.yaml"))
    with pytest.raises(SetupError, match=r"prompts\.txt: no such file"):
        make_plan(config, keys=False)


def test_a_run_still_refuses_what_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "videoprefer", "--output", "out"]) == 2
    assert "VidProM_unique.csv: no such file" in capsys.readouterr().err


def test_two_sources_whose_files_have_one_name_are_both_counted(tmp_path: Path) -> None:
    """Ten prompts of four clips each, of the second only five prompts, so with twenty clips."""
    sources = [
        f"  - {{kind: manifest, path: {name}/data/manifest.csv, expects: {{prompts: 10, clips: 40}}{more}}}"
        for name, more in (("a", ""), ("b", ", limit: 5"))
    ]
    text = ["sources:", *sources, "annotators: [{kind: signal}]"]
    Path("two.yaml").write_text("\n".join(text))
    config, notes = without_absent(load_config("two.yaml"))
    plan = make_plan(config, keys=False)
    assert (len(plan.prompts), len(plan.clips)) == (15, 60)
    assert possible_pairs(plan) == 15 * 6 * 2
    assert "counted as 5 prompts and 20 clips" in notes[1]


def test_a_pattern_and_a_name_on_the_hub_are_no_absent_files(tmp_path: Path) -> None:
    """Both name no file on this machine, and both are read as a run reads them, ``limit:`` or not."""
    (tmp_path / "mine.yaml").write_text(
        "sources:\n"
        "  - {kind: clips, path: 'clips/*/*.mp4', name: '{generator}/{prompt}.mp4', limit: 5}\n"
        "  - {kind: huggingface, path: owner/name, limit: 5}\n"
        "  - {kind: huggingface, path: owner/other, limit: 5, expects: {clips: 5}}\n"
        "annotators: [{kind: signal}]\n"
    )
    asked = load_config("mine.yaml")
    config, notes = without_absent(asked)
    assert list(config.sources[:2]) == list(asked.sources[:2])
    assert config.sources[2].kind == "stand-in"
    assert len(notes) == 1


def test_a_trunk_on_the_hub_leaves_the_rest_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("a red kite\n")
    (tmp_path / "mine.yaml").write_text(
        "sources: [{kind: prompts, path: prompts.txt}]\n"
        "generators: {clips_per_prompt: 2, pool: [{kind: simulated, name: sim-clean}]}\n"
        "annotators: [{kind: signal}]\n"
        "videorm: {preset: videorm-default}\n"
    )
    asked = load_config("mine.yaml")
    config, notes = without_absent(asked)
    assert config.sources == asked.sources
    assert config.generators == asked.generators
    assert "PickScore_v1 is no folder here; a run takes it from the hub" in notes[0]
