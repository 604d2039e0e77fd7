"""Judges behind chat completions: the OpenAI interface, OpenAI's own or any server that speaks it."""

from annotators.chat.spec import OpenAISpec, read_key

__all__ = ["OpenAISpec", "read_key"]
