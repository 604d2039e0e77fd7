"""The previews that lie with a report, and the list of what is known of their clips."""

import dataclasses
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pipeline.media.browsers.preview import Preview
from pipeline.media.options import FramesOptions
from pipeline.report.placing import link_or_copy
from schemas.store import blob_name

FOLDER, LIST = "previews", "list.json"
RECIPE = 1  # of how previews are made: raise it, and all are made anew


def address_of(sha256: str) -> str:
    """Where the preview of the clip with these bytes lies, relative to the pages."""
    return f"{FOLDER}/{blob_name(sha256, '.mp4')}"


def path_of(folder: Path, sha256: str) -> Path:
    """Where it lies on this machine, of the report in ``folder``."""
    return folder / address_of(sha256)


def clear_but_previews(folder: Path) -> None:
    """Take away what a report that was interrupted left, except the previews that it had made."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name == FOLDER:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


class Kept:
    """The list beside the previews of the report in ``folder``.

    Within the same ``limits``, what had no preview is not tried again: a clip at which a decoder hangs
    would cost minutes each time. ``others``: whether previews of clips that are not asked for stay.
    """

    def __init__(self, folder: Path, limits: FramesOptions, *, others: bool = False) -> None:
        self._folder, self._limits = folder, limits.model_dump(mode="json")
        self._others = self._read(folder) if others else {}

    def take_over(
        self, reports: Iterable[Path], wanted: Collection[str], *, encode: bool
    ) -> dict[str, Preview]:
        """What the reports know of the wanted clips, whose previews are linked; all others' go.

        Where none are to be made (not ``encode``), only that a clip plays is of use.
        """
        found: dict[str, Preview] = {}
        for report in reports:
            for digest, preview in self._read(report).items():
                if digest not in wanted or digest in found:
                    continue
                if (taken := self._taken(report, digest, preview, encode)) is not None:
                    found[digest] = taken
        self.forget_all_but(found)
        return found

    def write(self, known: Mapping[str, Preview]) -> None:
        """The list of what is known; none where nothing is."""
        known = {**self._others, **known}
        path = self._folder / FOLDER / LIST
        if not known:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        clips = {digest: preview.to_json() for digest, preview in sorted(known.items())}
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(
            json.dumps({"recipe": RECIPE, "limits": self._limits, "clips": clips}), "utf-8"
        )
        unfinished.replace(path)

    def _read(self, report: Path) -> dict[str, Preview]:
        try:
            said = json.loads((report / FOLDER / LIST).read_text("utf-8"))
            if said["recipe"] != RECIPE:
                return {}
            known = {digest: Preview.from_json(one) for digest, one in said["clips"].items()}
            same = said["limits"] == self._limits
        except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or another's
            return {}
        return {d: one for d, one in known.items() if (same or not one.why) and not one.again}

    def _taken(self, report: Path, digest: str, preview: Preview, encode: bool) -> Preview | None:
        if not encode:
            return dataclasses.replace(preview, made=False)
        if not preview.made:
            return preview if preview.plays or preview.why else None
        try:
            link_or_copy(path_of(report, digest), path_of(self._folder, digest))
        except FileNotFoundError:
            return None
        return preview

    def forget_all_but(self, found: Mapping[str, Preview]) -> None:
        """Delete every other preview, and what was left half written: no child may be writing."""
        found = {**self._others, **found}
        stay = {path_of(self._folder, digest) for digest, one in found.items() if one.made}
        for path in list((self._folder / FOLDER).glob("*/*")):
            if path not in stay:
                path.unlink()
