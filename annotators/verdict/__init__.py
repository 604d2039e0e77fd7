"""What a judge's reply says: a score per dimension, a choice or an order of videos, or why none.

A number is never guessed. What a careful reader would not swear to is a reason, not a score. That
includes the scale's own words without a number, drawings of stars, and an object that is cut off
behind its score.

``read`` leads through the room: strict JSON first; else ``plain`` takes off the dress, ``objects``
takes out JSON and XML, ``fields`` reads these; what is left goes to ``alone`` (the reply is a
number), ``lines`` (``Score: 4``, with ``tables``) and ``sentences`` (``I rate the video 4``). All of
them speak in ``mentions`` and read a number by ``numbers``; where none is found ``silence`` says
why. ``choices`` and ``labels`` do the same for a choice among labels that somebody else's request
offered.

``comparison`` leads through the same for several videos: what an answer is (``orders``), in objects
(``order_fields``), on lines (``order_lines``) and in sentences (``order_sentences``).
"""

from annotators.verdict.choices import Choice, NoChoice, read_choice
from annotators.verdict.comparison import Ranked, read_comparison
from annotators.verdict.labels import GENAI_BENCH, Label
from annotators.verdict.read import Judgement, Unusable, Verdict, read_verdict, unusable

__all__ = [
    "GENAI_BENCH",
    "Choice",
    "Judgement",
    "Label",
    "NoChoice",
    "Ranked",
    "Unusable",
    "Verdict",
    "read_choice",
    "read_comparison",
    "read_verdict",
    "unusable",
]
