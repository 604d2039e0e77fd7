"""How what was said of a prompt's clips becomes scores and preferences."""

import dataclasses
from collections.abc import Sequence

from pipeline.preference.fitted import NOTHING, Fitted
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.protocol import ProtocolOptions


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How marks become scores, scores and comparisons pairs, and prompts fall into splits."""

    dimensions: Sequence[str]
    consensus: ConsensusOptions
    preferences: PreferenceOptions
    splits: SplitOptions
    protocol: ProtocolOptions = dataclasses.field(default_factory=ProtocolOptions)
    fitted: Fitted = NOTHING  # where the consensus needs a fit
