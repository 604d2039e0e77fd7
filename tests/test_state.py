"""A run's folder: marks of whole stages, the configuration it is bound to, its lock."""

import json

import pytest

from pipeline.config import Config, changed_keys
from pipeline.state import (
    Marks,
    check_claim,
    claim,
    fingerprint,
    locked,
    plain,
    shaping,
    write_json,
)
from schemas.layout import Layout
from schemas.options import SetupError

CONFIG = {
    "sources": [{"kind": "simulated", "prompts": 2}],
    "generators": {"pool": [{"kind": "simulated", "name": "sim-clean"}]},
    "annotators": [{"kind": "openai", "model": "m", "base_url": "http://localhost:1/v1"}],
}


def config(**blocks) -> Config:
    return Config.model_validate({**CONFIG, **blocks})


@pytest.mark.parametrize("note", [None, [], {"books": 1}])
def test_a_stage_is_whole_whatever_it_noted(tmp_path, note):
    marks = Marks(Layout(tmp_path))
    assert not marks.is_whole("videorm", "f")
    marks.write("videorm", "f", note)
    assert marks.is_whole("videorm", "f")
    assert marks.note("videorm") == note
    assert not marks.is_whole("videorm", "made from something else")


def test_fingerprints_follow_every_part():
    assert fingerprint("a", {"b": 1}) == fingerprint("a", {"b": 1})
    assert len({fingerprint("a"), fingerprint("b"), fingerprint("a", None)}) == 3


def test_a_folder_is_bound_to_what_shapes_its_rows(tmp_path):
    layout = Layout(tmp_path)
    claim(layout, config(), "a", rebuild=False)
    write_json(layout.run, {})
    free = config(
        annotators=[
            {**CONFIG["annotators"][0], "base_url": "http://localhost:2/v1", "concurrency": 2}
        ],
        videorm={"training": {"epochs": 1}},
    )
    claim(layout, free, "a", rebuild=False)
    assert not layout.run.exists()  # gone until the new run is complete
    hotter = config(annotators=[{**CONFIG["annotators"][0], "temperature": 0.9}])
    with pytest.raises(SetupError, match=r"changed: annotators\.0\.temperature\."):
        claim(layout, hotter, "a", rebuild=False)
    claim(layout, hotter, "a", rebuild=True)
    claim(layout, hotter, "a", rebuild=False)


def test_a_key_that_an_earlier_version_did_not_know_is_no_change(tmp_path):
    layout = Layout(tmp_path)
    claim(layout, config(), "a", rebuild=False)
    path = layout.work / "config.json"
    held = json.loads(path.read_text())
    del held["config"]["splits"]["near_duplicates"], held["config"]["splits"]["held_out_generators"]
    write_json(path, held)
    check_claim(layout, config())
    with pytest.raises(SetupError, match=r"changed: splits\.near_duplicates\. "):
        check_claim(layout, config(splits={"near_duplicates": None}))


def test_changed_keys_are_dotted_and_complete():
    old, new = {"a": {"b": [1, 2], "c": 1}, "d": 1}, {"a": {"b": [1, 3], "c": 1}, "e": 1}
    assert changed_keys(old, new) == ["a.b.1", "d", "e"]
    assert changed_keys({"a": [1]}, {"a": [1, 2]}) == ["a"]


def test_no_key_is_in_a_plain_configuration(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(plain(config()))
    assert "base_url" not in shaping(plain(config()))["annotators"][0]


def test_a_locked_folder_refuses_a_second_run(tmp_path):
    with (
        locked(Layout(tmp_path)),
        pytest.raises(SetupError, match="another run"),
        locked(Layout(tmp_path)),
    ):
        pytest.fail("two runs in one folder")
    with locked(Layout(tmp_path)):
        pass
