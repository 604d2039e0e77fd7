"""The previews that lie with a report: kept, made, and for which clips."""
