"""What a results directory says of its run, and the tables that hold all its parts together."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.backend import kernels
from ipvalue.fingerprint import fingerprint
from ipvalue.inputs import Inputs
from ipvalue.job import Job
from ipvalue.journal import Journal
from ipvalue.likeness import VERSIONS
from ipvalue.receipt import Receipt
from ipvalue.schema import quantile_name
from ipvalue.storage import Written
from ipvalue.store import Store
from ipvalue.summary import describe_groups
from ipvalue.totals import Totals, as_integers, as_words

GROUPS, VALUE = "groups", "value"
"""In the schema of totals.arrow: the metadata with the exact sums, and the name of the first of them."""


def write_tables(store: Store, job: Job, gathered: Receipt) -> list[Written]:
    """Writes the groups, their sums on each path, and the rejects."""
    totals = gathered.totals
    return [
        store.write_parquet("groups.parquet", describe_groups(totals, job.sampling)),
        store.write_ipc("totals.arrow", totals_schema(job.group_by).with_metadata(_exact_sums(totals, job)), _totals_batches(totals)),
        store.write_parquet("rejects.parquet", gathered.rejects.table()),
    ]


def totals_schema(columns: tuple[str, ...]) -> pa.Schema:
    """The columns of totals.arrow."""
    return pa.schema([*((name, pa.string()) for name in columns), ("path", pa.int64()), ("value", pa.decimal128(38, 6))])


def _totals_batches(totals: Totals) -> Iterator[pa.RecordBatch]:
    """One batch a group. A 128-bit sum in units of 10⁻⁶ is a decimal128(38, 6) as it stands."""
    schema = totals_schema(totals.columns)
    path = pa.array(np.arange(totals.paths))
    for key, _, sums, _ in totals.ordered():
        value = pa.Array.from_buffers(pa.decimal128(38, 6), totals.paths, [None, pa.py_buffer(np.ascontiguousarray(sums))])
        texts = [pa.array([text] * totals.paths, pa.string()) for text in key or (None,) * len(totals.columns)]
        yield pa.RecordBatch.from_arrays([*texts, path, value], schema=schema)


def _exact_sums(totals: Totals, job: Job) -> dict[str, str]:
    """What each batch sums up beside the paths, before groups.parquet rounds it (docs/results.md)."""
    names = [VALUE, *map(quantile_name, job.sampling.quantiles)]
    return {
        GROUPS: json.dumps(
            [
                {"names": list(key), "assets": count, "sums": dict(zip(names, map(str, as_integers(extras)), strict=True))}
                for key, count, _, extras in totals.exact()
            ]
        )
    }


def read_totals(table: pa.Table, totals: Totals) -> None:
    """Takes over, into empty totals, what `write_tables` wrote as totals.arrow."""
    groups = json.loads(table.schema.metadata[GROUPS.encode()])
    first = 1 if totals.columns else 0  # after the whole
    sums = [_buffer_of(table["value"].slice(g * totals.paths, totals.paths)) for g in range(first, len(groups))]
    extras = [as_words([int(number) for number in group["sums"].values()]) for group in groups[first:]]
    counts = np.array([group["assets"] for group in groups[first:]], np.int64)
    totals.restore([group["names"] for group in groups[first:]], {"sums": b"".join(sums), "extras": np.concatenate(extras), "counts": counts})


def _buffer_of(values: pa.ChunkedArray) -> bytes:
    """The 128-bit numbers of a column, one after the other."""
    return b"".join(chunk.buffers()[1].to_pybytes()[16 * chunk.offset : 16 * (chunk.offset + len(chunk))] for chunk in values.chunks)


def terms_of(inputs: Inputs) -> dict[str, Any]:
    """The part of the manifest that says what the run is of: all that its results follow from (fingerprint.py)."""
    job = inputs.run.job
    return {
        **VERSIONS,
        "options": {**job.model_dump(mode="json"), "quantiles": list(job.sampling.quantiles), "max_paths": job.cap},
        "inputs": {
            "portfolio": [
                {"file": one.display, "path": one.location, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256}
                for one in inputs.portfolio.files
            ],
            "market": {"sha256": inputs.market.sha256, "content": inputs.market.model_dump(mode="json")},
            "assumptions": {"sha256": inputs.assumptions.sha256, "content": inputs.assumptions.content},
            **inputs.run.appraiser.rule_terms(),
            **inputs.besides,
        },
        "premise": inputs.run.appraiser.premise_terms(),
    }


def warnings_of(inputs: Inputs, done: Receipt) -> tuple[str, ...]:
    """What the user should know about the files and the rows."""
    return (*inputs.warnings, *done.doubts.sentences())


def manifest_of(inputs: Inputs, terms: dict[str, Any], journal: Journal, files: list[Written], command: str) -> dict[str, Any]:
    """The only file that holds times and hosts."""
    job, done = inputs.run.job, journal.done
    return {
        **terms,
        "command": command,
        "fingerprint": fingerprint(terms),
        "counts": {"rows": done.rows, "valued": done.valued, "rejected": done.rejected, "tasks": len(inputs.tasks)},
        "files": [asdict(one) for one in files],
        "warnings": list(warnings_of(inputs, done)),
        "doubts": done.doubts.counted(),
        "time": {
            "started": journal.started.isoformat(),
            "seconds": round(journal.seconds, 3),
            "sessions": journal.sessions,
            **({"lost": journal.lost} if journal.lost else {}),
        },
        "machine": {
            "host": platform.node(),
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "workers": job.threads,
            "backend": job.backend,
            **({"instruction_set": kernels("native").isa()} if job.backend == "native" else {}),
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
    }
