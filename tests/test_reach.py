"""What workers on other machines could not read is named before anything is spent."""

import dataclasses

import pytest

from pipeline.config import Config
from pipeline.plan import make_plan
from pipeline.sources.reach import local_only
from pipeline.sources.run import RunSource
from schemas.options import SetupError


def config_of(folder, **more) -> Config:
    tree = {
        "sources": [{"kind": "manifest", "path": str(folder / "set" / "m.csv")}],
        "annotators": [{"kind": "recorded", "path": str(folder / "scores.csv")}],
    }
    return Config.model_validate(tree | more)


def files_in(folder):
    (folder / "set").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (folder / "set" / name).write_bytes(b"clip")
    (folder / "set" / "m.csv").write_text(
        "prompt,generator,video\na cat,one,a.mp4\na cat,two,b.mp4\n", encoding="utf-8"
    )
    (folder / "scores.csv").write_text(
        "video_id,annotator,score\nx,first,3\nx,second,4\n",
        encoding="utf-8",
    )


def test_clips_files_and_stores_on_this_machine_are_named(tmp_path):
    files_in(tmp_path)
    config = config_of(tmp_path, journal=str(tmp_path / "journal"))
    clips, scores, journal = local_only(config, make_plan(config))
    assert clips.startswith(f"2 clips of the source m.csv, such as {tmp_path}/set/")
    assert scores.startswith(f"{tmp_path}/scores.csv, which the annotator first reads")  # once
    assert journal.startswith(f"journal: {tmp_path}/journal: every worker")


def test_what_lies_in_a_store_can_be_read_anywhere(tmp_path):
    files_in(tmp_path)
    config = config_of(tmp_path, journal="gs://bucket/journal")
    plan = make_plan(config)
    far = dataclasses.replace(
        plan,
        clips=tuple(
            dataclasses.replace(clip, path=f"gs://bucket/{clip.video_id}.mp4")
            for clip in plan.clips
        ),
        annotators=tuple(
            a.model_copy(update={"path": "gs://bucket/scores.csv"}) for a in plan.annotators
        ),
    )
    assert local_only(config, far) == []


def test_weights_in_a_folder_are_one_sentence(tmp_path):
    class Weights:
        kind = "transformers"
        annotator_id = "tiny"
        model = str(tmp_path)
        processor = None
        files = (tmp_path / "config.json", tmp_path / "model.safetensors")

    files_in(tmp_path)
    config = config_of(tmp_path)
    plan = dataclasses.replace(make_plan(config), clips=(), annotators=(Weights(),))
    (said,) = local_only(config, plan)
    assert said.startswith(f"{tmp_path}, which the annotator tiny reads: a model's name on a hub")


def test_a_run_at_an_address_is_refused_as_a_source():
    with pytest.raises(SetupError, match=r"gs://bucket/run: the folder of a run is read from this"):
        RunSource(path="gs://bucket/run").read()
