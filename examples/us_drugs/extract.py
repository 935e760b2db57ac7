"""Cuts the small tables in sources/ out of the public tables that they come from; build.py needs only the small ones.

    python extract.py FOLDER        FOLDER holds the public tables, named as in RAW below

RAW tables: FDA Orange Book patents (three editions), its join with Medicare Part D spending by trade name, Part D
spending of all brands (CMS), USPTO patents with number and grant date, US Treasury par yields, Damodaran's cost of
capital by industry (NYU Stern).
"""

from __future__ import annotations

import csv
import math
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SOURCES = Path(__file__).parent / "sources"
RAW = {
    "join": "drug_revenue/orangebook_patents_x_partd_revenue.parquet",
    "panel": "drug_revenue/medicare_partd_brand_2013_2017.parquet",
    "orange_book": "orangebook/orange_book_patents.parquet",
    "patents": "uspto_maint/abandoned_patents_sample_2005_2015.parquet",
    "treasury": "rates_fx/us_treasury_par_1990_2021.parquet",
    "capital": "damodaran/wacc_us_2026.csv",
}
CURVE_DATES = (date(2016, 12, 30), date(2017, 12, 29), date(2019, 12, 31))  # last trading days of years
SMALLEST = 1e6  # USD of spending: growth from a smaller base is not counted

# Grant dates of the millionth patents: uspto.gov/patents/milestones.
MILESTONES = {
    4_000_000: date(1976, 12, 28),
    5_000_000: date(1991, 3, 19),
    6_000_000: date(1999, 12, 7),
    7_000_000: date(2006, 2, 14),
    8_000_000: date(2011, 8, 16),
    9_000_000: date(2015, 4, 7),
    10_000_000: date(2018, 6, 19),
}

# The panel's 46 categories, merged so that each factor has enough brands to measure its common movement. What is not
# here is other_therapies.
FACTORS = {
    "anti_infective": ("infection/parasite", "HIV/AIDS", "STI", "liver", "vaccine"),
    "cardiovascular": (
        "blood pressure",
        "cholesterol/heart",
        "stroke/blood clot/general circulatory",
        "edema",
        "anemia",
        "hemorrhage",
    ),
    "immunology": ("arthritis", "immune system", "transplant"),
    "metabolic": (
        "diabetes/insulin",
        "metabolism/endocrine system",
        "osteoporosis/bone health",
        "weight change",
        "nutrition/vitamins/dietary supplements",
        "kidney",
        "rare genetic",
    ),
    "nervous_system": (
        "mental health",
        "nervous system",
        "seizure disorder",
        "sleep",
        "pain reliever",
        "addiction",
        "analgesic/anesthetics",
        "nausea",
    ),
    "oncology": ("chemotherapy/cancer",),
    "respiratory": ("asthma/lung disease/respiratory", "flu/cold/allergies"),
}
OTHER = "other_therapies"
FACTOR_OF = {category: factor for factor, categories in FACTORS.items() for category in categories}


def rows(path: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = pq.read_table(path, columns=columns).to_pylist()
    return table


def annual_growth(spending: dict[Any, dict[int, float]]) -> dict[Any, dict[int, float]]:
    """ln growth by key and year, from a base above SMALLEST."""
    return {
        key: {y: math.log(s / by_year[y - 1]) for y, s in sorted(by_year.items()) if by_year.get(y - 1, 0.0) > SMALLEST and s > 0}
        for key, by_year in spending.items()
    }


# -------------------------------------------------------------------------------- what the pooled panel says


def digamma(x: float) -> float:
    """Recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18)."""
    shift = 0.0
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    return shift + math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)


def trigamma(x: float) -> float:
    """Recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.4.12)."""
    shift = 0.0
    while x < 10.0:
        shift += 1.0 / x**2
        x += 1.0
    return shift + 1 / x + 1 / (2 * x**2) + 1 / (6 * x**3) - 1 / (30 * x**5) + 1 / (42 * x**7)


