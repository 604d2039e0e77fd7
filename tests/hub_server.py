"""A small Hub of datasets on the loopback interface: what `huggingface_hub` asks of the real one.

Repositories with commits, branches and tags; files as git blobs or, where large, as git LFS objects that
are uploaded in one piece or in parts; downloads with ranges. Xet is not there: clients set
HF_HUB_DISABLE_XET=1. Faults are scripted: a function gets method and path and may give a status.

    with HubServer() as hub:
        subprocess.run(..., env=hub.environment(cache))
        hub.repos["me/data"].files(), hub.uploads
"""

import base64
import dataclasses
import hashlib
import json
import os
import re
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

TOKEN, READ_ONLY = "hf_write_51f0c2a94be7d3", "hf_read_8d20b6e7f19ac4"
LARGE = re.compile(r"\.(parquet|mp4|webm|jpg|png|safetensors)\Z")
Fault = Callable[[str, str], "int | None"]
_ID = r"(?P<repo>[^/]+/[^/]+)"


@dataclasses.dataclass(frozen=True)
class File:
    """A file of a commit: its bytes, and whether it is an LFS object."""

    data: bytes
    large: bool

    @property
    def git_sha1(self) -> str:
        data = self.data
        if self.large:  # git holds a pointer in its place
            data = f"oid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.git_sha1

    def as_json(self, path: str) -> dict[str, Any]:
        found = {"type": "file", "path": path, "size": len(self.data), "oid": self.git_sha1}
        if self.large:
            found["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 130}
        return found


@dataclasses.dataclass(frozen=True)
class Commit:
    """A commit as it was asked for, and all files after it."""

    oid: str
    summary: str
    written: tuple[str, ...]
    deleted: tuple[str, ...]
    files: dict[str, File]


class Repo:
    """One repository; ``commits`` of all branches, in the order in which they came."""

    def __init__(self, private: bool) -> None:
        self.private = private
        first = Commit(oid_of("first"), "initial commit", (".gitattributes",), (),
                       {".gitattributes": File(b"*.parquet filter=lfs\n", False)})  # fmt: skip
        self.commits = [first]
        self.branches, self.tags = {"main": first.oid}, {}

    def find(self, revision: str) -> Commit | None:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        return next((commit for commit in self.commits if commit.oid == oid), None)

    def files(self, revision: str = "main") -> dict[str, bytes]:
        """Bytes by path."""
        commit = self.find(revision)
        assert commit is not None, revision
        return {path: file.data for path, file in commit.files.items()}


def oid_of(*parts: object) -> str:
    return hashlib.sha1(repr(parts).encode()).hexdigest()


class HubServer:
    """Runs while the ``with`` block does. ``uploads`` counts whole uploads by the SHA-256 of the bytes.

    ``part_bytes``: larger objects are uploaded in parts of this size. ``fault``: gives the status with
    which a request is answered, None for none. ``after_upload``: called with the number of whole uploads.
    """

    def __init__(
        self,
        *,
        part_bytes: int | None = None,
        fault: Fault | None = None,
        after_upload: Callable[[int], None] | None = None,
    ) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.uploads: Counter[str] = Counter()
        self.asked: list[tuple[str, str]] = []
        self.part_bytes, self.fault, self.after_upload = part_bytes, fault, after_upload
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.hub = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, cache: Path, token: str | None = TOKEN) -> dict[str, str]:
        """The variables of a process that speaks to this Hub and to no other."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        own = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1",
        }
        return {**kept, **own, **({"HF_TOKEN": token} if token else {})}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _Refused(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        self.status, self.code, self.message = status, code, message


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> HubServer:
        return self.server.hub  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        self.path, _, query = self.path.partition("?")
        self.query = urllib.parse.parse_qs(query)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.body = self._chunks()
        try:
            with self.hub.lock:
                self.hub.asked.append((self.command, self.path))
            if self.hub.fault and (status := self.hub.fault(self.command, self.path)):
                raise _Refused(status, message="as scripted")
            self._route()
        except _Refused as refused:
            headers = {"X-Error-Code": refused.code, "X-Error-Message": refused.message}
            said = {"error": refused.message}
            self._answer(said, refused.status, {k: v for k, v in headers.items() if v})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = _handle

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _route(self) -> None:
        for method, pattern, answer in _ROUTES:
            match = re.fullmatch(pattern, self.path)
            if match and self.command in method:
                groups = {k: urllib.parse.unquote(v or "") for k, v in match.groupdict().items()}
                answer(self, **groups)
                return
        raise _Refused(404, "EntryNotFound", f"no route {self.command} {self.path}")

    def _answer(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._bytes(json.dumps(value).encode(), status, headers)

    def _bytes(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # who asks

    def _token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def _writes(self) -> None:
        if self._token() not in (TOKEN, READ_ONLY):
            raise _Refused(401, message="Invalid credentials in Authorization header")
        if self._token() != TOKEN:
            raise _Refused(403, message="you need the right to write")

    def _repo(self, name: str) -> Repo:
        found = self.hub.repos.get(name)
        if found is None or (found.private and self._token() not in (TOKEN, READ_ONLY)):
            raise _Refused(404, "RepoNotFound", "Repository not found")
        return found

    def _commit_of(self, repo: str, revision: str) -> Commit:
        found = self._repo(repo).find(revision)
        if found is None:
            raise _Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return found

    # the repository

    def whoami(self) -> None:
        if self._token() not in (TOKEN, READ_ONLY):
            raise _Refused(401, message="Invalid credentials in Authorization header")
        self._answer({"type": "user", "name": "me", "orgs": [], "auth": {}})

    def validate_yaml(self) -> None:
        whole = json.loads(self.body)["content"].startswith("---\n")
        errors = [] if whole else [{"message": "no metadata"}]
        self._answer({"errors": errors, "warnings": []}, 200 if whole else 400)

    def create(self) -> None:
        self._writes()
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        with self.hub.lock:
            if name in self.hub.repos:
                said = {
                    "error": "You already created this dataset repo",
                    "url": f"{self.hub.url}/datasets/{name}",
                }
                self._answer(said, 409)
                return
            self.hub.repos[name] = Repo(asked.get("visibility") == "private")
        self._answer({"url": f"{self.hub.url}/datasets/{name}", "name": name, "id": name})

    def info(self, repo: str, revision: str = "main") -> None:
        commit, found = self._commit_of(repo, revision or "main"), self._repo(repo)
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        self._answer(
            {"id": repo, "_id": "1", "sha": commit.oid, "private": found.private, "tags": [],
             "siblings": siblings, "gated": False, "disabled": False, "downloads": 0, "likes": 0,
             "lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z"}
        )  # fmt: skip

    def tree(self, repo: str, revision: str, below: str = "") -> None:
        commit = self._commit_of(repo, revision)
        deep = self.query.get("recursive", ["false"])[0].lower() == "true"
        start = f"{below.strip('/')}/" if below.strip("/") else ""
        found: dict[str, dict[str, Any]] = {}
        for path, file in sorted(commit.files.items()):
            if not path.startswith(start):
                continue
            inside = path[len(start) :].split("/")
            for depth in range(1, len(inside)):
                folder = start + "/".join(inside[:depth])
                if deep or depth == 1:
                    found[folder] = {
                        "type": "directory",
                        "path": folder,
                        "size": 0,
                        "oid": oid_of(folder),
                    }
            if deep or len(inside) == 1:
                found[path] = file.as_json(path)
        if start and not found:
            raise _Refused(404, "EntryNotFound", f"{below} does not exist")
        self._answer(list(found.values()))

    def paths_info(self, repo: str, revision: str) -> None:
        commit = self._commit_of(repo, revision)
        if self.headers.get("Content-Type", "").startswith("application/json"):
            paths = json.loads(self.body)["paths"]
        else:
            paths = urllib.parse.parse_qs(self.body.decode())["paths"]
        found = []
        for path in [paths] if isinstance(paths, str) else paths:
            if path in commit.files:
                found.append(commit.files[path].as_json(path))
            elif any(one.startswith(f"{path}/") for one in commit.files):
                found.append({"type": "directory", "path": path, "size": 0, "oid": oid_of(path)})
        self._answer(found)

    def refs(self, repo: str) -> None:
        found = self._repo(repo)
        listed = {
            kind: [
                {"name": n, "ref": f"refs/{folder}/{n}", "targetCommit": oid}
                for n, oid in held.items()
            ]
            for kind, folder, held in (
                ("branches", "heads", found.branches),
                ("tags", "tags", found.tags),
            )
        }
        self._answer({**listed, "converts": []})

    def tag(self, repo: str, revision: str) -> None:
        self._writes()
        name = json.loads(self.body)["tag"]
        if name in self._repo(repo).tags:
            raise _Refused(409, message="Tag reference exists already")
        self._repo(repo).tags[name] = self._commit_of(repo, revision).oid
        self._answer({})

    def branch(self, repo: str, name: str) -> None:
        self._writes()
        if name in self._repo(repo).branches:
            raise _Refused(409, message="Reference already exists")
        self._repo(repo).branches[name] = self._repo(repo).branches["main"]
        self._answer({})

    # what is written

    def preupload(self, repo: str, revision: str) -> None:
        self._writes()
        commit = self._commit_of(repo, revision)
        answers = []
        for asked in json.loads(self.body)["files"]:
            large = bool(LARGE.search(asked["path"])) or asked["size"] > 10 << 20
            held = commit.files.get(asked["path"])
            answers.append(
                {"path": asked["path"], "uploadMode": "lfs" if large else "regular",
                 "shouldIgnore": False, "oid": held.etag if held else None}
            )  # fmt: skip
        self._answer({"files": answers})

    def batch(self, repo: str) -> None:
        self._writes()
        self._repo(repo)
        objects = json.loads(self.body)["objects"]
        self._answer({"transfer": "basic", "objects": [self._action(one) for one in objects]})

    def _action(self, asked: dict[str, Any]) -> dict[str, Any]:
        oid, size, parts = asked["oid"], asked["size"], self.hub.part_bytes
        found: dict[str, Any] = {"oid": oid, "size": size}
        if oid in self.hub.objects:
            return found
        href, header = f"{self.hub.url}/lfs/{oid}", {}
        if parts is not None and size > parts:
            header = {str(i + 1): f"{href}/{i + 1}" for i in range(-(-size // parts))}
            header, href = {"chunk_size": str(parts), **header}, f"{href}/complete"
        verify = {"href": f"{self.hub.url}/lfs/{oid}/verify"}
        return {**found, "actions": {"upload": {"href": href, "header": header}, "verify": verify}}

    def put(self, oid: str) -> None:
        self._keep(oid, self.body)
        self._answer({})

    def put_part(self, oid: str, part: str) -> None:
        with self.hub.lock:
            self.hub.parts[oid, int(part)] = self.body
        self._bytes(b"", 200, {"ETag": f'"{part}"'})

    def complete(self, oid: str) -> None:
        parts = [part["partNumber"] for part in json.loads(self.body)["parts"]]
        self._keep(oid, b"".join(self.hub.parts.pop((oid, part)) for part in parts))
        self._answer({})

    def _keep(self, oid: str, data: bytes) -> None:
        if hashlib.sha256(data).hexdigest() != oid:
            raise _Refused(400, message="the bytes are not those of the digest")
        with self.hub.lock:
            self.hub.objects[oid] = data
            self.hub.uploads[oid] += 1
            n = self.hub.uploads.total()
        if self.hub.after_upload:
            self.hub.after_upload(n)

    def verify(self, oid: str) -> None:
        if oid not in self.hub.objects:
            raise _Refused(404, message="no such object")
        self._answer({})

    def commit(self, repo: str, revision: str) -> None:
        self._writes()
        lines = [json.loads(line) for line in self.body.splitlines()]
        header, operations = lines[0]["value"], lines[1:]
        with self.hub.lock:
            parent, found = self._commit_of(repo, revision), self._repo(repo)
            if header.get("parentCommit") not in (None, parent.oid):
                raise _Refused(
                    412, message="A commit has happened since. Please refresh and try again."
                )
            files = dict(parent.files)
            changed: dict[str, list[str]] = {"written": [], "deleted": []}
            for operation in operations:
                self._apply(operation["key"], operation["value"], files, changed)
            oid = oid_of(len(found.commits), header, parent.oid)
            found.commits.append(
                Commit(oid, header["summary"], *map(tuple, changed.values()), files)  # type: ignore[arg-type]
            )
            found.branches[revision] = oid
        self._answer(
            {
                "commitOid": oid,
                "commitUrl": f"{self.hub.url}/datasets/{repo}/commit/{oid}",
                "success": True,
            }
        )

    def _apply(
        self, key: str, value: dict[str, Any], files: dict[str, File], changed: dict[str, list[str]]
    ) -> None:
        path = value["path"]
        if key == "deletedFile":
            if path not in files:
                raise _Refused(404, "EntryNotFound", "A file with this name doesn't exist")
            del files[path]
            changed["deleted"].append(path)
            return
        if key == "lfsFile":
            if value["oid"] not in self.hub.objects:
                raise _Refused(400, message=f"{path}: its object was never uploaded")
            files[path] = File(self.hub.objects[value["oid"]], True)
        else:
            files[path] = File(base64.b64decode(value["content"]), False)
        changed["written"].append(path)

    # what is read

    def resolve(self, repo: str, revision: str, path: str) -> None:
        commit = self._commit_of(repo, revision)
        if path not in commit.files:
            raise _Refused(404, "EntryNotFound", f"{path} does not exist")
        file = commit.files[path]
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{file.etag}"', "Accept-Ranges": "bytes"}
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if ranged is None:
            self._bytes(file.data, 200, headers)
            return
        first, last = int(ranged[1]), min(int(ranged[2] or len(file.data)), len(file.data) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(file.data)}"
        self._bytes(file.data[first : last + 1], 206, headers)


_API, _REV = f"/api/datasets/{_ID}", "(?P<revision>[^/]+)"
_ROUTES: list[tuple[tuple[str, ...], str, Callable[..., None]]] = [
    (("GET",), "/api/whoami-v2", _Handler.whoami),
    (("POST",), "/api/validate-yaml", _Handler.validate_yaml),
    (("POST",), "/api/repos/create", _Handler.create),
    (("GET",), _API, _Handler.info),
    (("GET",), f"{_API}/revision/{_REV}", _Handler.info),
    (("GET",), f"{_API}/tree/{_REV}(?P<below>/.*)?", _Handler.tree),
    (("POST",), f"{_API}/paths-info/{_REV}", _Handler.paths_info),
    (("GET",), f"{_API}/refs", _Handler.refs),
    (("POST",), f"{_API}/tag/{_REV}", _Handler.tag),
    (("POST",), f"{_API}/branch/(?P<name>[^/]+)", _Handler.branch),
    (("POST",), f"{_API}/preupload/{_REV}", _Handler.preupload),
    (("POST",), f"{_API}/commit/{_REV}", _Handler.commit),
    (("POST",), rf"/datasets/{_ID}\.git/info/lfs/objects/batch", _Handler.batch),
    (("PUT",), "/lfs/(?P<oid>[0-9a-f]{64})", _Handler.put),
    (("PUT",), r"/lfs/(?P<oid>[0-9a-f]{64})/(?P<part>\d+)", _Handler.put_part),
    (("POST",), "/lfs/(?P<oid>[0-9a-f]{64})/complete", _Handler.complete),
    (("POST",), "/lfs/(?P<oid>[0-9a-f]{64})/verify", _Handler.verify),
    (("GET", "HEAD"), f"/datasets/{_ID}/resolve/{_REV}/(?P<path>.+)", _Handler.resolve),
]
