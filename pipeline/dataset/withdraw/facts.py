"""Everything by which a withdrawn clip can be found: gathered before anything is deleted.

The rows that say which JPEGs and replies are a clip's are deleted with it. So they are noted first, in a
file that lasts as long as the withdrawal: one that was killed finds there what it has still to delete.
"""

import dataclasses
import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dataset.parquet import read_columns
from pipeline.dataset.withdraw.find import all_files, named
from pipeline.dataset.withdrawn import Withdrawn
from schemas.layout import Layout


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is to be deleted.

    ``ids`` and ``contents`` (SHA-256 of the clips' bytes) are those of all tombstones. ``pictures``: the
    SHA-256 of every JPEG that shows the clips, montages too; ``alone``: those of them that show no clip
    that stays. ``replies``: keys in the clips' rows; ``kept``: of replies about other clips with the same
    pictures. ``made``: prompt, settings and seed of those that were generated.
    """

    ids: frozenset[str]
    contents: frozenset[str]
    here: frozenset[str] = frozenset()  # of the ids, those that the folder still held
    prompts: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()
    replies: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    uris: frozenset[str] = frozenset()
    made: tuple[tuple[str, str, int | None], ...] = ()
    frames: tuple[tuple[str, ...], ...] = ()

    def shown(self, key: str, request: dict[str, Any]) -> bool:
        """Whether a reply is about one of the clips: in its rows, by a picture of its own, or by a run
        of pictures that are all a withdrawn clip's."""
        if key in self.kept:
            return False
        frames = request.get("frames") or ()
        if key in self.replies or not self.alone.isdisjoint(frames):
            return True
        return any(part and self.pictures.issuperset(part) for part in _parts(request, frames))

    @property
    def named(self) -> re.Pattern[str]:
        """Whatever names one of the clips in a text: an id, and not a part of a longer one."""
        return naming((*self.ids, *self.contents, *self.alone))

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        found = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: sorted(v) if isinstance(v, frozenset) else list(v) for k, v in found.items()}

    @staticmethod
    def read(plain: dict[str, Any]) -> "Facts":
        """The facts that :meth:`plain` wrote."""
        lists = ("made", "frames")
        sets: dict[str, Any] = {k: frozenset(v) for k, v in plain.items() if k not in lists}
        sets |= {name: tuple(map(tuple, plain[name])) for name in lists}
        return Facts(**sets)


def _parts(request: dict[str, Any], frames: Sequence[str]) -> Iterator[Sequence[str]]:
    """The pictures of each clip that a request shows."""
    rest = iter(frames)
    for _, n in request.get("captions") or [("", len(frames))]:
        yield list(itertools.islice(rest, n))


def gather_facts(layout: Layout, gone: Withdrawn) -> Facts:
    """Read from the tables of a folder, whole or not, column by column."""
    ids = set(gone.video_ids)
    here: set[str] = set()
    prompts, uris = set[str](), set[str]()
    for clip in named(layout):
        if clip.video_id in gone.video_ids or clip.sha256 in gone.contents:
            ids.add(clip.video_id)
            here.add(clip.video_id)
            prompts.add(clip.prompt_id)
            uris |= {clip.place} - {None}  # type: ignore[arg-type]
    frames, pictures, shared, holders = _pictures(layout, ids)
    return Facts(
        ids=frozenset(ids),
        contents=gone.contents,
        here=frozenset(here),
        prompts=frozenset(prompts),
        pictures=frozenset(pictures),
        alone=frozenset(pictures - shared),
        replies=frozenset(_replies(layout, ids)),
        kept=frozenset(_replies(layout, holders, without=ids)) if holders else frozenset(),
        uris=frozenset(uris),
        made=_made(layout, ids),
        frames=tuple(frames),
    )


def naming(names: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds any of the names where it stands by itself; of no names, nothing."""
    said = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(rf"(?<![0-9A-Za-z_])(?:{said})(?![0-9A-Za-z_])" if said else r"(?!)")


_PICTURES = ("video_id", "jpeg_sha256", "montage_sha256")


def _pictures(
    layout: Layout, ids: set[str]
) -> tuple[list[tuple[str, ...]], set[str], set[str], set[str]]:
    """The clips' frames, all of their pictures, those that other clips have too, and these clips."""
    files = all_files(layout, "frames")
    listed: dict[tuple[str, ...], None] = {}
    own: set[str] = set()
    for video, frames, montage in read_columns(files, _PICTURES):
        if video in ids:
            listed[tuple(frames)] = None
            own |= {*frames, montage}
    own.discard(None)
    shared, holders = set[str](), set[str]()
    for video, frames, montage in read_columns(files, _PICTURES) if own else ():
        if video not in ids and not own.isdisjoint((*frames, montage)):
            shared |= own.intersection((*frames, montage))
            holders.add(video)
    return list(listed), own, shared, holders


def _replies(layout: Layout, ids: Collection[str], without: Collection[str] = ()) -> Iterator[str]:
    """Keys of the replies about these clips; of comparisons, those ``without`` any of the others."""
    return (key for key in _reply_keys(layout, set(ids), set(without)) if key is not None)


def _reply_keys(layout: Layout, ids: set[str], without: set[str]) -> Iterator[str | None]:
    wanted = pa.array(sorted(ids), pa.string())
    for path in all_files(layout, "annotations"):
        for batch in pq.ParquetFile(path).iter_batches(columns=["video_id", "reply_key"]):
            yield from batch.filter(pc.is_in(batch["video_id"], wanted))["reply_key"].to_pylist()
    for path in all_files(layout, "comparisons"):
        for videos, key in read_columns([path], ("video_ids", "reply_key")):
            if not ids.isdisjoint(videos) and without.isdisjoint(videos):
                yield key
    for key, reply in read_columns(all_files(layout, "failures"), ("key", "reply_key")):
        if _names(key, ids) and not _names(key, without):
            yield reply


def _names(key: str, ids: set[str]) -> bool:
    """Whether a failure's key names one of the clips; its first two fields hold them."""
    fields = key.split("/")[:2]
    return any(field in ids or not ids.isdisjoint(field.split("+")) for field in fields)


def _made(layout: Layout, ids: set[str]) -> tuple[tuple[str, str, int | None], ...]:
    columns = ("video_id", "prompt", "settings", "seed")
    rows = read_columns(all_files(layout, "videos"), columns)
    planned = read_columns(sorted((layout.work / "plan").glob("clips-*.parquet")), columns)
    found = ((p, s, n) for v, p, s, n in itertools.chain(rows, planned) if v in ids and s)
    return tuple(dict.fromkeys(found))
