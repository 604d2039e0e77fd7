"""What a judge is asked: dimensions with anchored scale points. Rubrics are files, not a table."""

from schemas.base import check_ids, check_one_of, check_sha256, record, refuse

PROTOCOLS = ("pointwise", "pairwise", "listwise")


@record
class ScalePoint:
    """One level of a scale: its number, its word, and what one sees at that level."""

    score: int
    label: str
    anchor: str


@record
class Dimension:
    """What is judged, by which question, on which scale (ascending)."""

    name: str
    question: str
    scale: tuple[ScalePoint, ...]

    def __post_init__(self) -> None:
        check_ids(self, "name")
        scores = [point.score for point in self.scale]
        if len(scores) < 2 or scores != sorted(set(scores)):
            refuse(self, "scale", "at least two levels, ascending")

    @property
    def low(self) -> int:
        """Lowest score of the scale."""
        return self.scale[0].score

    @property
    def high(self) -> int:
        """Highest score of the scale."""
        return self.scale[-1].score


@record
class Rubric:
    """A versioned set of instructions. ``sha256`` covers the rubric file and its template."""

    name: str  # for example "videoprefer/video_quality"
    version: int
    protocol: str
    role: str
    task: str
    checklist: tuple[str, ...]
    dimensions: tuple[Dimension, ...]
    template: str  # text of the template that renders the request
    sha256: str

    def __post_init__(self) -> None:
        check_one_of(self, "protocol", PROTOCOLS)
        check_sha256(self, "sha256")
        if not self.dimensions:
            refuse(self, "dimensions", "at least one dimension")
