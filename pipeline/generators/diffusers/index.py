"""What a pipeline is, before its weights are loaded: its class, what its call takes, its files."""

import functools
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotators.local.device import fault_of
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.diffusers.weights import INDEX, folder_of, place_of
from schemas.options import SetupError

COUNTS = ("num_frames", "video_length", "frames")  # what pipelines call the number of frames
RATES = ("frame_rate", "fps")  # and the rate that they make a clip for
# Pipelines whose clips depend on what else is in the batch, or that make one clip at a time. Latte cuts
# the padding off a prompt that is alone, and attends to it in a batch.
ALONE = {"LattePipeline", "TextToVideoZeroPipeline", "TextToVideoZeroSDXLPipeline"}
_OURS = {
    "prompt", "height", "width", "num_inference_steps", "negative_prompt", "guidance_scale", "generator",
    "output_type", "return_dict", "num_videos_per_prompt", "num_images_per_prompt", *COUNTS,
}  # fmt: skip
_PICKLED = (".bin", ".ckpt", ".pt", ".pth")


def check_fits(spec: DiffusersSpec) -> None:
    """Raise :class:`SetupError` for a spec that its pipeline, or this machine, cannot carry out."""
    for device in spec.devices:
        if fault := fault_of(device):
            raise SetupError(fault)
    _check_offload(spec)
    _check_files(spec)
    pipeline = pipeline_class(spec)
    check_call(spec, pipeline)
    _check_parts(spec, pipeline)


def pipeline_class(spec: DiffusersSpec) -> Any:
    """The class of diffusers that makes the clips. Raises :class:`SetupError`."""
    named = spec.pipeline or _index(spec.model, spec.revision).get("_class_name")
    if not isinstance(named, str):  # a list names a file of Python in the repository
        raise SetupError(
            f"model {spec.model}: its pipeline is code of its own, which is not run here; name a class "
            "of diffusers as `pipeline:`, or choose another model"
        )
    return of_diffusers(named, "DiffusionPipeline", "pipeline")


def of_diffusers(name: str, base: str, what: str) -> Any:
    """A class of diffusers by its name. Raises :class:`SetupError` for what is not of that base."""
    import diffusers

    found = getattr(diffusers, name, None)
    family = getattr(diffusers, base)
    if not inspect.isclass(found) or not issubclass(found, family):
        version = diffusers.__version__
        raise SetupError(
            f"{what} {name!r}: diffusers {version} has no such class; check the name, or "
            "install the version that the model asks for"
        )
    return found


@functools.cache
def takes(pipeline: Any) -> Mapping[str, inspect.Parameter]:
    """What a pipeline's call takes."""
    return inspect.signature(pipeline.__call__).parameters


def check_call(spec: DiffusersSpec, pipeline: Any) -> None:
    """Raise :class:`SetupError` for a pipeline that makes no video of a prompt alone, or settings that
    its call does not take."""
    known = takes(pipeline)
    needs = {n for n, p in known.items() if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    needs -= {"self", "prompt"}
    if "prompt" not in known or not set(COUNTS) & set(known) or needs:
        why = f"its call needs {', '.join(sorted(needs))}" if needs else "its call does not say so"
        raise SetupError(f"{pipeline.__name__} makes no video of a prompt alone: {why}")
    for field, argument in _arguments(spec).items():
        if argument not in known:
            raise SetupError(f"{field}: the call of {pipeline.__name__} takes no {argument}")
    if taken := _OURS & set(spec.arguments):
        raise SetupError(
            f"arguments: {', '.join(sorted(taken))}: a key of its own says this, or none may"
        )
    if spec.batch_size > 1 and pipeline.__name__ in ALONE:
        raise SetupError(
            f"batch_size: a clip of {pipeline.__name__} would depend on its batch; set it to 1"
        )


def _arguments(spec: DiffusersSpec) -> dict[str, str]:
    """Keys of the block that are given -> what the call has to take for them."""
    said = {
        "height": "height",
        "width": "width",
        "steps": "num_inference_steps",
        "negative_prompt": "negative_prompt",
        "guidance_scale": "guidance_scale",
    }
    given = {field: name for field, name in said.items() if getattr(spec, field) is not None}
    return given | {f"arguments.{name}": name for name in spec.arguments}


def _check_parts(spec: DiffusersSpec, pipeline: Any) -> None:
    parts = set(inspect.signature(pipeline.__init__).parameters) - {"self"}
    named = [("components", name) for name in spec.components]
    if not isinstance(spec.dtype, str):
        named += [("dtype", name) for name in spec.dtype if name != "default"]
    for field, name in named:
        if name not in parts:
            raise SetupError(
                f"{field}: {pipeline.__name__} has no {name!r}; it has {', '.join(sorted(parts))}"
            )
    scheduler_class(spec)


def scheduler_class(spec: DiffusersSpec) -> Any:
    """The class of the scheduler that a spec changes, None: it takes the model's as it is.

    Raises :class:`SetupError`, also for a setting that diffusers would quietly pass over.
    """
    if not spec.scheduler and not spec.scheduler_settings:
        return None
    own = _index(spec.model, spec.revision).get("scheduler")
    named = spec.scheduler or (own[1] if isinstance(own, list) and len(own) == 2 else "")
    found = of_diffusers(named, "SchedulerMixin", "scheduler")
    known = set(inspect.signature(found.__init__).parameters) - {"self"}
    for name in spec.scheduler_settings:
        if name not in known:
            raise SetupError(
                f"scheduler_settings: {named} has no {name!r}; it has {', '.join(sorted(known))}"
            )
    return found


def _check_offload(spec: DiffusersSpec) -> None:
    from annotators.local.device import chosen

    for device in spec.devices:
        if spec.offload != "none" and chosen(device).type == "cpu":
            raise SetupError(
                f"offload: {spec.offload}: there is no GPU to take weights from; leave it out"
            )


def _check_files(spec: DiffusersSpec) -> None:
    """A folder that holds weights in pickles alone would only be found out after the start."""
    elsewhere = [place_of(where)[0] for where in spec.components.values() if where is not None]
    for where in (spec.model, *elsewhere):
        if folder := folder_of(where):
            for part in (folder, *(path for path in sorted(folder.iterdir()) if path.is_dir())):
                files = {path.suffix for path in part.iterdir()}
                if files & set(_PICKLED) and ".safetensors" not in files:
                    raise SetupError(
                        f"{part}: its weights are pickles, which can run code; save them as "
                        "safetensors: `save_pretrained(FOLDER, safe_serialization=True)`"
                    )


def _index(model: str, revision: str | None) -> dict[str, Any]:
    folder = folder_of(model)
    file = _fetched(model, revision) if folder is None else folder / INDEX
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise SetupError(
            f"model {model}: the folder holds no {INDEX}; give the folder that `save_pretrained` wrote"
        ) from error
    except (OSError, ValueError) as error:
        raise SetupError(f"model {model}: {INDEX} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _fetched(model: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(model, INDEX, revision=revision))
    except Exception as error:  # dozens of kinds: what matters is which model, and what was said
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SetupError(
            f"model {model}, commit {revision}: no {INDEX} can be had ({said}); check both, go online "
            "once, or log in with `hf auth login` where the model asks for it"
        ) from error
