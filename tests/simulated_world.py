"""The simulated generators, as tests pool them."""

from pipeline.generators.simulated import PROFILES, SimulatedSpec


def simulated_pool() -> list[SimulatedSpec]:
    """One of each built-in profile."""
    return [SimulatedSpec(name=name) for name in PROFILES]
