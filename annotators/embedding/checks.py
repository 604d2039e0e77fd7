"""What is wrong with a CLIP model, as far as its small files tell: before any frame is read."""

from pathlib import Path
from typing import Any

from annotators.base import AnnotatorSpec
from annotators.embedding.files import WEIGHTS, model_files
from schemas.options import SetupError


def check_measures_once(spec: AnnotatorSpec) -> None:
    """Raise :class:`SetupError` for more than one draw."""
    if spec.draws != 1:
        raise SetupError(
            f"annotator {spec.annotator_id}: {spec.draws} draws asked for, but kind {spec.kind!r} "
            "measures and would answer the same again; set draws: 1"
        )


def check_is_clip(annotator_id: str, model: str, revision: str | None) -> None:
    """Raise :class:`SetupError` unless ``model`` (a folder, or a name on the hub) is a CLIP model."""
    kind = read_config(annotator_id, model, revision).get("model_type")
    if kind != "clip":
        raise SetupError(
            f"annotator {annotator_id}: {model} holds a model of type {kind!r}, not 'clip'; name "
            "CLIP weights in the layout of transformers (weights of open_clip, such as "
            "HPS_v2_compressed.pt, are converted by scripts/convert_hps.py)"
        )
    if Path(model).is_dir() and not any(f.suffix in WEIGHTS for f in model_files(model)):
        raise SetupError(
            f"annotator {annotator_id}: {model} holds a config.json but no weights "
            f"({', '.join(WEIGHTS)}); copy the whole model"
        )


def check_has_processor(annotator_id: str, source: str) -> None:
    """Raise :class:`SetupError` for a folder without tokenizer or image processor."""
    folder = Path(source)
    if not folder.is_dir():
        return  # a hub's listing is seen when it is loaded
    wanted: dict[str, tuple[str, ...]] = {
        "tokenizer": ("tokenizer.json", "vocab.json"),
        "image processor": ("preprocessor_config.json", "processor_config.json"),
    }
    for what, names in wanted.items():
        if not any((folder / name).is_file() for name in names):
            raise SetupError(
                f"annotator {annotator_id}: {source} has no {what} (none of {', '.join(names)}); "
                "put it there, or name a folder or hub model that has one with `processor:`"
            )


def read_config(annotator_id: str, model: str, revision: str | None) -> dict[str, Any]:
    """A model's config.json; from the hub with the commit as ``_commit_hash``.

    Raises :class:`SetupError` where there is none.
    """
    from transformers import PreTrainedConfig  # a second that other annotators need not wait

    try:
        return PreTrainedConfig.get_config_dict(model, revision=revision or "main")[0]
    except (OSError, ValueError) as error:
        raise SetupError(
            f"annotator {annotator_id}: model {model!r}: no folder with a config.json, and not "
            f"found on the hub ({str(error).splitlines()[0]}); name a folder, or a hub model that "
            "this machine can reach"
        ) from error
