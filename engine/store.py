"""A results directory: parts, tables and the manifest, each written beside its name, synced and renamed; and reading it back."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ipvalue.files import file_errors, file_system, is_object_store, open_binary
from ipvalue.schema import InputError, nearest
from ipvalue.storage import Hashed, Written, atomic, digest_of, lock, reading, sync, uninterrupted, uploaded, writing

MANIFEST = "manifest.json"
JOURNAL = ".journal"
LOCK = ".lock"

DISTINCT = ("asset_id",)
"""Texts of which no two rows of a file have the same; only their least and greatest are kept, by which a reader finds the part of one right."""

_HEX = "[0-9a-f]{32}"
_TABLES = r"groups\.parquet|scenarios\.parquet|totals\.arrow|rejects\.parquet"
_FILE = rf"(?:manifest\.json|{_TABLES}|assets/part-\d+\.parquet|paths/part-\d+\.arrow|\.journal|\.lock)"
_UNFINISHED = rf"(?:\.{_HEX}|(?:assets/|paths/)?\.\.?[a-z]+(?:-\d+)?(?:\.[a-z]+)?\.{_HEX})"
_OURS = re.compile(rf"(?:\.new-{_HEX}/)?(?:{_FILE}|{_UNFINISHED}|assets|paths)|\.new-{_HEX}")
"""Names within a results directory that a run writes, or leaves behind where it is killed; nothing else is ever deleted."""

_PART = re.compile(r"part-(\d+)\.")

_LAYOUT = b"ipvalue journal 1 "
"""Of the journal, in a line at its end, before the SHA-256 of what comes before it."""

Found = Literal["nothing", "unfinished", "finished"]
"""What a results directory holds: no run, one that was stopped and can be gone on with, or a whole result."""


class Store:
    """A results directory on any file system that fsspec opens. Picklable: workers write their parts themselves."""

    def __init__(self, location: str) -> None:
        self.location = str(location)
        if not self.location.strip():
            raise InputError("the results directory has no name: give one with --out")
        self.fs, self.root = file_system(self.location, "opened as a results directory")
        self._base = self.root

    @property
    def is_local(self) -> bool:
        """Whether files can be renamed atomically here."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what is written here."""
        return not isinstance(self.fs, MemoryFileSystem)

    def _path(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}"

    def place(self, name: str) -> str:
        """A path or URL by which other processes find one of its files, whatever their current directory."""
        return self.location_of(self._path(name))

    def location_of(self, path: str) -> str:
        """What names a path of its file system from anywhere: itself, or a URL."""
        return path if self.is_local else str(self.fs.unstrip_protocol(path))

    def begin(self, fingerprint: str, *, overwrite: bool, resume: bool) -> Store:
        """The store that a run writes to, ended by `commit` or `discard`, or left for a later one to go on with.

        Raises InputError where the directory may not be used.

        It is the directory itself, made here where there is none. Where an earlier result is to be replaced on a local file system, it is
        a hidden directory within it, so that the earlier result stays whole until the new one is complete. What `resume` finds there stays.
        """
        draft = copy.copy(self)
        self._check_free(overwrite=overwrite, resume=resume)
        with writing(self.location, InputError):
            if overwrite and self._top() and not (resume and self._is_of(fingerprint)):
                if self.is_local:
                    draft._base = self._hidden(fingerprint)
                if not (resume and self.is_local):
                    draft._remove_drafts()
            try:
                draft._make_directory(draft._base)
                if draft._base != self.root:
                    sync(Path(self.root))
                draft._try_to_write()
            except BaseException:
                draft._remove_hidden()
                raise
        return draft

    def _is_of(self, fingerprint: str) -> bool:
        """Whether what is there is a run with that fingerprint, its record whole."""
        try:
            return self.fingerprint() == fingerprint
        except InputError:
            return False

    def _hidden(self, fingerprint: str) -> str:
        """Where a run is made while an earlier result is there."""
        return f"{self.root}/.new-{fingerprint[:32]}"

    def _make_directory(self, path: str) -> None:
        if not is_object_store(self.fs):
            self.fs.makedirs(path, exist_ok=True)

    def _remove_drafts(self) -> None:
        """Removes what was to replace the result that is there, and was stopped; on an object store the result itself."""
        drafts = [one for one in (_names(self.fs, self.root) if self.is_local else ()) if one.startswith(".new-") and "/" not in one]
        for draft in (f"{self.root}/{name}" for name in drafts):
            _remove(self.fs, draft)
            self.fs.rmdir(draft)
        if not self.is_local:
            _remove(self.fs, self.root)

    def _remove_hidden(self) -> None:
        """Removes the hidden directory, where this is one and nothing is in it."""
        if self._base != self.root:
            with suppress(OSError):
                self.fs.rmdir(self._base)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other run may write here meanwhile; where others cannot be kept out (no local file system), that is left to the user.

        The directory is made for it; it is removed again where nothing is in it at the end. Raises InputError where another run holds it.
        """
        if not self.is_local:
            yield
            return
        made = self._missing()
        with writing(self.location, InputError):
            self.fs.makedirs(self.root, exist_ok=True)
            for path in made:
                with suppress(PermissionError):  # of one that may be written to and not be looked into
                    sync(Path(path).parent)
        try:
            with lock(Path(self.root) / LOCK, self.location):
                yield
        finally:
            for path in made:
                with suppress(OSError):
                    os.rmdir(path)

    @contextmanager
    def all_or_none(self, *names: str) -> Iterator[None]:
        """No other run may write here meanwhile, and what was written is taken back where the work does not end well: the files `names` and those of
        a run; and the directory, where it was made for it."""
        made = self._missing() if self.is_local else []
        try:
            with self.locked():
                yield
        except BaseException:
            with uninterrupted():
                for name in names:
                    self.remove(name)
                self.discard()
                for path in made:
                    with suppress(OSError):
                        os.rmdir(path)
            raise

    def _missing(self) -> list[str]:
        """The directories that are to be made, the deepest first."""
        missing, path = [], self.root
        while path and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        return missing

    def check_free(self, *, overwrite: bool, resume: bool) -> None:
        """Raises InputError where the directory may not be written to: another run does so, it holds something else, or a run that is neither to
        be gone on with nor to be replaced."""
        with writing(self.location, InputError):
            if self.fs.exists(self.root) and not self.fs.isdir(self.root):
                raise InputError(f"{self.location}: is a file, not a directory: name another --out")
            if self.is_local and self.fs.exists(f"{self.root}/{LOCK}"):
                with self.locked():
                    pass
        self._check_free(overwrite=overwrite, resume=resume)

    def _check_free(self, *, overwrite: bool, resume: bool) -> None:
        with writing(self.location, InputError):
            top = self._top()
            # the whole tree is only looked through where it may be a result
            others = sorted(name for name in top if not _OURS.fullmatch(name)) or sorted(
                name for name in _names(self.fs, self.root) if top and not _OURS.fullmatch(name)
            )
        if others and self._has_result(f"{self.root.rstrip('/')}/{others[0]}"):
            raise InputError(f"{self.location}: holds results, as {others[0]}: name a directory of its own as --out, as {self.location}/another")
        if others:
            raise InputError(f"{self.location}: holds {others[0]}, which no run wrote, so nothing is written there: name another --out")
        if not top or overwrite or (resume and top & {MANIFEST, JOURNAL}):
            return
        there = "holds a result" if MANIFEST in top else "holds what a run that was killed left behind"
        more = "give --overwrite --resume to go on with the one that was to replace it, " if any(one.startswith(".new-") for one in top) else ""
        if JOURNAL in top and MANIFEST not in top:
            there, more = "holds a run that was stopped", "give --resume to go on with it, "
        raise InputError(f"{self.location}: {there}: {more}name another --out, or give --overwrite to replace it")

    def _top(self) -> set[str]:
        """What the directory holds, but for the lock and for what a killed run left half-written."""
        if not self.fs.isdir(self.root):
            return set()
        names = {path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self.root, detail=False)}
        return {name for name in names - {LOCK} if not re.fullmatch(_UNFINISHED, name)}

    @property
    def found(self) -> Found:
        """What is there already."""
        with reading(self.location):
            if self.fs.exists(self._path(MANIFEST)):
                return "finished"
            return "unfinished" if self.fs.exists(self._path(JOURNAL)) else "nothing"

    def fingerprint(self) -> str | None:
        """That of the run that is there, if any."""
        match self.found:
            case "finished":
                return str(self.manifest().get("fingerprint"))
            case "unfinished":
                return str(json.loads(self.read_journal()[0])["fingerprint"])
        return None

    def _try_to_write(self) -> None:
        probe = self._path(f".{uuid.uuid4().hex}")
        try:
            with self.fs.open(probe, "wb") as file:
                file.write(b"ipvalue")
        finally:
            if self.fs.exists(probe):
                self.fs.rm(probe)

    def sweep(self) -> None:
        """Removes what workers that died left half-written. To be called when no task is at work any more."""
        with writing(self.location):
            for name in _names(self.fs, self._base) if self.is_local else ():
                if re.fullmatch(_UNFINISHED, name):
                    Path(self._path(name)).unlink(missing_ok=True)

    def commit(self) -> None:
        """Makes the finished run the result, in the place of an earlier one. Where it was killed on its way, it is called again."""
        manifest = self.manifest()
        with writing(self.location):
            if self._base != self.root:
                self._replace({MANIFEST, *(file["name"] for file in manifest["files"])})
            else:
                self.remove(JOURNAL)
            if self.is_local:  # else there is none
                hidden = self._hidden(str(manifest.get("fingerprint")))
                _remove(self.fs, hidden)
                with suppress(OSError):
                    os.rmdir(hidden)

    def _replace(self, new: set[str]) -> None:
        """Moves the files `new` to where the earlier result is: its manifest goes first, the new one comes last, so none describes a mixture."""
        final, base = Path(self.root), Path(self._base)
        (final / MANIFEST).unlink(missing_ok=True)
        sync(final)
        _remove(self.fs, self.root, keep=(*new, base.name))
        for name in sorted(new - {MANIFEST}):
            if (base / name).exists():  # else it was moved before a kill
                (final / name).parent.mkdir(exist_ok=True)
                (base / name).replace(final / name)
        for folder in {(final / name).parent for name in new}:
            sync(folder)
        (base / MANIFEST).replace(final / MANIFEST)
        sync(final)
        _remove(self.fs, self.root, keep=new)

    def discard(self) -> None:
        """Takes back an unfinished run: removes its files, as far as they can be reached. An earlier result stays."""
        with suppress(*file_errors()):
            _remove(self.fs, self._base)
        self._remove_hidden()

    @contextmanager
    def _creating(self, name: str, lasting: bool = True) -> Iterator[Hashed]:
        """A file that appears under its name only when it is whole. Raises RunError naming it where that fails (a full disk, say)."""
        path = self._path(name)
        with writing(f"{self.location}/{name}"):
            self._make_directory(path.rsplit("/", 1)[0])
            with atomic(Path(path), lasting) if self.is_local else uploaded(self.fs, path) as file:
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

    def write_bytes(self, name: str, content: bytes, rows: int) -> Written:
        """Writes a file whose content is known already."""
        with self._creating(name) as file:
            file.write(content)
        return file.written(name, rows)

    def write_journal(self, terms: str, record: pa.RecordBatch) -> None:
        """Puts a record of what is done in the place of the one before; `terms` is text that says of which run."""
        schema = record.schema.with_metadata({"terms": terms})
        with self._creating(JOURNAL) as file:
            with pa.ipc.new_stream(file, schema) as writer:
                writer.write_batch(record.replace_schema_metadata(schema.metadata))
            file.write(_LAYOUT + file.written(JOURNAL, 1).sha256.encode())

    def read_journal(self) -> tuple[str, pa.RecordBatch]:
        """The terms and the record that were written last. Raises InputError where they are not what was written."""
        with reading(f"{self.location}/{JOURNAL}"):
            content = memoryview(self.fs.cat_file(self._path(JOURNAL)))
        end = max(len(content) - len(_LAYOUT) - 2 * hashlib.sha256().digest_size, 0)
        if content[end:] != _LAYOUT + hashlib.sha256(content[:end]).hexdigest().encode():
            reason = "is damaged, cut short or another version's, so there is nothing to go on from"
            raise InputError(f"{self.location}/{JOURNAL}: {reason}: give --overwrite without --resume to start again, or name another --out")
        opened = pa.ipc.open_stream(pa.py_buffer(content[:end]))
        return opened.schema.metadata[b"terms"].decode(), opened.read_next_batch()

    def write_text(self, name: str, text: str) -> Written:
        """Writes a text in UTF-8."""
        with self._creating(name) as file:
            file.write(text.encode())
        return file.written(name, 0)

    def remove(self, name: str) -> None:
        """Takes one file away, where it is there: the manifest of a result that is no more, the journal once there is a manifest."""
        with writing(self.location), suppress(FileNotFoundError):
            self.fs.rm_file(self._path(name))

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

    def write_manifest(self, content: dict[str, Any]) -> None:
        """Writes the manifest: from then on the directory is a result."""
        self.write_json(MANIFEST, content)

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Writes a record for people and machines."""
        with self._creating(name) as file:
            file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())

    # ------------------------------------------------------------------------------------------------------------ reading

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

    def beside(self) -> list[str]:
        """Where the other finished results are that lie in the same directory."""
        parent, _, own = self.root.rstrip("/").rpartition("/")
        with reading(self.location_of(parent)):
            return [self.location_of(f"{parent}/{name}") for name in self._results_in(parent) if name != own]

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

    def read_as_written(self, file: Written) -> bytes:
        """The bytes of one file of the result. Raises InputError where they are not those that it was written with."""
        with reading(f"{self.location}/{file.name}"):
            content: bytes = self.fs.cat_file(self._path(file.name))
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise InputError(f"{self.location}/{file.name}: is not what was written there: the command that made the result mends it with --resume")
        return content

    def read_parquet(self, name: str) -> pa.Table:
        """One Parquet table of the result. Raises InputError where it is damaged."""
        with reading(f"{self.location}/{name}"):
            return table_of(self.fs.cat_file(self._path(name)))

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
            found = _names(self.fs, self.root) if self.fs.isdir(self.root) else []
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


