"""What people have said of a run already, so that nobody is asked twice."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pipeline.dataset.parquet import parts, read_rows
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.people import PeopleRead
from pipeline.formats.readers import reader_of
from schemas import HumanRating, HumanVote, Video
from schemas.layout import Layout


def rated_already(
    layout: Layout,
    mode: str,
    dimensions: Collection[str],
    videos: Mapping[str, Video],
    files: Sequence[Path] = (),
) -> set[tuple[str, ...]]:
    """Keys of the pairs that people voted on, or of the clips that they rated.

    By the run's own tables, where what was simulated is nobody's word, and by further ``files`` of any
    kind that an audit reads. One dimension is enough. Raises ``SetupError`` naming file and row.
    """
    if mode == "pairs":
        votes = [*read_rows(HumanVote, parts(layout.table("human_votes")))]
        votes += [vote for read in _read(files, videos) for vote in read.votes]
        return {
            tuple(sorted((vote.video_a, vote.video_b)))
            for vote in votes
            if vote.dimension in dimensions and not vote.simulated
        }
    ratings = [*read_rows(HumanRating, parts(layout.table("human_ratings")))]
    ratings += [rating for read in _read(files, videos) for rating in read.ratings]
    return {
        (rating.video_id,)
        for rating in ratings
        if rating.dimension in dimensions and not rating.simulated
    }


def _read(files: Sequence[Path], videos: Mapping[str, Video]) -> list[PeopleRead]:
    finder = ClipFinder(
        ClipFacts(
            video_id=v.video_id, prompt_id=v.prompt_id, generator=v.generator, prompt=v.prompt
        )
        for v in videos.values()
    )
    return [reader_of(path).read(path, finder, None) for path in files]
