"""The results directories below one root: found by looking there, never by a path that came from outside."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ipvalue.kinds import KINDS, Kind
from ipvalue.schema import InputError, did_you_mean, did_you_mean_file
from ipvalue.storage import reading
from ipvalue.store import JOURNAL, MANIFEST, Store, made_by

State = Literal["finished", "unfinished", "damaged"]

MOST_DIRECTORIES = 20_000
"""Directories that are looked at below a root."""
MOST_BYTES = 64 << 20
"""Of a record: one of ten million rights in thousands of parts has about one of them."""
SECONDS_KEPT = 1.0
"""So long a listing is not made again."""
_NOT_AS_WRITTEN = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading a record raises that is not what a run wrote."""


class NotThere(InputError):
    """A name that no results directory below the root has, or no right of the result."""


@dataclass(frozen=True)
class Facts:
    """What a list of results says of one. amount: the whole's total (ipvalue.kinds), None where it has none."""

    command: str
    started: str
    rows: int | None
    valued: int | None
    amount: float | None
    currency: str
    valuation_date: str
    paths: int | None
    sampler: str
    seed: int | None
    ipvalue: str
    numerics_version: int


@dataclass(frozen=True)
class Run:
    """One results directory: its name below the root, where it is, which state of its record this is, and what that says, or else what is wrong."""

    name: str
    place: Path
    stamp: str
    state: State
    facts: Facts | None = None
    fault: str = ""

    @property
    def store(self) -> Store:
        """To read it by."""
        return Store(str(self.place))

    @property
    def kind(self) -> Kind:
        """What its command makes. Raises InputError where it is not whole."""
        if self.facts is None:
            raise InputError(f"{self.name}: {self.fault}")
        return KINDS[self.facts.command]

    def record(self) -> dict[str, Any]:
        """The manifest, or explain.json. Raises InputError where it is no result's."""
        return _record(self.place)


class Root:
    """All results directories below a local directory, or this one itself. Links are not followed, hidden directories not entered."""

    def __init__(self, location: str | Path) -> None:
        """Raises InputError where `location` is no local directory."""
        if "://" in str(location):
            raise InputError(f"{location}: is no directory of this machine: copy the results here")
        if Path(location).is_file():
            raise InputError(f"{location}: is a file: name a directory of results")
        if not Path(location).is_dir():
            raise InputError(f"{location}: there is no such directory{did_you_mean_file(location)}")
        self.path = Path(location).resolve()
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Run] = {}
        self._listed: dict[str, Run] = {}
        self._at = -SECONDS_KEPT
        self.cut_short = False
        """Whether there are more directories than are looked at."""

    def runs(self) -> list[Run]:
        """All of them, those begun last first, those whose time is not known last, by name."""
        with self._lock:
            if time.monotonic() - self._at >= SECONDS_KEPT:
                found = [self._read(name, place) for name, place in self._found()]
                self._known = {(run.name, run.stamp): run for run in found}
                self._listed = {run.name: run for run in found}
                self._at = time.monotonic()
            by_name = sorted(self._listed.values(), key=lambda run: run.name)
        return sorted(by_name, key=lambda run: run.facts.started if run.facts else "", reverse=True)

    def run(self, name: str) -> Run:
        """One of them, as it is now. Raises NotThere."""
        names = {run.name: run for run in self.runs()}
        if name not in names:
            raise NotThere(f"there is no result {name[:200]!r} below {self.path.name}{did_you_mean(name[:200], names)}")
        with self._lock:
            return self._read(name, names[name].place)

    def opened(self, name: str) -> Run:
        """The same, whole, and with no file that lies elsewhere. Raises InputError."""
        run = self.run(name)
        _ = run.kind
        if outside := _outside(run.place, run.record()):
            raise InputError(f"{name}: {outside}")
        return run

    def said(self, error: object) -> str:
        """An error's text with names below the root in the place of paths."""
        return str(error).replace(f"{self.path}/", "").replace(str(self.path), self.path.name)

    def _found(self) -> Iterator[tuple[str, Path]]:
        """Names and places of all directories that hold a result or a run. They hold no others."""
        waiting, seen = [self.path], 0
        self.cut_short = False
        while waiting:
            folder = waiting.pop()
            seen += 1
            if seen > MOST_DIRECTORIES:
                self.cut_short = True
                return
            try:
                with os.scandir(folder) as there:
                    entries = {entry.name: entry.is_dir(follow_symlinks=False) for entry in there}
            except OSError:
                continue  # gone meanwhile, or not to be entered
            if entries.keys() & {JOURNAL, *(kind.record for kind in KINDS.values())}:
                name = str(PurePosixPath(folder.relative_to(self.path))) if folder != self.path else self.path.name
                yield name.encode(errors="backslashreplace").decode(), folder  # names need not be UTF-8
            else:
                waiting += [folder / name for name, is_folder in entries.items() if is_folder and not name.startswith(".")]

    def _read(self, name: str, place: Path) -> Run:
        stamp = _stamp(place)
        if (known := self._known.get((name, stamp))) is not None:
            return known
        try:
            return Run(name, place, stamp, "finished", _facts(place))
        except InputError as error:
            state: State = "damaged" if _record_in(place) else "unfinished"
            return Run(name, place, stamp, state, fault=self.said(error).removeprefix(f"{name}: ").removeprefix(f"{name}/"))
        except _NOT_AS_WRITTEN as error:
            return Run(name, place, stamp, "damaged", fault=f"its record is not what a run wrote ({type(error).__name__})")


