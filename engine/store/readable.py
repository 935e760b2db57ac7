"""A results directory to be read: its manifest, its tables, what it lies beside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.files import file_errors, open_binary
from ipvalue.schema import InputError, nearest
from ipvalue.storage import Written, digest_of, reading, writing
from ipvalue.store.names import JOURNAL, LAYOUT, MANIFEST, names_under
from ipvalue.store.place import Place

_READ_BY = {
    "sensitivities --indices": ": ipvalue.open_indices reads it",
    "lend": ": ipvalue show prints it, and ipvalue.open_loans reads it",
    "lend --largest": ": ipvalue show prints it, and ipvalue.open_lendable reads it",
    "scenarios": ": ipvalue show prints it, and ipvalue.open_scenarios reads it",
    "sensitivities": ": ipvalue.open_sensitivities reads it",
    "value": ": ipvalue show prints it, and ipvalue.open_result reads it",
}
"""How the results of a command are read, as a clause."""


def made_by(manifest: Mapping[str, Any]) -> str:
    """The command that made a result."""
    return str(manifest.get("command", "value"))


class LostRecord(InputError):
    """A journal that is not what was written."""


class Readable(Place):
    """What is read of a results directory."""

    def manifest(self) -> dict[str, Any]:
        """The manifest. Raises InputError where this is no finished result."""
        with reading(f"{self.location}/{MANIFEST}"):
            try:
                content: dict[str, Any] = json.loads(self.fs.cat_file(self._path(MANIFEST)))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                if self.found == "unfinished":
                    again = "its command goes on with --resume, its job as it stands"
                    raise InputError(f"{self.location}: holds a run that was stopped, and no result yet: {again}") from None
                raise InputError(f"{self.location}: is no results directory (it has no {MANIFEST}){self._near()}") from None
        if not _is_manifest(content):
            raise InputError(f"{self.location}/{MANIFEST}: was not written by ipvalue value")
        return content

    def manifest_of(self, command: str) -> dict[str, Any]:
        """The manifest of a result of one command. Raises InputError where it is another's."""
        content = self.manifest()
        if (made := made_by(content)) != command:
            raise InputError(f"{self.location}: is a result of ipvalue {made}, not of ipvalue {command}{_READ_BY.get(made, '')}")
        return content

    def _near(self) -> str:
        """The clause that names the results directory that was most likely meant: the last one within, the one above, or one with a similar name."""
        own = self.location.rstrip("/")
        if within := self._results_in(self.root):
            return f": did you mean {own}/{within[-1]}?"
        parent, _, last = self.root.rstrip("/").rpartition("/")
        above = own.rpartition("/")[0]
        if parent and self._has_result(parent):
            return f": did you mean {above or parent}?"
        near = nearest(last, [name for name in self._results_in(parent) if name != last])
        return f": did you mean {f'{above}/{near}' if above else near}?" if near else ""

    def _results_in(self, folder: str) -> list[str]:
        """Names of the finished results in a directory, in order."""
        names = [path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(folder, detail=False)] if folder and self.fs.isdir(folder) else []
        return sorted(name for name in names if self._has_result(f"{folder.rstrip('/')}/{name}"))

    def _has_result(self, folder: str) -> bool:
        return bool(self.fs.exists(f"{folder}/{MANIFEST}"))

    def holds(self, file: Written) -> bool:
        """Whether a file is there and has the bytes it was written with."""
        try:
            return digest_of(self.fs, self._path(file.name)) == (file.bytes, file.sha256)
        except file_errors():
            return False

    def missing(self, files: Iterable[Written]) -> list[str]:
        """The names of those files that are not there with the size they were written with; what they hold is not looked at."""
        with writing(self.location):
            start = len(self._path(""))
            sizes = {path[start:]: entry["size"] for path, entry in self.fs.find(self._base, detail=True).items()}
        return [file.name for file in files if sizes.get(file.name) != file.bytes]

    def fingerprint(self) -> str | None:
        """That of the run that is there, if any."""
        match self.found:
            case "finished":
                return str(self.manifest().get("fingerprint"))
            case "unfinished":
                return str(json.loads(self.read_journal()[0])["fingerprint"])
        return None

    def read_journal(self) -> tuple[str, pa.RecordBatch]:
        """The terms and the record that were written last. Raises LostRecord where they are not what was written, InputError where they cannot be
        read."""
        with reading(f"{self.location}/{JOURNAL}"):
            content = memoryview(self.fs.cat_file(self._path(JOURNAL)))
        end = max(len(content) - len(LAYOUT) - 2 * hashlib.sha256().digest_size, 0)
        if content[end:] != LAYOUT + hashlib.sha256(content[:end]).hexdigest().encode():
            raise LostRecord(f"{self.location}/{JOURNAL}: is damaged, cut short or another version's, so there is nothing to go on from")
        opened = pa.ipc.open_stream(pa.py_buffer(content[:end]))
        return opened.schema.metadata[b"terms"].decode(), opened.read_next_batch()

    def read_as_written(self, file: Written) -> bytes:
        """The bytes of one file of the result. Raises InputError where they are not those that it was written with."""
        with reading(f"{self.location}/{file.name}"):
            content: bytes = self.fs.cat_file(self._path(file.name))
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise InputError(f"{self.location}/{file.name}: is not what was written there: the command that made the result mends it with --resume")
        return content

    def read_parquet(self, name: str, columns: Collection[str] | None = None) -> pa.Table:
        """One Parquet table of the result, or some of its columns. Raises InputError where it is damaged."""
        with reading(f"{self.location}/{name}"):
            return table_of(self.fs.cat_file(self._path(name)), columns=columns)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        with reading(self.location):
            return bool(self.fs.exists(self._path(name)))

    def read_json(self, name: str) -> dict[str, Any]:
        """What `write_json` wrote. Raises InputError where it is damaged."""
        with reading(f"{self.location}/{name}"):
            content: dict[str, Any] = json.loads(self.fs.cat_file(self._path(name)))
        return content if isinstance(content, dict) else {}

    def read_ipc(self, name: str) -> pa.Table:
        """One Arrow IPC table of the result. Raises InputError where it is damaged."""
        with reading(f"{self.location}/{name}"), self.fs.open(self._path(name), "rb") as file:
            return pa.ipc.open_file(file.read()).read_all()

    def read_ipc_batch(self, name: str, number: int) -> pa.RecordBatch:
        """One record batch of an Arrow IPC file of the result; the others are not read. Raises InputError where it is damaged."""
        with reading(f"{self.location}/{name}"), open_binary(self.place(name)) as file:
            return pa.ipc.open_file(file).get_batch(number)

    def ipc_batches(self, name: str) -> Iterator[pa.RecordBatch]:
        """The record batches of an Arrow IPC file of the result, one held at a time. Raises InputError where it is damaged."""
        with reading(f"{self.location}/{name}"), open_binary(self.place(name)) as file:
            opened = pa.ipc.open_file(file)
            for number in range(opened.num_record_batches):
                yield opened.get_batch(number)

    def names(self) -> list[str]:
        """Every file of the directory by its name within it, in order; none where there is no directory."""
        with reading(self.location):
            found = names_under(self.fs, self.root) if self.fs.isdir(self.root) else []
            return sorted(name for name in found if not self.fs.isdir(f"{self.root.rstrip('/')}/{name}"))

    def parts(self, prefix: str) -> list[str]:
        """Names of the files under a prefix, in order, as the manifest lists them."""
        return sorted(part["name"] for part in self.manifest()["files"] if part["name"].startswith(prefix))

    def assets(self) -> pa.Table:
        """All rows of assets/part-*.parquet."""
        return pa.concat_tables([self.read_parquet(name) for name in self.parts("assets/")])


def _is_manifest(content: object) -> bool:
    """Whether this may be what a run said of itself."""
    match content:
        case {
            "numerics_version": int(),
            "options": {"paths": int()},
            "inputs": {"portfolio": list(), "market": {"content": dict()}, "assumptions": {"content": dict()}},
            "counts": {"rows": int(), "valued": int(), "rejected": int()},
            "files": list(files),
            "warnings": list(),
            "time": {"started": str()},
        }:
            names = {field.name for field in fields(Written)}
            return all(isinstance(file, dict) and file.keys() == names for file in files)
    return False


def table_of(content: bytes, repeated: Collection[str] = (), columns: Collection[str] | None = None) -> pa.Table:
    """The table that the bytes of a Parquet file hold, or some of its columns; those of `repeated` texts come as dictionaries, in a third of the
    time."""
    # on this thread: pq.read_table scans on threads of Arrow's, and one that lets go of Python's bytes while Python ends takes the
    # process with it ("terminate called without an active exception")
    file = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False, read_dictionary=list(repeated))
    return file.read(columns=None if columns is None else list(columns), use_threads=False)
