"""The same work written directly for a library of tables: scores, consensus, pairs, Parquet.

What each needs of the data is read, all of it at once, and what is asked is said in the library's own
words. None of them hashes with SHA-256, so ids and sides of pairs come from `hashlib` here, too. None
checks a row or keeps books, and a clip that an annotator failed on would need a rule that is left out.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tables_data import Size, prompts_and_clips

from schemas import CONSENSUS, OVERALL, SPLITS

COLUMNS = ["video_id", "dimension", "annotator_id", "prompt_id", "generator", "score"]


def main() -> None:
    """Arguments: the library, the data, where the tables shall be, and the size as JSON."""
    library, data, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    size = Size(**json.loads(sys.argv[4]))
    prompts = [(p.prompt_id, p.text, p.split) for p in prompts_and_clips(size)[0]]
    files = sorted((data / "annotate").glob("wave-*/annotations/*.parquet"))
    for table in ("scores", *(f"preferences/{split}" for split in SPLITS)):
        (out / "tables" / table).mkdir(parents=True)
    work: Callable[..., dict[str, int]] = {"pyarrow": in_pyarrow, "polars": in_polars}[library]
    start = time.perf_counter()
    rows = work(files, prompts, out / "tables")
    print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows}))


def _keys(one: list[str], other: list[str], dimension: list[str]) -> tuple[list[str], list[bool]]:
    """pair_id of sorted video ids, and whether the first of them is side a."""
    sha256 = hashlib.sha256
    ids = [
        sha256(f"{a}\n{b}\n{d}".encode()).hexdigest()[:16] for a, b, d in zip(one, other, dimension)
    ]
    half = "8" + "0" * 12  # of 13 hexadecimal digits
    return ids, [sha256(f"side\n{key}".encode()).hexdigest()[:13] < half for key in ids]


def in_pyarrow(files: list[Path], prompts: list[tuple[Any, ...]], out: Path) -> dict[str, int]:
    """Acero's groups and joins."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    def renamed(table: pa.Table, **names: str) -> pa.Table:
        return table.rename_columns([names.get(name, name) for name in table.column_names])

    def constant(table: pa.Table, name: str, value: Any) -> pa.Table:
        return table.append_column(name, pa.array([value] * len(table)))

    sd = pc.VarianceOptions(ddof=1)
    names = [
        "video_id",
        "dimension",
        "annotator_id",
        "prompt_id",
        "generator",
        "mean",
        "spread",
        "n",
    ]
    said = ds.dataset(files).to_table(columns=COLUMNS)
    own = said.group_by(COLUMNS[:5]).aggregate(
        [("score", "mean"), ("score", "stddev", sd), ("score", "count")]
    )
    own = renamed(own, score_mean="mean", score_stddev="spread", score_count="n")
    del said
    together = own.group_by(["video_id", "dimension", "prompt_id", "generator"]).aggregate(
        [("mean", "mean"), ("mean", "stddev", sd), ("n", "sum")]
    )
    together = renamed(together, mean_mean="mean", mean_stddev="spread", n_sum="n")
    together = constant(together, "annotator_id", CONSENSUS)
    both = pa.concat_tables([own.select(names), together.select(names)])
    overall = both.group_by(["video_id", "annotator_id", "prompt_id", "generator"]).aggregate(
        [("mean", "mean"), ("n", "sum")]
    )
    overall = constant(renamed(overall, mean_mean="mean", n_sum="n"), "dimension", OVERALL)
    overall = overall.append_column("spread", pa.nulls(len(overall), pa.float64()))
    scores = pa.concat_tables([both, overall.select(names)])
    scores = scores.sort_by([(name, "ascending") for name in names[:3]])
    pq.write_table(scores, out / "scores/0.parquet", compression="zstd")
    known = scores.filter(pc.equal(scores["annotator_id"], CONSENSUS))
    known = known.select(["prompt_id", "dimension", "video_id", "generator", "mean", "n"])
    pairs = known.join(
        known, ["prompt_id", "dimension"], join_type="inner", left_suffix="_1", right_suffix="_2"
    )
    pairs = pairs.filter(pc.less(pairs["video_id_1"], pairs["video_id_2"]))
    sides = [pairs[name].to_pylist() for name in ("video_id_1", "video_id_2", "dimension")]
    ids, first = _keys(*sides)
    heads = pa.array(first)
    columns: dict[str, Any] = {"pair_id": ids, "prompt_id": pairs["prompt_id"]}
    columns["dimension"] = pairs["dimension"]
    for name in ("video_id", "generator", "mean", "n"):
        one, other = pairs[f"{name}_1"], pairs[f"{name}_2"]
        columns[f"{name}_a"] = pc.if_else(heads, one, other)
        columns[f"{name}_b"] = pc.if_else(heads, other, one)
    margin = pc.round(pc.subtract(columns["mean_a"], columns["mean_b"]), 9)
    label = pc.if_else(pc.equal(margin, 0), "tie", pc.if_else(pc.greater(margin, 0), "a", "b"))
    table = pa.table({**columns, "label": label, "margin": margin})
    texts = pa.table(dict(zip(("prompt_id", "prompt", "split"), zip(*prompts))))
    table = table.join(texts, "prompt_id", join_type="inner").sort_by("pair_id")
    for split in SPLITS:
        part = table.filter(pc.equal(table["split"], split))
        pq.write_table(part, out / f"preferences/{split}/0.parquet", compression="zstd")
    return {"scores": len(scores), "preferences": len(table)}


