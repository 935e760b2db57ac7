"""`--rule` and `rule=`: the same files whichever way, columns that only the rule knows, and the record."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.ipc as ipc
import pyarrow.parquet as pq
import pytest
from commandline import contents, run, table, value
from portfolios import market, random_portfolio

import ipvalue as iv

pytestmark = pytest.mark.usefixtures("here")

SOURCE = '''@ipvalue.cash_rule
def tiered(level, period, threshold):
    """5 % up to the threshold, 3 % above."""
    return FIRST * min(level, threshold) + 0.03 * max(level - threshold, 0.0)
'''


@pytest.fixture(autouse=True)
def written(here: Path) -> None:
    """royalties.py, and a portfolio whose column `threshold` no schema knows."""
    Path("royalties.py").write_text(f"import ipvalue\n\nFIRST = 0.05\n\n\n{SOURCE}")
    pq.write_table(with_threshold(), "p.parquet")


def with_threshold() -> pa.Table:
    rows = random_portfolio(40, seed=3)
    for name in ("renewal", "minimum_guarantee", "cap"):
        if name in rows.column_names:
            rows = rows.set_column(rows.schema.get_field_index(name), name, pa.nulls(len(rows), rows[name].type))
    return rows.append_column("threshold", pa.array([1e5 * (1 + i) for i in range(len(rows))]))


def valued(*options: object, out: str = "out", portfolio: str = "p.parquet", **more: Any) -> dict[str, bytes]:
    """The files of a run with the rule, but its manifest; nothing is warned about but what is doubtful in the rows."""
    ran = value(portfolio, "--market", "m.toml", "--rule", "royalties.py:tiered", *options, out=out, **more)
    assert ran.code == 0, ran
    assert "threshold" not in ran.err
    return {name: content for name, content in contents(out).items() if name != "manifest.json"}


@pytest.fixture(autouse=True)
def market_file(written: None) -> None:
    there = market()
    lines = [f'currency = "{there["currency"]}"', f"valuation_date = {there['valuation_date']}", f"steps_per_year = {there['steps_per_year']}"]
    for name, curve in there["curves"].items():
        lines += [f"[curves.{name}]", f"tenors = {list(curve['tenors'])}", f"rates = {list(curve['rates'])}"]
    lines += ["[fx]", *(f"{name} = {rate}" for name, rate in there["fx"].items())]
    correlation = [list(row) for row in there["factors"]["correlation"]]
    lines += ["[factors]", f"names = {list(there['factors']['names'])}", f"correlation = {correlation}"]
    Path("m.toml").write_text("\n".join(lines))


def test_the_manifest_records_the_rule() -> None:
    valued()
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["inputs"]["rule"] == {
        "name": "royalties.py:tiered",
        "sha256": hashlib.sha256(SOURCE.encode()).hexdigest(),
        "columns": ["threshold"],
    }
    assert manifest["options"]["rule"] == "royalties.py:tiered"
    assert manifest["options"]["backend"] == manifest["machine"]["backend"] == "numba"
    assert set(pq.read_table("out/assets")["closed_form"].to_pylist()) & {None} == {None}


def test_without_a_rule_the_manifest_has_none() -> None:
    assert value("p.parquet", "--market", "m.toml").code == 0
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert "rule" not in manifest["inputs"]
    assert manifest["options"]["rule"] is None


def test_a_column_that_the_rule_does_not_take_is_warned_about_as_ever() -> None:
    assert "column 'threshold' is not known and not read" in value("p.parquet", "--market", "m.toml").err


@pytest.mark.parametrize("options", [("--workers", 3), ("--workers", 1), ("--scheduler", "processes", "--workers", 2)])
def test_the_same_files_for_any_workers(options: tuple[object, ...]) -> None:
    first = valued("--group-by", "sector", "--keep-paths")
    assert valued("--group-by", "sector", "--keep-paths", *options, out="again") == first


def test_under_sobol_the_files_are_the_same_for_any_workers() -> None:
    first = valued("--sampler", "sobol", "--group-by", "sector", "--workers", 1)
    assert valued("--sampler", "sobol", "--group-by", "sector", "--workers", 3, out="again") == first
    rows = [row for row in pq.read_table("out/assets").to_pylist() if row["closed_form"] is None and row["standard_deviation"] > 0]
    assert np.median([row["standard_error"] / row["standard_deviation"] for row in rows]) < 0.2 / np.sqrt(64)


def test_python_gives_the_same_and_so_does_any_file() -> None:
    valued()
    expected = pq.read_table("out/assets")
    rows = with_threshold()
    with ipc.new_file("p.arrow", rows.schema) as writer:
        writer.write_table(rows)
    from_ipc, from_memory = (iv.value(one, market="m.toml", paths=64, rule="royalties.py:tiered").assets for one in ("p.arrow", rows))
    for found in (from_ipc, from_memory):
        assert found.sort_by("asset_id").equals(expected.sort_by("asset_id"))


def test_a_csv_file_has_the_columns_too() -> None:
    rows = table([{"asset_id": f"a{i}", "right_type": "trademark", "revenue": 1e6 * i, "life": 5.0, "threshold": 2.5e6} for i in range(1, 4)])
    pacsv.write_csv(rows, "p.csv")
    Path("none.toml").write_text("")  # nothing is filled
    valued("--assumptions", "none.toml", portfolio="p.csv")
    found = pq.read_table("out/assets")["mean"].to_pylist()
    assert found[2] / found[1] == pytest.approx((0.05 * 2.5 + 0.03 * 0.5) / (0.05 * 2.0), rel=1e-6)


def test_it_is_said_that_the_rule_is_compiled() -> None:
    ran = run("value", "p.parquet", "--market", "m.toml", "--rule", "royalties.py:tiered", "--paths", 64, "--out", "out")
    assert "ipvalue: compiling the rule tiered into the Numba kernels (some seconds)…" in ran.err.splitlines()
