"""Synthetic portfolios of any size at published margins, labelled synthetic in the file's metadata.

Row i depends on the seed and on i alone: rows come in blocks of BLOCK, block b from the Philox4x64 stream of the key
(seed, b), one row of random words per column. So a longer portfolio starts with the shorter one, and memory does not
grow with the number of rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

import fsspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ipvalue.ext import kernel
from ipvalue.schema import InputError, RunError, did_you_mean, read_toml

Floats = npt.NDArray[np.float64]

BLOCK = 100_000
MOST_ASSETS = 1_000_000_000
PROFILES = ("cn_trademarks",)
SUFFIXES = (".parquet", ".arrow", ".feather", ".ipc")
LABEL = b"ipvalue.synthetic"

_DATA = Path(__file__).parent / "data"
_LARGEST_SEED = 2**64 - 1


def synthesize(assets: int, out: str | os.PathLike[str], profile: str = "cn_trademarks", seed: int = 1) -> None:
    """Writes `assets` synthetic rights to `out`, a Parquet or uncompressed Arrow IPC file by its suffix.

    A local file appears whole or not at all; one that is there is replaced only if it is synthetic itself.
    Raises InputError for a profile, number, seed or path that cannot be used, RunError where writing fails.
    """
    if not 1 <= assets <= MOST_ASSETS:
        raise InputError(f"assets: {assets} is not between 1 and {MOST_ASSETS:,}")
    if not 0 <= seed <= _LARGEST_SEED:
        raise InputError(f"seed: {seed} is not between 0 and 2^64 - 1")
    if profile not in PROFILES:
        raise InputError(f"profile: there is no {profile!r}{did_you_mean(profile, PROFILES)} (profiles: {', '.join(PROFILES)})")
    suffix = Path(os.fspath(out)).suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(f"{os.fspath(out)}: the name must end in one of {', '.join(SUFFIXES)}")
    margins = _Margins(read_toml(_DATA / f"{profile}.toml"))
    label = {
        LABEL: b"true",
        b"ipvalue.profile": profile.encode(),
        b"ipvalue.seed": str(seed).encode(),
        b"ipvalue.valuation_date": margins.valuation_date.isoformat().encode(),
        b"ipvalue.sources": margins.source.encode(),
    }
    schema = margins.schema.with_metadata(label)
    with _opened(os.fspath(out)) as file, _writer(file, schema, suffix) as write:
        for block, first in enumerate(range(0, assets, BLOCK)):
            rows = margins.block(seed, block)
            write(pa.Table.from_arrays(rows, schema=schema).slice(0, assets - first))


@dataclass(frozen=True)
class _Share:
    """A categorical margin: names and the upper ends of their parts of [0, 1)."""

    names: tuple[str, ...]
    ends: Floats

    @classmethod
    def of(cls, counts: dict[str, int]) -> _Share:
        cumulated = np.cumsum(np.array(list(counts.values()), np.float64))
        return cls(tuple(counts), cumulated / cumulated[-1])

    def draw(self, u: Floats) -> npt.NDArray[np.int32]:
        """u[n] uniform -> positions in names[n]."""
        return np.minimum(np.searchsorted(self.ends, u, side="right"), len(self.names) - 1).astype(np.int32)


class _Margins:
    """What a profile's file says, and the block of rows that follows from it."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.valuation_date: date = table["valuation_date"]
        self.source: str = table["source"]
        self._table = table
        self._years = _Share.of(table["years"])
        self._first_days = np.array([f"{year}-01-01" for year in self._years.names], "datetime64[D]")
        self._sectors = _Share.of(table["sectors"])
        self._draws: dict[str, Callable[[Floats], Floats]] = {name: _law(law) for name, law in table["draws"].items()}
        self._uniforms = 4 + len(self._draws)  # year, day, sector, owner, then the draws in the file's order
        category = pa.dictionary(pa.int8(), pa.string())
        self.schema = pa.schema(
            [
                ("asset_id", pa.string()),
                ("right_type", category),
                ("stage", category),
                ("owner_id", pa.string()),
                ("jurisdiction", category),
                ("sector", category),
                ("currency", category),
                ("filing_date", pa.date32()),
                ("grant_date", pa.date32()),
                ("expiry_date", pa.date32()),
                ("renewal", category),
                *((name, pa.float64()) for name in self._draws),
            ]
        )

    def block(self, seed: int, number: int) -> list[pa.Array]:
        """The BLOCK rows from row number·BLOCK on, as columns in the order of the schema."""
        stream = np.random.Philox(key=np.array([seed, number], np.uint64))
        words = stream.random_raw(self._uniforms * BLOCK).reshape(self._uniforms, BLOCK)
        u = (words >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53  # never 0 and never 1
        grant = self._grant_dates(u[0], u[1])
        first = number * BLOCK
        columns = {
            "asset_id": _numbered(self._table["prefix"], np.arange(first + 1, first + BLOCK + 1)),
            "owner_id": _numbered(self._table["owners"]["prefix"], self._owners(u[3])),
            "sector": _category(self._sectors.draw(u[2]), self._sectors.names),
            "filing_date": pa.array(grant - np.timedelta64(self._table["pendency"], "D")),
            "grant_date": pa.array(grant),
            "expiry_date": pa.array(self._next_renewal(grant)),
            "renewal": _category(np.zeros(BLOCK, np.int32), ("always",)),
        }
        columns |= {name: _category(np.zeros(BLOCK, np.int32), (self._table[name],)) for name in ("right_type", "stage", "jurisdiction", "currency")}
        columns |= {name: pa.array(draw(u[4 + i])) for i, (name, draw) in enumerate(self._draws.items())}
        return [columns[name].cast(kind) for name, kind in zip(self.schema.names, self.schema.types)]

    def _grant_dates(self, u_year: Floats, u_day: Floats) -> npt.NDArray[np.datetime64]:
        first = self._first_days[self._years.draw(u_year)]
        days = (first + np.timedelta64(366, "D")).astype("datetime64[Y]").astype("datetime64[D]") - first
        day: npt.NDArray[np.datetime64] = first + np.floor(u_day * days.astype(np.float64)).astype("timedelta64[D]")
        return day

    def _next_renewal(self, grant: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
        """The first end of a term after the valuation date."""
        month = grant.astype("datetime64[M]")
        day = grant - month.astype("datetime64[D]")
        term = np.timedelta64(12 * self._table["term"], "M")
        end: npt.NDArray[np.datetime64] = (month + term).astype("datetime64[D]") + day
        while (past := end <= np.datetime64(self.valuation_date)).any():
            month = np.where(past, month + term, month)
            end = (month + term).astype("datetime64[D]") + day
        return end

    def _owners(self, u: Floats) -> npt.NDArray[np.int64]:
        """Rank r with a chance in proportion to 1/sqrt(r): the square of a uniform, times their number."""
        number: int = self._table["owners"]["number"]
        return np.floor(u * u * number).astype(np.int64) + np.int64(1)


# ------------------------------------------------------------------------------------------------ laws


def _law(table: dict[str, Any]) -> Callable[[Floats], Floats]:
    """u[n] uniform -> values[n] of the law that a table of [draws] describes."""
    digits = table.get("digits", 15)
    match table["law"]:
        case "constant":
            return lambda u: np.full(u.shape, table["value"], np.float64)
        case "uniform":
            return lambda u: np.round(table["low"] + (table["high"] - table["low"]) * u, digits)
        case "normal":
            return lambda u: np.round(np.clip(table["mean"] + table["sd"] * normal_quantile(u), table["low"], table["high"]), digits)
        case "lognormal":
            return lambda u: np.round(table["median"] * kernel.elementary("exp", table["sigma"] * normal_quantile(u)), digits)
        case other:
            raise ValueError(f"law {other!r}")


def normal_quantile(u: Floats) -> Floats:
    """Φ⁻¹ to 1e-7: Wichura (1988), Algorithm AS 241, PPND7, Applied Statistics 37(3). u in (0, 1)."""
    q = u - 0.5
    near = np.abs(q) <= 0.425
    r = 0.180625 - q * q
    centre = (
        q
        * (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)
        / (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0)
    )
    s = np.sqrt(-kernel.elementary("log", np.minimum(u, 1.0 - u)))
    t = s - 1.6
    tail = (((0.17023821103 * t + 1.3067284816) * t + 2.7568153900) * t + 1.4234372777) / ((0.12021132975 * t + 0.73700164250) * t + 1.0)
    t = s - 5.0
    far = (((0.017337203997 * t + 0.42868294337) * t + 3.0812263860) * t + 6.6579051150) / ((0.012258202635 * t + 0.24197894225) * t + 1.0)
    outside: Floats = np.copysign(np.where(s <= 5.0, tail, far), q)
    return np.where(near, centre, outside)


# ------------------------------------------------------------------------------------------------ columns and files


def _numbered(prefix: str, numbers: npt.NDArray[np.int64]) -> pa.Array:
    """prefix and nine digits or more."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), 9, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def _category(codes: npt.NDArray[np.int32], names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(names, pa.string()))


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
        raise InputError(f"{path}: is there already and is not a synthetic portfolio: choose another name")
