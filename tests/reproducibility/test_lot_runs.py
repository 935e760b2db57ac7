"""Scenarios by batch means: each is what a run of its own gives, to the bit, however the work is cut; groups are the sums of rights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import oracle_lots
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import uncertain_rows
from portfolios import MARKET, several, table_of
from shocked import shocked

import ipvalue
from ipvalue.scenarios import values

SCENARIOS: dict[str, Any] = {
    "scenario": [
        {"name": "royalties fall", "shock": [{"field": "royalty_rate", "multiply": 0.8, "where": "right_type == 'trademark'"}]},
        {"name": "less revenue", "shock": [{"field": "revenue", "multiply": 0.7}, {"field": "tax_rate", "add": 0.05}]},
        {"name": "rates up", "shock": [{"curve": "all", "add": 0.01}]},
        {"name": "rivals", "shock": [{"field": "hazard", "add": 0.05}, {"field": "entry_hazard", "multiply": 0.5}]},
        {"name": "losses", "shock": [{"field": "entry_loss", "multiply": 0.5}]},
        {"name": "shorter", "shock": [{"field": "life", "multiply": 0.97, "where": "life is not None"}]},
        {"name": "stormy", "shock": [{"field": "volatility", "multiply": 1.5, "where": "sector == 'pharma'"}]},
        {"name": "together", "shock": [{"correlation": "all", "toward_one": 0.5}]},
    ]
}
TRIVIAL: dict[str, Any] = {"scenario": [{"name": "same", "shock": [{"field": "revenue", "multiply": 0.5, "where": "asset_id == 'nobody'"}]}]}
NAMES = ["base", *(one["name"] for one in SCENARIOS["scenario"])]
ROWS, PATHS = 36, 320
ORDER = [("scenario", "ascending"), ("asset_id", "ascending")]


@pytest.fixture(scope="module")
def portfolio() -> pa.Table:
    """Rights by one method each, with inputs that are drawn, and some by several."""
    names = pa.array([f"several {i}" for i in range(4)])
    return pa.concat_tables([uncertain_rows.portfolio(ROWS, 5), several(4, 6).set_column(0, "asset_id", names)], promote_options="default")


@pytest.fixture(scope="module")
def whole(portfolio: pa.Table, assumptions: Path) -> dict[str, Any]:
    """In one piece, by sampler."""
    return {sampler: by_lots(portfolio, assumptions, workers=1, sampler=sampler) for sampler in ("random", "sobol")}


def by_lots(portfolio: pa.Table, book: Path, scenarios: dict[str, Any] | None = None, **options: Any) -> Any:
    given = {"market": MARKET, "assumptions": book, "paths": PATHS, "seed": 3, "group_by": ("sector",), **options}
    return ipvalue.scenarios(portfolio, scenarios or SCENARIOS, statistics="batch-means", **given)


def of(table: pa.Table, name: str) -> pa.Table:
    return table.filter(pc.equal(table["scenario"], name)).drop_columns("scenario")


def equal(one: Any, other: Any) -> None:
    for name, order in (("assets", ORDER), ("scenarios", []), ("totals", [])):
        found, wanted = (getattr(result, name).sort_by(order) if order else getattr(result, name) for result in (one, other))
        differ = [column for column in wanted.column_names if not found[column].equals(wanted[column])]
        both = zip(*(table.select(differ).to_pylist() for table in (found, wanted)), strict=True)
        assert not differ, (name, [pair for pair in both if pair[0] != pair[1]][:3])
    assert one.rejects.drop_columns("file").sort_by("row").equals(other.rejects.drop_columns("file").sort_by("row"))


WAYS: list[Any] = [
    ({}, NAMES),
    ({"sampler": "sobol"}, ["base", "rivals", "stormy"]),
    ({"precision": "double", "paths": 100}, ["rates up", "shorter", "together"]),
    pytest.param({"backend": "numba", "paths": 32}, ["base", "stormy"], marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("more", "names"), WAYS, ids=str)
def test_each_scenario_is_a_run_of_its_own(more: dict[str, Any], names: list[str], portfolio: pa.Table, assumptions: Path) -> None:
    """Which has it as its base: rights and groups, whose differences are to another base."""
    found, apart = by_lots(portfolio, assumptions, **more), ["difference", "difference_error"]
    assert list(dict.fromkeys(found.scenarios["scenario"].to_pylist())) == NAMES
    assert not found.rejects.num_rows
    for name in names:
        given = shocked(portfolio, assumptions, SCENARIOS, name)
        own = by_lots(given.pop("portfolio"), assumptions, TRIVIAL, **{**given, **more})
        for table, others in (("scenarios", apart), ("assets", [*apart, "filled"]), ("totals", [])):
            mine, theirs = of(getattr(found, table), name).drop_columns(others), of(getattr(own, table), "base").drop_columns(others)
            if table == "assets":
                mine, theirs = mine.sort_by("asset_id"), theirs.sort_by("asset_id")
            for one in mine.column_names:
                assert mine[one].combine_chunks().equals(theirs[one].combine_chunks()), (name, table, one)
        assert not any(any(of(own.assets, "same")[one].to_pylist()) for one in apart)


CUTS: list[dict[str, Any]] = [{"rows_per_task": 15}, {"workers": 2, "rows_per_task": 19}, {"at_once": 20}, {"at_once": 1, "order": 1}]


@pytest.mark.parametrize("how", CUTS, ids=str)
@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_no_cut_of_the_work_moves_a_bit(
    sampler: str, how: dict[str, Any], whole: dict[str, Any], portfolio: pa.Table, assumptions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more, order = {"workers": 1, "sampler": sampler, **how}, np.arange(portfolio.num_rows)
    monkeypatch.setattr(values, "ASSETS_AT_ONCE", more.pop("at_once", values.ASSETS_AT_ONCE))
    if more.pop("order", None):
        order = np.random.default_rng(1).permutation(order)
    equal(by_lots(portfolio.take(order), assumptions, **more), whole[sampler])


def test_the_order_of_scenarios_moves_no_bit(whole: dict[str, Any], portfolio: pa.Table, assumptions: Path) -> None:
    turned = by_lots(portfolio, assumptions, {"scenario": SCENARIOS["scenario"][::-1]})
    assert whole["random"].assets.sort_by(ORDER).equals(turned.assets.sort_by(ORDER))
    for name in NAMES:
        assert of(whole["random"].scenarios, name).equals(of(turned.scenarios, name))
        assert of(whole["random"].totals, name).equals(of(turned.totals, name))


@pytest.mark.parametrize("more", [{"precision": "double"}, {"sampler": "sobol"}, {"paths": 16}], ids=str)
def test_what_is_said_is_that_of_paths_but_for_rounding_and_the_errors_own_error(
    more: dict[str, Any], portfolio: pa.Table, assumptions: Path
) -> None:
    ours = by_lots(portfolio, assumptions, **more)
    given: dict[str, Any] = {"market": MARKET, "assumptions": assumptions, "paths": PATHS, "seed": 3, "group_by": ("sector",), **more}
    theirs = ipvalue.scenarios(portfolio, SCENARIOS, statistics="mean", **given)
    assert [name for name in theirs.assets.column_names if name != "standard_deviation"] == ours.assets.column_names
    left_out = {*theirs.scenarios.column_names} - {*ours.scenarios.column_names}
    assert left_out == {"standard_deviation", "q05", "q25", "q50", "q75", "q95", "expected_shortfall"}
    close = 1e-13 if more.get("precision") == "double" else 1e-6
    for mine, other in ((ours.assets.sort_by(ORDER), theirs.assets.sort_by(ORDER)), (ours.scenarios, theirs.scenarios)):
        size = np.maximum(*(np.abs(one["mean"].to_numpy()) for one in (mine, other)))
        exact = more.get("sampler") == "sobol" or more.get("paths") == 16
        for name in ("mean", "mean_raw", "value", "tab", "difference", "expected_life"):
            if name in mine.column_names:
                one, two = (table[name].to_numpy() for table in (mine, other))
                np.testing.assert_array_less(np.abs(one - two), close * (20 * size + np.abs(two)) + 1e-300, err_msg=name)
        for name in ("standard_error", "difference_error"):
            one, two = (table[name].to_numpy() for table in (mine, other))
            if exact:
                np.testing.assert_array_less(np.abs(one - two), 50 * close * (size + two) + 1e-300, err_msg=name)
            else:
                seen = two > 1e-5 * size
                assert np.abs(np.log(one[seen] / two[seen])).max() < 0.3
                assert seen.any()


def test_groups_are_what_the_definition_makes_of_their_rights(whole: dict[str, Any], portfolio: pa.Table, assumptions: Path) -> None:
    """From the sums in totals.arrow, whose whole is that of its groups."""
    for paths, found in ((PATHS, whole["random"]), (100, by_lots(portfolio, assumptions, paths=100))):
        sums: dict[tuple[str, str | None], list[int]] = {}
        for row in found.totals.to_pylist():
            sums.setdefault((row["scenario"], row["sector"]), []).append(int(row["value"].scaleb(6)))
        assert found.totals["lot"].to_pylist() == list(range(256)) * len(sums)
        for row in found.scenarios.to_pylist():
            own, base = sums[row["scenario"], row["sector"]], sums["base", row["sector"]]
            told, apart = oracle_lots.of_group(own, paths), oracle_lots.of_group(own, paths, base)
            assert (row["mean"], row["standard_error"]) == (told["mean_raw"], told["standard_error"])
            assert row["difference_error"] == apart["standard_error"]
            assert row["difference"] == told["mean_raw"] - oracle_lots.of_group(base, paths)["mean_raw"]
        for name in NAMES:
            groups = [numbers for (scenario, sector), numbers in sums.items() if scenario == name and sector is not None]
            assert [sum(one) for one in zip(*groups, strict=True)] == sums[name, None]
            own = of(found.assets, name)
            assert sum(sums[name, None]) / paths / 1e6 == pytest.approx(pc.sum(own["mean"]).as_py(), rel=1e-9)


def lots_of_rights(rights: pa.Table, assumptions: Path, **options: Any) -> dict[str, Any]:
    """(b,) V_b of each right, to a millionth."""
    totals = by_lots(rights, assumptions, TRIVIAL, group_by=("asset_id",), **options).totals.to_pylist()
    found: dict[str, list[float]] = {}
    for row in totals:
        if row["scenario"] == "base" and row["asset_id"] is not None:
            found.setdefault(row["asset_id"], []).append(float(row["value"]))
    return {name: np.array(sums) for name, sums in found.items()}


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_of_several_methods_sums_are_weighted(sampler: str, assumptions: Path) -> None:
    """Those of each method alone, in their order; and the deviation is of what is so added."""
    rows = several(9, 6).to_pylist()
    single = [
        table_of([{**row, "method": row["methods"][k], "methods": None, "weights": None} for row in rows if len(row["methods"]) > k])
        for k in range(4)
    ]
    options: dict[str, Any] = {"precision": "double", "sampler": sampler, "paths": 64}
    together = lots_of_rights(table_of(rows), assumptions, **options)
    by_method = [lots_of_rights(one, assumptions, **options) for one in single if one.num_rows]
    for row in rows:
        sums = [found[row["asset_id"]] for found in by_method[: len(row["methods"])]]
        expected = oracle_lots.of_several(row["weights"], sums)
        np.testing.assert_allclose(together[row["asset_id"]], expected, rtol=1e-15, atol=2e-6)
    assert len({len(row["methods"]) for row in rows}) > 1


@ipvalue.cash_rule
def capped(level: float, period: int) -> float:
    return min(0.05 * level, 1e6)


@pytest.mark.parametrize("rule", [None, pytest.param(capped, marks=pytest.mark.slow)])
def test_sums_are_those_of_kept_paths(rule: Any, portfolio: pa.Table, assumptions: Path) -> None:
    """Of rights by one method and by several, clamped or optional; and of those that earn by a rule."""
    options: dict[str, Any] = {"precision": "double", "paths": 48, "rule": rule}
    ours = lots_of_rights(portfolio, assumptions, **options)
    kept = ipvalue.value(portfolio, market=MARKET, assumptions=assumptions, seed=3, keep_paths=True, **options).paths
    assert len(ours) == kept.num_rows > 20
    for name, paths in zip(kept["asset_id"].to_pylist(), kept["values"].to_pylist(), strict=True):
        np.testing.assert_allclose(ours[name], oracle_lots.dealt(np.array(paths), 256), rtol=1e-12, atol=1e-6, err_msg=name)


def test_versions_may_move_apart_in_anything(portfolio: pa.Table, assumptions: Path) -> None:
    """The deviation of a difference by lots is that of paths within its own error, whether the versions share rows, paths or nothing."""
    paths = 4096
    found = by_lots(portfolio, assumptions, paths=paths).assets.sort_by(ORDER)
    known = ipvalue.scenarios(portfolio, SCENARIOS, statistics="mean", market=MARKET, assumptions=assumptions, paths=paths, seed=3).assets.sort_by(
        ORDER
    )
    for name in NAMES[1:]:
        ours, theirs = (of(one, name)["difference_error"].to_numpy() for one in (found, known))
        seen = theirs > 1e-5 * np.abs(of(known, name)["mean"].to_numpy())
        assert seen.any(), name
        assert np.abs(np.log(ours[seen] / theirs[seen])).max() < 0.2, name
