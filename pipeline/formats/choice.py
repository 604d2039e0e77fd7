"""What a judge chose between two clips, where it compared them instead of scoring each."""

import dataclasses

Pair = tuple[str, str]  # of video ids, sorted

# a choice's sign for the clip called a
SIGN = {"a": 1.0, "b": -1.0, "tie": 0.0, "both_good": 0.0, "both_bad": 0.0}


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

    @property
    def pair(self) -> Pair:
        """The two video ids, sorted."""
        return min(self.video_a, self.video_b), max(self.video_a, self.video_b)

    @property
    def sign(self) -> float | None:
        """+1 for the lower video id, -1 for the other, 0 for a tie of any kind; None: no verdict."""
        if self.choice is None:
            return None
        return SIGN[self.choice] * (1 if self.video_a <= self.video_b else -1)
