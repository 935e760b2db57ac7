"""Batches of whole units: which loans are together, in what order, and what the settlement is told of them."""

from __future__ import annotations

import numpy as np

from ipvalue.lending.amortisation import schedules
from ipvalue.lending.batch import OWN, Batch, packed, units_of
from ipvalue.lending.layout import Layout, lay_out
from ipvalue.lending.pledges import Pledges


def _longs(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def _batch() -> tuple[Batch, Layout]:
    """Loan 0: rights 0, 1 of its own, over 2 years. Loans 1 and 2 share right 3, 1 first; it has 2 of its own, over 1 year, 2 has 4, over 2."""
    pledges = Pledges(_longs(0, 2, 4, 6), _longs(0, 1, 3, 2, 3, 4), _longs(1, 1, 1, 1, 2, 2))
    years = schedules(np.array([100.0, 60.0, 40.0]), np.full(3, 0.1), np.array([2.0, 1.0, 2.0]), ["bullet"] * 3)
    batch = Batch(np.arange(3), _longs(0, 1, 1), pledges, np.arange(5), np.array([0.5, 0.5, 0.6, 0.7, 0.6, 0.8]), years, np.zeros(3, bool))
    period = _longs(1, 2, 1, 1, 2)
    layout, _ = lay_out(pledges.offset, pledges.asset, batch.pooled(np.zeros(5, bool)), years.offset, period, np.arange(6), np.zeros(5, bool))
    return batch, layout


def test_a_task_has_whole_units_of_about_the_weight_asked_for() -> None:
    unit = _longs(0, 1, 0, 2, 3, 1, 4)
    assert packed(unit, _longs(3, 2, 3, 8, 1, 2, 1), 5).tolist() == [0, 1, 0, 2, 3, 1, 3]


def test_a_pooled_loan_is_one_pledge_and_own_rights_come_before_shared_ones() -> None:
    batch, layout = _batch()
    units = units_of(batch, layout, _longs(0, 1, 2))
    assert layout.pooled.tolist() == [True, False, False]
    assert units.loan.tolist() == [0, 1, 3]
    assert units.asset.tolist() == [0, 0, 1]
    assert units.pledge.tolist() == [0, 1, 3, 5]
    assert units.shared.tolist() == [1, 2, 4]
    assert units.on.tolist() == [OWN, OWN, 0, OWN, 0]
    assert units.kept.tolist() == [0.5, 0.7, 0.6, 0.8, 0.6]


def test_slots_are_those_of_the_layout_and_shared_rights_have_them_in_common() -> None:
    batch, layout = _batch()
    units = units_of(batch, layout, _longs(0, 1, 2))
    slots = [units.slot[at : at + years].tolist() for at, years in zip(units.look, (2, 1, 1, 2, 2), strict=True)]
    assert slots[0] == layout.of_year[:2].tolist()
    assert slots[2][0] == slots[4][0]  # right 3 at the end of year 1
    assert len({one for some in slots for one in some}) == 2 + 1 + 2 + 2
    assert units.worth[2] == units.worth[4] == layout.worth_apart[3]


def test_those_that_precede_a_loan_on_a_right_are_named_by_rank() -> None:
    batch, layout = _batch()
    units = units_of(batch, layout, _longs(0, 1, 2))
    before = [units.before[a:b].tolist() for a, b in zip(units.senior[:-1], units.senior[1:], strict=True)]
    assert before == [[], [], [], [], [1]]
