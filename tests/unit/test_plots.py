"""The charts of results and explanations: what they draw is what the result says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import explained
import numpy as np
import pandas
import polars
import portfolios
import pyarrow as pa
import pytest
import valued
from bokeh.core.validation import check_integrity
from bokeh.models import HoverTool, Span
from bokeh.plotting import figure

import ipvalue as iv
from ipvalue.course import by_year, settling
from ipvalue.report.plots.style import unit_of

Data = dict[str, Any]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> iv.Result:
    """Rights of every method in groups."""
    inputs = explained.Inputs(portfolios.random_methods(35, seed=7), options={"paths": 1024, "group_by": ["sector"], "precision": "double"})
    return inputs.valued(tmp_path_factory.mktemp("plots") / "out")


@pytest.fixture(scope="module")
def explanation(tmp_path_factory: pytest.TempPathFactory) -> iv.Explanation:
    """A higher fx, other revenues, one right less and one more."""
    table = portfolios.random_portfolio(12, seed=7)
    first, last = table["asset_id"][0].as_py(), table["asset_id"][11].as_py()
    new = explained.edited(explained.without(table, first), {table["asset_id"][5].as_py(): {"revenue": 5e6}})
    options = {"paths": 64, "group_by": ["sector"]}
    old = explained.Inputs(explained.without(table, last), options=options)
    return explained.between(tmp_path_factory.mktemp("why"), old, old.but(table=new, fx={"USD": 8.0, "EUR": 8.2}))


def drawn(chart: figure, glyph: str) -> list[Data]:
    """The data of a chart's glyphs of a kind, in the order they are drawn."""
    return [one.data_source.data for one in chart.renderers if type(one.glyph).__name__ == glyph]


def check(chart: figure, *axes: str | None) -> None:
    """It refers to no column that is not there, its axes say what they are, in which unit, and it has tooltips of columns that are there."""
    assert not list(check_integrity(chart.references()).error)
    assert [axis.axis_label for axis in chart.axis] == list(axes)
    hovers = list(chart.select(type=HoverTool))
    assert hovers
    for tool in hovers:
        for renderer in tool.renderers:
            columns = renderer.data_source.column_names
            for _, said in tool.tooltips:
                assert any(said.startswith((f"@{name}", f"@{{{name}}}")) for name in columns), said


# ------------------------------------------------------------------------------------------------------ distribution


@pytest.mark.parametrize("group", [None, "pharma"])
def test_bars_count_the_paths_of_a_sum(result: iv.Result, group: str | None) -> None:
    chart = result.plot.distribution(group)
    place = 0 if group is None else result.groups["sector"].to_pylist().index(group)
    values = np.array([float(value) for value in result.sums(place).to_pylist()])
    unit = unit_of(values, "CNY")
    bars = drawn(chart, "Quad")[0]
    for left, right, paths, share in zip(bars["left"], bars["right"], bars["paths"], bars["share"], strict=True):
        inside = (values >= left * unit.size * (1 - 1e-12)) & (values < right * unit.size * (1 - 1e-12))
        assert abs(inside.sum() - paths) <= 1  # an end that is a path's value counts on one side
        assert share == 100.0 * paths / 1024
    assert 0.985 * 1024 <= bars["paths"].sum() <= 1024
    assert f"{1024 - bars['paths'].sum()} of them not drawn" in chart.title.text
    check(chart, f"present value before the tax benefit, {unit.name}", "share of the paths, %")


def test_marks_are_the_figures_of_the_group(result: iv.Result) -> None:
    chart = result.plot.distribution("software")
    row = next(row for row in result.groups.to_pylist() if row["sector"] == "software")
    marks = drawn(chart, "Segment")[0]
    assert dict(zip(marks["name"], marks["amount"], strict=True)) == {
        "mean": row["mean"],
        "P5": row["q05"],
        "P95": row["q95"],
        "mean of the worst 5 %": row["expected_shortfall"],
    }
    bars = drawn(chart, "Quad")[0]
    worst = {float(right) for right, color in zip(bars["right"], bars["color"], strict=True) if color != bars["color"][-1]}
    unit = marks["amount"][0] / marks["x"][0]
    assert worst
    assert max(worst) * unit <= row["q05"]


def test_a_certain_sum_and_a_run_without_quantiles_are_drawn() -> None:
    chart = valued.result([valued.ASSET], paths=16, quantiles=[]).plot.distribution()
    assert drawn(chart, "Quad")[0]["paths"].sum() == 16
    assert drawn(chart, "Segment")[0]["name"] == ["mean", "mean of the worst 5 %"]
    check(chart, "present value before the tax benefit, CNY", "share of the paths, %")


