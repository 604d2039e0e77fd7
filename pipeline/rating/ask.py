"""What `videoprefer rate` writes: the page, Label Studio's files with their clips, the analyst's list."""

import dataclasses
import json
import os
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.dataset.parquet import parts, read_rows
from pipeline.formats.label_studio import config_xml, local_prefix, tasks_json
from pipeline.media.errors import MediaError
from pipeline.media.fetching.target import is_address
from pipeline.media.options import FramesOptions
from pipeline.rating.clips import PageClip, for_browsers
from pipeline.rating.corpus import clip_candidates, dimensions_of, hear, pair_candidates
from pipeline.rating.dimensions import Asked, asked_about
from pipeline.rating.items import RANDOM, Candidate, Item, items_csv
from pipeline.rating.page import render_page
from pipeline.rating.rated import rated_already
from pipeline.rating.sample import choose
from schemas import Prompt, Video
from schemas.ids import sha256_hex
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
class Asked4:
    """What was written."""
