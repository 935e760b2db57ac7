"""Bad files stop with a sentence that names the file, what is wrong with it and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ipvalue.intake import open_portfolio, read, scan
from ipvalue.schema import InputError, RunError

N = 2_000
GOOD = pa.table(
    {
        "asset_id": [f"a{i}" for i in range(N)],
        "right_type": ["design"] * N,
        "revenue": np.random.default_rng(1).random(N),
    }
)


def parquet(path: Path, content: pa.Table = GOOD) -> Path:
    pq.write_table(content, path)
    return path


def ipc(path: Path, content: pa.Table = GOOD) -> Path:
    with pa.ipc.new_file(path, content.schema) as writer:
        writer.write_table(content, 500)
    return path


def csv(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def refused(source: object, tmp_path: Path) -> str:
    """The sentence with which a portfolio is refused."""
    with pytest.raises(InputError) as error:
        open_portfolio(source, tmp_path / "spool")
    return str(error.value)


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "no.parquet"
    assert refused(path, tmp_path) == f"{path}: there is no such file or directory"


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = parquet(tmp_path / "p.parquet")
    monkeypatch.setattr("ipvalue.intake.sources.describe_file", denied)
    assert refused(path, tmp_path) == f"{path}: may not be read: ask for read permission"


@pytest.mark.parametrize("content", [[], ["notes.txt"], [".hidden.parquet"], ["p.csv"]])
def test_a_directory_without_files(tmp_path: Path, content: list[str]) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for name in content:
        (parts / name).write_text("asset_id,right_type\na,design\n")
    assert refused(parts, tmp_path).startswith(f"{parts}: the directory itself holds no Parquet or Arrow IPC file")


@pytest.mark.parametrize("name", ["p.parquet", "p.arrow", "p.csv"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert refused(tmp_path / name, tmp_path) == f"{tmp_path / name}: is empty (0 bytes)"


def test_a_file_without_rows(tmp_path: Path) -> None:
    nothing = GOOD.slice(0, 0)
    for path in (parquet(tmp_path / "p.parquet", nothing), ipc(tmp_path / "p.arrow", nothing)):
        assert refused(path, tmp_path) == f"{path}: holds no rows"


def test_a_csv_file_with_a_header_alone(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "asset_id,right_type\n")
    assert refused(path, tmp_path) == f"{path}: holds no rows"


def test_a_table_without_rows(tmp_path: Path) -> None:
    assert refused(GOOD.slice(0, 0), tmp_path) == "table in memory: holds no rows"


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_parquet_file(tmp_path: Path, share: float) -> None:
    path = cut(parquet(tmp_path / "p.parquet"), share)
    message = refused(path, tmp_path)
    assert message.startswith(f"{path}: cannot be read as Parquet (")
    assert message.endswith("it is damaged, cut short or something else")


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_an_ipc_file_cut_short(tmp_path: Path, share: float) -> None:
    path = cut(ipc(tmp_path / "p.arrow"), share)
    assert refused(path, tmp_path).startswith(f"{path}: cannot be read as an Arrow IPC file (")


def test_the_wrong_suffix(tmp_path: Path) -> None:
    path = ipc(tmp_path / "p.parquet")
    assert refused(path, tmp_path).startswith(f"{path}: cannot be read as Parquet (")


@pytest.mark.parametrize(("name", "kind"), [("p.ods", ".ods is not"), ("p", "a file without a suffix is not")])
def test_an_unknown_kind_of_file(tmp_path: Path, name: str, kind: str) -> None:
    path = parquet(tmp_path / name)
    assert refused(path, tmp_path).startswith(f"{path}: {kind} a known kind of file: give Parquet (.parquet")


def test_an_unknown_protocol_or_object(tmp_path: Path) -> None:
    assert refused("nowhere://p.parquet", tmp_path).startswith("nowhere://p.parquet: cannot be opened (Protocol not known")
    assert refused(5, tmp_path).startswith("an object of type int is no portfolio: give a path, a URL or a table")


def test_one_bad_file_among_good_ones_is_named(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    parquet(parts / "a.parquet")
    cut(parquet(parts / "b.parquet"))
    assert refused(parts, tmp_path).startswith(f"{parts / 'b.parquet'}: cannot be read as Parquet")


def test_each_file_of_a_directory_is_checked_against_the_schema(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    parquet(parts / "a.parquet")
    parquet(parts / "b.parquet", GOOD.drop_columns(["right_type"]))
    assert refused(parts, tmp_path).startswith(f"{parts / 'b.parquet'}: column right_type is missing")


@pytest.mark.parametrize("write", [parquet, ipc])
@pytest.mark.parametrize(
    ("name", "array", "found", "expected"),
    [
        ("revenue", pa.array(["1"] * N), "string", "a number"),
        ("revenue", pa.array(["1"] * N).dictionary_encode(), "dictionary<", "a number"),
        ("revenue", pa.array([True] * N), "bool", "a number"),
        ("revenue", pa.array([[1.0]] * N), "list<", "a number"),
        ("tab_years", pa.array(["1"] * N), "string", "a whole number"),
        ("indefinite", pa.array([1] * N), "int64", "true or false"),
        ("grant_date", pa.array(["2020-01-01"] * N), "string", "a date (YYYY-MM-DD)"),
        ("grant_date", pa.array([20200101] * N), "int64", "a date (YYYY-MM-DD)"),
        ("sector", pa.array([b"x"] * N), "binary", "text"),
        ("stage", pa.array([1] * N), "int64", "text"),
        ("stage_years", pa.array([1.0] * N), "double", "a list of 1 to 100 numbers"),
        ("stage_years", pa.array([["x"]] * N), "list<", "a list of 1 to 100 numbers"),
    ],
)
def test_wrong_types(tmp_path: Path, write: Callable[..., Path], name: str, array: pa.Array, found: str, expected: str) -> None:
    content = GOOD.drop_columns([name] if name in GOOD.column_names else []).append_column(name, array)
    path = write(tmp_path / ("p.parquet" if write is parquet else "p.arrow"), content)
    message = refused(path, tmp_path)
    assert message.startswith(f"{path}: column {name} is of type {found}")
    assert message.endswith(f", but must hold {expected}: cast it and write it again")


def test_wrong_types_in_memory(tmp_path: Path) -> None:
    content = GOOD.drop_columns(["revenue"]).append_column("revenue", pa.array(["1"] * N))
    assert refused(content, tmp_path).startswith("table in memory: column revenue is of type string, but must hold a number")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("asset,right_type", "column asset_id is missing: rename 'asset' if that is it"),
        ("asset id,right_type", "column asset_id is missing: rename 'asset id' if that is it"),
        ("asset_id,right-type", "column right_type is missing: rename 'right-type' if that is it"),
        ("asset_id;right_type", "column asset_id is missing: its first line is set apart by semicolons: write it with commas"),
        ("asset_id\tright_type", "column asset_id is missing: its first line is set apart by tabs: write it with commas"),
        ("a,design", "column asset_id is missing: it has a, design"),
        ("asset_id,right_type,revenue,revenue", "column revenue is there 2 times: keep one"),
    ],
)
def test_a_csv_file_with_a_wrong_header(tmp_path: Path, header: str, message: str) -> None:
    path = csv(tmp_path / "p.csv", f"{header}\n" + ",".join(["x"] * (header.count(",") + 1)) + "\n")
    assert refused(path, tmp_path) == f"{path}: {message}"


def test_a_near_miss_of_a_required_column_in_a_typed_file(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet", GOOD.rename_columns(["assetid", "right_type", "revenue"]))
    assert refused(path, tmp_path) == f"{path}: column asset_id is missing: rename 'assetid' if that is it"


def test_a_csv_line_with_too_few_cells(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "asset_id,right_type\na,design\nb\n")
    message = refused(path, tmp_path)
    assert message.startswith(f"{path}: cannot be read as CSV (")
    assert "Expected 2 columns, got 1: b" in message


def test_a_csv_file_in_another_encoding(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "asset_id,right_type\n商标,trademark\n".encode("gbk"))
    assert "UTF" in refused(path, tmp_path)


def test_a_csv_file_whose_quote_is_never_closed(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", 'asset_id,right_type\n"a,design\nb,design\n')
    assert refused(path, tmp_path).startswith(f"{path}: cannot be read as CSV (")


def test_damage_inside_a_file_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet")
    content = bytearray(path.read_bytes())
    for at in range(100, len(content) // 2, 7):
        content[at] ^= 0xFF
    path.write_bytes(content)
    portfolio = open_portfolio(path, tmp_path)  # the footer is whole
    with pytest.raises(InputError, match=r"p\.parquet: cannot be read as"):
        scan(portfolio)


def test_offsets_that_point_outside_an_ipc_file_are_found(tmp_path: Path) -> None:
    path = ipc(tmp_path / "p.arrow")
    content = bytearray(path.read_bytes())
    offsets = np.arange(3, dtype=np.int32) * 2  # of a0, a1, a2
    at = content.index(offsets.tobytes())
    content[at + 8 : at + 12] = np.int32(2**30).tobytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.arrow: cannot be read as"):
        scan(open_portfolio(path, tmp_path))


def test_a_file_that_goes_away_between_opening_and_reading(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet")
    portfolio = open_portfolio(path, tmp_path)
    duplicates = scan(portfolio).duplicates
    path.unlink()
    with pytest.raises(InputError, match=r"p\.parquet: there is no such file"):
        list(read(portfolio.units(10)[0], duplicates))


def test_a_spool_that_cannot_be_written_is_the_runs_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        open_portfolio(GOOD, tmp_path / "file" / "spool")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_the_runs_fault(tmp_path: Path) -> None:
    (tmp_path / "table.arrow").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"the copy of table in memory cannot be written .*No space left"):
        open_portfolio(GOOD, tmp_path)


def test_a_file_that_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "asset_id\nx\n")
    refused(path, tmp_path)
    assert not (tmp_path / "spool").exists()
