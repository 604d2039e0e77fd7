"""The commands beside `run`. Each imports what it needs: an audit works without torch and Beam."""

from pipeline.verbs.evaluation import evaluate
from pipeline.verbs.judges import canary, preview
from pipeline.verbs.people import rate
from pipeline.verbs.results import audit, report
from pipeline.verbs.reward import score, train
from pipeline.verbs.study import study

__all__ = ["audit", "canary", "evaluate", "preview", "rate", "report", "score", "study", "train"]
