"""Keys come from Secret Manager by name: the command and each worker ask, and nobody writes a key down."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pipeline import vault
from schemas.options import SetupError

KEY = "sk-what-nobody-may-see"
NAME = "projects/p-1/secrets/judge"
LATEST = f"/v1/{NAME}/versions/latest:access"


class Manager:
    """What the service answers: ``answers`` holds (status, text of the secret), the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = [(200, KEY)]
        self.asked: list[str] = []


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    told = Manager()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.path)
            status, text = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
            data = base64.b64encode(text.encode()).decode()
            body = json.dumps({"name": NAME, "payload": {"data": data}}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(vault, "SERVICE", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    yield told
    server.shutdown()
    os.environ.pop("JUDGE_KEY", None)


def bring(*said: str) -> None:
    vault.bring(map(vault.parse, said), vault.patient(requests.Session()))


def test_a_named_secret_becomes_the_variable(manager):
    manager.answers = [(200, f"{KEY}\n")]  # `echo key | gcloud secrets create` adds a line's end
    bring(f"JUDGE_KEY={NAME}")
    assert os.environ["JUDGE_KEY"] == KEY
    assert manager.asked == [LATEST]


def test_a_variable_that_is_set_is_kept_and_nobody_is_asked(manager, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "mine")
    bring(f"JUDGE_KEY={NAME}")
    assert os.environ["JUDGE_KEY"] == "mine"
    assert manager.asked == []


def test_a_busy_service_is_asked_again(manager):
    manager.answers = [(429, ""), (503, ""), (200, KEY)]
    bring(f"JUDGE_KEY={NAME}")
    assert len(manager.asked) == 3
    assert os.environ["JUDGE_KEY"] == KEY


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (403, KEY, "roles/secretmanager.secretAccessor"),
        (404, KEY, "no such secret"),
        (400, KEY, "status 400"),
        (200, "", "is empty"),
    ],
)
def test_what_cannot_be_read_is_told_by_name_and_without_a_word_of_it(manager, status, text, words):
    manager.answers = [(status, text)]
    with pytest.raises(SetupError) as caught:
        bring(f"JUDGE_KEY={NAME}")
    assert words in str(caught.value)
    assert f"JUDGE_KEY: {NAME}/versions/latest" in str(caught.value)
    assert KEY not in str(caught.value)
    assert "JUDGE_KEY" not in os.environ


@pytest.mark.parametrize(
    ("said", "version"),
    [
        (f"K={NAME}", f"{NAME}/versions/latest"),
        (f"K={NAME}/versions/7", f"{NAME}/versions/7"),
        ("K=projects/p/locations/europe-west4/secrets/s", None),
    ],
)
def test_names_of_secrets(said, version):
    found = vault.parse(said)
    assert found.variable == "K"
    assert found.version == version or version is None


@pytest.mark.parametrize(
    "said",
    [KEY, f"K={KEY}", f"K=projects/p/secrets/{KEY}", "K=judge", "K=", f"K={NAME}/x", f"1K={NAME}"],
)
def test_a_key_in_the_place_of_a_name_is_refused_and_not_repeated(said):
    with pytest.raises(SetupError) as caught:
        vault.parse(said)
    assert KEY not in str(caught.value)


@given(st.text(min_size=8))
def test_no_text_that_is_refused_is_repeated(secret):
    with pytest.raises(SetupError) as caught:
        vault.parse(f"K=.{secret}")  # no name of a secret begins so
    assert secret not in str(caught.value)


def test_both_ways_to_write_an_option_are_read():
    flags = ["--runner=X", "--api_key_secret", f"A={NAME}", f"--api_key_secret=B={NAME}", "--c"]
    assert [one.variable for one in vault.named_in(flags)] == ["A", "B"]


WORKER = """
import json, os, sys
import requests
from apache_beam.runners.worker import sdk_worker_main
from pipeline import vault

vault.SERVICE = sys.argv[1]
vault._session = requests.Session  # who asks is the machine's account, which there is none of
from apache_beam.options.pipeline_options import PipelineOptions
from pipeline.transforms.engine import Engine

said = Engine(["--api_key_secret=JUDGE_KEY=" + sys.argv[2]])._options().get_all_options(drop_default=True)
for name in [n for n in sys.modules if n.startswith("pipeline")]:
    del sys.modules[name]  # a worker has imported nothing yet
sys.modules["pipeline.vault"] = vault
sdk_worker_main.create_harness(
    {"PIPELINE_OPTIONS": json.dumps({f"beam:option:{k}:v1": v for k, v in said.items()}),
     "CONTROL_API_SERVICE_DESCRIPTOR": ""}, dry_run=True)
print(os.environ["JUDGE_KEY"] == sys.argv[3], sys.argv[3] in json.dumps(said))
"""


@pytest.mark.slow
def test_a_worker_that_starts_fetches_the_keys_its_options_name(manager):
    """Beam's own start of a worker, with the options as a service hands them on."""
    done = subprocess.run(
        [sys.executable, "-c", WORKER, vault.SERVICE, NAME, KEY], capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "False"], done.stderr[-2000:]
    assert manager.asked == [LATEST]
