"""What people said: scores of clips and choices between clips."""

from schemas.base import check_finite, check_ids, check_names, check_one_of, record

CHOICES = ("a", "b", "tie", "both_good", "both_bad")


@record
class HumanRating:
    """One rater's score of one clip on one dimension of theirs. Key: video_id, rater, dimension."""

    video_id: str
    rater: str
    dimension: str
    prompt_id: str
    generator: str
    score: float
    source: str
    simulated: bool = False

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "rater", "dimension", "prompt_id")
        check_names(self, "generator")
        check_finite(self, "score")


@record
class HumanVote:
    """One rater's choice between two clips. Key: video_a, video_b, rater, dimension."""

    prompt_id: str
    video_a: str
    video_b: str
    rater: str
    dimension: str
    choice: str
    source: str
    simulated: bool = False

    def __post_init__(self) -> None:
        check_ids(self, "prompt_id", "video_a", "video_b", "rater", "dimension")
        check_one_of(self, "choice", CHOICES)
