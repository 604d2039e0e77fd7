"""What the page of books needs beside the run's record: where the money went, what reasons mean."""

from typing import Any

from pipeline.report.books.money import money_of
from pipeline.report.books.parts import Record
from pipeline.report.books.reasons import REASONS
from schemas.layout import Layout


def books_of(layout: Layout, manifest: Record) -> dict[str, Any]:
    """``{"money", "reasons"}``, the value of ``data/books.js``."""
    failed = {reason for own in (manifest.get("failures") or {}).values() for reason in own}
    return {
        "money": money_of(layout, manifest),
        "reasons": {name: said for name, said in REASONS.items() if name in failed},
    }
