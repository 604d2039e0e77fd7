"""Panels of a few clips for the tests of the audit."""

import numpy as np

from pipeline.audit.panel import Panel


def panel(human, prompts, judge=None) -> Panel:
    """Scores (N, R) of clips with these prompt numbers (N,), and a judge's (N,) or none."""
    human = np.asarray(human, dtype=float)
    prompts = np.asarray(prompts, dtype=np.intp)
    return Panel(
        videos=tuple(f"v{i}" for i in range(len(human))),
        prompts=prompts,
        generators=("g",) * len(human),
        human=human,
        raters=tuple(f"r{j}" for j in range(human.shape[1])),
        prompt_ids=tuple(f"p{i}" for i in range(int(prompts.max(initial=-1)) + 1)),
        judge=None if judge is None else np.asarray(judge, dtype=float),
    )
