"""Eight prompts of four clips that two people rated, and a judge of whom it is known how it errs.

Every frame of a clip shows its number, 4 x prompt + place. People give the clips of a prompt 1, 2, 3
and 4. The judge does so, too, but turns the order of some prompts round, more of them the fewer frames it
is shown and the higher its temperature is.
"""

import base64
import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from coded_clips import number_in, write_clip
from judge_server import JudgeServer
from PIL import Image

PROMPTS, CLIPS = 8, 4
PRICE = {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0}
# prompts that are turned round, of the eight
BY_FRAMES = {4: 4, 8: 0, 10: 0}
BY_TEMPERATURE = {0.3: 0, 0.5: 1}


def usd_per_clip(frames: int) -> float:
    """600 tokens of text, 85 a frame, 40 of output."""
    return ((600 + 85 * frames) * 2 + 40 * 10) / 1e6


def score(number: int, frames: int, temperature: float) -> int:
    """What the judge says of a clip."""
    prompt, place = divmod(number, CLIPS)
    turned = BY_FRAMES[frames] + BY_TEMPERATURE[temperature]
    return CLIPS - place if prompt < turned else 1 + place


class Judge:
    """Answers by what the pictures show; counts what is asked of each setting."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[int, float]] = Counter()

    def server(self, **options: Any) -> JudgeServer:
        return JudgeServer(faults=lambda n, key: self.answer, **options)

    def answer(self, handler: Any, body: dict[str, Any]) -> None:
        parts = body["messages"][-1]["content"]
        urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
        jpeg = base64.b64decode(urls[0].partition(",")[2])
        number = number_in(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))
        self.asked[len(urls), body["temperature"]] += 1
        said = {"score": score(number, len(urls), body["temperature"]), "rationale": "seen"}
        tokens = 600 + 85 * len(urls)
        handler.server.judge.bill(json.dumps(body, sort_keys=True))
        handler.send(
            200,
            json.dumps(
                {
                    "model": body["model"],
                    "choices": [
                        {
                            "index": 0,
                            "finish_reason": "stop",
                            "message": {"content": json.dumps(said), "refusal": None},
                        }
                    ],
                    "usage": {
                        "prompt_tokens": tokens,
                        "completion_tokens": 40,
                        "total_tokens": tokens + 40,
                    },
                }
            ),
        )


def write_world(folder: Path) -> None:
    """Clips, manifest and ratings."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "manifest.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["prompt", "generator", "video", "video_id"])
        for number in range(PROMPTS * CLIPS):
            write_clip(folder / f"{number}.mp4", [number] * 12)
            prompt, place = divmod(number, CLIPS)
            rows.writerow([f"prompt {prompt}", f"g{place}", f"{number}.mp4", f"clip{number}"])
    with open(folder / "ratings.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video_id", "rater", "dimension", "score"])
        for number in range(PROMPTS * CLIPS):
            for rater in ("ann", "ben"):
                rows.writerow([f"clip{number}", rater, "video_quality", 1 + number % CLIPS])


def write_config(folder: Path, url: str, study: dict[str, Any] | None = None, **more: Any) -> str:
    """The configuration's file; ``judge`` among ``more`` changes the judge's block."""
    judge = {"kind": "openai", "model": "judge", "base_url": url, "price": PRICE}
    tree = {
        "sources": [{"kind": "manifest", "path": "manifest.csv"}],
        "annotators": [{**judge, **more.pop("judge", {})}],
        "rubrics": ["videoprefer/video_quality"],
        "audit": {"ratings": [{"kind": "table", "path": "ratings.csv"}], "resamples": 200},
        "concurrency": {"processes": 1},
        **({"study": study} if study is not None else {}),
        **more,
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(tree))
    return str(folder / "mine.yaml")
