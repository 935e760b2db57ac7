"""`ipvalue verify` of a book with a pool: what tranches lose on every path, what is said of them, loans made again; and what was done to a result."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pooled_book
import pyarrow as pa
import pytest
from commandline import here, run
from resealed import resealed, with_cell

import ipvalue as iv

__all__ = ["here"]

LIMITS = {"top": [0.0005, 0.0015], "low": [1.0]}
Change = Callable[[pa.Table], pa.Table]


@pytest.fixture
def result(here: Path) -> None:
    pooled_book.write()
    iv.lend("loans.parquet", "portfolio.parquet", market="market.toml", pool="pool.toml", tranche_ratings={"rating": LIMITS}, paths=200, out="out")


@pytest.mark.usefixtures("result")
def test_tranches_are_looked_at_and_loans_are_re_derived() -> None:
    ran = run("verify", "out", columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].strip() == "files  7 listed, 7 beside manifest.json; sizes and SHA-256 of all"
    assert "tranches  3: with excess spread and reserve added up to the pool on each of 200 paths, and described again in tranches.parquet" in ran.out
    assert "columns: all equal, to the bit" in run("verify", "out", "--loan", "L4", columns=200).out  # it has a covenant
    assert iv.verify("out", sample=1.0).ok


def test_under_sobol_and_by_other_kernels(here: Path) -> None:
    pooled_book.write()
    pool = {"pool": {"bearer": "all", "principal": "pro_rata"}, "tranche": [{"name": "a", "size": 0.7}, {"name": "b", "size": 0.3}]}
    iv.lend("loans.parquet", "portfolio.parquet", market="market.toml", pool=pool, paths=64, sampler="sobol", out="out")
    assert iv.verify("out", loan="L0", backend="numba").ok


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("tranche_losses.arrow", with_cell("loss", 3, lambda one: one + Decimal(1)), "reserve lose on path 3 is not what the pool loses"),
        ("tranche_losses.arrow", with_cell("loss", 3, lambda one: one - Decimal(10) ** 9), "does not hold the 200 paths of senior"),
        ("tranche_losses.arrow", with_cell("unpaid_coupon", 3, lambda one: one + Decimal(1)), "unpaid_coupon of senior is"),
        ("tranche_losses.arrow", with_cell("tranche", 0, lambda _: "junior"), "does not hold the 200 paths of senior where they should be"),
        ("tranches.parquet", with_cell("var_99", 3, lambda one: one + 1.0), "tranches.parquet: var_99 of pool is"),
        ("tranches.parquet", with_cell("expected_loss", 2, lambda one: math.nextafter(one, 1.0)), "tranches.parquet: expected_loss of junior is"),
        ("tranches.parquet", with_cell("coupon", 1, lambda _: 0.05), "tranches.parquet: coupon of mezzanine is 0.05, and comes out as 0.04"),
        ("tranches.parquet", with_cell("rating", 2, lambda _: "top"), "tranches.parquet: rating of junior is 'top', and comes out as 'low'"),
        ("tranches.parquet", with_cell("size", 3, lambda one: one + 1.0), "the sizes of the tranches do not add up to that of the pool"),
        ("tranches.parquet", lambda found: found.slice(1), "tranches.parquet: has not a row for each tranche"),
    ],
)
@pytest.mark.usefixtures("result")
def test_what_does_not_hang_together_is_found(name: str, change: Change, said: str) -> None:
    resealed(name, change)
    ran = run("verify", "out")
    assert ran.code == 1
    assert said in ran.err


@pytest.mark.usefixtures("result")
def test_a_pool_of_other_loans_is_found_by_re_deriving() -> None:
    """The same pool file over other loans: nothing of it shows in the directory."""
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert [row["size"] for row in iv.open_loans("out").tranches.to_pylist() if row["tranche"] == "pool"] == [2e5 * 16]
    manifest["inputs"]["loans"]["pool"]["pool"]["where"] = "programme == 'zhongshan'"
    Path("out/manifest.json").write_text(json.dumps(manifest))
    assert "size of pool is 3200000.0, and comes out as 1600000.0" in run("verify", "out", "--loan", "L0").err


@pytest.mark.usefixtures("result")
def test_a_table_of_tranches_that_is_gone() -> None:
    Path("out/tranches.parquet").unlink()
    ran = run("verify", "out")
    assert ran.code == 1
    assert "tranches.parquet: is missing" in ran.err