def test_a_group_that_is_not_there(result: iv.Result) -> None:
    with pytest.raises(iv.InputError, match="there is no group 'pharm': did you mean pharma"):
        result.plot.distribution("pharm")


# --------------------------------------------------------------------------------------------------------- waterfall


@pytest.mark.parametrize("group", [None, "pharma"])
def test_bars_lead_from_each_total_to_the_next(explanation: iv.Explanation, group: str | None) -> None:
    chart = explanation.plot.waterfall(group)
    rows = [row for row in explanation.steps.to_pylist() if row["sector"] == group]
    unit = unit_of([float(row["cumulative"]) for row in rows], "CNY")
    bars = drawn(chart, "HBar")[0]
    np.testing.assert_allclose(bars["end"] * unit.size, [float(row["cumulative"]) for row in rows])
    changes = (bars["end"] - bars["start"])[1:-1] * unit.size
    np.testing.assert_allclose(changes, [float(row["amount"]) for row in rows[1:-1]], atol=1e-6 * unit.size)
    errors = (bars["high"] - bars["low"]) * unit.size / 4
    np.testing.assert_allclose(errors, [row["standard_error"] or 0.0 for row in rows], atol=1e-9 * unit.size)
    assert bars["rights"] == [row["assets"] for row in rows]
    assert [alpha < 0.5 for alpha in bars["alpha"]] == [row["significant"] is False for row in rows]
    assert chart.y_range.factors == list(reversed(bars["step"]))
    check(chart, chart.xaxis.axis_label, None)
    assert chart.xaxis.axis_label.startswith(f"value, {unit.name}")


def test_an_axis_that_does_not_begin_at_nothing_says_so(explanation: iv.Explanation) -> None:
    chart = explanation.plot.waterfall()
    bars = drawn(chart, "HBar")[0]
    begins = min(bars["start"].min(), bars["end"].min())
    assert ("does not begin at 0" in chart.xaxis.axis_label) == (begins > 0.0)
    if begins > 0.0:
        assert bars["start"][0] == bars["start"][-1] == chart.x_range.start


# ----------------------------------------------------------------------------------------------------------- indices


def test_bars_are_a_right_s_indices_with_their_intervals() -> None:
    found = iv.indices(portfolios.random_methods(35, seed=7), sample=1.0, market=portfolios.MARKET, assumptions={}, paths=256)
    rows = [row for row in found.indices.to_pylist() if row["total"]]
    asset = max(rows, key=lambda row: sum(other["asset_id"] == row["asset_id"] for other in rows))["asset_id"]
    moving = sorted((row for row in rows if row["asset_id"] == asset), key=lambda row: -row["total"])
    assert len(moving) >= 3
    chart = found.plot.indices(asset)
    check(chart, "share of the variance", None)
    assert list(chart.y_range.factors) == [row["input"] for row in reversed(moving)]
    for index, bars in zip(("first_order", "total"), drawn(chart, "HBar"), strict=True):
        assert bars["share"].tolist() == [row[index] for row in moving]
        wide = [1.959963984540054 * row[f"{index}_error"] for row in moving]
        np.testing.assert_allclose(bars["high"] - bars["low"], np.multiply(2.0, wide))
    with pytest.raises(iv.InputError, match="there is no right 'nowhere' in it"):
        found.plot.indices("nowhere")


# ----------------------------------------------------------------------------------------------------------- tornado

ENDS = {"driver": ["growth", "royalty_rate", "hazard"], "low": [90.0, 50.0, 102.0], "high": [115.0, 150.0, 98.0]}


@pytest.mark.parametrize("make", [pa.table, pandas.DataFrame, polars.DataFrame])
def test_the_widest_bar_is_on_top(result: iv.Result, make: Any) -> None:
    chart = result.plot.tornado(make(ENDS), base=100.0, top=2)
    assert list(reversed(chart.y_range.factors)) == ["royalty_rate", "growth"]
    low, high = drawn(chart, "HBar")
    assert (low["base"].tolist(), low["low"].tolist(), high["high"].tolist()) == ([100.0] * 2, [50.0, 90.0], [150.0, 115.0])
    assert low["down"] == ["-50.00", "-10.00"]
    assert [span.location for span in chart.select(type=Span)] == [100.0]
    check(chart, "value, CNY", None)


