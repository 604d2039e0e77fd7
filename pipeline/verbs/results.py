"""What a run came to: `audit`."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.verbs.words import answers_of, check_folder, dimension_option, guarded, number, parser
from schemas.options import SetupError

if TYPE_CHECKING:
    from pipeline.audit.options import AuditOptions, RatingsTable
    from pipeline.audit.result import AuditResult


def audit(argv: Sequence[str]) -> int:
    """What judges said against what people said, in numbers and on a page."""
    p = parser(
        "audit",
        "How far can annotations be trusted? Holds a run's folder, or a table of recorded scores or "
        "choices, against human ratings or votes of the same clips. Writes OUT/audit.json (one row per "
        "number), OUT/audit_details.json and the page OUT/report/audit.html, and prints the headlines.",
        "videoprefer audit --annotations out/mine --ratings ratings.csv --output out/audit",
    )
    p.add_argument(
        "--annotations",
        required=True,
        type=Path,
        metavar="DIR_OR_TABLE",
        help="a run's folder; or a table with columns video_id (or prompt_id and generator), annotator, "
        "score; or one of choices between clips; or a file of results of GenAI-Bench",
    )
    p.add_argument(
        "--ratings",
        required=True,
        action="append",
        metavar="[KIND=]FILE",
        help=f"what people said; may be repeated. Kinds, mostly told from the content: {_kinds()}",
    )
    p.add_argument("--output", required=True, type=Path, metavar="OUT")
    dimension_option(p)
    p.add_argument(
        "--scale",
        metavar="LOW,HIGH",
        help="of the ratings (--scale=-3,3 where it begins with a minus); scores outside count as "
        "missing; default: that of the kind; 1,5 for a table, refused where many scores are outside",
    )
    p.add_argument(
        "--leave-out",
        action="append",
        default=[],
        metavar="GENERATOR",
        help="leave its clips out, for example real footage; may be repeated",
    )
    p.add_argument(
        "--clips",
        type=Path,
        metavar="MANIFEST",
        help="says more of the clips of a table (columns prompt_id or prompt, generator, video, optional "
        "source, complexity, duration_s; the page shows the clips), or of prompts alone",
    )
    p.add_argument(
        "--items",
        type=Path,
        metavar="FILE",
        help="items.csv of `rate`: numbers also by why a clip or pair was given to people; only those "
        "chosen at random stand for the rest",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another option of the audit block, for example resamples=10000 or level=0.9",
    )
    p.add_argument("--all", action="store_true", help="print every number about all items")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.audit.files import audit_files
        from pipeline.rating.items import chosen_because
        from pipeline.report.audit_files import write_page_of

        check_folder(arguments.output)
        options = _audit_options(arguments)
        ratings = [ratings_table(text, arguments.scale) for text in arguments.ratings]
        audited = audit_files(
            arguments.annotations,
            ratings,
            arguments.output,
            options,
            arguments.clips,
            chosen_because(arguments.items) if arguments.items else None,
        )
        page = write_page_of(arguments.output, audited, arguments.annotations, arguments.clips)
        _print_audit(audited.result, everything=arguments.all)
        print(f"{len(audited.result.rows)} rows: {arguments.output / 'audit.json'}")
        print(f"page: {page}")
        return 4 if audited.result.unmet else 0

    return guarded(work)


def _kinds() -> str:
    from pipeline.formats.readers import READERS

    return "; ".join(f"{reader.kind} ({reader.what})" for reader in READERS.values())


def _audit_options(arguments: argparse.Namespace) -> "AuditOptions":
    import yaml
    from pydantic import ValidationError

    from pipeline.audit.options import AuditOptions

    given: dict[str, Any] = {}
    for text in arguments.set:
        key, equals, value = text.partition("=")
        if not equals or key in given:
            raise SetupError(f"--set {text}: expected KEY=VALUE, each key once")
        try:
            given[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise SetupError(f"--set {text}: the value is not valid YAML: {error}") from error
    options = {"dimensions": answers_of(arguments.dimension)}
    options["leave_out_generators"] = arguments.leave_out
    for key, value in options.items():
        if value and key in given:
            raise SetupError(f"--set {key}: an option of its own says it, too; keep one")
    try:
        return AuditOptions(**{**options, **given})
    except ValidationError as error:
        raise SetupError("\n".join(map(_fault, error.errors()))) from None


def _fault(fault: Mapping[str, Any]) -> str:
    """What is wrong with ``--set``, from one of pydantic's errors."""
    from pipeline.audit.options import AuditOptions

    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden" and len(fault["loc"]) == 1:
        return f"--set {place}: no such option; known are {', '.join(AuditOptions.model_fields)}"
    return f"--set {place}: {fault['msg'].removeprefix('Value error, ')}, got {fault['input']!r}"


def ratings_table(text: str, scale: str | None) -> "RatingsTable":
    """``KIND=FILE``, or a file whose kind its content tells."""
    from pydantic import ValidationError

    from pipeline.audit.options import RatingsTable
    from pipeline.formats.readers import READERS

    kind, equals, path = text.partition("=")
    if not equals or kind not in READERS:
        kind, path = "auto", text
    try:
        bounds = None if scale is None else tuple(float(bound) for bound in scale.split(","))
        return RatingsTable(kind=kind, path=path, scale=bounds)
    except (ValueError, ValidationError) as error:
        raise SetupError(f"--scale {scale}: expected LOW,HIGH, for example 1,5") from error


def _print_audit(result: "AuditResult", everything: bool) -> None:
    from pipeline.report.agreement import headlines

    for note in result.notes:
        print(f"note: {note}")
    if everything:
        for row in result.rows:
            if row.slice == "all":
                print(
                    f"{row.dimension:<20} {row.annotator:<16} {row.statistic:<36} "
                    f"{number(row.value, row.low, row.high)}  n={row.n_items}, "
                    f"{row.n_raters} raters"
                )
    for sentence in headlines({"rows": result.table}):
        print(sentence)
    for sentence in result.unmet:
        print(f"not met: {sentence}")
