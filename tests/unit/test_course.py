"""A right drawn again by year, and the settling of its average: against its row of results, its kept paths, and figures made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import valued

import ipvalue as iv
from ipvalue.course import by_year, course, settling

RATE = valued.RATE


def result(folder: Path, table: pa.Table, steps: int = 1, **options: Any) -> iv.Result:
    """A portfolio valued into a directory, from files beside it."""
    pq.write_table(table, folder / "portfolio.parquet")
    (folder / "assumptions.toml").write_text(portfolios.ASSUMPTIONS)
    how = {"paths": 64, "workers": 1, "rows_per_task": 7, "precision": "double", **options}
    market = portfolios.market(steps)
    return iv.value(folder / "portfolio.parquet", market=market, assumptions=folder / "assumptions.toml", out=folder / "out", **how)


def quantiles(row: dict[str, Any]) -> list[float]:
    return [row[name] for name in ("q05", "q25", "q50", "q75", "q95")]


@pytest.mark.parametrize(("steps", "options"), [(1, {}), (4, {}), (1, {"sampler": "sobol"}), (1, {"tolerance": 0.2, "max_paths": 256})], ids=str)
def test_in_its_last_year_a_right_has_brought_what_its_row_says_and_its_years_add_up(tmp_path: Path, steps: int, options: dict[str, Any]) -> None:
    """Rights of every method and feature, and with several methods at once."""
    valued_rights = result(tmp_path, portfolios.methods_and_several(28, 6, seed=3), steps, **options)
    for row in valued_rights.assets.to_pylist():
        brought = by_year(valued_rights, row["asset_id"], cumulative=True)
        assert brought.mean[-1] == row["mean"]
        assert brought.quantiles[-1].tolist() == quantiles(row)
        assert brought.years.tolist() == list(range(1, len(brought.years) + 1))
        if options.get("sampler") == "sobol":
            continue  # there each year's mean is estimated by itself
        each = by_year(valued_rights, row["asset_id"], cumulative=False)
        scale = max(np.abs(each.mean).max(), 1.0)
        np.testing.assert_allclose(np.cumsum(each.mean), brought.mean, rtol=1e-12, atol=1e-9 * scale)


@pytest.mark.parametrize("steps", [1, 4])
def test_years_of_a_certain_right_by_hand(steps: int) -> None:
    """50 a year for two years and a half, of which the last brings half; a cost of 10 a year."""
    rows = [{**valued.ASSET, "life": 2.5, "annual_cost": 10.0}]
    found = by_year(valued.result(rows, valued.flat(steps=steps), paths=16), "one", cumulative=False)
    middles = [[(k + 0.5) / steps for k in range(year * steps, min((year + 1) * steps, round(2.5 * steps + 0.49)))] for year in range(3)]
    if steps == 1:
        middles[2] = [2.25]
    lengths = [1 / steps, 1 / steps, 0.5 if steps == 1 else 1 / steps]
    by_hand = [sum(40.0 * length / (1 + RATE) ** u for u in year) for year, length in zip(middles, lengths, strict=True)]
    np.testing.assert_allclose(found.mean, by_hand, rtol=1e-12)
    np.testing.assert_allclose(found.quantiles, np.repeat(np.array(by_hand)[:, None], 5, axis=1), rtol=1e-12)


def test_what_is_given_up_brings_its_salvage_in_that_year() -> None:
    """It costs more than it earns from the first year on, so it is given up at once, for 100 at the end of the first year."""
    row = {**valued.ASSET, "annual_cost": 80.0, "salvage": 100.0, "renewal": "optimal"}
    found = by_year(valued.result([row], paths=16), "one", cumulative=False)
    np.testing.assert_allclose(found.mean, [100.0 / (1 + RATE), 0.0, 0.0], rtol=1e-12)


def test_the_last_year_of_an_endless_right_says_so() -> None:
    row = {**valued.ASSET, "asset_id": "mark", "right_type": "trademark", "indefinite": True}
    assert by_year(valued.result([row], paths=16), "mark", cumulative=True).endless
    assert not by_year(valued.result([valued.ASSET], paths=16), "one", cumulative=True).endless


def test_averages_are_those_of_the_first_kept_paths(tmp_path: Path) -> None:
    found = result(tmp_path, portfolios.methods_and_several(14, 3, seed=4), paths=512, keep_paths=True)
    for row, values in zip(found.assets.to_pylist(), found.paths["values"].to_pylist(), strict=True):
        drawn = settling(found, row["asset_id"])
        assert drawn.paths[-1] == 512
        assert drawn.closed_form == row["closed_form"]
        for paths, mean, error in zip(drawn.paths, drawn.mean, drawn.standard_error, strict=True):
            first = np.array(values[:paths])
            scale = np.abs(first).max()
            assert mean == pytest.approx(first.mean(), rel=1e-12, abs=1e-12 * scale)
            assert error == pytest.approx(first.std(ddof=1) / np.sqrt(paths), rel=1e-7, abs=1e-9 * scale)


def test_under_sobol_the_error_is_that_of_sixteen_replicates(tmp_path: Path) -> None:
    found = result(tmp_path, portfolios.random_methods(7, seed=4), paths=512, keep_paths=True, sampler="sobol")
    for row, values in zip(found.assets.to_pylist(), found.paths["values"].to_pylist(), strict=True):
        drawn = settling(found, row["asset_id"])
        assert (drawn.paths % 16 == 0).all()
        for paths, error in zip(drawn.paths, drawn.standard_error, strict=True):
            replicates = np.array(values[:paths]).reshape(-1, 16).mean(axis=0)
            assert error == pytest.approx(replicates.std(ddof=1) / 4.0, rel=1e-9, abs=1e-9 * np.abs(replicates).max())


def test_under_a_tolerance_all_paths_of_the_right_are_drawn(tmp_path: Path) -> None:
    found = result(tmp_path, portfolios.random_portfolio(12, seed=5), tolerance=0.02, max_paths=512)
    rows = found.assets.to_pylist()
    assert {row["paths"] for row in rows} > {64}
    for row in rows:
        drawn = settling(found, row["asset_id"])
        assert drawn.paths[-1] == row["paths"]
        assert drawn.mean[-1] == pytest.approx(row["mean_raw"], rel=1e-12)


@iv.cash_rule
def halved(level, period):  # type: ignore[no-untyped-def]
    """Half of all sales."""
    return 0.5 * level


def test_a_right_that_earns_by_a_rule() -> None:
    found = valued.result([{**valued.ASSET, "volatility": 0.3}], paths=32, rule=halved)
    row = found.assets.to_pylist()[0]
    brought = by_year(found, "one", cumulative=True)
    assert brought.mean[-1] == row["mean"]
    assert brought.quantiles[-1].tolist() == quantiles(row)
    assert settling(found, "one").closed_form is None


def test_a_table_in_memory_is_read_again_and_must_be_the_same() -> None:
    table = pandas.DataFrame([valued.ASSET])
    found = iv.value(table, market=valued.flat(), paths=16)
    assert by_year(found, "one", cumulative=True).mean[-1] == found.assets["mean"][0].as_py()
    table["revenue"] *= 2
    with pytest.raises(iv.InputError, match=r"^table in memory: is not what it was when it was valued: value it again$"):
        by_year(found, "one", cumulative=True)


def test_a_table_that_the_result_does_not_have_cannot_be_read_again(tmp_path: Path) -> None:
    iv.value(pandas.DataFrame([valued.ASSET]), market=valued.flat(), paths=16, out=tmp_path / "out")
    with pytest.raises(iv.InputError, match=r"^table in memory: cannot be read again, for it was no file"):
        settling(iv.open_result(tmp_path / "out"), "one")


def test_a_right_that_is_not_there() -> None:
    found = valued.result([valued.ASSET, {**valued.ASSET, "asset_id": "bad", "revenue": -1.0}], paths=16)
    with pytest.raises(iv.InputError, match=r"there is no right 'One' in it: did you mean one\?$"):
        by_year(found, "One", cumulative=True)
    with pytest.raises(iv.InputError, match=r": bad was rejected \(.*row 1\): revenue is -1"):
        settling(found, "bad")


def test_a_portfolio_that_changed_is_refused(tmp_path: Path) -> None:
    found = result(tmp_path, portfolios.random_portfolio(3))
    pq.write_table(portfolios.random_portfolio(3, seed=2), tmp_path / "portfolio.parquet")
    with pytest.raises(iv.InputError, match="is not what it was when it was valued: put that file back in its place"):
        settling(found, found.assets["asset_id"][0].as_py())


def test_a_result_that_was_tampered_with_is_not_drawn(tmp_path: Path) -> None:
    result(tmp_path, portfolios.random_portfolio(3))
    part = tmp_path / "out" / "assets" / "part-00000.parquet"
    rows = pq.read_table(part)
    place = rows.schema.get_field_index("mean")
    pq.write_table(rows.set_column(place, rows.schema.field(place), pa.array([1.0] * rows.num_rows)), part)
    with pytest.raises(iv.RunError, match=r": mean is 1\.0, and comes out as .*: the result is not what its manifest says"):
        by_year(iv.open_result(tmp_path / "out"), rows["asset_id"][0].as_py(), cumulative=True)


@pytest.mark.parametrize(("steps", "options"), [(1, {}), (4, {"sampler": "sobol"})], ids=str)
def test_the_years_a_right_is_in_force_add_up_to_its_expected_life(tmp_path: Path, steps: int, options: dict[str, Any]) -> None:
    valued_rights = result(tmp_path, portfolios.methods_and_several(7, 3, seed=3), steps, **options)
    for row in valued_rights.assets.to_pylist():
        brought, found = course(valued_rights, row["asset_id"])
        assert brought.mean[-1] == row["mean"]
        assert found.years.tolist() == brought.years.tolist()
        assert ((found.held >= -1e-12) & (found.held <= 1.0 + 1e-12)).all()
        assert ((found.by_law >= 0.0) & (found.by_law <= 1.0 + 1e-12)).all()
        if found.held[-1] < 1.0:
            assert found.held[:-1].sum() <= row["expected_life"] + 1e-9 <= found.held.sum() + 2e-9


def test_a_right_is_in_force_by_its_hazard_and_for_less_where_its_owner_gives_it_up() -> None:
    """An eternal right whose hazard ends a tenth of it a year, of three years and a half: held alone, and with costs that do not pay."""
    rows = [
        {**valued.ASSET, "life": 3.5, "hazard": 0.1},
        {**valued.ASSET, "asset_id": "given up", "life": 3.5, "hazard": 0.1, "annual_cost": 60.0, "renewal": "optimal", "volatility": 0.5},
    ]
    found = valued.result(rows, valued.flat(), paths=4096)
    _, held = course(found, "one")
    by_hand = np.exp(-0.1 * np.array([1.0, 2.0, 3.0, 3.5]))
    np.testing.assert_allclose(held.by_law, by_hand, rtol=1e-12)
    np.testing.assert_allclose(held.held, by_hand, atol=4 * np.sqrt(0.25 / 4096))
    life = float((held.held * [1.0, 1.0, 1.0, 0.5]).sum())
    assert life == pytest.approx(found.assets["expected_life"][0].as_py(), rel=1e-12)
    _, given_up = course(found, "given up")
    np.testing.assert_allclose(given_up.by_law, by_hand, rtol=1e-12)
    assert (given_up.held < given_up.by_law - 0.1).all()
