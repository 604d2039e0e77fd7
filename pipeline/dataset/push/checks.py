"""What has to be right before anything of a folder leaves this machine."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.dataset.checksums import CHECKSUMS, sha256_of
from pipeline.dataset.push.files import Sent
from pipeline.dataset.withdrawn import refuse_pending
from pipeline.state import record_of
from schemas.layout import Layout
from schemas.options import SetupError

SCANNED_BYTES = 16 << 20  # a bigger file of text is a table or data of a page, not a configuration
TEXTS = frozenset({"", ".md", ".json", ".txt", ".html", ".js", ".css", ".csv", ".sha256", ".yaml"})
SHORTEST = 8  # characters: a shorter value, such as "EMPTY" for a server without keys, is no secret
# of a variable's name: OPENAI_API_KEY, HF_TOKEN, AWS_SECRET_ACCESS_KEY, PGPASSWORD
_SECRET = re.compile(r"(?:^|_)(?:API)?(?:KEYS?|TOKENS?|SECRETS?|CREDENTIALS?)(?:_|$)|PASSW", re.I)


def complete_record(layout: Layout) -> dict[str, Any]:
    """``run.json`` of a complete run. Raises :class:`SetupError` for any other folder."""
    if not layout.root.is_dir():
        raise SetupError(f"{layout.root}: no such folder; name the output folder of a complete run")
    if not layout.run.is_file():
        raise SetupError(
            f"{layout.run}: not there, so {layout.root} is not a complete run, and an incomplete one is "
            "not published; the same `run` command goes on with it"
        )
    refuse_pending(layout)
    record = record_of(layout)
    if not record.get("dataset_version"):
        raise SetupError(
            f"{layout.run}: states no dataset_version; the same `run` command again writes it and "
            "reuses all that is done"
        )
    return record


def checked(layout: Layout, files: Sequence[Sent]) -> list[Sent]:
    """The files with their digests, after each was read and compared with `checksums.sha256`.

    The list itself is sent with the lines of what is sent alone, so that `sha256sum -c` holds for who
    downloads the dataset: its other lines are of loose frames, or of clips that stay here. Raises
    :class:`SetupError` where a file does not fit.
    """
    lines = (layout.root / CHECKSUMS).read_text("utf-8").splitlines(keepends=True)
    listed = {line[66:].rstrip("\n"): line for line in lines}
    wrong = [said for file in files if (said := _misfit(file, listed.get(file.path)))]
    sent = {file.path for file in files}
    if CHECKSUMS in sent:  # the dataset as a whole, so that a part of a table may not be missing
        stays = ("media/", "frames/")
        wrong += [
            f"{name}: gone" for name in listed if name not in sent and not name.startswith(stays)
        ]
    if wrong:
        more = f", and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise SetupError(
            f"{layout.root}: does not fit {CHECKSUMS}: {'; '.join(wrong[:5])}{more}. Restore the files, "
            "or run the same `run` command again, which writes what is wrong anew"
        )
    own = "".join(listed[file.path] for file in files if file.path in listed).encode()
    return [
        dataclasses.replace(file, data=own, size=len(own), sha256=None)
        if file.path == CHECKSUMS
        else dataclasses.replace(file, sha256=listed.get(file.path, "")[:64] or None)
        for file in files
    ]


def _misfit(file: Sent, line: str | None) -> str | None:
    if line is None:
        of_list = file.part in ("tables", "media")
        return f"{file.path}: not listed" if of_list else None
    return None if sha256_of(file.file) == line[:64] else f"{file.path}: changed"


def secrets(
    record: Mapping[str, Any], environ: Mapping[str, str], token: str | None
) -> dict[str, str]:
    """Values that must not leave this machine, by what to call them: never to be shown.

    Those of the variables that the run's configuration names for keys, of all whose name says so, and
    the Hub's token.
    """
    named = {*_named(record.get("config")), *(name for name in environ if _SECRET.search(name))}
    found = {name: environ.get(name, "").strip() for name in sorted(named)}
    found["the Hub's token"] = token or ""
    return {name: value for name, value in found.items() if len(value) >= SHORTEST}


def _named(config: Any) -> Iterator[str]:
    if isinstance(config, Mapping):
        for key, value in config.items():
            if key == "api_key_env" and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(config, (list, tuple)):
        for value in config:
            yield from _named(value)


def check_secrets(files: Sequence[Sent], values: Mapping[str, str]) -> None:
    """Raises :class:`SetupError` for a file of text that holds one of the values.

    Tables are not opened: prompts and replies are what they hold, and no key is in a request's body.
    """
    sought = {name: value.encode() for name, value in values.items()}
    for file in files:
        if file.file.suffix not in TEXTS or file.size > SCANNED_BYTES or file.part == "tables":
            continue
        data = file.file.read_bytes()
        for name, value in sought.items():
            if value in data:
                raise SetupError(
                    f"{file.file}: holds the value of {name}, and is not published; take it out of "
                    "what the file was made from, make the file anew, and replace that key"
                )
