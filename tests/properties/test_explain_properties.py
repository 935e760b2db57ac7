"""Whatever changes between two results: the steps add up exactly, only the steps of what was changed move anything, and noise is told from news."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import portfolios
import pyarrow as pa
import pytest
from compared import mild
from explained import ENDS, Inputs, between, edited, moving, without
from hypothesis import given, settings
from hypothesis import strategies as st
from portfolios import VALUATION_DATE

import ipvalue as iv

BASE = Inputs(portfolios.methods_and_several(20, 4, seed=8))
IDS = BASE.table["asset_id"].to_pylist()
MORE = portfolios.random_methods(3, seed=99).set_column(0, "asset_id", [["new 0", "new 1", "new 2"]])
FACTORS = portfolios.MARKET["factors"]

some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=6, unique=True)


def cells(column: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[set[str], Callable[[Inputs], Inputs]]]:
    def change(ids: list[str], value: Any) -> tuple[set[str], Callable[[Inputs], Inputs]]:
        # a cell may make the row one that cannot be valued
        steps = {f"data: {column}", "rejected"}
        return steps, lambda one: one.but(table=edited(one.table, {name: {column: value} for name in ids}))

    return st.builds(change, some_ids, values)


def market(step: str, values: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[tuple[set[str], Callable[[Inputs], Inputs]]]:
    # at a later date rights end, and what is left to another step may be a column's
    steps = {step, "ended"} if step == "time" else {step, "rejected"}
    return values.map(lambda parts: (steps, lambda one: one.but(**parts)))


def row_order(one: Inputs, seed: int) -> Inputs:
    rows = one.table.to_pylist()
    return one.but(table=one.table.take(sorted(range(len(rows)), key=lambda i: (i * 7919 + seed) % 104729)))


CHANGES = (
    some_ids.map(lambda ids: ({"removed"}, lambda one: one.but(table=without(one.table, *ids)))),
    st.integers(1, 3).map(lambda n: ({"added"}, lambda one: one.but(table=_joined(one.table, n)))),
    st.integers(0, 1000).map(lambda seed: (set(), lambda one: row_order(one, seed))),
    cells("revenue", st.floats(1e4, 1e7)),
    cells("volatility", st.floats(0.0, 0.4)),
    cells("hazard", st.floats(0.0, 0.3)),
    cells("tax_rate", st.one_of(st.none(), st.floats(0.0, 0.5))),
    cells("factor_loading", st.floats(-0.9, 0.9)),
    cells("sector", st.sampled_from(portfolios.SECTORS)),
    cells("renewal", st.sampled_from(["always", "optimal"])),
    cells("currency", st.sampled_from(["CNY", "USD", "EUR", "JPY"])),
    cells("life", st.floats(0.5, 30.0)),
    market("time", st.integers(1, 700).map(lambda days: {"valuation_date": VALUATION_DATE + timedelta(days=days)})),
    market("periods", st.sampled_from([{"mid_period": False}, {"steps_per_year": 4}])),
    market("curves", st.floats(0.0, 0.05).map(lambda rate: {"curves": {**portfolios.MARKET["curves"], "EUR": {"tenors": [10.0], "rates": [rate]}}})),
    market("fx", st.floats(5.0, 9.0).map(lambda rate: {"fx": {"USD": rate, "EUR": 8.2}})),
    market("factors", st.floats(-0.2, 0.5).map(lambda r: {"factors": {**FACTORS, "correlation": [[1.0, r, -0.2], [r, 1.0, 0.3], [-0.2, 0.3, 1.0]]}})),
    st.floats(0.0, 0.2).map(lambda p: ({"assumptions"}, lambda one: one.but(assumptions=one.assumptions.replace("0.06", f"{p:.3f}")))),
    st.integers(2, 2**64 - 1).map(lambda seed: ({"sampling"}, lambda one: one.but(seed=seed))),
    st.sampled_from([32, 128]).map(lambda paths: ({"sampling"}, lambda one: one.but(paths=paths))),
)  # fmt: skip


def _joined(table: Any, count: int) -> Any:
    return pa.concat_tables([table, MORE.slice(0, count)], promote_options="default")


def applied(changes: list[tuple[set[str], Callable[[Inputs], Inputs]]], base: Inputs) -> tuple[set[str], Inputs]:
    steps: set[str] = set()
    for names, change in changes:
        base, steps = change(base), steps | names
    return steps, base


@given(st.data())
@settings(max_examples=settings.default.max_examples // 3)
def test_any_changes_add_up_and_move_only_their_own_steps(data: st.DataObject) -> None:
    """`between` checks the sums, of the whole and of every group."""
    changes = [data.draw(one) for one in data.draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=5, unique_by=id))]
    sampler, group_by = data.draw(st.sampled_from(["random", "sobol"])), data.draw(st.sampled_from([(), ("sector",), ("right_type", "currency")]))
    old = BASE.but(sampler=sampler, group_by=group_by)
    steps, new = applied(changes, old)
    with tempfile.TemporaryDirectory() as folder:
        found = between(Path(folder), old, new)
    # a right can end by a later date with another life; one that is set aside by one change may be so by another
    assert moving(found) <= steps
    assert set(found.record["steps"]) <= {*steps, *ENDS}


@given(st.data())
@settings(max_examples=settings.default.max_examples // 6)
def test_the_way_back_is_as_long(data: st.DataObject) -> None:
    """Of a single change of all, the step back is the step forth, taken back."""
    changes = [data.draw(data.draw(st.sampled_from([CHANGES[3], CHANGES[4], CHANGES[5], CHANGES[14], CHANGES[15]])))]
    _, new = applied(changes, BASE)
    with tempfile.TemporaryDirectory() as folder:
        forth = between(Path(folder), BASE, new)
        back = iv.explain(Path(folder) / "new", Path(folder) / "old", workers=1)
    turned = {"rejected": "accepted"}
    before = {(row["asset_id"], turned.get(row["step"], row["step"])): (row["amount"], row["standard_error"]) for row in forth.assets.to_pylist()}
    after = {(row["asset_id"], row["step"]): (-row["amount"], row["standard_error"]) for row in back.assets.to_pylist()}
    assert before == after


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_noise_is_marked_as_often_as_two_standard_errors_are_passed(sampler: str, tmp_path: Path) -> None:
    """Of 24 pairs of seeds: one in twenty is meant; seven or more have a chance of one in ten thousand."""
    mildly = Inputs(mild(BASE.table)).but(sampler=sampler, paths=256)
    marked, size = 0, 0.0
    for seed in range(1000, 1048, 2):
        for one in (seed, seed + 1):
            mildly.but(seed=one).valued(tmp_path / str(one))
        (step,) = iv.explain(tmp_path / str(seed), tmp_path / str(seed + 1), workers=1).steps.to_pylist()[1:-1]
        assert step["step"] == "sampling"
        marked += step["significant"]
        size += (float(step["amount"]) / step["standard_error"]) ** 2 / 24
    assert marked < 7
    assert 0.4 < size < 2.0
