"""`ipvalue bench`: what is said of the machine, and how the figures follow from one another."""

from __future__ import annotations

import json

import pytest
from commandline import run

from ipvalue import speed
from ipvalue.backend import kernels
from ipvalue.valuation import value


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of no length."""
    monkeypatch.setattr(speed, "PATHS", (16, 32))
    monkeypatch.setattr(speed, "TRIAL_RIGHTS", 40)
    monkeypatch.setattr(speed, "MOST_RIGHTS", 50)


def test_what_is_said() -> None:
    ran = run("bench", columns=100)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].endswith(f"native kernels ({kernels('native').isa()})")
    assert [line.split()[0] for line in lines if line.lstrip().startswith(("16 ", "32 "))] == ["16", "32"]
    assert "times as fast as one" in lines[-1]
    assert max(map(len, lines[:-1])) <= 100


def test_the_same_for_machines() -> None:
    ran = run("bench", "--json")
    found = json.loads(ran.out)
    assert [(one["paths"], one["rights"], one["workers"]) for one in found["runs"]] == [(16, 50, found["cores"]), (32, 50, found["cores"])]
    assert (found["alone"]["paths"], found["alone"]["workers"]) == (32, 1)
    assert found["instruction_set"] == kernels("native").isa()
    for one in (*found["runs"], found["alone"]):
        assert one["rights_per_second"] == pytest.approx(one["rights"] / one["seconds"])
        assert one["path_years_per_cpu_second"] == pytest.approx(one["rights"] * one["paths"] * 10 / one["cpu_seconds"])
        assert one["rights_a_night"] == pytest.approx(one["rights_per_second"] * 8 * 3600)
        assert one["hours_for_the_register"] == pytest.approx(67.9e6 / one["rights_per_second"] / 3600)
    assert found["gain"] == pytest.approx(found["runs"][-1]["rights_per_second"] / found["alone"]["rights_per_second"])


def test_the_rights_are_what_they_are_said_to_be() -> None:
    found = value(speed.made_up(200), market=speed.MARKET, paths=64)
    assert found.assets.num_rows == 200
    assert found.rejects.num_rows == 0
    assert max(found.assets["expected_life"].to_pylist()) <= speed.YEARS
    assert all("revenue" not in one and "life" not in one for one in found.assets["filled"].to_pylist())
