"""What failures are about: their key begins with a clip, that of a comparison with a prompt."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.tables import read_table
from schemas.layout import Layout


def subject_of(key: str) -> str:
    """The first part of a key; no id holds a slash."""
    return key.split("/", 1)[0]


def with_subject(failures: pa.Table) -> pa.Table:
    """The table of failures with :func:`subject_of` its ``key`` as the column ``subject``."""
    subject = pc.replace_substring_regex(failures.column("key"), pattern="(?s)/.*", replacement="")
    return failures.append_column("subject", subject)


def prompts_of(layout: Layout, subjects: Collection[str]) -> dict[str, str]:
    """Prompts by their own id and by those of their clips; a clip that never came to be has none."""
    if not subjects:
        return {}
    columns = ["video_id", "prompt_id"]
    videos = read_table(layout, "videos", columns=columns, among=("video_id", subjects))
    prompts = read_table(layout, "prompts", columns=columns[1:], among=("prompt_id", subjects))
    return {row["video_id"]: row["prompt_id"] for row in videos.to_pylist()} | {
        prompt: prompt for prompt in prompts.column("prompt_id").to_pylist()
    }
