"""How the dataset is cited, and the paper whose method it follows."""

import re

CITED = "VideoPrefer (Wu et al., NeurIPS 2024)"
PAPER = """@inproceedings{wu2024boosting,
  title     = {Boosting Text-to-Video Generative Model with {MLLMs} Feedback},
  author    = {Wu, Xun and Huang, Shaohan and Wang, Guolong and Xiong, Jing and Wei, Furu},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2024},
}"""


def citation(name: str, version: str) -> str:
    """A BibTeX entry of the set itself, by name and dataset version: whoever publishes it adds the
    address, the year and who they are."""
    key = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "dataset"
    title = " ".join(re.sub(r"[{}\\]", "", name).split())
    return (
        f"@misc{{{key}-{version},\n"
        f"  title = {{{{{title}}}}},\n"
        f"  note  = {{Dataset version {version}, made with videoprefer}},\n"
        "}"
    )
