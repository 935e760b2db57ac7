"""The market file: what is taken, what is refused and in which words."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvalue.market import load_market
from ipvalue.schema import InputError

NAN, INF = float("nan"), float("inf")


def content(**changes: Any) -> dict[str, Any]:
    return {
        "currency": "CNY",
        "valuation_date": datetime.date(2026, 11, 22),
        "curves": {"CNY": {"tenors": [1, 5], "rates": [0.015, 0.017]}, "AUD": {"tenors": [1], "rates": [0.03]}},
        "fx": {"USD": 7.1},
        "factors": {"names": ["software", "pharma"], "correlation": [[1.0, 0.3], [0.3, 1.0]]},
        **changes,
    }


def curve(tenors: list[Any], rates: list[Any]) -> dict[str, Any]:
    return {"curves": {"CNY": {"tenors": tenors, "rates": rates}}}


def factors(names: Any, correlation: Any) -> dict[str, Any]:
    return {"factors": {"names": names, "correlation": correlation}}


def test_the_file_of_the_interface_is_read(tmp_path: Path) -> None:
    path = tmp_path / "market.toml"
    path.write_text(
        """
        currency = "CNY"
        valuation_date = 2026-11-22
        steps_per_year = 1
        mid_period = true
        [curves.CNY]
        tenors = [1, 5, 10, 30]
        rates  = [0.015, 0.017, 0.019, 0.022]
        [fx]
        USD = 7.1
        [factors]
        names = ["software", "pharma"]
        correlation = [[1.0, 0.3], [0.3, 1.0]]
        """,
        encoding="utf-8",
    )
    market = load_market(path)
    assert market.valuation_date == datetime.date(2026, 11, 22)
    assert market.curves["CNY"].tenors == (1.0, 5.0, 10.0, 30.0)
    assert market.fx_rate("USD") == 7.1
    assert load_market(str(path)).sha256 == market.sha256


def test_defaults_are_annual_steps_and_mid_period_without_factors() -> None:
    bare = {key: value for key, value in content().items() if key in ("currency", "valuation_date", "curves")}
    market = load_market(bare)
    assert (market.steps_per_year, market.mid_period) == (1, True)
    assert market.factor_order == ()
    assert market.cholesky().shape == (0, 0)


def test_factors_are_ordered_by_their_bytes_and_factored_in_that_order() -> None:
    names = ["é", "z", "A", "中"]
    matrix = np.full((4, 4), 0.25)
    matrix[0, 1] = matrix[1, 0] = 0.5  # é with z
    np.fill_diagonal(matrix, 1.0)
    market = load_market(content(**factors(names, matrix.tolist())))
    assert market.factor_order == ("A", "z", "é", "中")
    lower = market.cholesky()
    product = [[sum(lower[i, k] * lower[j, k] for k in range(4)) for j in range(4)] for i in range(4)]
    assert np.allclose(product, matrix[np.ix_([2, 1, 0, 3], [2, 1, 0, 3])], atol=1e-14)


def test_the_hash_follows_the_content_alone() -> None:
    assert load_market(content()).sha256 == load_market(dict(reversed(content().items()))).sha256
    assert load_market(content()).sha256 != load_market(content(steps_per_year=4)).sha256


def test_curves_are_numbered_by_currency() -> None:
    assert load_market(content()).curve_index == {"AUD": 0, "CNY": 1}


def test_a_market_is_never_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_market(content()).currency = "USD"  # type: ignore[misc]


def test_an_unknown_currency_is_named_with_what_to_add() -> None:
    market = load_market(content())
    assert market.fx_rate("CNY") == 1.0
    with pytest.raises(InputError, match=r"no exchange rate for JPY: add fx\.JPY, the worth of 1 JPY in CNY"):
        market.fx_rate("JPY")


@pytest.mark.parametrize("rates", [[-0.5, 0.1], [0.0, 5.0]])
def test_unusual_rates_are_taken(rates: list[float]) -> None:
    load_market(content(**curve([0.25, 1], rates)))


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 1, 1], [1, 1, 1], [1, 1, 1]],
        [[1, -1, 0], [-1, 1, 0], [0, 0, 1]],
        [[1, 0.5, 0.5 + 1e-13], [0.5, 1, 0.5], [0.5, 0.5, 1]],
    ],
)
def test_a_correlation_on_the_edge_is_taken(matrix: list[list[float]]) -> None:
    load_market(content(**factors(["a", "b", "c"], matrix)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"curency": "CNY"}, "curency is not known: did you mean currency?"),
        ({"currency": "cny"}, "currency is 'cny': it must be three capital letters"),
        ({"currency": 5}, "currency is 5: it must be text"),
        ({"valuation_date": "2026-11-22"}, "valuation_date is '2026-11-22': it must be a date (YYYY-MM-DD, without"),
        ({"steps_per_year": 0}, "steps_per_year is 0: it must be at least 1"),
        ({"steps_per_year": 367}, "steps_per_year is 367: it must be at most 366"),
        ({"steps_per_year": 1.5}, "steps_per_year is 1.5: it must be a whole number"),
        ({"mid_period": "yes"}, "mid_period is 'yes': it must be true or false"),
        ({"curves": {}}, "there is no curve"),
        ({"curves": 3}, "curves is 3: it must be a table"),
        ({"curves": {"cny": {"tenors": [1], "rates": [0]}}}, "curves.cny is 'cny': it must be three capital letters"),
        ({"curves": {"CNY": {"tenor": [1], "rates": [0]}}}, "curves.CNY: tenor is not known: did you mean tenors?"),
        ({"curves": {"CNY": {"rates": [0]}}}, "curves.CNY.tenors is missing"),
        (curve([], []), "curves.CNY: there are 0 tenors: give 1 to 1000"),
        (curve(list(range(1, 1002)), [0] * 1001), "curves.CNY: there are 1001 tenors: give 1 to 1000"),
        (curve([1, 5], [0.01]), "curves.CNY: there are 2 tenors and 1 rates: give one rate for each tenor"),
        (curve([5, 1], [0, 0]), "curves.CNY: tenors must ascend, but 1 follows 5"),
        (curve([1, 1], [0, 0]), "curves.CNY: tenors must ascend, but 1 follows 1"),
        (curve([0, 1], [0, 0]), "curves.CNY.tenors[0] is 0: it must be above 0"),
        (curve([1, INF], [0, 0]), "curves.CNY.tenors[1] is inf: it must be finite"),
        (curve([1, 2], [0, -1]), "curves.CNY.rates[1] is -1: it must be above -1"),
        (curve([1, 2], [NAN, 0]), "curves.CNY.rates[0] is nan: it must be finite"),
        (curve([1, 2], ["1 %", 0]), "curves.CNY.rates[0] is '1 %': it must be a number"),
        ({"fx": {"USD": 0}}, "fx.USD is 0: it must be above 0"),
        ({"fx": {"USD": -7}}, "fx.USD is -7: it must be above 0"),
        ({"fx": {"USD": INF}}, "fx.USD is inf: it must be finite"),
        ({"fx": {"CNY": 2}}, "fx.CNY is 2, but results are reported in CNY: leave it out"),
        (factors(["a", "a"], [[1, 0], [0, 1]]), "factors: names must differ, but 'a' stands there twice"),
        (factors([""], [[1]]), "factors.names[0] is '': it must be a name"),
        (factors("a", [[1]]), "factors.names is 'a': it must be a list"),
        (factors(["a", "b"], [[1, 0]]), "factors: correlation must have 2 rows of 2 numbers"),
        (factors(["a", "b"], [[1, 0], [0]]), "factors: correlation must have 2 rows of 2 numbers"),
        (
            factors(["a", "b"], [[1, 0.1], [0.2, 1]]),
            "correlation is not symmetric: 'b' with 'a' is 0.2 one way and 0.1",
        ),
        (factors(["a", "b"], [[1, 0], [0, 0.9]]), "correlation of 'b' with 'b' is 0.9: it must be 1"),
        (factors(["a", "b"], [[1, 2], [2, 1]]), "correlation of 'b' with 'a' is 2: it must be from -1 to 1"),
        (factors(["a", "b"], [[1, NAN], [NAN, 1]]), "factors.correlation[0][1] is nan: it must be finite"),
        (
            factors(["a", "b", "c"], [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]),
            "correlation is not positive semidefinite",
        ),
    ],
)
def test_a_bad_market_is_refused_in_a_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        load_market(content(**changes))
    assert str(error.value).startswith("market: ")
    assert message in str(error.value)


def test_every_problem_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text('currency = "cny"\nsteps_per_year = 0\n', encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_market(path)
    lines = str(error.value).splitlines()
    assert len(lines) == 4  # the currency, the steps, the missing date and curves
    assert all(line.startswith(f"{path}: ") for line in lines)
