"""Prompts, and clips that ought to exist or do."""

from typing import Protocol

from schemas.base import (
    check_at_least,
    check_ids,
    check_names,
    check_sha256,
    record,
    refuse,
)

SPLITS = ("train", "validation", "test")


class HasClip(Protocol):
    """Anything that names a clip: a planned clip, a video, a set of frames."""

    @property
    def video_id(self) -> str: ...
    @property
    def prompt_id(self) -> str: ...
    @property
    def generator(self) -> str: ...


@record
class Prompt:
    """The text a generator was given. Key: ``prompt_id``."""

    prompt_id: str
    text: str
    source: str
    licence: str | None = None
    split: str | None = None  # as the manifest gave it; None: drawn by hash
    simulated: bool = False

    def __post_init__(self) -> None:
        check_ids(self, "prompt_id")
        if not self.text.strip():
            refuse(self, "text", "a prompt that is not blank")
        if self.split is not None and self.split not in SPLITS:
            refuse(self, "split", "one of " + ", ".join(SPLITS))


@record
class Clip:
    """A clip that ought to exist: to be read from ``path``, or made by ``generator``.

    What a source or a generator pool plans, before any byte is read. Key: ``video_id``.
    """

    video_id: str
    prompt_id: str
    prompt: str
    generator: str
    source: str
    path: str | None = None  # absolute path or URI; None: to be generated
    frame_files: tuple[str, ...] = ()  # a clip given as pictures: their names in the folder `path`
    frame_rate: float | None = None  # of those pictures, per second
    keep: str = "copy"  # "copy" into the run's media store, or "reference" the path as it is
    sha256: str | None = None  # as the manifest promises it
    settings: str | None = None  # canonical JSON of the generator's settings
    seed: int | None = None
    simulated: bool = False
    licence: str | None = None
    terms: str | None = None  # of the generator: what its makers allow to be done with its clips
    extra: str | None = None  # canonical JSON of the manifest's other columns

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "prompt_id")
        check_names(self, "generator")
        if self.sha256 is not None:
            check_sha256(self, "sha256")
        if (self.path is None) == (self.settings is None):
            refuse(self, "path", "either a path to read or settings to generate from")
        if bool(self.frame_files) != (self.frame_rate is not None):
            refuse(
                self, "frame_rate", "a rate, in frames per second, for pictures and only for them"
            )


@record
class Video:
    """A clip that exists. Key: ``video_id``. ``uri`` is relative to the run's folder, or absolute."""

    video_id: str
    prompt_id: str
    prompt: str
    generator: str
    uri: str
    sha256: str
    n_bytes: int
    source: str
    settings: str | None = None
    seed: int | None = None
    simulated: bool = False
    licence: str | None = None
    terms: str | None = None
    extra: str | None = None

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "prompt_id")
        check_names(self, "generator")
        check_sha256(self, "sha256")
        check_at_least(self, 1, "n_bytes")
