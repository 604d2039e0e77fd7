"""What Dataflow is asked for, and what is refused before any job is sent: nothing is sent here."""

from pathlib import Path

import pytest

from pipeline.transforms import dataflow
from pipeline.transforms.engine import Engine
from schemas.options import SetupError


def test_names_of_jobs_fit_dataflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "Ada.Lovelace")
    name = dataflow.job_name("annotate-00003", "gs://b/run")
    # the last six: how the SHA-256 of gs://b/run begins
    assert name == "videoprefer-annotate-00003-ada-lovelace-86b99b"
    assert name != dataflow.job_name("annotate-00003", "gs://b/other")
    long = dataflow.job_name("annotate-00003", "gs://b/run", "x" * 80)
    assert len(long) == 63
    assert dataflow.job_name("assemble", None, "Mine").startswith("mine-assemble-ada-lovelace-")


def test_a_user_without_a_name_has_jobs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nameless)
    assert "-nobody-" in dataflow.job_name("annotate-00003", None)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Google's packages were installed."""
    monkeypatch.setattr(dataflow, "has_google", lambda: True)


DATAFLOW = ["--runner=DataflowRunner", "--project=p-1", "--region=r", "--temp_location=gs://b/t"]


@pytest.mark.parametrize("left_out", ["--project=p-1", "--region=r", "--temp_location=gs://b/t"])
def test_dataflow_needs(google: None, left_out: str) -> None:
    flags = [flag for flag in DATAFLOW if flag != left_out]
    with pytest.raises(SetupError, match=left_out.split("=")[0]):
        Engine(flags).require("gs://b/run")


@pytest.mark.parametrize("home", [None, "memory://run"])
def test_dataflow_needs_an_output_that_its_workers_can_reach(
    google: None, home: str | None
) -> None:
    with pytest.raises(SetupError, match="--output gs://BUCKET"):
        Engine(DATAFLOW).require(home)


@pytest.mark.parametrize(
    "flag", ["--template_location=gs://b/t.json", "--dry_run=True", "--streaming", "--update"]
)
def test_what_sends_no_batch_job_is_refused(google: None, flag: str) -> None:
    with pytest.raises(SetupError, match=flag.split("=")[0]):
        Engine([*DATAFLOW, flag]).require("gs://b/run")


def test_without_googles_packages_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataflow, "has_google", lambda: False)
    with pytest.raises(SetupError, match=r"videoprefer\[dataflow\]"):
        Engine(DATAFLOW).require("gs://b/run")


def test_an_installed_package_needs_a_container_or_a_wheel(
    google: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataflow, "checkout", lambda: None)
    with pytest.raises(SetupError, match="--sdk_container_image=IMAGE"):
        dataflow.require(Engine(DATAFLOW)._options(), "gs://b/run")
    for given in ("--sdk_container_image=i", "--extra_package=w.whl", "--setup_file=./setup.py"):
        dataflow.require(Engine([*DATAFLOW, given])._options(), "gs://b/run")


def test_a_checkout_needs_what_packs_it(google: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataflow, "_can_build", lambda: False)
    with pytest.raises(SetupError, match="pip install build"):
        Engine(DATAFLOW).require("gs://b/run")
    image = Engine([*DATAFLOW, "--sdk_container_image=i"])
    dataflow.require(image._options(), "gs://b/run")


def test_what_a_job_is_sent_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataflow, "source_distribution", lambda: Path("vp.tar.gz"))
    options = Engine([*DATAFLOW, "--labels=team=video"])._options()
    dataflow.prepare(options, "compare-00012", "gs://b/run")
    found = options.get_all_options()
    assert found["labels"] == ["team=video", "videoprefer-stage=compare", "videoprefer-wave=00012"]
    assert found["experiments"] == ["no_use_multiple_sdk_containers"]
    assert found["extra_packages"] == ["vp.tar.gz"]
    own = Engine(
        [*DATAFLOW, "--sdk_container_image=i", "--experiments=use_multiple_sdk_containers"]
    )
    options = own._options()
    dataflow.prepare(options, "assemble", "gs://b/run")
    found = options.get_all_options()
    assert found["labels"] == ["videoprefer-stage=assemble"]
    assert found["experiments"] == ["use_multiple_sdk_containers"]  # what is asked for stays
    assert found["extra_packages"] is None  # the image holds the program