def test_derivatives_and_bumps_are_steps_to_either_side_of_the_value(result: iv.Result) -> None:
    table = pa.table({"driver": ["growth", "hazard"], "derivative": [2e6, -4e6], "bump": [0.5, 0.1]})
    low, high = drawn(result.plot.tornado(table), "HBar")
    value = result.groups["value"][0].as_py()
    unit = unit_of([value], "CNY").size
    np.testing.assert_allclose(low["base"] * unit, value)
    np.testing.assert_allclose(low["low"] * unit, [value - 1e6, value + 4e5])
    np.testing.assert_allclose(high["high"] * unit, [value + 1e6, value - 4e5])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ([1], "sensitivities: an object of type list is no table: give one that has __arrow_c_stream__"),
        (pa.table({"low": [1.0]}), "sensitivities: column driver is missing: it has low"),
        (pa.table({"driver": ["a"], "low": [1.0]}), "sensitivities: it has driver, low: give low and high, or derivative and bump"),
        (pa.table({**ENDS, "driver": ["a", "b", "a"]}), "sensitivities: driver a is there 2 times: give the rows of one group or asset"),
        (pa.table({**ENDS, "low": [1.0, None, 1.0]}), "sensitivities: row 1: low is nan: it must be a finite number"),
    ],
)
def test_what_is_no_table_of_sensitivities(result: iv.Result, table: object, sentence: str) -> None:
    with pytest.raises(iv.InputError) as error:
        result.plot.tornado(table)
    assert str(error.value) == sentence


# --------------------------------------------------------------------------------------------------- fan, convergence


@pytest.mark.parametrize("cumulative", [True, False])
def test_a_fan_has_the_bands_of_the_runs_quantiles(result: iv.Result, cumulative: bool) -> None:
    row = max(result.assets.to_pylist(), key=lambda row: row["value"])
    chart = result.plot.fan(row["asset_id"], cumulative=cumulative)
    found = by_year(result, row["asset_id"], cumulative=cumulative)
    data = drawn(chart, "VArea")[0]
    names = ["P5", "P25", "P50", "P75", "P95"]
    unit = unit_of([*found.mean, *found.quantiles.ravel()], "CNY")
    first = 1 if cumulative else 0
    assert data["year"].tolist() == list(range(1 - first, len(found.years) + 1))
    for name, column in zip([*names, "mean"], [*found.quantiles.T, found.mean], strict=True):
        assert (data[name][first:] * unit.size).tolist() == pytest.approx(column.tolist())
        assert not cumulative or data[name][0] == 0.0
    bands = [(one.glyph.y1, one.glyph.y2) for one in chart.renderers if type(one.glyph).__name__ == "VArea"]
    assert bands == [("P5", "P95"), ("P25", "P75")]
    assert [one.glyph.y for one in chart.renderers if type(one.glyph).__name__ == "Line"] == ["P50", "mean"]
    check(chart, f"years from {portfolios.VALUATION_DATE}", f"present value, {unit.name}")


def test_convergence_has_a_band_of_one_standard_error_and_the_closed_form(result: iv.Result) -> None:
    exact = next(row for row in result.assets.to_pylist() if row["closed_form"] is not None and row["standard_error"] > 0)
    chart = result.plot.convergence(exact["asset_id"])
    found = settling(result, exact["asset_id"])
    data = drawn(chart, "VArea")[0]
    unit = unit_of(found.mean + found.standard_error, "CNY").size
    assert data["paths"].tolist() == found.paths.tolist()
    np.testing.assert_allclose((data["high"] - data["mean"]) * unit, found.standard_error, rtol=1e-9)
    np.testing.assert_allclose((data["mean"] - data["low"]) * unit, found.standard_error, rtol=1e-9)
    np.testing.assert_allclose(drawn(chart, "Line")[1]["y"] * unit, [exact["closed_form"]] * 2)
    bounded = next(row["asset_id"] for row in result.assets.to_pylist() if row["closed_form"] is None)
    assert len(drawn(result.plot.convergence(bounded), "Line")) == 1


# ------------------------------------------------------------------------------------------------------------- Bokeh


def test_bokeh_is_loaded_by_the_first_chart_only() -> None:
    code = "import ipvalue, sys; print([name for name in sys.modules if name.startswith('bokeh')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_bokeh_a_chart_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['bokeh'] = None; import ipvalue, pyarrow as pa\n"
        "row = dict(asset_id='one', right_type='trademark', revenue=1e3, royalty_rate=0.05, life=3.0)\n"
        "import datetime; market = dict(currency='CNY', valuation_date=datetime.date(2026, 1, 1), curves=dict(CNY=dict(tenors=[1.0], rates=[0.1])))\n"
        "result = ipvalue.value(pa.Table.from_pylist([row]), market=market, paths=16); print(result._repr_html_()[:5])\n"
        "try: result.plot.distribution()\n"
        "except ipvalue.InputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines() == ["<div>", "charts are drawn with Bokeh, which is not installed: pip install 'ipvalue[plot]'"]
