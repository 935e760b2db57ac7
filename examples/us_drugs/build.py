"""Builds portfolio.parquet, market.toml and assumptions.toml from the small public tables in sources/.

    python build.py [--sources FOLDER] [--out FOLDER] [--date 2017-12-31] [--edition 2026-05-07]

One asset is the family of US patents behind one brand in the FDA's Orange Book, with the brand's Medicare Part D
spending of 2017 (the last year known, or that of an earlier date) as its revenue, valued as of 2017-12-31 or another
date that sources/treasury_par.csv has yields of. README.md says how each figure is made and what the portfolio is not.
"""

from __future__ import annotations

import argparse
import csv
import math
import tomllib
from bisect import bisect_left
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
VALUATION_DATE = date(2017, 12, 31)
FIRST_YEAR, LAST_YEAR = 2013, 2017
SMALLEST = 1e6  # USD of spending: growth from a smaller base is not counted
DAYS_PER_YEAR = 365.25

FEES = {3.5: 1600.0, 7.5: 3600.0, 11.5: 7400.0}  # USD by years from grant
FEES_SOURCE = (
    "37 CFR 1.20(e)-(g) as amended by 78 FR 4212 (2013-01-18), in force 2013-03-19 to 2020-10-01, undiscounted; "
    "four times the micro-entity fees at shomat.com/micro.html"
)
# Substances that became biological products by law on 2020-03-23 (Pub. L. 111-148, 7002(e)(4)): no later edition of the
# Orange Book lists their patents, whether they live or not.
BIOLOGICS = ("Insulin", "Lipase", "Sacrosidase", "Somatropin", "Taliglucerase", "Tesamorelin")
TERM = 20.0  # years from filing
PENDENCY = 2.0  # years from filing to grant: 24.2 months, USPTO Performance and Accountability Report 2017


def years_between(start: date, end: date) -> float:
    return (end - start).days / DAYS_PER_YEAR


def after(start: date, years: float) -> date:
    return start + timedelta(days=round(years * DAYS_PER_YEAR))


# ------------------------------------------------------------------------------------------------ patents


class GrantDates:
    """Grant dates from patent numbers, which follow the order of grant: between two known ones by interpolation."""

    def __init__(self, path: Path) -> None:
        with path.open(encoding="utf-8") as file:
            points = [(int(r["patent_no"]), date.fromisoformat(r["grant_date"]).toordinal()) for r in csv.DictReader(file)]
        self.numbers = [number for number, _ in points]
        self.days = [day for _, day in points]

    def of(self, patent_no: str, expiry: date) -> date:
        """A reissue has a number of another series: its expiry less what the term leaves after an average pendency."""
        if not patent_no.isdigit():
            return after(expiry, PENDENCY - TERM)
        number = int(patent_no)
        i = min(max(bisect_left(self.numbers, number), 1), len(self.numbers) - 1)
        share = (number - self.numbers[i - 1]) / (self.numbers[i] - self.numbers[i - 1])
        return date.fromordinal(round(self.days[i - 1] + share * (self.days[i] - self.days[i - 1])))


Listed = dict[str, dict[str, dict[str, date]]]
"""Application number -> edition -> {patent number: expiry}."""


def listed_patents(path: Path) -> Listed:
    """What each edition of the Orange Book lists.

    A patent with paediatric exclusivity is listed twice, the second time as NUMBER*PED with six more months: the later
    date counts.
    """
    listed: defaultdict[str, defaultdict[str, dict[str, date]]] = defaultdict(lambda: defaultdict(dict))
    for r in pq.read_table(path).to_pylist():
        patents = listed[r["appl_no"]][r["edition"]]
        number = r["patent_no"].removesuffix("*PED")
        patents[number] = max(patents.get(number, date.min), r["expiry_date"])
    return {application: dict(editions) for application, editions in listed.items()}


