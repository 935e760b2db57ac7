"""What a run has done so far, written beside its parts ever so often, so that the same run goes on from there however it ended."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ipvalue.fingerprint import Terms, differences, fingerprint
from ipvalue.intake import Portfolio
from ipvalue.receipt import Receipt
from ipvalue.schema import InputError, RunError
from ipvalue.storage import Written, uninterrupted
from ipvalue.store import LostRecord, Store

_log = logging.getLogger("ipvalue")

SINCE = "since"
"""The term that says which result rows are taken over from, where any is."""

MOST_OF_TIME = 0.01
"""The share of a session's time that goes into writing the journal, at most."""
BYTES_A_SECOND = 2e8
"""How fast a journal is taken to be written that is larger than any that was."""


class Journal:
    """The journal of one run in its store. `done` is what all tasks gave back so far, `kept` how many parts of it the file holds; `started` and
    `seconds` are those of all sessions together, and `sessions` says how many there were; `lost` what was there and could not be gone on with.
    """

    def __init__(self, store: Store, terms: Terms, done: Receipt, portfolios: Sequence[Portfolio], anew: bool = False) -> None:
        """Begins a journal, or goes on with the one that is there, unless `anew`: then `done` takes over what it holds. From a damaged one nothing
        can be gone on, so what is there is removed, which is said.

        Raises InputError where it is another run's, with what differs.
        """
        self.store = store
        self.done = done
        self.kept = 0
        self.started, self._before, self.sessions = datetime.now(UTC), 0.0, 1
        self.lost: list[str] = []
        self._portfolios = portfolios
        self._terms = json.dumps({**terms, "fingerprint": fingerprint(terms)})
        self._clock = time.perf_counter()
        self._damaged: set[int] = set()
        self._torn = False
        self._spent, self._cost, self._bytes = 0.0, 0.0, 0
        if store.found == "unfinished":
            try:
                written, record = store.read_journal()
            except LostRecord as error:
                _log.warning("%s: the run begins again, and makes all of its parts", error)
                self.lost.append(str(error))
                store.clear()
            else:
                if not anew:
                    self._go_on(terms, written, record)
        self.write()

    def _go_on(self, terms: Terms, written: str, record: pa.RecordBatch) -> None:
        before = json.loads(written)
        refuse_others(before, terms, self.store.location)
        _refuse_mixture(before.get(SINCE), terms.get(SINCE), self.store.location)
        more = self.done.restore(record)
        self.started, self._before, self.sessions = datetime.fromisoformat(more["started"]), more["seconds"], more["sessions"] + 1
        self.lost = more.get("lost", [])
        self._damaged = {number for number, files in self.done.files.items() if not all(map(self.store.holds, files))}
        again = f", of which {len(self._damaged):,} are damaged and made again" if self._damaged else ""
        _log.info("going on with the run in %s: %s parts are there%s", self.store.location, f"{len(self.done.files):,}", again)

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
            self._torn = True  # what ends between two of its counts (for want of memory) leaves what no record may hold
            with uninterrupted():
                self.done.merge(receipt)
                self._torn = False
        for number in mended:
            for file, before in zip(receipt.files[number], self.done.files[number], strict=True):
                refuse_otherwise(file, before, self.store.location)
        self._damaged -= mended
        more = max(self.done.bytes - self._bytes, 0) / BYTES_A_SECOND
        if self._spent + self._cost + more < MOST_OF_TIME * (time.perf_counter() - self._clock):
            self.write()

    def check_parts(self) -> None:
        """Raises RunError where parts are not there any more that were written: then somebody else has taken them away."""
        missing = self.store.missing(self.done.written())
        self._damaged = {number for number, files in self.done.files.items() if any(file.name in missing for file in files)}
        if missing:
            more = f", as {len(missing) - 1:,} more of its files were" if len(missing) > 1 else ""
            raise RunError(f"{self.store.location}/{missing[0]}: was taken away or changed by others while the run went on{more}")

    def write(self) -> None:
        """Writes what is done, where the portfolios are still what they were. Raises InputError or RunError otherwise: then the one before stands."""
        begun = time.perf_counter()
        if self._torn:
            return
        for portfolio in self._portfolios:
            portfolio.check()
        more = {"started": self.started.isoformat(), "seconds": self.seconds, "sessions": self.sessions, "lost": self.lost}
        self.store.write_journal(self._terms, self.done.record(more))
        self.kept, self._bytes = len(self.done.files) - len(self._damaged), self.done.bytes
        self._cost = time.perf_counter() - begun
        self._spent += self._cost


def refuse_others(old: Terms, new: Terms, location: str) -> None:
    """Raises InputError where two runs are not the same, with what differs."""
    if found := differences(old, new):
        lines = "".join(f"\n  {one}" for one in found)
        raise InputError(f"{location}: holds a run of something else: name another --out, or give --overwrite to start again{lines}")


def _refuse_mixture(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, location: str) -> None:
    """Raises InputError where a run takes rows over from another result than it was begun with."""
    if old != new:
        how = f"taking rows over from {old['result']} as it then was: give --since as before" if old else "without --since: leave it out"
        raise InputError(f"{location}: holds a run that was begun {how}, or give --overwrite to start again")


def refuse_otherwise(made: Written, before: Written, location: str) -> None:
    """Raises RunError where a file that is made again has other bytes than the record of it says."""
    if made != before:
        raise RunError(f"{location}/{made.name}: came out otherwise than before, so its record is damaged: give --overwrite to start again")
