"""Portfolios for tests: rows drawn over every feature of the methods, with the market and the assumptions they need.

Every number is made of raw random words by + − × ÷ and rounding, so the rows are the same on every machine and in every
version of NumPy; row i depends on the seed and on i alone, so a longer portfolio starts with the shorter one.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

METHODS = ("relief_from_royalty", "licence", "excess_earnings", "incremental_income", "cost", "market", "project")
SECTORS = ("software", "pharma", "machinery")
VALUATION_DATE = date(2026, 11, 22)

MARKET: dict[str, Any] = {
    "currency": "CNY",
    "valuation_date": VALUATION_DATE,
    "steps_per_year": 1,
    "mid_period": True,
    "curves": {
        "CNY": {"tenors": [1.0, 5.0, 10.0, 30.0], "rates": [0.015, 0.017, 0.019, 0.022]},
        "USD": {"tenors": [0.5, 2.0, 20.0], "rates": [0.041, 0.036, 0.044]},
        "EUR": {"tenors": [10.0], "rates": [0.026]},
    },
    "fx": {"USD": 7.1, "EUR": 8.2},
    "factors": {"names": list(SECTORS), "correlation": [[1.0, 0.3, -0.2], [0.3, 1.0, 0.55], [-0.2, 0.55, 1.0]]},
}

MARKET_TOML = """\
currency = "CNY"
valuation_date = 2026-11-22
curves.CNY = { tenors = [1, 5, 10, 30], rates = [0.015, 0.017, 0.019, 0.022] }
curves.USD = { tenors = [0.5, 2, 20], rates = [0.041, 0.036, 0.044] }
curves.EUR = { tenors = [10], rates = [0.026] }
fx = { USD = 7.1, EUR = 8.2 }
factors = { names = ["software", "pharma", "machinery"], correlation = [[1, 0.3, -0.2], [0.3, 1, 0.55], [-0.2, 0.55, 1]] }
"""
"""MARKET as a file."""


def market(steps_per_year: int = 1, mid_period: bool = True) -> dict[str, Any]:
    """MARKET with other steps a year or discounting from the periods' ends."""
    return {**MARKET, "steps_per_year": steps_per_year, "mid_period": mid_period}


ASSUMPTIONS = """
[defaults.trademark]
discount_premium = 0.06
fee_schedule = "CN/renewal"

[defaults."trademark//pharma"]
tax_rate = 0.15

[defaults."invention_patent/US"]
tax_rate = 0.21
survival_curve = "US/patent"

[fee_schedules."CN/annuity"]
currency = "CNY"
anchor = "filing"
due = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
amounts = [900, 900, 900, 1200, 1200, 1200, 2000, 2000, 2000, 4000, 4000, 4000, 6000, 6000, 6000, 8000, 8000, 8000, 8000]

[fee_schedules."US/maintenance"]
currency = "USD"
anchor = "grant"
due = [3.5, 7.5, 11.5]
amounts = [2150, 4040, 8280]

[fee_schedules."CN/renewal"]
currency = "CNY"
anchor = "grant"
due = [10]
amounts = [500]
every = 10

[survival_curves."US/patent"]
anchor = "grant"
ages = [0, 4, 8, 12, 20, 40]
surviving = [1.0, 0.84, 0.63, 0.49, 0.3, 0.1]

[survival_curves."CN/patent"]
anchor = "filing"
ages = [1, 5, 10, 30]
surviving = [0.98, 0.8, 0.4, 0.05]
"""

_DRAWS = 80


def random_portfolio(n: int, seed: int = 1) -> pa.Table:
    """n rows over every feature, all of which can be valued with MARKET and ASSUMPTIONS."""
    return pa.table(_Draws(n, seed).columns())


def random_methods(n: int, seed: int = 1) -> pa.Table:
    """n rows, each valued by another of the seven methods in turn, over every feature: random_portfolio with the columns of the methods."""
    base = random_portfolio(n, seed)
    for name, cells in _Draws(n, seed ^ 0x6D657468).of_methods(base).items():
        place = base.schema.get_field_index(name)
        base = base.append_column(name, cells) if place < 0 else base.set_column(place, name, cells)
    return base


