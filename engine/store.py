"""A results directory: parts, tables and the manifest, each written beside its name, synced and renamed; and reading it back."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
import re
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ipvalue.schema import InputError, RunError, nearest

MANIFEST = "manifest.json"

DISTINCT = ("asset_id",)
"""Texts of which no two rows of a file have the same; only their least and greatest are kept, by which a reader finds the part of one right."""

_HEX = "[0-9a-f]{32}"
_FILE = r"(?:manifest\.json|groups\.parquet|totals\.arrow|rejects\.parquet|assets/part-\d+\.parquet|paths/part-\d+\.arrow)"
_UNFINISHED = rf"(?:\.{_HEX}|(?:assets/|paths/)?\.[a-z]+(?:-\d+)?\.[a-z]+\.{_HEX})"
_OURS = re.compile(rf"(?:\.new-{_HEX}/)?(?:{_FILE}|{_UNFINISHED}|assets|paths)|\.new-{_HEX}")
"""Names within a results directory that a run writes, or leaves behind where it is killed; nothing else is ever deleted."""


@dataclass(frozen=True)
class Written:
    """One file of a results directory: its name within it, rows, bytes and SHA-256."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Store:
    """A results directory on any file system that fsspec opens. Picklable: workers write their parts themselves."""

    def __init__(self, location: str) -> None:
        self.location = str(location)
        if not self.location.strip():
            raise InputError("the results directory has no name: give one with --out")
        try:
            self.fs, self.root = fsspec.core.url_to_fs(self.location)
        except (ImportError, ValueError) as error:
            raise InputError(f"{location}: cannot be opened as a results directory ({error})") from None
        self._base = self.root
        self._made: tuple[str, ...] = ()

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

    def begin(self, overwrite: bool) -> Store:
        """The store that a run writes to, ended by `commit` or `discard`. Raises InputError where the directory may not be used.

        It is the directory itself, made here where there is none. Where an earlier result is to be replaced on a local file system, it is
        a hidden directory within it, so that the earlier result stays whole until the new one is complete.
        """
        draft = copy.copy(self)
        replaces = self.replaces(overwrite)
        with _writing(self.location, InputError):
            if replaces and self.is_local:
                draft._base = f"{self.root}/.new-{uuid.uuid4().hex}"
            elif replaces:
                _remove(self.fs, self.root)
            draft._made = self._missing(draft._base)
            try:
                self.fs.makedirs(draft._base, exist_ok=True)
                draft._try_to_write()
            except BaseException:
                draft.discard()
                raise
        return draft

    def replaces(self, overwrite: bool) -> bool:
        """Whether there is an earlier result to replace. Raises InputError where the directory may not be used."""
        with _writing(self.location, InputError):
            if self.fs.exists(self.root) and not self.fs.isdir(self.root):
                raise InputError(f"{self.location}: is a file, not a directory: name another --out")
            return self._earlier(overwrite)

    def _earlier(self, overwrite: bool) -> bool:
        """Whether there are files to replace. Raises InputError where that is not wished, or they are not all a run's own."""
        if not self.fs.isdir(self.root):
            return False
        top = [path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self.root, detail=False)]
        if not top:
            return False
        # the whole tree is only looked through where it may be a result
        others = sorted(name for name in top if not _OURS.fullmatch(name)) or sorted(
            name for name in _names(self.fs, self.root) if not _OURS.fullmatch(name)
        )
        if others:
            raise InputError(f"{self.location}: holds {others[0]}, which no run wrote, so nothing is written there: name another --out")
        if not overwrite:
            there = "holds a result" if MANIFEST in top else "holds what a run that was killed left behind"
            raise InputError(f"{self.location}: {there}: name another --out, or give --overwrite to replace it")
        return True

    def _missing(self, path: str) -> tuple[str, ...]:
        """The directories to be made for `path`, the deepest first (on object stores there are none)."""
        missing: list[str] = []
        while self.is_local and path and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        return tuple(missing)

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
        for name in _names(self.fs, self._base) if self.is_local else ():
            if re.fullmatch(_UNFINISHED, name):
                Path(self._path(name)).unlink(missing_ok=True)

    def commit(self) -> None:
        """Puts the finished files in the earlier result's place: its manifest goes first, the new one comes last, so none describes a mixture."""
        if self._base == self.root:
            return
        with _writing(self.location):
            final, base = Path(self.root), Path(self._base)
            (final / MANIFEST).unlink(missing_ok=True)
            new = sorted((name for name in _names(self.fs, self._base) if (base / name).is_file()), key=lambda name: (name == MANIFEST, name))
            _remove(self.fs, self.root, keep=(*new, base.name))
            for name in new:
                (final / name).parent.mkdir(exist_ok=True)
                (base / name).replace(final / name)
            _remove(self.fs, self.root, keep=new)
            _sync(final)

    def discard(self) -> None:
        """Takes back an unfinished run: removes its files, and the directories that were made for it. An earlier result stays."""
        _remove(self.fs, self._base)
        for path in self._made:
            with suppress(OSError):
                os.rmdir(path)

    @contextmanager
    def _creating(self, name: str) -> Iterator[_Hashed]:
        """A file that appears under its name only when it is whole. Raises RunError naming it where that fails (a full disk, say)."""
        path = self._path(name)
        with _writing(f"{self.location}/{name}"):
            self.fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            with _atomic(Path(path)) if self.is_local else self.fs.open(path, "wb") as file:
                yield _Hashed(file)

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

    def write_ipc(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Written:
        """Writes batches as they come to an uncompressed Arrow IPC file, which can be memory-mapped."""
        rows = 0
        with self._creating(name) as file, pa.ipc.new_file(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        return file.written(name, rows)

    def write_manifest(self, content: dict[str, Any]) -> None:
        """Writes the manifest: from then on the directory is a result."""
        with self._creating(MANIFEST) as file:
            file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())

    # ------------------------------------------------------------------------------------------------------------ reading

    def manifest(self) -> dict[str, Any]:
        """The manifest. Raises InputError where this is no finished result."""
        with _reading(f"{self.location}/{MANIFEST}"):
            try:
                content: dict[str, Any] = json.loads(self.fs.cat_file(self._path(MANIFEST)))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise InputError(f"{self.location}: is no results directory (it has no {MANIFEST}){self._near()}") from None
        if not isinstance(content, dict) or not content.keys() >= {"numerics_version", "options", "inputs", "counts", "files"}:
            raise InputError(f"{self.location}/{MANIFEST}: was not written by ipvalue value")
        return content

    def _near(self) -> str:
        """The clause that names the results directory that was most likely meant: the one above, or one with a similar name."""
        parent, _, last = self.root.rstrip("/").rpartition("/")
        if not parent or not self.fs.isdir(parent):
            return ""
        above = self.location.rstrip("/").rpartition("/")[0]
        if self.fs.exists(f"{parent}/{MANIFEST}"):
            return f": did you mean {above or parent}?"
        siblings = [path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(parent, detail=False)]
        results = [name for name in siblings if name != last and self.fs.exists(f"{parent}/{name}/{MANIFEST}")]
        near = nearest(last, results)
        return f": did you mean {f'{above}/{near}' if above else near}?" if near else ""

    def read_parquet(self, name: str) -> pa.Table:
        """One Parquet table of the result. Raises InputError where it is damaged."""
        with _reading(f"{self.location}/{name}"):
            # on this thread: pq.read_table scans on threads of Arrow's, and one that lets go of Python's bytes while Python ends takes the
            # process with it ("terminate called without an active exception")
            return pq.ParquetFile(pa.BufferReader(self.fs.cat_file(self._path(name))), pre_buffer=False).read(use_threads=False)

    def read_ipc(self, name: str) -> pa.Table:
        """One Arrow IPC table of the result. Raises InputError where it is damaged."""
        with _reading(f"{self.location}/{name}"), self.fs.open(self._path(name), "rb") as file:
            return pa.ipc.open_file(file.read()).read_all()

    def read_ipc_batch(self, name: str, number: int) -> pa.RecordBatch:
        """One record batch of an Arrow IPC file of the result; the others are not read. Raises InputError where it is damaged."""
        with _reading(f"{self.location}/{name}"), self.fs.open(self._path(name), "rb") as file:
            return pa.ipc.open_file(pa.PythonFile(file, mode="r")).get_batch(number)

    def parts(self, prefix: str) -> list[str]:
        """Names of the files under a prefix, in order, as the manifest lists them."""
        return sorted(part["name"] for part in self.manifest()["files"] if part["name"].startswith(prefix))

    def assets(self) -> pa.Table:
        """All rows of assets/part-*.parquet."""
        return pa.concat_tables([self.read_parquet(name) for name in self.parts("assets/")])


def _leaf(field: pa.Field) -> str:
    """What Parquet calls the column that holds a field's values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name


class _Hashed:
    """A file being written, with the SHA-256 and number of the bytes so far."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._state = hashlib.sha256()
        self._bytes = 0
        self.closed = False

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        self._file.write(view)
        self._state.update(view)
        self._bytes += len(view)
        return len(view)

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Arrow's writers close what they write to; the file itself is closed by whoever opened it."""

    def written(self, name: str, rows: int) -> Written:
        return Written(name, rows, self._bytes, self._state.hexdigest())


@contextmanager
def _atomic(path: Path) -> Iterator[Any]:
    """A file beside `path`, synced and renamed to it at the end, removed where anything fails."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(directory: Path) -> None:
    """Makes renames in a local directory last."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _names(fs: Any, base: str) -> list[str]:
    """Everything under a directory, files and directories, by its name within it."""
    start = len(base.rstrip("/")) + 1
    return [path.rstrip("/")[start:] for path in fs.find(base, withdirs=True) if len(path.rstrip("/")) > start]


def _remove(fs: Any, base: str, keep: Iterable[str] = ()) -> None:
    """Removes what a run wrote under a directory, but for `keep` and what lies under it; then the directories left empty."""
    kept = set(keep)
    ours = [name for name in _names(fs, base) if _OURS.fullmatch(name) and not kept & {name, name.split("/")[0]}] if fs.isdir(base) else []
    for name in sorted(ours, reverse=True):
        path = f"{base.rstrip('/')}/{name}"
        with suppress(FileNotFoundError):
            if fs.isdir(path):
                with suppress(OSError):
                    fs.rmdir(path)
            else:
                fs.rm_file(path)


@contextmanager
def _writing(name: str, kind: type[InputError] | type[RunError] = RunError) -> Iterator[None]:
    """Turns an error of the file system into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            kind = RunError
        reason = {
            errno.ENOSPC: "the disk is full: free some space or name another --out",
            errno.EDQUOT: "the disk quota is used up: free some space or name another --out",
            errno.EFBIG: "a file would be larger than may be written here: raise the limit (ulimit -f) or name another --out",
            errno.ENOENT: "no directory can be made there: name another --out",
            errno.EACCES: "writing is not permitted: name another --out or change its permissions",
            errno.EPERM: "writing is not permitted: name another --out or change its permissions",
            errno.EROFS: "the file system is read-only: name another --out",
            errno.ENOTDIR: "a part of the path is a file, not a directory: name another --out",
        }.get(error.errno or 0, f"writing failed ({error.strerror or error})")
        raise kind(f"{name}: {reason}") from None


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{name}: is missing from the result") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read: ask for read permission") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{name}: cannot be read ({str(error).splitlines()[0]}): it is damaged or cut short") from None
