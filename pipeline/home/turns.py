"""Whose working copy is the newest: every command that works at an address takes a turn there."""

import json
import uuid

from pipeline.home.files import Far
from pipeline.state import COPY, write_json
from schemas.layout import Layout

TURN = "work/turn"


def turn_of(layout: Layout) -> str:
    """The last turn of which this working copy has everything; empty: of none."""
    mark = layout.work / COPY
    return json.loads(mark.read_text())["turn"] or "" if mark.is_file() else ""


def take_turn(layout: Layout, far: Far) -> None:
    """From here on this working copy is the newest."""
    turn = uuid.uuid4().hex
    far.write(TURN, turn)
    see_turn(layout, turn)


def see_turn(layout: Layout, turn: str | None) -> None:
    """Note the turn of which the working copy has everything; None: of none yet."""
    write_json(layout.work / COPY, {"home": layout.home, "turn": turn})
