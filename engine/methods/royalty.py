"""The royalty on revenue: its rules and its triangular range (model.md §3), for the methods that earn one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.drivers import ROYALTY
from ipvalue.rows import Floats, Rows


def check_royalty(rows: Rows, method: str) -> None:
    """A rate, and both bounds around it or neither. Breaking rows are rejected."""
    rows.reject(
        ~rows.given("royalty_rate"), "royalty_rate", f"{method} has a royalty_rate", "royalty_rate is blank: give it, or fill it from the assumptions"
    )
    for blank, given in (("royalty_high", "royalty_low"), ("royalty_low", "royalty_high")):
        rows.reject(
            rows.given(given) & ~rows.given(blank),
            blank,
            "both bounds of the royalty or neither",
            f"{given} is given and {blank} is blank: give both or neither",
        )
    rows.reject(
        rows.floats("royalty_low") > rows.floats("royalty_rate"),
        "royalty_low",
        "royalty_low <= royalty_rate <= royalty_high",
        lambda value: f"royalty_low is {value}, above royalty_rate; correct one of them",
    )
    rows.reject(
        rows.floats("royalty_high") < rows.floats("royalty_rate"),
        "royalty_high",
        "royalty_low <= royalty_rate <= royalty_high",
        lambda value: f"royalty_high is {value}, below royalty_rate; correct one of them",
    )
    rows.reject(
        rows.given("royalty_low") & ~(rows.floats("royalty_rate") > 0.0),
        "royalty_rate",
        "royalty_rate > 0 where bounds are given",
        "a range around a royalty of 0 means nothing; give a rate above 0 or no bounds",
    )


def of_royalty(rows: Rows) -> tuple[npt.NDArray[np.int8], Floats]:
    """(a,), (a,) what the rate is made of, and what is taken off it: the royalty_rate alone."""
    return np.full(len(rows), ROYALTY, np.int8), np.zeros(len(rows))


def royalty_range(rows: Rows) -> tuple[Floats, Floats]:
    """(a,), (a,) the bounds of the triangular draw relative to royalty_rate; 1, 1 where there is no range."""
    rate, low, high = (rows.floats(name) for name in ("royalty_rate", "royalty_low", "royalty_high"))
    ranged = ~np.isnan(low)
    base = np.where(rate > 0.0, rate, 1.0)
    return np.where(ranged, low / base, 1.0), np.where(ranged, high / base, 1.0)
