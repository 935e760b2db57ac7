"""A path, URL or any Arrow-speaking table → clean record batches and a table of rejects."""

from ipvalue.intake.cell_keys import row_keys
from ipvalue.intake.cells import convert
from ipvalue.intake.faults import Fault
from ipvalue.intake.gathered import Gathered, gather, places_of
from ipvalue.intake.hashes import hash_ids
from ipvalue.intake.kind import BOOK, RATED, RIGHTS, Kind
from ipvalue.intake.portfolio import Portfolio, SourceFile
from ipvalue.intake.rows import Together, read, read_together
from ipvalue.intake.same_rows import Alike, Editions, matched
from ipvalue.intake.sample import scattered_rows, scattered_units
from ipvalue.intake.scan import NOWHERE, Duplicates, Ids, Scan, columns_of, duplicated, ids_of, no_duplicates, repeated_ids, scan
from ipvalue.intake.shared import Streams
from ipvalue.intake.sources import open_portfolio, reopen_portfolio
from ipvalue.intake.stored import BATCH_ROWS, Unit

__all__ = [
    "BATCH_ROWS",
    "BOOK",
    "NOWHERE",
    "RATED",
    "RIGHTS",
    "Alike",
    "Duplicates",
    "Editions",
    "Fault",
    "Gathered",
    "Ids",
    "Kind",
    "Portfolio",
    "Scan",
    "SourceFile",
    "Streams",
    "Together",
    "Unit",
    "columns_of",
    "convert",
    "duplicated",
    "gather",
    "hash_ids",
    "ids_of",
    "matched",
    "no_duplicates",
    "open_portfolio",
    "places_of",
    "read",
    "read_together",
    "reopen_portfolio",
    "repeated_ids",
    "row_keys",
    "scan",
    "scattered_rows",
    "scattered_units",
]
