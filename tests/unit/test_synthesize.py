"""Synthetic portfolios: at their margins, the same for the same seed, and never to be taken for real ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import synthetic
from scipy.stats import norm
from synthetic import assert_every_column_is_in_its_range, assert_within_sampling_error, shares

from ipvalue.market import load_market
from ipvalue.schema import InputError, RunError
from ipvalue.synthesize import BLOCK, PROFILES, normal_quantile, synthesize

ROOT = Path(__file__).parents[2]
N = 150_000


@pytest.fixture(scope="module")
def margins() -> dict[str, Any]:
    return synthetic.margins("cn_trademarks")


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "marks.parquet"
    synthesize(N, out, seed=7)
    return out


@pytest.fixture(scope="module")
def table(marks: Path) -> pa.Table:
    return pq.read_table(marks)


def test_sectors_and_years_follow_the_published_margins(table: pa.Table, margins: dict[str, Any]) -> None:
    assert_within_sampling_error(shares(table["sector"].cast(pa.string())), margins["sectors"])
    years = {int(year): count for year, count in margins["years"].items()}
    assert_within_sampling_error(shares(pc.year(table["grant_date"])), years)


def test_years_add_up_to_the_register_in_force(margins: dict[str, Any]) -> None:
    assert sum(margins["years"].values()) == 30_173


def test_revenue_is_log_normal(table: pa.Table, margins: dict[str, Any]) -> None:
    law = margins["draws"]["revenue"]
    logs = np.log(table["revenue"].to_numpy())
    assert logs.mean() == pytest.approx(math.log(law["median"]), abs=5 * law["sigma"] / math.sqrt(N))
    assert logs.std() == pytest.approx(law["sigma"], rel=5 / math.sqrt(2 * N))


def test_uniform_columns_fill_their_range(table: pa.Table, margins: dict[str, Any]) -> None:
    for name, law in margins["draws"].items():
        values = table[name].to_numpy()
        if law["law"] == "uniform":
            width = law["high"] - law["low"]
            assert law["low"] <= values.min() < law["low"] + 0.01 * width, name
            assert law["high"] - 0.01 * width < values.max() <= law["high"], name
            assert values.mean() == pytest.approx((law["low"] + law["high"]) / 2, abs=5 * width / math.sqrt(12 * N)), name
        if law["law"] == "constant":
            assert (values == law["value"]).all(), name


def test_columns_are_independent(table: pa.Table) -> None:
    names = ["growth", "volatility", "factor_loading", "royalty_rate", "discount_premium", "hazard"]
    correlation = np.corrcoef([table[n].to_numpy() for n in names]) - np.eye(len(names))
    assert np.abs(correlation).max() < 5 / math.sqrt(N)


def test_few_owners_have_many_marks_and_most_have_one(table: pa.Table) -> None:
    counts = sorted(shares(table["owner_id"]).values(), reverse=True)
    assert counts[0] == pytest.approx(N / math.sqrt(10_000_000), rel=0.6)
    assert counts[len(counts) // 2] == 1


def test_dates_are_those_of_marks_in_force(table: pa.Table, margins: dict[str, Any]) -> None:
    valuation = margins["valuation_date"]
    assert pc.max(table["grant_date"]).as_py() <= valuation
    assert pc.min(table["expiry_date"]).as_py() > valuation
    assert pc.max(table["expiry_date"]).as_py() <= date(valuation.year + margins["term"], 12, 31)
    assert pc.all(pc.less(table["filing_date"], table["grant_date"])).as_py()
    one = table.select(["grant_date", "expiry_date"]).slice(0, 2_000).to_pylist()
    for row in one:
        years = row["expiry_date"].year - row["grant_date"].year
        assert years in (10, 20)
        leap_day = (row["grant_date"].month, row["grant_date"].day) == (2, 29)
        assert leap_day or (row["expiry_date"].month, row["expiry_date"].day) == (
            row["grant_date"].month,
            row["grant_date"].day,
        )


def test_every_column_is_one_of_the_schema_and_in_its_range(table: pa.Table) -> None:
    assert_every_column_is_in_its_range(table)
    assert all(table[name].null_count == 0 for name in table.schema.names)


def test_the_market_of_the_examples_knows_every_sector(margins: dict[str, Any]) -> None:
    market = load_market(ROOT / "examples" / "cn_trademarks" / "market.toml")
    assert set(margins["sectors"]) == set(market.factors.names)
    assert market.valuation_date == margins["valuation_date"]


def test_the_file_says_that_it_is_synthetic(marks: Path, margins: dict[str, Any]) -> None:
    metadata = pq.read_schema(marks).metadata
    assert metadata[b"ipvalue.synthetic"] == b"true"
    assert metadata[b"ipvalue.profile"] == b"cn_trademarks"
    assert metadata[b"ipvalue.seed"] == b"7"
    assert metadata[b"ipvalue.sources"].decode() == margins["source"]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(marks: Path, tmp_path: Path) -> None:
    synthesize(N, tmp_path / "again.parquet", seed=7)
    assert (tmp_path / "again.parquet").read_bytes() == marks.read_bytes()
    synthesize(1_000, tmp_path / "other.parquet", seed=8)
    other = pq.read_table(tmp_path / "other.parquet")
    assert not other["revenue"].equals(pq.read_table(marks)["revenue"].slice(0, 1_000))


@pytest.mark.parametrize("rows", [1, 999, BLOCK, BLOCK + 1])
def test_a_longer_portfolio_starts_with_the_shorter_one(table: pa.Table, tmp_path: Path, rows: int) -> None:
    out = tmp_path / "short.parquet"
    synthesize(rows, out, seed=7)
    assert pq.read_table(out).equals(table.slice(0, rows))


def test_row_groups_hold_a_block_each(marks: Path) -> None:
    metadata = pq.read_metadata(marks)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [BLOCK, N - BLOCK]


def test_arrow_files_hold_the_same_rows_uncompressed(table: pa.Table, tmp_path: Path) -> None:
    out = tmp_path / "marks.arrow"
    synthesize(BLOCK + 10, out, seed=7)
    with pa.memory_map(str(out)) as source:
        before = pa.total_allocated_bytes()
        read = pa.ipc.open_file(source).read_all()
        assert pa.total_allocated_bytes() - before < 1_000_000
        assert read.equals(table.slice(0, BLOCK + 10))
        assert read.schema.metadata[b"ipvalue.synthetic"] == b"true"


def test_a_url_can_be_written_to() -> None:
    fsspec = pytest.importorskip("fsspec")
    synthesize(10, "memory://synthetic/marks.parquet")
    with fsspec.open("memory://synthetic/marks.parquet", "rb") as file:
        assert pq.read_table(file).num_rows == 10


def test_normal_quantile_is_right_to_1e_6() -> None:
    u = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 2_001), [2.0**-53, 1e-12, 1 - 2.0**-53]])
    assert normal_quantile(u) == pytest.approx(norm.ppf(u), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"assets": 0}, "assets: 0 is not between 1 and"),
        ({"assets": 10**12}, "assets"),
        ({"seed": -1}, "seed: -1 is not between 0"),
        ({"seed": 2**64}, "seed"),
        ({"profile": "cn_trademark"}, "did you mean cn_trademarks"),
        ({"out": "marks.csv"}, "must end in one of"),
        ({"out": "no/such/place/marks.parquet"}, "there is no directory"),
        ({"out": "nonsense://marks.parquet"}, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        synthesize(**({"assets": 5, "out": "marks.parquet"} | arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", [pq.write_table, pyarrow.feather.write_feather])
def test_a_real_portfolio_is_never_overwritten(tmp_path: Path, write: Callable[[pa.Table, str], None]) -> None:
    out = tmp_path / ("real.parquet" if write is pq.write_table else "real.feather")
    write(pa.table({"asset_id": ["mine"]}), str(out))
    before = out.read_bytes()
    with pytest.raises(InputError, match="not a synthetic portfolio"):
        synthesize(5, out)
    assert out.read_bytes() == before


def test_a_synthetic_one_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "marks.parquet"
    synthesize(5, out)
    synthesize(7, out)
    assert pq.read_metadata(out).num_rows == 7
    assert list(tmp_path.iterdir()) == [out]


def test_without_a_number_the_profile_says_how_many_rights(tmp_path: Path) -> None:
    assert synthesize(None, tmp_path / "book.arrow", "exchange") == synthetic.margins("exchange")["assets"] == 100_000
    assert all(synthetic.margins(profile)["assets"] == 1_000_000 for profile in PROFILES if profile != "exchange")


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(RunError, match="No space left on device"):
        synthesize(5, tmp_path / "marks.parquet")
    assert list(tmp_path.iterdir()) == []