def family(applications: list[str], listed: Listed, edition: str | None = None) -> dict[str, date]:
    """All patents of a brand in an edition: in the oldest one that lists any of its applications, or in the one named.

    No edition lists a patent that has expired. So to what the one named lists is added what earlier ones list and had
    expired by then; what they list with a later expiry was taken off the list.
    """
    of_brand: defaultdict[str, dict[str, date]] = defaultdict(dict)
    for application in applications:
        for name, patents in listed.get(application, {}).items():
            for number, expiry in patents.items():
                of_brand[name][number] = max(of_brand[name].get(number, date.min), expiry)
    if edition is None:
        return of_brand[min(of_brand)]
    earlier = [patents for name, patents in sorted(of_brand.items()) if name < edition]
    expired = {number: expiry for patents in earlier for number, expiry in patents.items() if expiry <= date.fromisoformat(edition)}
    return expired | of_brand.get(edition, {})


def scheduled(patents: dict[str, date], grants: GrantDates, on: date = VALUATION_DATE) -> str | None:
    """The patent whose fees are paid as a schedule: of those granted by the valuation date the one that expires last.

    Of several that expire together the first granted. None where all were granted later.
    """
    granted = [(-expiry.toordinal(), grants.of(number, expiry), number) for number, expiry in patents.items()]
    known = [key for key in granted if key[1] <= on]
    return min(known)[2] if known else None


def yearly_fees(patents: dict[str, date], but: str | None, grants: GrantDates, on: date = VALUATION_DATE) -> float:
    """Fees still to come for every patent but one, spread over the family's life."""
    total = 0.0
    for number, expiry in patents.items():
        grant = grants.of(number, expiry)
        if number != but:
            total += sum(fee for due, fee in FEES.items() if on < after(grant, due) < expiry)
    return total / years_between(on, max(patents.values()))


# ------------------------------------------------------------------------------------------------ revenue


def own_growth(spending: dict[int, float], pooled: dict[str, float]) -> list[float]:
    """ln growth of the years whose base is above SMALLEST, limited to the panel's 1st and 99th percentile.

    A brand that enters the data after their first year was launched then: that base is a part of a year's sales and is
    left out.
    """
    launch = min(spending)
    bases = [y for y in spending if y + 1 in spending and spending[y] > SMALLEST and (y > launch or launch == FIRST_YEAR)]
    low, high = pooled["percentile_1"], pooled["percentile_99"]
    return [min(max(math.log(spending[y + 1] / spending[y]), low), high) for y in sorted(bases)]


def first_growth(growth: list[float], pooled: dict[str, float]) -> float:
    """Growth of the first year: the pooled mean and what the panel shows to last of the brand's distance to it."""
    mean = pooled["mean"]
    if growth:
        mean += pooled["persistence"] * (math.fsum(growth) / len(growth) - mean)
    return math.exp(mean) - 1.0


def volatility(growth: list[float], pooled: dict[str, float]) -> float:
    """σ² = (d₀s₀² + Σ(g − ḡ)²) / (d₀ + n − 1): the brand's own scatter, shrunk to the pooled s₀, worth d₀ years."""
    weight, pooled_variance = pooled["prior_degrees_of_freedom"], pooled["standard_deviation"] ** 2
    if len(growth) < 2:
        return math.sqrt(pooled_variance)
    mean = math.fsum(growth) / len(growth)
    scatter = math.fsum((g - mean) ** 2 for g in growth)
    return math.sqrt((weight * pooled_variance + scatter) / (weight + len(growth) - 1))


# ------------------------------------------------------------------------------------------------ the market


def par_yields(path: Path, on: date = VALUATION_DATE) -> tuple[str, dict[float, float]]:
    """The last trading day until a date of those that are known, and its yields by years."""
    with path.open(encoding="utf-8") as file:
        known = [r for r in csv.DictReader(file) if r["date"] <= on.isoformat()]
    day = max(r["date"] for r in known)
    return day, {float(r["years"]): float(r["percent"]) / 100.0 for r in known if r["date"] == day}


