"""What is exchanged between two results, one thing after another: the order of the steps (docs/explain.md says why this one)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ipvalue.appraise import Appraiser, make_appraiser
from ipvalue.assumptions import Assumptions
from ipvalue.cash_rule import CashRule
from ipvalue.inputs import Inputs
from ipvalue.market import Market, market_of
from ipvalue.schema import PORTFOLIO, InputError
from ipvalue.simulate import Sampling

OLD, NEW = "old", "new"
LEAVING = ("removed", "ended", "rejected")
"""Rights that are only in the old result: not listed any more; past their expiry; set aside."""
ENGINE, SAMPLING, RULE = "engine", "sampling", "rule"
ARRIVING = ("accepted", "added")
"""Rights that are only in the new result: listed before, but set aside; not listed before."""
_MARKET = (
    ("time", ("valuation_date",)),
    ("periods", ("steps_per_year", "mid_period")),
    ("curves", ("curves",)),
    ("fx", ("fx",)),
    ("factors", ("factors",)),
)
"""Steps that exchange parts of the market."""
_DATA = "data: "


@dataclass(frozen=True)
class Stage:
    """The state of the world after a step: what rights are valued with (None: these inputs do not go together), and the columns whose
    new cells count from here on."""

    step: str
    appraiser: Appraiser | None
    columns: tuple[str, ...] = ()

    @property
    def of_all(self) -> bool:
        """Whether it may touch every right, and not only those whose cells differ."""
        return not self.step.startswith(_DATA)


@dataclass(frozen=True)
class _Terms:
    """All that the value of a row depends on beside the row."""

    market: Market
    assumptions: Assumptions
    sampling: Sampling
    premise: str
    rule: CashRule | None

    def appraiser(self) -> Appraiser | None:
        try:
            return make_appraiser(self.market, self.assumptions, self.sampling, self.premise, False, self.rule)
        except InputError:
            return None


def stages(old: Inputs, new: Inputs, threads: int) -> list[Stage]:
    """The stages from the old result's inputs (the first) to the new one's: of market, assumptions and options those that differ, of the columns
    all. threads: among which a task shares an asset's paths."""
    before, after = _terms(old, threads), _terms(new, threads)
    own, becomes = _own(before.rule), _own(after.rule)
    with_rule = tuple(name for name in becomes if name not in own)
    found = [Stage(ENGINE, before.appraiser())]
    for step, change in _changes(before, after):
        before = replace(before, **change)
        found.append(Stage(step, before.appraiser(), with_rule if step == RULE else ()))
    last = found[-1].appraiser
    columns = (*PORTFOLIO, *(name for name in becomes if name in own))
    return [*found, *(Stage(f"{_DATA}{name}", last, (name,)) for name in columns if name != "asset_id")]


def _own(rule: CashRule | None) -> tuple[str, ...]:
    """The columns that a rule alone has."""
    return tuple(column.name for column in rule.extra) if rule else ()


def _terms(inputs: Inputs, threads: int) -> _Terms:
    run = inputs.run
    sampling = replace(run.job.sampling, quantiles=(), tail=1.0, threads=threads)  # no value depends on these
    return _Terms(inputs.market, inputs.assumptions, sampling, run.job.premise, run.appraiser.tables.rule)


def _changes(old: _Terms, new: _Terms) -> Iterator[tuple[str, dict[str, Any]]]:
    """The steps that have something to exchange, in their order, each with what it exchanges."""
    if old.sampling != new.sampling:
        yield SAMPLING, {"sampling": new.sampling}
    content, becomes = old.market.model_dump(mode="json"), new.market.model_dump(mode="json")
    for step, keys in _MARKET:
        if any(content[key] != becomes[key] for key in keys):
            content = {**content, **{key: becomes[key] for key in keys}}
            yield step, {"market": market_of(content)}
    if old.assumptions.sha256 != new.assumptions.sha256:
        yield "assumptions", {"assumptions": new.assumptions}
    if old.premise != new.premise:
        yield "premise", {"premise": new.premise}
    if _digest(old.rule) != _digest(new.rule):
        yield RULE, {"rule": new.rule}


def _digest(rule: CashRule | None) -> str | None:
    return None if rule is None else rule.sha256


def steps_of(found: Sequence[Stage]) -> list[str]:
    """All steps by name in their order, from the old total to the new."""
    return [OLD, *LEAVING, *(stage.step for stage in found), *ARRIVING, NEW]
