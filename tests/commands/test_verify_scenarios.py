"""`ipvalue verify` of results of scenarios, sensitivities and indices."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import contents, row_with, run, table
from portfolios import ASSUMPTIONS, MARKET, methods_and_several

import ipvalue as iv

pytestmark = pytest.mark.usefixtures("here")

SHOCKS = {
    "scenario": [
        {"name": "royalties fall", "shock": [{"field": "royalty_rate", "multiply": 0.8}]},
        {"name": "rates rise", "shock": [{"curve": "all", "add": 0.01}]},
    ]
}


def stressed(**more: Any) -> None:
    """Two scenarios of four rights, one of which is rejected, in the directory `out`."""
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    options = {"market": "market.toml", "paths": 64, "group_by": ["sector"], "rows_per_task": 2, **more}
    iv.scenarios("portfolio.parquet", SHOCKS, out="out", **options)


def resealed(name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Changes a table of the result, and its hash in the manifest with it."""
    path, manifest = Path("out", name), json.loads(Path("out/manifest.json").read_text())
    pq.write_table(change(pq.read_table(path)), path)
    for entry in manifest["files"]:
        if entry["name"] == name:
            entry |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    Path("out/manifest.json").write_text(json.dumps(manifest))


def more_of(column: str, row: int) -> Callable[[pa.Table], pa.Table]:
    """A cell one bit, or one, larger."""

    def changed(found: pa.Table) -> pa.Table:
        cells, field = found[column].to_pylist(), found.schema.field(column)
        cells[row] = math.nextafter(cells[row], math.inf) if isinstance(cells[row], float) and column != "value" else cells[row] + 1
        return found.set_column(found.column_names.index(column), field, pa.array(cells, field.type))

    return changed


