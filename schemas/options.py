"""Base of every block of the configuration, and the error that ends a run before work starts."""

from pydantic import BaseModel, ConfigDict


class SetupError(ValueError):
    """Something is wrong that can be known before any work or money is spent.

    The message names the file, row or field, what is wrong, and what to do. Exit code 2.
    """


class Options(BaseModel):
    """A block of the configuration: frozen, typed, unknown keys refused. Rooms subclass it."""

    # what was given may be a key put there by mistake: errors name the field and keep it out
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
