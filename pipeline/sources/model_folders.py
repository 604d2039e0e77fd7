"""Clips in a folder per generator, as benchmarks of text-to-video models lay them out."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pipeline.sources.base import ClipSource
from pipeline.sources.folders import is_video, joined, names_below
from pipeline.sources.listing import Listing, Where
from pipeline.sources.template import Template
from schemas import Prompt, ids
from schemas.options import SetupError

FILE = "_file"  # the field of the template that is the file's own name


class ModelFolders(ClipSource):
    """Common part of the kinds that find clips as ``path``/GENERATOR/FILE."""

    path: str  # a folder, or the address of one
    # the folders between `path` and the files: {generator}, {} for one that does not matter; any other
    # word in braces goes into the clip's `extra`. None: {generator}, or none with `generator:`
    folders: str | None = None
    generator: str | None = None  # where no folder names it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """A clip's file: its name below ``path``, its place, and what its folders say."""

    name: str
    place: str
    file: str  # the last part of its name
    generator: str
    extra: dict[str, str]


def source_name(options: ModelFolders) -> str:
    """What the prompts and clips of a folder carry as their source."""
    return Path(options.path).name or options.path


def files_of(options: ModelFolders) -> tuple[list[FoundFile], list[str]]:
    """The clips' files sorted by name, and the names of those that lie in other folders.

    Raises :class:`SetupError` where there is none, or where no generator is named or two are.
    """
    template = _template(options)
    names = [name for name in names_below(options.path) if is_video(name)]
    read = [(name, template.whole(name)) for name in names]
    found = [_file(options, name, fields) for name, fields in read if fields is not None]
    elsewhere = [name for name, fields in read if fields is None]
    if not found:
        raise SetupError(_nothing(options, elsewhere))
    return found, elsewhere


def take_clip(
    listing: Listing, file: FoundFile, prompt: Prompt, extra: Mapping[str, object]
) -> None:
    """Puts a file into the listing. Its id is made of its name below ``path``, wherever that lies."""
    listing.clip(
        Where(file.place),
        prompt,
        file.generator,
        file.place,
        video_id=ids.video_id(prompt.prompt_id, file.generator, file.name),
        extra=extra,
    )


def _template(options: ModelFolders) -> Template:
    folders = options.folders
    if folders is None:
        folders = "{generator}" if options.generator is None else ""
    template = Template(f"{folders.strip('/')}/{{{FILE}}}".lstrip("/"), "folders")
    if ("generator" in template.fields) == (options.generator is not None):
        raise SetupError(
            f"{options.path}: name the generator once: as {{generator}} in folders:, or as generator:"
        )
    return template


def _file(options: ModelFolders, name: str, fields: dict[str, str]) -> FoundFile:
    file = fields.pop(FILE)
    generator = options.generator or fields.pop("generator")
    return FoundFile(
        name=name, place=joined(options.path, name), file=file, generator=generator, extra=fields
    )


def _nothing(options: ModelFolders, elsewhere: list[str]) -> str:
    if not elsewhere:
        return f"{options.path}: holds no clips"
    return (
        f"{options.path}: no clip lies where folders: says, but {elsewhere[0]!r} does elsewhere; set "
        "folders: to the folders above the files, such as '{generator}/{dimension}', or generator: "
        "where there is none"
    )
