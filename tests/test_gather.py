"""Several sources in one run: prompts that agree, clips named once, prompts that have none."""

from pathlib import Path

import pytest
import yaml

from pipeline.config import load_config
from pipeline.plan import Plan, make_plan
from pipeline.sources.base import Found, SourceSpec
from pipeline.sources.gather import gather
from schemas import Prompt
from schemas.ids import prompt_id
from schemas.options import SetupError

HEADER = "prompt,generator,video"


def plan(folder: Path, *tables: str, **blocks: object) -> Plan:
    """A plan of manifests ``0.csv``, ``1.csv``, ...; ``blocks`` may add prompts (``texts``) without
    clips, options of every manifest (``options``), and keys of the configuration."""
    texts, options = blocks.pop("texts", ""), blocks.pop("options", {})
    sources = []
    for number, rows in enumerate(tables):
        (folder / f"{number}.csv").write_text(rows)
        sources.append({"kind": "manifest", "path": f"{number}.csv", **options})  # type: ignore[dict-item]
    for name in "abc":
        (folder / f"{name}.mp4").write_bytes(name.encode())
    if texts:
        (folder / "texts.txt").write_text(str(texts))
        sources.append({"kind": "prompts", "path": "texts.txt"})
    config = {"sources": sources, "annotators": [{"kind": "signal"}], **blocks}
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    return make_plan(load_config(str(folder / "c.yaml")))


def refusal(folder: Path, *tables: str, **blocks: object) -> str:
    with pytest.raises(SetupError) as caught:
        plan(folder, *tables, **blocks)
    return str(caught.value)


def test_a_clip_that_two_sources_name_is_refused_with_both(tmp_path: Path) -> None:
    message = refusal(tmp_path, f"{HEADER}\np,A,a.mp4\n", f"{HEADER}\np,B,b.mp4\np,A,a.mp4\n")
    assert message.startswith("sources.1 (1.csv): the clip ")
    assert "of 'A' for 'p' is already in sources.0 (0.csv)" in message
    assert f"{tmp_path}/a.mp4; take it out of one of the two" in message


def test_one_prompt_id_with_two_texts_names_both_sources(tmp_path: Path) -> None:
    header = f"prompt_id,{HEADER}\n"
    message = refusal(tmp_path, f"{header}x,p,A,a.mp4\n", f"{header}x,q,A,b.mp4\n")
    assert message.startswith(
        "sources.1 (1.csv): prompt_id 'x' stands for 'q', in sources.0 (0.csv)"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_split_that_one_source_states_holds_for_the_others(tmp_path: Path, order: int) -> None:
    tables = [f"{HEADER},split\np,A,a.mp4,test\n", f"{HEADER}\np,B,b.mp4\n"]
    made = plan(tmp_path, *tables[::order])
    assert [(p.prompt_id, p.split) for p in made.prompts] == [(prompt_id("p"), "test")]
    assert len(made.clips) == 2


def test_two_sources_that_put_a_prompt_into_two_splits(tmp_path: Path) -> None:
    tables = f"{HEADER},split\np,A,a.mp4,test\n", f"{HEADER},split\np,B,b.mp4,train\n"
    assert "a prompt belongs to one split" in refusal(tmp_path, *tables)
    other = f"prompt_id,{HEADER},split\nx,p,B,b.mp4,train\n"  # the same words under another id
    message = refusal(tmp_path, tables[0], other)
    assert "(0.csv) and 'x' (1.csv) have the same words" in message


def test_two_runs_that_disagree_about_a_prompt_the_first_counts() -> None:
    class Run(SourceSpec):
        splits: dict[str, str | None]

        def read(self) -> Found:
            prompts = [Prompt(prompt_id=name, text=f"t {name}", source="r") for name in self.splits]
            return Found(prompts=prompts, settled=self.splits)

    first, second = {"p": "train", "q": None}, {"p": "test", "q": "test", "r": "test"}
    found = gather([Run(kind="run", splits=first), Run(kind="run", splits=second)])
    assert found.settled == {"p": "train", "q": None, "r": "test"}
    (note,) = found.notes
    assert note == (
        "sources: 2 prompts stand where the first of two runs has it, such as 'p', train in sources.0 and "
        "test in sources.1"
    )
    one = gather([Run(kind="run", splits=second, limit=1)])
    assert list(one.settled) == [p.prompt_id for p in one.prompts]


def test_prompts_without_clips_are_told(tmp_path: Path) -> None:
    made = plan(tmp_path, f"{HEADER}\np,A,a.mp4\n", texts="q\nr\np\n")
    (note,) = made.notes
    assert note.startswith("2 of 3 prompts have no clip")
    assert "of texts.txt; add `generators:` to make clips" in note
    assert not plan(tmp_path, f"{HEADER}\np,A,a.mp4\n").notes


def test_no_clip_at_all_is_refused_with_the_reason(tmp_path: Path) -> None:
    assert "1 prompts, and no clips (no source names one)" in refusal(tmp_path, texts="q\n")
    left_out = refusal(tmp_path, f"{HEADER}\np,A,no.mp4\n", options={"missing": "leave_out"})
    assert f"no clips (0.csv: 1 of 1 clips are not there: row 2: {tmp_path}/no.mp4)" in left_out


def test_a_limit_that_leaves_no_clip_is_named(tmp_path: Path) -> None:
    texts = "".join(f"text {i}\n" for i in range(200))  # p is the first by hash in one of 201 cases
    message = refusal(tmp_path, f"{HEADER}\np,A,a.mp4\n", texts=texts, limit=1)
    assert "none of the prompts that limit: 1 chose has one; raise it" in message


def test_one_file_by_two_names_is_told(tmp_path: Path) -> None:
    """Two spellings make two ids; two prompts or generators may share a file without a word."""
    made = plan(
        tmp_path, f"{HEADER}\np,A,a.mp4\np,B,b.mp4\nq,A,a.mp4\n", f"{HEADER}\np,A,./a.mp4\n"
    )
    (note,) = made.notes
    assert note.startswith("1 files are named more than once for the same prompt and generator")
    assert note.endswith(f"such as {tmp_path}/a.mp4 in sources.0 (0.csv) and sources.1 (1.csv)")
    assert len(made.clips) == 4
