"""What a run would ask for: requests, tokens, cost, disk and time, before anything is sent."""

from pipeline.estimate.count import estimate
from pipeline.estimate.result import Disk, Estimate, Line

__all__ = ["Disk", "Estimate", "Line", "estimate"]
