"""The points of a study: which judge, with how many frames, which temperature, draws and rubrics."""

import dataclasses
import itertools
import re
from collections.abc import Iterator
from typing import Any

from annotators import expand_all
from annotators.base import AnnotatorSpec
from annotators.judge import JudgeSpec
from annotators.recorded import RecordedSpec
from pipeline.config import Config
from pipeline.study.options import AXES, StudyOptions
from pipeline.videorm.judge import VideoRMSpec
from schemas.ids import canonical_json, sha256_hex
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one point tries; ``temperature`` None: not sent, or there is none."""

    frames: int
    temperature: float | None
    draws: int
    rubrics: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One judge with one setting; ``name`` is that of its folder."""

    judge: AnnotatorSpec
    setting: Setting
    own: bool  # whether it is the configuration's own point

    @property
    def name(self) -> str:
        """Readable, and different for every judge and setting."""
        s = self.setting
        said = {"annotator": self.judge.annotator_id, **dataclasses.asdict(s)}
        told: list[str] = [
            re.sub(r"[^A-Za-z0-9.]+", "-", self.judge.annotator_id)[:40],
            f"{s.frames}f",
        ]
        if s.temperature is not None:
            told.append(f"t{s.temperature:g}")
        return "_".join(
            [*told, f"{s.draws}d", sha256_hex(canonical_json(said).encode())[:8]]
        ).strip("-.")


def points_of(config: Config, options: StudyOptions) -> tuple[list[Point], list[str]]:
    """Every point, judge by judge, and sentences on what was not multiplied.

    Raises :class:`SetupError` for an unknown judge, for a policy that has no number of frames, and
    where there is but one point.
    """
    notes = list(_notes(config, options))
    options = options.filled()
    if options.frames and config.frames.policy == "first_middle_last":
        raise SetupError(
            "study.frames: policy first_middle_last always takes three; set frames.policy: uniform"
        )
    judges = _judges(config, options)
    points = [point for judge in judges for point in _of_judge(judge, config, options)]
    if len(points) < 2:
        why = f" ({'; '.join(notes)})" if notes else ""
        raise SetupError(
            f"study: one point only{why}, and there is nothing to compare it with; give two values "
            f"of one of {', '.join(AXES)}, or two annotators"
        )
    return points, notes


def _judges(config: Config, options: StudyOptions) -> list[AnnotatorSpec]:
    known = {spec.annotator_id: spec for spec in expand_all(config.annotators)}
    if options.annotators is None:
        return list(known.values())
    found: list[AnnotatorSpec] = []
    for given in options.annotators:
        if not isinstance(given, str):
            found.append(given)
        elif given in known:
            found.append(known[given])
        else:
            raise SetupError(
                f"study.annotators: no annotator is called {given!r}; there are {', '.join(known)}"
            )
    return expand_all(found)


def applies(judge: AnnotatorSpec, axis: str) -> bool:
    """Whether another value of the axis can change what the annotator says.

    A recorded score was given before; a VideoRM has the number of its frames built in.
    """
    if axis == "frames":
        return not isinstance(judge, (RecordedSpec, VideoRMSpec))
    return isinstance(judge, JudgeSpec)


def _of_judge(judge: AnnotatorSpec, config: Config, options: StudyOptions) -> Iterator[Point]:
    own = Setting(
        frames=config.frames.most,
        temperature=getattr(judge, "temperature", None),
        draws=judge.draws,
        rubrics=tuple(config.rubrics),
    )
    axes = {
        axis: [tuple(v) if isinstance(v, list) else v for v in values]
        for axis in AXES
        if (values := getattr(options, axis)) is not None and applies(judge, axis)
    }
    for setting in sorted(dict.fromkeys(_settings(own, axes, options.design)), key=_place):
        yield Point(judge=_set(judge, setting), setting=setting, own=setting == own)


def _place(setting: Setting) -> tuple[float, float, int]:
    """Settings as a table lists them; rubrics stay in their order."""
    cold = -1.0 if setting.temperature is None else setting.temperature
    return setting.frames, cold, setting.draws


def _settings(own: Setting, axes: dict[str, list[Any]], design: str) -> Iterator[Setting]:
    if design == "grid":
        for combination in itertools.product(*axes.values()):
            yield dataclasses.replace(own, **dict(zip(axes, combination)))
        return
    yield own
    for axis, values in axes.items():
        for value in values:
            yield dataclasses.replace(own, **{axis: value})


def _set(judge: AnnotatorSpec, setting: Setting) -> AnnotatorSpec:
    if not isinstance(judge, JudgeSpec):
        return judge
    return judge.model_copy(update={"temperature": setting.temperature, "draws": setting.draws})


def _notes(config: Config, options: StudyOptions) -> Iterator[str]:
    if options.from_paper:
        yield "no axis is given: frames and temperature are those of VideoPrefer's ablation"
    for judge in _judges(config, options):
        without = [a for a in AXES if getattr(options.filled(), a) and not applies(judge, a)]
        if without:
            yield (
                f"{judge.annotator_id} (kind {judge.kind}) has one point for all values of "
                f"{', '.join(without)}: they change nothing it says"
            )
