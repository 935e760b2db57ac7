"""Where both results are laid out by rights while they are explained: on this machine, or where the workers of a cluster see it."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ipvalue.job import Job
from ipvalue.schema import InputError
from ipvalue.storage import uninterrupted, writing
from ipvalue.store import Store

MARK = "begun"
"""A file that is there from the beginning: who sees it sees the layout."""


def check_shared(job: Job, stores: Sequence[Store]) -> None:
    """Raises InputError where other processes are to work and would not see what is in this one's memory."""
    for store in stores:
        if not store.is_shared and job.scheduler != "threads":
            raise InputError(f"{store.location}: other processes do not see this one's memory: use --scheduler threads or name another directory")


@contextmanager
def room(job: Job, tables: Store | None) -> Iterator[Store]:
    """A directory for the layout, gone at the end: a temporary one, or for a cluster a hidden one among the `tables`, where they are kept."""
    if job.is_local or tables is None:
        with tempfile.TemporaryDirectory(prefix="ipvalue-explain-") as folder:
            yield _begun(Store(folder))
        return
    store = Store(f"{tables.location.rstrip('/')}/.layout-{uuid.uuid4().hex}")
    try:
        yield _begun(store)
    finally:
        with uninterrupted(), writing(store.location), suppress(FileNotFoundError):
            store.fs.rm(store.root, recursive=True)


def _begun(store: Store) -> Store:
    store.write_text(MARK, "")
    return store


def is_there(store: Store) -> bool:
    """Whether the directory of a layout has not been removed yet."""
    return bool(store.fs.exists(store.place(MARK)))