def in_polars(files: list[Path], prompts: list[tuple[Any, ...]], out: Path) -> dict[str, int]:
    """Lazy frames up to the pairs."""
    import polars as pl

    names = [
        "video_id",
        "dimension",
        "annotator_id",
        "prompt_id",
        "generator",
        "mean",
        "spread",
        "n",
    ]
    mean = pl.col("mean").mean()
    n = pl.col("n").sum()
    own = (
        pl.scan_parquet(files)
        .group_by(COLUMNS[:5])
        .agg(mean=pl.col("score").mean(), spread=pl.col("score").std(), n=pl.len().cast(pl.Int64))
    )
    together = own.group_by("video_id", "dimension", "prompt_id", "generator").agg(
        spread=pl.col("mean").std(), mean=mean, n=n
    )
    together = together.with_columns(annotator_id=pl.lit(CONSENSUS)).select(names)
    both = pl.concat([own.select(names), together])
    overall = both.group_by("video_id", "annotator_id", "prompt_id", "generator").agg(
        mean=mean, n=n
    )
    overall = overall.with_columns(
        dimension=pl.lit(OVERALL), spread=pl.lit(None, dtype=pl.Float64)
    ).select(names)
    scores = pl.concat([both, overall]).sort(names[:3]).collect()
    scores.write_parquet(out / "scores/0.parquet", compression="zstd")
    known = scores.lazy().filter(annotator_id=CONSENSUS)
    known = known.select("prompt_id", "dimension", "video_id", "generator", "mean", "n")
    pairs = known.join(known, on=["prompt_id", "dimension"], suffix="_2")
    pairs = pairs.filter(pl.col("video_id") < pl.col("video_id_2")).collect()
    sides = [pairs[name].to_list() for name in ("video_id", "video_id_2", "dimension")]
    ids, first = _keys(*sides)
    heads = pl.lit(pl.Series(first))
    swapped = {
        f"{name}_{side}": pl.when(heads if side == "a" else ~heads)
        .then(pl.col(name))
        .otherwise(pl.col(f"{name}_2"))
        for name in ("video_id", "generator", "mean", "n")
        for side in "ab"
    }
    table = pairs.select(
        pl.Series("pair_id", ids), "prompt_id", "dimension", **swapped
    ).with_columns(margin=(pl.col("mean_a") - pl.col("mean_b")).round(9))
    label = pl.when(pl.col("margin") == 0).then(pl.lit("tie"))
    label = label.when(pl.col("margin") > 0).then(pl.lit("a")).otherwise(pl.lit("b"))
    texts = pl.DataFrame(prompts, schema=["prompt_id", "prompt", "split"], orient="row")
    table = table.with_columns(label=label).join(texts, on="prompt_id").sort("pair_id")
    for split in SPLITS:
        part = table.filter(split=split)
        part.write_parquet(out / f"preferences/{split}/0.parquet", compression="zstd")
    return {"scores": len(scores), "preferences": len(table)}


if __name__ == "__main__":
    main()
