"""`.plot` of results and explanations: what a chart needs, gathered, and the chart drawn (plots/). Bokeh is loaded by the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipvalue.course import by_year, settling
from ipvalue.explain import Explanation
from ipvalue.indices import IndexResult
from ipvalue.report.indices import inputs_of
from ipvalue.report.terminal import floats, group_place
from ipvalue.report.waterfall import lines, steps_of
from ipvalue.schema import InputError
from ipvalue.sensitivities import SensitivityResult
from ipvalue.shown import plots_of
from ipvalue.valuation import Result

if TYPE_CHECKING:
    from bokeh.plotting import figure


def charts() -> Any:
    """The drawing functions (plots/). Raises InputError where Bokeh is not installed."""
    try:
        from ipvalue.report import plots
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "bokeh":
            raise
        raise InputError("charts are drawn with Bokeh, which is not installed: pip install 'ipvalue[plot]'") from None
    return plots


class ChartsOfResult:
    """`Result.plot` (ipvalue.shown.ResultPlots)."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._market = result.manifest["inputs"]["market"]["content"]
        self._currency: str = self._market["currency"]

    def distribution(self, group: str | None = None) -> figure:
        """The sum on each path, of the whole or of one group."""
        result, options = self._result, self._result.manifest["options"]
        place = 0 if group is None else group_place(result, group)
        row = result.groups.slice(place, 1).to_pylist()[0]
        levels = tuple(options["quantiles"])
        return charts().distribution(group or "All rights", floats(result.sums(place)), row, levels, options["tail"], self._currency)

    def tornado(self, sensitivities: object, *, base: float | None = None, top: int = 15) -> figure:
        """How far each driver moves the value."""
        value = self._result.groups["value"][0].as_py() if base is None else base
        return charts().tornado("Value", sensitivities, value, self._currency, top)

    def fan(self, asset: str, *, cumulative: bool = True) -> figure:
        """What one right brings by year."""
        drawing = charts()
        found = by_year(self._result, asset, cumulative=cumulative)
        return drawing.fan(asset, found, self._currency, self._market["valuation_date"], cumulative=cumulative)

    def convergence(self, asset: str) -> figure:
        """The average of one right's paths."""
        drawing = charts()
        return drawing.convergence(asset, settling(self._result, asset), self._currency)


class ChartsOfSensitivities:
    """`SensitivityResult.plot`."""

    def __init__(self, result: SensitivityResult) -> None:
        self._result = result

    def tornado(self, *group: str, top: int = 15) -> figure:
        """How far each driver moves the value of the whole, or of one group by its texts."""
        bars, currency = self._result.bars(*group), self._result.manifest["inputs"]["market"]["content"]["currency"]
        if not bars.num_rows:
            raise InputError(f"there is no group {', '.join(group)}")
        return charts().tornado(", ".join(group) or "All rights", bars, bars["base"][0].as_py(), currency, top)


class ChartsOfIndices:
    """`IndexResult.plot`."""

    def __init__(self, result: IndexResult) -> None:
        self._result = result

    def indices(self, asset: str) -> figure:
        """How much of the variance of a right's value each input brings."""
        if not (rows := inputs_of(self._result.of(asset).to_pylist())):
            raise InputError(f"{asset}: nothing about its value is uncertain")
        return charts().indices(asset, rows)


class ChartsOfExplanation:
    """`Explanation.plot` (ipvalue.shown.ExplanationPlots)."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation

    def waterfall(self, group: str | None = None) -> figure:
        """The steps from the old value to the new."""
        found = self._explanation
        dates = [found.record[end]["valuation_date"] for end in ("old", "new")]
        title = f"{group or 'All rights'}: value from {dates[0]} to {dates[1]}"
        return charts().waterfall(title, lines(steps_of(found, group)), found.currency)


plots_of.register(Result, ChartsOfResult)
plots_of.register(SensitivityResult, ChartsOfSensitivities)
plots_of.register(IndexResult, ChartsOfIndices)
plots_of.register(Explanation, ChartsOfExplanation)
