"""What comes before and around the kernel, in rows: blanks filled, rows to vectors, boundaries; portfolios read from each format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from ipvalue.assumptions import fill, load_assumptions
from ipvalue.compiled import compile_rows
from ipvalue.intake import open_portfolio, read, scan
from ipvalue.schema import Rejects
from ipvalue.stopping import add_boundaries
from ipvalue.synthesize import synthesize
from measuring import FULL, Case, take_turns
from rights import FEATURES, appraiser, batch, vectors

ROWS = 65_536 if FULL else 8_192
BOUNDARIES = 512 if FULL else 128


def test_rows_to_vectors(benchmark: Any) -> None:
    """Each case starts from clean rows."""
    values, rows = appraiser(), batch(FEATURES["fees"], ROWS)
    book = load_assumptions("default")

    def compiled() -> None:
        compile_rows(values.rows(rows, np.arange(ROWS), "bench", Rejects()), values.tables)

    cases = {
        "blanks filled": Case(lambda: fill(rows, book), ROWS),
        "blanks filled, vectors made": Case(compiled, ROWS),
    }
    take_turns(benchmark, "rows to vectors", cases, unit="rows")


def test_boundaries(benchmark: Any) -> None:
    """The optimal stopping boundary of rights that may be abandoned, by years of life."""
    values, cases = appraiser(), {}
    for years in (5, 10, 20):
        given = vectors(batch({**FEATURES["boundary"], "life": years}, BOUNDARIES), values)
        cases[f"{years} years"] = Case(lambda given=given: add_boundaries(given), BOUNDARIES)
    take_turns(benchmark, "boundaries solved", cases, unit="rights", against="10 years")


@pytest.fixture(scope="module")
def portfolios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same synthetic rows as a file of each format."""
    folder = tmp_path_factory.mktemp("portfolios")
    paths = {name: folder / f"portfolio.{name}" for name in ("parquet", "arrow", "feather", "csv")}
    synthesize(ROWS, paths["parquet"])
    table = pq.read_table(paths["parquet"])
    with pa.ipc.new_file(paths["arrow"], table.schema) as ipc:
        ipc.write_table(table)
    pyarrow.feather.write_feather(table, paths["feather"], compression="lz4")
    pyarrow.csv.write_csv(table, paths["csv"])
    return paths


def test_intake(benchmark: Any, portfolios: dict[str, Path], tmp_path: Path) -> None:
    """Read, checked, and looked through for ids that occur twice, as a run does."""
    spool = tmp_path

    def taken_in(path: Path) -> None:
        portfolio = open_portfolio(path, spool)
        duplicates = scan(portfolio).duplicates
        for unit in portfolio.units(ROWS):
            assert sum(len(rows) for _, rows, _ in read(unit, duplicates)) == ROWS

    cases = {name: Case(lambda path=path: taken_in(path), ROWS) for name, path in portfolios.items()}
    take_turns(benchmark, "portfolios read by format (arrow: uncompressed IPC, feather: LZ4)", cases, unit="rows", against="parquet")
