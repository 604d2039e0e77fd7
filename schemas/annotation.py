"""What annotators say: one video judged, several videos compared, and the consensus of both."""

import math

from schemas.base import (
    check_at_least,
    check_finite,
    check_ids,
    check_names,
    check_one_of,
    record,
    refuse,
)

CONSENSUS = "consensus"  # the annotator_id of all annotators together
OVERALL = "overall"  # the dimension that is the mean of the others
BASES = ("scores", "comparisons")  # what a preference can rest on


@record
class Settings:
    """Sampling settings of one request; None: not set, so the provider's default."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    effort: str | None = None  # of reasoning
    max_output_tokens: int | None = None
    image_detail: str | None = None
    choices: int | None = None  # replies to one request, where it asks for several
    logprobs: bool | None = None  # log-probabilities of the reply's tokens


@record
class Annotation:
    """One video judged on one dimension. Key: video_id, dimension, annotator_id, draw.

    ``scale_low`` and ``scale_high`` are None for a metric without bounds. ``cost_usd`` is what the
    reply cost when it was bought, with earlier ones to the same question that were cut or set aside:
    0.0 for a free annotator, None where the price is unknown. A reply
    that answers several dimensions carries its cost and tokens on the first of them only, so that
    sums are right.
    """

    video_id: str
    dimension: str
    annotator_id: str
    draw: int
    prompt_id: str
    generator: str
    score: float
    scale_low: float | None
    scale_high: float | None
    n_frames: int
    model: str | None = None  # the snapshot that answered
    system_fingerprint: str | None = None  # of the server's configuration, where it tells
    rationale: str | None = None
    distribution: tuple[float, ...] | None = None  # probability of each scale point
    rubric: str | None = None  # None where no rubric was shown (recorded scores)
    rubric_version: int | None = None
    rubric_sha256: str | None = None
    requested: Settings | None = None
    effective: Settings | None = None
    reply_key: str | None = None  # key of the paid reply in the journal
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "dimension", "prompt_id")
        check_names(self, "annotator_id", "generator")
        check_at_least(self, 0, "draw", "n_frames", "input_tokens", "output_tokens", "cost_usd")
        check_finite(self, "score", "scale_low", "scale_high", "cost_usd")
        low = -math.inf if self.scale_low is None else self.scale_low
        high = math.inf if self.scale_high is None else self.scale_high
        if not low <= self.score <= high:
            refuse(self, "score", f"a number in [{low:g}, {high:g}]")


@record
class Comparison:
    """Several videos of one prompt judged against each other, in the order they were shown.

    Key: prompt_id, video_ids, dimension, annotator_id, draw. ``generators`` are those of the videos.
    ``ranking`` gives each shown video its rank, 1 = best, equal ranks are ties; a pairwise choice is a
    ranking of two.
    """

    prompt_id: str
    video_ids: tuple[str, ...]
    generators: tuple[str, ...]
    dimension: str
    annotator_id: str
    draw: int
    ranking: tuple[int, ...]
    n_frames: int
    model: str | None = None
    system_fingerprint: str | None = None
    rationale: str | None = None
    rubric: str | None = None
    rubric_version: int | None = None
    rubric_sha256: str | None = None
    requested: Settings | None = None
    effective: Settings | None = None
    reply_key: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        check_ids(self, "prompt_id", "dimension")
        check_names(self, "annotator_id")
        if len(self.video_ids) < 2 or len(set(self.video_ids)) != len(self.video_ids):
            refuse(self, "video_ids", "at least two different videos")
        if len(self.generators) != len(self.video_ids):
            refuse(self, "generators", "one generator per video")
        if len(self.ranking) != len(self.video_ids):
            refuse(self, "ranking", "one rank per video")


@record
class Lineup:
    """Videos of one prompt that shall be judged against each other, in the order they are shown.

    The work list of the stage that compares. Key: prompt_id, rubric, draw, video_ids.
    """

    prompt_id: str
    rubric: str
    draw: int
    video_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        check_ids(self, "prompt_id")
        if len(self.video_ids) < 2 or len(set(self.video_ids)) != len(self.video_ids):
            refuse(self, "video_ids", "at least two different videos")


@record
class Score:
    """What an annotator (or ``consensus``) makes of one video on one dimension.

    Key: video_id, dimension, annotator_id. ``n`` counts the annotations behind ``mean``. ``spread``
    is a sample standard deviation (n - 1): between an annotator's draws, for ``consensus`` between
    the annotators' means; None where there is only one value, and for ``overall``.
    """

    video_id: str
    dimension: str
    annotator_id: str
    prompt_id: str
    generator: str
    mean: float
    spread: float | None
    n: int
    simulated: bool = False

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "dimension", "prompt_id")
        check_names(self, "annotator_id", "generator")
        check_finite(self, "mean", "spread")
        check_at_least(self, 1, "n")


@record
class Preference:
    """Which of two clips of one prompt is preferred. Key: ``pair_id``.

    ``label`` names the preferred side, ``margin`` is score_a - score_b rounded to 1e-9; which clip is
    ``a`` is decided by hash. ``annotator_id`` says whose word it rests on, ``n_a`` and ``n_b`` how
    many annotations (or comparisons) stand behind each side. ``basis``: ``scores`` of each clip on
    its own, or ``comparisons`` of the two; then a side's score is the share of verdicts for it, from
    0 to 1, and the margin lies in [-1, 1].
    """

    pair_id: str
    prompt_id: str
    prompt: str
    dimension: str
    video_a: str
    video_b: str
    generator_a: str
    generator_b: str
    score_a: float
    score_b: float
    label: str
    margin: float
    weight: float
    split: str
    annotator_id: str
    n_a: int
    n_b: int
    basis: str = "scores"
    simulated: bool = False

    def __post_init__(self) -> None:
        check_one_of(self, "basis", BASES)
        check_ids(self, "pair_id", "prompt_id", "dimension", "video_a", "video_b")
        check_one_of(self, "label", ("a", "b", "tie"))
        check_one_of(self, "split", ("train", "validation", "test"))
        check_finite(self, "score_a", "score_b", "margin", "weight")
        if self.video_a == self.video_b:
            refuse(self, "video_b", "another video than video_a")
        if self.label != "tie" and (self.label == "a") != (self.margin > 0):
            refuse(self, "label", f"the side that margin {self.margin:g} favours")
