"""Formulas: from arrays of per-prompt sums, or of scores, to statistics. No panels, no records."""
