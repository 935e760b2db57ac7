"""Writes the sample that `ipvalue init` lays down: of each of the eight sectors of portfolio.parquet the five families with most revenue.

python examples/us_drugs/sample.py        writes engine/starter/portfolio.csv and engine/starter/market.toml

What the example's assumptions.toml fills (royalty, premium, tax) stands in columns of its own, so that the sample needs no assumptions but the
shipped ones; these give it the official fees of today and not those of 2017.
"""

from __future__ import annotations

import csv
import io
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
STARTER = HERE.parents[1] / "engine" / "starter"

OF_EACH = 5
FILLED = ("royalty_rate", "royalty_low", "royalty_high", "discount_premium", "tax_rate", "tab_years")
BEFORE = "annual_cost"
"""The column before which these stand."""

_HEAD = """\
# What money is worth, and how sectors move together. Replace the figures by your own; docs/files.md says what each means.

# What results are reported in, and the day that time 0 is.
currency = "USD"
valuation_date = 2017-12-31

# Periods a year (1, 4, 12 …), and whether cash is discounted from the middle of its period.
steps_per_year = 1
mid_period = true

# A risk-free curve for each currency of the portfolio: annual effective zero rates, linear between the tenors (years) and flat outside.
# Source: the US Treasury's par yields of 2017-12-29, the last trading day, bootstrapped.
[curves.USD]
{curve}

# A portfolio in another currency needs a table of the same kind for it, as [curves.EUR], and under [fx] what one unit of it is in the reporting
# currency, as EUR = …

# The sectors that rights may name, and the correlation of their factors.
# Source: Medicare Part D 2013-2017 (CMS): the common movement of two brands of different groups of therapies over that of two of the same.
[factors]
{factors}
"""


def portfolio() -> str:
    """The sample as CSV."""
    rows = pq.read_table(HERE / "portfolio.parquet")
    rows = rows.take(pc.sort_indices(rows, sort_keys=[("sector", "ascending"), ("revenue", "descending"), ("asset_id", "ascending")]))
    sectors = rows["sector"].to_pylist()
    rows = rows.take(pa.array([place for place, sector in enumerate(sectors) if sectors[:place].count(sector) < OF_EACH]))
    filled = tomllib.loads((HERE / "assumptions.toml").read_text(encoding="utf-8"))["defaults"]["invention_patent/US"]
    for name in FILLED:
        rows = rows.add_column(rows.schema.get_field_index(BEFORE), name, pa.array([filled[name]] * rows.num_rows))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows.column_names)
    writer.writerows(["" if cell is None else cell for cell in row.values()] for row in rows.to_pylist())
    return text.getvalue()


def market() -> str:
    """The example's market with a word on each key."""
    lines = (HERE / "market.toml").read_text(encoding="utf-8").splitlines()
    curve, factors = lines.index("[curves.USD]"), lines.index("[factors]")
    return _HEAD.format(curve="\n".join(lines[curve + 1 : curve + 3]), factors="\n".join(lines[factors + 1 :]))


if __name__ == "__main__":
    (STARTER / "portfolio.csv").write_text(portfolio(), encoding="utf-8")
    (STARTER / "market.toml").write_text(market(), encoding="utf-8")
