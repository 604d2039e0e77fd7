"""What a failure is about, read from its key: annotator names may hold slashes, ids may not."""

import dataclasses
from collections.abc import Container


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """The annotation or comparison that a failure stands for; ``clips`` in the order shown."""

    clips: tuple[str, ...]
    dimension: str
    annotator_id: str
    draw: int


def owed_by(stage: str, key: str, clips: Container[str]) -> Owed:
    """Read ``clip/dimension/annotator/draw``, or ``prompt/clip+clip/dimension/annotator/draw``.

    ``stage`` is ``annotate`` or ``compare``; ``clips`` holds the ids of all clips. The key is read
    from both ends, so that ``org/model`` in the middle stays whole. Raises ValueError for a key of
    another shape, and for one that names a clip which is not among ``clips``.
    """
    ids, *rest = key.split("/")[1 if stage == "compare" else 0 :] or [""]
    if len(rest) < 3 or not rest[-1].isdecimal():
        raise ValueError(f"table failures, stage {stage}: {key!r} is not the key of a verdict")
    shown = (ids,) if stage == "annotate" else _split(ids, clips)
    if not shown or any(clip not in clips for clip in shown):
        raise ValueError(
            f"table failures, stage {stage}: {key!r} names a clip that table videos does not have; "
            "the tables are of different runs, so write them anew (--rebuild)"
        )
    dimension, *name, draw = rest
    return Owed(clips=shown, dimension=dimension, annotator_id="/".join(name), draw=int(draw))


def _split(ids: str, clips: Container[str]) -> tuple[str, ...]:
    """Ids that were joined by ``+``, which an id may hold too; empty where no cut gives clips."""
    pieces = ids.split("+")
    if all(piece in clips for piece in pieces):
        return tuple(pieces)
    for n in range(1, len(pieces)):
        head, rest = "+".join(pieces[:n]), "+".join(pieces[n:])
        if head in clips and (tail := (rest,) if rest in clips else _split(rest, clips)):
            return (head, *tail)
    return ()