def prior_degrees_of_freedom(variances: np.ndarray, degrees: int) -> float:
    """How many years of data the pooled variance is worth: Smyth (2004), Stat. Appl. Genet. Mol. Biol. 3(1), §6.2.

    The sample variances scatter more than chance allows where brands truly differ; ψ'(d₀/2) = var(ln s²) − ψ'(d/2) is
    solved by bisection.
    """
    excess = float(np.var(np.log(variances), ddof=1)) - trigamma(degrees / 2)
    low, high = 1e-3, 1e3
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if trigamma(middle) > excess else (low, middle)
    return 2 * math.sqrt(low * high)


def slope(before: list[float], after: list[float]) -> float:
    """Least-squares slope of `after` on `before`."""
    covariance = np.cov(before, after)
    return float(covariance[0, 1] / covariance[0, 0])


def growth_figures(growth: dict[str, dict[int, float]]) -> dict[str, float]:
    """Pooled mean and sd of ln growth; how much of a brand's own growth lasts into the next year, how fast that fades.

    persistence   slope of the growth of 2017 on the brand's mean growth of the 1, 2 and 3 years before, averaged (it
                  does not rise with the number of years)
    fade          −ln of the slope two years apart over the slope one year apart
    """
    everything = [g for by_year in growth.values() for g in by_year.values()]
    full = [by_year for by_year in growth.values() if len(by_year) == 4]
    slopes = []
    for n in (1, 2, 3):
        years = [2017 - i for i in range(1, n + 1)]
        known = [g for g in growth.values() if 2017 in g and all(y in g for y in years)]
        slopes.append(slope([float(np.mean([g[y] for y in years])) for g in known], [g[2017] for g in known]))
    apart = []
    for h in (1, 2):
        known = [g for g in growth.values() if 2017 in g and 2017 - h in g]
        apart.append(slope([g[2017 - h] for g in known], [g[2017] for g in known]))
    return {
        "brand_years": len(everything),
        "mean": float(np.mean(everything)),
        "standard_deviation": float(np.std(everything, ddof=1)),
        "percentile_1": float(np.quantile(everything, 0.01)),
        "percentile_99": float(np.quantile(everything, 0.99)),
        "persistence": float(np.mean(slopes)),
        "fade": -math.log(apart[1] / apart[0]),
        "prior_degrees_of_freedom": prior_degrees_of_freedom(
            np.array([np.var(list(g.values()), ddof=1) for g in full if np.var(list(g.values()), ddof=1) > 0]), 3
        ),
    }


def factor_figures(growth: dict[str, dict[int, float]], factor_of: dict[str, str]) -> dict[str, Any]:
    """Common movement within and between factors: the mean product of two brands' growth in a year, over the variance.

    Growth is measured from the pooled mean and limited to its 1st and 99th percentile. Within a factor that average is
    β², between two factors β²ρ. Four years cannot tell 28 pairs of factors apart, so one ρ serves all pairs; each β² is
    half its own measure (at least 0) and half the pooled one.
    """
    cells = [(factor_of[brand], year, g) for brand, by_year in growth.items() for year, g in by_year.items()]
    values = np.array([g for _, _, g in cells])
    values = np.clip(values, *np.quantile(values, [0.01, 0.99]))
    values -= values.mean()
    variance = float(values.var(ddof=1))
    grouped: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for (factor, year, _), value in zip(cells, values):
        grouped[factor, year].append(float(value))
    total = {key: sum(v) for key, v in grouped.items()}
    count = {key: len(v) for key, v in grouped.items()}
    square = {key: sum(x * x for x in v) for key, v in grouped.items()}
    names = sorted({factor for factor, _ in grouped})
    years = sorted({year for _, year in grouped})

    def average(numerator: float, pairs: float) -> float:
        return numerator / pairs / variance

    within = {f: average(sum(total[f, y] ** 2 - square[f, y] for y in years), sum(count[f, y] * (count[f, y] - 1) for y in years)) for f in names}
    between = [
        average(sum(total[f, y] * total[g, y] for y in years), sum(count[f, y] * count[g, y] for y in years))
        for i, f in enumerate(names)
        for g in names[:i]
    ]
    weight = {f: sum(count[f, y] for y in years) for f in names}
    pooled = sum(within[f] * weight[f] for f in names) / sum(weight.values())
    return {
        "names": names,
        "within": within,
        "pooled": pooled,
        "between": float(np.mean(between)),
        "correlation": float(np.mean(between)) / pooled,
        "loading": {f: math.sqrt((max(0.0, within[f]) + pooled) / 2) for f in names},
    }


