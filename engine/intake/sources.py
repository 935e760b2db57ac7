"""What a user names as a portfolio (file, directory, URL, table in memory) → checked files to read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

from ipvalue.files import file_system, reading
from ipvalue.intake.cells import readable
from ipvalue.intake.stored import BATCH_ROWS, Format, Unit, can_be_read, describe_file, digest, place_of, state_of
from ipvalue.schema import PORTFOLIO, Column, InputError, RunError, did_you_mean, nearest

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "ipc",
    ".feather": "ipc",
    ".ipc": "ipc",
}
_KINDS = "Parquet (.parquet, .pq), Arrow IPC (.arrow, .feather, .ipc) or CSV (.csv)"


@dataclass(frozen=True)
class SourceFile:
    """One file: what the user calls it, what is opened, and the rows of each row group or record batch.

    `bytes` and `sha256` are those of the user's own file (of the spooled copy where the portfolio is a table in
    memory), `location` where that is, from anywhere on this machine (None: in memory), `state` what its file system said of it.
    """

    display: str
    path: str
    format: Format
    group_rows: tuple[int, ...]
    bytes: int
    sha256: str
    location: str | None = None
    state: str | None = None

    def is_there(self) -> bool:
        """Whether the user's file can still be found and read."""
        return self.location is None or can_be_read(self.location)

    def is_as_it_was(self) -> bool:
        """Whether it has the content it had; read again only where its file system says something else of it than before."""
        return self.location is None or state_of(self.location) == self.state or digest(self.location) == self.sha256

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return sum(self.group_rows)

    def units(self, rows_per_task: int) -> Iterator[Unit]:
        """The file in ranges of at most `rows_per_task` rows: small neighbouring groups together, large ones cut."""
        first, row = 0, 0
        while first < len(self.group_rows):
            last, rows = first + 1, self.group_rows[first]
            while last < len(self.group_rows) and rows + self.group_rows[last] <= rows_per_task:
                rows += self.group_rows[last]
                last += 1
            parts = -(-rows // rows_per_task)
            for part in range(parts):
                start, stop = rows * part // parts, rows * (part + 1) // parts
                yield Unit(self.path, self.display, self.format, range(first, last), rows, start, stop - start, row + start)
            first, row = last, row + rows


@dataclass(frozen=True)
class Portfolio:
    """The files of a portfolio, each checked against the schema, and what the user should know about them."""

    files: tuple[SourceFile, ...]
    warnings: tuple[str, ...]

    @property
    def rows(self) -> int:
        """How many rows the files hold together."""
        return sum(file.rows for file in self.files)

    def check(self) -> None:
        """Raises RunError where a file cannot be read any more, and InputError where one is not what it was when it was opened."""
        for file in self.files:
            if not file.is_there():
                raise RunError(f"{file.display}: cannot be found or read any more: put it back as it was")
            if not file.is_as_it_was():
                raise InputError(f"{file.display}: changed while it was being valued, so nothing of the run is kept: start again")

    def units(self, rows_per_task: int) -> list[Unit]:
        """All rows in ranges of at most `rows_per_task`, in the order of the files."""
        return [unit for file in self.files for unit in file.units(rows_per_task)]


def open_portfolio(source: str | Path | object, spool: Path, extra: Sequence[Column] = ()) -> Portfolio:
    """Open and check a portfolio.

    `source` is a path or URL (Parquet, Arrow IPC, a directory of either, CSV) or anything with `__arrow_c_stream__`.
    extra: columns that are read beside the schema's, and must be there.
    CSV and tables in memory are copied once into the directory `spool` as Arrow IPC. Raises InputError where a file is
    missing, damaged, empty or not a portfolio, and RunError where the copy cannot be written.
    """
    names = _Names({**PORTFOLIO, **{column.name: column for column in extra}})
    warnings: list[str] = []
    if isinstance(source, str | Path):
        files = [_open_file(path, display, spool, names) for path, display in _listing(str(source), warnings)]
        name = str(source)
    elif hasattr(source, "__arrow_c_stream__"):
        files = [_open_table(source, spool, names)]
        name = _TABLE
    else:
        found = f"an object of type {type(source).__name__}"
        raise InputError(f"{found} is no portfolio: give a path, a URL or a table that has __arrow_c_stream__")
    portfolio = Portfolio(tuple(files), (*warnings, *map(_unknown_column, names.others.items())))
    if not portfolio.rows:
        raise InputError(f"{name}: holds no rows")
    return portfolio


def reopen_portfolio(recorded: Sequence[Mapping[str, Any]], spool: Path, extra: Sequence[Column] = ()) -> Portfolio:
    """The files that a manifest lists (file, path, sha256), under the names they had. Raises InputError where one is not what it was."""
    names = _Names({**PORTFOLIO, **{column.name: column for column in extra}})
    files: list[SourceFile] = []
    for one in recorded:
        if one["path"] is None:
            raise InputError(f"{one['file']}: cannot be read again, for it was no file: value a portfolio that is one")
        files.append(_open_file(one["path"], one["file"], spool, names))
        if files[-1].sha256 != one["sha256"]:
            raise InputError(f"{one['path']}: is not what it was when it was valued: put that file back in its place")
    return Portfolio(tuple(files), ())


_TABLE = "table in memory"


@dataclass
class _Names:
    """The columns to be read, and the names of others with the files that have them."""

    known: dict[str, Column]
    others: dict[str, list[str]] = field(default_factory=dict)


def _listing(source: str, warnings: list[str]) -> list[tuple[str, str]]:
    """Path and display name of each file: the one named, or those of a directory, sorted by name."""
    fs, inner = file_system(source)
    with reading(source):
        entry = fs.info(inner)
        if entry["type"] != "directory":
            return [(source, source)]
        names = sorted(PurePosixPath(path).name for path in fs.ls(inner, detail=False))
    known = [name for name in names if _is_part(name)]
    others = [name for name in names if not _is_part(name)]
    kinds = ", ".join(sorted(_FORMATS))
    if not known:
        raise InputError(f"{source}: the directory itself holds no Parquet or Arrow IPC file ({kinds})")
    if others:
        warnings.append(f"{source}: {_some(others)} not read: only {kinds} files are, and none in subdirectories")
    paths = [f"{source.rstrip('/')}/{name}" for name in known]
    return list(zip(paths, paths, strict=True))


def _is_part(name: str) -> bool:
    return not name.startswith((".", "_")) and _suffix(name) in _FORMATS


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _open_file(path: str, display: str, spool: Path, names: _Names) -> SourceFile:
    fs, inner = file_system(path)
    with reading(display):
        state = state_of(path)
        size = int(fs.size(inner))
        if size == 0:
            raise InputError(f"{display}: is empty (0 bytes)")
    suffix = _suffix(path)
    if suffix == ".csv":
        opened, fmt = _spool_csv(path, display, spool, names), _FORMATS[".arrow"]
    elif suffix in _FORMATS:
        # workers of a cluster have other current directories
        opened, fmt = path if "://" in path else place_of(path), _FORMATS[suffix]
    else:
        raise InputError(f"{display}: {suffix or 'a file without a suffix'} is not a known kind of file: give {_KINDS}")
    with reading(display, "Parquet" if fmt == "parquet" else "an Arrow IPC file"):
        schema, group_rows = describe_file(opened, fmt)
        if suffix != ".csv":
            _check_schema(schema, display, names)
        found = SourceFile(display, opened, fmt, tuple(group_rows), size, digest(path), place_of(path), state)
        if state_of(path) != state:
            raise InputError(f"{display}: changed while it was being opened: start again when it is whole")
        return found


def _open_table(table: Any, spool: Path, names: _Names) -> SourceFile:
    with reading(_TABLE, "an Arrow stream"):
        reader = pa.RecordBatchReader.from_stream(table)
        _check_schema(reader.schema, _TABLE, names)
    copy = spool / "table.arrow"
    _write(copy, _decoded(reader, names), _TABLE)
    _, group_rows = describe_file(str(copy), "ipc")
    return SourceFile(_TABLE, str(copy), "ipc", tuple(group_rows), copy.stat().st_size, digest(str(copy)))


def _decoded(reader: pa.RecordBatchReader, names: _Names) -> Iterator[pa.RecordBatch]:
    """The known columns, dictionaries decoded: their codes may differ by batch, which an IPC file cannot hold."""
    with reading(_TABLE, "an Arrow stream"):
        for batch in reader:
            known = batch.select([name for name in batch.schema.names if name in names.known])
            arrays = [one.dictionary_decode() if isinstance(one, pa.DictionaryArray) else one for one in known.columns]
            yield pa.RecordBatch.from_arrays(arrays, known.schema.names)


def _spool_csv(path: str, display: str, spool: Path, names: _Names) -> str:
    """Copy a CSV file's known columns to Arrow IPC as text: cells are cast later, so one bad cell rejects one row."""
    fs, inner = file_system(path)
    with reading(display, "CSV"), fs.open(inner, "rb") as file:
        found = pacsv.open_csv(file, parse_options=_CSV).schema.names
        _check_names(found, display, names)
    copy = spool / "csv.arrow"
    _write(copy, _csv_batches(fs, inner, found, display, names), display)
    return str(copy)


_CSV = pacsv.ParseOptions(newlines_in_values=True)


def _csv_batches(fs: Any, inner: str, found: list[str], display: str, names: _Names) -> Iterator[pa.RecordBatch]:
    as_text = pacsv.ConvertOptions(
        column_types=dict.fromkeys(found, pa.string()),
        include_columns=[name for name in found if name in names.known],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=[""],
    )
    with reading(display, "CSV"), fs.open(inner, "rb") as file:
        yield from pacsv.open_csv(file, parse_options=_CSV, convert_options=as_text)


def _write(path: Path, batches: Iterator[pa.RecordBatch], display: str) -> None:
    """Copy batches to an uncompressed IPC file, in pieces of at most BATCH_ROWS."""
    first = next(batches, None)
    if first is None:
        raise InputError(f"{display}: holds no rows")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file, pa.ipc.new_file(file, first.schema) as writer:
            for batch in chain([first], batches):
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    writer.write_batch(batch.slice(start, BATCH_ROWS))
    except OSError as error:
        raise RunError(f"{path}: the copy of {display} cannot be written ({error}): make room or go elsewhere") from None


def _check_schema(schema: pa.Schema, display: str, names: _Names) -> None:
    """Raise InputError where a typed file lacks a column or holds one of a type that cannot be cast."""
    _check_names(schema.names, display, names)
    for one in schema:
        column = names.known.get(one.name)
        if column is not None and not readable(column, one.type):
            found = f"column {one.name} is of type {one.type}"
            raise InputError(f"{display}: {found}, but must hold {column.noun}: cast it and write it again")


def _check_names(found: list[str], display: str, names: _Names) -> None:
    """Raise InputError where a required column is missing or a column is there twice; collect the unknown ones."""
    others = [name for name in found if name not in names.known]
    for name in (column.name for column in names.known.values() if column.required):
        if name not in found:
            near = nearest(name, others)
            mend = f"rename {near!r} if that is it" if near else f"it has {', '.join(found[:12]) or 'none'}"
            if len(found) == 1 and (apart := _separator(found[0])):
                mend = f"its first line is set apart by {apart}: write it with commas"
            raise InputError(f"{display}: column {name} is missing: {mend}")
    for name in names.known:
        if found.count(name) > 1:
            raise InputError(f"{display}: column {name} is there {found.count(name)} times: keep one")
    for name in others:
        names.others.setdefault(name, []).append(display)


def _separator(line: str) -> str | None:
    """What sets the names of a line apart, where it is no comma."""
    return next(
        (said for sign, said in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")) if "asset_id" in line.split(sign) and sign in line), None
    )


def _unknown_column(found: tuple[str, list[str]]) -> str:
    name, displays = found
    more = f" (and {len(displays) - 1} more files)" if len(displays) > 1 else ""
    return f"{displays[0]}{more}: column {name!r} is not known and not read{did_you_mean(name, PORTFOLIO)}"
