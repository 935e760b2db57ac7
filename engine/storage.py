"""Files that appear under their names only when they are whole, with the hash of what was written; a file system's errors as sentences."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import platform
import signal
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from fsspec.spec import AbstractBufferedFile

from ipvalue.files import client_errors, file_errors, file_system, first_line
from ipvalue.schema import InputError, RunError

_log = logging.getLogger("ipvalue")


@dataclass(frozen=True)
class Written:
    """One file of a results directory: its name within it, rows, bytes and SHA-256."""

    name: str
    rows: int
    bytes: int
    sha256: str


class Hashed:
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
def atomic(path: Path, lasting: bool = True) -> Iterator[Any]:
    """A file beside `path`, synced (where it is a lasting one, to be there after a power cut) and renamed to it at the end, removed where anything
    fails."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if lasting:
        sync(path.parent)


@contextmanager
def uploaded(fs: Any, path: str) -> Iterator[Any]:
    """A file of a remote system, of which nothing stays where anything fails. An object store shows it when it is whole, as it is closed."""
    file = fs.open(path, "wb")
    try:
        yield file
        file.close()
    except BaseException:
        with suppress(*file_errors()):
            if isinstance(file, AbstractBufferedFile):
                file.closed = True  # first: to close it would be to upload it
                file.discard()
            else:
                file.close()
                fs.rm_file(path)
        raise


def sync(directory: Path) -> None:
    """Makes renames in a local directory last. Network file systems that answer EINVAL have nothing to do for it."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(opened)


@contextmanager
def writing(name: str, kind: type[InputError] | type[RunError] = RunError, option: str = "--out") -> Iterator[None]:
    """Turns an error of the file system into a sentence, in which another place is asked for by the option that names it."""
    try:
        yield
    except client_errors() as error:
        raise kind(f"{name}: cannot be reached ({first_line(error)}): look at the credentials and the endpoint, or name another {option}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            kind = RunError
        code = error.errno or (errno.EACCES if isinstance(error, PermissionError) else 0)  # of an object store, without a number
        reason = {
            errno.ENOSPC: f"the disk is full: free some space or name another {option}",
            errno.EDQUOT: f"the disk quota is used up: free some space or name another {option}",
            errno.EFBIG: f"a file would be larger than may be written here: raise the limit (ulimit -f) or name another {option}",
            errno.ENOENT: f"no directory can be made there: name another {option}",
            errno.EACCES: f"writing is not permitted: name another {option} or change its permissions",
            errno.EPERM: f"writing is not permitted: name another {option} or change its permissions",
            errno.EROFS: f"the file system is read-only: name another {option}",
            errno.ENOTDIR: f"a part of the path is a file, not a directory: name another {option}",
        }.get(code, f"writing failed ({error.strerror or error})")
        raise kind(f"{name}: {reason}") from None


@contextmanager
def reading(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{name}: is missing from the result") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read: ask for read permission") from None
    except client_errors() as error:
        raise InputError(f"{name}: cannot be reached ({first_line(error)}): look at the credentials and the endpoint") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(f"{name}: cannot be read ({first_line(error)}): it is damaged or cut short") from None


def refuse_within(path: str, directory: str) -> None:
    """Raises InputError where a file to be written lies in a results directory."""
    places = [os.path.normpath(file_system(one)[1]) for one in (path, directory)]
    if places[0].startswith(f"{places[1]}/"):
        raise InputError(f"{path}: lies in the result, which holds nothing but what its run wrote: name a file beside it")


def digest_of(fs: Any, path: str) -> tuple[int, str]:
    """Bytes and SHA-256 of a file. Raises OSError."""
    state, size = hashlib.sha256(), 0
    with fs.open(path, "rb") as file:
        while block := file.read(1 << 20):
            state.update(block)
            size += len(block)
    return size, state.hexdigest()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGINT and SIGTERM that come meanwhile are answered at the end. Blocking them in this thread would not do: another would take them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {one: signal.signal(one, lambda number, _: came.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def lock(path: Path, location: str) -> Iterator[None]:
    """Held by one at a time, and let go of when its process ends, however that ends (flock); the file is removed. Raises InputError where another
    holds it."""
    file = _locked(path, location)
    try:
        with writing(location, InputError):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        with uninterrupted():
            with suppress(OSError):  # of a directory that cannot be written to any more; what is left there nobody holds
                path.unlink(missing_ok=True)
            file.close()


def _locked(path: Path, location: str) -> IO[bytes]:
    """The file at `path`, locked. Where its file system has no locks, that is said, and it is not."""
    while True:
        with writing(location, InputError):
            file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode() or "another process"
            file.close()
            raise InputError(f"{location}: another run is writing there ({holder}): wait for it, or name another --out") from None
        except OSError as error:
            reason = error.strerror or error
            _log.warning("%s: its file system has no locks (%s): that no other run writes there meanwhile is left to you", location, reason)
            return file
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()  # whoever held it before has removed it meanwhile
