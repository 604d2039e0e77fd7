"""The doors for other packages: real entry points, found when a name asks for them."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from export_folder import write_dataset
from PIL import Image
from plugged import DOORS, RUBRIC, install

from annotators.signal import SignalSpec
from annotators.try_out import try_out
from pipeline.__main__ import main
from pipeline.brought import plugins_in, version_in
from pipeline.config import Config, load_config
from pipeline.dataset.parquet import parts
from pipeline.formats.writers import writer_of
from pipeline.generators.pool import plan_clips
from pipeline.rubrics import texts_of
from pipeline.sources.gather import gather
from pipeline.stages.judging import shape
from pipeline.state import plain, shape_of
from prompts import load_rubric, rubric_names
from schemas import Reason
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.plugins import ANNOTATORS, EXPORTS, GENERATORS, RUBRICS, SOURCES, installed

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "tests" / "plugin_example"
SIGNAL = {"kind": "signal"}
WORLD = {"kind": "simulated", "prompts": 2}
POINTS = {
    SOURCES: {"colours": "doors_of_lab:Colours"},
    GENERATORS: {"still": "doors_of_lab:Still"},
    EXPORTS: {"lab-pairs": "doors_of_lab:LAB"},
    RUBRICS: {"lab": "rubrics_of_lab"},
}
FILES = {
    "doors_of_lab.py": DOORS,
    "rubrics_of_lab/__init__.py": "",
    "rubrics_of_lab/charm.v1.yaml": RUBRIC.format(version=1),
    "rubrics_of_lab/charm.v2.yaml": RUBRIC.format(version=2),
}


def configured(folder: Path, **blocks: object) -> Config:
    file = folder / "my.yaml"
    file.write_text(yaml.safe_dump({"sources": [WORLD], "annotators": [SIGNAL], **blocks}))
    return load_config(str(file))


def example(folder: Path, version: str = "1.0") -> Path:
    """The distribution of the README, as pip would leave it."""
    declared = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    module = (EXAMPLE / "steadiness.py").read_text()
    return install(
        folder,
        declared["entry-points"],
        name=declared["name"],
        version=version,
        files={"steadiness.py": module},
    )


@pytest.fixture
def path(monkeypatch, tmp_path):
    """Put a folder on ``sys.path`` for one test, and forget what was imported from there."""
    known = set(sys.modules)
    yield lambda folder: monkeypatch.syspath_prepend(str(folder))
    for name in set(sys.modules) - known:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def lab(tmp_path, path):
    path(install(tmp_path / "lab", POINTS, files=FILES))


def test_the_readme_shows_the_example_that_is_tested_here():
    shown = (ROOT / "README.md").read_text()
    for name in ("steadiness.py", "test_steadiness.py"):
        assert (EXAMPLE / name).read_text().strip() in shown, name
    points = (EXAMPLE / "pyproject.toml").read_text().partition("[project.entry")[2]
    assert points.partition("\n\n")[0] in shown


def test_nothing_is_read_before_something_is_named():
    doors = "pipeline.kinds, pipeline.generators.kinds, pipeline.sources.kinds, prompts"
    code = f"import {doors}, pipeline.formats.writers, schemas.plugins as p; print(p._installed.cache_info())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "misses=0" in done.stdout, done.stderr


def test_an_annotator_of_another_package(tmp_path, path):
    path(example(tmp_path / "site"))
    config = configured(tmp_path, annotators=[SIGNAL, {"kind": "steadiness", "name": "calm"}])
    judge = config.annotators[1]
    assert (judge.annotator_id, judge.only) == ("calm", "video_quality")
    assert Config.model_validate(plain(config)) == config  # as a second run reads it back
    assert plain(config)["annotators"][1]["only"] == "video_quality"  # a field of its own
    assert [plugin.as_dict() for plugin in plugins_in(config)] == [
        {"group": ANNOTATORS, "name": "steadiness", "distribution": "steadiness", "version": "1.0"}
    ]


def test_a_study_tries_an_annotator_of_another_package(tmp_path, path):
    path(example(tmp_path / "site"))
    tried = configured(tmp_path, study={"annotators": ["signal", {"kind": "steadiness"}]}).study
    assert [getattr(one, "kind", one) for one in tried.annotators] == ["signal", "steadiness"]


def test_an_annotator_is_tried_out_on_pictures():
    frames = [Image.new("RGB", (64, 64), "red")] * 2
    (rated,) = try_out(SignalSpec(), frames)
    assert (rated.dimension, rated.n_frames, rated.rubric_version) == ("video_quality", 2, 1)
    (unasked,) = try_out(SignalSpec(), frames, prompt="?", rubric="videoprefer/prompt_following")
    assert unasked.reason is Reason.NOT_APPLICABLE  # nothing to measure is named


def test_a_faulty_key_is_told_as_those_of_own_kinds_are(tmp_path, path):
    path(example(tmp_path / "site"))
    with pytest.raises(SetupError, match=r"annotators\.0\.steadiness\.onlys: unknown key"):
        configured(tmp_path, annotators=[{"kind": "steadiness", "onlys": ["x"]}])


def test_rows_follow_from_the_version_of_the_package(tmp_path, path):
    shapes = []
    for version in ("1.0", "1.1"):
        path(example(tmp_path / version, version))  # the later one stands before the earlier
        config = configured(tmp_path, annotators=[{"kind": "steadiness"}, SIGNAL])
        shapes.append([shape(annotator) for annotator in config.annotators])
    assert [one[0]["plugin"] for one in shapes] == ["steadiness==1.0", "steadiness==1.1"]
    assert shapes[0][1] == shapes[1][1]
    assert "plugin" not in shapes[0][1]


def test_a_source_and_a_generator_of_another_package(lab, tmp_path):
    pool = [{"kind": "still", "name": "s"}, {"kind": "simulated", "name": "sim-clean"}]
    config = configured(
        tmp_path,
        sources=[{"kind": "colours", "of": "kite", "limit": 1}, WORLD],
        generators={"clips_per_prompt": 2, "pool": pool},
    )
    found = gather(config.sources)
    assert len(found.prompts) == 1 + 2  # of two colours one, by `limit`
    (kite,) = [prompt for prompt in found.prompts if prompt.source == "colours"]
    clips = plan_clips([kite], config.generators)
    assert sorted(clip.generator for clip in clips) == ["s", "sim-clean"]
    still, own = config.generators.pool
    assert b"".join(still.generate([clips[0]], None)) == kite.text.encode()
    assert shape_of(still)["plugin"] == "lab-doors==1.2"
    assert "plugin" not in shape_of(own)
    assert [plugin.name for plugin in plugins_in(config)] == ["still", "colours"]
    assert version_in(SOURCES, config.sources[0]) == {"plugin": "lab-doors==1.2"}


def test_rubrics_of_another_package(lab, tmp_path):
    assert load_rubric("lab/charm").version == 2  # the newest
    first = load_rubric("lab/charm@1")
    assert [dimension.name for dimension in first.dimensions] == ["charm"]
    config = configured(tmp_path, rubrics=["lab/charm@1"])
    # whoever gets the dataset has no such package
    assert texts_of(config) == {"lab/charm": RUBRIC.format(version=1)}
    assert [plugin.group for plugin in plugins_in(config)] == [RUBRICS]
    assert not any(name.startswith("lab/") for name in rubric_names())  # those are the packaged
    with pytest.raises(SetupError, match=r"'lab/chram' does not exist; .*lab/charm@1, lab/charm@2"):
        load_rubric("lab/chram")
    with pytest.raises(SetupError, match=r"lab/\.\.\. \(of lab-doors==1\.2\)"):
        load_rubric("lba/charm")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"rubrics_of_lab/__init__.py": ""}, "holds no file called NAME.vVERSION.yaml"),
        ({"rubrics_of_lab.py": ""}, "is no package that holds rubrics"),
        (
            {
                "rubrics_of_lab/__init__.py": "",
                "rubrics_of_lab/c.v1.yaml": RUBRIC.format(version=1),
            },
            "lab/charm@1, and its plugin and its file's name that it is lab/c@1",
        ),
    ],
)
def test_rubrics_that_are_none(files, said, tmp_path, path):
    path(install(tmp_path / "lab", {RUBRICS: {"lab": "rubrics_of_lab"}}, files=files))
    with pytest.raises(SetupError, match=said.replace(".", r"\.")):
        load_rubric("lab/c")


def test_a_format_of_another_package(lab, tmp_path, capsys):
    dataset = write_dataset(tmp_path / "mine")
    assert main(["export", "--format", "list"]) == 0
    assert "lab-pairs: what our trainer reads." in capsys.readouterr().out
    command = ["export", str(dataset), "--format", "lab-pairs", "--output", str(tmp_path / "out")]
    assert main([*command, "--split", "train"]) == 0
    record = json.loads((tmp_path / "out" / "export.json").read_text())
    assert record["plugin"]["distribution"] == "lab-doors"
    with pytest.raises(SetupError, match=r"lab-pairs \(of lab-doors==1\.2\)"):
        writer_of("lab-piars")


def test_an_unknown_kind_is_told_with_those_there_are(lab, tmp_path):
    with pytest.raises(SetupError) as told:
        configured(tmp_path, sources=[{"kind": "colors"}])
    assert "sources.0: unknown kind 'colors'; there are clips, evalcrafter," in str(told.value)
    assert str(told.value).endswith("vidprom, colours (of lab-doors==1.2)")


BASES = """
from annotators.base import AnnotatorSpec
from typing import Literal
class Nameless(AnnotatorSpec):
    kind: str = "odd"
