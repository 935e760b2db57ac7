"""Rows under scenarios: their versions compiled side by side and valued on the same paths (model.md §10, docs/numerics.md §16).

a = rows, v = versions: the base, then each scenario
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ipvalue.appraise import Appraiser
from ipvalue.cashflows import sharing
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.rows import Mask, Rows
from ipvalue.scenarios.scenario import Scenario
from ipvalue.simulate import Made


@dataclass(frozen=True)
class Study:
    """Scenarios and what values them; picklable. appraisers (v,): under the base's market and each scenario's. made: by which
    statistics assets are described. kept_bytes: most memory of a worker for path values of rows under the base, beside which those of a
    scenario are laid."""

    scenarios: tuple[Scenario, ...]
    appraisers: tuple[Appraiser, ...]
    made: Made
    kept_bytes: int

    @property
    def base(self) -> Appraiser:
        return self.appraisers[0]

    @property
    def quantiles(self) -> tuple[float, ...]:
        """Those that assets are described by."""
        return self.base.sampling.quantiles if self.made == "all" else ()


@dataclass(frozen=True)
class Version:
    """Rows (a,) under one scenario and what they compile to; `same` where both are the base's."""

    rows: Rows
    compiled: Compiled
    same: bool = False

    def only(self, wanted: Mask) -> Version:
        """Some of its rows (a,)."""
        return self if wanted.all() else Version(self.rows.only(wanted), self.compiled.only(wanted), self.same)


def versions_of(study: Study, rows: Rows) -> list[Version]:
    """(v,) the versions of filled rows, all of the same rows: what the base or a scenario rejects goes to the rejects, with the scenario's name."""
    base = Version(rows, compile_rows(rows, study.base.tables))
    found, kept = [base], np.ones(len(rows), np.bool_)
    for scenario, appraiser in zip(study.scenarios, study.appraisers[1:], strict=True):
        shocked = scenario.rows(rows)
        if shocked is rows and appraiser is study.base:
            found.append(replace(base, same=True))
            continue
        own = shocked if shocked is not rows else rows.changed({})
        compiled = compile_rows(own, appraiser.tables)
        compiled = replace(compiled, vectors=sharing(compiled.vectors, base.compiled.vectors))
        if len(own) < len(rows):
            rows.rejects.merge(own.rejects.under(f"scenario {scenario.name!r}"))
            kept &= np.isin(rows.row, own.row)
        found.append(Version(own, compiled))
    if kept.all():
        return found
    good = rows.row[kept]
    return [one.only(np.isin(one.rows.row, good)) for one in found]
