"""One validated configuration: a YAML recipe, `--set` overrides, unknown keys refused."""

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from annotators.ledger import Budget
from annotators.shared import cores
from pipeline.audit.options import AuditOptions
from pipeline.claims import ClaimsOptions
from pipeline.clip_checks.options import ChecksOptions
from pipeline.generators.pool import PoolOptions
from pipeline.kinds import Judge
from pipeline.media.options import FramesOptions
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.presets import filled
from pipeline.protocol import ProtocolOptions
from pipeline.report.options import ReportOptions
from pipeline.sentinels.options import SentinelOptions
from pipeline.sources.kinds import Source
from pipeline.study.options import StudyOptions
from pipeline.videorm.keys import told as videorm_told
from pipeline.videorm.options import VideoRMOptions
from schemas.layout import Layout
from schemas.options import Options, SetupError
from schemas.store import Store

# kinds, and which of their keys may be a folder or a name on a hub
HERE = {
    **dict.fromkeys(("transformers", "embedding", "videorm"), ("model", "processor")),
    "diffusers": ("model", "components"),
    "huggingface": ("path",),
}
PATHS = (
    "path",
    "roots",
    "journal",
    "models",
    "trunk",
    "tokenizer",
    "history",
    "prompts",
    "videos",
    "cache",
    "store",
)  # keys whose relative values start at the recipe's folder
ON_A_HUB = ("trunk", "tokenizer")  # of those: a folder, or a name on a hub
MAPPED = ("videos",)  # of those: a name -> path mapping, whatever the names


class ConcurrencyOptions(Options):
    """What a run may use."""

    processes: int | None = Field(None, ge=1)  # child processes per worker; None: cores / workers
    machines: int = Field(1, ge=1)  # that work on one run: budget and limits are divided by it


class Config(Options):
    """A whole run."""

    sources: list[Source] = Field(min_length=1)
    annotators: list[Judge] = Field(min_length=1)
    preset: str | None = None  # a way of judging: fills in what is not said below
    claims: ClaimsOptions | None = None  # what a publication says of the set that this rebuilds
    generators: PoolOptions | None = None
    limit: int | None = Field(None, ge=1)  # this many prompts, chosen by hash
    journal: str | None = None  # where paid replies lie; None: OUTPUT/journal
    budget: Budget = Budget()  # caps on what this output folder ever spends
    models: str | None = None  # a file of prices and capabilities beside the one that comes along
    frames: FramesOptions = FramesOptions()
    checks: ChecksOptions = ChecksOptions()
    rubrics: list[str] = Field(
        ["videoprefer/prompt_following", "videoprefer/video_quality"], min_length=1
    )
    protocol: ProtocolOptions = ProtocolOptions()
    consensus: ConsensusOptions = ConsensusOptions()
    preferences: PreferenceOptions = PreferenceOptions()
    splits: SplitOptions = SplitOptions()
    sentinels: SentinelOptions | None = (
        None  # clips judged again and again; None: no judge is watched
    )
    audit: AuditOptions | None = None
    study: StudyOptions | None = None  # what `study` tries; None: the paper's ablation
    videorm: VideoRMOptions | None = None
    report: ReportOptions = ReportOptions()
    concurrency: ConcurrencyOptions = ConcurrencyOptions()
    wave_size: int = Field(5_000, ge=1)  # clips per wave


def load_config(name_or_file: str, overrides: Iterable[str] = ()) -> Config:
    """The recipe of that name (or file), with ``key.path=value`` overrides, validated.

    Relative paths in a file start at the file's folder, those in an override at the current one.
    Raises :class:`SetupError` naming file, key and fault.
    """
    path = find_recipe(name_or_file)
    try:
        tree = yaml.safe_load(path.read_bytes())
    except yaml.YAMLError as error:
        raise SetupError(f"{path}: not valid YAML: {error}") from error
    except OSError as error:
        raise SetupError(f"{path}: cannot be read: {error.strerror}") from error
    if not isinstance(tree, dict):
        raise SetupError(f"{path}: expected keys such as sources and annotators")
    packaged = path.parent == _recipes()
    tree = _absolute(tree, Path.cwd() if packaged else path.parent.resolve())
    for text in overrides:
        override(tree, text)
    tree = filled(tree)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise SetupError("\n".join(_explain(path, fault) for fault in error.errors())) from None


def _recipes() -> Path:
    return Path(str(resources.files("pipeline"))) / "configs"


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in _recipes().glob("*.yaml"))


