"""A results directory to be written to: each file appears under its name only when it is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.files import is_object_store
from ipvalue.storage import Hashed, Written, atomic, uploaded, writing
from ipvalue.store.names import JOURNAL, LAYOUT, MANIFEST
from ipvalue.store.place import Place

COPIED_AT_ONCE = 1 << 22
DISTINCT = ("asset_id",)
"""Texts of which no two rows of a file have the same; only their least and greatest are kept, by which a reader finds the part of one right."""


class Writable(Place):
    """What is written to a results directory; workers write their parts themselves."""

    def _make_directory(self, path: str) -> None:
        if not is_object_store(self.fs):
            self.fs.makedirs(path, exist_ok=True)

    @contextmanager
    def _opening(self, name: str, lasting: bool = True) -> Iterator[Any]:
        """A file that appears under its name only when it is whole. Raises RunError naming it where that fails (a full disk, say)."""
        path = self._path(name)
        with writing(f"{self.location}/{name}"):
            self._make_directory(path.rsplit("/", 1)[0])
            with atomic(Path(path), lasting) if self.is_local else uploaded(self.fs, path) as file:
                yield file

    @contextmanager
    def _creating(self, name: str, lasting: bool = True) -> Iterator[Hashed]:
        """The same with the hash of what is written."""
        with self._opening(name, lasting) as file:
            yield Hashed(file)

    def write_parquet(self, name: str, table: pa.Table, dense: Collection[str] = (), split: Collection[str] = ()) -> Written:
        """Writes a table as Parquet. Only texts that repeat go through dictionaries: of numbers they would hold each once, for twice the time.

        Columns of numbers: `dense` ones, whose every bit is in use, are stored as they are; of `split` ones, whose low bits are seldom in use, the
        first bytes are stored together, then the second, and so on, which is smaller and takes half the time; the others are compressed whole.
        """
        repeated = [field.name for field in table.schema if pa.types.is_string(field.type) and field.name not in DISTINCT]
        with self._creating(name) as file:
            pq.write_table(
                table,
                file,
                compression={_leaf(field): "none" if field.name in dense else "zstd" for field in table.schema},
                use_dictionary=repeated,
                use_byte_stream_split=list(split),
                write_statistics=list(DISTINCT),
            )
        return file.written(name, table.num_rows)

    def write_ipc(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, lasting: bool = True) -> Written:
        """Writes batches as they come to an uncompressed Arrow IPC file, which can be memory-mapped. lasting: not for this run alone."""
        rows = 0
        with self._creating(name, lasting) as file, pa.ipc.new_file(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        return file.written(name, rows)

    def copy_in(self, name: str, path: str) -> None:
        """Writes a local file's content, for this run alone."""
        with self._creating(name, lasting=False) as file, Path(path).open("rb") as content:
            shutil.copyfileobj(content, file, COPIED_AT_ONCE)

    def write_pieces(self, name: str, pieces: Iterable[Any], rows: int) -> Written:
        """Writes a file whose content is known already, piece by piece."""
        with self._creating(name) as file:
            for piece in pieces:
                file.write(piece)
        return file.written(name, rows)

    def write_copy(self, name: str, content: bytes, of: Written) -> Written:
        """Writes the content of another file, as it was read (read_as_written)."""
        with self._opening(name) as file:
            file.write(content)
        return replace(of, name=name)

    def write_text(self, name: str, text: str) -> Written:
        """Writes a text in UTF-8."""
        with self._creating(name) as file:
            file.write(text.encode())
        return file.written(name, 0)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Writes a record for people and machines."""
        with self._creating(name) as file:
            file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())

    def write_manifest(self, content: dict[str, Any]) -> None:
        """Writes the manifest: from then on the directory is a result."""
        self.write_json(MANIFEST, content)

    def write_journal(self, terms: str, record: pa.RecordBatch) -> None:
        """Puts a record of what is done in the place of the one before; `terms` is text that says of which run."""
        schema = record.schema.with_metadata({"terms": terms})
        with self._creating(JOURNAL) as file:
            with pa.ipc.new_stream(file, schema) as writer:
                writer.write_batch(record.replace_schema_metadata(schema.metadata))
            file.write(LAYOUT + file.written(JOURNAL, 1).sha256.encode())

    def remove(self, name: str) -> None:
        """Takes one file away, where it is there: the manifest of a result that is no more, the journal once there is a manifest."""
        with writing(self.location), suppress(FileNotFoundError):
            self.fs.rm_file(self._path(name))


def _leaf(field: pa.Field) -> str:
    """What Parquet calls the column that holds a field's values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
