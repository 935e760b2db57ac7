"""What a run has done so far, written beside its parts ever so often, so that the same run goes on from there however it ended."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime

from ipvalue.fingerprint import Terms, differences, fingerprint
from ipvalue.receipt import Receipt
from ipvalue.schema import InputError, RunError
from ipvalue.storage import Written
from ipvalue.store import Store

_log = logging.getLogger("ipvalue")

MOST_OF_TIME = 0.01
"""The share of a run's time that goes into writing its journal, at most."""


class Journal:
    """The journal of one run in its store. `done` is what all tasks gave back so far; `started` and `seconds` are those of all sessions together,
    and `sessions` says how many there were.
    """

    def __init__(self, store: Store, terms: Terms, done: Receipt) -> None:
        """Begins a journal, or goes on with the one that is there: then `done` takes over what it holds.

        Raises InputError where it is another run's, with what differs.
        """
        self.store = store
        self.done = done
        self.started, self._before, self.sessions = datetime.now(UTC), 0.0, 1
        self._terms = json.dumps({**terms, "fingerprint": fingerprint(terms)})
        self._clock = time.perf_counter()
        self._damaged: set[int] = set()
        if store.found == "unfinished":
            self._go_on(terms)
        self._cost = 0.0
        self.write()

    def _go_on(self, terms: Terms) -> None:
        written, record = self.store.read_journal()
        refuse_others(json.loads(written), terms, self.store.location)
        more = self.done.restore(record)
        self.started, self._before, self.sessions = datetime.fromisoformat(more["started"]), more["seconds"], more["sessions"] + 1
        _log.info("going on with the run in %s: %s parts are there", self.store.location, f"{len(self.done.files):,}")
        self._damaged = {number for number, files in self.done.files.items() if not all(map(self.store.holds, files))}

    @property
    def seconds(self) -> float:
        """Seconds that the run took so far."""
        return self._before + time.perf_counter() - self._clock

    def waits_for(self, number: int) -> bool:
        """Whether a task is still to be run: it never was, or its files are not what it wrote."""
        return number not in self.done.files or number in self._damaged

    def take(self, receipt: Receipt) -> None:
        """Takes a task's receipt in, and writes the journal where that is due. A part that was only mended is counted already."""
        mended = receipt.files.keys() & self._damaged
        if not mended:
            self.done.merge(receipt)
        for number in mended:
            for file, before in zip(receipt.files[number], self.done.files[number], strict=True):
                refuse_otherwise(file, before, self.store.location)
        self._damaged -= mended
        if time.perf_counter() - self._written > self._cost / MOST_OF_TIME:
            self.write()

    def write(self) -> None:
        """Writes what is done. Raises RunError where it cannot be: then the one before stands."""
        begun = time.perf_counter()
        more = {"started": self.started.isoformat(), "seconds": self.seconds, "sessions": self.sessions}
        self.store.write_journal(self._terms, self.done.record(more))
        self._written = time.perf_counter()
        self._cost = self._written - begun


def refuse_others(old: Terms, new: Terms, location: str) -> None:
    """Raises InputError where two runs are not the same, with what differs."""
    if found := differences(old, new):
        lines = "".join(f"\n  {one}" for one in found)
        raise InputError(f"{location}: holds a run of something else: name another --out, or give --overwrite to start again{lines}")


def refuse_otherwise(made: Written, before: Written, location: str) -> None:
    """Raises RunError where a file that is made again has other bytes than the record of it says."""
    if made != before:
        raise RunError(f"{location}/{made.name}: came out otherwise than before, so its record is damaged: give --overwrite to start again")
