"""A results directory: parts, tables and the manifest, each written beside its name, synced and renamed; and reading it back."""

from ipvalue.store.laid_in import laid_in
from ipvalue.store.names import JOURNAL, LOCK, MANIFEST, part_of
from ipvalue.store.readable import LostRecord, made_by, table_of
from ipvalue.store.store import Store

__all__ = ["JOURNAL", "LOCK", "MANIFEST", "LostRecord", "Store", "laid_in", "made_by", "part_of", "table_of"]
