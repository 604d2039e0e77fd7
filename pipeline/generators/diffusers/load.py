"""A pipeline from its folder or the hub, ready to be called."""

from typing import Any

import torch

from annotators.loading import loading
from annotators.local.device import chosen
from pipeline.generators.diffusers.index import check_call, pipeline_class, scheduler_class
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.diffusers.weights import folder_of, look_again, pin, place_of
from schemas.options import SetupError


def load(spec: DiffusersSpec, device: str) -> Any:
    """The pipeline of a spec on a device. Raises :class:`SetupError` for one that cannot be loaded."""
    look_again()
    kind = pipeline_class(spec)
    check_call(spec, kind)
    with loading():
        try:
            pipe = _pipeline(spec, kind)
            _set_scheduler(spec, pipe)
            _set_memory(spec, pipe)
            _place(spec, pipe, device)
        except SetupError:
            raise
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise SetupError(
                f"model {spec.model}: not enough memory for its weights ({error}); set a smaller `dtype`, "
                "`offload: model` or `offload: sequential`, or a larger device"
            ) from error
        except Exception as error:  # dozens of kinds: what matters is which model, and what it said
            raise SetupError(
                f"model {spec.model} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _pipeline(spec: DiffusersSpec, kind: Any) -> Any:
    from diffusers.utils import logging

    logging.disable_progress_bar()  # of loading: the run shows its own
    parts = {name: _component(spec, kind, name) for name in spec.components}
    how: dict[str, Any] = {"use_safetensors": True, "dtype": _dtypes(spec)}
    if spec.variant:
        how["variant"] = spec.variant
    return kind.from_pretrained(**_source(spec.model, spec.revision), **how, **parts)


def _source(model: str, revision: str | None) -> dict[str, Any]:
    folder = folder_of(model)
    if folder is not None:
        return {"pretrained_model_name_or_path": str(folder)}
    return {"pretrained_model_name_or_path": model, "revision": pin(model, revision)}


def _component(spec: DiffusersSpec, kind: Any, name: str) -> Any:
    """Of the class that the pipeline says it takes; None where it is to do without."""
    where = spec.components[name]
    if where is None:
        return None
    classes = [one for one in kind._get_signature_types()[name] if hasattr(one, "from_pretrained")]
    if not classes:
        raise SetupError(f"components: {kind.__name__} does not say of what class its {name} is")
    how: dict[str, Any] = {}
    if issubclass(classes[0], torch.nn.Module):
        how = {"use_safetensors": True, _dtype_word(classes[0]): _dtype_of(spec, name)}
    return classes[0].from_pretrained(**_source(*place_of(where)), **how)


def _dtype_word(kind: Any) -> str:
    return "dtype" if kind.__module__.startswith("transformers") else "torch_dtype"


def _dtypes(spec: DiffusersSpec) -> Any:
    if isinstance(spec.dtype, str):
        return getattr(torch, spec.dtype)
    return {name: getattr(torch, dtype) for name, dtype in spec.dtype.items()}


def _dtype_of(spec: DiffusersSpec, name: str) -> torch.dtype:
    """As diffusers reads it: a component that is not named is of the default, else float32."""
    if isinstance(spec.dtype, str):
        return getattr(torch, spec.dtype)
    return getattr(torch, spec.dtype.get(name, spec.dtype.get("default", "float32")))


def _set_scheduler(spec: DiffusersSpec, pipe: Any) -> None:
    if kind := scheduler_class(spec):
        pipe.scheduler = kind.from_config(pipe.scheduler.config, **spec.scheduler_settings)


def _set_memory(spec: DiffusersSpec, pipe: Any) -> None:
    for wanted, word in ((spec.vae_tiling, "enable_tiling"), (spec.vae_slicing, "enable_slicing")):
        if wanted:
            if not hasattr(getattr(pipe, "vae", None), word):
                raise SetupError(f"vae_{word[7:]}: {type(pipe).__name__} cannot; leave it out")
            getattr(pipe.vae, word)()


def _place(spec: DiffusersSpec, pipe: Any, device: str) -> None:
    where = chosen(device)
    if spec.offload == "model":
        pipe.enable_model_cpu_offload(device=where)
    elif spec.offload == "sequential":
        pipe.enable_sequential_cpu_offload(device=where)
    else:
        pipe.to(where)
