"""What is known of a clip beside its id: who made it, from what prompt, how long it is."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """A clip as a table names it. What nobody said is None."""

    video_id: str
    prompt_id: str
    generator: str
    prompt: str | None = None  # the text
    video: str | None = None  # path or address, as written
    source: str | None = None  # of the prompt
    complexity: str | None = None  # of the prompt, in the words of whoever wrote it
    duration_s: float | None = None
