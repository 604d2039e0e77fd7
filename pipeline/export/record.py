"""``export.json``: what an export was made from, what it holds, what was left out, what was checked."""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.dataset.withdrawn import refuse_pending
from pipeline.export.media import sha256_of
from pipeline.formats.writing import Choice, Material, Plan, Writer
from pipeline.state import record_of
from schemas import Video
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.plugins import EXPORTS, find
from schemas.tables import SCHEMA_VERSION

RECORD = "export.json"
SAME = ("run_id", "name")  # what tells one dataset from another, whatever its version


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The dataset that is exported. ``dataset_version`` is None where its record states none."""

    name: str | None
    run_id: str | None
    dataset_version: str | None
    schema_version: int | None
    simulated: bool


def source_of_dataset(layout: Layout) -> Source:
    """What the dataset's own record says of it. Refused while clips are being withdrawn from it."""
    refuse_pending(layout)
    record = record_of(layout)
    return Source(
        name=record.get("name"),
        run_id=record.get("run_id"),
        dataset_version=record.get("dataset_version"),
        schema_version=record.get("schema_version"),
        simulated=bool(record.get("simulated")),
    )


def refuse_other(output: Path, name: str, source: Source, replace: bool) -> None:
    """Raise :class:`SetupError` where something is at ``output`` that must not be replaced."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    held = _held(output)
    if held is None:
        raise SetupError(f"--output {output}: is there and no export; name another folder")
    said = dataclasses.asdict(source)
    before = held.get("source", {})
    same = held.get("format") == name and any(said[field] for field in SAME)
    same = same and all(before.get(field) == said[field] for field in SAME)
    if not same:
        raise SetupError(
            f"--output {output}: holds another export ({held.get('format')} of "
            f"{before.get('name')!r}); name another folder"
        )
    if not replace:
        raise SetupError(
            f"--output {output}: holds an earlier export of this dataset; --replace puts the new one "
            "in its place"
        )


def _held(output: Path) -> dict[str, Any] | None:
    try:
        held = json.loads((output / RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None


def record_of_export(
    writer: Writer,
    source: Source,
    choice: Choice,
    material: Material,
    plan: Plan,
    checked: Mapping[str, int],
    folder: Path,
) -> dict[str, Any]:
    """Everything that ``export.json`` holds: the same dataset and choice give the same record."""
    return {
        "format": writer.name,
        "what": writer.what,
        "loader": writer.loader,
        **({"plugin": plugin.as_dict()} if (plugin := find(EXPORTS, writer.name)) else {}),
        "schema_version": SCHEMA_VERSION,
        "source": dataclasses.asdict(source),
        "choice": {**dataclasses.asdict(choice), "splits": list(choice.splits)},
        "rows": {path: len(rows) for path, rows in plan.files.items()},
        "left_out": dict(plan.left_out),
        "lost": list(plan.lost),
        "notes": list(plan.notes),
        "checked": dict(checked),
        "sha256": {path: sha256_of(folder / path) for path in plan.files},
        "media": {
            "files": len(plan.media),
            "bytes": sum((folder / path).stat().st_size for path in plan.media),
        },
        "clips": _clips(material, plan),
        "prompts": _prompts(material, plan),
    }


def _used(material: Material, plan: Plan) -> list[Video]:
    media = (*plan.media.values(), *plan.embedded)
    return [material.videos[video_id] for video_id in sorted({m.video_id for m in media})]


def _clips(material: Material, plan: Plan) -> list[dict[str, Any]]:
    """Licences and terms, with the number of clips that they are of."""
    counted = Counter(
        (video.generator, video.licence, video.terms) for video in _used(material, plan)
    )
    return [
        {"generator": generator, "licence": licence, "terms": terms, "clips": n}
        for (generator, licence, terms), n in sorted(counted.items(), key=lambda item: str(item[0]))
    ]


def _prompts(material: Material, plan: Plan) -> list[dict[str, Any]]:
    ids = {video.prompt_id for video in _used(material, plan)} & material.prompts.keys()
    counted = Counter((material.prompts[i].source, material.prompts[i].licence) for i in ids)
    return [
        {"source": source, "licence": licence, "prompts": n}
        for (source, licence), n in sorted(counted.items(), key=lambda item: str(item[0]))
    ]
