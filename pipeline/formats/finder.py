"""Which clip somebody's row is about, where clips are known and where the rows themselves name them.

A run's clips are known: a row about another clip is counted and left out. Tables alone name their
clips themselves: a row's words become a clip, and the next table's rows find it again.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pipeline.formats.clip_files import safe_name
from pipeline.formats.facts import ClipFacts
from pipeline.formats.labelled import UNKNOWN
from schemas import ids
from schemas.options import SetupError

FACTS = ("prompt", "video", "source", "complexity", "duration_s")

Origin = tuple[str, str]  # prompt_id and generator


class ClipFinder:
    """Finds clips by what a row says of them, or takes them from the row where ``open``.

    ``known`` are clips to find; with ``open``, a row that says enough of another clip makes it known.
    """

    def __init__(self, known: Iterable[ClipFacts] = (), *, open: bool = False) -> None:
        self._open = open
        self._clips: dict[str, ClipFacts] = {}
        self._by_video: dict[str, set[str]] = {}
        self._by_name: dict[str, str] = {}  # file name in an export, without suffix
        self._by_origin: dict[Origin, set[str]] = {}
        self._by_text: dict[Origin, set[str]] = {}  # with the hash of the prompt's text
        self._prompts: set[str] = set()
        self._makers: set[str] = set()
        self._made: set[str] = set()  # clips that nothing but prompt and generator told of so far
        self._names: dict[str, str] = {}  # other ids that a later row gave such a clip
        self._alone: set[Origin] = set()  # what rows named a clip by, without id or path
        self._numbered: dict[int, set[tuple[str, str]]] = {}  # position in a list -> two clips
        for clip in known:
            self._add(clip)

    @property
    def clips(self) -> dict[str, ClipFacts]:
        """Every known clip by its id."""
        return dict(self._clips)

    @property
    def takes_clips(self) -> bool:
        """Whether rows make clips known."""
        return self._open

    def number(self, position: int, first: ClipFacts, second: ClipFacts) -> None:
        """Note where in its list a pair stands, for rows of other files that tell no more of it."""
        self._numbered.setdefault(position, set()).add((first.video_id, second.video_id))

    def numbered(
        self, file: Path, number: int, position: int, prompt: str
    ) -> tuple[ClipFacts, ClipFacts] | None:
        """The pair at a position of the list that was read; None where no list was.

        Raises :class:`SetupError` where the list has another prompt there, or none, or several lists
        have a pair of this prompt.
        """
        if not self._numbered:
            return None
        of_prompt = ids.prompt_id(prompt)
        pairs = sorted(
            pair
            for pair in self._numbered.get(position, ())
            if self._clips[pair[0]].prompt_id == of_prompt
        )
        if len(pairs) != 1:
            raise SetupError(
                f"{file}: row {number}: {len(pairs)} pairs of this prompt stand at position {position} of "
                "the lists of pairs; give the one list that these results are of"
            )
        return self._clips[pairs[0][0]], self._clips[pairs[0][1]]

    def knows_prompt(self, prompt_id: str) -> bool:
        """Whether a known clip is of this prompt."""
        return prompt_id in self._prompts

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
        its text, or a known clip's text) and ``generator``. Among known clips a path elsewhere
        stands for the same file of the same prompt and generator, and a file named as exports name
        a clip of the prompt, by its id, for that clip. Whatever else the row says of a clip that
        others left open is kept.

        Raises :class:`SetupError` for a row that says too little, matches several clips, or
        contradicts an earlier one.
        """
        said = {
            "prompt": prompt,
            "video": video,
            "source": source,
            "complexity": complexity,
            "duration_s": duration_s,
        }
        of_text = prompt_id is None
        if of_text and prompt is not None:
            prompt_id = ids.prompt_id(prompt)
        if video_id is not None:
            found = self._clips.get(self._names.get(video_id, video_id))
        elif video is not None:
            found = self._by_path(file, number, video, prompt_id, generator, of_text)
        elif prompt_id is not None and generator is not None:
            found = self._one(file, number, self._of(prompt_id, generator, of_text))
        else:
            raise SetupError(
                f"{file}: row {number}: says too little of its clip; give video_id, or prompt_id "
                "(or prompt) and generator, or video"
            )
        if found is None and self._open and prompt_id is not None and generator is not None:
            found = self._take(file, number, video_id, prompt_id, generator, video)
        if found is None:
            return None
        if video_id is not None and self._open:
            self._agree(file, number, found, None if of_text else prompt_id, generator)
        if video_id is None and video is None:
            self._alone.add((found.prompt_id, found.generator))
        return self._learn(found, said, generator)

    def _of(self, prompt_id: str, generator: str, of_text: bool) -> set[str]:
        origin = prompt_id, generator
        exact = self._by_origin.get(origin, set())
        return exact or (self._by_text.get(origin, set()) if of_text else set())

    def _by_path(
        self,
        file: Path,
        number: int,
        video: str,
        prompt_id: str | None,
        generator: str | None,
        of_text: bool,
    ) -> ClipFacts | None:
        makers = {generator} if generator not in (None, UNKNOWN) else {generator, *self._makers}
        named = {
            ids.video_id(prompt_id, maker, video)
            for maker in makers
            if prompt_id is not None and maker is not None
        }
        exact = {one for one in named if one in self._clips} or {
            one
            for one in self._by_video.get(video, ())
            if self._fits(self._clips[one], prompt_id, generator, of_text)
        }
        if not exact and not self._open and prompt_id is not None and generator is not None:
            name = PurePosixPath(video).name
            exact = {
                one
                for one in self._of(prompt_id, generator, of_text)
                if PurePosixPath(self._clips[one].video or "").name == name
            }
        if not exact and not self._open and prompt_id is not None:
            exact = self._exported(PurePosixPath(video), prompt_id, generator, of_text)
        return self._one(file, number, exact)

    def _exported(
        self, video: PurePosixPath, prompt_id: str, generator: str | None, of_text: bool
    ) -> set[str]:
        """The clip after whose id an export of ours named a file."""
        one = self._by_name.get(video.name) or self._by_name.get(video.stem)
        if one is None:
            return set()
        clip = self._clips[one]
        if generator == safe_name(clip.generator):  # as a folder is named
            generator = clip.generator
        return {one} if self._fits(clip, prompt_id, generator, of_text) else set()

    @staticmethod
    def _fits(clip: ClipFacts, prompt_id: str | None, generator: str | None, of_text: bool) -> bool:
        known = {clip.prompt_id}
        if of_text and clip.prompt is not None:
            known.add(ids.prompt_id(clip.prompt))
        makers = (None, UNKNOWN, clip.generator)
        right_maker = generator in makers or clip.generator == UNKNOWN
        return right_maker and (prompt_id is None or prompt_id in known)

    def _one(self, file: Path, number: int, found: set[str]) -> ClipFacts | None:
        if len(found) > 1:
            raise self._several(file, number, self._clips[min(found)], len(found))
        return self._clips[min(found)] if found else None

    @staticmethod
    def _several(file: Path, number: int, clip: ClipFacts, n: int) -> SetupError:
        return SetupError(
            f"{file}: row {number}: prompt_id {clip.prompt_id!r} and generator "
            f"{clip.generator!r} match {n} clips; add a column video_id"
        )

    def _take(
        self,
        file: Path,
        number: int,
        video_id: str | None,
        prompt_id: str,
        generator: str,
        video: str | None,
    ) -> ClipFacts:
        """A clip that no row told of; or the one of this origin that has had no name until now."""
        origin = prompt_id, generator
        there = self._by_origin.get(origin, set())
        unnamed = there & self._made
        if unnamed:
            only = min(unnamed)
            self._made.discard(only)
            if video_id is not None:
                self._names[video_id] = only
            return self._clips[only]
        if there and origin in self._alone:  # which of the two did that row mean?
            raise self._several(file, number, self._clips[min(there)], len(there) + 1)
        new = ClipFacts(
            video_id=video_id or ids.video_id(prompt_id, generator, video or ""),
            prompt_id=prompt_id,
            generator=generator,
        )
        if video_id is None and video is None:
            self._made.add(new.video_id)
        return new

    def _agree(
        self,
        file: Path,
        number: int,
        clip: ClipFacts,
        prompt_id: str | None,
        generator: str | None,
    ) -> None:
        for name, given, known in (
            ("prompt_id", prompt_id, clip.prompt_id),
            ("generator", generator, clip.generator),
        ):
            if given not in (None, known) and UNKNOWN not in (given, known):
                raise SetupError(
                    f"{file}: row {number}: clip {clip.video_id!r} has {name} {given!r} here and "
                    f"{known!r} in an earlier row; correct one of them"
                )

    def _learn(
        self, clip: ClipFacts, said: dict[str, str | float | None], generator: str | None
    ) -> ClipFacts:
        if clip.generator == UNKNOWN and self._open and generator is not None:
            self._by_origin.get((clip.prompt_id, UNKNOWN), set()).discard(clip.video_id)
            clip = dataclasses.replace(clip, generator=generator)
        new = {name: said[name] for name in FACTS if getattr(clip, name) is None}
        learnt = dataclasses.replace(clip, **new)  # type: ignore[arg-type]
        if self._clips.get(clip.video_id) != learnt:
            self._add(learnt)
        return learnt

    def _add(self, clip: ClipFacts) -> None:
        self._clips[clip.video_id] = clip
        self._by_name[safe_name(clip.video_id)] = clip.video_id
        self._prompts.add(clip.prompt_id)
        self._makers.add(clip.generator)
        self._by_origin.setdefault((clip.prompt_id, clip.generator), set()).add(clip.video_id)
        if clip.prompt is not None:
            text = ids.prompt_id(clip.prompt), clip.generator
            self._by_text.setdefault(text, set()).add(clip.video_id)
        if clip.video is not None:
            self._by_video.setdefault(clip.video, set()).add(clip.video_id)
