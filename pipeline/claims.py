"""What a publication says of the dataset that a recipe rebuilds, to be held beside what is here."""

from pydantic import Field

from schemas.options import Options


class ClaimsOptions(Options):
    """The block ``claims:``. A number that the publication does not give is left out."""

    source: str  # the publication, as it is cited
    prompts: int | None = Field(None, ge=1)
    clips: int | None = Field(None, ge=1)
    pairs: int | None = Field(None, ge=1)  # that are decided, each dimension counted
    # every two clips of a prompt, each dimension counted: by arithmetic from what it says
    possible_pairs: int | None = Field(None, ge=1)

    @property
    def untied_share(self) -> float | None:
        """Decided pairs of the possible ones."""
        if self.pairs is None or self.possible_pairs is None:
            return None
        return self.pairs / self.possible_pairs