# ------------------------------------------------------------------------------------------------ the small tables


def comparable(name: str) -> str:
    return "".join(c for c in name.upper() if c.isalnum())


def categories(join: list[dict[str, Any]], panel: list[dict[str, Any]]) -> dict[str, str]:
    """The panel's category of each trade name: the brand's, else its generic name's most frequent one, else 'other'."""
    by_brand = {comparable(r["brand_name"]): r["category"] for r in panel}
    by_generic: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for r in panel:
        by_generic[comparable(r["generic_name"])][r["category"]] += 1
    found: dict[str, str] = {}
    for r in join:
        generic = by_generic.get(comparable(r["generic_name"]))
        fallback = generic.most_common(1)[0][0] if generic else "other"
        found.setdefault(r["trade_name"], by_brand.get(comparable(r["trade_name"]), fallback))
    return found


def orange_book(raw: list[dict[str, Any]], applications: set[str]) -> pa.Table:
    """Listed patents of these applications: the oldest edition, the newest, and those between for applications that the
    oldest lacks."""
    listed: defaultdict[str, set[tuple[str, str, date]]] = defaultdict(set)
    for r in raw:
        if r["appl_no"] in applications:
            edition = r["edition"].removeprefix("latest submission ")
            listed[edition].add((r["appl_no"], r["patent_no"], r["patent_expire_date"].date()))
    oldest, *between, newest = sorted(listed)
    known = {application for application, _, _ in listed[oldest]}
    chosen = [(oldest, *row) for row in sorted(listed[oldest])]
    chosen += [(edition, *row) for edition in between for row in sorted(listed[edition]) if row[0] not in known]
    chosen += [(newest, *row) for row in sorted(listed[newest])]
    columns = zip(*chosen)
    return pa.table(dict(zip(("edition", "appl_no", "patent_no", "expiry_date"), (pa.array(list(c)) for c in columns))))


def revenue(join: list[dict[str, Any]]) -> pa.Table:
    """Spending by trade name and year, two products of one name added, with the applications behind the name."""
    products = {(r["trade_name"], r["generic_name"], r["year"]): r["total_spending"] for r in join}
    spending: defaultdict[tuple[str, int], float] = defaultdict(float)
    generics: defaultdict[str, set[str]] = defaultdict(set)
    applications: defaultdict[str, set[str]] = defaultdict(set)
    for (trade_name, generic_name, year), amount in sorted(products.items()):
        spending[trade_name, year] += amount
        generics[trade_name].add(generic_name)
    for r in join:
        applications[r["trade_name"]].add(r["appl_no"])
    keys = sorted(spending)
    return pa.table(
        {
            "trade_name": [name for name, _ in keys],
            "generic_name": [" + ".join(sorted(generics[name])) for name, _ in keys],
            "applications": [" ".join(sorted(applications[name])) for name, _ in keys],
            "year": [year for _, year in keys],
            "spending": [round(spending[key], 2) for key in keys],
        }
    )


def patent_dates(patents: list[dict[str, Any]]) -> list[tuple[int, date]]:
    """Patent numbers of known grant date, one a year where there is one: numbers are given in the order of grant."""
    points = dict(MILESTONES)
    first: dict[int, tuple[int, date]] = {}
    dated = [r for r in patents if r["grant_date"] is not None]
    for r in sorted(dated, key=lambda r: int(r["patent_number"])):
        first.setdefault(r["grant_date"].year, (int(r["patent_number"]), r["grant_date"].date()))
    points |= dict(first.values())
    return sorted(points.items())


