"""The words: rubrics and templates as versioned package data; load, render, reply schema."""

from prompts.load import load_rubric, rubric_names
from prompts.render import Rendered, render
from prompts.reply import reply_schema

__all__ = ["Rendered", "load_rubric", "render", "reply_schema", "rubric_names"]
