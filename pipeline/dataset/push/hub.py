"""The Hub as a push needs it: what it holds, sending files, one commit, a tag; and its errors in words.

Nothing about a push is kept on this machine. Files lie on the Hub by their content: one that was sent
before a kill is named in no commit yet, and is not sent again (git LFS says that it has it; Xet finds
its chunks). So going on is doing the same once more.
"""

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pipeline.dataset.push.files import Sent
from schemas.options import SetupError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

KIND: dict[str, Any] = {"repo_type": "dataset"}
MAIN = "main"
AGAIN = frozenset(
    {408, 429, 500, 502, 503, 504}
)  # such an answer may be another one a moment later
_WIRE = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"})


class Interrupted(Exception):
    """A push ended early, and the same command goes on with it. ``again``: it may work in a moment."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


@dataclasses.dataclass(frozen=True, kw_only=True)
class Held:
    """A file in the repository: its size, the SHA-256 of its bytes (large files) or git's own SHA-1."""

    size: int
    sha256: str | None
    git_sha1: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hub:
    """A repository of datasets, and a branch of it."""

    api: "HfApi"
    repo: str
    branch: str = MAIN

    def user(self) -> str:
        """Whom the token belongs to."""
        return str(self.api.whoami()["name"])

    def is_private(self) -> bool | None:
        """Whether the repository is private; None where there is none, or none to be seen."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return bool(self.api.repo_info(self.repo, **KIND).private)
        except RepositoryNotFoundError:
            return None

    def create(self, private: bool) -> None:
        """Make the repository, and the branch; what is there already stays as it is."""
        if self.is_private() is None:  # a token for one repository alone may not make any
            self.api.create_repo(self.repo, private=private or None, exist_ok=True, **KIND)
        if self.branch != MAIN:
            self.api.create_branch(self.repo, branch=self.branch, exist_ok=True, **KIND)

    def head(self) -> str | None:
        """The last commit of the branch; None where there is no such branch."""
        from huggingface_hub.errors import RevisionNotFoundError

        try:
            return self.api.repo_info(self.repo, revision=self.branch, **KIND).sha
        except RevisionNotFoundError:
            return None

    def holds(self, commit: str) -> dict[str, Held]:
        """Every file of a commit, by path."""
        from huggingface_hub.hf_api import RepoFile

        found = self.api.list_repo_tree(self.repo, recursive=True, revision=commit, **KIND)
        return {
            one.path: Held(
                size=one.size, sha256=one.lfs.sha256 if one.lfs else None, git_sha1=one.blob_id
            )
            for one in found
            if isinstance(one, RepoFile)
        }

    def send(self, additions: "Sequence[CommitOperationAdd]") -> None:
        """Bring large files to the Hub's storage, those alone that it does not have."""
        with _bars(shown=len(additions) == 1 and sys.stderr.isatty()):
            self.api.preupload_lfs_files(
                self.repo, additions=additions, revision=self.branch, free_memory=False, **KIND
            )

    def commit(
        self,
        additions: "Sequence[CommitOperationAdd]",
        gone: Sequence[str],
        message: str,
        description: str,
        parent: str | None,
    ) -> str:
        """One commit of files that were sent and of paths to delete, on top of ``parent``; its id."""
        from huggingface_hub import CommitOperationDelete

        deletions = [CommitOperationDelete(path_in_repo=path, is_folder=False) for path in gone]
        done = self.api.create_commit(
            self.repo,
            [*deletions, *additions],
            commit_message=message,
            commit_description=description,
            revision=self.branch,
            parent_commit=parent,
            **KIND,
        )
        return str(done.oid)

    def tags(self) -> dict[str, str]:
        """Commits by tag."""
        refs = self.api.list_repo_refs(self.repo, **KIND)
        return {ref.name: ref.target_commit for ref in refs.tags}

    def tag(self, name: str, commit: str) -> None:
        """Name a commit."""
        self.api.create_tag(self.repo, tag=name, revision=commit, **KIND)


@contextmanager
def _bars(*, shown: bool) -> Iterator[None]:
    """The client's own bars only for a file that is sent alone, since that may take an hour."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if shown or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def open_hub(repo: str, branch: str, token: str | None) -> Hub:
    """The repository ``OWNER/NAME``, not yet asked for anything."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise SetupError(f"{repo}: no name of a repository: {error}") from None
    if "/" not in repo:
        raise SetupError(f"{repo}: name owner and dataset, for example my-lab/{repo}")
    return Hub(
        api=HfApi(token=token or False, library_name="videoprefer"), repo=repo, branch=branch
    )


def token_of_hub() -> str | None:
    """The token in HF_TOKEN, else that of `hf auth login`; None where there is neither."""
    from huggingface_hub import get_token

    return get_token()


def addition(file: Sent) -> "CommitOperationAdd":
    """A file as the Hub's client takes it; a digest that is known is not computed once more."""
    from huggingface_hub import CommitOperationAdd

    content = file.file if file.data is None else file.data
    made = CommitOperationAdd(path_in_repo=file.path, path_or_fileobj=content)
    if file.sha256 is not None:
        made.upload_info.sha256 = bytes.fromhex(file.sha256)
    return made


def is_same(file: Sent, held: Held | None) -> bool:
    """Whether the repository holds a file as it is here."""
    from huggingface_hub.utils.sha import git_hash

    if held is None or held.size != file.size:
        return False
    if held.sha256 is not None:
        return (file.sha256 or addition(file).upload_info.sha256.hex()) == held.sha256
    return git_hash(file.data if file.data is not None else file.file.read_bytes()) == held.git_sha1


def in_words(error: BaseException, repo: str) -> Interrupted | None:
    """An error of the Hub, of its client or of the wire: what it means and what to do.

    None for any other, which is a fault of this program.
    """
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    for cause in _causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return Interrupted("HF_HUB_OFFLINE is set, so nothing can be sent; unset it")
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            said = str(error) if status == 400 else (cause.server_message or "").strip()
            return Interrupted(_said(status, repo, said), again=status in AGAIN)
    for cause in _causes(error):
        wire = isinstance(cause, (ConnectionError, TimeoutError))
        # hf_xet tells whatever goes wrong in a transfer as a RuntimeError
        if wire or type(cause) is RuntimeError or type(cause).__module__.split(".")[0] in _WIRE:
            said = f"{type(cause).__name__}: {cause}".rstrip(": ")
            return Interrupted(
                f"{repo}: the Hub was not reached, or broke off ({said})", again=True
            )
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _said(status: int, repo: str, said: str) -> str:
    meaning = _MEANINGS.get(status, "{repo}: the Hub answered {status}")
    meaning = meaning.format(repo=repo, status=status)
    return f"{meaning} ({said})" if said else meaning


_MEANINGS: Mapping[int, str] = {
    400: "{repo}: the Hub does not take what was sent",
    401: "{repo}: the Hub does not accept the token, or hides the repository from it; set HF_TOKEN to a "
    "valid one with the right to write, or log in with `hf auth login`",
    402: "{repo}: the Hub asks for payment, of private storage for example",
    403: "{repo}: the token may not write there; make one with the right to write to this repository, or "
    "name another one",
    404: "{repo}: no such repository or branch, or the token may not see it; check the name",
    409: "{repo}: somebody else changed the repository in the meantime; look at what came, and push again",
    412: "{repo}: somebody else changed the repository in the meantime; look at what came, and push again",
    413: "{repo}: too much for the Hub at once, or for the account; `--without media` leaves the clips here",
    429: "{repo}: the Hub answers 429, too many requests; wait some minutes",
}
