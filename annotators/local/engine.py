"""Runs a model: collects jobs into batches, generates, and gives every job its own reply or fault."""

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList

from annotators.loading import computing
from annotators.local.conversation import as_text
from annotators.local.device import release
from annotators.local.job import Job, JobFailed, Reply
from annotators.local.load import Loaded
from annotators.local.sampler import Row, Sampler

LINGER_S = 0.05  # how long a batch that is not full waits for the next job
_SMALLER = (
    "sample fewer frames (`frames:`), make them smaller (`processor:` of the annotator), load the model "
    "in fewer bits (`quantization:`) or run it on a larger device"
)
_log = logging.getLogger(__name__)
_Waiting = tuple[Job, "Future[Reply]"]


class Engine:
    """A model and the one thread that uses it. ``batch_size`` halves where memory does not suffice,
    and stays so."""

    def __init__(self, loaded: Loaded, batch_size: int) -> None:
        self.loaded, self.batch_size = loaded, batch_size
        self._short = False  # memory did not suffice for more
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        name = f"engine-{loaded.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> "Future[Reply]":
        """The reply, or :class:`JobFailed`."""
        answer: Future[Reply] = Future()
        self._waiting.put((job, answer))
        return answer

    def grow(self, batch_size: int) -> None:
        """Another annotator asks, who would have larger batches."""
        if not self._short:
            self.batch_size = max(self.batch_size, batch_size)

    def close(self) -> None:
        """Answer what was submitted, and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch, ended = self._collect()
            if batch:
                self._answer(batch)

    def _collect(self) -> tuple[list[_Waiting], bool]:
        """Up to a batch of jobs, and whether they are the last."""
        batch: list[_Waiting] = []
        until: float | None = None
        while len(batch) < self.batch_size:
            try:
                left = None if until is None else max(0.0, until - time.monotonic())
                found = self._waiting.get(timeout=left)
            except queue.Empty:
                break
            if found is None:
                return batch, True
            if found[1].set_running_or_notify_cancel():
                batch.append(found)
                until = time.monotonic() + LINGER_S
        return batch, False

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        """Gives every job its reply. What fails together is tried again in halves: memory may suffice
        for fewer, and a fault of one job is found as its own."""
        half = (len(batch) + 1) // 2
        if len(batch) > self.batch_size:
            self._answer(batch[:half])
            self._answer(batch[half:])
            return
        replies = self._attempt([job for job, _ in batch])
        if not isinstance(replies, JobFailed):
            for (_, answer), reply in zip(batch, replies):
                answer.set_result(reply)
            return
        if replies.memory:
            release()
        if len(batch) == 1:
            batch[0][1].set_exception(replies)
            return
        if replies.memory and half < self.batch_size:
            _log.warning("%s: out of memory, batches of %d from now on", self.loaded.name, half)
            self.batch_size, self._short = half, True
        self._answer(batch[:half])
        self._answer(batch[half:])

    def _attempt(self, jobs: Sequence[Job]) -> list[Reply] | JobFailed:
        """The fault is returned without the frames it came from: they hold on to the tensors."""
        try:
            with computing():
                return self._reply(jobs)
        except Exception as error:  # whatever a model raises, its jobs get it and the thread lives
            return _failed(error)

    def _reply(self, jobs: Sequence[Job]) -> list[Reply]:
        loaded = self.loaded
        texts = [as_text(loaded.processor, job.messages) for job in jobs]
        inputs = loaded.inputs(texts, [job.pictures for job in jobs])
        lengths = inputs["attention_mask"].sum(-1).tolist()
        for job, length in zip(jobs, lengths):
            self._check_length(job, length)
        rows = [Row(job, loaded.vocabulary) for job in jobs]
        with torch.inference_mode():
            self._generate(inputs, rows)
        return [_reply_of(row, length, loaded) for row, length in zip(rows, lengths)]

    def _check_length(self, job: Job, length: int) -> None:
        if length + job.max_tokens > self.loaded.positions:
            raise JobFailed(
                f"the request has {length} tokens and its reply up to {job.max_tokens}, and "
                f"{self.loaded.name} takes {self.loaded.positions} together; sample fewer frames "
                "(`frames:`) or make them smaller (`processor:` of the annotator)",
                too_large=True,
            )

    def _generate(self, inputs: Any, rows: Sequence[Row]) -> None:
        """Lets the model speak; the rows take down what it says."""
        loaded = self.loaded
        placed = inputs.to(loaded.device)
        for name, value in placed.items():
            if torch.is_tensor(value) and value.is_floating_point():
                placed[name] = value.to(loaded.model.dtype)
        how = GenerationConfig(
            do_sample=False,
            max_new_tokens=max(row.job.max_tokens for row in rows) + 1,  # and the end
            eos_token_id=list(loaded.vocabulary.ends),
            pad_token_id=loaded.pad,
        )
        draw = LogitsProcessorList([Sampler(rows, loaded.vocabulary)])
        with _own_settings(loaded.model):
            loaded.model.generate(**placed, generation_config=how, logits_processor=draw)


@contextlib.contextmanager
def _own_settings(model: Any) -> Iterator[None]:
    """``generate`` fills in what a configuration leaves open from the model's own (a repetition
    penalty, say), which no request asked for: put away while the block runs."""
    kept = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = kept


def _reply_of(row: Row, length: int, loaded: Loaded) -> Reply:
    if row.held is not None and row.held.fault:
        raise JobFailed(f"the reply could not be held to its schema: {row.held.fault}")
    return Reply(
        text=row.text,
        finish_reason=row.finish or "length",
        input_tokens=length,
        output_tokens=len(row.tokens),
        spoken=tuple(row.spoken),
    )


def _out_of_memory(error: Exception) -> bool:
    """torch says so on a GPU; on a CPU its allocator raises a plain RuntimeError."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in words or "can't allocate memory" in words or "cannot allocate" in words
    )


def _failed(error: Exception) -> JobFailed:
    if isinstance(error, JobFailed):
        return error.with_traceback(None)
    said = f"{type(error).__name__}: {str(error)[:500]}"
    if _out_of_memory(error):
        return JobFailed(f"not enough memory for one question ({said}); {_SMALLER}", memory=True)
    return JobFailed(f"the model failed on this question: {said}")
