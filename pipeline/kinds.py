"""Every kind of annotator: those of `annotators`, the one that lives with VideoRM, and plugins'."""

from typing import Annotated

from annotators import OWN, AnnotatorSpec
from pipeline.videorm.judge import VideoRMSpec
from schemas.kinds import Kinds
from schemas.plugins import ANNOTATORS

ANNOTATOR_KINDS = Kinds(ANNOTATORS, AnnotatorSpec, "open", *OWN, VideoRMSpec)
Judge = Annotated[AnnotatorSpec, ANNOTATOR_KINDS]  # one block of `annotators:`