class Other:
    pass
class Idle(AnnotatorSpec):
    kind: Literal["odd"] = "odd"
"""


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("odd", "broken_lab:X", r"cannot be loaded: RuntimeError: no licence found"),
        ("odd", "leaving_lab:X", r"cannot be loaded: SystemExit: 3"),
        ("odd", "gone_lab:X", r"cannot be loaded: ModuleNotFoundError: No module named 'gone_lab'"),
        ("odd", "bases_lab:Missing", r"cannot be loaded: AttributeError: .*'Missing'"),
        ("odd", "bases_lab:Other", r"is the class Other, not a subclass of annotators\.base\.Anno"),
        ("odd", "bases_lab", r"is a module, not a subclass"),
        ("odd", "bases_lab:AnnotatorSpec", r"is the class AnnotatorSpec, not a subclass"),
        ("odd", "bases_lab:Nameless", r"write `kind: Literal\['odd'\] = 'odd'` in Nameless"),
        ("odd", "bases_lab:Idle", r"without a method 'open' of its own; write Idle\.open"),
        ("signal", "bases_lab:Other", r"brings 'signal', which videoprefer has itself"),
    ],
)
def test_a_broken_plugin_is_refused_by_name(kind, value, said, tmp_path, path):
    files = {
        "broken_lab.py": "raise RuntimeError('no licence found')",
        "leaving_lab.py": "raise SystemExit(3)",
        "bases_lab.py": BASES,
    }
    path(install(tmp_path / "lab", {ANNOTATORS: {kind: value}}, files=files))
    with pytest.raises(SetupError, match=said) as told:
        configured(tmp_path, annotators=[{"kind": kind}])
    named = f"entry point {kind} = {value} (videoprefer.annotators) of lab-doors==1.2"
    assert named in str(told.value)
    assert "mend that package, or take it out: pip uninstall lab-doors" in str(told.value)


def test_a_package_whose_metadata_are_gone_is_still_named(tmp_path, path):
    site = install(tmp_path / "lab", {ANNOTATORS: {"odd": "nowhere_lab:X"}})
    (site / "lab_doors-1.2.dist-info" / "METADATA").unlink()
    path(site)
    with pytest.raises(SetupError, match=r"entry point odd = nowhere_lab:X .* cannot be loaded"):
        configured(tmp_path, annotators=[{"kind": "odd"}])


def test_two_packages_with_one_name_are_refused_where_it_is_named(tmp_path, path):
    for name in ("lab-a", "lab-b"):
        path(install(tmp_path / name, {EXPORTS: {"ours": "nowhere:X"}}, name=name))
    assert writer_of("videoalign").name == "videoalign"  # of no concern to others
    with pytest.raises(SetupError, match=r"of lab-b==1\.2 has the name of the .* of lab-a==1\.2"):
        writer_of("ours")


def test_a_broken_format_does_not_hide_the_others(tmp_path, path, capsys):
    path(install(tmp_path / "lab", {EXPORTS: {"ours": "os:sep", "away": "gone_lab:X"}}))
    assert main(["export", "--format", "list"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "is a str, not a pipeline.formats.writing.Writer" in said
    assert "No module named 'gone_lab'" in said
    assert "videodpo:" in said
    assert [plugin.name for plugin in installed()] == ["away", "ours"]


@pytest.mark.slow
def test_worker_processes_open_the_annotator_too(tmp_path):
    """Through a whole run on two worker processes: its scores stand in the tables, its package in the
    record."""
    (tmp_path / "my.yaml").write_text(
        yaml.safe_dump(
            {
                "sources": [WORLD],
                "generators": {
                    "clips_per_prompt": 2,
                    "pool": [{"kind": "simulated", "name": "sim-clean"}],
                },
                "annotators": [{"kind": "steadiness"}],
                "rubrics": ["videoprefer/video_quality"],
                "concurrency": {"processes": 1},
            }
        )
    )
    site = example(tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.run", "--config", "my.yaml", "--output", "out",
         "--direct_running_mode=multi_processing", "--direct_num_workers=2"],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    layout = Layout(tmp_path / "out")
    rows = pq.read_table(parts(layout.table("annotations"))).to_pylist()
    assert [row["annotator_id"] for row in rows] == ["steadiness"] * 4
    assert all(1 <= row["score"] <= 5 for row in rows)
    assert json.loads(layout.run.read_text())["plugins"][0]["distribution"] == "steadiness"
