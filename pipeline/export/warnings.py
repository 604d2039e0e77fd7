"""What a user of an export must know of the dataset itself, whatever the format."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from pipeline.formats.clip_files import clip_splits
from pipeline.formats.writing import Choice, Material, Plan


def warnings_of(material: Material, plan: Plan, choice: Choice, *, simulated: bool) -> list[str]:
    """Sentences on simulated clips, on what stands in two splits, and on files that few programs open.

    Datasets of schema version 1 were split by prompt_id alone: equal words under two ids, or one clip
    under two prompts, may stand in two of their splits.
    """
    videos = [
        material.videos[video_id]
        for video_id in {m.video_id for m in (*plan.media.values(), *plan.embedded)}
    ]
    splits = clip_splits(material, choice)
    said = ["the dataset is simulated: its clips show nothing that a model made"] * simulated
    shared = {
        "contents of clips": in_two((v.sha256, splits.get(v.video_id)) for v in videos),
        "prompts": in_two((" ".join(v.prompt.split()), splits.get(v.video_id)) for v in videos),
    }
    for what, n in shared.items():
        if n:
            said.append(
                f"ATTENTION: {n} {what} stand in two splits or more, as they do in the dataset: what is "
                "tested on may have been trained on"
            )
    webp = sum(PurePosixPath(path).suffix == ".webp" for path in plan.media)
    if webp:
        said.append(
            f"{webp} clips are WebP pictures, which loaders that read by FFmpeg or decord may not open"
        )
    return said


def in_two(pairs: Iterable[tuple[str, str | None]]) -> int:
    """How many things stand in two splits or more."""
    found: dict[str, set[str]] = {}
    for thing, split in pairs:
        if split is not None:
            found.setdefault(thing, set()).add(split)
    return sum(len(splits) > 1 for splits in found.values())
