"""Does the reward mean something? Changes of clips and prompts whose effect is known beforehand."""

from pipeline.videorm.evaluation.probes.run import run_probes

__all__ = ["run_probes"]
