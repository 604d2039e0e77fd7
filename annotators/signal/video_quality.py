"""Video quality from the frames: how bad each measured flaw is, and what all of them leave.

Costs and thresholds follow from what the measurements mean. They were not fitted to people: on real
clips without plain technical flaws nearly every score is the highest, and what people mind there
(bodies that melt, things that make no sense) is not measured at all.
"""

from annotators.signal import flaws
from annotators.signal.finding import Finding, ramp, sentence
from annotators.signal.flaws import Flaws
from annotators.signal.frames import Frames
from annotators.signal.request import Request
from annotators.signal.scene import Scene

# Of the whole scale, what a flaw at its worst costs: one alone makes a clip poor, not worthless.
_WORST = 0.65


def rate(frames: Frames, scene: Scene, request: Request) -> Finding:
    """Quality 0..1: 1 minus the sum of what each flaw costs, and the measurements it rests on.

    The prompt has no say: a scene that is asked to stand still is told from a picture that stands
    still by the life that is left in it.
    """
    found = flaws.measure(frames, scene)
    costs = _costs(found)
    value = max(0.0, 1 - sum(costs.values()))
    return Finding(value=value, rationale=_rationale(found, costs, len(frames.rgb) - 1))


def _costs(found: Flaws) -> dict[str, float]:
    """Share of the scale that each flaw costs.

    The ramps start where a person begins to see a flaw on a screen and end where nothing else is
    seen; chosen by what the numbers mean, not fitted to ratings.
    """
    # Colour is stored at half resolution, so an edge in colour alone has 0.47 even when sharp.
    blur = 0.0 if found.sharpness is None else ramp(found.sharpness, 0.43, 0.24)
    strength = {
        "blur": blur,
        "noise": ramp(found.noise, 6.0, 32.0),
        "flicker": ramp(found.flicker, 0.05, 0.16),
        "frozen": ramp(found.frozen, 0.0, 0.9),
        "jumps": ramp(found.jumps, 0.0, 4.0),
        "drift": ramp(found.drift, 25.0, 150.0),
    }
    # A flaw that is seen at all costs a point; how strong it is decides over the rest.
    return {name: 0.25 + (_WORST - 0.25) * s if s > 0 else 0.0 for name, s in strength.items()}


def _rationale(found: Flaws, costs: dict[str, float], n_steps: int) -> str:
    said = {
        "blur": f"blurred (only {_share(found.sharpness)} of an edge's contrast within two pixels)",
        "noise": f"noisy (standard deviation {found.noise:.0f} levels)",
        "flicker": f"brightness flickers by {_share(found.flicker)}",
        "frozen": f"{round(found.frozen * n_steps)} of {n_steps} steps repeat the same picture",
        "jumps": f"{found.jumps:.0f} of {n_steps} steps jump",
        "drift": f"the background drifts by {found.drift:.0f} levels",
    }
    seen = [said[name] for name in sorted(costs, key=lambda n: -costs[n]) if costs[name] > 0]
    if seen:
        return sentence(seen)
    edges = "no edge to judge sharpness by" if found.sharpness is None else "edges are sharp"
    return sentence(
        [
            edges,
            f"noise {found.noise:.1f} levels",
            f"brightness steady within {found.flicker:.1%}",
            "no repeated frame, jump or drift",
        ]
    )


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"