def implied_rates(capital: list[dict[str, str]]) -> tuple[float, float]:
    """Risk-free rate and equity risk premium behind the table: cost of equity is a straight line in beta."""
    beta = [float(r["Beta"]) for r in capital]
    cost = [float(r["Cost of Equity"]) for r in capital]
    premium = slope(beta, cost)
    return float(np.mean(cost)) - premium * float(np.mean(beta)), premium


def write_csv(name: str, header: Iterable[str], lines: Iterable[Iterable[object]]) -> None:
    with (SOURCES / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def toml(table: dict[str, Any]) -> str:
    def value(x: object) -> str:
        return f"{x:.6g}" if isinstance(x, float) else str(x) if isinstance(x, int) else f'"{x}"'

    return "\n".join(f"{key} = {value(x)}" for key, x in table.items())


def extract(raw: Path) -> None:
    SOURCES.mkdir(exist_ok=True)
    join, panel = rows(raw / RAW["join"]), rows(raw / RAW["panel"])
    brands = revenue(join)
    pq.write_table(brands, SOURCES / "brand_revenue.parquet", compression="zstd")
    applications = set(" ".join(brands["applications"].to_pylist()).split())
    pq.write_table(orange_book(rows(raw / RAW["orange_book"]), applications), SOURCES / "orange_book.parquet", compression="zstd")

    named = categories(join, panel)
    write_csv(
        "categories.csv",
        ("trade_name", "category", "factor"),
        ((n, c, FACTOR_OF.get(c, OTHER)) for n, c in sorted(named.items())),
    )
    write_csv(
        "patent_dates.csv",
        ("patent_no", "grant_date"),
        patent_dates(rows(raw / RAW["patents"], ["patent_number", "grant_date"])),
    )
    par = {r["date"].date(): r for r in rows(raw / RAW["treasury"]) if r["date"].date() in CURVE_DATES}
    tenors = {k: int(k[2:-4]) if k.endswith("year") else int(k[2:-5]) / 12 for k in par[CURVE_DATES[0]] if k.startswith("y_")}
    yields = ((day, round(t, 6), par[day][k]) for day in CURVE_DATES for k, t in tenors.items())
    write_csv("treasury_par.csv", ("date", "years", "percent"), yields)

    spending: defaultdict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    factor_of = {}
    for r in panel:
        spending[r["brand_name"]][r["year"]] += r["total_spending"]
        factor_of[r["brand_name"]] = FACTOR_OF.get(r["category"], OTHER)
    growth = annual_growth(spending)
    factors = factor_figures(growth, factor_of)
    with (raw / RAW["capital"]).open(encoding="utf-8") as file:
        capital = list(csv.DictReader(file))
    drugs = next(r for r in capital if r["Industry Name"] == "Drugs (Pharmaceutical)")
    risk_free, premium = implied_rates(capital)
    text = "\n\n".join(
        [
            "# Written by extract.py from the public tables; what each figure is stands there and in README.md.",
            "[growth]  # ln growth of annual Part D spending, brands above 1 M USD, 2013-2017 (CMS)\n" + toml(growth_figures(growth)),
            "[factors]  # common movement of those growth rates\n" + toml({k: factors[k] for k in ("pooled", "between", "correlation")}),
            "[factors.within]  # measured β² of each factor, before shrinking\n" + toml(factors["within"]),
            "[factors.loading]  # β used\n" + toml(factors["loading"]),
            "[cost_of_capital]  # A. Damodaran, NYU Stern, cost of capital by US industry\n"
            + toml(
                {
                    "as_of": drugs["as_of"],
                    "industry": drugs["Industry Name"],
                    "cost_of_capital": float(drugs["Cost of Capital"]),
                    "risk_free": risk_free,
                    "equity_risk_premium": premium,
                }
            ),
        ]
    )
    (SOURCES / "figures.toml").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python extract.py FOLDER   (the folder of the public tables)")
    extract(Path(sys.argv[1]))
