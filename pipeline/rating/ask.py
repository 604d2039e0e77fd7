"""What `videoprefer rate` writes: the page, Label Studio's files with their clips, the analyst's list."""

import dataclasses
import os
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.dataset.parquet import parts, read_rows
from pipeline.formats.label_studio_tasks import Task, config_xml, local_prefix, tasks_json
from pipeline.media.errors import MediaError
from pipeline.media.fetching.target import is_address
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import check_file
from pipeline.rating.clips import PageClip, for_browsers
from pipeline.rating.corpus import clip_candidates, dimensions_of, hear, pair_candidates
from pipeline.rating.dimensions import asked_about
from pipeline.rating.items import RANDOM, Candidate, Item, items_csv
from pipeline.rating.page import render_page
from pipeline.rating.rated import rated_already
from pipeline.rating.sample import choose
from pipeline.state import record_of
from schemas import Dimension, Prompt, Video
from schemas.ids import hash_fraction, sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError

PAGE, TASKS, CONFIG, LIST = (
    "rate.html",
    "label_studio_tasks.json",
    "label_studio_config.xml",
    "items.csv",
)
CLIPS = "clips"  # folder of the clips that Label Studio's tasks name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What to ask people about a run. ``rated``: further tables of ratings or votes that exist."""

    run: Path
    output: Path
    mode: str = "pairs"
    items: int = 40
    random_share: float = 0.5
    dimensions: Sequence[str] = ()
    seed: int = 0
    url_prefix: str | None = None
    page_mb: float | None = 200  # None: no page
    rated: Sequence[Path] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of it: the files, the items, and what a person should know of them."""

    files: tuple[Path, ...]
    items: tuple[Item, ...]
    notes: tuple[str, ...]


def ask_people(ask: Ask) -> Written:
    """Choose what to ask people about a complete run, and write all they and the analyst need.

    Raises :class:`SetupError` before anything is written: an incomplete run, a dimension it lacks,
    nothing left to rate, clips too large for a page, a folder that holds another selection.
    """
    layout = Layout(ask.run)
    record = record_of(layout)
    dimensions = asked_about(record, dimensions_of(layout), ask.dimensions)
    videos = _videos(layout)
    candidates, notes = _here(_candidates(layout, ask.mode, dimensions), videos, layout)
    rated = rated_already(layout, ask.mode, _theirs(record, dimensions), videos, ask.rated)
    items = choose(candidates, ask.items, random_share=ask.random_share, seed=ask.seed, rated=rated)
    prompts = {row.prompt_id: row.text for row in read_rows(Prompt, parts(layout.table("prompts")))}
    listed = items_csv(items, ask.mode, prompts)
    config = config_xml(ask.mode, dimensions)
    _refuse_another(ask.output, {LIST: listed, CONFIG: config})
    clips = _clips([i for i in items if i.asked], videos, layout, record)
    page = _page(ask, items, dimensions, clips, prompts)
    tasks = _tasks(ask, items, dimensions, clips, prompts)
    texts = {LIST: listed, CONFIG: config, TASKS: tasks, **({PAGE: page} if page else {})}
    files = _write(ask.output, texts, {_name(v, c): c.data for v, c in clips.items()})
    return Written(files=files, items=tuple(items), notes=(*notes, *_notes(ask, items, clips)))


def _theirs(record: Mapping[str, Any], dimensions: Sequence[Dimension]) -> set[str]:
    """The dimensions with those of people that answer for them in the run's audit."""
    answers = (record["config"].get("audit") or {}).get("dimensions") or {}
    return {name for d in dimensions for name in (d.name, *answers.get(d.name, ()))}


def _videos(layout: Layout) -> dict[str, Video]:
    return {row.video_id: row for row in read_rows(Video, parts(layout.table("videos")))}


def _candidates(layout: Layout, mode: str, dimensions: Sequence[Dimension]) -> list[Candidate]:
    heard = hear(layout, [d.name for d in dimensions])
    return pair_candidates(heard) if mode == "pairs" else clip_candidates(heard, layout)


def _here(
    candidates: Collection[Candidate], videos: Mapping[str, Video], layout: Layout
) -> tuple[list[Candidate], list[str]]:
    """Those whose clips are files of this machine, and a note on the others."""
    wanted = {video for one in candidates for video in one.videos}
    here = {v for v in wanted if _path(videos[v], layout) is not None}
    found = [one for one in candidates if here.issuperset(one.videos)]
    lost = len(candidates) - len(found)
    note = f"{lost} of {len(candidates)} items cannot be asked: a clip is not on this machine"
    return found, [f"{note}, and the random part stands for the others alone"] if lost else []


