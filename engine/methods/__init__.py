"""Valuation methods: each module fills the vectors of `ipvalue.cashflows` and nothing else."""

from __future__ import annotations

from collections.abc import Callable

from ipvalue.cashflows import Vectors
from ipvalue.methods import cost, excess_earnings, incremental_income, licence, market, project, relief_from_royalty
from ipvalue.rows import Rows
from ipvalue.tables import Tables

METHODS: dict[str, Callable[[Rows, Tables], Vectors]] = {
    module.NAME: module.vectors for module in (relief_from_royalty, licence, excess_earnings, incremental_income, cost, market, project)
}
"""Every method by its name: filled rows → vectors; rows that break one of its rules move to the rejects."""
