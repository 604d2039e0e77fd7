"""A miniature finished run with a journal, for the tests of what an owner takes back.

On top of ``report_run.make_run``: a valid configuration, replies loose and packed about every clip and
about pairs of clips, a black frame that two clips share, montages, a clip with the same bytes under a
second id, files of waves, a sentinel's history, notes of a generator.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from report_run import DIMENSIONS, JUDGE, make_rows, manifest, write_tables

from annotators.journal import Journal, Request
from pipeline.config import Config
from pipeline.dataset.parquet import parts, write_rows
from pipeline.dataset.version import dataset_version
from pipeline.health.write import write_judges
from pipeline.sentinels.record import Reading, Record, encode
from pipeline.state import plain, write_json
from prompts import load_rubric
from schemas import Annotation, Clip, FrameSet, Lineup, Settings, Video
from schemas.ids import canonical_json, sha256_hex
from schemas.layout import Layout
from schemas.store import Store, blob_name
from schemas.tables import TABLES

BLACK = b"a JPEG that two clips share"
REASONING = "only this clip has this rationale"
Rows = dict[str, list[Any]]


def tree(**changes: Any) -> dict[str, Any]:
    """The configuration that the folder claims: two judges, each clip on its own and in pairs."""
    judge = {"kind": "openai", "name": JUDGE, "model": "org/judge", "draws": 2}
    return {
        "sources": [{"kind": "simulated", "prompts": 3}],
        "annotators": [
            {"kind": "signal"},
            {**judge, "base_url": "http://127.0.0.1:1/v1", "price": _price()},
        ],
        "protocol": {"kind": "tie_band", "band": 0.0},
        "splits": {"validation": 0.2, "test": 0.2},
        **changes,
    }


def _price() -> dict[str, float]:
    return {"input_usd_per_million": 1.0, "output_usd_per_million": 5.0}


def make_folder(root: Path, **changes: Any) -> tuple[Layout, Rows]:
    """The folder and its rows. Clips 0 and 1 are of the first prompt, 2 and 3 of the second, 4 and 5 of
    the third; 5 has no frames. Clip 0 stands twice: ``copy-of-0`` is of the third prompt."""
    layout = Layout(root)
    rows = make_rows(layout)
    _share(layout, rows)
    _copy(rows)
    config = Config.model_validate(tree(**changes))
    _judge(rows, Journal(layout_journal(layout, config)))
    write_tables(layout, {name: found for name, found in rows.items() if name != "clips"})
    _waves(layout, rows)
    write_json(layout.work / "config.json", {"name": "mini", "config": plain(config)})
    record = record_of_rows(rows, config)
    write_judges(layout, record, None)
    write_json(layout.run, {**record, "dataset_version": dataset_version(layout)})
    _more(layout, rows)
    return layout, rows


def layout_journal(layout: Layout, config: Config) -> Store:
    return Store(config.journal or str(layout.root / "journal"))


def record_of_rows(rows: Rows, config: Config) -> dict[str, Any]:
    rubrics = [load_rubric(f"videoprefer/{name}") for name in DIMENSIONS]
    told = [
        {
            "name": r.name,
            "version": r.version,
            "protocol": r.protocol,
            "sha256": r.sha256,
            "text": None,
        }
        for r in rubrics
    ]
    return {
        **manifest(rows),
        "config": {"name": "mini", **plain(config)},
        "rubrics": told,
        "notes": ["what was left out", f"a note on clip {rows['videos'][0].video_id}"],
        "schema_version": 2,
    }


def _share(layout: Layout, rows: Rows) -> None:
    """Clips 0 and 2 begin with the same black frame, and every clip has a montage."""
    digest = sha256_hex(BLACK)
    layout.frames.put(blob_name(digest, ".jpg"), BLACK)
    for at, frames in enumerate(rows["frames"]):
        data = f"montage {at}".encode()
        layout.frames.put(blob_name(sha256_hex(data), ".jpg"), data)
        first = digest if at in (0, 2) else frames.jpeg_sha256[0]
        rows["frames"][at] = dataclasses.replace(
            frames,
            jpeg_sha256=(first, *frames.jpeg_sha256[1:]),
            montage_sha256=sha256_hex(data),
            montage_columns=2,
        )


def _copy(rows: Rows) -> None:
    """Clip 0 once more, for the third prompt: the same bytes and frames under another id."""
    third = rows["prompts"][2]
    of = {"video_id": "copy-of-0", "prompt_id": third.prompt_id}
    named = {"prompt": third.text, "generator": "gamma"}
    rows["videos"].append(dataclasses.replace(rows["videos"][0], **of, **named))
    rows["frames"].append(dataclasses.replace(rows["frames"][0], **of, **named))


def _judge(rows: Rows, journal: Journal) -> None:
    """A reply for each annotation of the judge and each comparison; every other one goes into a pack."""
    frames = {one.video_id: one for one in rows["frames"]}
    keys = []
    for at, row in enumerate(rows["annotations"]):
        if row.annotator_id == JUDGE:
            request = _request(row.dimension, frames[row.video_id].jpeg_sha256, row.draw)
            keys.append(journal.put(request, _body(row)).key)
            first = row.video_id == rows["videos"][0].video_id
            said = REASONING if first else row.rationale
            rows["annotations"][at] = dataclasses.replace(row, reply_key=keys[-1], rationale=said)
    for at, row in enumerate(rows["comparisons"]):
        shown = [frames[video].jpeg_sha256 for video in row.video_ids]
        captions = tuple((f"Video {n}:", len(own)) for n, own in enumerate(shown, 1))
        pictures = tuple(one for own in shown for one in own)
        request = _request(row.dimension, pictures, 0, captions)
        keys.append(journal.put(request, "{}").key)
        rows["comparisons"][at] = dataclasses.replace(row, reply_key=keys[-1])
    # of no row: asked once more on a later occasion, as a sentinel is, and set aside
    first = rows["frames"][0]
    again = journal.put(
        _request(DIMENSIONS[0], (first.montage_sha256,), 0, occasion="20260101T000000"), "{}"
    )
    other = _request(DIMENSIONS[0], frames[rows["videos"][2].video_id].jpeg_sha256, 0, attempt=1)
    journal.set_aside([again.key, journal.put(other, "{}").key])
    journal.compact(sorted(keys)[::2])


def _body(row: Annotation) -> str:
    return json.dumps({"score": row.score, "draw": row.draw})


def _request(
    dimension: str,
    pictures: tuple[str, ...],
    draw: int,
    captions: tuple[tuple[str, int], ...] = (),
    **more: Any,
) -> Request:
    return Request(
        kind="openai",
        model="org/judge",
        rubric=f"videoprefer/{dimension}",
        rubric_version=1,
        system="You judge.",
        user="How good is it?",
        reply_format="json",
        reply_schema={},
        frames=pictures,
        settings=Settings(),
        draw=draw,
        captions=captions,
        **more,
    )


def _waves(layout: Layout, rows: Rows) -> None:
    """The files that a run keeps of its waves, its work lists, and marks of what is whole."""
    stages = {
        "collect": ("videos", "frames"),
        "check": ("clip_checks",),
        "annotate": ("annotations",),
        "compare": ("comparisons",),
    }
    for stage, names in stages.items():
        for name in names:
            folder = layout.work / stage / "wave-00000" / name
            write_rows(TABLES[name][0], rows[name], folder / "part-00000.parquet")
    clips = [_planned(video) for video in rows["videos"]]
    write_rows(Clip, clips, layout.work / "plan" / "clips-00000.parquet")
    pairs = {(row.prompt_id, row.video_ids) for row in rows["comparisons"]}
    lists = [Lineup(prompt_id=p, rubric="r", draw=0, video_ids=v) for p, v in sorted(pairs)]
    write_rows(Lineup, lists, layout.work / "plan" / "lineups-00000.parquet")
    write_json(
        layout.work / "done" / "annotate-00000.json",
        {"fingerprint": "f", "note": [{"stage": "annotate", **_book(42, 30)}]},
    )
    write_json(layout.work / "order.json", {"first": [c.video_id for c in clips], "judged": "x"})


def _planned(video: Video) -> Clip:
    return Clip(
        video_id=video.video_id,
        prompt_id=video.prompt_id,
        prompt=video.prompt,
        generator=video.generator,
        source=video.source,
        path=f"/clips/{video.video_id}.mp4",
    )


def _book(owed: int, written: int) -> dict[str, Any]:
    lists = {"missing": 0, "missing_keys": [], "unexpected": 0, "unexpected_keys": []}
    return {
        "owed": owed,
        "written": written,
        "failed": 0,
        "filtered": 0,
        "upstream": owed - written,
        **lists,
    }


def _more(layout: Layout, rows: Rows) -> None:
    """A sentinel's history, a generator's note, pages of a preview, and a half-written file."""
    first, other = rows["videos"][0], rows["videos"][2]
    Store(str(layout.root / "sentinels")).put(
        "judge-1/20260101.json", encode(_watched(first, other))
    )
    note = {"name": blob_name(first.sha256, ".mp4"), "sha256": first.sha256}
    layout.generated.put("clips/ab/ab.json", canonical_json(note).encode())
    (layout.root / "preview").mkdir()
    (layout.root / "preview" / "index.html").write_text(f"<p>{first.video_id}</p>")
    (layout.root / "frames" / ".tmp-0123").write_bytes(b"cut")


def _watched(*videos: Video) -> Record:
    readings = tuple(
        Reading(video_id=v.video_id, dimension=DIMENSIONS[0], draw=0, score=3, question="0" * 16)
        for v in videos
    )
    return Record(
        occasion="20260101",
        time="2026-01-01T00:00:00+00:00",
        run="mini",
        wave="annotate-00000",
        annotator=JUDGE,
        model="org/judge",
        requested={},
        draws=1,
        models=(),
        system_fingerprints=(),
        scales={DIMENSIONS[0]: (1.0, 5.0)},
        readings=readings,
        n_replies=2,
        failures={},
    )


def everything(root: Path) -> dict[str, bytes]:
    """Every file below a folder: its name, and its bytes; of Parquet every value in clear, too."""
    found = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            data += repr(table.to_pylist()).encode()
        found[str(path.relative_to(root))] = str(path).encode() + data
    return found


def rows_of(layout: Layout, name: str, split: str | None = None) -> list[dict[str, Any]]:
    files = parts(layout.table(name, split))
    return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]


def names_of(rows: Rows) -> list[bytes]:
    """Whatever names clip 0 or shows it alone: ids, content, pictures, words about it, its replies."""
    ids = {rows["videos"][0].video_id, "copy-of-0"}
    frames: FrameSet = rows["frames"][0]
    own = {*frames.jpeg_sha256, frames.montage_sha256} - {sha256_hex(BLACK)}
    replies = {r.reply_key for r in rows["annotations"] if r.video_id in ids}
    replies |= {r.reply_key for r in rows["comparisons"] if ids & set(r.video_ids)}
    names = {*ids, rows["videos"][0].sha256, *own, *replies, REASONING} - {None}
    return [str(name).encode() for name in sorted(map(str, names))]
