"""What a trained reward model is worth: `evaluate`."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.verbs.results import ratings_table
from pipeline.verbs.words import (
    answers_of,
    check_folder,
    count,
    dimension_option,
    guarded,
    number,
    parser,
)
from schemas.options import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.audit.files import Audited
    from pipeline.display import Display

METRICS = "evaluation.json"
VERDICTS = {
    "met": "as expected",
    "not_met": "NOT as expected",
    "open": "NOT shown",
    None: "no verdict",
}
WITHOUT_TIES = ("pair_accuracy_ties_half_loo", "pair_accuracy_ties_half")  # the first that there is
WITH_TIES = ("pair_accuracy_with_ties_loo", "pair_accuracy_with_ties")


def evaluate(argv: Sequence[str]) -> int:
    """A trained VideoRM on the held-out prompts of a dataset, or on clips that people rated."""
    arguments = _parser().parse_args(argv)
    if arguments.data.is_dir():
        return guarded(lambda: _on_dataset(arguments))
    return guarded(lambda: _on_clips(arguments))


def _parser() -> argparse.ArgumentParser:
    p = parser(
        "evaluate",
        "Hold a VideoRM, the arms trained beside it and simple baselines against what they have not "
        "seen: a dataset folder's held-out prompts (its labels, and its human ratings and votes where "
        "there are any), or the clips of a manifest that people rated.",
        "videoprefer evaluate --model out/demo/videorm --data out/demo",
        "videoprefer evaluate --model out/videorm --data manifest.csv --ratings ratings.csv "
        "--dimension prompt_following=alignment --output out/benchmark",
    )
    p.add_argument("--model", required=True, type=Path, metavar="M")
    p.add_argument(
        "--data",
        required=True,
        type=Path,
        metavar="DIR_OR_FILE",
        help="a run's folder or the dataset it publishes; or a manifest of clips (prompt, generator, "
        "video), or a YAML file with `sources:`",
    )
    p.add_argument("--split", choices=("test", "validation", "train"), help="of DIR; default: test")
    p.add_argument(
        "--ratings",
        action="append",
        default=[],
        metavar="[KIND=]FILE",
        help="what people said of the clips of FILE; as for `audit`, may be repeated",
    )
    p.add_argument("--scale", metavar="LOW,HIGH", help="of the ratings, as for `audit`")
    dimension_option(p)
    p.add_argument(
        "--baseline",
        action="append",
        default=[],
        metavar="METRIC[=MODEL]",
        help="clip_score, hps_v2 or pick_score of a folder or hub id, from the same frames; may be "
        "repeated. The model's own pretrained trunk is always there",
    )
    p.add_argument("--output", type=Path, metavar="OUT", help="folder; needed for FILE")
    p.add_argument("--probes", action="store_true", help="also the sanity probes, on DIR")
    p.add_argument(
        "--device", default="auto", help="as torch names it; auto: a GPU if there is one"
    )
    p.add_argument("--threads", type=count, default=2, help="that decode clips")
    return p


def _on_dataset(arguments: argparse.Namespace) -> int:
    from pipeline.display import Display
    from pipeline.videorm.evaluation.on_dataset import evaluate as measure

    if arguments.ratings:
        raise SetupError("--ratings: a folder holds its own; it goes with a manifest of clips")
    if arguments.output:
        check_folder(arguments.output)
    display = Display()
    expect, progress = _watched(display)
    try:
        found = measure(
            arguments.model,
            arguments.data,
            split=arguments.split or "test",
            answers=answers_of(arguments.dimension) or None,
            baselines=arguments.baseline,
            probes=arguments.probes,
            device=arguments.device,
            expect=expect,
            progress=progress,
        )
    finally:
        display.close()
    print_metrics(found)
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        path = arguments.output / METRICS
        path.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
        print(path)
    return 0


def _on_clips(arguments: argparse.Namespace) -> int:
    from pipeline.display import Display
    from pipeline.report.audit_files import write_page_of
    from pipeline.videorm.evaluation.on_clips import TABLE, evaluate_clips

    _check_benchmark(arguments)
    display = Display()
    expect, progress = _watched(display)
    try:
        audited, summary = evaluate_clips(
            arguments.model,
            arguments.data,
            [ratings_table(text, arguments.scale) for text in arguments.ratings],
            arguments.output,
            answers=answers_of(arguments.dimension),
            baselines=arguments.baseline,
            device=arguments.device,
            threads=arguments.threads,
            expect=expect,
            progress=progress,
        )
    finally:
        display.close()
    manifest = arguments.data if arguments.data.suffix not in (".yaml", ".yml") else None
    page = write_page_of(arguments.output, audited, arguments.output / TABLE, manifest)
    _print_audited(audited, summary)
    print(f"scores: {arguments.output / TABLE}\npage: {page}")
    return 0


def _check_benchmark(arguments: argparse.Namespace) -> None:
    if not arguments.data.is_file():
        raise SetupError(f"--data {arguments.data}: there is no such folder or file")
    if not arguments.ratings:
        raise SetupError("--ratings: say what people said of the clips; a manifest does not")
    if arguments.output is None:
        raise SetupError("--output: name a folder for the scores and the audit of these clips")
    if arguments.split:
        raise SetupError("--split: is of a dataset folder; every clip of a manifest is evaluated")
    if arguments.probes:
        raise SetupError("--probes: are taken on a dataset folder, not on a manifest of clips")
    check_folder(arguments.output)


def _watched(display: "Display") -> "tuple[Callable[[int], None], Callable[[int, int], None]]":
    from pipeline.progress import Counts

    def expect(clips: int) -> None:
        display.expect({"score": clips})

    def progress(done: int, failed: int) -> None:
        display.show({"score": Counts(done=done, failed=failed)})

    return expect, progress


# tables


def print_metrics(found: Mapping[str, Any]) -> None:
    """The accuracy tables of a model's metrics, its differences, probes and notes."""
    for against in dict.fromkeys(row["against"] for row in found["accuracy"]):
        who = "the annotator's labels" if against == "annotator" else f"the {against}, one left out"
        for title, rows in (
            (f"Accuracy without ties against {who}", _kept(found["accuracy"], against)),
            (f"Accuracy with ties against {who}", _kept(found["three_way"], against)),
        ):
            _print_table(title, [(_named(row), row["dimension"], row) for row in rows])
    for row in found["differences"]:
        if row["dimension"] == "all":
            print(
                f"{row['arm']} minus {row['minus']}, against the {row['against']}: {_figure(row)}"
            )
    probes = found.get("probes", ())
    for row in probes:
        if row["arm"] == probes[0]["arm"] and row["expected"] != "either":
            words = VERDICTS[row["verdict"]]
            print(f"probe {row['probe']}, {row['dimension']}: {_figure(row)} ({words})")
    for note in found["notes"]:
        print(f"note: {note}")


