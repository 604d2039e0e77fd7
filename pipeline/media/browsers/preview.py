"""What is known of a clip that is no plain MP4: whether it plays, and what stands for it if not."""

import dataclasses
from typing import Any, Self

LONG_SIDE_PX = 480
MOST_S = 20.0  # seconds of a preview; clips that models make have 2 to 10


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One clip. ``what`` browsers do not play in it, for example ``HEVC``; empty where they play it.

    ``made``: there is a file, of ``long_side_px`` and ``shown_s`` seconds of the clip's ``clip_s``
    (None: not known). ``why`` there is none; empty where none was to be made. ``again``: that is no fault
    of the clip, and the next report tries again.
    """

    what: str = ""
    made: bool = False
    why: str = ""
    again: bool = False
    long_side_px: int = 0
    shown_s: float = 0.0
    clip_s: float | None = None

    @property
    def plays(self) -> bool:
        """Whether browsers play the clip itself."""
        return not self.what

    @property
    def note(self) -> str:
        """A line for below the preview."""
        cut = self.clip_s is not None and self.clip_s > self.shown_s + 0.05
        part = f", the first {self.shown_s:.0f} s of {self.clip_s:.0f} s" if cut else ""
        return f"preview, {self.long_side_px} px{part}: browsers do not play {self.what}"

    @property
    def reason(self) -> str:
        """Why there is neither clip nor preview."""
        why = self.why or "previews are left out by option"
        return f"browsers do not play {self.what}, and {why}"

    def to_json(self) -> dict[str, Any]:
        """For the list that is kept with the previews."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Raises ``TypeError`` for what another version wrote."""
        return cls(**value)