def find_recipe(name_or_file: str) -> Path:
    """The file of a recipe's name, or the file itself."""
    packaged = _recipes() / f"{name_or_file}.yaml"
    if packaged.is_file():
        return packaged
    if Path(name_or_file).is_file():
        return Path(name_or_file)
    raise SetupError(
        f"--config {name_or_file}: no such file, and no recipe of that name; recipes: "
        + ", ".join(recipe_names())
    )


def _absolute(tree: Any, base: Path, key: str = "") -> Any:
    if isinstance(tree, dict):
        found = {k: _absolute(v, base, key if key in MAPPED else k) for k, v in tree.items()}
        for name in HERE.get(str(tree.get("kind")), ()):
            if name in tree:
                found[name] = _absolute(tree[name], base, "trunk")
        return found
    if isinstance(tree, list):
        return [_absolute(v, base, key) for v in tree]
    is_path = key in PATHS or (key == "rubrics" and str(tree).endswith((".yaml", ".yml")))
    if is_path and isinstance(tree, str) and "://" not in tree:
        try:
            joined = base / Path(tree).expanduser()
        except RuntimeError:
            raise SetupError(f"{key}: {tree}: there is no such user; write the path out") from None
        # a trunk is a folder or a name on a hub: only a folder that exists is a path
        return str(joined) if key not in ON_A_HUB or joined.exists() else tree
    return tree


def override(tree: Any, given: str) -> None:
    """Set one key of a tree of plain values, as ``key.path=value`` says. A relative path starts at the
    current folder. Raises :class:`SetupError` for what is not written so."""
    where, equals, text = given.partition("=")
    if not equals or not where:
        raise SetupError(f"--set {given}: expected key.path=value")
    *parents, last = where.split(".")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SetupError(f"--set {given}: the value is not valid YAML: {error}") from error
    node = tree
    for name in parents:
        node = _step(node, name, given)
    on_hub = isinstance(node, dict) and last in HERE.get(str(node.get("kind")), ())
    value = _absolute(value, Path.cwd(), "trunk" if on_hub else _key_of([*parents, last]))
    if isinstance(node, list):
        _step(node, last, given)
        node[int(last)] = value
    else:
        node[last] = value


def _key_of(names: list[str]) -> str:
    """What a value is of: ``roots`` for ``sources.0.roots.1``, ``videos`` for ``sources.0.videos.pika``."""
    key = ""
    for name in names:
        key = key if key in MAPPED or name.isdigit() else name
    return key


def _step(node: Any, name: str, override: str) -> Any:
    if isinstance(node, list):
        if not name.isdigit() or int(name) >= len(node):
            raise SetupError(
                f"--set {override}: {name} is not one of the {len(node)} entries (counted from 0)"
            )
        return node[int(name)]
    if node.get(name) is None:
        node[name] = {}
    if not isinstance(node[name], (dict, list)):
        raise SetupError(f"--set {override}: {name} holds a value, not keys")
    return node[name]


def _explain(path: Path, fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "the whole"
    if fault["loc"][:1] == ("videorm",) and len(fault["loc"]) > 1:
        return videorm_told({**fault, "loc": fault["loc"][1:]}, f"{path}: videorm.")
    if fault["type"] == "extra_forbidden":
        return f"{path}: {where}: unknown key"
    if fault["type"] == "missing":
        return f"{path}: {where}: required, but not given"
    given = "" if isinstance(fault.get("input"), dict) else f" (got {fault.get('input')!r})"
    return f"{path}: {where}: {fault['msg'].removeprefix('Value error, ')}{given}"


def changed_keys(old: Any, new: Any, at: str = "") -> list[str]:
    """Dotted keys whose values differ between two plain configurations."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            key
            for name in sorted(old.keys() | new.keys())
            for key in changed_keys(old.get(name), new.get(name), f"{at}.{name}".lstrip("."))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            key
            for i, (a, b) in enumerate(zip(old, new, strict=True))
            for key in changed_keys(a, b, f"{at}.{i}".lstrip("."))
        ]
    return [] if old == new else [at]


def journal_of(config: Config, layout: Layout) -> Store:
    """Where the paid replies of a run lie."""
    return Store(config.journal or layout.at(layout.root / "journal"))


def processes_of(config: Config, workers: int) -> int:
    """Child processes each of ``workers`` Beam workers on this machine may use; 0 where there are none on
    it: as many as theirs have cores."""
    if config.concurrency.processes is not None or not workers:
        return config.concurrency.processes or 0
    return max(1, cores() // workers)
