"""Markdown tables as lines of text, so that they are read like any other."""

import re
from collections.abc import Iterator

from annotators.verdict.mentions import SCORE_FIELDS, bare

_RULE = re.compile(r"[\s|:\-–]+\Z")


def rows(text: str) -> Iterator[str]:
    """The lines of a text; rows of a Markdown table become lines ``name: value``."""
    header: list[str] = []
    for line in text.split("\n"):
        cells = [cell.strip(" *_`") for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|") or len(cells) < 2 or len(line) > 4000:
            header = []
            yield line
        elif not _RULE.match(line):
            scores = [i for i, title in enumerate(header) if bare(title) in SCORE_FIELDS]
            if not header:
                header = cells
                if not re.search(r"\d", line):
                    continue
            column = scores[0] if scores and scores[0] < len(cells) else None
            name = header[column] if column == 0 and header is not cells else cells[0]
            numbers = [cell for cell in cells[1:] if cell[:1].isdigit()]
            value = cells[column] if column else " or ".join(numbers[:3]) or cells[1]
            value = cells[0] if column == 0 and header is not cells else value
            yield f"{name}: {value}"
