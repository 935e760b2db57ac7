"""Days of a right's life on whole arrays: n rows, datetime64[D]."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import numpy.typing as npt

from ipvalue.synthesize.draws import Floats, Share

Days = npt.NDArray[np.datetime64]


class YearsOfDays:
    """A day drawn in two steps: its year by published counts, then evenly within the part of that year from `first` to `last`."""

    def __init__(self, counts: Mapping[str, int], first: date | None = None, last: date | None = None) -> None:
        self._years = Share.of(counts)
        opens = np.array([f"{year}-01-01" for year in counts], "datetime64[D]")
        closes = (opens + np.timedelta64(366, "D")).astype("datetime64[Y]").astype("datetime64[D]")
        self._opens = opens if first is None else np.maximum(opens, np.datetime64(first))
        closes = closes if last is None else np.minimum(closes, np.datetime64(last) + np.timedelta64(1, "D"))
        self._days = (closes - self._opens).astype(np.float64)

    def draw(self, u_year: Floats, u_day: Floats) -> Days:
        """Two uniforms (n,) -> days (n,)."""
        year = self._years.draw(u_year)
        day: Days = self._opens[year] + np.floor(u_day * self._days[year]).astype("timedelta64[D]")
        return day


def years_later(day: Days, years: int) -> Days:
    """The same day of the month so many years on; 1 March for a 29 February that is not there."""
    month = day.astype("datetime64[M]")
    later: Days = (month + np.timedelta64(12 * years, "M")).astype("datetime64[D]") + (day - month.astype("datetime64[D]"))
    return later


def next_renewal(granted: Days, today: date, term: int) -> Days:
    """The first end of a term of so many years after `today`."""
    years = term
    end = years_later(granted, years)
    while (past := end <= np.datetime64(today)).any():
        years += term
        end = np.where(past, years_later(granted, years), end)
    return end


def end_of_year(day: Days, years: int) -> Days:
    """31 December of the year so many years on."""
    following: Days = (day.astype("datetime64[Y]") + np.timedelta64(years + 1, "Y")).astype("datetime64[D]")
    return following - np.timedelta64(1, "D")
