"""Revenue, royalty rate or another driver that a known price implies: exactly where the value has a closed form, else on common random numbers.

a = rights of a batch, g = points of the grid
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.backend import kernel, kernels
from ipvalue.calibrate.asked import Asked, driver_column, grid_of, limits
from ipvalue.calibrate.found import Calibrated
from ipvalue.calibrate.roots import Brackets, Roots, bracket, solve
from ipvalue.calibrate.tables import Stored
from ipvalue.calibrate.trial import Trial, Valued, with_prices
from ipvalue.execute import Progress
from ipvalue.inputs import Inputs, opened
from ipvalue.intake import no_duplicates, read
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.schema import INPUTS, Column
from ipvalue.spread import run as spread
from ipvalue.task import Task
from ipvalue.valuation import job_without_quantiles

OPTIONS = ("paths", "seed", "sampler", "precision", "premise", "workers", "scheduler", "memory", "backend")
NORMAL_95 = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""
NEAR = 1e-11
"""How far from its price a value in closed form may be, as a part of it."""
NEAR_ERROR = 1e-3
"""The same of a simulated one, as a part of its standard error."""
STEP = 0.01
"""By what part of a driver it is moved to see the value's slope."""
LEAST_STEP = 1e-4
_FLAT = "the value does not depend on it"


