"""Which folders of a command line may lie in an object store: those of a run, and of no other verb."""

import re
from collections.abc import Sequence

AT_ADDRESSES = ("run", "retry", "doctor")
# those that read files, which may lie anywhere, but write a folder
FILES_ANYWHERE = ("audit", "evaluate", "score", "preview", "canary", "study")
_ADDRESS = re.compile(r"(?:(--[a-z-]+)=)?((?:gs|gcs|s3|memory)://.*)", re.DOTALL)


def refused(verb: str, arguments: Sequence[str]) -> str | None:
    """Why a verb cannot take one of its arguments; None: nothing is wrong with any. An address would
    otherwise be taken for a path below the folder that the command is called in."""
    if verb in AT_ADDRESSES:
        return None
    for before, argument in zip(("", *arguments), arguments, strict=False):
        if (found := _ADDRESS.fullmatch(argument)) is None:
            continue
        option = found[1] or (before if before.startswith("--") else "")
        if option in ("", "--set") and verb in FILES_ANYWHERE:
            continue
        if option == "--output":
            return (
                f"{verb} --output {found[2]}: this command writes to local folders only; name one, and "
                "copy it there when it is done (gcloud storage cp -r, aws s3 sync)"
            )
        if verb not in FILES_ANYWHERE:
            return (
                f"{verb} {found[2]}: this command reads local folders only; copy that folder here as a "
                "whole (gcloud storage cp -r, aws s3 sync) and name the copy"
            )
    return None
