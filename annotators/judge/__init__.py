"""The door that all multimodal judges share: a question becomes a request with a key, replies become rows.

``spec`` is the common block of the configuration, ``request`` says what is asked, ``chain`` which replies
answer a question, ``completion`` what a reply's body holds, ``distribution`` which probabilities it gives
the levels of a scale, ``outcomes`` which rows follow. Where the model runs, behind a server (``chat``,
``batch``) or here (``local``), is all that differs.
"""

from annotators.judge.spec import JudgeSpec

__all__ = ["JudgeSpec"]
