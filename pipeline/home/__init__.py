"""A run whose output folder lies in an object store: what workers read and write lies there, and the machine
on which the command runs has a working copy of what the command itself needs.

Where the output folder is a local one, the two are the same, and all of this does nothing.
"""

from pipeline.home.home import Home

__all__ = ["Home"]
