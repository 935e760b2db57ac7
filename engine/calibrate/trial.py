"""Rights valued with one driver set to trial figures, each time on the same random numbers.

a = rights of a batch
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.appraise import Appraiser
from ipvalue.compiled import Compiled, compile_rows
from ipvalue.reconcile import weighted
from ipvalue.rows import Floats, Longs, Mask
from ipvalue.schema import Column, Rejects
from ipvalue.stopping import add_boundaries
from ipvalue.summary import Figures, closed_forms

TOO_LARGE = "some path values are not finite, or more than a sum can hold"


@dataclass
class Valued:
    """What rights (a,) are worth at a trial, NaN where it breaks a rule: `value` with `error`, its standard error (0 in closed form, NaN: not
    known); `exact`: whether it is in closed form; `heavy`: whether the tail is."""

    value: Floats
    error: Floats
    exact: Mask
    heavy: Mask


class Trial:
    """Clean rows of a portfolio, to be valued with any figures for one driver."""

    def __init__(self, batch: pa.RecordBatch, file: str, appraiser: Appraiser, driver: Column) -> None:
        self.batch, self.driver = batch, driver
        self._file, self._appraiser = file, appraiser
        self.reasons = np.full(batch.num_rows, "", object)
        """(a,) what was wrong with each right's last trial that broke a rule."""

    def own(self) -> Floats:
        """(a,) the driver as the portfolio and the assumptions have it, NaN where it is blank."""
        places = np.arange(self.batch.num_rows)
        return self._appraiser.rows(self.batch, places, self._file, Rejects()).floats(self.driver.name)

    def at(self, places: Longs, x: Floats) -> Valued:
        """Some rights (by their places) with x (a,) as their driver. The assumptions fill blanks again, as where x stands in the file."""
        whole = self.batch.take(pa.array(places))
        column = whole.schema.get_field_index(self.driver.name)
        batch = whole.set_column(column, whole.schema.field(column), pa.array(x))
        rejects, appraiser = Rejects(), self._appraiser
        rows = appraiser.rows(batch, np.arange(len(places)), self._file, rejects)
        compiled = compile_rows(rows, appraiser.tables)
        found = Valued(*(np.full(len(places), np.nan) for _ in range(2)), *(np.zeros(len(places), np.bool_) for _ in range(2)))
        if len(rows):
            kept = rows.row
            closed = self._closed(compiled)
            exact = np.isfinite(closed)
            found.value[kept[exact]], found.error[kept[exact]], found.exact[kept[exact]] = closed[exact], 0.0, True
            if not exact.all():
                add_boundaries(compiled.vectors, appraiser.sampling.backend)
                with appraiser.naming(rows):
                    figures, _ = appraiser.valued(compiled.only(~exact), appraiser.sampling)
                self._take(found, kept[~exact], places[kept[~exact]], compiled.only(~exact), figures)
        self._note(places, rejects)
        return found

    def _closed(self, compiled: Compiled) -> Floats:
        """(a,) the value in closed form, NaN where there is none. Of a right with one method the tax benefit stays on a mean below 0 too: so it is
        a line where the mean is one, and no price, which is above 0, is met at another place."""
        mean, _ = closed_forms(compiled.vectors, self._appraiser.sampling.backend)
        taxed = np.repeat(~compiled.several, np.diff(compiled.start)) | (mean > 0.0)
        return weighted(np.where(taxed, mean * compiled.vectors.tab_factor, mean) * compiled.vectors.premise_factor, compiled)

    def _take(self, found: Valued, kept: Longs, places: Longs, compiled: Compiled, figures: Figures) -> None:
        good = figures.status == 0
        first = compiled.start[:-1]
        factor = compiled.vectors.tab_factor[first] * compiled.vectors.premise_factor[first]
        with np.errstate(invalid="ignore", divide="ignore"):
            of_several = np.abs(np.where(figures.mean != 0.0, figures.value / figures.mean, 1.0))
            one = figures.mean * factor
        value = np.where(compiled.several, figures.value, one)
        error = figures.standard_error * np.where(compiled.several, of_several, factor)
        found.value[kept], found.error[kept] = np.where(good, value, np.nan), np.where(good, error, np.nan)
        found.heavy[kept] = figures.heavy
        self.reasons[places[~good]] = TOO_LARGE

    def _note(self, places: Longs, rejects: Rejects) -> None:
        """Keeps the first reason why each of the rows could not be valued."""
        if len(rejects):
            table = rejects.table()
            rows = table["row"].to_numpy()
            _, first = np.unique(rows, return_index=True)
            messages = table["message"].take(pa.array(first)).to_pylist()
            self.reasons[places[rows[first]]] = messages


def with_prices(batch: pa.RecordBatch, ids: pa.Array) -> tuple[pa.RecordBatch, Longs]:
    """The rows whose asset_id is one of `ids`, and its place among them."""
    place = pc.index_in(batch["asset_id"], ids)
    wanted = place.is_valid()
    return batch.filter(wanted), place.filter(wanted).to_numpy().astype(np.int64)
