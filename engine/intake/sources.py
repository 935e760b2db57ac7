"""What a user names as a portfolio (file, directory, URL, table in memory) → checked files to read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ipvalue.files import file_system, reading
from ipvalue.intake.column_names import Names, check_schema, unknown_columns
from ipvalue.intake.kind import RIGHTS, Kind
from ipvalue.intake.portfolio import Portfolio, SourceFile
from ipvalue.intake.spool import TABLE, spool_csv, spool_table, spool_workbook
from ipvalue.intake.stored import Format, describe_file, digest, place_of, state_of
from ipvalue.intake.workbook import SUFFIXES
from ipvalue.schema import Column, InputError

_FORMATS: dict[str, Format] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "ipc",
    ".feather": "ipc",
    ".ipc": "ipc",
}
_KINDS = "Parquet (.parquet, .pq), Arrow IPC (.arrow, .feather, .ipc), CSV (.csv) or an Excel workbook (.xlsx, .xlsm)"


def open_portfolio(source: str | Path | object, spool: Path, extra: Sequence[Column] = (), kind: Kind = RIGHTS) -> Portfolio:
    """Open and check a portfolio, or a table of another kind of rows.

    `source` is a path or URL (Parquet, Arrow IPC, a directory of either, CSV, Excel) or anything with `__arrow_c_stream__`.
    extra: columns that are read beside the schema's, and must be there.
    CSV, workbooks and tables in memory are copied once into the directory `spool` as Arrow IPC. Raises InputError where a file is
    missing, damaged, empty or not of that kind, and RunError where the copy cannot be written.
    """
    names = Names({**kind.columns, **{column.name: column for column in extra}})
    warnings: list[str] = []
    if isinstance(source, str | Path):
        files = [_open_file(path, display, spool, names, kind) for path, display in _listing(str(source), warnings)]
        name = str(source)
    elif hasattr(source, "__arrow_c_stream__"):
        files = [_open_table(source, spool, names)]
        name = TABLE
    else:
        found = f"an object of type {type(source).__name__}"
        raise InputError(f"{found} is no {kind.file}: give a path, a URL or a table that has __arrow_c_stream__")
    portfolio = Portfolio(tuple(files), (*warnings, *unknown_columns(names)))
    if not portfolio.rows:
        raise InputError(f"{name}: holds no rows")
    return portfolio


def reopen_portfolio(
    recorded: Sequence[Mapping[str, Any]], spool: Path, extra: Sequence[Column] = (), table: object = None, kind: Kind = RIGHTS
) -> Portfolio:
    """The files that a manifest lists (file, path, sha256), under the names they had; `table` where it was one in memory. Raises InputError where
    one is not what it was."""
    names = Names({**kind.columns, **{column.name: column for column in extra}})
    files: list[SourceFile] = []
    for one in recorded:
        if one["path"] is None and table is None:
            raise InputError(f"{one['file']}: cannot be read again, for it was no file: give a {kind.file} that is one")
        files.append(_open_table(table, spool, names) if one["path"] is None else _open_file(one["path"], one["file"], spool, names, kind))
        if files[-1].sha256 != one["sha256"]:
            mend = "value it again" if one["path"] is None else "put that file back in its place"
            raise InputError(f"{one['path'] or one['file']}: is not what it was when it was valued: {mend}")
    return Portfolio(tuple(files), ())


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


def _open_file(path: str, display: str, spool: Path, names: Names, kind: Kind) -> SourceFile:
    fs, inner = file_system(path)
    with reading(display):
        state = state_of(path)
        size = int(fs.size(inner))
        if size == 0:
            raise InputError(f"{display}: is empty (0 bytes)")
    suffix = _suffix(path)
    copied, sheet = suffix in (".csv", *SUFFIXES), None
    if suffix == ".csv":
        opened, fmt = spool_csv(path, display, spool, names), _FORMATS[".arrow"]
    elif suffix in SUFFIXES:
        (opened, sheet), fmt = spool_workbook(path, display, spool, names, kind), _FORMATS[".arrow"]
    elif suffix in _FORMATS:
        # workers of a cluster have other current directories
        opened, fmt = path if "://" in path else place_of(path), _FORMATS[suffix]
    else:
        raise InputError(f"{display}: {suffix or 'a file without a suffix'} is not a known kind of file: give {_KINDS}")
    with reading(display, "Parquet" if fmt == "parquet" else "an Arrow IPC file"):
        schema, group_rows = describe_file(opened, fmt)
        if not copied:
            check_schema(schema, display, names)
        found = SourceFile(display, opened, fmt, tuple(group_rows), size, digest(path), place_of(path), state, sheet)
        if state_of(path) != state:
            raise InputError(f"{display}: changed while it was being opened: start again when it is whole")
        return found


def _open_table(table: Any, spool: Path, names: Names) -> SourceFile:
    copy = spool_table(table, spool, names)
    _, group_rows = describe_file(str(copy), "ipc")
    return SourceFile(TABLE, str(copy), "ipc", tuple(group_rows), copy.stat().st_size, digest(str(copy)))
