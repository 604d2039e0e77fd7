"""Clips that lie under a pattern of paths, in folders or in a store."""

import os
import re
from collections.abc import Mapping
from typing import Literal

from fsspec.utils import glob_translate

from pipeline.formats.prompt_list import read_prompt_map
from pipeline.sources.base import ClipSource, Found
from pipeline.sources.folders import joined, left_out, names_below, open_listing
from pipeline.sources.listing import Listing, Where
from pipeline.sources.template import Template
from schemas import ids
from schemas.options import SetupError

_WILD = re.compile(r"[*?\[]")
_MOST_SEED = 2**63 - 1  # of a column of whole numbers


class ClipsSource(ClipSource):
    """A source ``{kind: clips}``: every file under a pattern; its path tells what it is of."""

    kind: Literal["clips"] = "clips"
    path: str  # a local pattern or one of gs://, s3://, hf://; ** stands for any folders
    # what the end of a path says: {generator}, {prompt} or {prompt_id}, {index}, {seed}, {} for what
    # is not wanted; any other word in braces goes into the clip's `extra`, as does the index
    name: str
    generator: str | None = None  # where the path does not name it
    prompt: str | None = None  # one text for all of them
    # texts by {prompt_id}, or by file name where the template has none: a JSON object, or a table
    prompts: str | None = None
    unmatched: Literal["refuse", "leave_out"] = "refuse"  # files that name or prompts do not fit

    def read(self) -> Found:
        """The clips sorted by path, with the prompts of their paths.

        Raises :class:`SetupError` for a pattern that no file fits, for fields that are named nowhere
        or twice, and for a file that does not fit (unless those are left out).
        """
        template = Template(self.name, "name")
        _check(self, template)
        base, pattern = _fixed(self.path)
        listing = open_listing(base.rstrip("/").rpartition("/")[2] or base, base, self)
        names = _under(base, pattern)
        if not names:
            raise SetupError(f"{self.path}: no file fits the pattern")
        texts = read_prompt_map(self.prompts) if self.prompts is not None else {}
        strange = [n for n in names if not _listed(self, listing, base, n, template, texts)]
        if len(strange) == len(names):
            raise SetupError(f"{self.path}: {left_out(_strange(self), strange, len(names))}")
        if strange:
            listing.notes.append(f"{self.path}: {left_out(_strange(self), strange, len(names))}")
        return listing.found()


def _check(options: ClipsSource, template: Template) -> None:
    """Generator and text each come from one place."""
    if ("generator" in template.fields) == (options.generator is not None):
        raise SetupError(
            f"{options.path}: name the generator once: as {{generator}} in name:, or as generator:"
        )
    named = {
        "{prompt} in name:": "prompt" in template.fields,
        "prompt:": options.prompt is not None,
        "prompts:": options.prompts is not None,
    }
    if sum(named.values()) != 1:
        raise SetupError(f"{options.path}: give the text by one of {', '.join(named)}")


def _fixed(path: str) -> tuple[str, str]:
    """The folder or address before the first wildcard, and the rest."""
    parts = path.split("/")
    wild = next((i for i in range(len(parts)) if _is_wild(parts, i)), len(parts) - 1)
    base = "/".join(parts[:wild])
    if "://" in path and wild < 3:  # scheme, nothing, bucket
        raise SetupError(f"{path}: name a folder or bucket before the first wildcard")
    if "://" not in path:
        base = os.path.abspath(base or ("/" if path.startswith("/") else "."))
        if not any(map(_WILD.search, parts)) and os.path.isdir(path):
            raise SetupError(f"{path}: is a folder; say which files, such as {path}/*.mp4")
    return base, "/".join(parts[wild:])


def _is_wild(parts: list[str], i: int) -> bool:
    """A folder that is really called ``[v1]`` is no pattern."""
    return bool(_WILD.search(parts[i])) and not os.path.isdir("/".join(parts[: i + 1]))


def _under(base: str, pattern: str) -> list[str]:
    fits = re.compile(glob_translate(pattern)).match
    depth = None if "**" in pattern else pattern.count("/") + 1
    return [name for name in names_below(base, depth) if fits(name)]


def _listed(
    options: ClipsSource,
    listing: Listing,
    base: str,
    name: str,
    template: Template,
    texts: Mapping[str, str],
) -> bool:
    """Puts a file into the listing; False where it does not fit and such files are left out."""
    place = joined(base, name)
    fields = template.at_end(place)
    text = _text(options, name, fields, texts) if fields is not None else None
    if fields is None or text is None:
        if options.unmatched == "refuse":
            raise SetupError(_misfit(options, place, fields is None))
        return False
    where = Where(place)
    prompt = listing.prompt(where, text, prompt_id=fields.pop("prompt_id", None))
    generator = options.generator or fields.pop("generator")
    fields.pop("prompt", None)
    seed = _seed(where, fields.pop("seed", None))
    video_id = ids.video_id(prompt.prompt_id, generator, name)
    extra = {key: int(value) if key == "index" else value for key, value in fields.items()}
    listing.clip(where, prompt, generator, place, video_id=video_id, seed=seed, extra=extra)
    return True


def _text(
    options: ClipsSource, name: str, fields: Mapping[str, str], texts: Mapping[str, str]
) -> str | None:
    if options.prompts is None:
        return options.prompt if options.prompt is not None else fields["prompt"]
    file = name.rpartition("/")[2]
    keys = [fields["prompt_id"]] if "prompt_id" in fields else [name, file, file.rpartition(".")[0]]
    return next((texts[key] for key in keys if key in texts), None)


def _strange(options: ClipsSource) -> str:
    other = "" if options.prompts is None else f", or {options.prompts} has no prompt for them"
    return f"do not fit name: {options.name}{other}"


def _misfit(options: ClipsSource, place: str, unlike: bool) -> str:
    what = (
        f"its path does not end like name: {options.name}"
        if unlike
        else f"{options.prompts} has no prompt for it"
    )
    return f"{place}: {what}; correct that, narrow path:, or set unmatched: leave_out"


def _seed(where: Where, digits: str | None) -> int | None:
    seed = None if digits is None else int(digits)
    if seed is not None and seed > _MOST_SEED:
        raise where.refuse("seed", f"{seed} does not fit a column of whole numbers (64 bits)")
    return seed
