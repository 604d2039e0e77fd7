"""The nouns: records, their tables, where each table lies, and the store. Imports nothing of ours."""

from schemas.annotation import (
    CONSENSUS,
    OVERALL,
    Annotation,
    Comparison,
    Lineup,
    Preference,
    Score,
    Settings,
)
from schemas.base import RecordError
from schemas.failure import CLIP_CHECKS, HARMLESS, STOPS_RUN, Failure, Reason
from schemas.frames import ClipCheck, FrameSet
from schemas.human import CHOICES, HumanRating, HumanVote
from schemas.rubric import PROTOCOLS, Dimension, Rubric, ScalePoint
from schemas.video import SPLITS, Clip, HasClip, Prompt, Video

__all__ = [
    "CHOICES",
    "CLIP_CHECKS",
    "CONSENSUS",
    "HARMLESS",
    "OVERALL",
    "PROTOCOLS",
    "SPLITS",
    "STOPS_RUN",
    "Annotation",
    "Clip",
    "ClipCheck",
    "Comparison",
    "Dimension",
    "Failure",
    "FrameSet",
    "HasClip",
    "HumanRating",
    "HumanVote",
    "Lineup",
    "Preference",
    "Prompt",
    "Reason",
    "RecordError",
    "Rubric",
    "ScalePoint",
    "Score",
    "Settings",
    "Video",
]
