"""The slots of loans' collateral: which are pooled, what looks into which, and that nothing else does."""

from __future__ import annotations

import numpy as np

from ipvalue.lending.layout import NO_SLOT, Dates, Layout, lay_out, pooled_loans


def _longs(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def _laid(steps: int = 1) -> tuple[Layout, Dates]:
    """Loan 0: rights 0, 1 over 2 years; loan 1: right 2 over 3; loan 2: rights 2, 3 over 2; loan 3: right 4, by two methods, over 1."""
    offset, right = _longs(0, 2, 3, 5, 6), _longs(0, 1, 2, 2, 3, 4)
    years, year = _longs(0, 2, 5, 7, 8), _longs(1, 2, 1, 2, 3, 1, 2, 1)
    several = np.array([False, False, False, False, True])
    pooled = pooled_loans(offset, right, np.full(6, 0.7), several)
    return lay_out(offset, right, pooled, years, year * steps, _longs(0, 1, 2, 3, 4, 6), several)


def test_loans_whose_rights_are_their_own_are_pooled() -> None:
    layout, _ = _laid()
    assert layout.pooled.tolist() == [True, False, False, False]
    assert (layout.of_year[:2] >= 0).all()
    assert (layout.of_year[2:] == NO_SLOT).all()


def test_rights_with_different_parts_kept_are_not_pooled() -> None:
    none = np.zeros(2, bool)
    assert not pooled_loans(_longs(0, 2), _longs(0, 1), np.array([0.7, 0.6]), none).any()
    assert pooled_loans(_longs(0, 2), _longs(0, 1), np.array([0.7, 0.7]), none).all()


def test_every_slot_is_one_thing() -> None:
    layout, _ = _laid()
    pooled, shared = layout.of_year[:2], layout.of_cell[layout.of_cell != NO_SLOT]
    worth = [*layout.worth[layout.worth >= 0], *layout.worth_apart[layout.worth_apart >= 0]]
    assert sorted([*pooled, *np.unique(shared), *worth]) == list(range(layout.slots))
    # loans 1 and 2 look at right 2 together in the two years that both have
    of = [layout.of_cell[layout.cell[k] : layout.cell[k + 1]].tolist() for k in range(6)]
    assert of[2][:2] == of[3]
    assert of[0] == of[1] == [NO_SLOT, NO_SLOT]
    assert np.flatnonzero(layout.several).tolist() == of[5]


def test_components_are_looked_at_once_for_each_date() -> None:
    for steps in (1, 12):
        layout, dates = _laid(steps)
        found = [
            list(zip(*(one[dates.start[c] : dates.start[c + 1]].tolist() for one in (dates.period, dates.year, dates.slot)), strict=True))
            for c in range(6)
        ]
        assert found[0] == found[1] == [(steps, 1, layout.of_year[0]), (2 * steps, 2, layout.of_year[1])]
        assert [period for period, _, _ in found[2]] == [steps, 2 * steps, 3 * steps]
        assert found[4] == found[5] == [(steps, 1, layout.of_cell[layout.cell[5]])]
        assert (dates.component == np.repeat(np.arange(6), np.diff(dates.start))).all()