def _leaf(field: pa.Field) -> str:
    """What Parquet calls the column that holds a field's values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name


def table_of(content: bytes, repeated: Collection[str] = ()) -> pa.Table:
    """The table that the bytes of a Parquet file hold; columns of `repeated` texts come as dictionaries, in a third of the time."""
    # on this thread: pq.read_table scans on threads of Arrow's, and one that lets go of Python's bytes while Python ends takes the
    # process with it ("terminate called without an active exception")
    return pq.ParquetFile(pa.BufferReader(content), pre_buffer=False, read_dictionary=list(repeated)).read(use_threads=False)


def part_of(name: str) -> int | None:
    """The number in a part's name; None of other files."""
    found = _PART.search(name)
    return int(found[1]) if found else None


def _names(fs: Any, base: str) -> list[str]:
    """Everything under a directory, files and directories, by its name within it."""
    start = len(base.rstrip("/")) + 1
    return [path.rstrip("/")[start:] for path in fs.find(base, withdirs=not is_object_store(fs)) if len(path.rstrip("/")) > start]


def _remove(fs: Any, base: str, keep: Iterable[str] = ()) -> None:
    """Removes what a run wrote under a directory, but for `keep` and what lies under it; then the directories left empty."""
    kept = {*keep, LOCK}
    ours = [name for name in _names(fs, base) if _OURS.fullmatch(name) and not kept & {name, name.split("/")[0]}] if fs.isdir(base) else []
    if is_object_store(fs):
        if ours:
            fs.rm([f"{base.rstrip('/')}/{name}" for name in ours])
        return
    for name in sorted(ours, reverse=True):
        path = f"{base.rstrip('/')}/{name}"
        with suppress(FileNotFoundError):
            if fs.isdir(path):
                with suppress(OSError):
                    fs.rmdir(path)
            else:
                fs.rm_file(path)
