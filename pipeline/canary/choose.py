"""Which clips the study is about."""

from collections import Counter
from collections.abc import Sequence

from schemas import Clip
from schemas.ids import hash_fraction


def choose(clips: Sequence[Clip], n: int) -> list[Clip]:
    """``n`` clips by the hash of their ids, fewer where there are no more.

    A prompt comes a second time only after every other one has come: intervals rest on prompts.
    """
    order = sorted(clips, key=lambda c: (hash_fraction("canary", c.video_id), c.video_id))
    seen: Counter[str] = Counter()
    turns = []
    for clip in order:
        turns.append(seen[clip.prompt_id])
        seen[clip.prompt_id] += 1
    places = sorted(range(len(order)), key=lambda k: (turns[k], k))
    return [order[k] for k in places[:n]]