def _kept(rows: Sequence[Mapping[str, Any]], against: str) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["against"] == against]


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['arm']} (log k)" if row.get("threshold_from") == "log_k" else str(row["arm"])


def _print_audited(audited: "Audited", summary: Mapping[str, Any]) -> None:
    from pipeline.report.agreement import headlines

    failures = summary["failures"]
    print(f"{summary['scored']} of {summary['clips']} clips scored")
    for video, why in failures.items():
        print(f"failed: {video}: {why}")
    order = [*summary["scorers"], "human_ceiling", "chance"]
    for title, names in (("without", WITHOUT_TIES), ("with", WITH_TIES)):
        whole = [row for row in audited.result.table if row["slice"] == "all"]
        there = [name for name in names if any(row["statistic"] == name for row in whole)]
        chosen = [row for row in whole if row["statistic"] in there[:1]]
        chosen = [row for name in order for row in chosen if row["annotator"] == name]
        _print_table(
            f"Accuracy {title} ties against people ({', '.join(map(_told, there[:1]))})",
            [(row["annotator"], row["dimension"], row) for row in chosen],
        )
    for sentence in headlines({"rows": audited.result.table}):
        print(sentence)
    for note in (*summary["notes"], *audited.result.notes):
        print(f"note: {note}")


def _told(statistic: str) -> str:
    return f"{statistic}: pairs x raters" if statistic.endswith("_loo") else statistic


def _print_table(title: str, cells: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """A line per scorer, a column per dimension."""
    if not cells:
        return
    columns = list(dict.fromkeys(dimension for _, dimension, _ in cells))
    found = {(name, dimension): _figure(row) for name, dimension, row in cells}
    names = list(dict.fromkeys(name for name, _, _ in cells))
    first = max(len(name) for name in names)
    wide = max(20, *(len(column) for column in columns))
    counts = [_count(cells, column) for column in columns]
    print(f"\n{title}")
    print(" " * first, *(f"{column:>{wide}}" for column in columns))
    print(f"{'pairs':<{first}}", *(f"{n:>{wide}}" for n in counts))
    for name in names:
        print(f"{name:<{first}}", *(f"{found.get((name, c), '-'):>{wide}}" for c in columns))


def _count(cells: Sequence[tuple[str, str, Mapping[str, Any]]], column: str) -> str:
    """How many pairs, the same for all but where one scorer has fewer."""
    counts = sorted({row.get("n_pairs", row.get("n_items")) for _, d, row in cells if d == column})
    return " to ".join(dict.fromkeys((str(counts[0]), str(counts[-1]))))


def _figure(row: Mapping[str, Any]) -> str:
    return number(row["value"], row["low"], row["high"])
