"""Growth and volatility from revenue: what each series says alone, how far it is shrunk, and what cannot be told."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import panels
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipvalue.calibrate import Calibrated, history
from ipvalue.calibrate.shrink import shrink_means, shrink_variances
from ipvalue.schema import PORTFOLIO, InputError

pytest.importorskip("scipy")

DRUGS = Path(__file__).parents[2] / "examples" / "us_drugs" / "sources" / "brand_revenue.parquet"


def series(**revenues: list[float | None]) -> pa.Table:
    """One series a keyword from 2000 on; None is a year that is not known."""
    rows = [(name, 2000 + t, value) for name, values in revenues.items() for t, value in enumerate(values) if value is not None]
    return panels.columns(rows, "asset_id", "year", "revenue")


def row(found: Calibrated, asset_id: str) -> dict[str, Any]:
    return next(one for one in found.table.to_pylist() if one["asset_id"] == asset_id)


def test_a_series_alone_is_its_own_mean_and_deviation() -> None:
    revenue = [100.0, 120.0, 110.0, 150.0, 160.0]
    found = row(history(series(a=revenue)), "a")
    logs = np.diff(np.log(revenue))
    assert found["log_growth"] == pytest.approx(logs.mean())
    assert found["volatility"] == pytest.approx(logs.std(ddof=1))
    assert found["growth"] == pytest.approx(math.exp(logs.mean() + logs.var(ddof=1) / 2) - 1)
    assert (found["observations"], found["years"], found["growth_weight"], found["volatility_weight"]) == (4, 4, 0.0, 0.0)
    # the textbook's intervals: t with 3 degrees of freedom, and χ² 0.2158 and 9.3484
    assert found["log_growth_high"] - logs.mean() == pytest.approx(3.1824463 * logs.std(ddof=1) / 2.0)
    assert found["volatility_low"] == pytest.approx(logs.std(ddof=1) * math.sqrt(3 / 9.348404), rel=1e-6)
    assert found["volatility_high"] == pytest.approx(logs.std(ddof=1) * math.sqrt(3 / 0.2157953), rel=1e-6)


def test_a_year_that_is_not_known_is_bridged_and_one_without_revenue_is_not() -> None:
    gap = row(history(series(a=[100.0, 130.0, None, 120.0, 150.0])), "a")
    assert (gap["observations"], gap["years"], gap["zeros"]) == (3, 4, 0)
    assert gap["log_growth"] == pytest.approx(math.log(1.5) / 4)
    zero = row(history(series(a=[100.0, 130.0, 0.0, 120.0, 150.0])), "a")
    assert (zero["observations"], zero["years"], zero["zeros"]) == (2, 2, 1)
    assert zero["log_growth"] == pytest.approx((math.log(1.3) + math.log(1.25)) / 2)


def test_growth_from_little_revenue_is_left_out() -> None:
    found = row(history(series(a=[1.0, 100.0, 110.0, 130.0]), least_revenue=50.0), "a")
    assert found["observations"] == 2


def test_short_series_are_drawn_further_to_the_mean_and_their_intervals_are_wider() -> None:
    table, _, _ = panels.revenues(3)
    rows = sorted(history(table).table.to_pylist(), key=lambda one: int(one["observations"]))
    short, long = rows[0], rows[-1]
    assert short["observations"] < long["observations"]
    assert short["volatility_weight"] > long["volatility_weight"] > 0.0
    assert short["volatility_high"] / short["volatility_low"] > long["volatility_high"] / long["volatility_low"]


def test_a_right_with_one_year_has_its_groups_figures_and_says_so() -> None:
    table = pa.concat_tables([panels.revenues(1)[0], series(young=[10.0])])
    found = history(table)
    group = found.others["by group"].to_pylist()[0]
    young = row(found, "young")
    assert young["log_growth"] == pytest.approx(group["log_growth"])
    assert (young["growth_weight"], young["volatility_weight"]) == pytest.approx((1.0, 1.0))
    assert young["log_growth_high"] - young["log_growth_low"] > 2 * group["spread"]
    assert any("1 of 41 rights have no growth of their own: theirs is their group's, as young" in doubt for doubt in found.doubts)


def test_groups_are_shrunk_apart() -> None:
    calm, wild = panels.revenues(1, mean=0.0)[0], panels.revenues(2, mean=0.5, typical=0.6)[0]
    ids = pa.array([f"w{one}" for one in wild["asset_id"].to_pylist()])
    kinds = pa.array(["calm"] * calm.num_rows + ["wild"] * wild.num_rows)
    table = pa.concat_tables([calm, wild.set_column(0, "asset_id", ids)]).append_column("kind", kinds)
    groups = {one["group"]: one for one in history(table, group="kind").others["by group"].to_pylist()}
    assert groups["calm"]["log_growth_high"] < groups["wild"]["log_growth_low"]
    assert groups["calm"]["volatility_high"] < groups["wild"]["volatility_low"]
    assert groups["calm"]["assets"] == groups["wild"]["assets"] == 40


def test_the_order_of_rows_changes_nothing() -> None:
    table, _, _ = panels.revenues(4)
    turned = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert history(turned).table.equals(history(table).table)


def test_what_is_found_can_stand_in_a_portfolio() -> None:
    found = history(panels.revenues(5)[0])
    rights = pa.table({"asset_id": ["a001", "other"], "growth": [0.5, 0.5]})
    into = found.into(rights)
    assert into["growth"].to_pylist() == [row(found, "a001")["growth"], 0.5]
    assert into["volatility"].to_pylist() == [row(found, "a001")["volatility"], None]
    for name in found.drivers:
        assert all(PORTFOLIO[name].problem(value) is None for value in found.table[name].to_pylist())


def test_growth_that_comes_back_is_doubted() -> None:
    rng = np.random.default_rng(1)
    level = {f"a{i}": list(np.exp(10.0 + 0.3 * rng.normal(size=9))) for i in range(40)}
    assert any("is undone in part by the next one's" in doubt for doubt in history(series(**level)).doubts)
    walks = {f"a{i}": list(np.exp(10.0 + np.cumsum(0.3 * rng.normal(size=9)))) for i in range(40)}
    assert not any("next one's" in doubt for doubt in history(series(**walks)).doubts)


def test_variances_that_do_not_differ_are_taken_as_one_and_others_less_so() -> None:
    rng = np.random.default_rng(2)
    freedom = np.full(200, 5)
    alike = shrink_variances(rng.chisquare(5, 200) / 5, freedom)
    assert alike.weight.min() > 0.8
    assert alike.typical == pytest.approx(1.0, rel=0.1)
    differ = shrink_variances(rng.chisquare(5, 200) / 5 * 3 / rng.chisquare(3, 200), freedom)
    assert differ.prior == pytest.approx(3.0, rel=0.4)
    assert differ.weight.max() < 0.6


def test_means_are_shrunk_by_the_normal_normal_rule() -> None:
    """Equal variances: Paule and Mandel's τ² is the scatter less the variance, and the weight the variance's share of it."""
    mean, variance = np.array([1.0, 2.0, 3.0, 6.0, 8.0]), np.full(5, 2.0)
    found = shrink_means(mean, variance)
    scatter = mean.var(ddof=1)
    assert found.spread == pytest.approx(math.sqrt(scatter - 2.0))
    assert found.weight == pytest.approx(np.full(5, 2.0 / scatter))
    assert found.mean == pytest.approx(4.0 + (1 - 2.0 / scatter) * (mean - 4.0))


@pytest.mark.parametrize(
    ("table", "said"),  # after "table of revenues"
    [
        (series(a=[1.0, -2.0, 3.0]), ", row 1 (a): revenue is -2.0: it must be at least 0 and at most 1e+15"),
        (series(a=[5.0]), ", row 0 (a): there are 0 growths from one year with revenue to the next, and its group does not help"),
        (series(a=[5.0, 6.0]), ", row 0 (a): there are 1 growths"),
        (series(a=[5.0, 5.0, 5.0, 5.0]), ", row 0 (a): revenue grows the same every year (from 5.0), so it has no volatility"),
        (series(a=[0.0, 0.0, 0.0]), ", row 0 (a): there are 0 growths"),
        (pa.concat_tables([series(a=[5.0, 6.0, 5.0])] * 2), ", row 0 (a): year 2000 stands there several times: keep one row of it"),
        (
            pa.table({"asset_id": ["a"], "year": [2000.5], "revenue": [1.0]}),
            ", row 0 (a): year is 2000.5: it must be a whole number",
        ),
        (
            pa.table({"asset_id": ["a"], "year": [2000], "revenu": [1.0]}),
            ": column revenue is missing: rename 'revenu' if that is it",
        ),
        (
            pa.table({"asset_id": ["a"], "year": [2000], "revenue": ["x"]}),
            ": column revenue is of type string, but must hold a number",
        ),
        (series(a=[5.0, 6.0, 5.0]).slice(0, 0), ": holds no rows"),
    ],
)
def test_bad_histories_are_refused_with_row_column_and_rule(table: pa.Table, said: str) -> None:
    with pytest.raises(InputError) as refused:
        history(table)
    assert str(refused.value).splitlines()[0].startswith(f"table of revenues{said}")


def test_a_right_in_two_groups_is_refused() -> None:
    table = series(a=[5.0, 6.0, 5.0]).append_column("kind", pa.array(["x", "y", "x"]))
    with pytest.raises(InputError, match=r"row 0 \(a\): kind is x, and another in other rows of this right|row 1 \(a\): kind is y"):
        history(table, group="kind")


def test_the_shipped_drugs_scatter_as_their_note_says() -> None:
    """The 487 brands' own histories: volatilities that differ so much that the typical one counts as one or two observations."""
    spending = pq.read_table(DRUGS).group_by(["trade_name", "year"], use_threads=False).aggregate([("spending", "sum")])
    found = history(spending.rename_columns(["asset_id", "year", "revenue"]), least_revenue=1e6)
    group = found.others["by group"].to_pylist()[0]
    assert (group["assets"], group["observations"]) == (487, 1342)
    assert 1.0 < group["degrees_of_freedom"] < 2.0
    assert 0.14 < group["volatility"] < 0.2
    assert row(found, "ABILIFY")["observations"] == 4
    assert len(found.doubts) == 4
