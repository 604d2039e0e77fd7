"""Which split a prompt belongs to: all clips and pairs of a prompt go together."""

from pipeline.preference.options import SplitOptions
from schemas import Prompt
from schemas.ids import hash_fraction


def split_of(prompt: Prompt, options: SplitOptions) -> str:
    """The manifest's split, else drawn by hash of (seed, prompt_id): stable when prompts are added."""
    if prompt.split is not None:
        return prompt.split
    place = hash_fraction("split", str(options.seed), prompt.prompt_id)
    if place < options.test:
        return "test"
    return "validation" if place < options.test + options.validation else "train"