def zero_rates(par: dict[float, float]) -> dict[float, float]:
    """Annual effective zero rates from Treasury par yields.

    Up to half a year a bill: one payment with simple interest. Beyond, bonds with half-yearly coupons at the par yield,
    itself linear between the published tenors; each half-year's discount factor follows from the ones before it.
    """
    tenors = sorted(par)

    def yield_at(t: float) -> float:
        i = min(max(bisect_left(tenors, t), 1), len(tenors) - 1)
        left, right = tenors[i - 1], tenors[i]
        return par[left] + (t - left) / (right - left) * (par[right] - par[left])

    factors = {t: 1.0 / (1.0 + par[t] * t) for t in tenors if t <= 0.5}
    coupons = factors[0.5]
    for half_years in range(2, int(2 * tenors[-1]) + 1):
        coupon = yield_at(half_years / 2) / 2
        factor = (1.0 - coupon * coupons) / (1.0 + coupon)
        factors[half_years / 2] = factor
        coupons += factor
    return {t: factors[t] ** (-1.0 / t) - 1.0 for t in tenors}


def market_text(on: date, day: str, zero: dict[float, float], names: list[str], correlation: float) -> str:
    rows = ",\n".join("    [" + ", ".join("1.0" if i == j else f"{correlation:.2f}" for j in range(len(names))) + "]" for i in range(len(names)))
    # the one-month rate is left out: the first cash falls in the middle of the first year
    kept = {t: r for t, r in zero.items() if t >= 0.25}
    return f"""\
# Written by build.py.
currency = "USD"
valuation_date = {on}
steps_per_year = 1
mid_period = true

# Annual effective zero rates from the US Treasury's par yields of {day}, the last trading day.
[curves.USD]
tenors = [{", ".join(f"{t:g}" for t in kept)}]
rates = [{", ".join(f"{r:.6f}" for r in kept.values())}]

# Groups of therapies. One correlation for all pairs: the common movement of two brands of different factors over that
# of two of the same, Medicare Part D 2013-2017 (CMS); four years cannot tell the pairs apart.
[factors]
names = [{", ".join(f'"{n}"' for n in names)}]
correlation = [
{rows},
]
"""


def assumptions_text(capital: dict[str, Any]) -> str:
    cost, risk_free = capital["cost_of_capital"], capital["risk_free"]
    sources = {
        "royalty_rate": "middle of the 4-6 % commonly cited for pharmaceuticals and biotech (ipcg.com, 2026-06), also "
        "the most frequent technology royalty rate (Parr, Royalty Rates for Technology, IPRA, 6th ed., app. C)",
        "royalty_low": "Parr: 20 % of technology royalty rates are at or below 2 %. Wider than 4-6 % on purpose: that "
        "range comes without a sample size",
        "royalty_high": "Parr: 92 % of technology royalty rates are at or below 10 %. The triangular median is then "
        "5.5 %, within RoyaltyStat's median of 5-6 % over 13,004 rates",
        "discount_premium": f"A. Damodaran, NYU Stern, {capital['as_of']}: cost of capital of {capital['industry']} "
        f"{cost:.2%} less the risk-free rate of {risk_free:.2%} behind the same table",
        "tax_rate": "26 U.S.C. 11(b) as of 2018-01-01 (Pub. L. 115-97, enacted 2017-12-22)",
        "tab_years": "26 U.S.C. 197(a)",
        "fee_schedule": "the fees in force on the valuation date",
    }
    return f"""\
# Written by build.py. What the portfolio's rows leave blank; laid over the set that ships with ipvalue, which adds the
# hazard of invalidation. (Renewal is optimal here, so the survival curve made from renewal records is not filled.)
extends = "default"

[defaults."invention_patent/US"]
royalty_rate = 0.05
royalty_low = 0.02
royalty_high = 0.10
discount_premium = {cost - risk_free:.4f}
tax_rate = 0.21
tab_years = 15
fee_schedule = "US/patent/2013"

[defaults."invention_patent/US".sources]
{chr(10).join(f'{column} = "{source}"' for column, source in sources.items())}

[fee_schedules."US/patent/2013"]
currency = "USD"
anchor = "grant"
due = [{", ".join(f"{due:g}" for due in FEES)}]
amounts = [{", ".join(f"{fee:g}" for fee in FEES.values())}]
source = "{FEES_SOURCE}"
"""


