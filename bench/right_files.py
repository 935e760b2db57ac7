"""Files of rights that whole runs are measured on, and the same rights ready for the kernel, which is called as a run calls it.

`reference`: the reference workload with every number spread over its range, as `ipvalue bench` values it. `cn_trademarks`: synthetic trademarks,
whose lives differ.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

import ipvalue
from ipvalue import speed
from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors, take
from ipvalue.compiled import compile_rows
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.job import make_job
from ipvalue.market import load_market
from ipvalue.schema import Rejects
from ipvalue.simulate import simulate
from ipvalue.stopping import add_boundaries
from ipvalue.totals import Totals
from workload import QUANTILES, TAIL

Kind = Literal["reference", "cn_trademarks"]
MARKET_FILE = Path(__file__).resolve().parents[1] / "examples" / "cn_trademarks" / "market.toml"
MARKETS: dict[Kind, Any] = {"reference": speed.MARKET, "cn_trademarks": MARKET_FILE}


def written(kind: Kind, assets: int, folder: Path) -> Path:
    """A file of so many rights, made once."""
    path = folder / f"{kind}-{assets}.parquet"
    if path.exists():
        return path
    if kind == "reference":
        pq.write_table(speed.made_up(assets), path)
    else:
        ipvalue.synthesize(assets, path, kind)
    return path


def market_file(kind: Kind, folder: Path) -> Path:
    """The market of a kind of rights as a file."""
    if kind != "reference":
        return MARKET_FILE
    market, path = MARKETS[kind], folder / "market.toml"
    lines = [f'currency = "{market["currency"]}"', f"valuation_date = {market['valuation_date']}"]
    for name, content in (("curves.CNY", market["curves"]["CNY"]), ("factors", market["factors"])):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(entries)}" for key, entries in content.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


def versions(vectors: Vectors, count: int) -> Vectors:
    """Each right in so many versions with incomes of their own, the first as it is. Boundaries are not solved."""
    found = take(vectors, np.repeat(np.arange(len(vectors.hash)), count))
    found.w[:] *= np.repeat(1.0 + 0.001 * np.tile(np.arange(count), len(vectors.hash)), np.diff(found.offset))
    return found


@dataclass(frozen=True)
class Ready:
    """The rights of a file as the kernel wants them, in a run's own chunks: vectors and groups; what values them, and the totals they go into."""

    chunks: list[tuple[Vectors, npt.NDArray[np.int32]]]
    values: Appraiser
    totals: Totals

    @property
    def path_years(self) -> int:
        """Paths times the periods, here years, of all rights."""
        return self.values.sampling.paths * sum(int(vectors.offset[-1]) for vectors, _ in self.chunks)

    def simulate(self) -> None:
        """The kernel alone: all statistics of all rights, and their path values added to the exact totals, as a run has them."""
        for vectors, group in self.chunks:
            simulate(vectors, self.values.factors, self.values.sampling, group, self.totals)


def ready(kind: Kind, path: Path, paths: int, spool: Path) -> Ready:
    """Reads a file of `written` into vectors, boundaries solved; ValueError where a row is rejected."""
    job = make_job({"paths": paths, "quantiles": QUANTILES, "tail": TAIL})
    market = load_market(MARKETS[kind])
    values = make_appraiser(market, load_assumptions("default"), job.sampling, job.premise, job.keep_paths)
    portfolio, rejects, chunks, totals = open_portfolio(path, spool), Rejects(), [], values.new_totals(job.group_by)
    duplicates, step = scan(portfolio).duplicates, values.chunk_rows
    for unit in portfolio.units(job.task_rows(portfolio.rows, market.steps_per_year)):
        for batch, row, _ in read(unit, duplicates):
            for start in range(0, batch.num_rows, step):
                rows = values.rows(batch.slice(start, step), row[start : start + step], unit.display, rejects)
                vectors = compile_rows(rows, values.tables).vectors
                add_boundaries(vectors)
                chunks.append((vectors, totals.groups_of(rows.batch)))
    if sum(len(group) for _, group in chunks) != portfolio.rows:
        raise ValueError(f"{path}: rows are rejected: {rejects.table().to_pylist()[:1]}")
    return Ready(chunks, values, totals)
