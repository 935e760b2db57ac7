"""`ipvalue reverse`: the size found is that of the closed form, a run of its own meets the limit, and what cannot be is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import ROW, here, run, table

import ipvalue
from ipvalue.reverse import parse_limit
from ipvalue.scenarios import load_scenarios
from ipvalue.schema import InputError

__all__ = ["here"]

FALL: dict[str, Any] = {"scenario": [{"name": "royalties fall", "shock": [{"field": "royalty_rate", "multiply": 0.8}]}]}
OPTIONS: dict[str, Any] = {"market": "market.toml", "paths": 256, "precision": "double"}


@pytest.fixture
def linear(here: Path) -> Path:
    """Rights whose value is proportional to their royalty: no fee, no option, no bound."""
    rows = [{**ROW, "asset_id": f"r{i}", "sector": ("software", "pharma")[i % 2], "revenue": 1e6 * (1 + i)} for i in range(6)]
    pq.write_table(table([{**row, "fee_schedule": "none", "renewal": "always"} for row in rows]), "portfolio.parquet")
    return here


@pytest.mark.parametrize(
    "statistic", ["mean", "q05", *(pytest.param(one, marks=pytest.mark.slow) for one in ("expected_shortfall", "value", "q99_9"))]
)
@pytest.mark.parametrize("group", [None, pytest.param("pharma", marks=pytest.mark.slow)])
def test_the_size_is_that_of_the_closed_form(linear: Path, statistic: str, group: str | None) -> None:
    """A linear value at size s is that of the base times 1 − 0.2 s, on every path."""
    grouped = {**OPTIONS, "group_by": ("sector",), "quantiles": (0.05, 0.999)}
    base = ipvalue.value("portfolio.parquet", **grouped).groups.to_pylist()
    before = next(row[statistic] for row in base if row["sector"] == group)
    for share in (0.93, 0.6, 0.25):  # sizes below 1, above 1 and 3.75
        limit = f"{statistic} < {share * before!r}"
        found = ipvalue.reverse_stress("portfolio.parquet", FALL, limit, group=group, **grouped)
        assert found.base == before
        assert found.size == pytest.approx((1.0 - share) / 0.2, rel=2e-6)
        assert 0.0 < found.size - found.below <= 1e-6 * found.size
        assert found.scenario is not None
        own = ipvalue.scenarios("portfolio.parquet", [found.scenario], **grouped).scenarios.to_pylist()
        (figure,) = (row[statistic] for row in own if row["scenario"] != "base" and row["sector"] == group)
        assert figure == found.figure < share * before
        assert str(found).startswith(f"royalties fall at {found.size:.7g} of its size brings {statistic} of {group or 'the whole'} from ")


def test_a_limit_above(linear: Path) -> None:
    rise = {"scenario": [{"name": "rise", "shock": [{"field": "revenue", "multiply": 1.5}]}]}
    base = ipvalue.reverse_stress("portfolio.parquet", rise, "mean > 1", **OPTIONS)
    assert (base.size, base.reached, base.scenario) == (0.0, True, None)
    assert "without any shock, which meets mean > 1" in str(base)
    found = ipvalue.reverse_stress("portfolio.parquet", rise, f"mean >= {2.0 * base.base}", **OPTIONS)
    assert found.size == pytest.approx(2.0, rel=2e-6)


def test_what_is_never_reached_is_said_with_why(linear: Path) -> None:
    found = ipvalue.reverse_stress("portfolio.parquet", FALL, "mean < -1", **OPTIONS)
    assert (found.reached, found.scenario) == (False, None)
    assert found.below == pytest.approx(5.0, rel=2e-6)  # royalties of 0
    assert "does not bring mean of the whole to mean < -1: at " in str(found)
    assert "and more is impossible: scenario 'royalties fall at 5.0000" in str(found)
    found = ipvalue.reverse_stress("portfolio.parquet", FALL, "mean < 1", most=2.0, **OPTIONS)
    assert (found.reached, found.below, found.impossible) == (False, 2.0, None)
    assert str(found).endswith("and no larger size was looked at")


def test_several_shocks_go_together_and_curves_have_sizes(linear: Path) -> None:
    both = {"scenario": [{"name": "both", "shock": [{"curve": "all", "add": 0.01}, {"field": "revenue", "multiply": 0.9}]}]}
    base = ipvalue.reverse_stress("portfolio.parquet", both, "mean > 0", **OPTIONS).base
    found = ipvalue.reverse_stress("portfolio.parquet", both, f"mean < {0.8 * base}", **OPTIONS)
    assert found.size is not None
    assert found.scenario is not None
    assert [shock["add"][0] if "add" in shock else shock["multiply"] for shock in found.scenario.terms["shock"]] == pytest.approx(
        [0.01 * found.size, 1.0 - 0.1 * found.size]
    )


def test_scaled_shocks_are_those_said() -> None:
    shocks = [
        {"curve": "CNY", "short": -0.01, "long": 0.02},
        {"fx": "USD", "multiply": 1.2},
        {"factor": "all", "multiply": 1.5},
        {"correlation": "all", "toward_one": 0.25},
        {"field": "hazard", "add": 0.02, "where": "revenue > 1"},
    ]
    (scenario,) = load_scenarios({"scenario": [{"name": "s", "shock": shocks}]})
    found = scenario.scaled(2.0).terms["shock"]
    assert [(one.get("short"), one.get("long"), one.get("multiply"), one.get("toward_one"), one.get("add")) for one in found] == [
        (-0.02, 0.04, None, None, None),
        (None, None, pytest.approx(1.4), None, None),
        (None, None, 2.0, None, None),
        (None, None, None, 0.5, None),
        (None, None, None, None, 0.04),
    ]
    assert found[-1]["where"] == "revenue > 1"
    with pytest.raises(InputError, match=r"^scenario 's at 5.0', shock 4: toward_one is 1.25"):
        scenario.scaled(5.0)


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("q05", "write a statistic"),
        ("q5 < 1", "is none of value, mean"),
        ("meen < 1", "did you mean mean"),
        ("mean = 1", "write"),
        ("mean < e", "write"),
    ],
)
def test_a_limit_that_is_none_is_refused(limit: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_limit(limit)


def test_the_command(linear: Path) -> None:
    Path("s.toml").write_text('[[scenario]]\nname = "royalties fall"\n[[scenario.shock]]\nfield = "royalty_rate"\nmultiply = 0.8\n')
    ran = run("reverse", "portfolio.parquet", "s.toml", "--until", "mean < 1e6", "--paths", 256)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("royalties fall at ")
    Path("found.toml").write_text(ran.out.split("\n\n", 1)[1])
    assert run("scenarios", "portfolio.parquet", "found.toml", "--paths", 256, "--out", "out").code == 0
    assert pq.read_table("out/scenarios.parquet")["mean"].to_pylist()[1] < 1e6
    as_json = json.loads(run("reverse", "portfolio.parquet", "s.toml", "--until", "mean < 1e6", "--paths", 256, "--json").out)
    assert as_json["reached"]
    assert as_json["trials"] == sorted(as_json["trials"])
    assert len(as_json["trials"]) < 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--until", "mean < 1"), "no scenario is given: name a scenarios.toml"),
        (("--until", "mean < 1", "--scenario", "court shok"), "did you mean court shock?"),
        (("--until", "mean < 1", "--scenario", "China's reduced tax rates end"), "sets what it shocks, so it has no size to scale"),
        (("--until", "mean < 1", "--scenario", "court shock", "--most", "-1"), "most is -1.0: it must be above 0"),
        (("--until", "mean < 1", "--scenario", "court shock", "--group", "pharma"), "there is no group 'pharma'"),
    ],
)
def test_what_cannot_be_is_refused(linear: Path, arguments: tuple[str, ...], told: str) -> None:
    ran = run("reverse", "portfolio.parquet", *arguments, "--paths", 64)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.sentence


WORDS = ("reverse", "portfolio.parquet", "scenarios.toml", "--market", "market.toml", "--paths", 64, "--until")


def test_passes_are_logged_as_json_lines(linear: Path) -> None:
    Path("scenarios.toml").write_text('[[scenario]]\nname = "fall"\n[[scenario.shock]]\nfield = "royalty_rate"\nmultiply = 0.8\n')
    ran = run(*WORDS, "mean < 1e5", "--json", "--log-json")
    assert ran.code == 0
    events, found = [json.loads(line) for line in ran.err.splitlines()], json.loads(ran.out)
    assert [one["event"] for one in events].count("progress") > 1
    assert {name: events[-1][name] for name in ("event", "reached", "size", "tried")} == {
        "event": "done", "reached": True, "size": found["size"], "tried": len(found["trials"]),
    }  # fmt: skip
    ran = run(*WORDS, "mean <> 1e5", "--log-json")
    assert (ran.code, json.loads(ran.err)["event"]) == (2, "error")


@pytest.mark.slow
def test_processes_find_what_threads_do(linear: Path) -> None:
    Path("scenarios.toml").write_text('[[scenario]]\nname = "fall"\n[[scenario.shock]]\nfield = "royalty_rate"\nmultiply = 0.8\n')
    words = (*WORDS, "mean < 0", "--most", 1, "--json", "--workers", 1)  # one pass: each starts processes of its own
    threads, processes = (run(*words, "--scheduler", name) for name in ("threads", "processes"))
    assert (threads.code, len(json.loads(threads.out)["trials"])) == (0, 9)
    assert processes.out == threads.out


@pytest.mark.slow  # Numba compiles
def test_a_column_of_a_rule_is_scaled(linear: Path) -> None:
    Path("share.py").write_text("from ipvalue import cash_rule\n\n@cash_rule\ndef share(level, period, part):\n    return part * level\n")
    portfolio = pq.read_table("portfolio.parquet")
    pq.write_table(portfolio.append_column("part", [[0.1] * portfolio.num_rows]), "portfolio.parquet")
    Path("scenarios.toml").write_text('[[scenario]]\nname = "fall"\n[[scenario.shock]]\nfield = "part"\nmultiply = 0.9\n')
    base = ipvalue.value("portfolio.parquet", market="market.toml", paths=64, rule="share.py:share").groups["mean"][0].as_py()
    ran = run(*WORDS, f"mean < {base / 2.0!r}", "--rule", "share.py:share", "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["size"] == pytest.approx(5.0, rel=1e-3)
