"""Pages a person looks at. Everything here is plain files: no server, no network, no framework."""

from pipeline.report.options import ReportOptions
from pipeline.report.write import write_report

__all__ = ["ReportOptions", "write_report"]
