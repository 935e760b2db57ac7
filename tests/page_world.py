"""A directory in which the code of the documentation runs: the files that its pages speak of, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from commandline import MARKET, ROW, table
from page_code import blocks
from panels import renewals, revenues, sector_panel

FACTORS = 'names = ["software", "pharma"]\ncorrelation = [[1.0, 0.3], [0.3, 1.0]]\n'
MACHINERY = 'names = ["software", "pharma", "machinery"]\ncorrelation = [[1.0, 0.3, 0.2], [0.3, 1.0, 0.2], [0.2, 0.2, 1.0]]\n'

TERMS = {"rate": 0.0435, "term": 3.0, "pd": 0.03}
MACHINES = {"asset_ids": ["CN2019-1", "CN2019-2"], "principal": 5e6, "sector": "machinery", "programme": "zhongshan"}
CODE = {"asset_ids": ["SW-5"], "principal": 9e5, "sector": "software", "programme": "shenzhen"}
LENT = [
    {"loan_id": "2026-001", "borrower_id": "Lantern Optics", **MACHINES, **TERMS},
    {"loan_id": "2026-003", "borrower_id": "Bright Software", **CODE, **TERMS},
]

SETUP: dict[str, tuple[str, ...]] = {
    "docs/explain.md": (
        "ipvalue value rights-2026-11.parquet --group-by sector --out results/2016",
        "ipvalue value rights-2026-12.parquet --group-by sector --out results/2017",
    ),
    "docs/report.md": ("ipvalue value rights.parquet --out results/us_drugs",),
    "docs/results.md": ("ipvalue value rights.parquet --out results/us_drugs",),
    "docs/verify.md": (
        "ipvalue value rights.parquet --out results",
        "ipvalue lend loans.parquet --portfolio rights.parquet --out lent",
        "ipvalue lend --largest --portfolio rights.parquet --policy bank_of_communications --out most",
    ),
}
"""What a reader of a page has done before."""


def build(here: Path, root: Path) -> None:
    """Fills the directory `here`."""
    (here / "examples").symlink_to(root / "examples")
    (here / "market.toml").write_text(MARKET.replace(FACTORS, MACHINERY), encoding="utf-8")
    rows = [
        {**ROW, "asset_id": name, "right_type": kind, "sector": sector, "jurisdiction": "CN", "revenue": 1e6 * (place + 1), "threshold": 1.5e6}
        for place, (name, kind, sector) in enumerate(_rights())
    ]
    for name, changed in {"rights": 1.0, "portfolio": 1.0, "register": 1.0, "rights-2026-11": 1.0, "rights-2026-12": 1.1}.items():
        pq.write_table(table([{**rows[0], "revenue": rows[0]["revenue"] * changed}, *rows[1:]]), here / f"{name}.parquet")
    named = ",".join(rows[0])
    (here / "rights.csv").write_text(f"{named}\n{','.join(map(str, rows[0].values()))}\n", encoding="utf-8")
    _write_workbook(here / "book.xlsx", rows)
    _write_shown(here, root / "docs")
    pq.write_table(pa.table({"asset_id": ["TM-1", "r3"], "price": [1e5, 9e5]}), here / "prices.parquet")
    pyarrow.csv.write_csv(pq.read_table(here / "prices.parquet"), here / "prices.csv")
    history = revenues(1)[0]
    sectors = pa.array([("software", "pharma")[int(name[1:]) % 2] for name in history["asset_id"].to_pylist()])
    millions = history.set_column(2, "revenue", pc.multiply(history["revenue"], 1e3))
    pyarrow.csv.write_csv(millions.append_column("sector", sectors), here / "revenue.csv")
    pyarrow.csv.write_csv(sector_panel(1), here / "panel.csv")
    pyarrow.csv.write_csv(renewals(1).rename_columns({"kind": "right_type"}), here / "renewals.csv")
    pq.write_table(pa.Table.from_pylist(LENT), here / "loans.parquet")


def _rights() -> list[tuple[str, str, str]]:
    """(asset_id, right_type, sector) of some rights; first those that pages name."""
    named = [("TM-1", "trademark", "software"), ("P-7", "invention_patent", "pharma"), ("SW-5", "software_copyright", "software")]
    pledged = [("CN2019-1", "invention_patent", "machinery"), ("CN2019-2", "invention_patent", "machinery")]
    drugs = [("SUTENT N021938", "invention_patent", "pharma"), ("STIVARGA N203085", "invention_patent", "pharma")]
    return named + pledged + drugs + [(f"r{i}", ("trademark", "invention_patent")[i % 2], ("software", "pharma")[i // 2 % 2]) for i in range(6)]


def _write_workbook(path: Path, rows: list[dict[str, Any]]) -> None:
    book = openpyxl.Workbook()
    for row in ([*rows[0]], *(list(row.values()) for row in rows)):
        book.active.append(row)
    book.save(path)


def _write_shown(here: Path, docs: Path) -> None:
    """The files whose content a page shows, under the names by which other commands know them."""
    scenarios = next(block.text for block in blocks(docs / "scenarios.md") if block.language == "toml")
    (here / "scenarios.toml").write_text(scenarios, encoding="utf-8")
    job = next(block.text for block in blocks(docs / "overnight.md") if block.text.startswith("portfolio = "))
    (here / "job.toml").write_text(f'{job}[outputs]\nroot = "nights"\n', encoding="utf-8")
    pool = next(block.text for block in blocks(docs / "loans.md") if "[pool]" in block.text)
    (here / "pool.toml").write_text(pool, encoding="utf-8")
    ratings = next(block.text for block in blocks(docs / "loans.md") if block.text.startswith("rating,"))
    (here / "ratings.csv").write_text(ratings, encoding="utf-8")
    rule = next(block.text for block in blocks(docs / "rules.md") if block.language == "python")
    (here / "royalties.py").write_text(rule, encoding="utf-8")
