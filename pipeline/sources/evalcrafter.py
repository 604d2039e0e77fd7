"""Clips named by the number of their prompt, in a folder per model, as EvalCrafter has them."""

import os
from typing import Literal

from pipeline.formats.evalcrafter import number_of, prompt_id_of, read_numbered
from pipeline.sources.base import Found
from pipeline.sources.folders import left_out, open_listing
from pipeline.sources.listing import Where
from pipeline.sources.model_folders import (
    FoundFile,
    ModelFolders,
    files_of,
    source_name,
    take_clip,
)
from schemas.options import SetupError


class EvalCrafterSource(ModelFolders):
    """A source ``{kind: evalcrafter}``: ``path``/GENERATOR/0007.mp4."""

    kind: Literal["evalcrafter"] = "evalcrafter"
    prompts: str  # prompt700.txt, the folder of 0000.txt ..., or metadata.json

    def read(self) -> Found:
        """The clips that are there, with the prompts of their numbers (ids ``evalcrafter-0007``).

        Raises :class:`SetupError` for a clip that is not named by a number, or by one that the list
        does not have.
        """
        texts = read_numbered(self.prompts)
        listing = open_listing(source_name(self), self.path, self)
        files, elsewhere = files_of(self)
        for file in files:
            number = _number(file, texts, self.prompts)
            where = Where(file.place)
            prompt = listing.prompt(where, texts[number], prompt_id=prompt_id_of(number))
            take_clip(listing, file, prompt, file.extra)
        if elsewhere:
            of = len(files) + len(elsewhere)
            listing.notes.append(f"{self.path}: " + left_out("lie in other folders", elsewhere, of))
        return listing.found()


def _number(file: FoundFile, texts: dict[int, str], prompts: str) -> int:
    number = number_of(os.path.splitext(file.file)[0])
    if number is None:
        raise SetupError(
            f"{file.place}: is not named by a number such as 0007; rename it or take it out"
        )
    if number not in texts:
        raise SetupError(
            f"{file.place}: {prompts} has no prompt {number} (it has {min(texts)} to {max(texts)}); "
            "take the clip out or give the list that it was made from"
        )
    return number
