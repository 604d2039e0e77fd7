"""What cannot be trained and is known before any work or money is spent. Opens torch for a trunk alone."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pipeline.videorm.options import VideoRMOptions
from schemas import OVERALL
from schemas.options import SetupError

MOST_NAMED = 10  # generators in a message


def check_training(
    options: VideoRMOptions,
    *,
    asked: Sequence[str],
    generators: Collection[str],
    scored: bool = True,
    people: bool = False,
) -> None:
    """Raise :class:`SetupError` naming the key and what is known.

    ``asked``: the dimensions of the rubrics; ``generators``: whose clips there will be; ``scored``:
    whether clips are scored on their own, not only compared; ``people``: whether ratings or votes are
    given.
    """
    known = [*asked, OVERALL]
    for name in options.dimensions or ():
        _among(name, known, "dimensions", "no rubric asks for it")
    trained = options.dimensions or tuple(asked)
    _check_weights(options, trained)
    _check_made_up(options, trained)
    _check_generators(options, generators)
    if options.data.labels != "machine" and not people:
        raise SetupError(
            f"videorm.data.labels: {options.data.labels}, but no person rated anything here; name ratings "
            "in an audit block, or learn from the annotators with labels: machine"
        )
    if options.loss.kind == "regression" and options.data.labels == "machine" and not scored:
        raise SetupError(
            "videorm.loss.kind: regression learns scores, and this protocol only compares clips; take "
            "rao_kupper, or protocol: pointwise"
        )
    if options.trunk is None:
        _check_blocks(options, options.towers.layers)
    else:
        _check_trunk(options, options.trunk)


def _check_weights(options: VideoRMOptions, trained: Sequence[str]) -> None:
    """`overall` weighs each dimension that is trained, and one of them above 0."""
    if options.overall is None:
        return
    for name, weight in options.overall.items():
        _among(name, trained, f"overall.{name}", "it is not trained")
        if weight < 0:
            raise SetupError(f"videorm.overall.{name}: {weight:g}; expected a weight of at least 0")
    if absent := [name for name in trained if name not in options.overall]:
        raise SetupError(
            f"videorm.overall: no weight for {', '.join(absent)}; give one, 0 where it is not to count"
        )
    if not any(options.overall.values()):
        raise SetupError("videorm.overall: at least one dimension must weigh more than 0")


def _check_made_up(options: VideoRMOptions, trained: Sequence[str]) -> None:
    """Pairs that nobody judged are of dimensions that are trained."""
    swap, real = options.data.text_swap, options.data.real
    if swap.weight:
        for name in swap.dimensions or ():
            why = "it is not trained; name one that is, or set data.text_swap.weight=0"
            _among(name, trained, "data.text_swap.dimensions", why)
    if real.over_generated or real.over_damaged:
        for name in real.dimensions:
            _among(name, trained, "data.real.dimensions", "it is not trained")


def _check_generators(options: VideoRMOptions, generators: Collection[str]) -> None:
    held_out = options.data.held_out_generators
    named = {
        "data.held_out_generators": held_out,
        "data.real.generators": options.data.real.generators,
    }
    for key, names in named.items():
        for name in names:
            _among(name, sorted(generators), key, "no clip is of it")
    if held_out and not set(generators) - set(held_out):
        raise SetupError(
            "videorm.data.held_out_generators: no generator is left to train on; hold fewer out"
        )
    real = options.data.real
    if (real.over_generated or real.over_damaged) and not real.generators:
        raise SetupError(
            "videorm.data.real.generators: real clips are to be preferred, but none are named; name the "
            "generator under which they stand, or set over_generated and over_damaged to 0"
        )


def _among(name: str, known: Sequence[str], key: str, why: str) -> None:
    if name in known:
        return
    more = f" and {len(known) - MOST_NAMED} others" if len(known) > MOST_NAMED else ""
    there = ", ".join(known[:MOST_NAMED]) + more
    raise SetupError(f"videorm.{key}: {name!r}: {why}; there are {there or 'none'}")


def _check_blocks(options: VideoRMOptions, layers: int) -> None:
    """Blocks that are named exist."""
    blocks = options.shift.blocks
    beyond = [b for b in blocks if not isinstance(b, str) and not 0 <= b < layers]
    if beyond:
        raise SetupError(
            f"videorm.shift.blocks: there is no block {beyond[0]}; the image tower has {layers}, from 0 "
            f"to {layers - 1}"
        )
    if options.training.train_blocks > layers:
        raise SetupError(
            f"videorm.training.train_blocks: {options.training.train_blocks}, but the image tower has "
            f"{layers} blocks"
        )


def _check_trunk(options: VideoRMOptions, trunk: str) -> None:
    """The trunk's configuration and the tokenizer can be read, and go with the rest. The weights, of
    gigabytes, are not fetched now."""
    if _is_path(trunk) and not Path(trunk).expanduser().is_dir():
        raise SetupError(f"videorm.trunk: {trunk}: no such folder; name one, or a hub id")
    from transformers import AutoConfig

    from pipeline.videorm.model.towers import KINDS, image_size_of, load_tokenizer

    image_size_of(trunk)  # says what is wrong where it cannot be read
    config: Any = AutoConfig.from_pretrained(trunk)
    if config.model_type not in KINDS:
        raise SetupError(
            f"videorm.trunk: {trunk} holds a model of type {config.model_type!r}, not {' or '.join(KINDS)}"
        )
    _check_blocks(options, int(config.vision_config.num_hidden_layers))
    width = int(getattr(config, "projection_dim", None) or config.vision_config.hidden_size)
    if options.head.kind == "transformer" and width % options.head.heads:
        raise SetupError(
            f"videorm.head.heads: {options.head.heads} does not divide {width}, the width of {trunk}'s "
            "embeddings"
        )
    load_tokenizer(options.tokenizer or trunk)


def _is_path(trunk: str) -> bool:
    """A hub id is ``name`` or ``owner/name``."""
    return trunk.startswith((".", "/", "~")) or trunk.count("/") > 1
