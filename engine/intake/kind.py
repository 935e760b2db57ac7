"""What the rows of a file are: rights of a portfolio, loans, or ratings of tranches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ipvalue.schema import LOANS, PORTFOLIO, TRANCHE_RATINGS, Column


@dataclass(frozen=True)
class Kind:
    """The columns that rows may have, which of them (`key`) names a row, what a file and a row are called, and a workbook's sheet of
    them."""

    columns: Mapping[str, Column]
    key: str
    file: str
    row: str
    sheet: str


RIGHTS = Kind(PORTFOLIO, "asset_id", "portfolio", "right", "portfolio")
BOOK = Kind(LOANS, "loan_id", "table of loans", "loan", "loans")
RATED = Kind(TRANCHE_RATINGS, "rating", "table of ratings of tranches", "rating", "ratings")
