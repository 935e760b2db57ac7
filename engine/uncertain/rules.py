"""Rules of the columns of uncertain inputs, whatever the method."""

from __future__ import annotations

import numpy as np

from ipvalue.columns import packed
from ipvalue.distributions import Distributions
from ipvalue.rows import Rows
from ipvalue.schema import UNCERTAIN
from ipvalue.uncertain.correlations import PAIRS, triangle


def distributions_of(rows: Rows, name: str) -> Distributions:
    """What the column `name`, one of schema.UNCERTAIN, is drawn from."""
    return rows.kept(lambda: Distributions.of(rows.batch, name), (f"{name}_distribution", f"{name}_parameters"), Distributions)


def check_inputs(rows: Rows) -> None:
    """Rules of the columns themselves, whatever the method. Breaking rows are rejected."""
    if rows.batch["input_correlations"].null_count < len(rows):
        _check_correlations(rows)
    for name in UNCERTAIN:
        named, given = f"{name}_distribution", f"{name}_parameters"
        if not (rows.given(named) | rows.given(given)).any():
            continue
        found = distributions_of(rows, name)
        rule = "a distribution and its parameters are given together"
        rows.reject(rows.given(named) & ~rows.given(given), given, rule, f"{given} is blank: give those of {named}, or leave both blank")
        rows.reject(rows.given(given) & ~rows.given(named), named, rule, f"{named} is blank: name what {given} are of, or leave both blank")
        both = rows.given(named) & rows.given(given)
        rows.reject(
            both & ~found.whole,
            given,
            "a distribution has all its parameters",
            lambda value: f"{given} {value} are too few or too many: {_WANTED}",  # noqa: B023 (used at once)
        )
        rows.reject(
            both & found.whole & ~found.ordered,
            given,
            "parameters ascend, and a deviation is at least 0",
            lambda value: f"{given} {value} are not in order: {_WANTED}",  # noqa: B023
        )
    rows.reject(
        rows.given("royalty_rate_distribution") & (rows.given("royalty_low") | rows.given("royalty_high")),
        "royalty_rate_distribution",
        "royalty_rate has a range or a distribution, not both",
        "royalty_low or royalty_high is given too: leave the bounds blank, or the distribution",
    )


_WANTED = "; ".join(
    (
        "triangular and pert take low, mode, high",
        "uniform low, high",
        "lognormal mean and standard deviation of the log",
        "quantiles two or more from the lowest to the highest",
    )
)


def _check_correlations(rows: Rows) -> None:
    name = "input_correlations"
    lengths = rows.lengths(name)
    rows.reject(
        rows.given(name) & (lengths != len(PAIRS)),
        name,
        f"{name} has {len(PAIRS)} entries",
        lambda value: f"{name} {value}: give {', '.join(f'{UNCERTAIN[i]} with {UNCERTAIN[j]}' for i, j in PAIRS)}",
    )
    whole = rows.given(name) & (lengths == len(PAIRS))
    bad = np.zeros(len(rows), np.bool_)
    bad[whole] = [triangle(tuple(entries)) is None for entries in rows.batch[name].filter(packed(whole)).to_pylist()]
    rows.reject(
        bad,
        name,
        "correlations are positive semidefinite",
        lambda value: f"{name} {value} contradict one another (the matrix is not positive semidefinite): bring them nearer to 0",
    )