# ------------------------------------------------------------------------------------------------ the portfolio


def portfolio(sources: Path, on: date = VALUATION_DATE, edition: str | None = None) -> pa.Table:
    """The families that live on a date, as an edition (the oldest that lists each brand, unless one is named) has them."""
    figures = tomllib.loads((sources / "figures.toml").read_text(encoding="utf-8"))
    pooled, loading = figures["growth"], figures["factors"]["loading"]
    grants = GrantDates(sources / "patent_dates.csv")
    listed = listed_patents(sources / "orange_book.parquet")
    with (sources / "categories.csv").open(encoding="utf-8") as file:
        factor_of = {r["trade_name"]: r["factor"] for r in csv.DictReader(file)}
    spending: defaultdict[str, dict[int, float]] = defaultdict(dict)
    applications: dict[str, list[str]] = {}
    biological: set[str] = set()
    last_year = min(on.year, LAST_YEAR)
    for r in pq.read_table(sources / "brand_revenue.parquet", filters=[("year", "<=", last_year)]).to_pylist():
        spending[r["trade_name"]][r["year"]] = r["spending"]
        applications[r["trade_name"]] = r["applications"].split()
        biological |= {r["trade_name"]} if r["generic_name"].startswith(BIOLOGICS) else set()
    _, par = par_yields(sources / "treasury_par.csv", on)

    assets = []
    for brand, by_year in sorted(spending.items()):
        patents = family(applications[brand], listed, None if brand in biological else edition)
        if last_year not in by_year or max(patents.values(), default=on) <= on:
            continue
        main = scheduled(patents, grants, on)
        growth = own_growth(by_year, pooled)
        assets.append(
            {
                "asset_id": f"{brand} N{applications[brand][0]}",
                "right_type": "invention_patent",
                "stage": "granted",
                "method": "relief_from_royalty",
                "jurisdiction": "US",
                "sector": factor_of[brand],
                "currency": "USD",
                "grant_date": main and grants.of(main, patents[main]),
                "expiry_date": max(patents.values()),
                "revenue": by_year[last_year],
                "growth": round(first_growth(growth, pooled), 4),
                "growth_long": round(par[10.0], 4),
                "growth_fade": round(pooled["fade"], 4),
                "volatility": round(volatility(growth, pooled), 4),
                "factor_loading": round(loading[factor_of[brand]], 4),
                "annual_cost": round(yearly_fees(patents, main, grants, on), 2),
                "renewal": "optimal",
            }
        )
    kinds = {"grant_date": pa.date32(), "expiry_date": pa.date32()}
    return pa.table({name: pa.array([a[name] for a in assets], kinds.get(name)) for name in assets[0]})


def build(sources: Path, out: Path, on: date = VALUATION_DATE, edition: str | None = None) -> pa.Table:
    figures = tomllib.loads((sources / "figures.toml").read_text(encoding="utf-8"))
    table = portfolio(sources, on, edition)
    day, par = par_yields(sources / "treasury_par.csv", on)
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, out / "portfolio.parquet", compression="zstd")
    market = market_text(on, day, zero_rates(par), list(figures["factors"]["loading"]), figures["factors"]["correlation"])
    (out / "market.toml").write_text(market, encoding="utf-8")
    (out / "assumptions.toml").write_text(assumptions_text(figures["cost_of_capital"]), encoding="utf-8")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds the portfolio of US brand drugs.")
    parser.add_argument("--sources", type=Path, default=HERE / "sources", help="folder of the source tables")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    parser.add_argument("--date", type=date.fromisoformat, default=VALUATION_DATE, help="valuation date")
    parser.add_argument("--edition", help="edition of the Orange Book, as 2026-05-07; by default the oldest that lists each brand")
    options = parser.parse_args()
    table = build(options.sources, options.out, options.date, options.edition)
    revenue = sum(table["revenue"].to_pylist())
    print(f"{table.num_rows} families, revenue {revenue / 1e9:.2f} bn USD, written to {options.out}")


if __name__ == "__main__":
    main()
