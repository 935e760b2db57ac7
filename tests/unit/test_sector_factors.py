"""Factors from a panel: correlations shrunk and repaired, loadings, and what cannot be told."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import panels
import pyarrow as pa
import pytest
from valued import flat

import ipvalue as iv
from ipvalue.calibrate import factors
from ipvalue.calibrate.correlation import fisher_interval, nearest_correlation, pairwise
from ipvalue.schema import InputError

pytest.importorskip("sklearn")


def growths(**sectors: list[float | None]) -> pa.Table:
    rows = [(name, 2000 + t, value) for name, values in sectors.items() for t, value in enumerate(values) if value is not None]
    return panels.columns(rows, "sector", "year", "growth")


A, B, C = [0.1, -0.2, 0.3, 0.0, 0.05, 0.2], [0.2, -0.1, 0.2, 0.1, -0.1, 0.15], [-0.1, 0.1, 0.0, 0.3, -0.2, 0.1]


def test_correlation_is_pearsons_drawn_to_0_as_ledoit_and_wolf_draw_it() -> None:
    from sklearn.covariance import ledoit_wolf

    pair = factors(growths(a=A, b=B)).table.to_pylist()[0]
    logs = np.log1p(np.array([A, B])).T
    sample = np.corrcoef(logs.T)[0, 1]
    shrunk, _ = ledoit_wolf((logs - logs.mean(axis=0)) / logs.std(axis=0))
    assert (pair["sector_a"], pair["sector_b"], pair["years"]) == ("b", "a", 6)
    assert pair["sample"] == pytest.approx(sample)
    assert pair["correlation"] == pytest.approx(shrunk[0, 1] / shrunk[0, 0], abs=1e-6)
    assert abs(pair["correlation"]) < abs(sample)
    assert pair["correlation_high"] == pytest.approx(np.tanh(np.arctanh(sample) + 1.959964 / np.sqrt(3)), abs=1e-6)


def test_what_is_written_is_a_market_that_can_be_read() -> None:
    found = factors(panels.growths(1))
    assert found.toml is not None
    written = tomllib.loads(found.toml)
    market = iv.load_market(flat(**written))
    assert market.factors.names == ("s0", "s1", "s2")
    pair = found.table.to_pylist()[0]
    assert market.factors.correlation[1][0] == pair["correlation"]


def test_sectors_with_gaps_are_correlated_over_the_years_they_share() -> None:
    found = factors(growths(a=[*A, 0.3], b=[*B, None], c=[*C, 0.4]))
    years = {(row["sector_a"], row["sector_b"]): row["years"] for row in found.table.to_pylist()}
    assert years == {("b", "a"): 6, ("c", "a"): 7, ("c", "b"): 6}
    assert any("1 sector-years are not known" in doubt for doubt in found.doubts)


def test_no_order_of_rows_changes_anything() -> None:
    table = panels.sector_panel(2)
    turned = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    one, other = factors(table), factors(turned)
    assert one.toml == other.toml
    assert one.others["by right"].equals(other.others["by right"])


def test_loadings_are_made_up_for_what_is_not_common() -> None:
    """Many years: the loading itself, not the regression's slope on a noisy mean of four others, which is a third lower."""
    found = factors(panels.sector_panel(1, rights=5, years=400, loading=0.5))
    by_sector = found.others["by sector"].to_pylist()
    assert all(row["factor_loading"] == pytest.approx(0.5, abs=0.06) for row in by_sector)
    loadings = found.others["by right"]["factor_loading"].to_numpy()
    assert loadings.mean() == pytest.approx(0.5, abs=0.04)
    assert [row["reliability"] for row in by_sector] == pytest.approx([0.25 / (0.25 + 0.75 / 5)] * 3, abs=0.06)
    pairs = {(row["sector_a"], row["sector_b"]): row["correlation"] for row in found.table.to_pylist()}
    assert pairs["s1", "s0"] == pytest.approx(0.4, abs=0.15)


