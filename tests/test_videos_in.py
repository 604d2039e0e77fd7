"""Every kind of real clip from file to judged table in one run, and real clips beside generated ones."""

import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline import command
from pipeline.dataset.parquet import parts
from schemas.layout import Layout

Row = dict[str, Any]


def run(folder: Path, *more: str, **blocks: Any) -> Path:
    config = {"annotators": [{"kind": "signal"}], "concurrency": {"processes": 2}, **blocks}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    output = folder / "out"
    arguments = ["--config", str(folder / "config.yaml"), "--output", str(output), *more]
    assert command.main(arguments) == 0
    return output


def table(root: Path, name: str) -> list[Row]:
    return [
        row for path in parts(Layout(root).table(name)) for row in pq.read_table(path).to_pylist()
    ]


def test_every_kind_of_real_clip_is_judged_in_one_run(test_data: Path, tmp_path: Path) -> None:
    """Twelve clips of FETV by manifest, its four GIFs by a pattern, three pairs of VideoAlign by their
    table, and HEVC, AV1, MPEG-2, a phone's and NASA's H.264 by another pattern."""
    with open(test_data / "fetv" / "manifest.csv", encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    some = tmp_path / "some.csv"  # every clip of it is judged in test_fetv
    with open(some, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(
            {**row, "video": str(test_data / "fetv" / row["video"])} for row in lines[:12]
        )
    gifs = tmp_path / "gifs.json"
    gifs.write_text(json.dumps({"0001": "a horse race is happening"}))
    root = run(
        tmp_path,
        sources=[
            {"kind": "manifest", "path": str(some), "roots": [str(test_data / "fetv")]},
            {
                "kind": "clips",
                "path": str(test_data / "fetv" / "gif" / "*.gif"),
                "name": "{prompt_id}__{generator}.gif",
                "prompts": str(gifs),
            },
            {
                "kind": "videoalign",
                "path": str(test_data / "videoalign" / "pairs.csv"),
                "columns": {"path_A": "video_a", "path_B": "video_b"},
            },
            {
                "kind": "clips",
                "path": str(test_data / "real" / "*"),
                "name": "{}",
                "generator": "camera",
                "prompt": "footage of something",
            },
        ],
    )
    # `signal` knows nothing of prompts outside the simulated world; nothing else is missing
    assert {row["reason"] for row in table(root, "failures")} == {"not_applicable"}
    frames = {row["video_id"]: row for row in table(root, "frames")}
    assert len(frames) == 12 + 4 + 6 + 5
    judged = {
        r["video_id"] for r in table(root, "annotations") if r["dimension"] == "video_quality"
    }
    assert judged == set(frames)
    videos = {row["video_id"]: row for row in table(root, "videos")}
    gif = [frames[v] for v, row in videos.items() if row["uri"].endswith(".gif")]
    assert len(gif) == 4
    assert all(row["times_s"] == [None] * 8 for row in gif)  # zero delays: no times are made up
    camera = [frames[v] for v, row in videos.items() if row["generator"] == "camera"]
    assert len(camera) == 5
    assert all(len(row["indices"]) == 8 and None not in row["times_s"] for row in camera)


PROGRAM = """
import sys
import av, numpy as np
prompt, output, seed, guidance = *sys.argv[1:3], int(sys.argv[3]), float(sys.argv[4])
chance = np.random.default_rng(seed)
with av.open(output, "w") as container:
    stream = container.add_stream("libx264", rate=8)
    stream.width = stream.height = 64
    for i in range(12):
        picture = chance.integers(0, 255, (64, 64, 3)).astype(np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode())
"""


@pytest.fixture
def captions(tmp_path: Path, test_data: Path) -> Path:
    """Two real clips with their captions, and a list of prompts without any."""
    data = test_data / "fetv" / "videos"
    names = sorted(path.name for path in data.glob("*__zeroscope.mp4"))[:2]
    lines = ["prompt,generator,video"]
    lines += [f"somebody films number {i},camera,{data / name}" for i, name in enumerate(names)]
    (tmp_path / "captions.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "prompts.txt").write_text("a red kite over a lake\na dog digs in snow\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    return data


@pytest.mark.slow
def test_one_real_clip_and_three_generated_as_videoprefer_mixes_them(
    tmp_path: Path, captions: Path
) -> None:
    blocks = {
        "sources": [
            {"kind": "prompts", "path": str(tmp_path / "prompts.txt")},
            {"kind": "manifest", "path": str(tmp_path / "captions.csv"), "roots": [str(captions)]},
        ],
        "generators": {
            "clips_per_prompt": 4,
            "top_up": True,
            "pool": [
                {
                    "kind": "command",
                    "name": name,
                    "version": "1",
                    "command": [
                        sys.executable,
                        str(tmp_path / "program.py"),
                        "{prompt}",
                        "{output}",
                        "{seed}",
                        "{guidance_scale}",
                    ],
                    "guidance_scale": [5, 12],
                }
                for name in ("one", "two", "three", "four")
            ],
        },
    }
    root = run(tmp_path, **blocks)
    videos = table(root, "videos")
    assert Counter((row["prompt"].split()[0], row["generator"] == "camera") for row in videos) == {
        ("a", False): 8,  # two prompts, four generated clips each
        ("somebody", True): 2,
        ("somebody", False): 6,
    }
    made = [row for row in videos if row["generator"] != "camera"]
    assert all(5 <= json.loads(row["settings"])["guidance_scale"] <= 12 for row in made)
    assert len({row["sha256"] for row in made}) == 14  # every seed another clip
    # a second run with other frames takes up every clip that was made
    before = {row["video_id"]: row["sha256"] for row in videos}
    (tmp_path / "program.py").write_text("raise SystemExit('made again')")
    run(tmp_path, "--rebuild", **blocks, frames={"count": 4})
    assert {row["video_id"]: row["sha256"] for row in table(root, "videos")} == before
