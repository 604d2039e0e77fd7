"""What an annotator tells whoever counts, beside the rows: what came from the journal, what was bought."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Numbers to add up. Of replies: ``asked`` = ``cached`` + ``bought`` + ``missing``.

    A reply is asked for when a question needs it; it is cached where it was there already (in the journal,
    or on its way for an equal request), bought where this very question paid for it, and missing where
    there is none in the end. The rest is told where the ledger is: ``requests`` that were billed, or may
    have been, with the tokens and the US dollars that they were entered with (``usd`` None: no price).
    """

    asked: int = 0
    cached: int = 0
    bought: int = 0
    missing: int = 0
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    written_bytes: int = 0  # of replies, into the journal
    attempts_failed: int = 0  # of requests: what may be tried again
    request_ms: float | None = None  # from sending to the last byte of the reply


def untold(told: Told) -> None:
    """Nobody counts."""
