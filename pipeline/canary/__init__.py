"""How far words move a judge: the same clips with praise, blame or idle words in their frames or prompt.

Text inside a picture sways every visual judge that was tested, and a warning does not cure it (FRAME,
arXiv 2505.15249): it cannot be prevented, only measured.
"""

from pipeline.canary.command import Ask, canary

__all__ = ["Ask", "canary"]
