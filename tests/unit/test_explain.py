"""`ipvalue.explain`, step by step: each change lands in its own step and only there, exactly, with its error."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pytest
from commandline import ROW, table
from explained import Inputs, amounts, between, check, edited, moving, without
from portfolios import VALUATION_DATE

import ipvalue as iv
from ipvalue.appraise import make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.explain import explanation, ledger
from ipvalue.explain.ledger import Ledger
from ipvalue.explain.tables import steps_schema
from ipvalue.explain.task import ASSETS
from ipvalue.explain.worth import state_of, worth
from ipvalue.market import load_market
from ipvalue.schema import PORTFOLIO, RESULTS, RIGHT_TYPES, InputError, RunError
from ipvalue.simulate import Sampling

BASE = Inputs(portfolios.methods_and_several(24, 4, seed=5))
IDS = BASE.table["asset_id"].to_pylist()
CNY = portfolios.MARKET["curves"]["CNY"]
ONE: dict[str, Any] = {**ROW, "asset_id": "one", "volatility": 0.2, "tab_years": 0}
PLAIN = Inputs(table([ONE, {**ONE, "asset_id": "two", "factor_loading": 0.0, "expiry_date": None}]), assumptions="")


def of(*rows: dict[str, Any]) -> Inputs:
    """A portfolio of such rows, and nothing assumed."""
    return Inputs(table(list(rows)), assumptions="")


def rates(by: float) -> dict[str, Any]:
    curves = {**portfolios.MARKET["curves"]}
    return {**curves, "CNY": {**CNY, "rates": [rate + by for rate in CNY["rates"]]}}


CHANGES: dict[str, Inputs] = {
    "time": BASE.but(valuation_date=VALUATION_DATE + timedelta(days=90)),
    "periods": BASE.but(mid_period=False),
    "curves": BASE.but(curves=rates(0.01)),
    "fx": BASE.but(fx={"USD": 7.3, "EUR": 8.2}),
    "factors": BASE.but(factors={**portfolios.MARKET["factors"], "correlation": [[1.0, 0.5, 0.1], [0.5, 1.0, 0.55], [0.1, 0.55, 1.0]]}),
    "assumptions": BASE.but(assumptions=BASE.assumptions.replace("amounts = [500]", "amounts = [500000]").replace("0.63", "0.60")),
    "sampling": BASE.but(seed=2),
    "removed": BASE.but(table=without(BASE.table, *IDS[3:6])),
    "rejected": BASE.but(table=edited(BASE.table, {IDS[2]: {"volatility": -1.0}})),
    "data: tax_rate": BASE.but(table=edited(BASE.table, {one: {"tax_rate": 0.31} for one in IDS[:12]})),
}


@pytest.mark.parametrize("step", CHANGES)
def test_a_change_lands_in_its_own_step_and_only_there(step: str, tmp_path: Path) -> None:
    found = between(tmp_path, BASE, CHANGES[step])
    assert moving(found) == {step}
    assert set(found.record["steps"]) == {"old", step, "new"}


def test_what_is_not_there_arrives_the_way_it_left(tmp_path: Path) -> None:
    left = between(tmp_path, BASE, CHANGES["removed"])
    came = iv.explain(tmp_path / "new", tmp_path / "old")
    assert amounts(came) == {"added": -amounts(left)["removed"]}


def test_a_right_that_was_set_aside_is_accepted(tmp_path: Path) -> None:
    assert moving(between(tmp_path, CHANGES["rejected"], BASE)) == {"accepted"}


def test_a_duplicate_is_set_aside(tmp_path: Path) -> None:
    twice = pa.concat_tables([BASE.table, BASE.table.slice(0, 1)])
    found = between(tmp_path, BASE, BASE.but(table=twice))
    assert moving(found) == {"rejected"}
    assert found.assets["asset_id"].to_pylist() == IDS[:1]


def test_nothing_at_all_moves_nothing(tmp_path: Path) -> None:
    found = between(tmp_path, BASE, BASE)
    assert found.record["steps"] == ["old", "new"]
    assert found.assets.num_rows == 0


@pytest.mark.parametrize("listed", [True, False])
def test_a_right_past_its_expiry_has_ended_whether_it_is_still_listed_or_not(listed: bool, tmp_path: Path) -> None:
    patent = {**ONE, "right_type": "invention_patent", "expiry_date": VALUATION_DATE + timedelta(days=100), "life": None}
    later = VALUATION_DATE + timedelta(days=200)
    old = of(patent, {**ONE, "asset_id": "two"})
    new = (old if listed else of({**ONE, "asset_id": "two"})).but(valuation_date=later)
    found = amounts(between(tmp_path, old, new))
    assert found["ended"] < 0
    assert set(found) == {"ended", "time"}
    assert found["time"] == 0  # no date matters to the other


def test_a_step_that_cannot_value_a_right_leaves_it_to_the_step_that_can(tmp_path: Path) -> None:
    """A trademark renewed meanwhile: at the new date it cannot be valued with its old date of renewal, so the new date takes both."""
    mark = {**ONE, "expiry_date": VALUATION_DATE + timedelta(days=100)}
    renewed = {**mark, "expiry_date": VALUATION_DATE + timedelta(days=3750), "revenue": 2e6}
    found = between(tmp_path, of(mark), of(renewed).but(valuation_date=VALUATION_DATE + timedelta(days=200), curves=rates(0.01)))
    touched = {row["step"] for row in found.assets.to_pylist()}
    assert touched == {"data: expiry_date", "data: revenue"}
    assert {"time", "curves"} <= set(found.record["steps"])
    assert found.assets["amount"].to_pylist()[0] < 0  # the curves' rise is in it
    assert amounts(found)["curves"] == 0


def test_a_right_that_changes_its_group_leaves_the_one_and_enters_the_other(tmp_path: Path) -> None:
    old = Inputs(table([{**ONE, "owner_id": "a"}, {**ONE, "asset_id": "two", "owner_id": "b"}]), assumptions="").but(group_by=("owner_id",))
    new = old.but(table=edited(old.table, {"one": {"owner_id": "b"}}))
    found = between(tmp_path, old, new)
    worth = found.steps["amount"][0].as_py() / 2
    assert abs(amounts(found, ("a",))["data: owner_id"] + worth) < worth / 4
    assert amounts(found, ("a",))["data: owner_id"] == -amounts(found, ("b",))["data: owner_id"]
    assert amounts(found)["data: owner_id"] == 0
    rows = {row["owner_id"]: row for row in found.steps.to_pylist() if row["step"] == "data: owner_id"}
    assert rows["a"]["standard_error"] == pytest.approx(rows["b"]["standard_error"], rel=1e-9)
    assert rows[None]["standard_error"] < 1e-6 * rows["a"]["standard_error"]


def test_two_columns_of_one_right_are_two_steps(tmp_path: Path) -> None:
    new = PLAIN.but(table=edited(PLAIN.table, {"one": {"revenue": 2e6, "life": 9.0}}))
    found = between(tmp_path, PLAIN, new)
    assert [row["step"] for row in found.assets.to_pylist()] == ["data: life", "data: revenue"]
    assert found.assets["asset_id"].to_pylist() == ["one", "one"]
    assert all(amount > 0 for amount in amounts(found).values())


def test_a_column_without_bearing_is_no_step(tmp_path: Path) -> None:
    assert not amounts(between(tmp_path, PLAIN, PLAIN.but(table=edited(PLAIN.table, {"one": {"family_id": "F"}}))))


def test_factors_touch_only_the_rights_that_follow_them(tmp_path: Path) -> None:
    found = between(tmp_path, PLAIN, PLAIN.but(factors={**portfolios.MARKET["factors"], "names": ["pharma", "software", "machinery"]}))
    assert found.assets["asset_id"].to_pylist() == ["one"]
    names = {**portfolios.MARKET["factors"], "names": [*portfolios.SECTORS, "zinc"]}
    more = {**names, "correlation": [[*row, 0.0] for row in names["correlation"]] + [[0.0, 0.0, 0.0, 1.0]]}
    (tmp_path / "more").mkdir()
    assert not between(tmp_path / "more", PLAIN, PLAIN.but(factors=more)).assets.num_rows


def test_the_premise_is_a_step(tmp_path: Path) -> None:
    terms = "".join(f"[premise.forced.{kind}]\ndiscount = 0.4\ntime_to_sell = 1\n" for kind in sorted(set(BASE.table["right_type"].to_pylist())))
    old = BASE.but(assumptions=BASE.assumptions + terms)
    assert moving(between(tmp_path, old, old.but(premise="forced"))) == {"premise"}


@pytest.mark.slow
def test_a_rule_is_a_step_with_the_columns_that_it_alone_has(tmp_path: Path) -> None:
    found = between(tmp_path, PLAIN, ruled(tmp_path, [0.02, 0.03]))
    assert moving(found) == {"rule"}


@pytest.mark.slow
def test_a_column_of_the_same_rule_is_a_step_of_its_own(tmp_path: Path) -> None:
    found = between(tmp_path, ruled(tmp_path, [0.02, 0.03]), ruled(tmp_path, [0.02, 0.04]))
    assert (moving(found), found.assets["asset_id"].to_pylist()) == ({"data: share"}, ["two"])


def ruled(folder: Path, shares: list[float]) -> Inputs:
    """PLAIN with a rule that earns a share of the sales."""
    (folder / "mine.py").write_text("import ipvalue as iv\n@iv.cash_rule\ndef part(level, period, share):\n    return share * level\n")
    return PLAIN.but(table=PLAIN.table.append_column("share", pa.array(shares)), rule=f"{folder / 'mine.py'}:part")


def test_every_total_between_is_that_of_a_run_with_these_inputs(tmp_path: Path) -> None:
    """A run for each step, with what is exchanged by then; of the whole and of every group."""
    old = BASE.but(group_by=("right_type",), precision="double")
    parts: dict[str, dict[str, Any]] = {
        "sampling": {"seed": 5, "paths": 80},
        "time": {"valuation_date": VALUATION_DATE + timedelta(days=40)},
        "periods": {"steps_per_year": 2},
        "curves": {"curves": rates(0.004)},
        "fx": {"fx": {"USD": 7.3, "EUR": 8.0}},
        "factors": {"factors": {**portfolios.MARKET["factors"], "correlation": [[1.0, 0.4, 0.0], [0.4, 1.0, 0.5], [0.0, 0.5, 1.0]]}},
        "assumptions": {"assumptions": old.assumptions.replace("amounts = [500]", "amounts = [900000]")},
        "premise": {},
        "data: tax_rate": {"table": edited(old.table, {one: {"tax_rate": 0.31} for one in IDS[:9]})},
    }
    sold = "".join(f"[premise.forced.{kind}]\ndiscount = 0.4\ntime_to_sell = 1\n" for kind in RIGHT_TYPES)
    old = old.but(assumptions=old.assumptions + sold)
    parts["assumptions"]["assumptions"] += sold
    parts["premise"]["premise"] = "forced"
    between_them, now = {"old": old}, old
    for step, change in parts.items():
        between_them[step] = now = now.but(**change)
    found = between(tmp_path, old, now)
    assert found.record["steps"] == [*between_them, "new"]
    for step, inputs in between_them.items():
        run = inputs.valued(tmp_path / f"{step.replace(': ', '-')}-run")
        said = {row["right_type"]: row["value"] for row in run.groups.to_pylist()}
        told = {row["right_type"]: float(int(row["cumulative"].scaleb(6))) / 1e6 for row in found.steps.to_pylist() if row["step"] == step}
        assert said == told, step


# ------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_value_is_the_mean_of_its_series(sampler: Any) -> None:
    """Of rights by one method and by several, with and without tax benefit and premise."""
    terms = {kind: {"discount": 0.3, "time_to_sell": 1.0} for kind in RIGHT_TYPES}
    book = load_assumptions({**tomllib.loads(BASE.assumptions), "premise": {"forced": terms}})
    sampling = Sampling(64, 1, "double", (), 1.0, sampler=sampler)
    appraiser = make_appraiser(load_market(portfolios.market()), book, sampling, "forced", False)
    known = BASE.table.column_names
    columns = {name: BASE.table[name].combine_chunks() if name in known else pa.nulls(len(IDS), one.arrow_type) for name, one in PORTFOLIO.items()}
    batch = pa.RecordBatch.from_pydict({name: column.cast(PORTFOLIO[name].arrow_type) for name, column in columns.items()})
    every = np.arange(len(IDS))
    found = worth(state_of(batch, every, appraiser, Ledger((), (sampling, sampling)).grouping), every)
    assert found.good.all()
    assert (found.paths == 64).all()
    assert found.series.mean(axis=1) == pytest.approx(found.value, rel=1e-12)


def kept(inputs: Inputs, folder: Path) -> Any:
    """The path values of a run that keeps them, by asset_id."""
    result = inputs.but(keep_paths=True).valued(folder)
    return {row["asset_id"]: np.array(row["values"], np.float64) for row in result.paths.to_pylist()}


def test_the_error_of_a_step_is_that_of_the_differences_path_by_path(tmp_path: Path) -> None:
    old, new = PLAIN.but(precision="double"), PLAIN.but(precision="double", curves=rates(0.02))
    found = between(tmp_path, old, new)
    before, after = kept(old, tmp_path / "a"), kept(new, tmp_path / "b")
    differences = {name: after[name] - before[name] for name in before}
    step = found.steps.to_pylist()[1]
    assert step["standard_error"] == pytest.approx(sum(differences.values()).std(ddof=1) / 8, rel=1e-9)
    for row in found.assets.to_pylist():
        assert row["standard_error"] == pytest.approx(differences[row["asset_id"]].std(ddof=1) / 8, rel=1e-9)


def test_the_error_has_the_tax_benefit(tmp_path: Path) -> None:
    new = PLAIN.but(table=edited(PLAIN.table, {"one": {"tab_years": 10}}), precision="double")
    found = between(tmp_path, PLAIN.but(precision="double"), new)
    paths = kept(new, tmp_path / "a")["one"]
    (row,) = found.assets.to_pylist()
    assert row["standard_error"] == pytest.approx(float(row["amount"]) / paths.mean() * paths.std(ddof=1) / 8, rel=1e-9)


def test_the_error_of_other_random_numbers_is_that_of_both(tmp_path: Path) -> None:
    old, new = PLAIN.but(precision="double"), PLAIN.but(precision="double", seed=7, paths=256)
    (step,) = (row for row in between(tmp_path, old, new).steps.to_pylist() if row["step"] == "sampling")
    before, after = (sum(kept(one, tmp_path / name).values()) for one, name in ((old, "a"), (new, "b")))
    assert step["standard_error"] == pytest.approx(np.sqrt(before.var(ddof=1) / 64 + after.var(ddof=1) / 256), rel=1e-9)


def test_another_precision_is_paired_path_by_path(tmp_path: Path) -> None:
    (step,) = (row for row in between(tmp_path, PLAIN, PLAIN.but(precision="double")).steps.to_pylist() if row["step"] == "sampling")
    assert step["standard_error"] < 1e-5 * float(step["cumulative"])


def test_what_is_exact_under_sobol_has_no_error(tmp_path: Path) -> None:
    old = PLAIN.but(sampler="sobol")
    found = between(tmp_path, old, old.but(curves=rates(0.02)))
    (step,) = (row for row in found.steps.to_pylist() if row["step"] == "curves")
    assert step["standard_error"] == 0.0
    assert step["significant"]
    (tmp_path / "seed").mkdir()
    (step,) = (row for row in between(tmp_path / "seed", old, old.but(seed=9)).steps.to_pylist() if row["step"] == "sampling")
    assert (step["amount"], step["significant"]) == (0, False)


def test_of_one_path_no_error_is_known(tmp_path: Path) -> None:
    old = PLAIN.but(paths=1)
    found = between(tmp_path, old, old.but(curves=rates(0.02)))
    assert {(row["standard_error"], row["significant"]) for row in found.steps.to_pylist()} == {(None, None)}
    assert found.assets["standard_error"].null_count == found.assets.num_rows


@pytest.mark.parametrize("sampler", ["random", "sobol"])
def test_a_tolerance_is_explained(sampler: str, tmp_path: Path) -> None:
    old = BASE.but(tolerance=0.05, max_paths=512, sampler=sampler)
    new = old.but(curves=rates(0.01), table=edited(BASE.table, {IDS[0]: {"tax_rate": 0.4}}))
    assert moving(between(tmp_path, old, new)) == {"curves", "data: tax_rate"}


def test_a_tolerance_narrows_the_errors(tmp_path: Path) -> None:
    old, fine = PLAIN.but(precision="double"), PLAIN.but(precision="double", tolerance=1e-9, max_paths=1024)
    error = {}
    for name, one in (("coarse", old), ("fine", fine)):
        (tmp_path / name).mkdir()
        error[name] = between(tmp_path / name, one, one.but(curves=rates(0.02))).steps["standard_error"][1].as_py()
    assert error["fine"] == pytest.approx(error["coarse"] / 4, rel=1e-9)


# ------------------------------------------------------------------------------------------------ another engine


def remade(folder: Path, **changes: Any) -> None:
    """A manifest with other entries, as another version would have written it."""
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_another_engine_is_a_step_from_what_it_said(tmp_path: Path) -> None:
    """The old result is one of seed 4 that says it is of seed 1: so another engine's random numbers look."""
    BASE.but(seed=4).valued(tmp_path / "other")
    BASE.but(curves=rates(0.01)).valued(tmp_path / "new")
    options = json.loads((tmp_path / "other" / "manifest.json").read_text())["options"]
    remade(tmp_path / "other", numerics_version=1, options={**options, "seed": 1})
    found = iv.explain(tmp_path / "other", tmp_path / "new", workers=1)
    check(found, iv.open_result(tmp_path / "other"), iv.open_result(tmp_path / "new"))
    BASE.valued(tmp_path / "now")
    now = iv.explain(tmp_path / "now", tmp_path / "new", workers=1)
    assert found.record["steps"] == ["old", "engine", "curves", "new"]
    assert amounts(found)["curves"] == amounts(now)["curves"]
    engine = found.steps.to_pylist()[1]
    assert engine["cumulative"] == now.steps["cumulative"][0].as_py()
    assert not engine["significant"]
    assert engine["standard_error"] > 0


