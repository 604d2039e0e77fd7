"""The work of a push: what the Hub lacks of a dataset is sent, and what is gone is deleted.

The tables, the card and every deletion come in one commit: who loads the dataset sees the old version
or the new one, and never a mixture. Clips lie under names of their content, so that those of a big
dataset may come in commits of their own before it: no table names them yet.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from pipeline.dataset.push.files import DEFAULT_PARTS, LIST_OF_CLIPS, Sent, is_managed
from pipeline.dataset.push.hub import MAIN, Held, Hub, addition, in_words, is_same
from pipeline.dataset.push.said import Progress, Say, size
from schemas.options import SetupError

BATCH_FILES, BATCH_BYTES = 256, 64 << 20  # sent before the next line of progress
COMMIT_FILES = 1_000  # clips in a commit: of many thousands the Hub may give up on one
_FIRST = ("media/", "report/media/", "report/frames/", "report/previews/")
_OWN = frozenset({".gitattributes", "README.md", "LICENSE", ".gitignore"})  # a repository's own


@dataclasses.dataclass(frozen=True, kw_only=True)
class PushOptions:
    """How to publish: where to, which of `PARTS`, and whether anybody may see it."""

    repo: str
    branch: str = MAIN
    private: bool = False
    message: str | None = None
    parts: frozenset[str] = DEFAULT_PARTS
    dry_run: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pushed:
    """What a push came to; ``commit`` is None for a dry run."""

    version: str
    commit: str | None
    n_sent: int
    n_bytes: int
    n_gone: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Todo:
    """What the branch lacks, what it holds too much, and the commit to which this compares."""

    changed: tuple[Sent, ...]
    gone: tuple[str, ...]
    left: int  # files of parts that are not sent, and stay as they are
    head: str | None


class Pushing:
    """One push; every attempt compares anew, so that it does only what is still to be done."""

    def __init__(
        self,
        hub: Hub,
        version: str,
        files: Sequence[Sent],
        follows: Sequence[Sent],
        here: set[str],
        options: PushOptions,
        say: Say,
    ) -> None:
        self._hub, self._version, self._here = hub, version, here
        self._files, self._follows = files, follows  # the latter only where the branch has them
        self._options, self._say = options, say
        self.n_sent = self._n_bytes = self._n_gone = 0
        self.repo, self.has_begun = hub.repo, False

    def once(self) -> Pushed:
        """Send and commit what the branch lacks now."""
        dry = self._options.dry_run
        self._hub.user()  # a token that is not accepted is told as one
        self._check_private()
        if not dry:
            self._hub.create(self._options.private)
        todo = self._compare()
        self._tell(todo)
        head = todo.head
        if not dry and (todo.changed or todo.gone):
            head = self._send(todo)
        if not dry and head is not None:
            self._tag(head)
        return Pushed(
            version=self._version,
            commit=None if dry else head,
            n_sent=self.n_sent,
            n_bytes=self._n_bytes,
            n_gone=self._n_gone,
        )

    def _check_private(self) -> None:
        if self._options.private and self._hub.is_private() is False:
            raise SetupError(
                f"{self.repo}: is public, and --private does not change that; make it private in its "
                "settings on the Hub, or name another repository"
            )

    def _compare(self) -> _Todo:
        there = not self._options.dry_run or self._hub.is_private() is not None
        head = self._hub.head() if there else None
        held = self._hub.holds(head) if head is not None else {}
        _check_ours(self._hub.repo, held)
        files = [*self._files, *(file for file in self._follows if file.path in held)]
        sent = {file.path for file in files}
        ours = [path for path in held if is_managed(path)]
        return _Todo(
            changed=tuple(f for f in files if not is_same(f, held.get(f.path))),
            gone=tuple(path for path in ours if path not in self._here and path not in sent),
            left=sum(path in self._here and path not in sent for path in ours),
            head=head,
        )

    def _tell(self, todo: _Todo) -> None:
        n_bytes = sum(file.size for file in todo.changed)
        if not todo.changed and not todo.gone:
            self._say(f"{self._hub.repo} holds version {self._version} already: nothing to send")
        else:
            would = "would send" if self._options.dry_run else "to send"
            self._say(
                f"{would}: {len(todo.changed)} files, {size(n_bytes)}; to delete: {len(todo.gone)} files"
            )
        if todo.left:
            self._say(f"{todo.left} files of parts that are not sent stay there as they are")

    def _send(self, todo: _Todo) -> str:
        """Send what is missing and commit it; the last commit."""
        self.has_begun = True
        progress = Progress(sum(file.size for file in todo.changed), self._say)
        clips = [f for f in todo.changed if _may_come_first(f)]
        rest = [f for f in todo.changed if not _may_come_first(f)]
        head, number = todo.head, 0
        while len(clips) + len(rest) > COMMIT_FILES and clips:
            now, clips = clips[:COMMIT_FILES], clips[COMMIT_FILES:]
            number += 1
            head = self._commit(now, (), head, progress, f"clips, part {number}")
        done = self._commit([*clips, *rest], todo.gone, head, progress, None)
        if todo.gone:
            self._say(
                f"{len(todo.gone)} files are gone from {self._hub.branch}; older commits and tags of "
                f"{self._hub.repo} still hold them, until its history is removed in the settings on "
                "the Hub"
            )
        return done

    def _commit(
        self,
        files: Sequence[Sent],
        gone: Sequence[str],
        parent: str | None,
        progress: Progress,
        part: str | None,
    ) -> str:
        additions = []
        for batch in _batches(files):
            batch_additions = [addition(file) for file in batch]
            self._hub.send(batch_additions)
            additions += batch_additions
            progress.add(sum(file.size for file in batch))
        n_bytes = sum(file.size for file in files)
        said = f"{len(files)} files ({size(n_bytes)}) written, {len(gone)} deleted"
        done = self._hub.commit(additions, gone, self._message(part), said, parent)
        self.n_sent += len(files)
        self._n_bytes += n_bytes
        self._n_gone += len(gone)
        return done

    def _message(self, part: str | None) -> str:
        named = f"dataset version {self._version}" + (f" ({part})" if part else "")
        message = self._options.message
        return f"{message} ({named})" if message else f"videoprefer: {named}"

    def _tag(self, head: str) -> None:
        """Name the commit by the version. A Hub that does not allow it has the dataset all the same."""
        name = f"v-{self._version}"
        try:
            tagged = self._hub.tags().get(name)
            if tagged is None:
                self._hub.tag(name, head)
            elif tagged != head:
                self._say(f"tag {name} stays at an older commit with the same rows")
        except Exception as error:
            told = in_words(error, self._hub.repo)
            if told is None:
                raise
            self._say(f"note: tag {name} was not made: {told}")


def _may_come_first(file: Sent) -> bool:
    """Whether nothing names the file before the last commit: clips, and the pictures of the pages."""
    return file.path != LIST_OF_CLIPS and file.path.startswith(_FIRST)


def _check_ours(repo: str, held: Mapping[str, Held]) -> None:
    """Raises :class:`SetupError` for a repository that holds something else."""
    foreign = sorted(path for path in held if path not in _OWN)
    if (
        foreign
        and "run.json" not in held
        and not all(path.startswith(_FIRST) for path in foreign)  # of a first push, interrupted
    ):
        raise SetupError(
            f"{repo}: holds files, {foreign[0]} for one, and no run.json: it is no dataset that was "
            "pushed from here; name another repository"
        )


def _batches(files: Sequence[Sent]) -> Iterator[list[Sent]]:
    """Files in order, as many at a time as are sent before the next line of progress."""
    batch: list[Sent] = []
    for file in files:
        full = sum(one.size for one in batch) + file.size > BATCH_BYTES or len(batch) == BATCH_FILES
        if batch and full:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch
