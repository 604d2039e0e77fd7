"""Draws the report of a folder with the project's own code: `explorer_draw.py DIR`, seconds as JSON."""

import json
import sys
import time
from pathlib import Path

from pipeline.report import ReportOptions, write_report
from schemas.layout import Layout

root = Path(sys.argv[1])
begun = time.perf_counter()
write_report(root, ReportOptions(), json.loads(Layout(root).run.read_text()))
print(json.dumps({"seconds": time.perf_counter() - begun}))