def _path(video: Video, layout: Layout) -> Path | None:
    path = layout.clip_path(video.uri)
    return path if not is_address(video.uri) and path.is_file() else None


def _clips(
    items: Iterable[Item], videos: Mapping[str, Video], layout: Layout, record: Mapping[str, Any]
) -> dict[str, PageClip]:
    """Every clip that is shown, by video id, within the run's own limits on clips."""
    limits = FramesOptions(**record["config"].get("frames", {}))
    found: dict[str, PageClip] = {}
    for video in sorted({v for item in items for v in item.candidate.videos}):
        path = layout.clip_path(videos[video].uri)
        try:
            check_file(str(path), limits.max_bytes)
            _check_same(path, videos[video])
            found[video] = for_browsers(path, limits)
        except MediaError as error:
            raise SetupError(f"clip {video!r}: {error.message}") from error
    return found


def _check_same(path: Path, video: Video) -> None:
    if sha256_hex(path.read_bytes()) != video.sha256:
        raise SetupError(
            f"{path}: is not the file that was judged (its bytes have changed since the run), and people "
            "must see what the judges saw; put it back"
        )


def _page(
    ask: Ask,
    items: Sequence[Item],
    dimensions: Sequence[Dimension],
    clips: Mapping[str, PageClip],
    prompts: Mapping[str, str],
) -> str | None:
    if ask.page_mb is None:
        return None
    shown = [item for item in items if item.asked]
    return render_page(shown, ask.mode, dimensions, clips, prompts, ask.page_mb)


def _tasks(
    ask: Ask,
    items: Sequence[Item],
    dimensions: Sequence[Dimension],
    clips: Mapping[str, PageClip],
    prompts: Mapping[str, str],
) -> str:
    prefix = ask.url_prefix or local_prefix(f"{ask.output.resolve().name}/{CLIPS}")
    return tasks_json(
        Task(
            item=item.item,
            prompt_id=item.candidate.prompt_id,
            prompt=prompts[item.candidate.prompt_id],
            videos=_turned(item.candidate.videos),
            urls=tuple(prefix + _name(v, clips[v]) for v in _turned(item.candidate.videos)),
            dimensions=tuple(dimensions),
        )
        for item in items
        if item.asked
    )


def _turned(videos: tuple[str, ...]) -> tuple[str, ...]:
    """The sides in Label Studio, where all raters see the same: drawn by hash."""
    return videos[::-1] if hash_fraction("label studio", *sorted(videos)) < 0.5 else videos


def _name(video: str, clip: PageClip) -> str:
    """A file name that tells nothing of who made the clip."""
    return f"{sha256_hex(video.encode())[:16]}{clip.suffix}"


def _refuse_another(output: Path, texts: Mapping[str, str]) -> None:
    """People may have answered by what lies there: what they were asked must not change."""
    if output.exists() and not output.is_dir():
        raise SetupError(f"{output}: is a file; --output names a folder")
    for name, text in texts.items():
        file = output / name
        if file.exists() and file.read_text("utf-8") != text:
            raise SetupError(
                f"{file}: holds another selection, and answers to it may exist; choose another "
                "--output, or give the same arguments again to write the same files anew"
            )


def _write(output: Path, texts: Mapping[str, str], clips: Mapping[str, bytes]) -> tuple[Path, ...]:
    (output / CLIPS).mkdir(parents=True, exist_ok=True)
    for name, data in clips.items():
        _replace(output / CLIPS / name, data)
    for name, text in texts.items():
        _replace(output / name, text.encode())
    return tuple(output / name for name in texts)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def _notes(ask: Ask, items: Sequence[Item], clips: Mapping[str, PageClip]) -> list[str]:
    asked = [item for item in items if item.asked]
    blind = sum(item.why == RANDOM for item in items)
    recoded = sum(clip.recoded for clip in clips.values())
    notes = []
    if len(asked) < ask.items:
        notes.append(f"{len(asked)} items, not {ask.items}: the run has no more that are unrated")
    if known := len(items) - len(asked):
        notes.append(
            f"{known} of the {blind} drawn at random are rated already and not asked again"
        )
    if recoded:
        notes.append(
            f"{recoded} of {len(clips)} clips were coded anew, as browsers do not play them"
        )
    return notes
