"""Keys of judges from Google's Secret Manager: options say where a key lies, and never hold it.

``--api_key_secret=OPENAI_API_KEY=projects/P/secrets/NAME`` names an environment variable (what
``api_key_env`` names) and a secret. The command fetches it where it runs, each worker where it starts.
The request is that of the service's REST interface, v1, ``projects.secrets.versions.access``.
"""

import argparse
import base64
import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from schemas.options import SetupError

OPTION = "--api_key_secret"
SERVICE = "https://secretmanager.googleapis.com"
WAIT_S = 30.0
TRIES = 6  # a hundred workers start together, and Secret Manager has a quota per minute
PASSING = (429, 500, 502, 503, 504)  # answers that another try may better
# https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access
_KEY = re.compile(r"/secrets/(sk-|AIza|hf_)")  # how keys of well-known services begin
_SAID = re.compile(
    r"(?P<variable>[A-Za-z_][A-Za-z0-9_]*)="
    r"(?P<secret>projects/[a-z0-9.:-]+/(?:locations/[a-z0-9-]+/)?secrets/[A-Za-z0-9_-]{1,255})"
    r"(?:/versions/(?P<version>latest|[0-9]+|[A-Za-z0-9_-]+))?"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeySecret:
    """Where the value of one environment variable lies.

    Attributes:
        variable: what ``api_key_env`` names.
        version: resource name of a secret's version, ``projects/P/secrets/S/versions/V``.
    """

    variable: str
    version: str


def parse(said: str) -> KeySecret:
    """``VARIABLE=projects/P/secrets/S[/versions/V]``; the latest version by default.

    Raises ``SetupError``, which says nothing of what stands behind the ``=``: it may be a key.
    """
    found = _SAID.fullmatch(said)
    if found is None or _KEY.search(said):
        variable = said.partition("=")[0] if "=" in said else "VARIABLE"
        raise SetupError(
            f"{OPTION}: expected {variable}=projects/PROJECT/secrets/NAME, the name of a secret in "
            "Secret Manager and never a key"
        )
    return KeySecret(
        variable=found["variable"],
        version=f"{found['secret']}/versions/{found['version'] or 'latest'}",
    )


def named_in(flags: Sequence[str]) -> list[KeySecret]:
    """Those that a command line names."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(OPTION, action="append", default=[], dest="said")
    return [parse(text) for text in parser.parse_known_args(list(flags))[0].said]


def bring(wanted: Iterable[KeySecret], session: Any = None) -> None:
    """Set each variable that is not set to the text of its secret.

    ``session``: a ``requests`` session that shows who asks; None: of the machine's own account.
    Raises ``SetupError`` naming variable and secret.
    """
    missing = [one for one in wanted if not os.environ.get(one.variable, "").strip()]
    if not missing:
        return
    session = session or _session()
    for one in missing:
        os.environ[one.variable] = _text(one, session)


def _session() -> Any:
    try:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError
        from google.auth.transport.requests import AuthorizedSession
    except ImportError as error:  # on a worker an ImportError would pass for a missing plugin
        raise SetupError(f"{OPTION}: `pip install google-auth requests` ({error})") from error
    try:
        account, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    except DefaultCredentialsError as error:
        raise SetupError(
            f"{OPTION}: no Google account here; `gcloud auth application-default login`, or set the "
            "variable itself"
        ) from error
    return patient(AuthorizedSession(account))  # type: ignore[no-untyped-call]


def patient(session: Any) -> Any:
    """The session, which tries again where an answer says that it may help."""
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    again = Retry(total=TRIES, backoff_factor=0.5, status_forcelist=PASSING, backoff_jitter=1.0)
    again.raise_on_status = False
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    return session


def _text(one: KeySecret, session: Any) -> str:
    from requests import RequestException

    where = f"{OPTION}: {one.variable}: {one.version}"
    try:
        answer = session.get(f"{SERVICE}/v1/{one.version}:access", timeout=WAIT_S)
    except RequestException as error:
        raise SetupError(f"{where}: no answer ({type(error).__name__})") from error
    if answer.status_code != 200:
        raise SetupError(f"{where}: {_why(answer.status_code)}")
    try:
        text = base64.b64decode(answer.json()["payload"]["data"], validate=True).decode().strip()
    except (ValueError, KeyError, TypeError):  # not shown: the answer may hold the key
        raise SetupError(f"{where}: the answer holds no text") from None
    if not text:
        raise SetupError(f"{where}: the secret is empty")
    return text


def _why(status: int) -> str:
    match status:
        case 401 | 403:
            return "not allowed; grant its reader roles/secretmanager.secretAccessor"
        case 404:
            return "there is no such secret, or no such version"
        case _:
            return f"status {status}; is the Secret Manager API enabled in the project?"