def test_sectors_without_common_movement_are_doubted_and_not_correlated() -> None:
    found = factors(panels.sector_panel(6, loading=0.0))
    still = [row["sector"] for row in found.others["by sector"].to_pylist() if row["factor_loading"] == 0.0]
    assert still
    for row in found.table.to_pylist():
        if row["sector_a"] in still or row["sector_b"] in still:
            assert (row["correlation"], row["correlation_low"], row["correlation_high"]) == (0.0, -1.0, 1.0)
    assert any(f"sector {still[0]}: its rights show no common movement" in doubt for doubt in found.doubts)
    loadings = found.others["by right"].filter(pa.compute.equal(found.others["by right"]["sector"], still[0]))
    assert loadings["factor_loading"].null_count == loadings.num_rows


def test_loadings_go_into_a_portfolio() -> None:
    found = factors(panels.sector_panel(1))
    into = found.into(pa.table({"asset_id": ["s1a002"]}))
    assert into["factor_loading"].to_pylist() == [
        row["factor_loading"] for row in found.others["by right"].to_pylist() if row["asset_id"] == "s1a002"
    ]
    with pytest.raises(InputError, match=r"belongs into market.toml"):
        factors(panels.growths(1)).into(pa.table({"asset_id": ["x"]}))


def test_highams_example_is_repaired_as_he_does() -> None:
    """Higham (2002), section 4: the matrix nearest to [[1, 1, 0], [1, 1, 1], [0, 1, 1]]."""
    found = nearest_correlation(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]))
    assert found[0, 1] == pytest.approx(0.7607, abs=1e-4)
    assert found[0, 2] == pytest.approx(0.1573, abs=1e-4)


def test_a_correlation_matrix_is_left_as_it_is() -> None:
    matrix = np.array(panels.CORRELATION)
    assert nearest_correlation(matrix) == pytest.approx(matrix, abs=1e-12)


def test_any_repaired_matrix_is_semidefinite_to_its_written_digits() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        n = int(rng.integers(2, 12))
        raw = rng.uniform(-1, 1, (n, n))
        matrix = (raw + raw.T) / 2
        np.fill_diagonal(matrix, 1.0)
        names = [f"f{i}" for i in range(n)]
        rounded = np.round(nearest_correlation(matrix), 6)
        iv.load_market(flat(factors={"names": names, "correlation": rounded.tolist()}))


def test_correlations_of_few_years_have_no_interval() -> None:
    low, high = fisher_interval(np.array([0.5, 0.5]), np.array([3, 4]))
    assert np.isnan(low[0])
    assert np.isnan(high[0])
    assert low[1] < 0.5 < high[1]
    correlation, years = pairwise(np.array([[1.0, np.nan], [np.nan, 2.0]]))
    assert np.isnan(correlation[0, 1])
    assert years[0, 1] == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (growths(a=A, b=[0.1] * 6), "table of sectors, row 6 (b): growth of 'b' is the same every year: leave it out"),
        (growths(a=A, b=B[:3]), "table of sectors, row 6 (b): sector 'b' is known in 3 years: give more"),
        (growths(a=A, b=[*B[:5], -1.0]), "table of sectors, row 11 (b): growth is -1.0: it must be above -1 and at most 1e+06"),
        (growths(a=[*A[:4], *[None] * 4], b=[*[None] * 4, *A[:4]]), "all sectors are known together in 0 years alone: give at least 4"),
        (pa.concat_tables([growths(a=A, b=B)] * 2), "table of sectors, row 0 (a): year 2000 stands there several times: keep one row of it"),
        (growths(a=A).drop_columns(["year"]), "table of sectors: column year is missing"),
        (pa.table({"asset_id": ["x"], "year": [2000], "revenue": [1.0]}), "table of sectors: column sector is missing"),
        (
            pa.table({"asset_id": ["x", "x"], "sector": ["a", "b"], "year": [1, 2], "revenue": [1.0, 1.0]}),
            "table of sectors, row 0 (x): sector is a, and another in other rows of it",
        ),
        (
            pa.table({"asset_id": ["x"], "sector": ["a"], "year": [2000], "revenue": [1.0]}),
            "table of sectors, row 0 (x): sector 'a' has 0 rights with 4 yearly growths that differ: it takes two",
        ),
    ],
)
def test_bad_panels_are_refused_with_row_column_and_rule(table: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        factors(table)
    assert str(refused.value).splitlines()[0].startswith(said)
