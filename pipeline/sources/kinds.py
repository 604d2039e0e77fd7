"""Every kind of source. A further kind is a file in this room and a line here, or another package's."""

from typing import Annotated

from pipeline.sources.base import SourceSpec
from pipeline.sources.clips import ClipsSource
from pipeline.sources.evalcrafter import EvalCrafterSource
from pipeline.sources.genai_bench import GenAIBenchSource
from pipeline.sources.hf_dataset import HuggingFaceSource
from pipeline.sources.manifest import ManifestSource
from pipeline.sources.prompts import PromptsSource
from pipeline.sources.run import RunSource
from pipeline.sources.simulated import SimulatedPrompts
from pipeline.sources.t2vqa import T2VQASource
from pipeline.sources.vbench import VBenchSource
from pipeline.sources.videoalign import VideoAlignSource
from pipeline.sources.videofeedback import VideoFeedbackSource
from pipeline.sources.vidprom import VidProMSource
from schemas.kinds import Kinds
from schemas.plugins import SOURCES

SOURCE_KINDS = Kinds(
    SOURCES,
    SourceSpec,
    "read",
    ClipsSource,
    EvalCrafterSource,
    GenAIBenchSource,
    HuggingFaceSource,
    ManifestSource,
    PromptsSource,
    RunSource,
    SimulatedPrompts,
    T2VQASource,
    VBenchSource,
    VideoAlignSource,
    VideoFeedbackSource,
    VidProMSource,
)
Source = Annotated[SourceSpec, SOURCE_KINDS]  # one block of `sources:`