def several(n: int, seed: int) -> pa.Table:
    """Rows with two to four methods each, every one of which could value the row, and weights that add up to 1 (some are 0)."""
    rows = [row for row in random_methods(n * 7, seed).to_pylist() if row["method"] == "project"]
    found = []
    for i, row in enumerate(rows):
        if row["royalty_rate"] is None:
            row |= {"royalty_rate": 0.03, "royalty_low": None, "royalty_high": None}
        row |= {
            "margin": (row["margin"] or 0.1) + 0.04,
            "contributory_charge": 0.04,
            "replacement_cost": 5.0 * row["revenue"],
            "comparable_price": 3.0 * row["revenue"],
        }
        count = 2 + i % 3
        methods = [METHODS[(i + 3 * k) % 7] for k in range(count)]
        if row["indefinite"]:
            methods = ["excess_earnings" if name == "licence" else name for name in dict.fromkeys(methods) if name != "excess_earnings"]
        eighths = [1 + (i + k) % 3 for k in range(len(methods) - 1)]
        weights = [one / 8 for one in eighths]
        found.append({**row, "method": None, "methods": methods, "weights": [*weights, 1.0 - sum(weights)]})
    return table_of(found)


def methods_and_several(n: int, m: int, seed: int) -> pa.Table:
    """n rows of `random_methods`, then m of `several`, called "several 0" and so on."""
    names = pa.array([f"several {i}" for i in range(m)])
    return pa.concat_tables([random_methods(n, seed), several(m, seed + 1).set_column(0, "asset_id", names)], promote_options="default")


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of `several` or `random_methods` as a portfolio."""
    schema = random_methods(7).schema
    lists = [pa.field("methods", pa.list_(pa.string())), pa.field("weights", pa.list_(pa.float64()))]
    return pa.Table.from_pylist(rows, pa.schema([*schema, *lists]))


def with_bad_rows(table: pa.Table, every: int = 17) -> pa.Table:
    """The same with each `every`-th revenue negative: a reject."""
    revenue = table["revenue"].to_numpy(zero_copy_only=False).copy()
    revenue[::every] = -1.0
    place = table.schema.get_field_index("revenue")
    return table.set_column(place, "revenue", pa.array(revenue, from_pandas=True))


class _Draws:
    """Uniform numbers (n, _DRAWS), a column taken for each decision."""

    def __init__(self, n: int, seed: int) -> None:
        words = np.random.Philox(key=np.array([seed, 0x69707661], np.uint64)).random_raw(n * _DRAWS)
        self.n = n
        self._u = (words >> np.uint64(11)).astype(np.float64).reshape(n, _DRAWS) * 2.0**-53
        self._next = 0

    def u(self) -> Floats:
        self._next += 1
        return self._u[:, self._next - 1]

    def chance(self, probability: float) -> Mask:
        return self.u() < probability

    def between(self, low: float, high: float, digits: int = 4) -> Floats:
        return np.round(low + (high - low) * self.u(), digits)

    def choice(self, values: tuple[Any, ...]) -> npt.NDArray[Any]:
        return np.array(values, object)[np.minimum((self.u() * len(values)).astype(np.int64), len(values) - 1)]

    def columns(self) -> dict[str, pa.Array]:
        """The portfolio's columns; a blank is null."""
        n = self.n
        right_type = self.choice(("invention_patent", "utility_model", "trademark", "software_copyright", "geographical_indication"))
        renewable = np.isin(right_type, ["trademark", "geographical_indication"])
        pending = self.chance(0.2)
        age = self.between(0.05, 15.0)
        dated = self.chance(0.9)
        granted = dated & ~pending
        indefinite = renewable & self.chance(0.4)
        life = self.chance(0.6) & ~indefinite
        enters = self.chance(0.3) & ~indefinite
        ranged = self.chance(0.35)
        pathed = self.chance(0.15)
        optimal = self.chance(0.35)
        rate = self.between(0.01, 0.1)
        sector = self.choice((*SECTORS, None))
        has_factor = np.not_equal(sector, None)
        growth = np.where(indefinite, self.between(-0.05, 0.02), self.between(-0.25, 0.3))
        fades = self.chance(0.4)
        premium = self.between(0.0, 0.12)
        scale = self.choice((1e3, 1e5, 1e6, 1e7, 1e9)).astype(np.float64)
        revenue = np.round(scale * (0.1 + self.u()), 2)
        expires = self.between(0.1, 19.0)
        loading = np.where(has_factor & self.chance(0.75), self.between(-0.9, 1.0), 0.0)
        day = np.datetime64(VALUATION_DATE)

        def days(years: Floats) -> npt.NDArray[np.timedelta64]:
            return np.round(years * 365.25).astype("timedelta64[D]")

        filing, grant, expiry = day - days(age), day - days(age * 0.7), day + days(expires) + np.timedelta64(1, "D")
        schedule = np.where(granted, self.choice(("CN/annuity", "US/maintenance", "none", None)), self.choice(("none", None)))
        curve = np.where(granted, self.choice(("US/patent", "CN/patent", "none", None)), self.choice(("none", None)))
        ids = [f"{'权利' if i % 5 == 0 else 'right'}-{i:07d}" for i in range(n)]
        columns = {
            "asset_id": pa.array(ids),
            "right_type": pa.array(right_type, pa.string()),
            "stage": pa.array(np.where(pending, "filed", "granted"), pa.string()),
            "owner_id": _where(self.chance(0.8), self.choice(("o1", "o2", "o3")), pa.string()),
            "jurisdiction": pa.array(self.choice(("CN", "US", "EP", None)), pa.string()),
            "sector": pa.array(sector, pa.string()),
            "currency": pa.array(self.choice(("CNY", "USD", "EUR", None)), pa.string()),
            "filing_date": _where(dated, filing, pa.date32()),
            "grant_date": _where(granted, grant, pa.date32()),
            "expiry_date": _where(renewable & self.chance(0.6) | ~renewable & ~life, expiry, pa.date32()),
            "life": _where(life, self.between(0.05, 22.0)),
            "economic_life": _where(~life & ~indefinite & (renewable | self.chance(0.5)), self.between(0.5, 18.0)),
            "indefinite": pa.array(indefinite),
            "renewal": pa.array(np.where(optimal, "optimal", "always"), pa.string()),
            "revenue": pa.array(revenue),
            "revenue_path": self._paths(pathed, revenue),
            "revenue_share": _where(self.chance(0.2), self.between(0.05, 1.0)),
            "growth": _where(self.chance(0.85), growth),
            "growth_long": _where(fades, self.between(-0.04, 0.02)),
            "growth_fade": _where(fades, self.between(0.05, 2.0)),
            "launch_lag": _where(self.chance(0.2), self.between(0.0, 4.0)),
            "ramp_years": _where(self.chance(0.25), self.between(0.0, 5.0)),
            "obsolescence": _where(self.chance(0.3), self.between(0.0, 0.2)),
            "royalty_rate": pa.array(rate),
            "royalty_low": _where(ranged, np.round(rate * self.between(0.0, 1.0), 6)),
            "royalty_high": _where(ranged, np.round(rate * self.between(1.0, 3.0), 6)),
            "tax_rate": _where(self.chance(0.8), self.between(0.0, 0.35)),
            "discount_premium": pa.array(np.where(indefinite, premium + 0.05, premium)),
            "tab_years": _where(self.chance(0.5), self.choice((2, 10, 15)), pa.int64()),
            "revenue_uncertainty": _where(self.chance(0.3), self.between(0.0, 0.5)),
            "volatility": _where(self.chance(0.85), self.between(0.0, 0.45)),
            "factor_loading": _where(loading != 0.0, loading),
            "hazard": _where(self.chance(0.5), self.between(0.0, 0.15)),
            "survival_curve": pa.array(curve, pa.string()),
            "grant_probability": _where(pending, self.between(0.2, 1.0)),
            "grant_lag": _where(pending, self.between(0.0, 4.0)),
            "entry_hazard": _where(enters, self.between(0.01, 0.6)),
            "entry_loss": _where(enters, np.where(self.chance(0.15), 1.0, self.between(0.1, 0.95))),
            "annual_cost": _where(self.chance(0.5), np.round(revenue * rate * self.between(0.0, 0.8), 2)),
            "cost_inflation": _where(self.chance(0.4), self.between(-0.02, 0.03)),
            "fee_schedule": pa.array(schedule, pa.string()),
            "fee_inflation": _where(self.chance(0.3), self.between(-0.01, 0.02)),
            "salvage": _where(self.chance(0.3), np.round(revenue * rate * self.between(0.0, 3.0), 2)),
        }
        assert self._next <= _DRAWS
        return columns

    def of_methods(self, base: pa.Table) -> dict[str, pa.Array]:
        """The columns of single methods, and those of `base` that a method needs otherwise."""
        n = self.n
        method = np.array(METHODS, object)[np.arange(n) % len(METHODS)]
        priced = np.isin(method, ["cost", "market"])
        licensed, staged = method == "licence", method == "project"
        margined = np.isin(method, ["excess_earnings", "incremental_income"]) | (staged & self.chance(0.5))
        revenue = base["revenue"].to_numpy()
        income = revenue * base["royalty_rate"].to_numpy()
        margin = self.between(0.01, 0.2)
        guaranteed, capped = self.chance(0.7), self.chance(0.6)
        guarantee = np.round(income * self.between(0.2, 1.5), 2)
        stages = np.where(staged, 1 + (self.u() * 3).astype(np.int64), 0)
        unread = self.chance(0.5)  # columns of other methods, which must not matter
        endless = base["indefinite"].to_numpy(zero_copy_only=False) & licensed
        economic = base["economic_life"].to_numpy(zero_copy_only=False)
        royalty = base["royalty_rate"].to_numpy()
        return {
            "method": pa.array(np.where((method == "relief_from_royalty") & self.chance(0.5), None, method), pa.string()),
            "royalty_rate": _where(~(margined | priced) | unread, royalty),
            "revenue": _where(~priced | unread, revenue),
            "indefinite": pa.array(base["indefinite"].to_numpy(zero_copy_only=False) & ~licensed),
            "economic_life": pa.array(np.where(endless, self.between(0.5, 18.0), economic), from_pandas=True),
            "margin": _where(margined, margin),
            "contributory_charge": _where(margined & self.chance(0.7) | unread & ~margined, np.round(margin * self.u(), 4)),
            "minimum_guarantee": _where(licensed & guaranteed | unread & ~licensed, guarantee),
            "cap": _where(licensed & capped | unread & ~licensed, np.round(guarantee + income * self.between(0.0, 2.0), 2)),
            "replacement_cost": _where((method == "cost") | unread, np.round(revenue * self.between(0.1, 5.0), 2)),
            "functional_obsolescence": _where(self.chance(0.6), self.between(0.0, 1.0)),
            "economic_obsolescence": _where(self.chance(0.6), self.between(0.0, 1.0)),
            "comparable_price": _where((method == "market") | unread, np.round(revenue * self.between(0.1, 5.0), 2)),
            "comparable_adjustment": _where(self.chance(0.7), self.between(-1.0, 1.5)),
            "stage_costs": self._lists(stages, income, (0.0, 0.1, 0.4, 0.8, 1.5)),
            "stage_years": self._lists(stages, np.ones(n), (0.25, 0.5, 1.0, 1.5, 2.1)),
            "stage_probabilities": self._lists(stages, np.ones(n), (1.0, 0.95, 0.8, 0.7, 0.6)),
        }

    def _lists(self, lengths: npt.NDArray[np.int64], scale: Floats, entries: tuple[float, ...]) -> pa.Array:
        """Lists of so many of the entries times the scale, null where there is none."""
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        first = np.repeat((self.u() * len(entries)).astype(np.int64), lengths)
        within = np.arange(start[-1]) - np.repeat(start[:-1], lengths)
        cells = np.round(np.repeat(scale, lengths) * np.array(entries)[(first + 3 * within) % len(entries)], 2)
        lists = pa.ListArray.from_arrays(pa.array(start), pa.array(cells))
        return pc.if_else(pa.array(lengths > 0), lists, pa.scalar(None, lists.type))

    def _paths(self, given: Mask, revenue: Floats) -> pa.Array:
        """revenue_path of one to eight entries about the revenue, null where not given."""
        lengths = np.where(given, 1 + (self.u() * 8).astype(np.int64), 0)
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        within = np.arange(start[-1]) - np.repeat(start[:-1], lengths)
        entries = np.round(np.repeat(revenue, lengths) * (0.5 + 0.13 * ((within * 7) % 5)), 2)
        lists = pa.ListArray.from_arrays(pa.array(start), pa.array(entries))
        return pc.if_else(pa.array(given), lists, pa.scalar(None, lists.type))


def _where(given: Mask, values: npt.NDArray[Any], kind: pa.DataType | None = None) -> pa.Array:
    return pa.array(values, kind or pa.float64(), mask=~given)
