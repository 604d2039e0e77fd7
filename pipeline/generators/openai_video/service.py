"""The calls of a Videos API, one attempt each: create, look, list, download. Knows no money.

The package's own methods for it are marked as deprecated (OpenAI shut its service down; others speak
the same API), so requests go through its general door, and replies are read here.
"""

import dataclasses
import functools
import json
import re
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2  # what the openai package speaks through
import openai

from annotators.chat import errors
from annotators.chat.client import headers_for
from annotators.chat.spec import Endpoint
from pipeline.generators.base import GenerationError
from schemas import Reason

MOST_BYTES = 256 * 2**20  # of a clip
REQUEST_S = 60.0  # until a server says anything more
CONNECT_S = 20.0
PAGE, MOST_PAGES = 100, 10  # of a list of jobs
_ID = re.compile(r"[A-Za-z0-9][\w.:=+/-]{0,500}\Z")  # goes into a path: no "..", nothing endless
_STREAMED = {"X-Stainless-Raw-Response": "stream", "Accept": "*/*", "Accept-Encoding": "identity"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How a job stands, as far as the server says."""

    id: str
    status: str
    error: str = ""  # code and message of a failed one
    prompt: str | None = None
    model: str | None = None
    seconds: str | None = None
    size: str | None = None
    created_at: float | None = None  # seconds since 1970, by the server's clock


class NoJob(errors.NoCompletion):
    """The server said 200 and sent something that is no job: an error in disguise, or a proxy's page."""

    def __init__(self, body: str, response: object = None) -> None:
        super().__init__(body, response)
        self.args = (f"the server's reply is no video job: {body[:2000]!r}",)


class Torn(Exception):
    """A download that broke off; it may pass."""


class Service:
    """One server and account, for any number of threads.

    Methods raise what the ``openai`` package raises, :class:`NoJob` and :class:`Torn`.
    """

    def __init__(self, way: Endpoint, key: str, *, connections: int, form: bool) -> None:
        self.key, self._form = key, form
        timeout = httpx2.Timeout(REQUEST_S, connect=CONNECT_S)
        self._client = openai.OpenAI(
            api_key=key or "none",
            base_url=way.url,
            default_headers=headers_for(way, key),
            http_client=openai.DefaultHttpxClient(
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=connections),
                timeout=timeout,
                verify=_tls(),
                follow_redirects=False,  # prompts would go where nobody sent them
            ),
            max_retries=0,
            timeout=timeout,
        )

    def create(self, fields: Mapping[str, object], idempotency_key: str) -> Job:
        """A new job. A server that knows the header takes repeated calls for one and the same."""
        kind = "multipart/form-data" if self._form else "application/json"
        headers = {"Content-Type": kind, "Idempotency-Key": idempotency_key}
        return _job(self._send("post", "/videos", body=dict(fields), headers=headers))

    def retrieve(self, job_id: str) -> Job:
        """How a job stands."""
        response = self._send("get", f"/videos/{_quoted(job_id)}")
        job = _job(response)
        if job.id != job_id:
            raise NoJob(f"asked for {job_id}, got {job.id}", response)
        return job

    def recent(self, since: float) -> Iterator[Job]:
        """Jobs created at or after ``since``, newest first."""
        after = ""
        for _ in range(MOST_PAGES):
            query = f"?order=desc&limit={PAGE}" + (f"&after={_quoted(after)}" if after else "")
            response = self._send("get", f"/videos{query}")
            page = _object(response)
            for item in page.get("data") or []:
                job = _job_of(item, response)
                if job.created_at is not None and job.created_at < since:
                    return
                after = job.id
                yield job
            if not page.get("has_more") or not after:
                return

    def download(self, job_id: str, deadline: float) -> bytes:
        """The whole clip. ``deadline``: of ``time.monotonic``."""
        # a gateway may send on to where the file lies; the key does not go to another host
        response = self._send(
            "get", f"/videos/{_quoted(job_id)}/content", headers=_STREAMED, follow_redirects=True
        )
        try:
            return _whole(response, deadline)
        except httpx2.HTTPError as error:
            raise Torn(f"the download broke off: {type(error).__name__}: {error}") from error
        finally:
            response.close()

    def _send(self, method: str, path: str, body: object = None, **options: Any) -> httpx2.Response:
        more = {} if body is None else {"body": body}
        return getattr(self._client, method)(path, cast_to=httpx2.Response, options=options, **more)


@functools.cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context()  # reads every certificate there is


def _quoted(job_id: str) -> str:
    return urllib.parse.quote(job_id, safe="")


def _object(response: httpx2.Response) -> dict[str, Any]:
    try:
        found = json.loads(response.content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NoJob(response.text, response)
    return found


def _job(response: httpx2.Response) -> Job:
    return _job_of(_object(response), response)


def _job_of(item: Any, response: httpx2.Response) -> Job:
    job_id, status = (item.get(n) if isinstance(item, dict) else None for n in ("id", "status"))
    if not isinstance(job_id, str) or not _ID.match(job_id) or not isinstance(status, str):
        raise NoJob(response.text, response)
    return Job(
        id=job_id,
        status=status,
        error=_said(item.get("error")),
        prompt=item["prompt"] if isinstance(item.get("prompt"), str) else None,
        model=None if item.get("model") is None else str(item["model"]),
        seconds=None if item.get("seconds") is None else str(item["seconds"]),
        size=None if item.get("size") is None else str(item["size"]),
        created_at=_number(item.get("created_at")),
    )


def _said(error: Any) -> str:
    if isinstance(error, dict):
        return ": ".join(str(error[name]) for name in ("code", "message") if error.get(name))
    return "" if error is None else str(error)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _whole(response: httpx2.Response, deadline: float) -> bytes:
    headers = response.headers
    length = headers.get("content-length")
    if length is None and "chunked" not in headers.get("transfer-encoding", ""):
        raise Torn("the server says neither how long the clip is nor where it ends")
    if length is not None and int(length) > MOST_BYTES:
        raise _too_large(int(length))
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MOST_BYTES:
            raise _too_large(len(data))
        if time.monotonic() > deadline:
            raise Torn(f"the download took too long: {len(data)} bytes of {length or 'unknown'}")
    if length is not None and response.num_bytes_downloaded != int(length):
        raise Torn(f"the download broke off: {len(data)} bytes of {length}")
    return bytes(data)


def _too_large(n_bytes: int) -> GenerationError:
    return GenerationError(
        f"the clip has {n_bytes} bytes or more; at most {MOST_BYTES} are taken", Reason.TOO_LARGE
    )
