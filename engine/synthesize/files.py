"""Where a synthetic portfolio, or the loans against it, is written: whole or not at all, and never over a real one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from ipvalue.schema import InputError, RunError
from ipvalue.synthesize.draws import BLOCK

SUFFIXES = (".parquet", ".arrow", ".feather", ".ipc")
LABEL = b"ipvalue.synthetic"


def suffix_of(out: str) -> str:
    """The suffix that says which format to write. Raises InputError for any other."""
    suffix = Path(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{out}: the name must end in one of {', '.join(SUFFIXES)}")
    return suffix


@contextmanager
def writing(out: str, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """A function that writes blocks of rows to `out`, a Parquet or uncompressed Arrow IPC file by its suffix."""
    suffix = suffix_of(out)
    with _opened(out) as file, _writer(file, schema, suffix) as write:
        yield write


@contextmanager
def _writer(file: IO[bytes], schema: pa.Schema, suffix: str) -> Iterator[Callable[[pa.Table], None]]:
    if suffix == ".parquet":
        with pq.ParquetWriter(file, schema, compression="zstd") as parquet:
            yield lambda table: parquet.write_table(table, row_group_size=BLOCK)
    else:
        with pa.ipc.new_file(file, schema) as ipc:
            yield ipc.write_table


@contextmanager
def _opened(out: str) -> Iterator[IO[bytes]]:
    """`out` opened for writing: a URL as it is, a local file beside its name, moved there when it is whole."""
    if "://" in out:
        try:
            remote = fsspec.open(out, "wb").open()
        except (OSError, ValueError, ImportError) as error:
            raise InputError(f"{out}: cannot be written ({error})") from None
        with remote:
            yield remote
        return
    path = Path(out)
    _refuse_to_overwrite(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = beside.open("wb")
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})") from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise RunError(f"{out}: writing failed ({error.strerror or error}); nothing was left there") from None
    finally:
        beside.unlink(missing_ok=True)


def _refuse_to_overwrite(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a directory: name a file")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no directory {path.parent}")
    if not path.exists():
        return
    try:
        if path.suffix.lower() == ".parquet":
            metadata = pq.read_schema(path).metadata
        else:
            with pa.memory_map(str(path)) as file:
                metadata = pa.ipc.open_file(file).schema.metadata
    except (pa.ArrowInvalid, OSError):
        metadata = None
    if not metadata or metadata.get(LABEL) != b"true":
        raise InputError(f"{path}: is there already and is not a synthetic portfolio or book of loans: choose another name")
