"""A results directory: parts, tables and the manifest, each written beside its name, synced and renamed; and reading it back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from ipvalue.schema import InputError, RunError, did_you_mean

MANIFEST = "manifest.json"


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
        try:
            self.fs, self.root = fsspec.core.url_to_fs(self.location)
        except (ImportError, ValueError) as error:
            raise InputError(f"{location}: cannot be opened as a results directory ({error})") from None

    @property
    def is_local(self) -> bool:
        """Whether files can be renamed atomically here."""
        return isinstance(self.fs, LocalFileSystem)

    def _path(self, name: str) -> str:
        return f"{self.root.rstrip('/')}/{name}"

    def prepare(self, overwrite: bool) -> bool:
        """Makes the directory ready to be written; True if it was created here. Raises InputError where it may not be used."""
        with _writing(self.location, InputError):
            existed = bool(self.fs.exists(self.root))
            if existed and not self.fs.isdir(self.root):
                raise InputError(f"{self.location}: is a file, not a directory: name another --out")
            if existed and self.fs.ls(self.root, detail=False):
                if not overwrite:
                    raise InputError(f"{self.location}: is not empty: name another --out, or give --overwrite to replace what is there")
                self._check_is_ours()
            self.fs.makedirs(self.root, exist_ok=True)
            self._try_to_write()
        return not existed

    def _check_is_ours(self) -> None:
        """Only a results directory may be overwritten: nobody's other files are deleted."""
        known = {MANIFEST, "assets", "groups.parquet", "totals.arrow", "rejects.parquet", "paths"}
        names = {path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self.root, detail=False)}
        others = sorted(names - known)
        if others:
            raise InputError(f"{self.location}: holds {others[0]}, which no run wrote, so it is not overwritten: name another --out")

    def _try_to_write(self) -> None:
        probe = self._path(f".{uuid.uuid4().hex}")
        with self.fs.open(probe, "wb") as file:
            file.write(b"ipvalue")
        self.fs.rm(probe)

    def clear(self) -> None:
        """Removes what an earlier run left."""
        with _writing(self.location):
            for path in self.fs.ls(self.root, detail=False):
                self.fs.rm(path, recursive=True)

    def discard(self, created: bool) -> None:
        """Takes back an unfinished run: removes its files, and the directory if it was made for it."""
        if created:
            self.fs.rm(self.root, recursive=True)
        else:
            self.clear()

    @contextmanager
    def _creating(self, name: str) -> Iterator[_Hashed]:
        """A file that appears under its name only when it is whole. Raises RunError naming it where that fails (a full disk, say)."""
        path = self._path(name)
        with _writing(f"{self.location}/{name}"):
            self.fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            with _atomic(Path(path)) if self.is_local else self.fs.open(path, "wb") as file:
                yield _Hashed(file)

    def write_parquet(self, name: str, table: pa.Table) -> Written:
        """Writes a table as Parquet."""
        with self._creating(name) as file:
            pq.write_table(table, file, compression="zstd")
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
        try:
            content: dict[str, Any] = json.loads(self.fs.cat_file(self._path(MANIFEST)))
        except (FileNotFoundError, NotADirectoryError):
            near = ""
            parent, _, last = self.root.rstrip("/").rpartition("/")
            if parent and self.fs.isdir(parent):
                near = did_you_mean(last, [path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(parent, detail=False)])
            raise InputError(f"{self.location}: is no results directory (it has no {MANIFEST}){near}") from None
        except (OSError, ValueError) as error:
            raise InputError(f"{self.location}/{MANIFEST}: cannot be read ({error})") from None
        return content

    def read_parquet(self, name: str) -> pa.Table:
        """One Parquet table of the result. Raises InputError where it is damaged."""
        with _reading(f"{self.location}/{name}"), self.fs.open(self._path(name), "rb") as file:
            return pq.read_table(file)

    def read_ipc(self, name: str) -> pa.Table:
        """One Arrow IPC table of the result. Raises InputError where it is damaged."""
        with _reading(f"{self.location}/{name}"), self.fs.open(self._path(name), "rb") as file:
            return pa.ipc.open_file(file.read()).read_all()

    def parts(self, prefix: str) -> list[str]:
        """Names of the files under a prefix, in order, as the manifest lists them."""
        return sorted(part["name"] for part in self.manifest()["files"] if part["name"].startswith(prefix))

    def assets(self) -> pa.Table:
        """All rows of assets/part-*.parquet."""
        return pa.concat_tables([self.read_parquet(name) for name in self.parts("assets/")])


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
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@contextmanager
def _writing(name: str, kind: type[InputError] | type[RunError] = RunError) -> Iterator[None]:
    """Turns an error of the file system into a sentence."""
    try:
        yield
    except OSError as error:
        reason = {
            errno.ENOSPC: "the disk is full: free some space or name another --out",
            errno.EDQUOT: "the disk quota is used up: free some space or name another --out",
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
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{name}: cannot be read ({str(error).splitlines()[0]}): it is damaged or cut short") from None