def test_the_new_result_must_be_of_this_engine(tmp_path: Path) -> None:
    PLAIN.valued(tmp_path / "old")
    PLAIN.valued(tmp_path / "new")
    remade(tmp_path / "new", numerics_version=1)
    with pytest.raises(InputError, match=r"new: was made under numerics_version 1, and this is \d+: value it again"):
        iv.explain(tmp_path / "old", tmp_path / "new")


# ------------------------------------------------------------------------------------------------ what is wrong


def test_a_result_that_is_not_what_its_inputs_give_is_refused(tmp_path: Path) -> None:
    PLAIN.valued(tmp_path / "old")
    PLAIN.but(seed=2).valued(tmp_path / "new")
    options = json.loads((tmp_path / "new" / "manifest.json").read_text())["options"]
    remade(tmp_path / "new", options={**options, "seed": 1})
    with pytest.raises(InputError, match=r"new: '\w+' is worth [\d.]+ there, and its inputs give [\d.]+: value it again"):
        iv.explain(tmp_path / "old", tmp_path / "new")


def test_sums_by_path_that_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PLAIN.valued(tmp_path / "old")
    PLAIN.but(curves=rates(0.01)).valued(tmp_path / "new")
    monkeypatch.setattr(explanation, "parse_memory", lambda text: 10)
    with pytest.raises(InputError, match=r"1 steps of groups on 1 workers need about 0\.0 GiB .* group by fewer columns"):
        iv.explain(tmp_path / "old", tmp_path / "new", memory="1GiB", workers=1)


