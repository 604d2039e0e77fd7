"""Publishing a finished folder as a dataset on the Hub, so that a kill at any moment costs nothing.

What is checked and said before anything is sent; `work` does the sending.
"""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pipeline.dataset.push.checks import check_secrets, checked, complete_record, secrets
from pipeline.dataset.push.files import list_of_clips, paths, published
from pipeline.dataset.push.hub import in_words, open_hub, token_of_hub
from pipeline.dataset.push.said import Say, announcement
from pipeline.dataset.push.work import Pushed, Pushing, PushOptions
from pipeline.state import locked
from schemas.layout import Layout
from schemas.options import SetupError

__all__ = ["ATTEMPTS", "PushOptions", "Pushed", "push"]

ATTEMPTS = 5  # between two commits


def push(
    layout: Layout,
    options: PushOptions,
    say: Say = print,
    wait: Callable[[float], None] = time.sleep,
) -> Pushed:
    """Make a branch of a repository hold what the folder publishes, and tag it with the version.

    ``say`` gets lines of text, ``wait`` seconds before another attempt. Raises :class:`SetupError` where
    the folder cannot be published or the push must not begin, :class:`Interrupted` where it ended early:
    what was sent is not sent again by the same command.
    """
    with _held(layout):
        record = complete_record(layout)
        token = token_of_hub()
        if token is None and not options.dry_run:
            raise SetupError(
                "no token for the Hub: set HF_TOKEN to one with the right to write, or log in with "
                "`hf auth login`"
            )
        hub = open_hub(options.repo, options.branch, token)
        files = checked(layout, published(layout, options.parts))
        follows = [] if "media" in options.parts else checked(layout, list_of_clips(layout))
        check_secrets(files, secrets(record, os.environ, token))
        for line in announcement(layout, record, files, options.repo, options.private):
            say(line)
        version = str(record["dataset_version"])
        if token is None:
            say("dry run: no token, so the Hub was not asked what it holds; nothing was sent")
            return Pushed(version=version, commit=None, n_sent=0, n_bytes=0, n_gone=0)
        pushing = Pushing(hub, version, files, follows, paths(layout), options, say)
        return _persistently(pushing, say, wait)


def _held(layout: Layout) -> AbstractContextManager[None]:
    """No run may change the folder meanwhile. One that nobody may write to needs no lock."""
    of_run = layout.work.is_dir() or layout.run.is_file()
    return locked(layout) if of_run and os.access(layout.root, os.W_OK) else nullcontext()


def _persistently(pushing: Pushing, say: Say, wait: Callable[[float], None]) -> Pushed:
    """The push, begun again where the Hub or the wire failed for a moment; each commit counts anew."""
    attempt = n_sent = 0
    while True:
        try:
            return pushing.once()
        except Exception as error:
            told = in_words(error, pushing.repo)
            if told is None:
                raise
            if not told.again and not pushing.has_begun:
                raise SetupError(str(told)) from error
            attempt = 1 if pushing.n_sent > n_sent else attempt + 1
            n_sent = pushing.n_sent
            if not told.again or attempt == ATTEMPTS:
                raise told from error
            say(f"{told}; trying again in {2**attempt} s")
            wait(2**attempt)
