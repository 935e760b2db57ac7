"""`import ipvalue as iv`: the same from Python."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
from commandline import MARKET, ROWS, contents, row_with, table, value

import ipvalue as iv

pytestmark = pytest.mark.usefixtures("here")

MARKET_MAPPING = tomllib.loads(MARKET)


@pytest.fixture
def expected() -> pa.Table:
    """What the command says of the portfolio."""
    assert value("portfolio.parquet", "--group-by", "sector", out="expected").code == 0
    return iv.open_result("expected").assets


def test_a_path_gives_what_the_command_gives(expected: pa.Table) -> None:
    result = iv.value("portfolio.parquet", paths=64, group_by=["sector"], out="mine")
    assert result.assets.equals(expected)
    ours, theirs = contents("mine"), contents("expected")
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {"manifest.json"}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda rows: table(rows), id="pyarrow"),
        pytest.param(lambda rows: table(rows).to_reader(), id="record batches"),
        pytest.param(lambda rows: pandas.DataFrame(rows), id="pandas"),
        pytest.param(lambda rows: pandas.DataFrame(rows).set_index("asset_id"), id="pandas by its index"),
        pytest.param(lambda rows: pandas.DataFrame(rows).astype({"sector": "category", "right_type": "category"}), id="pandas categories"),
        pytest.param(lambda rows: pandas.DataFrame(rows).assign(entry_hazard=np.nan), id="pandas blanks"),
        pytest.param(lambda rows: table(rows).to_pandas(types_mapper=pandas.ArrowDtype), id="pandas on Arrow"),
        pytest.param(lambda rows: polars.DataFrame(rows), id="polars"),
        pytest.param(lambda rows: polars.DataFrame(rows).with_columns(polars.col("sector").cast(polars.Categorical)), id="polars categories"),
        pytest.param(lambda rows: duckdb.from_arrow(table(rows)), id="duckdb"),
        pytest.param(lambda rows: duckdb.from_arrow(table(rows)).project("* replace (revenue::decimal(18, 2) as revenue)"), id="duckdb decimals"),
    ],
)
def test_tables_go_in_as_they_are(make: Any, expected: pa.Table) -> None:
    result = iv.value(make(ROWS), market=MARKET_MAPPING, paths=64)
    assert result.assets.equals(expected)


def test_a_duckdb_query_on_files_goes_in_as_it_is(expected: pa.Table) -> None:
    relation = duckdb.sql("select * from 'portfolio.parquet'")
    assert iv.value(relation, market=MARKET_MAPPING, paths=64).assets.equals(expected)


def test_without_out_the_result_is_in_memory_and_nothing_is_written(tmp_path: Path) -> None:
    before = contents()
    result = iv.value(table(row_with(revenue=-1.0)), market=MARKET_MAPPING, paths=64, group_by=["sector"], keep_paths=True)
    assert contents() == before
    assert result.assets.num_rows == 3
    assert result.groups["sector"].to_pylist() == [None, "pharma", "software"]
    assert result.totals.num_rows == 3 * 64
    assert result.rejects["file"].to_pylist() == ["table in memory"]
    assert result.paths.num_rows == 3
    assert result.manifest["counts"] == {"rows": 4, "valued": 3, "rejected": 1, "tasks": 4}
    assert repr(result).splitlines()[0] == "<ipvalue result: 3 of 4 rights valued, 64 paths, in memory>"
    assert list(tmp_path.glob("ipvalue*")) == []


def test_results_go_on_as_arrow() -> None:
    result = iv.value("portfolio.parquet", paths=64)
    values = result.assets["value"].to_pylist()
    assert hasattr(result.assets, "__arrow_c_stream__")
    assert result.assets.to_pandas()["value"].tolist() == values
    assets = result.assets
    assert duckdb.sql("select value from assets").fetchall() == [(value,) for value in values]
    assert duckdb.from_arrow(assets).aggregate("sum(value)").fetchall() == [(pytest.approx(sum(values)),)]


def test_pandas_and_polars_read_the_memory_of_a_result() -> None:
    result = iv.value("portfolio.parquet", paths=64, rows_per_task=2)
    parts = result.assets["value"].chunks
    assert len(parts) == 2

    def addresses(chunks: Any) -> list[int]:
        return [chunk.buffers()[1].address for chunk in chunks]

    frame = result.assets.to_pandas(types_mapper=pandas.ArrowDtype)
    assert addresses(pa.Table.from_pandas(frame)["value"].chunks) == addresses(parts)
    series = polars.from_arrow(result.assets, rechunk=False)["value"]
    assert addresses(chunk.to_arrow() for chunk in series.get_chunks()) == addresses(parts)


@pytest.mark.parametrize(
    "market", [MARKET_MAPPING, "market.toml", Path("market.toml"), iv.load_market(MARKET_MAPPING)], ids=lambda m: type(m).__name__
)
def test_every_kind_of_market(market: object) -> None:
    assert iv.value(table(), market=market, paths=8).assets.num_rows == 4


def test_numpy_numbers_are_numbers() -> None:
    result = iv.value("portfolio.parquet", paths=np.int64(32), quantiles=np.array([0.1, 0.9]), tail=np.float64(0.1), seed=np.uint64(3))
    assert result.manifest["options"]["quantiles"] == [0.1, 0.9]
    assert set(result.assets["paths"].to_pylist()) == {32}


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    iv.value("portfolio.parquet", paths=64, progress=lambda done, rows: told.append((done, rows)))
    assert told[-1] == (4, 4)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: iv.value("none.parquet", market=MARKET_MAPPING), "none.parquet: there is no such file or directory"),
        (lambda: iv.value([1, 2], market=MARKET_MAPPING), "an object of type list is no portfolio: give a path, a URL or a table"),
        (lambda: iv.value(table()), "no market is given"),
        (lambda: iv.value(table(), market=5), "an object of type int is no market: give the path of a TOML file, a mapping like one, or"),
        (lambda: iv.value(table(), market={**MARKET_MAPPING, "currency": "cny"}), "market: currency is 'cny': it must be three capital letters"),
        (lambda: iv.value("portfolio.parquet", pathz=5), "pathz is not known: did you mean paths?"),
        (lambda: iv.value("portfolio.parquet", paths="many"), "paths is 'many': it must be a whole number"),
        (lambda: iv.value("portfolio.parquet", paths=1.5), "paths is 1.5: it must be a whole number"),
        (lambda: iv.value("portfolio.parquet", paths=True), "paths is true: it must be a whole number"),
        (lambda: iv.value("portfolio.parquet", group_by="sector"), "group_by is 'sector': it must be a list"),
        (lambda: iv.value("portfolio.parquet", quantiles=[2]), "quantiles: 2 is no quantile: give numbers from 0 to 1"),
        (lambda: iv.value("portfolio.parquet", keep_paths="yes"), "keep_paths is 'yes': it must be true or false"),
        (lambda: iv.value("portfolio.parquet", out="portfolio.parquet"), "portfolio.parquet: is a file, not a directory"),
        (lambda: iv.value("portfolio.parquet", assumptions="none.toml"), "none.toml: there is no such file"),
        (lambda: iv.open_result("none"), "none: is no results directory"),
        (lambda: iv.load_market("none.toml"), "none.toml: there is no such file"),
    ],
)
def test_errors_are_sentences(call: Any, sentence: str) -> None:
    before = contents()
    with pytest.raises(iv.InputError) as error:
        call()
    assert str(error.value).startswith(sentence)
    assert contents() == before


def test_check_finds_what_value_rejects() -> None:
    rows = table(row_with(revenue=-1.0))
    outcome = iv.check(rows, market=MARKET_MAPPING)
    assert (outcome.rows, outcome.valued, outcome.rejected) == (4, 3, 1)
    assert outcome.rejects.equals(iv.value(rows, market=MARKET_MAPPING, paths=8).rejects)
