"""Period vectors of several batches put together: in rows, or with the versions of each asset next to one another."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scenario_rows import filled
from valued import ASSET, flat

from ipvalue.assumptions import load_assumptions
from ipvalue.cashflows import Vectors, interleave, join, take
from ipvalue.compiled import compile_rows
from ipvalue.market import load_market
from ipvalue.tables import GOING_CONCERN, make_tables


def batch(lives: list[float], revenue: float) -> Vectors:
    """The vectors of rights that live so long."""
    rows = filled([{**ASSET, "asset_id": f"a{number}", "currency": "CNY", "life": life, "revenue": revenue} for number, life in enumerate(lives)])
    vectors = compile_rows(rows, make_tables(load_market(flat()), load_assumptions("default"), GOING_CONCERN)).vectors
    assert len(vectors.hash) == len(lives)
    return vectors


@pytest.mark.parametrize("lives", [[4.0, 4.0, 4.0, 4.0], [1.0, 3.5, 2.0, 7.0]])
@pytest.mark.parametrize("part", [(0, 4), (1, 3), (2, 3)])
def test_versions_lie_next_to_one_another(lives: list[float], part: tuple[int, int]) -> None:
    versions = [batch(lives, revenue) for revenue in (100.0, 150.0, 70.0)]
    longer = replace(batch([*lives[:-1], 9.0], 30.0), tab_factor=np.full(4, 1.5))
    for found in (versions, versions[:1], [*versions, longer]):
        v, (start, stop) = len(found), part
        expected = take(join(found), np.array([k * 4 + a for a in range(start, stop) for k in range(v)]))
        together = interleave(found, start, stop)
        for field in fields(Vectors):
            np.testing.assert_array_equal(getattr(together, field.name), getattr(expected, field.name), field.name)
