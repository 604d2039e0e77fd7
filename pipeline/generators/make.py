"""A batch of one generator's planned clips -> videos and failures: plain work, for any process."""

from collections.abc import Iterator, Sequence

from pipeline.generators.base import GenerationError, GeneratorSpec, Tools
from pipeline.generators.made import Made, key_of
from pipeline.media.ingest import store_generated, withdrawn_content
from schemas import Clip, Failure, Reason, Video
from schemas.ids import sha256_hex

STAGE = "video"
Outcome = Video | Failure


def make(spec: GeneratorSpec, clips: Sequence[Clip], made: Made, tools: Tools) -> list[Outcome]:
    """What became of each clip, in order. Those made before are not made again."""
    found = taken_up(spec, clips, made)
    to_make = [clip for clip in clips if clip.video_id not in found]
    fresh = dict(_fresh(spec, to_make, made, tools))
    return [found.get(clip.video_id) or fresh[clip.video_id] for clip in clips]


def taken_up(spec: GeneratorSpec, clips: Sequence[Clip], made: Made) -> dict[str, Outcome]:
    """Videos of the clips that were made before, by id."""
    if not spec.kept:
        return {}
    known = ((clip, made.get(key_of(spec.kind, clip))) for clip in clips)
    return {c.video_id: _stored(c, data, made) for c, data in known if data}


def _stored(clip: Clip, data: bytes, made: Made) -> Outcome:
    if sha256_hex(data) in made.withdrawn:
        return withdrawn_content(clip)
    return store_generated(clip, data, made.media)


def _fresh(
    spec: GeneratorSpec, clips: Sequence[Clip], made: Made, tools: Tools
) -> Iterator[tuple[str, Outcome]]:
    """Each clip is kept the moment it is there: a batch that dies loses what is in the making."""
    results = spec.generate(clips, tools)
    stopped: GenerationError | None = None
    for clip in clips:
        try:
            result = stopped or next(results)
        except StopIteration:
            result = stopped = GenerationError(
                "the generator ended without this clip", Reason.INTERNAL
            )
        except GenerationError as error:
            result = stopped = error
        if isinstance(result, GenerationError):
            yield clip.video_id, failure_of(clip, result)
            continue
        if spec.kept and sha256_hex(result) not in made.withdrawn:
            made.put(key_of(spec.kind, clip), clip, result)
        yield clip.video_id, _stored(clip, result, made)


def failure_of(clip: Clip, error: GenerationError) -> Failure:
    """The missing video's row."""
    return Failure(
        stage=STAGE,
        key=clip.video_id,
        reason=error.reason,
        message=f"{clip.generator}: clip {clip.video_id}: {error}",
        cost_usd=error.cost_usd,
    )
