"""Indexes: the rights of results in tables of DuckDB's, made from their Parquet parts when they are first asked for.

A table on disk, in a temporary directory, has the rights' figures, one in memory their ids in order, each with the place of its row. So an id, or how
ids begin, is found by halving, and a part of an id by looking through the memory that holds all of them and nothing else.
"""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import duckdb
import pyarrow as pa

from ipvalue.files import first_line
from ipvalue.schema import IpvalueError, RunError
from ipvalue.serve.root import Run
from ipvalue.storage import Written, reading
from ipvalue.store import table_of

Form = Literal["text", "number", "flag"]

KEPT = 8
"""Indexes at a time; that of the result that was looked at longest ago goes first."""
SECONDS = 20.0
"""A question to an index is stopped after so long."""
LEFT_OUT = ("mean_raw", "closed_form", "tab", "paths", "filled")
"""Columns that only a right's own page shows, as it does lists."""
PART = "part"
"""Which part holds the row."""
_OURS = (PART, "id", "place", "row", "rowid")
_NAME = re.compile("[a-z][a-z0-9_]*")


class TooLong(RunError):
    """A question that was stopped because it took too long."""


class Closed(RunError):
    """An index that is asked for while the server stops."""


@dataclass(eq=False)
class Index:
    """That of one result: how far it is, and once it is `ready` its rows, its columns with the form of each, and whether ids have no small letters;
    or else what is wrong (`fault`)."""

    run: Run
    number: int
    total: int = 0
    done: int = 0
    rows: int = 0
    columns: dict[str, Form] = field(default_factory=dict)
    capitals: bool = False
    fault: str = ""
    ready: threading.Event = field(default_factory=threading.Event)

    @property
    def rights(self) -> str:
        """The table of figures."""
        return f"rights_{self.number}"

    @property
    def ids(self) -> str:
        """The table of ids: id and place, in order."""
        return f"memory_of_ids.ids_{self.number}"

    @property
    def texts(self) -> list[str]:
        """The columns that hold text."""
        return [name for name, form in self.columns.items() if form == "text"]


