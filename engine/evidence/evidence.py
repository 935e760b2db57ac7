"""`ipvalue.evidence`: the valuation of one right, so that another valuer can follow it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from ipvalue.evidence.content import content_of
from ipvalue.evidence.page import page
from ipvalue.execute import Interrupted
from ipvalue.schema import InputError, RunError
from ipvalue.spread import alone
from ipvalue.store import Store
from ipvalue.verify import Progress, Verified, compare_one, looked_through, open_to_verify, reopened_inputs

JSON, PAGE, PERIODS = "evidence.json", "evidence.html", "periods.csv"


@dataclass(frozen=True)
class Evidence:
    """The evidence of one right: `content` is evidence.json, `periods` the period table, `page` the readable page, and what was verified first."""

    content: dict[str, Any]
    periods: pa.Table
    page: str
    verified: Verified

    @property
    def files(self) -> dict[str, str]:
        """periods.csv, evidence.html and evidence.json, as they are written."""
        table = io.BytesIO()
        pacsv.write_csv(self.periods, table)
        content = json.dumps(self.content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return {PERIODS: table.getvalue().decode(), PAGE: self.page, JSON: content}

    def write(self, out: str | Path) -> None:
        """Writes evidence.json, evidence.html and periods.csv into a directory. Raises InputError where it holds anything."""
        store, files = _free(out), self.files
        with store.all_or_none(JSON, PAGE, PERIODS):
            for name, text in files.items():
                store.write_text(name, text)


def evidence(
    location: str | Path,
    asset: str,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    backend: str | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Verifies a result and the right in it (ipvalue.verify), and takes the right's valuation apart; into the directory `out`, where it is given.

    Raises InputError as `verify` does, or where `out` holds anything, and RunError where anything is wrong with the result: then nothing is written.
    """
    if out is not None:
        _free(out)
    try:
        found = _evidence(str(location), asset, workers, backend, progress)
        if out is not None:
            found.write(out)
    except KeyboardInterrupt:
        raise Interrupted("stopped; no evidence is written") from None
    return found


def _evidence(location: str, asset: str, workers: int | None, backend: str | None, progress: Progress | None) -> Evidence:
    opened = open_to_verify(location, workers, backend)
    looked = looked_through(opened, asset, progress=progress)
    with reopened_inputs(opened) as inputs:
        made = compare_one(opened, inputs, asset, looked)
        verified = looked.verified()
        if made is None or not verified.ok:
            raise RunError("\n".join((*verified.problems, f"{location}: is not what its manifest says, so there is no evidence of {asset}")))
        part = f"assets/part-{looked.holder:05d}.parquet"
        content, periods = alone(lambda: content_of(opened.manifest, inputs, made, verified, part))
    return Evidence(content, periods, page(content), verified)


def _free(out: str | Path) -> Store:
    """The directory to write to. Raises InputError where something is in it."""
    store = Store(str(out))
    if others := store.names():
        raise InputError(f"{out}: holds {others[0]}: name another --out for the evidence")
    return store
