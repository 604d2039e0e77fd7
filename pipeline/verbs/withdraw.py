"""What an owner takes back: `withdraw`."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.verbs.words import guarded, parser
from schemas.options import SetupError

SHOWN = 12  # of what could not be reached

if TYPE_CHECKING:
    from pipeline.dataset.withdraw.stores import Gone


def withdraw(argv: Sequence[str]) -> int:
    """Clips out of a run's folder, for good."""
    p = parser(
        "withdraw",
        "Take clips out of a run's folder for good: tables, frames, paid replies, scores, pairs, pages. "
        "Every clip with the same content goes. A tombstone (withdrawn.json) keeps it from coming back, "
        "also into runs and merges that read the folder. Without a CLIP: whatever the tombstones name "
        "that is still here, and what an interrupted withdrawal left.",
        "videoprefer withdraw out/mine 3f2a9c1e00b4d875 --reason 'the owner asked for it'",
        "videoprefer withdraw out/mine --file takedown.txt --dry-run",
    )
    p.add_argument("run", type=Path, metavar="DIR", help="the run's output folder, complete or not")
    p.add_argument(
        "clips",
        nargs="*",
        metavar="CLIP",
        help="a video_id, the sha256 of the clip's bytes, or the path or URI it came from",
    )
    p.add_argument("--file", type=Path, metavar="LIST", help="of clips, one on each line")
    p.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar="PROMPT_ID",
        help="every clip of this prompt; may be repeated",
    )
    p.add_argument(
        "--reason", metavar="TEXT", help="kept with the tombstone; names nobody by itself"
    )
    p.add_argument("--date", metavar="DAY", help="kept with the tombstone, as 2026-11-22")
    p.add_argument(
        "--journal", metavar="PATH", help="paid replies that lie elsewhere than the run says"
    )
    p.add_argument("--dry-run", action="store_true", help="say what would go, and touch nothing")
    arguments = p.parse_args(argv)

    def work() -> int:
        from annotators.journal import JournalError
        from pipeline.dataset.withdraw.withdraw import Asked
        from pipeline.dataset.withdraw.withdraw import withdraw as take

        asked = Asked(
            names=[*arguments.clips, *_listed(arguments.file)],
            prompts=arguments.prompt,
            reason=arguments.reason,
            date=_day(arguments.date),
            journal=arguments.journal,
            dry_run=arguments.dry_run,
        )
        try:
            gone = take(arguments.run, asked)
        except JournalError as error:
            print(f"failed: {error}. Then run the same command again: it goes on where it stopped")
            return 1
        _tell(gone, dry=arguments.dry_run, everything=arguments.run)
        return 0

    return guarded(
        work, interrupted="interrupted; `videoprefer withdraw DIR` goes on where it stopped"
    )


def _listed(path: Path | None) -> list[str]:
    """The clips of a list, blank lines aside."""
    if path is None:
        return []
    try:
        found = [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"--file {path}: {error}; name a text file with a clip on each line"
        ) from error
    if not found:
        raise SetupError(f"--file {path}: holds no clip; put one on each line")
    return found


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise SetupError(f"--date {text}: expected a day such as 2026-11-22") from error


def _tell(gone: "Gone", *, dry: bool, everything: Path) -> None:
    """What went, and what could not be reached."""
    if not gone.found:
        print(f"nothing of these clips is in {everything}; the tombstones stand")
        if not gone.beyond:
            return
    else:
        print("would go:" if dry else "gone:")
    for table, n in gone.rows.items():
        print(f"  {n:,} rows of {table}")
    for n, what in (
        (gone.media, "files of the media store"),
        (gone.frames, "pictures of the frame store"),
        (gone.notes, "notes of generators"),
        (gone.replies, "paid replies of the journal (what they cost stays in the ledger)"),
    ):
        if n:
            print(f"  {n:,} {what}")
    for line in gone.others:
        print(f"  {line}")
    print("out of reach:")
    for line in gone.beyond[:SHOWN]:
        print(f"  {line}")
    if len(gone.beyond) > SHOWN:
        print(f"  and {len(gone.beyond) - SHOWN:,} more")
    print(
        "  a copy on a Hub: `videoprefer push` again deletes it there, from its history only you can"
    )
    print("  exports and copies made elsewhere, and models that others trained on them")
