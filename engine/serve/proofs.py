"""Evidence of single rights, made when it is asked for: one at a time, on a thread of its own, for as long as is allowed."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ipvalue.evidence import evidence
from ipvalue.schema import InputError, IpvalueError, RunError
from ipvalue.serve.root import Root, Run

KEPT = 32
"""Bundles that are kept; the one that was looked at longest ago goes first."""
WAITING = 8
"""Bundles that may be asked for and not made yet."""
SECONDS = 600.0
"""A bundle is given up after so long: all parts of its result are looked through first."""
_BY_COMMAND = "make it in a terminal, with ipvalue verify {name} --evidence ID"


class Busy(RunError):
    """Too much has been asked for already."""


@dataclass(eq=False)
class Proof:
    """The evidence of one right: how many parts of its result are looked through, and once it is `ready` its files by name, or else what is wrong."""

    run: Run
    asset: str
    done: int = 0
    total: int = 0
    files: dict[str, str] = field(default_factory=dict)
    checked: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    ready: threading.Event = field(default_factory=threading.Event)


class Proofs:
    """The evidence of a server. It reads the inputs that manifests name, wherever on this machine they are, and nothing by URL; it runs no rule."""

    def __init__(self, root: Root, workers: int) -> None:
        self._root, self._workers = root, workers
        self._maker = ThreadPoolExecutor(1, "evidence")
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str, str], Proof] = {}
        self._closed = threading.Event()

    def of(self, run: Run, asset: str) -> Proof:
        """That of a right, which is begun where there is none yet. Raises InputError where none can be made here, Busy where others come first."""
        refuse(run)
        key = (run.name, run.stamp, asset)
        with self._lock:
            if (found := self._made.pop(key, None)) is None:
                if sum(not one.ready.is_set() for one in self._made.values()) >= WAITING:
                    raise Busy("other evidence is being made, and more waits: ask again in a minute")
                found = Proof(run, asset)
                self._maker.submit(self._make, found)
            self._made[key] = found
            done = [other for other, one in self._made.items() if one.ready.is_set() and other != key]
            for other in done[: max(0, len(self._made) - KEPT)]:
                del self._made[other]
        return found

    def forget(self, proof: Proof) -> None:
        """Takes one away, which is made anew when it is asked for again."""
        with self._lock:
            self._made = {key: one for key, one in self._made.items() if one is not proof}

    def close(self) -> None:
        """Stops what is under way, within a part."""
        self._closed.set()
        self._maker.shutdown(wait=True, cancel_futures=True)

    def _make(self, proof: Proof) -> None:
        until = time.monotonic() + SECONDS

        def told(done: int, total: int) -> None:
            proof.done, proof.total = done, total
            if self._closed.is_set():
                raise RunError("the server stops")
            if time.monotonic() > until:
                raise RunError(f"took longer than {SECONDS:g} s and was given up: {_BY_COMMAND.format(name=proof.run.name)}")

        try:
            made = evidence(proof.run.place, proof.asset, workers=self._workers, progress=told)
            proof.files, proof.checked = made.files, made.verified.checked
        except (IpvalueError, OSError) as error:
            proof.fault = self._root.said(error)
        except Exception as error:  # the page says so; the server goes on
            proof.fault = f"a fault of ipvalue itself ({type(error).__name__}): please report it"
        finally:
            proof.ready.set()


def refuse(run: Run) -> None:
    """Raises InputError where there can be no evidence, or making it would run code or ask other machines."""
    kind = run.kind
    if kind.command != "value":
        raise InputError(f"there is evidence of rights of ipvalue value, and {run.name} is a result of ipvalue {kind.command}")
    record, by_command = run.record(), _BY_COMMAND.format(name=run.name)
    if record["options"].get("rule") is not None:
        raise InputError(f"the rights of {run.name} earn by a rule of yours, and the server runs no code that a result names: {by_command}")
    places = [file.get("path") for file in record["inputs"]["portfolio"]]
    if any(place is None for place in places):
        raise InputError("its portfolio was a table in memory and is nowhere any more, so its rights cannot be valued again")
    if others := [place for place in places if "://" in str(place) or "::" in str(place)]:
        raise InputError(f"its portfolio is at {others[0]}, and the server asks no other machine: {by_command}")
    if gone := [place for place in places if not Path(place).is_file()]:
        raise InputError(f"its portfolio {gone[0]} is not there any more, so its rights cannot be valued again: put it back as it was")
