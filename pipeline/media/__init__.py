"""Probe, decode, sample, check: from a clip to the frames that a judge sees."""