class Indexes:
    """The indexes of a server, in at most `memory` bytes and on `threads` threads. DuckDB opens no file but its own."""

    def __init__(self, memory: int, threads: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ipvalue-serve-")
        config: dict[str, Any] = {"enable_external_access": "false", "memory_limit": f"{memory}B", "threads": str(threads)}
        self._connection = duckdb.connect(f"{self._folder.name}/rights.duckdb", config=config)
        self._connection.execute("ATTACH ':memory:' AS memory_of_ids")
        self._connection.execute("PRAGMA disable_checkpoint_on_shutdown")  # the file goes with its directory
        self._connection.execute("SET lock_configuration = true")
        self._builder = ThreadPoolExecutor(1, "index")
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Index] = {}
        self._numbers = count()
        self._asked: list[duckdb.DuckDBPyConnection] = []
        self._closed = False

    def of(self, run: Run) -> Index:
        """That of a result, which is begun where there is none yet; one of an earlier state of the same directory goes."""
        key = (run.name, run.stamp)
        with self._lock:
            if self._closed:
                raise Closed("the server stops")
            if (found := self._made.pop(key, None)) is None:
                found = Index(run, next(self._numbers))
                self._builder.submit(self._build, found)
            self._made[key] = found
            old = [other for other in self._made if other[0] == run.name and other != key]
            old += [other for other in self._made if other not in old][: max(0, len(self._made) - len(old) - KEPT)]
            gone = [self._made.pop(other) for other in old]
        for index in gone:
            self._builder.submit(self._drop, index)
        return found

    def ask(self, question: str, values: Sequence[object] = (), seconds: float = SECONDS) -> list[tuple[Any, ...]]:
        """The rows of an answer; `question` is ours, and only `values` come from outside. Raises TooLong, and RunError where memory is too small."""
        with self._cursor() as cursor:
            late = threading.Timer(seconds, cursor.interrupt)
            late.start()
            try:
                return cursor.execute(question, list(values)).fetchall()
            except duckdb.InterruptException:
                raise TooLong(f"this took longer than {seconds:g} s and was stopped: ask for less") from None
            except duckdb.OutOfMemoryException:
                raise RunError("this needs more memory than the indexes may take: serve with more --memory") from None
            except duckdb.IOException as error:
                raise RunError(self._no_room(error)) from None
            except duckdb.CatalogException:
                raise TooLong("the index was made room for another meanwhile: ask again") from None
            finally:
                late.cancel()

    def close(self) -> None:
        """Ends what is under way and removes the tables."""
        with self._lock:
            self._closed = True
            for cursor in self._asked:
                cursor.interrupt()
        self._builder.shutdown(cancel_futures=True)
        self._connection.close()
        self._folder.cleanup()

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if self._closed:
                raise Closed("the server stops")
            cursor = self._connection.cursor()
            self._asked.append(cursor)
        try:
            yield cursor
        finally:
            with self._lock:
                self._asked.remove(cursor)
            cursor.close()

    def _build(self, index: Index) -> None:
        try:
            self._fill(index)
        except (IpvalueError, OSError) as error:
            index.fault = str(error)
        except duckdb.OutOfMemoryException:
            index.fault = "its index needs more memory than indexes may take: serve with more --memory"
        except duckdb.IOException as error:
            index.fault = self._no_room(error)
        except (duckdb.Error, pa.ArrowException, ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            index.fault = f"its parts are not what a run wrote ({type(error).__name__})"
        finally:
            if index.fault:
                self._drop(index)
            index.ready.set()

    def _no_room(self, error: duckdb.IOException) -> str:
        return f"an index cannot be written in {self._folder.name} ({first_line(error)}): free some space, or name another place with TMPDIR"

    def _fill(self, index: Index) -> None:
        """Reads part by part, each compared with the hash that the record has of it."""
        run, kind = index.run, index.run.kind
        files = [Written(**entry) for entry in run.record()["files"]]
        parts = sorted((file for file in files if file.name.startswith(kind.folder)), key=lambda file: file.name)
        index.total = len(parts)
        with self._cursor() as cursor:
            for number, part in enumerate(parts):
                if self._closed:
                    raise Closed("the server stops")
                with reading(f"{run.name}/{part.name}"):
                    table = _figures(table_of(run.store.read_as_written(part)), number)
                if not number:
                    index.columns = {field.name: _form(field.type) for field in table.schema if field.name != PART}
                    cursor.register("part_read", table.schema.empty_table())
                    cursor.execute(f"CREATE TABLE {index.rights} AS FROM part_read")
                cursor.register("part_read", table)
                cursor.execute(f"INSERT INTO {index.rights} BY NAME FROM part_read")
                cursor.unregister("part_read")
                index.rows += table.num_rows
                index.done += 1
            if parts:
                cursor.execute(f'CREATE TABLE {index.ids} AS SELECT "{kind.id}" AS id, rowid AS place FROM {index.rights} ORDER BY id, place')
                index.capitals = bool(cursor.execute(f"SELECT bool_and(id = upper(id)) FROM {index.ids}").fetchall()[0][0])

    def _drop(self, index: Index) -> None:
        with suppress(duckdb.Error, Closed), self._cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {index.rights}")
            cursor.execute(f"DROP TABLE IF EXISTS {index.ids}")


def _figures(table: pa.Table, number: int) -> pa.Table:
    """The columns that are searched and sorted by, and the number of the part. Raises ValueError where a name is none that a run writes: names
    stand in questions as they are."""
    names = [field.name for field in table.schema if field.name not in LEFT_OUT and not pa.types.is_list(field.type)]
    if strange := [name for name in names if not _NAME.fullmatch(name) or name in _OURS]:
        raise ValueError(f"has a column {strange[0]!r}")
    table = table.select(names)
    types = [pa.float64() if pa.types.is_decimal(field.type) else field.type for field in table.schema]
    table = table.cast(pa.schema(list(zip(names, types, strict=True))))
    return table.append_column(PART, pa.array([number] * table.num_rows, pa.int32()))


def _form(kind: pa.DataType) -> Form:
    if pa.types.is_boolean(kind):
        return "flag"
    return "number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else "text"
