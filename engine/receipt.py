"""What tasks give back, put together; and as a record from which a run that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.doubts import Doubts
from ipvalue.schema import REJECTS_SCHEMA, Rejects
from ipvalue.storage import Written
from ipvalue.totals import Totals


@dataclass
class Receipt:
    """What a task gives back, or many together: the files of each task by its number, counts, rejects and a share of the totals."""

    totals: Totals
    files: dict[int, list[Written]] = field(default_factory=dict)
    rows: int = 0
    valued: int = 0
    rejected: int = 0
    rejects: Rejects = field(default_factory=Rejects)
    doubts: Doubts = field(default_factory=Doubts)

    def merge(self, other: Receipt) -> None:
        """Takes over what `other` did; the order of merging changes nothing."""
        self.files.update(other.files)
        self.rows += other.rows
        self.valued += other.valued
        self.rejected += other.rejected
        self.rejects.merge(other.rejects)
        self.doubts += other.doubts
        self.totals.merge(other.totals)

    @property
    def bytes(self) -> int:
        """How large a record of it is, more or less: the sums."""
        return sum(values.nbytes for values in self.totals.arrays().values())

    def written(self) -> list[Written]:
        """All files, by name."""
        return sorted((file for files in self.files.values() for file in files), key=lambda file: file.name)

    def record(self, more: Mapping[str, Any]) -> pa.RecordBatch:
        """All of it as one row of bytes, with `more` that JSON can hold; large arrays are not copied."""
        counts = {name: getattr(self, name) for name in ("rows", "valued", "rejected")}
        files = {str(number): [asdict(file) for file in files] for number, files in self.files.items()}
        state = {"counts": counts, "files": files, "doubts": self.doubts.record(), "groups": self.totals.names(), "more": dict(more)}
        problems = pa.BufferOutputStream()
        with pa.ipc.new_stream(problems, REJECTS_SCHEMA) as writer:
            for batch in self.rejects.batches():
                writer.write_batch(batch)
        columns = {"state": pa.py_buffer(json.dumps(state).encode()), "rejects": problems.getvalue()}
        columns |= {name: pa.py_buffer(np.ascontiguousarray(values)) for name, values in self.totals.arrays().items()}
        return pa.RecordBatch.from_arrays([_one(content) for content in columns.values()], list(columns))

    def restore(self, record: pa.RecordBatch) -> dict[str, Any]:
        """Takes over what `record` made a row of; gives `more`."""
        state = json.loads(record["state"][0].as_buffer().to_pybytes())
        for name, count in state["counts"].items():
            setattr(self, name, count)
        self.files = {int(number): [Written(**file) for file in files] for number, files in state["files"].items()}
        self.doubts = Doubts.of_record(state["doubts"])
        # a copy: those of a slice would hold on to the whole record
        self.rejects = Rejects.of_batches(pa.ipc.open_stream(record["rejects"][0].as_py()))
        self.totals.restore(state["groups"], {name: record[name][0].as_buffer() for name in self.totals.arrays()})
        more: dict[str, Any] = state["more"]
        return more


def _one(content: pa.Buffer) -> pa.Array:
    """An array of one value that is all of a buffer."""
    offsets = pa.py_buffer(np.array([0, content.size], np.int64))
    return pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, content])
