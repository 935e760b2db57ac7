"""One chunk of rows through the house: blanks filled, vectors, boundary, paths, statistics, totals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ipvalue.assumptions import Assumptions, fill
from ipvalue.backend import kernels
from ipvalue.cash_rule import CashRule
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.constants import MAX_HORIZON_YEARS
from ipvalue.doubts import Doubts, doubts
from ipvalue.intake import hash_ids
from ipvalue.market import Market
from ipvalue.reconcile import method_values, put_together, reconcile
from ipvalue.rows import Mask, Rows
from ipvalue.schema import Column, InputError, Rejects
from ipvalue.simulate import Factors, Reals, Sampling, make_factors, simulate
from ipvalue.stopping import add_boundaries
from ipvalue.summary import EXTRA_COLUMNS, Figures, add_to_totals, describe_assets, figures_of, reject_unusable, with_method_shown
from ipvalue.tables import GOING_CONCERN, Tables, make_tables
from ipvalue.tolerance import Valued, refined, unreached
from ipvalue.totals import Totals

__all__ = ["Appraiser", "Rows", "make_appraiser"]

ELEMENTS_A_CHUNK = 4_000_000
MOST_ROWS_A_CHUNK = 32768
PATH_BYTES_A_CHUNK = 256 * 1024 * 1024
BYTES_AN_ELEMENT = 160
"""Memory for one period of a row at most: its vectors, and what they are made from."""
LEAST_ROWS_A_PIECE = 64


@dataclass(frozen=True)
class Appraiser:
    """Market, assumptions and sampling of a run, ready for any row; picklable. chunk_bytes: the memory for the vectors of rows taken at a time."""

    tables: Tables
    assumptions: Assumptions
    factors: Factors
    sampling: Sampling
    keep_paths: bool
    chunk_bytes: int | None = None

    @property
    def chunk_rows(self) -> int:
        """Rows that make a batch of kept paths and, where memory allows, are taken at a time, so that their vectors (and kept paths) stay small
        whatever the steps a year."""
        rows = min(MOST_ROWS_A_CHUNK, ELEMENTS_A_CHUNK // (MAX_HORIZON_YEARS * self.tables.steps_per_year))
        if self.keep_paths:
            rows = min(rows, PATH_BYTES_A_CHUNK // (self.sampling.paths * 8))
        return max(1, rows)

    @property
    def piece_rows(self) -> int:
        """Rows to take at a time: a chunk, or less of it where `chunk_bytes` of memory would not do for a chunk of the longest lives."""
        if self.chunk_bytes is None:
            return self.chunk_rows
        fitting = self.chunk_bytes // (MAX_HORIZON_YEARS * self.tables.steps_per_year * BYTES_AN_ELEMENT)
        return min(self.chunk_rows, max(LEAST_ROWS_A_PIECE, fitting))

    def rows(self, batch: pa.RecordBatch, row: npt.NDArray[np.int64], file: str, rejects: Rejects) -> Rows:
        """Clean rows of one file with their blanks filled."""
        filled, report = fill(batch, self.assumptions, self.tables.currency, sold=self.tables.premise != GOING_CONCERN)
        return Rows(filled, row, report, file, rejects)

    def new_totals(self, group_by: tuple[str, ...]) -> Totals:
        """Empty sums for `value` to add to."""
        return Totals(group_by, self.sampling.paths, EXTRA_COLUMNS + len(self.sampling.quantiles), self.sampling.backend)

    def check(self, rows: Rows) -> None:
        """Moves every row that could not be valued to the rejects, as far as that shows without simulating."""
        compile_rows(rows, self.tables)

    def doubts(self, rows: Rows) -> Doubts:
        """What is doubtful about rows that may be valued."""
        return doubts(rows, self.tables)

    def unreached(self, rows: Rows, assets: pa.RecordBatch) -> Doubts:
        """Which of the valued rows and their results have errors above the tolerance, and why."""
        return Doubts() if self.sampling.tolerance is None else unreached(rows, assets, self.sampling.tolerance)

    def value(self, rows: Rows, totals: Totals) -> tuple[pa.RecordBatch | None, Reals | None]:
        """Result rows (summary.asset_schema) of the rows that can be valued, None if there is none, and the values of their first `paths` paths
        (a, p) where they are kept. The others move to the rejects; `totals` takes the valued ones in."""
        compiled = compile_rows(rows, self.tables)
        if not len(rows):
            return None, None
        add_boundaries(compiled.vectors, self.sampling.backend)
        group = totals.groups_of(with_method_shown(rows.batch))
        with self.naming(rows):
            first = self.valued(compiled, self.sampling, group, totals, self.keep_paths)
            figures, of_methods = refined(first, compiled, self.sampling, self.valued)
        assets = describe_assets(rows, figures, of_methods, self.sampling)
        reject_unusable(rows, figures.status)
        rows.settle()
        add_to_totals(totals, group, first[0], figures)
        return assets, None if figures.values is None else figures.values[figures.status == 0]

    @contextmanager
    def naming(self, rows: Rows) -> Iterator[None]:
        """A rule that fails on one of the rows is an InputError that names the rule, the right and the period."""
        failed = getattr(kernels(self.sampling.backend), "RuleFailed", ())
        try:
            yield
        except failed as error:
            asset = rows.batch["asset_id"].filter(pa.array(hash_ids(rows.batch["asset_id"]) == error.hash))[0]
            assert self.tables.rule is not None
            raise InputError(f"rule {self.tables.rule.name}: {error.reason} (asset {asset}, period {error.period})") from None

    def valued(
        self,
        compiled: Compiled,
        sampling: Sampling,
        group: npt.NDArray[np.int32] | None = None,
        totals: Totals | None = None,
        keep_paths: bool = False,
    ) -> Valued:
        """The rows (a,) on the paths of a sampling; `totals`, where given, takes their path values into their `group` (a,)."""
        several = compiled.several
        if not several.any():
            return self._simulated(compiled, sampling, group, totals, keep_paths), pa.nulls(len(several), pa.list_(pa.float64()))
        parts = compiled.only(several)
        mixed, by_method = reconcile(parts, self.factors, sampling, _only(group, several), totals, keep_paths=keep_paths)
        of_methods = method_values(several, parts.start, by_method)
        if several.all():
            return mixed, of_methods
        ones = self._simulated(compiled.only(~several), sampling, _only(group, ~several), totals, keep_paths)
        return put_together(several, ones, mixed), of_methods

    def _simulated(
        self, compiled: Compiled, sampling: Sampling, group: npt.NDArray[np.int32] | None, totals: Totals | None, keep_paths: bool
    ) -> Figures:
        """The figures of rows with one method each."""
        simulated = simulate(compiled.vectors, self.factors, sampling, group, totals, keep_paths=keep_paths)
        return figures_of(compiled.vectors, simulated, sampling)

    @property
    def extra(self) -> tuple[Column, ...]:
        """Columns that rows must have beside the schema's."""
        return self.tables.rule.extra if self.tables.rule else ()

    def rule_terms(self) -> dict[str, Any]:
        """The rule by which income is earned, where there is one, for the record."""
        rule = self.tables.rule
        return {"rule": {"name": rule.name, "sha256": rule.sha256, "columns": list(rule.columns)}} if rule else {}

    def premise_terms(self) -> dict[str, Any]:
        """The premise and, by right type, what it takes off, for the record."""
        terms = {} if self.tables.premise == GOING_CONCERN else self.tables.premise_terms
        return {"name": self.tables.premise, "terms": {name: {"discount": off, "time_to_sell": years} for name, (off, years) in terms.items()}}


def _only(group: npt.NDArray[np.int32] | None, rows: Mask) -> npt.NDArray[np.int32] | None:
    """The groups of some rows (a,), where there are any."""
    return None if group is None else group[rows]


def make_appraiser(
    market: Market, assumptions: Assumptions, sampling: Sampling, premise: str, keep_paths: bool, rule: CashRule | None = None
) -> Appraiser:
    """An Appraiser; income methods earn by `rule` where one is given. Raises InputError where the assumptions lack the premise."""
    tables = make_tables(market, assumptions, premise, sampling.backend, rule)
    return Appraiser(tables, assumptions, make_factors(market), sampling, keep_paths)
