"""A path, URL or any Arrow-speaking table → clean record batches and a table of rejects."""

from ipvalue.intake.hashes import hash_ids
from ipvalue.intake.rows import read
from ipvalue.intake.sample import scattered_rows, scattered_units
from ipvalue.intake.scan import Duplicates, Scan, scan
from ipvalue.intake.shared import Streams
from ipvalue.intake.sources import Portfolio, SourceFile, open_portfolio, reopen_portfolio
from ipvalue.intake.stored import BATCH_ROWS, Unit

__all__ = [
    "BATCH_ROWS",
    "Duplicates",
    "Portfolio",
    "Scan",
    "SourceFile",
    "Streams",
    "Unit",
    "hash_ids",
    "open_portfolio",
    "read",
    "reopen_portfolio",
    "scan",
    "scattered_rows",
    "scattered_units",
]
