"""How what was said of a prompt's clips becomes scores and preferences."""

import dataclasses
from collections.abc import Sequence

from pipeline.preference.fitted import NOTHING, Fitted
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.protocol import ProtocolOptions
from schemas import Prompt


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How marks become scores, scores and comparisons pairs, and prompts fall into splits."""

    dimensions: Sequence[str]
    consensus: ConsensusOptions
    preferences: PreferenceOptions
    splits: SplitOptions
    protocol: ProtocolOptions = dataclasses.field(default_factory=ProtocolOptions)
    fitted: Fitted = NOTHING  # where the consensus needs a fit
    # clips of which there are no pairs: their content stands under prompts of two splits
    barred: frozenset[str] = frozenset()

    def split_of(self, prompt: Prompt) -> str | None:
        """Where a prompt's pairs stand; None: it is left out of all splits, and has none."""
        return prompt.split

    def keeps(self, split: str, *sides: tuple[str, str]) -> bool:
        """Whether a pair may stand in a split, its sides given as video_id and generator.

        A clip in ``barred`` is in no pair, and one of a generator that is held out in pairs of the
        test split alone.
        """
        held_out = self.splits.held_out_generators if split != "test" else ()
        return not any(video in self.barred or generator in held_out for video, generator in sides)
