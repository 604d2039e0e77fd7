"""The words: rubrics and templates as versioned package data; load, render, reply schema.

A rubric is asked about one video (``render``) or about several (``render_several``); ``as_protocol``
turns one into the other.
"""

from prompts.letters import letters
from prompts.load import load_rubric, rubric_names, rubric_text
from prompts.protocol import as_protocol
from prompts.render import Rendered, render, render_several
from prompts.reply import reply_schema

__all__ = [
    "Rendered",
    "as_protocol",
    "letters",
    "load_rubric",
    "render",
    "render_several",
    "reply_schema",
    "rubric_names",
    "rubric_text",
]
