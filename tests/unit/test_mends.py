"""What a bad cell was most likely meant to be."""

from __future__ import annotations

import pytest

from ipvalue.intake.mends import meant
from ipvalue.schema import PORTFOLIO


@pytest.mark.parametrize(
    ("column", "value", "guess"),
    [
        ("royalty_rate", "5%", "0.05"),
        ("royalty_rate", "5 %", "0.05"),
        ("royalty_rate", "500%", None),
        ("revenue", "1,000,000", "1000000"),
        ("revenue", "1,000.5", "1000.5"),
        ("revenue", "1,00", None),
        ("revenue", "a lot", None),
        ("revenue", "-5", None),
        ("tab_years", "1,0", None),
        ("tab_years", "10.0", "10"),
        ("jurisdiction", "cn", "CN"),
        ("jurisdiction", "China", None),
        ("currency", "usd", "USD"),
        ("filing_date", "2026/01/02", "2026-01-02"),
        ("filing_date", "2026.1.2", "2026-01-02"),
        ("filing_date", "20260102", "2026-01-02"),
        ("filing_date", "2026-01-02 00:00:00", "2026-01-02"),
        ("filing_date", "2026-13-02", None),
        ("filing_date", "02.01.2026", None),
        ("weights", "60%; 40%", "0.6; 0.4"),
        ("weights", "0.6|0.4", "0.6; 0.4"),
        ("weights", "0.6; 0.4;", "0.6; 0.4"),
        ("weights", "0.6; x", None),
        ("weights", "", None),
        ("revenue_path", "1,200,000", "1200000"),
        ("methods", '["relief_from_royalty", "makret"]', "relief_from_royalty; market"),
        ("methods", "cost + market", "cost; market"),
        ("methods", "market; magic", None),
        ("methods", "market; makret", None),
        ("method", "licnce", "licence"),
        ("right_type", "Trade Mark", "trademark"),
        ("asset_id", "x", None),
        ("indefinite", "ja", None),
    ],
)
def test_what_was_meant(column: str, value: str, guess: str | None) -> None:
    found = meant(PORTFOLIO[column], value)
    assert found == guess
