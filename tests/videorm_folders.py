"""Folders for the tests of a corpus: prompts with scored, rated and voted clips, in a few lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from videorm_run import Scores, flat, jpeg, preferences, write, write_frames

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import drawn
from pipeline.videorm.data.corpus import load_corpus
from schemas import HumanRating, HumanVote, Preference, Prompt
from schemas.tables import to_table

Scored = Mapping[str, Mapping[str, Scores]]  # prompt -> video -> dimension -> score
SEEN = {"frames": 2, "image_size": 16, "fit": "squeeze"}


def write_folder(
    root: Path,
    by_split: Mapping[str, Scored],
    *,
    generators: Mapping[str, str] | None = None,
    ratings: Sequence[tuple[str, str, str, str, float]] = (),
    votes: Sequence[tuple[str, str, str, str, str, str]] = (),
    more: Mapping[str, str] | None = None,
    frames: int = 2,
) -> Path:
    """``ratings``: (prompt, video, rater, dimension, score); ``votes``: (prompt, video a, video b,
    rater, dimension, choice); ``more``: prompt of clips that have frames and no preference."""
    generators = generators or {}
    prompt_of = {v: p for scored in by_split.values() for p, s in scored.items() for v in s}
    prompt_of |= {r[1]: r[0] for r in ratings} | {v: r[0] for r in votes for v in r[1:3]}
    prompt_of |= more or {}
    # every clip its own frames, the same in every folder
    clips = {v: [jpeg(flat(sum(v.encode()) % 200 + t)) for t in range(frames)] for v in prompt_of}
    of = {v: (p, generators.get(v, "g")) for v, p in prompt_of.items()}
    write_frames(root, dict(sorted(clips.items())), publish=True, of=of)
    for split, scored in by_split.items():
        rows = [r for p, s in scored.items() for r in preferences(p, s, split, generators)]
        write(root, "preferences", to_table(Preference, rows), split)
    texts = sorted(set(prompt_of.values()))
    where = {p: split for split, scored in by_split.items() for p in scored}
    prompts = [_prompt(p.replace(" ", "-"), p, where.get(p)) for p in texts]
    write(root, "prompts", to_table(Prompt, prompts))
    people(root, generators, ratings, votes)
    return root


def _prompt(prompt_id, text, split) -> Prompt:
    """In its split, as a run publishes it."""
    return Prompt(
        prompt_id=prompt_id,
        text=text,
        source="t",
        split=split or drawn(prompt_id, SplitOptions()),
    )


def people(root, generators, ratings, votes) -> None:
    rated = [
        HumanRating(
            video_id=video,
            rater=rater,
            dimension=dimension,
            prompt_id=prompt.replace(" ", "-"),
            generator=generators.get(video, "g"),
            score=score,
            source="t",
        )
        for prompt, video, rater, dimension, score in ratings
    ]
    voted = [
        HumanVote(
            prompt_id=prompt.replace(" ", "-"),
            video_a=a,
            video_b=b,
            rater=rater,
            dimension=dimension,
            choice=choice,
            source="t",
        )
        for prompt, a, b, rater, dimension, choice in votes
    ]
    write(root, "human_ratings", to_table(HumanRating, rated))
    write(root, "human_votes", to_table(HumanVote, voted))


def load(*folders: Path, **given):
    """The corpus of the folders, two frames of 16 x 16 pixels."""
    return load_corpus(folders, **{**SEEN, **given})


def pairs(corpus, split: str) -> list[tuple]:
    """(prompt, dimension, a, b, label, margin, share, weight) of every pair, by name; a NaN as None."""
    ids = corpus.clips.video_ids
    found = []
    for g in corpus.groups[split]:
        columns = (g.dimension, g.a, g.b, g.label, g.margin, g.share, g.weight)
        for d, a, b, label, *numbers in zip(*columns, strict=True):
            ends = ids[g.rows[a]], ids[g.rows[b]]
            known = [None if np.isnan(x) else round(float(x), 9) for x in numbers]
            found.append((g.prompt, corpus.dimensions[d], *ends, int(label), *known))
    return found
