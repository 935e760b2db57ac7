"""The assumptions that ship: each figure has a source, and the official fees are those of the offices' tables."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import ipvalue.assumptions
from ipvalue.schema import RIGHT_TYPES

FILE = Path(ipvalue.assumptions.__file__).parent / "default.toml"

NAMES = ("fee_schedule", "survival_curve")  # no figures: what they name has the source


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def test_every_figure_has_a_source(shipped: dict[str, Any]) -> None:
    for name, table in shipped["defaults"].items():
        columns = set(table) - {"source", "sources", *NAMES}
        assert table.get("source") or columns == set(table["sources"]), name
    for section in ("fee_schedules", "survival_curves"):
        for name, table in shipped[section].items():
            assert table["source"], name
    for name in ("orderly", "forced"):
        assert set(shipped["premise"][name]) == set(RIGHT_TYPES)
        assert all(table["source"] for table in shipped["premise"][name].values())


@pytest.mark.parametrize(
    ("name", "years", "total"),
    [("CN/invention_patent", 20, 82_300), ("CN/utility_model", 10, 11_200), ("CN/design", 15, 26_200)],
)
def test_chinese_annuities_are_due_in_advance_for_every_year(shipped: dict[str, Any], name: str, years: int, total: int) -> None:
    schedule = shipped["fee_schedules"][name]
    assert schedule["due"] == list(range(years))
    assert sum(schedule["amounts"]) == total
    assert (schedule["currency"], schedule["anchor"]) == ("CNY", "filing")


def test_us_maintenance_fees(shipped: dict[str, Any]) -> None:
    schedules = shipped["fee_schedules"]
    assert schedules["US/patent"]["amounts"] == [2150, 4040, 8280]
    for share, name in ((0.4, "US/patent/small"), (0.2, "US/patent/micro")):
        assert schedules[name]["amounts"] == pytest.approx([share * a for a in schedules["US/patent"]["amounts"]])
    assert all(schedules[n]["due"] == [3.5, 7.5, 11.5] for n in schedules if n.startswith("US/"))


def test_us_survival_is_84_63_and_49_percent_after_the_three_stages(shipped: dict[str, Any]) -> None:
    curve = shipped["survival_curves"]["US/patent"]
    surviving = dict(zip(curve["ages"], curve["surviving"]))
    assert (surviving[4.1], surviving[8.1], surviving[12.1]) == (0.84, 0.63, 0.49)
    assert surviving[4] == 1.0


def test_where_obsolescence_is_filled_the_renewal_curve_is_not(shipped: dict[str, Any]) -> None:
    filled = {name: table for name, table in shipped["defaults"].items() if table.get("obsolescence", 0) > 0}
    assert filled
    assert all(t["survival_curve"] == "none" for name, t in filled.items() if name.startswith("invention_patent"))


def test_grant_probability_comes_with_its_lag(shipped: dict[str, Any]) -> None:
    for name, table in shipped["defaults"].items():
        assert ("grant_probability" in table) == ("grant_lag" in table), name