def _record_in(place: Path) -> str:
    """The name of the record that a directory holds, empty where it has none."""
    return next((name for name in dict.fromkeys(kind.record for kind in KINDS.values()) if os.path.lexists(place / name)), "")


def _stamp(place: Path) -> str:
    """Another one for each state of a record."""
    try:
        found = os.lstat(place / (_record_in(place) or JOURNAL))
    except OSError:
        return "gone"
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def _record(place: Path) -> dict[str, Any]:
    """What a result says of its run. Raises InputError."""
    if any(mark in str(place) for mark in ("::", "://")):
        raise InputError("its name has :: or :// in it, which mean something else to what opens files: name it otherwise")
    name = _record_in(place)
    if name:
        found = os.lstat(place / name)
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{name}: is no file of its own (a link, or something else), so it is not read")
        if found.st_size > MOST_BYTES:
            raise InputError(f"{name}: has {found.st_size:,} bytes, and no run writes more than {MOST_BYTES:,}")
    if name in ("", MANIFEST):
        return Store(str(place)).manifest()
    with reading(name):
        content = json.loads((place / name).read_bytes())
    if not isinstance(content, dict) or content.get("command") != "explain" or not isinstance(content.get("files"), list):
        raise InputError(f"{name}: was not written by ipvalue explain")
    return content


def _facts(place: Path) -> Facts:
    """Raises InputError, or anything of _NOT_AS_WRITTEN, where the directory holds no whole result."""
    record = _record(place)
    command = made_by(record)
    if command not in KINDS:
        raise InputError(f"is a result of ipvalue {command}, which this version does not know")
    if (outside := _outside(place, record)) is not None:
        raise InputError(outside)
    if command == "explain":
        date = str(record["new"]["valuation_date"])
        return Facts(
            command, "", None, None, None, str(record["currency"]), date, None, "", None, str(record["ipvalue"]), int(record["numerics_version"])
        )
    kind, counts, options, market = KINDS[command], record["counts"], record["options"], record["inputs"]["market"]["content"]
    amount = Store(str(place)).read_parquet(kind.totals)[kind.total][0].as_py() if kind.totals else None
    return Facts(
        command,
        str(record["time"]["started"]),
        int(counts["rows"]),
        int(counts["valued"]),
        amount,
        str(market["currency"]),
        str(market["valuation_date"]),
        int(options["paths"]),
        str(options.get("sampler", "random")),
        int(options["seed"]),
        str(record["ipvalue"]),
        int(record["numerics_version"]),
    )


def _outside(place: Path, record: dict[str, Any]) -> str | None:
    """What is wrong with files that would be looked for, or lie, outside of their directory; None where all are within it and their own."""
    for file in record["files"]:
        name = PurePosixPath(str(file["name"]))
        if name.is_absolute() or ".." in name.parts or "\0" in str(name):
            return f"lists the file {str(name)[:80]!r}, which lies outside of it"
    for folder, folders, files in os.walk(place):
        for path in (Path(folder, name) for name in (*folders, *files)):
            if stat.S_IFMT(os.lstat(path).st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
                return f"holds {path.relative_to(place)}, which is a link or something else that is no file, so it is not opened"
    return None
