"""What an annotator chose between two clips, where it compared them instead of scoring each."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One verdict of one annotator on two clips, ``video_a`` shown first.

    ``choice`` is one of ``schemas.human.CHOICES``, or None where the annotator was asked and gave no
    usable verdict. Key: annotator_id, dimension, video_a, video_b, draw.
    """

    prompt_id: str
    video_a: str
    video_b: str
    dimension: str
    annotator_id: str
    choice: str | None
    draw: int = 0
    rationale: str | None = None