def test_scenarios_are_looked_through_and_nothing_is_written() -> None:
    stressed()
    before = contents()
    ran = run("verify", "out", columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert "counts  4 rows, 3 valued, 1 rejected, 2 parts" in ran.out
    assert "scenarios  3 with the base: added up on each of 64 paths, and described again in scenarios.parquet" in ran.out
    assert contents() == before


@pytest.mark.parametrize(
    "options",
    [{}, {"statistics": "mean"}, {"statistics": "batch-means"}, {"sampler": "sobol", "group_by": []}, {"precision": "double", "quantiles": ()}],
    ids=str,
)
def test_rights_are_valued_again_under_every_scenario(options: dict[str, Any]) -> None:
    Path("assumptions.toml").write_text(ASSUMPTIONS)
    pq.write_table(methods_and_several(14, 4, 7), "rights.parquet")
    shocks = {"scenario": [{"name": "growth", "shock": [{"field": "growth", "add": -0.01}]}, SHOCKS["scenario"][1]]}
    more = {"market": MARKET, "assumptions": "assumptions.toml", "paths": 64, "group_by": ["right_type"], **options}
    result = iv.scenarios("rights.parquet", shocks, out="out", **more)
    for name in sorted({*result.assets["asset_id"].to_pylist()})[::5]:
        found = iv.verify("out", asset=name)
        assert found.ok, found.problems
        assert found.checked[-1][1].startswith(f"{name} under 3 scenarios with the base")


@pytest.mark.parametrize(
    ("name", "column", "row", "said"),
    [
        ("scenarios.parquet", "mean", 4, "scenarios.parquet: mean of pharma under 'royalties fall' is"),
        ("scenarios.parquet", "difference_error", 3, "scenarios.parquet: difference_error of the whole under 'royalties fall' is"),
        ("scenarios.parquet", "value", 3, "scenarios.parquet: the whole under 'royalties fall' is not what its 3 rights add up to"),
        ("scenarios.parquet", "assets", 0, "scenarios.parquet: the whole under 'base' is not what its 3 rights add up to"),
        ("assets/part-00000.parquet", "value", 1, "scenarios.parquet: the whole under 'royalties fall' is not what its 3 rights add up to"),
    ],
)
def test_what_does_not_hang_together_is_found(name: str, column: str, row: int, said: str) -> None:
    stressed()
    resealed(name, more_of(column, row))
    ran = run("verify", "out")
    assert ran.code == 1
    assert said in ran.err


def test_sums_of_groups_that_are_not_those_of_the_whole() -> None:
    stressed()
    path, manifest = Path("out/totals.arrow"), json.loads(Path("out/manifest.json").read_text())
    opened = pa.ipc.open_file(path.read_bytes())
    batches = [opened.get_batch(i) for i in range(opened.num_record_batches)]
    values = batches[4]["value"].to_pylist()
    values[0] += 1
    batches[4] = batches[4].set_column(batches[4].schema.get_field_index("value"), "value", pa.array(values, pa.decimal128(38, 6)))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, opened.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    for entry in manifest["files"]:
        if entry["name"] == "totals.arrow":
            entry |= {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    Path("out/manifest.json").write_text(json.dumps(manifest))
    ran = run("verify", "out")
    assert ran.code == 1
    assert "totals.arrow: the sums of the whole under 'royalties fall' are not those of its groups" in ran.err


def test_a_figure_of_one_right_is_found_by_valuing_it_again() -> None:
    stressed()
    resealed("assets/part-00001.parquet", more_of("standard_deviation", 2))
    assert run("verify", "out").code == 0
    ran = run("verify", "out", "--asset", "r2")
    assert ran.code == 1
    assert ran.sentences[0].startswith("r2 under 'royalties fall': standard_deviation is")
    assert run("verify", "out", "--asset", "r3").code == 0


def test_a_share_of_the_rights_is_valued_again_under_every_scenario() -> None:
    stressed()
    ran = run("verify", "out", "--sample", 1, "--workers", 2, columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert "re-derived  3 rights under 3 scenarios with the base, a share of 1 by seed 1, with the C kernels" in ran.out
    assert "26 columns: all equal, to the bit" in ran.out
    shares = [iv.verify("out", sample=0.4, seed=seed).derived for seed in range(6)]
    assert len({*shares}) > 1
    resealed("assets/part-00001.parquet", more_of("difference_error", 2))
    ran = run("verify", "out", "--sample", 1)
    assert ran.code == 1
    assert ran.sentences[0].startswith("r2 under 'royalties fall': difference_error is")


def test_parts_that_changed_places_are_found_by_a_share() -> None:
    iv.scenarios("portfolio.parquet", SHOCKS, out="out", market="market.toml", paths=64, rows_per_task=2)
    kept = {name: pq.read_table(f"out/{name}") for name in ("assets/part-00000.parquet", "assets/part-00001.parquet")}
    for name, other in zip(kept, reversed(kept.values()), strict=True):
        resealed(name, lambda _, other=other: other)
    assert run("verify", "out").code == 0
    ran = run("verify", "out", "--sample", 1)
    assert ran.code == 1
    assert "r0 under 'base': has no row of results, and is valued when it is re-derived" in ran.err


def test_rows_of_a_part_in_another_order_are_found_by_a_share() -> None:
    stressed()
    resealed("assets/part-00001.parquet", lambda found: found.take([1, 0, 2, 3, 4, 5]))
    assert run("verify", "out").code == 0
    ran = run("verify", "out", "--sample", 1)
    assert ran.code == 1
    assert "r3 under 'base': rows of results stand in another order, or more than once" in ran.err


@pytest.mark.parametrize("backend", ["native", "numba"])
def test_sensitivities_are_made_again(backend: str) -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    terms = {"drivers": ["revenue", "volatility", "grant_lag", "discount"], "swings": {"revenue": 0.25}}
    iv.sensitivities("portfolio.parquet", market="market.toml", paths=64, group_by=["sector"], rows_per_task=2, out="out", **terms)
    found = iv.verify("out", sample=1.0, backend=backend)
    assert (found.problems, found.derived) == ((), 3)
    resealed("assets/part-00001.parquet", more_of("derivative", 3))
    assert run("verify", "out").code == 0
    for chosen in (("--sample", 1), ("--asset", "r2")):
        ran = run("verify", "out", *chosen)
        assert ran.code == 1
        assert ran.sentences[0].startswith("r2 by discount: derivative is")
    assert "r0, with the C kernels" in run("verify", "out", "--asset", "r0", columns=200).out


def test_other_steps_of_drivers_are_found() -> None:
    iv.sensitivities("portfolio.parquet", drivers=["volatility"], market="market.toml", paths=64, out="out")
    manifest = json.loads(Path("out/manifest.json").read_text())
    manifest["inputs"]["sensitivities"][0]["step"] = 0.5
    Path("out/manifest.json").write_text(json.dumps(manifest))
    ran = run("verify", "out", "--sample", 1)
    assert "its fingerprint is not that" in ran.err
    assert "r0 by volatility: sides is 'both', and comes out as 'up'" in ran.err


@pytest.mark.parametrize("wanted", [{"assets": ["r3", "r0", "r1"]}, {"sample": 0.7, "seed": 3}], ids=str)
def test_indices_are_made_again(wanted: dict[str, Any]) -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    result = iv.indices("portfolio.parquet", market="market.toml", paths=64, rows_per_task=2, out="out", **wanted)
    valued = {*result.indices["asset_id"].to_pylist()}
    found = iv.verify("out", sample=1.0)
    assert found.problems == ()
    assert found.derived == len(valued)
    name = max(valued)
    part = f"assets/part-{len(pq.ParquetDataset('out/assets').files) - 1:05d}.parquet"
    resealed(part, more_of("total_error", pq.read_table(f"out/{part}")["asset_id"].to_pylist().index(name)))
    assert "indices.parquet: does not hold what the parts hold" in run("verify", "out").err
    ran = run("verify", "out", "--asset", name)
    assert ran.code == 1
    assert f"{name} by survival: total_error is" in ran.err


def test_sensitivities_and_indices_are_looked_through() -> None:
    iv.sensitivities("portfolio.parquet", market="market.toml", paths=64, group_by=["sector"], out="out")
    ran = run("verify", "out")
    assert (ran.code, ran.err) == (0, "")
    assert "the ends of each bar" in ran.out
    resealed("tornado.parquet", lambda found: found.set_column(found.column_names.index("low"), "low", pa.array([1.0] * found.num_rows)))
    ran = run("verify", "out")
    assert ran.code == 1
    assert "tornado.parquet: low of " in ran.err
    iv.indices("portfolio.parquet", assets=["r0", "r2"], market="market.toml", paths=64, out="picked")
    ran = run("verify", "picked")
    assert (ran.code, ran.err) == (0, "")
    Path("picked/indices.parquet").write_bytes(b"no")
    assert run("verify", "picked").code == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--asset", "r9"), "out: there is no right 'r9' in it"),
        (("--asset", "r1"), "out: r1 was rejected (portfolio.parquet, row 1)"),
        (("--loan", "r0"), "out: is a result of ipvalue scenarios, of which nothing can be re-derived by loan: give asset or sample"),
    ],
)
def test_what_cannot_be_re_derived_is_refused(words: tuple[Any, ...], sentence: str) -> None:
    stressed()
    ran = run("verify", "out", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith(sentence)