def implied(
    portfolio: object,
    prices: object,
    driver: str = "revenue",
    *,
    market: object = None,
    assumptions: str | Path = "default",
    rule: object = None,
    search: Sequence[float] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Calibrated:
    """What a driver (revenue, royalty_rate, growth, …) of rights would have to be for their value to be their price, in the market's currency.

    prices: a table asset_id, price. search: where to look for the driver; by default all that its column allows. options: those of OPTIONS, as
    `value` takes them. A right whose value has a closed form is solved on that; of another the simulated value is brought to the price with the same
    random numbers at each trial, and the implied figure has a standard error. Raises InputError, before anything is computed, where a price is no
    price, or of no right of the portfolio.
    """
    column = driver_column(driver)
    job, found_rule = job_without_quantiles(options, OPTIONS, "implied figures", rule)
    low, high = limits(column, search)
    given = Stored(prices, "prices").given(INPUTS["prices"])
    given.reject_repeated(["asset_id"], "asset_id has one price")
    given.settle()
    ids = given.column("asset_id")
    with kernel.DefaultArithmetic(), opened(portfolio, market, assumptions, job, ".", found_rule) as inputs:
        unknown = ~_known(inputs, ids)
        given.reject(unknown, "asset_id", "asset_id is in the portfolio", lambda one: f"asset_id {one!r} is not in the portfolio: correct it")
        given.settle()
        asked = Asked(inputs.run, column, ids, given.floats("price"), low, high, grid_of(column, low, high, searched=search is not None))
        parts, done = [_solved_none(asked)], 0

        def take(part: pa.Table) -> None:
            nonlocal done
            parts.append(part)
            done += 1
            if progress:
                progress(done, len(inputs.tasks))

        try:
            spread(_solve_task, inputs.tasks, asked, job.scheduler, job.threads, take, common=inputs.common([inputs.first_file]))
        finally:
            inputs.run.release()
    table = _ordered(pa.concat_tables(parts), ids)
    title = f"{driver} implied by {len(ids):,} prices ({inputs.market.currency})"
    shown = ("asset_id", "price", driver, "standard_error", "status", "reason")
    return Calibrated(title, table, tuple(_doubts(table, column)), (driver,), shown=shown)


def _known(inputs: Inputs, ids: pa.Array) -> Mask:
    """(p,) which of the ids the portfolio has."""
    known = np.zeros(len(ids), np.bool_)
    for unit in inputs.portfolio.units(max(inputs.portfolio.rows, 1)):
        for batch, _, _ in read(unit, no_duplicates(), ["asset_id"]):
            known[with_prices(batch, ids)[1]] = True
    return known


def _solve_task(task: Task, asked: Asked) -> pa.Table:
    """The rights of a task that have a price."""
    run, parts = asked.run, []
    with kernels(run.job.backend).DefaultArithmetic():
        for batch, _, rejects in read(task.unit, run.duplicates, extra=run.extra, streams=run.streams):
            if len(rejects):
                parts.append(_rejected(rejects.table(), asked))
            priced, price_of = with_prices(batch, asked.ids)
            for first in range(0, priced.num_rows, run.appraiser.piece_rows):
                piece = slice(first, first + run.appraiser.piece_rows)
                trial = Trial(priced.slice(first, run.appraiser.piece_rows), task.unit.display, run.appraiser, asked.column)
                parts.append(_solved(trial, price_of[piece], asked))
    return pa.concat_tables([_solved_none(asked), *parts])


def _rejected(problems: pa.Table, asked: Asked) -> pa.Table:
    """Rights whose rows cannot be read, each once, with the first reason."""
    place = pc.index_in(problems["asset_id"].combine_chunks(), asked.ids)
    wanted = place.is_valid()
    places, first = np.unique(place.filter(wanted).to_numpy(), return_index=True)
    reasons = problems["message"].combine_chunks().filter(wanted).take(pa.array(first)).to_pylist()
    blank = np.full(len(places), np.nan)
    return _table(asked, places, blank, blank, blank, blank, np.full(len(places), "rejected", object), reasons, None, np.zeros(len(places), np.int64))


def _solved_none(asked: Asked) -> pa.Table:
    none = np.zeros(0)
    return _table(asked, none.astype(np.int64), none, none, none, none, none.astype(object), [], None, none.astype(np.int64))


def _solved(trial: Trial, price_of: Longs, asked: Asked) -> pa.Table:
    """The implied figures of the rights of a trial, whose prices have these places."""
    price, own, rights = asked.prices[price_of], trial.own(), len(price_of)
    errors, exact = np.full(rights, np.nan), np.zeros(rights, np.bool_)

    def gap(places: Longs, x: Floats) -> Floats:
        valued = trial.at(places, x)
        errors[places], exact[places] = valued.error, valued.exact
        return valued.value - price[places]

    def near(places: Longs, _: Floats, y: Floats) -> Mask:
        enough: Mask = np.abs(y) <= np.where(exact[places], NEAR * price[places], NEAR_ERROR * np.nan_to_num(errors[places]))
        return enough

    grid = np.sort(np.column_stack([np.tile(asked.grid, (rights, 1)), np.where(_within(own, asked), own, asked.grid[0])]), axis=1)
    brackets, tried = bracket(gap, grid, own)
    brackets.low[brackets.flat], brackets.solutions[brackets.flat] = np.nan, 0
    roots = solve(gap, brackets, near)
    solved = np.isfinite(roots.x)
    at = _at_roots(trial, roots, solved)
    error, sloped = _errors(trial, roots, at, asked)
    status = np.select(
        [solved & at.exact, solved, ~brackets.known, brackets.flat, np.isfinite(brackets.low)],
        ["exact", "simulated", "rejected", "no effect", "unsolved"],
        "unreachable",
    ).astype(object)
    reasons = _reasons(trial, brackets, roots, at, price, status, asked)
    value = np.where(solved, at.value, np.nan)
    count = tried + roots.evaluations + solved + sloped
    return _table(asked, price_of, roots.x, np.where(solved, error, np.nan), value, price, status, reasons, brackets, count)


def _at_roots(trial: Trial, roots: Roots, solved: Mask) -> Valued:
    """What the rights (a,) are worth at what was found."""
    found = Valued(np.full(len(solved), np.nan), np.full(len(solved), np.nan), np.zeros(len(solved), np.bool_), np.zeros(len(solved), np.bool_))
    places = np.flatnonzero(solved)
    if len(places):
        for name, figures in vars(trial.at(places, roots.x[places])).items():
            getattr(found, name)[places] = figures
    return found


def _within(x: Floats, asked: Asked) -> Mask:
    inside: Mask = (x >= asked.low) & (x <= asked.high)
    return inside


def _errors(trial: Trial, roots: Roots, at: Valued, asked: Asked) -> tuple[Floats, Longs]:
    """(a,) standard error of what was found: that of the value over its slope, which is taken from trials a step to both sides, or to the one that
    breaks no rule. And how many trials that took."""
    error, count = np.where(at.exact, 0.0, np.nan), np.zeros(len(roots.x), np.int64)
    some = np.flatnonzero(np.isfinite(roots.x) & ~at.exact)
    if len(some):
        x = roots.x[some]
        h = np.maximum(STEP * np.abs(x), LEAST_STEP)
        ends = []
        for to in (np.maximum(x - h, asked.low), np.minimum(x + h, asked.high)):
            value = trial.at(some, to).value
            there = np.isfinite(value)
            ends.append((np.where(there, to, x), np.where(there, value, at.value[some])))
        (x0, y0), (x1, y1) = ends
        with np.errstate(invalid="ignore", divide="ignore"):
            error[some] = at.error[some] / np.abs((y1 - y0) / (x1 - x0))
        count[some] = 2
    return np.where(np.isfinite(error), error, np.nan), count


def _reasons(trial: Trial, found: Brackets, roots: Roots, at: Valued, price: Floats, status: Any, asked: Asked) -> list[str | None]:
    """(a,) why there is no figure, or what to be careful about; None where all is well."""
    name = asked.column.name
    away = np.abs(roots.y) > np.fmax(at.error, NEAR_ERROR * price)
    reasons: list[str | None] = []
    for a, state in enumerate(status):
        match state:
            case "unreachable":
                lowest, highest = found.lowest[a] + price[a], found.highest[a] + price[a]
                beyond = f"; beyond that, {trial.reasons[a]}" if trial.reasons[a] else ""
                spot = f"with {name} from {asked.low:g} to {asked.high:g} the value is from {lowest:.6g} to {highest:.6g}{beyond}"
                reasons.append(f"the price {price[a]:.6g} is not reached: {spot}")
            case "rejected" | "unsolved":
                reasons.append(trial.reasons[a])
            case "no effect":
                reasons.append(f"{_FLAT}: it is {found.lowest[a] + price[a]:.6g} whatever {name} is")
            case _:
                cautions = [f"{found.solutions[a]} solutions were seen"] if found.solutions[a] > 1 else []
                cautions += ["the value jumps here, past the price"] if away[a] else []
                cautions += ["its tail is heavy: the standard error is too small"] if at.heavy[a] and not at.exact[a] else []
                reasons.append("; ".join(cautions) or None)
    return reasons


def _table(
    asked: Asked,
    price_of: Longs,
    x: Floats,
    error: Floats,
    value: Floats,
    price: Floats,
    status: Any,
    reasons: list[str | None],
    found: Brackets | None,
    evaluations: Longs,
) -> pa.Table:
    low, high = asked.column.low, asked.column.high
    reach = NORMAL_95 * error
    nothing = np.full(len(x), np.nan)
    columns: dict[str, pa.Array] = {
        "asset_id": asked.ids.take(pa.array(price_of)),
        "price": pa.array(asked.prices[price_of]),
        asked.column.name: _or_blank(x),
        "standard_error": _or_blank(error),
        "interval_low": _or_blank(np.maximum(x - reach, -np.inf if low is None else low)),
        "interval_high": _or_blank(np.minimum(x + reach, np.inf if high is None else high)),
        "status": pa.array(status.tolist(), pa.string()),
        "value": _or_blank(value),
        "bracket_low": _or_blank(found.low if found else nothing),
        "bracket_high": _or_blank(np.where(np.isnan(found.low), np.nan, found.high) if found else nothing),
        "evaluations": pa.array(evaluations),
        "monotone": pa.array(found.monotone, mask=~found.known) if found else pa.nulls(len(x), pa.bool_()),
        "solutions": pa.array(found.solutions) if found else pa.array(np.zeros(len(x), np.int64)),
        "reason": pa.array(reasons, pa.string()),
    }
    return pa.table(columns)


def _or_blank(numbers: Floats) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))


def _ordered(table: pa.Table, ids: pa.Array) -> pa.Table:
    """The rows in the order of the prices."""
    return table.take(pc.index_in(ids, table["asset_id"].combine_chunks())).combine_chunks()


def _doubts(table: pa.Table, column: Column) -> list[str]:
    """What to be careful about, by kind, with the first right that it is about."""
    said = []
    for status in ("unreachable", "unsolved", "no effect", "rejected"):
        these = table.filter(pc.equal(table["status"], status))
        if these.num_rows:
            first = f"{these['asset_id'][0]}: {these['reason'][0]}"
            said.append(f"{these.num_rows:,} of {table.num_rows:,} have no {column.name} ({status}), as {first}")
    cautious = table.filter(pc.and_(table["reason"].is_valid(), table[column.name].is_valid()))
    if cautious.num_rows:
        said.append(f"{cautious.num_rows:,} to be careful about, as {cautious['asset_id'][0]}: {cautious['reason'][0]}")
    return said
