"""What a run came to: `audit` and `report`."""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.verbs.words import guarded, number, parser
from schemas.options import SetupError


def audit(argv: Sequence[str]) -> int:
    """Recorded scores or a run's scores against human ratings."""
    p = parser(
        "audit",
        "Hold a run's scores, or a table of recorded scores, against human ratings. "
        "Writes OUT/audit.json and prints the headline rows.",
        "videoprefer audit --annotations out/mine --ratings ratings.csv --output out/audit",
    )
    p.add_argument("--annotations", required=True, type=Path, metavar="DIR_OR_TABLE")
    p.add_argument("--ratings", required=True, type=Path, action="append", metavar="FILE")
    p.add_argument("--output", required=True, type=Path, metavar="OUT")
    p.add_argument(
        "--dimension",
        action="append",
        default=[],
        metavar="OURS=THEIRS[,THEIRS]",
        help="which human dimensions answer for one of ours; default: the same name",
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.audit.files import audit_files
        from pipeline.audit.options import AuditOptions

        options = AuditOptions(dimensions=dict(map(_answer, arguments.dimension)))
        result = audit_files(arguments.annotations, arguments.ratings, arguments.output, options)
        for note in result.notes:
            print(f"note: {note}")
        for row in result.rows:
            if row.slice == "all":
                print(
                    f"{row.dimension:<20} {row.annotator:<16} {row.statistic:<36} "
                    f"{number(row.value, row.low, row.high)}  n={row.n_items}, "
                    f"{row.n_raters} raters"
                )
        print(f"{len(result.rows)} rows: {arguments.output / 'audit.json'}")
        return 0

    return guarded(work)


def _answer(text: str) -> tuple[str, list[str]]:
    ours, equals, theirs = text.partition("=")
    if not equals or not theirs:
        raise SetupError(
            f"--dimension {text}: expected OURS=THEIRS, for example "
            "video_quality=static_quality,temporal_quality"
        )
    return ours, theirs.split(",")


def report(argv: Sequence[str]) -> int:
    """The pages of a finished run, drawn anew."""
    p = parser("report", "Draw the pages of a finished run anew.", "videoprefer report out/demo")
    p.add_argument("run", type=Path, metavar="DIR")
    p.add_argument("--prompts", type=int, default=None, help="prompts shown; 0: all of them")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.report.options import ReportOptions
        from pipeline.report.write import write_report
        from schemas.layout import Layout

        layout = Layout(arguments.run)
        if not layout.run.is_file():
            raise SetupError(
                f"{layout.run}: not there, so {arguments.run} is not a complete run; "
                "run it to the end first"
            )
        record = json.loads(layout.run.read_text())
        options = ReportOptions(**record["config"]["report"])
        if arguments.prompts is not None:
            options = options.model_copy(update={"prompts": arguments.prompts})
        print(write_report(layout.root, options, record))
        return 0

    return guarded(work)
