"""How fast VideoRM is, beside the bare backbone and beside the machine, in one run.

    .venv/bin/python scripts/bench/videorm.py --quick                     # a minute, the tiny tower
    .venv/bin/python scripts/bench/videorm.py --shape vit-b-32            # ten minutes on a CPU
    .venv/bin/python scripts/bench/videorm.py --shape vit-h-14 --prompts 4 --json out/videorm.json   # GPU

Weights are random; nothing is loaded. Everybody takes a turn in every round, each round beginning with
another one, and gets the same pixels, precision and threads.

forward         frames/s of VideoRM's rewards, against the same towers called through transformers
                (`get_image_features`) with the same attention; `towers alone` leaves out head, readout
                and shift. On the tiny tower the head is as much work as the tower: no goal for it there
step            frames/s of forward, loss, backward and AdamW, all blocks of the image tower learning;
                nothing is compiled, on either side
peak            operations per second of the fastest square matrix product in its best round; on a GPU
                the maker's dense bf16 figure stands beside it, and `of peak` is of that
mp4, jpeg       clips/s from files: `read alone` decodes and fits on all threads, `in turn` reads a batch
                and then scores it, `ahead` reads while another is scored; the limit is the slower of both
epoch           training a head on cached embeddings, 13,500 prompts; encoding them, extrapolated
of ...          median over the rounds of the ratio within a round; least, most: over the rounds
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console
from videorm_epoch import cached, epoch_of
from videorm_files import from_files, limit_of
from videorm_flops import known_peak
from videorm_rounds import Contestant, compete
from videorm_shapes import SHAPES
from videorm_table import paper_lines, rows, table, verdict
from videorm_work import ARMS, BACKBONE, Case, forwards, matmuls, steps

CASES = ("forward", "step", "files", "epoch")
TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
PRESETS = ("videorm-default", "videorm-paper")


def settings() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--shape", choices=[*SHAPES], help="of the image tower (GPU: vit-h-14; CPU: small)")
    add("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)}, separated by commas")
    add("--device", default="auto", help="auto: a GPU where there is one; else as torch names it")
    add("--dtype", choices=[*TYPES], help="of matrix products (GPU: bf16; CPU: fp32)")
    add("--prompts", type=int, default=1, help="in a batch, four clips of eight frames each")
    add("--threads", type=int, default=1, help="of torch on a CPU, and of those that read files")
    add("--rounds", type=int, help="turns of each contestant (7; with --quick 3)")
    add("--least-s", type=float, help="seconds of a turn (1; with --quick 0.1)")
    add("--steps", type=int, help="of an epoch that are timed (GPU: all; CPU: 200; --quick 5)")
    add("--cache-clips", type=int, help="clips whose embeddings are written (4000; --quick 500)")
    add(
        "--quick",
        action="store_true",
        help="fewer rounds and steps, and the tiny tower: does it run?",
    )
    add("--json", type=Path, help="write all numbers to this file, too")
    given = parser.parse_args()
    for name in given.cases.split(","):
        if name not in CASES:
            parser.error(f"--cases: {name!r} is none of {', '.join(CASES)}")
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error(f"--device: {given.device}, but torch {torch.__version__} finds no GPU here")
    return filled(given)


def filled(given: argparse.Namespace) -> argparse.Namespace:
    """Defaults that depend on the machine."""
    gpu = torch.cuda.is_available() if given.device == "auto" else given.device.startswith("cuda")
    if given.device == "auto":
        given.device = "cuda" if gpu else "cpu"
    quick, given.cases = given.quick, given.cases.split(",")
    given.shape = given.shape or ("tiny" if quick else "vit-h-14" if gpu else "small")
    given.dtype = given.dtype or ("bf16" if gpu else "fp32")
    given.rounds = given.rounds or (3 if quick else 7)
    given.least_s = given.least_s or (0.1 if quick else 1.0)
    given.steps = given.steps or (5 if quick else None if gpu else 200)
    given.cache_clips = given.cache_clips or (500 if quick else 4000)
    return given


def machine(given: argparse.Namespace) -> dict[str, Any]:
    """What the numbers were measured on."""
    device = torch.device(given.device)
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "device": gpu or _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": given.threads,
        "dtype": given.dtype,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "load_1min": os.getloadavg()[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


class Bench:
    """The cases one after the other, what they found, and where it is told."""

    def __init__(self, given: argparse.Namespace, console: Console) -> None:
        self.given, self.console = given, console
        self.case = Case(
            shape=given.shape,
            device=torch.device(given.device),
            dtype=TYPES[given.dtype],
            prompts=given.prompts,
        )
        self.peak: float | None = None
        self.rows: list[dict[str, Any]] = []
        self.verdicts: list[str] = []
        self.paper: dict[str, Any] = {}

    def race(self, contestants: list[Contestant]) -> None:
        """In rounds."""
        compete(contestants, self.given.rounds, self.case.device, self.given.least_s)

    def towers(self, name: str, make: Callable[[Case], list[Contestant]]) -> None:
        """VideoRM, the backbone and the machine's own best in the same rounds."""
        sizes = (512, 1024) if self.given.quick else (1024, 2048, 4096)
        if self.case.device.type == "cuda":
            sizes = (4096, 8192, 16384)
        contestants, products = make(self.case), matmuls(self.case, sizes)
        self.race([*contestants, *products])
        best = max(products, key=lambda one: one.best_flops_per_s)
        stated = known_peak(self.case.device) if self.given.dtype == "bf16" else None
        self.peak = stated or best.best_flops_per_s
        peer = next(one for one in contestants if one.name == BACKBONE)
        found = rows(name, contestants, peer, self.peak)
        title = f"{name}: {self.case.shape}, {self.case.frames} frames at once"
        self.console.print(table(title, "frames", found, BACKBONE))
        self.console.print(
            f"  fastest matrix product {best.best_flops_per_s / 1e12:.3f} TFLOP/s"
            + (f", stated peak {stated / 1e12:.0f}" if stated else ", which is the peak here")
        )
        self.rows += [*found, *rows(name, products, None, self.peak)]
        if self.case.shape != "tiny":
            self.verdicts += verdict(name, found, ARMS, BACKBONE)

    def files(self) -> None:
        """From mp4 files and from JPEGs."""
        batches = 1 if self.given.quick else 3
        with tempfile.TemporaryDirectory(prefix="videorm-bench-") as folder:
            sources = from_files(self.case, Path(folder), self.given.threads, batches)
            for name, contestants in sources.items():
                self.race(contestants)
                limit = limit_of(contestants)
                slower = next(one for one in contestants if one.per_s == limit)
                found = rows(name, contestants, slower, self.peak)
                title = f"{name}: {self.case.shape}, {self.given.threads} threads read"
                self.console.print(table(title, "clips", found, "limit"))
                self.rows += found

    def epoch(self) -> None:
        """At the paper's size; encoding by what ``forward`` found, so that comes before."""
        forward = [r for r in self.rows if (r["case"], r["contestant"]) == ("forward", "videorm")]
        head = Case(shape="joint-1024", device=self.case.device, dtype=self.case.dtype, prompts=1)
        with cached(head, self.given.cache_clips) as (clips, cache):
            epochs = [epoch_of(head, preset, clips, self.given.steps) for preset in PRESETS]
        per_s = forward[0]["per_s"] if forward else None
        for line in paper_lines(epochs, cache, self.case.shape, per_s):
            self.console.print(line, highlight=False, soft_wrap=True)
        self.paper = {
            "epochs": [one.row() for one in epochs],
            "cache": cache.row(),
            "encoding_frames_per_s": per_s,
        }

    def run(self) -> None:
        """Those that were asked for."""
        works = {
            "forward": lambda: self.towers("forward", forwards),
            "step": lambda: self.towers("step", steps),
            "files": self.files,
            "epoch": self.epoch,
        }
        for name in CASES:
            if name in self.given.cases:
                works[name]()
        for line in self.verdicts:
            self.console.print(line, highlight=False, soft_wrap=True)


def main() -> None:
    """Measure everything and print it."""
    given, console = settings(), Console(width=120)
    torch.set_num_threads(given.threads)
    before = machine(given)
    console.print(
        f"{before['device']}, {before['cores']} cores, load {before['load_1min']:.1f} before the start; "
        f"torch {before['torch']}, transformers {before['transformers']}, {given.threads} threads, "
        f"{given.dtype}",
        highlight=False,
    )
    bench = Bench(given, console)
    bench.run()
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "machine": {**before, "load_1min_after": os.getloadavg()[0]},
            "shape": given.shape,
            "peak_flops_per_s": bench.peak,
            "rows": bench.rows,
            "verdicts": bench.verdicts,
            "paper": bench.paper,
        }
        given.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
