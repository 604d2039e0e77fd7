"""HPS v2 as its authors publish it (open_clip) made a folder that kind `embedding` and VideoRM load.

    .venv/bin/python scripts/convert_hps.py HPS_v2_compressed.pt models/hps-v2

The file is read as weights alone and written as safetensors. Shape, tokenizer and image processor come from
the CLIP model it was trained from, which is fetched from the hub unless --base names a folder.
"""

import argparse
import sys
from pathlib import Path

from annotators.embedding.convert import convert_open_clip
from schemas.options import SetupError

BASE = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"


def main() -> int:
    """0 when the folder is written, 2 where the weights are refused."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("checkpoint", type=Path)
    p.add_argument("folder", type=Path)
    p.add_argument("--base", default=BASE, help=f"a name on the hub or a folder; default: {BASE}")
    given = p.parse_args()
    if not given.checkpoint.is_file():
        print(f"refused: {given.checkpoint}: no such file", file=sys.stderr)
        return 2
    try:
        convert_open_clip(given.checkpoint, given.base, given.folder)
    except SetupError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    print(
        f"{given.folder}: name it as `model:` of {{kind: embedding, metric: hps_v2}}, or as `trunk:` of "
        "`videorm:`"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
