"""Clips named after their prompts, in a folder per model, as VBench has them."""

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import Field

from pipeline.formats.prompt_list import (
    ListedPrompt,
    is_map,
    read_prompt_list,
    read_prompt_map,
)
from pipeline.formats.vbench import Suite, split_name
from pipeline.sources.base import Found
from pipeline.sources.folders import left_out, open_listing
from pipeline.sources.listing import Listing, Where
from pipeline.sources.model_folders import (
    FoundFile,
    ModelFolders,
    files_of,
    source_name,
    take_clip,
)
from schemas.options import SetupError

Named = tuple[ListedPrompt, int | None]  # what a file is named after
Finder = Callable[[FoundFile], Named | None]


class VBenchSource(ModelFolders):
    """A source ``{kind: vbench}``: ``path``/GENERATOR/PROMPT-INDEX.mp4."""

    kind: Literal["vbench"] = "vbench"
    # a suite (JSON, text, table) whose texts the names stand for, or a JSON object {file: prompt};
    # None: the names are taken at their word. What a table says beside the text, such as a
    # `prompt_id`, holds as in {kind: prompts}
    prompts: str | None = None
    index_separator: str = Field(default="-", min_length=1)  # "_" in Video-Bench
    cut: int | None = Field(default=None, ge=1)  # characters that a name keeps; VBench-2.0: 180
    unmatched: Literal["leave_out", "refuse"] = "leave_out"  # clips of no prompt in `prompts`

    def read(self) -> Found:
        """The clips and the prompts they are named after; the index goes into ``extra``.

        Raises :class:`SetupError` for a folder without clips, an unreadable suite, and clips that fit
        none of its prompts: for any under ``unmatched: refuse``, otherwise if none fits.
        """
        listing = open_listing(source_name(self), self.path, self)
        files, elsewhere = files_of(self)
        find = _finder(self)
        unknown = [file.name for file in files if not _listed(listing, file, find(file))]
        if elsewhere:
            of = len(files) + len(elsewhere)
            listing.notes.append(f"{self.path}: " + left_out("lie in other folders", elsewhere, of))
        if unknown:
            self._tell(listing.notes, unknown, len(files))
        return listing.found()

    def _tell(self, notes: list[str], unknown: list[str], of: int) -> None:
        said = f"{self.path}: " + left_out(f"fit no prompt of {self.prompts}", unknown, of)
        if self.unmatched == "refuse" or len(unknown) == of:
            raise SetupError(
                f"{said}; rename them, take them out, or correct prompts:, index_separator: or cut:"
            )
        notes.append(said)


def _listed(listing: Listing, file: FoundFile, named: Named | None) -> bool:
    """Puts a file into the listing; False where it is named after no prompt."""
    if named is None:
        return False
    row, index = named
    prompt = listing.prompt(
        Where(file.place), row.text, prompt_id=row.prompt_id, split=row.split, licence=row.licence
    )
    extra = {**file.extra, **({} if index is None else {"index": index})}
    take_clip(listing, file, prompt, extra)
    return True


def _finder(options: VBenchSource) -> Finder:
    separator = options.index_separator
    if options.prompts is None:
        return lambda file: _row(split_name(_stem(file.file), separator))
    if is_map(options.prompts):
        texts = read_prompt_map(options.prompts)
        return lambda file: _mapped(texts, file, separator)
    rows: dict[str, ListedPrompt] = {}
    for row in read_prompt_list(options.prompts):
        rows.setdefault(row.text, row)
    suite = Suite(rows, options.cut)
    return lambda file: _of_suite(rows, suite.find(file.file, separator))


def _of_suite(
    rows: Mapping[str, ListedPrompt], found: tuple[str, int | None] | None
) -> Named | None:
    return None if found is None else (rows[found[0]], found[1])


def _mapped(texts: Mapping[str, str], file: FoundFile, separator: str) -> Named | None:
    text = texts.get(file.name) or texts.get(file.file)
    return None if text is None else _row((text, split_name(_stem(file.file), separator)[1]))


def _row(found: tuple[str, int | None]) -> Named:
    return ListedPrompt(number=0, text=found[0]), found[1]


def _stem(file: str) -> str:
    return file.rpartition(".")[0]