def test_steps_that_do_not_add_up_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PLAIN.valued(tmp_path / "old")
    PLAIN.but(curves=rates(0.01)).valued(tmp_path / "new")
    true = ledger.Ledger.add

    def wrong(self: Any, step: str, group: Any, words: Any, **more: Any) -> None:
        true(self, step, group, words + np.uint64(step == "curves"), **more)

    monkeypatch.setattr(ledger.Ledger, "add", wrong)
    with pytest.raises(RunError, match="the steps add up to"):
        iv.explain(tmp_path / "old", tmp_path / "new", workers=1)


# ------------------------------------------------------------------------------------------------ tables and exact sums


def test_the_tables_have_the_columns_of_the_registry() -> None:
    for made, name in ((steps_schema(("(group columns)",)), "explain"), (ASSETS, "explain_assets")):
        assert made.names == list(RESULTS[name])
        assert made.types == [column.arrow_type for column in RESULTS[name].values()]


def test_amounts_round_each_value_by_itself() -> None:
    before, after = np.array([0.0000014, 1e9 + 0.375, -2.5]), np.array([0.0000016, -1e9, 2.0**64])
    changes = ledger.decimals(ledger.change_in_units(before, after, "native")).to_pylist()
    assert changes == [Decimal("0.000001"), Decimal("-2000000000.375"), Decimal(2**64) + Decimal("2.5")]


def test_sums_of_small_and_large_series_are_the_same_in_64_bits_and_in_128() -> None:
    generator = np.random.default_rng(1)
    series = generator.normal(size=(40, 96)) * 10.0 ** generator.integers(-3, 14, (40, 1))
    fast, slow = np.zeros((96, 2), np.uint64), np.zeros((96, 2), np.uint64)
    for first in range(0, 40, 16):
        ledger._add_exact(fast, series[first : first + 16], "native")
    for one in series:
        explanation.kernel.add_exact(slow, np.zeros(1, np.int32), one[None].copy())
    assert (fast == slow).all()
