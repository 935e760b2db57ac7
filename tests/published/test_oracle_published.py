"""The oracle against published numbers (sources: README.md in this directory)."""

from __future__ import annotations

import csv
import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import oracle

HERE = Path(__file__).parent


def rows(name: str) -> list[dict[str, str]]:
    lines = [line for line in (HERE / name).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def known_answers() -> list[tuple[int, list[int]]]:
    """(rounds, the twelve words) of each line of ars.txt."""
    answers, rounds = [], 0
    for line in (HERE / "ars.txt").read_text().splitlines():
        if line.startswith("#"):
            rounds = int(line.split("ars4x32-")[1].split(":")[0])
        elif line:
            answers.append((rounds, [int(word, 16) for word in line.split()]))
    return answers


def flat(rate: float, **changes: Any) -> oracle.Market:
    return oracle.Market(currency="USD", valuation_date=date(2026, 1, 1), curves={"USD": ([1.0], [rate])}, **changes)


@pytest.mark.parametrize(("rounds", "numbers"), known_answers())
def test_ars_gives_the_known_answers(rounds: int, numbers: list[int]) -> None:
    assert oracle.ars(np.array(numbers[:4], dtype=np.uint32), numbers[4:8], rounds).tolist() == numbers[8:]


def test_a_round_of_aes_is_that_of_fips_197() -> None:
    """Appendix B: the state at the start of round 1, its round key, and the state at the start of round 2; then the tenth round."""
    start, key, then, tenth, last_key, output = (
        np.frombuffer(bytes.fromhex(text), np.uint8)
        for text in (
            "193de3bea0f4e22b9ac68d2ae9f84808",
            "a0fafe1788542cb123a339392a6c7605",
            "a49c7ff2689f352b6b5bea43026a5049",
            "eb40f21e592e38848ba113e71bc342d2",
            "d014f9a8c9ee2589e13f0cc8b6630ca6",
            "3925841d02dc09fbdc118597196a0b32",
        )
    )
    assert oracle.aes_round(start, key, last=False).tolist() == then.tolist()
    assert oracle.aes_round(tenth, last_key, last=True).tolist() == output.tolist()


def put(row: dict[str, str]) -> dict[str, Any]:
    life = float(row["T"])
    return {
        "asset_id": "put",
        "right_type": "invention_patent",
        "revenue": float(row["S"]) * 50,
        "royalty_rate": 1.0,
        "growth": math.exp(0.06) - 1,
        "volatility": float(row["sigma"]),
        "life": life,
        "launch_lag": life - 0.5 / 50,
        "salvage": 40.0,
        "renewal": "optimal",
    }


PUT_MARKET = flat(math.exp(0.06) - 1, steps_per_year=50, mid_period=False)


@pytest.mark.parametrize("row", rows("bermudan.csv"), ids=lambda r: f"S{r['S']}-T{r['T']}")
def test_optimal_value_is_the_bermudan_put(row: dict[str, str]) -> None:
    v = oracle.vectors(put(row), PUT_MARKET)
    assert oracle.solve(v, nodes=8).value - float(row["S"]) == pytest.approx(float(row["bermudan_put"]), abs=6e-4)


@pytest.mark.parametrize("row", rows("bermudan.csv"), ids=lambda r: f"S{r['S']}-T{r['T']}")
def test_simulated_end_value_is_the_european_put(row: dict[str, str]) -> None:
    """Given up at T only: the boundary of the last period alone. The paper's European column has a closed form."""
    v = oracle.vectors(put(row), PUT_MARKET)
    v.decision[:-1] = False
    assert oracle.solve(v, nodes=8).value - float(row["S"]) == pytest.approx(float(row["european"]), abs=6e-4)


def test_simulated_value_is_the_bermudan_put() -> None:
    row = rows("bermudan.csv")[0]
    asset = put(row)
    v = oracle.vectors(asset, PUT_MARKET)
    sample = oracle.simulate(asset, PUT_MARKET, paths=20_000, seed=3, boundary=oracle.boundary(v, nodes=8), vectors=v)
    figures = oracle.statistics(sample.values, sample.alive_time)
    assert figures["standard_error"] < 0.005 * figures["mean_raw"]
    gap = figures["mean_raw"] - float(row["S"]) - float(row["bermudan_put"])
    assert abs(gap) < 4 * figures["standard_error"]


@pytest.mark.parametrize("row", rows("tab.csv"), ids=lambda r: f"{r['tax_rate']}-{r['discount_rate']}-{r['years']}")
def test_tab_factor_is_the_published_one(row: dict[str, str]) -> None:
    asset = {"tax_rate": float(row["tax_rate"]), "tab_years": int(row["years"])}
    for mid_period, name in ((False, "end_of_year"), (True, "mid_year")):
        factor = oracle.tab_factor(asset, flat(float(row["discount_rate"]), mid_period=mid_period))
        assert f"{factor:.6f}" == row[name]


def test_the_first_tab_factor_is_about_1_13() -> None:
    factor = oracle.tab_factor({"tax_rate": 0.25, "tab_years": 15}, flat(0.12, mid_period=False))
    assert f"{factor:.2f}" == "1.13"


@pytest.mark.parametrize("row", rows("relief_from_royalty.csv"), ids=lambda r: f"mid_period={r['mid_period']}")
def test_worked_relief_from_royalty(row: dict[str, str]) -> None:
    asset = {
        "asset_id": "worked",
        "right_type": "trademark",
        "revenue_path": [1.0e6, 1.1e6, 1.2e6, 1.3e6, 1.4e6],
        "royalty_rate": 0.05,
        "tax_rate": 0.25,
        "life": 5.0,
        "tab_years": 5,
    }
    market = flat(0.12, mid_period=row["mid_period"] == "true")
    assert f"{oracle.closed_form(oracle.vectors(asset, market)):.6f}" == row["present_value"]
    result = oracle.value(asset, market, paths=10, seed=1)
    assert f"{result['mean']:.6f}" == row["present_value"]
    assert f"{result['value']:.6f}" == row["with_tab"]
    assert result["standard_deviation"] == pytest.approx(0, abs=1e-6)
