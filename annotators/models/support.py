"""Which settings a model does not take, and what to write instead.

An unknown capability refuses nothing: the first question of a run is then the probe.
"""

from collections.abc import Callable

from annotators.models.capabilities import Asked, Capabilities


def unsupported(model: str, capabilities: Capabilities, asked: Asked) -> list[str]:
    """One sentence per setting that the model is known not to take, with what to write instead."""
    faults = (rule(capabilities, asked) for rule in _RULES)
    return [f"{model} {fault}" for fault in faults if fault]


def unknown(capabilities: Capabilities, asked: Asked) -> list[str]:
    """The settings asked for of which it is not known whether the model takes them."""
    known = capabilities
    # a setting, whether it is asked for, and what is known of it
    rows = [
        ("temperature", asked.temperature is not None, known.temperature),
        ("top_p", asked.top_p is not None, known.top_p),
        ("seed", asked.seed is not None, known.seed),
        ("effort", asked.effort is not None, known.efforts),
        ("choices", asked.choices > 1, known.choices),
        ("logprobs", asked.logprobs, known.logprobs),
        ("reply_format", asked.reply_format != "text", known.reply_formats),
        ("images", asked.n_images > 0, known.images),
        ("image_detail", _shown(asked) is not None, known.image_details),
        ("batch", asked.batch, known.batch),
    ]
    return [setting for setting, wanted, fact in rows if wanted and fact is None]


def _temperature(known: Capabilities, asked: Asked) -> str | None:
    if asked.temperature is None:
        return None
    if asked.temperature != 1 and _reasons(known, asked):
        return (
            "takes no temperature other than 1 while it reasons; set `temperature: null`"
            f"{_or_effort_none(known)}"
        )
    if known.temperature is None:
        return None
    low, high = known.temperature
    if low <= asked.temperature <= high:
        return None
    if low == high:
        return f"takes no temperature other than {low:g}; set `temperature: null`"
    return (
        f"takes temperatures from {low:g} to {high:g}, not {asked.temperature:g}; set one of "
        "these, or `temperature: null`"
    )


def _top_p(known: Capabilities, asked: Asked) -> str | None:
    if asked.top_p is None:
        return None
    if _reasons(known, asked):
        return f"takes no top_p while it reasons; leave `top_p` out{_or_effort_none(known)}"
    return "takes no top_p; leave `top_p` out" if known.top_p is False else None


def _seed(known: Capabilities, asked: Asked) -> str | None:
    refused = asked.seed is not None and known.seed is False
    return "takes no seed; leave `seed` out" if refused else None


def _effort(known: Capabilities, asked: Asked) -> str | None:
    if asked.effort is None or known.efforts is None or asked.effort in known.efforts:
        return None
    if not known.efforts:
        return "has no reasoning effort to set; leave `effort` out"
    return (
        f"takes no effort {asked.effort!r}; set `effort` to one of {', '.join(known.efforts)}, "
        "or leave it out"
    )


def _choices(known: Capabilities, asked: Asked) -> str | None:
    refused = asked.choices > 1 and known.choices is False
    return "gives one reply to a request; ask for `draws`, not for choices" if refused else None


def _logprobs(known: Capabilities, asked: Asked) -> str | None:
    if not asked.logprobs:
        return None
    if _reasons(known, asked):
        return f"gives no log-probabilities while it reasons; do not ask for them{_or_effort_none(known)}"
    refused = known.logprobs is False
    return "gives no log-probabilities; do not ask for them" if refused else None


def _reply_format(known: Capabilities, asked: Asked) -> str | None:
    if known.reply_formats is None or asked.reply_format in known.reply_formats:
        return None
    return (
        f"cannot be held to the reply format {asked.reply_format}; set `reply_format` to one of "
        f"{', '.join(known.reply_formats) or 'text'}"
    )


def _images(known: Capabilities, asked: Asked) -> str | None:
    if known.images is None or asked.n_images <= known.images:
        return None
    if known.images == 0:
        return "sees no images; choose a model that does"
    return (
        f"takes at most {known.images} images in a request, not {asked.n_images}; sample fewer "
        "frames under `frames:`"
    )


def _image_detail(known: Capabilities, asked: Asked) -> str | None:
    shown = _shown(asked)
    if shown is None or known.image_details is None or shown in known.image_details:
        return None
    return (
        f"takes no image_detail {shown!r}; set `image_detail` to one of "
        f"{', '.join(known.image_details)}"
    )


def _batch(known: Capabilities, asked: Asked) -> str | None:
    refused = asked.batch and known.batch is False
    return "cannot be asked in batches; set `kind: openai`" if refused else None


_RULES: tuple[Callable[[Capabilities, Asked], str | None], ...] = (
    _temperature,
    _top_p,
    _seed,
    _effort,
    _choices,
    _logprobs,
    _reply_format,
    _images,
    _image_detail,
    _batch,
)


def _reasons(known: Capabilities, asked: Asked) -> bool:
    """Whether the request is refused settings of sampling: an effort not known to be none counts as
    one, for a request that fails costs every question of the run."""
    effort = asked.effort or known.default_effort
    return known.sampling_needs_effort_none is True and effort != "none"


def _or_effort_none(known: Capabilities) -> str:
    if known.efforts is None:
        return ", or set `effort: none` where the model has it"
    return ", or set `effort: none`" if "none" in known.efforts else ""


def _shown(asked: Asked) -> str | None:
    """The image detail, where there are images to send it with."""
    return asked.image_detail if asked.n_images else None
