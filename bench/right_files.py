"""Files of rights that whole runs are measured on, and the same rights ready for the kernel.

`reference`: the reference workload with every number spread over its range, as `ipvalue bench` values it. `cn_trademarks`: synthetic trademarks,
whose lives differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

import ipvalue
from ipvalue import speed
from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors
from ipvalue.compiled import compile_rows
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.market import load_market
from ipvalue.schema import Rejects
from ipvalue.simulate import Sampling, simulate
from ipvalue.stopping import add_boundaries
from workload import QUANTILES, TAIL

Kind = Literal["reference", "cn_trademarks"]
MARKET_FILE = Path(__file__).resolve().parents[1] / "examples" / "cn_trademarks" / "market.toml"
MARKETS: dict[Kind, Any] = {"reference": speed.MARKET, "cn_trademarks": MARKET_FILE}
ROWS_A_READ = 131_072


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


@dataclass(frozen=True)
class Ready:
    """The rights of a file as the kernel wants them, in chunks of a run's size, with what values them."""

    chunks: list[Vectors]
    values: Appraiser

    @property
    def path_years(self) -> int:
        """Paths times the periods, here years, of all rights."""
        return self.values.sampling.paths * sum(int(chunk.offset[-1]) for chunk in self.chunks)

    def simulate(self) -> None:
        """The kernel alone: all statistics of all rights."""
        for chunk in self.chunks:
            simulate(chunk, self.values.factors, self.values.sampling, None, None)


def ready(kind: Kind, path: Path, paths: int, spool: Path) -> Ready:
    """Reads a file of `written` into vectors, boundaries solved; ValueError where a row is rejected."""
    sampling = Sampling(paths, 1, "single", QUANTILES, TAIL)
    values = make_appraiser(load_market(MARKETS[kind]), load_assumptions("default"), sampling, "going_concern", False)
    portfolio, rejects, chunks = open_portfolio(path, spool), Rejects(), []
    duplicates, step = scan(portfolio).duplicates, values.chunk_rows
    for unit in portfolio.units(ROWS_A_READ):
        for batch, row, _ in read(unit, duplicates):
            for start in range(0, batch.num_rows, step):
                rows = values.rows(batch.slice(start, step), row[start : start + step], unit.display, rejects)
                chunks.append(compile_rows(rows, values.tables).vectors)
                add_boundaries(chunks[-1])
    if sum(len(chunk.step) for chunk in chunks) != portfolio.rows:
        raise ValueError(f"{path}: rows are rejected: {rejects.table().to_pylist()[:1]}")
    return Ready(chunks, values)
