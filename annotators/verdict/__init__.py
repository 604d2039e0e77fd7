"""What a judge's reply says: a score per dimension or a choice, else the reason why there is none.

A number is never guessed. What a careful reader would not swear to is a reason, not a score.
"""

from annotators.verdict.choices import Choice, NoChoice, read_choice
from annotators.verdict.labels import GENAI_BENCH, Label
from annotators.verdict.read import Judgement, Unusable, Verdict, read_verdict, unusable

__all__ = [
    "GENAI_BENCH",
    "Choice",
    "Judgement",
    "Label",
    "NoChoice",
    "Unusable",
    "Verdict",
    "read_choice",
    "read_verdict",
    "unusable",
]
