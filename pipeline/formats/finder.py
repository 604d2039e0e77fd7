"""Which clip somebody's row is about, where clips are known and where the rows themselves name them.

A run's clips are known: a row about another clip is counted and left out. Tables alone name their
clips themselves: a row's words become a clip, and the next table's rows find it again.
"""

from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.facts import ClipFacts
from schemas import ids
from schemas.options import SetupError

FACTS = ("prompt", "video", "source", "complexity", "duration_s")


class ClipFinder:
    """Finds clips by what a row says of them, or takes them from the row where ``open``.

    ``known`` are clips to find; with ``open``, a row that says enough of another clip makes it known.
    """

    def __init__(self, known: Iterable[ClipFacts] = (), *, open: bool = False) -> None:
        self._open = open
        self._clips: dict[str, ClipFacts] = {}
        self._by_video: dict[str, set[str]] = {}
        self._by_origin: dict[tuple[str, str], set[str]] = {}
        for clip in known:
            self._add(clip)

    @property
    def clips(self) -> dict[str, ClipFacts]:
        """Every known clip by its id."""
        return dict(self._clips)

    def find(
        self,
        file: Path,
        number: int,
        *,
        video_id: str | None = None,
        prompt_id: str | None = None,
        prompt: str | None = None,
        generator: str | None = None,
        video: str | None = None,
        source: str | None = None,
        complexity: str | None = None,
        duration_s: float | None = None,
    ) -> ClipFacts | None:
        """The clip that row ``number`` of ``file`` is about; None where it is not known.

        What the row says first decides: ``video_id``; else ``video``, the path as a list writes it,
        with ``generator`` and prompt where they are said; else the prompt (``prompt_id``, or that of
        its text) and ``generator``. Whatever else the row says of a clip that others left open is kept.
        Raises :class:`SetupError` for a row that says too little, matches several clips, or
        contradicts an earlier one.
        """
        if prompt_id is None and prompt is not None:
            prompt_id = ids.prompt_id(prompt)
        said = {
            "prompt": prompt,
            "video": video,
            "source": source,
            "complexity": complexity,
            "duration_s": duration_s,
        }
        if video_id is not None:
            found = self._clips.get(video_id)
            self._agree(file, number, found, prompt_id, generator)
        elif video is not None:
            found = self._by_path(file, number, video, prompt_id, generator)
        elif prompt_id is not None and generator is not None:
            found = self._one(file, number, self._by_origin.get((prompt_id, generator), set()))
        else:
            raise SetupError(
                f"{file}: row {number}: says too little of its clip; give video_id, or prompt_id "
                "(or prompt) and generator, or video"
            )
        if found is None and self._open and prompt_id is not None and generator is not None:
            found = ClipFacts(
                video_id=video_id or ids.video_id(prompt_id, generator, video or ""),
                prompt_id=prompt_id,
                generator=generator,
            )
        return self._learn(found, said) if found is not None else None

    def _by_path(
        self, file: Path, number: int, video: str, prompt_id: str | None, generator: str | None
    ) -> ClipFacts | None:
        if prompt_id is not None and generator is not None:
            exact = self._clips.get(ids.video_id(prompt_id, generator, video))
            if exact is not None:
                return exact
        return self._one(
            file,
            number,
            {
                one
                for one in self._by_video.get(video, ())
                if prompt_id in (None, self._clips[one].prompt_id)
                and generator in (None, self._clips[one].generator)
            },
        )

    def _one(self, file: Path, number: int, found: set[str]) -> ClipFacts | None:
        if len(found) > 1:
            clip = self._clips[min(found)]
            raise SetupError(
                f"{file}: row {number}: prompt_id {clip.prompt_id!r} and generator "
                f"{clip.generator!r} match {len(found)} clips; add a column video_id"
            )
        return self._clips[min(found)] if found else None

    def _agree(
        self,
        file: Path,
        number: int,
        clip: ClipFacts | None,
        prompt_id: str | None,
        generator: str | None,
    ) -> None:
        if clip is None:
            return
        for name, given, known in (
            ("prompt_id", prompt_id, clip.prompt_id),
            ("generator", generator, clip.generator),
        ):
            if self._open and given not in (None, known):
                raise SetupError(
                    f"{file}: row {number}: clip {clip.video_id!r} has {name} {given!r} here and "
                    f"{known!r} in an earlier row; correct one of them"
                )

    def _learn(self, clip: ClipFacts, said: dict[str, str | float | None]) -> ClipFacts:
        new = {
            name: said[name] if getattr(clip, name) is None else getattr(clip, name)
            for name in FACTS
        }
        if clip.video_id in self._clips and all(getattr(clip, n) == v for n, v in new.items()):
            return clip
        clip = ClipFacts(
            video_id=clip.video_id, prompt_id=clip.prompt_id, generator=clip.generator, **new
        )  # type: ignore[arg-type]
        self._add(clip)
        return clip

    def _add(self, clip: ClipFacts) -> None:
        self._clips[clip.video_id] = clip
        self._by_origin.setdefault((clip.prompt_id, clip.generator), set()).add(clip.video_id)
        if clip.video is not None:
            self._by_video.setdefault(clip.video, set()).add(clip.video_id)
