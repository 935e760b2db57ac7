"""The published figures beside this file, and the sectors that are made of them."""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TABLES = ("damodaran", "nsf", "royalty", "registers", "law", "fees")

YEAR = re.compile(r"(?<!\d)(?:1[89]|20)\d\d(?!\d)")

Default = tuple[Any, str]
Set = dict[str, Default]
"""The defaults of a set, by column: a value, and the sentence that says where it comes from."""

OURS = "assumption of this project (2026)"
TOTAL = "Total Market (without financials)"
TECHNICAL = ("invention_patent", "utility_model", "trade_secret")
"""Rights in a technology: their royalties, decline and revenue differ by sector."""


@cache
def rows(table: str) -> list[dict[str, str]]:
    """The rows of one CSV."""
    with (HERE / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def _figures() -> dict[str, tuple[str, dict[str, str]]]:
    return {row["figure"]: (table, row) for table in TABLES for row in rows(table)}


USED: set[str] = set()
"""Figures that were asked for: a published figure that nothing uses does not belong here."""


def figure(name: str) -> float:
    """A published figure."""
    USED.add(name)
    return float(_figures()[name][1]["value"])


def cited(name: str) -> str:
    """The source of a published figure with its year, as its row says."""
    USED.add(name)
    row = _figures()[name][1]
    return row["source"] if YEAR.search(row["source"]) else f"{row['source']} ({row['year']})"


# ------------------------------------------------------------------------------------------------------ sectors


@cache
def sector(name: str) -> dict[str, list[str]]:
    """What a sector is made of; "" is every sector."""
    if not name:
        return {"damodaran_industries": [TOTAL], "research_group": ["all"], "royalty_segment": [""], "obsolescence": ["mean"]}
    found = next(row for row in rows("sectors") if row["sector"] == name)
    return {key: text.split(";") for key, text in found.items()}


SECTORS = tuple(row["sector"] for row in rows("sectors"))
PRODUCT_SECTORS = SECTORS[: SECTORS.index("energy") + 1]
"""The sectors that technologies are sorted into; the others are the business sectors of marks (groups of Nice classes)."""


def of_industries(column: str, name: str) -> float:
    """A figure of Damodaran's industries, averaged over their firms."""
    industries = sector(name)["damodaran_industries"]
    firms = [figure(f"firms/{one}") for one in industries]
    return sum(n * figure(f"{column}/{one}") for n, one in zip(firms, industries, strict=True)) / sum(firms)


def industries(name: str) -> str:
    """Damodaran's industries of a sector, in words."""
    return ", ".join(sector(name)["damodaran_industries"])
