"""Requests in flight and per minute: what may be sent now, and to which endpoint.

A :class:`Lane` is one endpoint and account, shared by the processes of a machine; :class:`Lanes` is
the asyncio front of an annotator that may use several. No network here and no threads.
"""

from annotators.pace.lane import Lane, users_folder
from annotators.pace.lanes import Lanes, LanesClosed, Turn
from annotators.pace.limits import Limits, Result

__all__ = ["Lane", "Lanes", "LanesClosed", "Limits", "Result", "Turn", "users_folder"]
