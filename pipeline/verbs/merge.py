"""Datasets that grow: `merge` of complete runs, `diff` of two versions."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.verbs.words import check_folder, count, guarded, parser

if TYPE_CHECKING:
    from pipeline.dataset.merge.merge import MergePlan
    from pipeline.dataset.merge.union import Counts


def merge(argv: Sequence[str]) -> int:
    """Complete runs become one complete dataset."""
    arguments = _merge_parser().parse_args(argv)

    def work() -> int:
        from pipeline.dataset.merge.merge import BooksError, plan_merge
        from pipeline.dataset.merge.merge import merge as merged

        check_folder(arguments.output)
        plan = plan_merge(
            arguments.runs,
            arguments.output,
            on_conflict=arguments.on_conflict,
            settings=arguments.set,
            say=print,
        )
        print(_told(plan))
        if arguments.dry_run:
            print("dry run: nothing was written")
            return 0
        try:
            record = merged(plan, arguments.output, link=not arguments.copy, say=print)
        except BooksError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
        for note in record["notes"]:
            print(f"note: {note}")
        out = arguments.output
        print(f"complete: {record['tables']['preferences']} preferences in {out}")
        print(f"what changed   videoprefer diff {arguments.runs[0]} {out}")
        print(f"a reward model videoprefer train --data {out} --output {out / 'videorm'}")
        return 0

    return guarded(work, interrupted="interrupted; the same command starts over")


def _merge_parser() -> argparse.ArgumentParser:
    p = parser(
        "merge",
        "Make one dataset of complete runs: the same clips judged by other judges, other clips of the "
        "same or other prompts, the same judge at later dates. The first DIR is the dataset that grows: "
        "its rows, ids and splits stay. Scores and preferences are computed anew over everything, by the "
        "first run's rules. The runs are only read.",
        "videoprefer merge out/june out/july --output out/both",
        "videoprefer merge out/june out/july --output out/both --on-conflict apart --dry-run",
    )
    p.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="folders of complete runs")
    p.add_argument("--output", required=True, type=Path, metavar="OUT", help="a new folder")
    p.add_argument(
        "--on-conflict",
        choices=("refuse", "first", "last", "apart"),
        default="refuse",
        help="where a later run says another thing under the same key: refuse (default), keep the first "
        "row, keep the last one, or keep the later run's annotator apart as NAME@RUN; what people said is "
        "never kept apart",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="another rule than the first run's, such as consensus.method=median or "
        "preferences.tie_margin=0.5; may be repeated",
    )
    how = p.add_mutually_exclusive_group()
    how.add_argument(
        "--link",
        action="store_true",
        help="clips, pictures and replies as hard links where that can be (default)",
    )
    how.add_argument("--copy", action="store_true", help="as copies")
    p.add_argument(
        "--dry-run", action="store_true", help="tell what would be merged; write nothing"
    )
    return p


def _told(plan: "MergePlan") -> str:
    """What becomes of every run's rows."""
    lines = []
    for number, source in enumerate(plan.sources):
        own = {
            table: of_all[number] for table, of_all in plan.counts.items() if of_all[number].rows
        }
        lines.append(f"{source.name} ({source.layout.root})")
        lines += [f"  {table}: {_counted(one)}" for table, one in own.items()]
        lines += [f"  annotator {a} is {b}" for a, b in plan.chosen.renamed[number].items()]
    return "\n".join(lines)


def _counted(one: "Counts") -> str:
    said = [f"{one.rows} rows, {one.added} added"]
    said += [f"{one.same} the same as an earlier run's"] * bool(one.same)
    said += [f"{n} left out: {why}" for why, n in one.left_out.items()]
    return "; ".join(said)


def diff(argv: Sequence[str]) -> int:
    """What changed between two versions of a dataset."""
    p = parser(
        "diff",
        "What changed between two versions of a dataset: rows added, removed and changed, labels flipped "
        "with how far their margins moved, pairs that moved between splits, agreement with people, cost, "
        "judges, rubrics, licences, clips withdrawn. Prints a summary; everything is in the JSON.",
        "videoprefer diff out/june out/both --output diff.json",
    )
    p.add_argument("old", type=Path, metavar="OLD", help="folder of a finished dataset")
    p.add_argument("new", type=Path, metavar="NEW")
    p.add_argument("--output", type=Path, metavar="FILE", help="where the JSON goes")
    p.add_argument(
        "--limit", type=count, default=5, metavar="N", help="examples of each kind (default 5)"
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.dataset.diff.diff import diff as difference
        from pipeline.state import write_json
        from pipeline.verbs.diff_words import summary

        if arguments.output is not None:
            check_folder(arguments.output.absolute().parent)
        found: Mapping[str, object] = difference(arguments.old, arguments.new, arguments.limit)
        print(summary(found))
        if arguments.output is not None:
            write_json(arguments.output, found)
            print(f"all of it: {arguments.output}")
        return 0

    return guarded(work)
