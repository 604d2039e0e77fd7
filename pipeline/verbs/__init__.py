"""The commands beside `run`. Each imports what it needs: an audit works without torch and Beam."""

from pipeline.verbs.doctor import doctor
from pipeline.verbs.evaluation import evaluate
from pipeline.verbs.export import export
from pipeline.verbs.judges import canary, preview
from pipeline.verbs.merge import diff, merge
from pipeline.verbs.people import rate
from pipeline.verbs.push import push
from pipeline.verbs.report import report
from pipeline.verbs.results import audit
from pipeline.verbs.reward import score, train
from pipeline.verbs.study import study
from pipeline.verbs.withdraw import withdraw

__all__ = [
    "audit",
    "canary",
    "diff",
    "doctor",
    "evaluate",
    "export",
    "merge",
    "preview",
    "push",
    "rate",
    "report",
    "score",
    "study",
    "train",
    "withdraw",
]
