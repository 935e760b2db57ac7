"""A run since an earlier result gives what a run of everything gives, file by file and byte by byte, whatever changed in between."""

from __future__ import annotations

import copy
import json
import math
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import contents
from hypothesis import given
from hypothesis import strategies as st

import ipvalue as iv
from ipvalue import carry, since
from ipvalue.schema import RIGHT_TYPES
from ipvalue.task import write_assets

ROWS = 240
OPTIONS: dict[str, Any] = {"paths": 96, "group_by": ("sector", "currency"), "rows_per_task": 50, "workers": 2}


class Edition:
    """A portfolio, its market and its assumptions on one day."""

    def __init__(self, folder: Path, name: str, rows: list[dict[str, Any]], market: dict[str, Any], assumptions: str, files: int = 1) -> None:
        self.folder, self.market = folder / name, market
        self.folder.mkdir(parents=True)
        self.portfolio, self.book = self.folder / "rights", self.folder / "assumptions.toml"
        self.portfolio.mkdir()
        self.book.write_text(assumptions)
        table = portfolios.table_of(rows)
        for i in range(files):
            start, stop = len(rows) * i // files, len(rows) * (i + 1) // files
            pq.write_table(table.slice(start, stop - start), self.portfolio / f"{i}.parquet")

    def value(self, out: Path, **more: Any) -> dict[str, bytes]:
        """Every file of the result but the manifest."""
        iv.value(self.portfolio, market=self.market, assumptions=self.book, out=out, **{**OPTIONS, **more})
        return {name: content for name, content in contents(out).items() if name != "manifest.json"}


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "manifest.json").read_text())
    return found


def rows_of(n: int = ROWS, seed: int = 5) -> list[dict[str, Any]]:
    """Rights by every method and by several, some of which are set aside, and some of which are doubtful."""
    rows: list[dict[str, Any]] = portfolios.methods_and_several(n, n // 6, seed).to_pylist()
    for row in rows[3::17]:
        row["revenue"] = -1.0
    for row in rows[5::6]:
        row |= {"hazard": 0.2, "discount_premium": 0.15}
    return rows


def same_as_everything(old: Edition, new: Edition, folder: Path, **more: Any) -> int:
    """Compares a run since `old` with a run of everything; gives how many rows were taken over."""
    old.value(folder / "old", **more)
    whole = new.value(folder / "whole", **more)
    since = new.value(folder / "since", since=folder / "old", **more)
    assert since.keys() == whole.keys()
    assert [name for name in whole if since[name] != whole[name]] == []
    one, two = manifest(folder / "whole"), manifest(folder / "since")
    for name in ("fingerprint", "warnings", "doubts", "counts", "files"):
        assert two[name] == one[name], name
    carried: int = two["since"]["carried"]
    return carried


# ------------------------------------------------------------------------------------------------ edits of rows

Rows = list[dict[str, Any]]


def revise(rows: Rows, draw: random.Random) -> Rows:
    """Other numbers in some rows."""
    for row in draw.sample(rows, len(rows) // 20):
        column = draw.choice(["revenue", "volatility", "discount_premium", "life", "royalty_rate", "tax_rate"])
        row[column] = None if column == "life" and draw.random() < 0.5 else 0.75 * (row[column] or 0.25)
    return rows


def regroup(rows: Rows, draw: random.Random) -> Rows:
    """Other sectors and currencies, blank ones among them; a whole group may empty."""
    for row in rows:
        if row["sector"] == "machinery" or draw.random() < 0.03:
            row["sector"] = draw.choice(["software", None])
    return rows


def remove(rows: Rows, draw: random.Random) -> Rows:
    gone = {draw.randrange(len(rows)) for _ in range(len(rows) // 15)}
    return [row for place, row in enumerate(rows) if place not in gone]


def add(rows: Rows, draw: random.Random) -> Rows:
    for i in range(len(rows) // 15):
        rows.insert(draw.randrange(len(rows)), {**draw.choice(rows), "asset_id": f"added {i}"})
    return rows


def shuffle(rows: Rows, draw: random.Random) -> Rows:
    draw.shuffle(rows)
    return rows


def repeat(rows: Rows, draw: random.Random) -> Rows:
    """Rows that stand there twice, the same or with another number: neither is valued."""
    for row in draw.sample(rows, 3):
        rows.append(dict(row))
    for row in draw.sample(rows, 3):
        rows.insert(draw.randrange(len(rows)), {**row, "volatility": 0.11})
    return rows


def spoil(rows: Rows, draw: random.Random) -> Rows:
    """Rows that cannot be valued any more, and rows that can be again."""
    for row in draw.sample(rows, 5):
        row["revenue"] = -2.0
    for row in draw.sample(rows, 5):
        row["right_type"] = None
    for row in [row for row in rows if row["revenue"] == -1.0][:4]:
        row["revenue"] = 1e6
    return rows


def flip_signs(rows: Rows, _: random.Random) -> Rows:
    """Zeros that are below zero: equal numbers, other bits."""
    for row in rows[::9]:
        row["growth"] = -0.0 if row["growth"] == 0.0 else row["growth"]
    return rows


def blank(rows: Rows, _: random.Random) -> Rows:
    """Cells that are blank now, given now, or no numbers."""
    for place, row in enumerate(rows[::8]):
        row["tax_rate"] = (None if row["tax_rate"] is not None else 0.2, math.nan)[place % 4 == 3]
    return rows


EDITS: dict[str, Callable[[Rows, random.Random], Rows]] = {
    edit.__name__: edit for edit in (revise, regroup, remove, add, shuffle, repeat, spoil, flip_signs, blank)
}

# ------------------------------------------------------------------------------------------------ edits of the file


def as_categories(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in ("sector", "right_type"):
            table = table.set_column(place, field.name, table[field.name].dictionary_encode())
    return table


FILES: dict[str, Callable[[pa.Table], pa.Table]] = {
    "texts as categories": as_categories,
    "columns in another order": lambda table: table.select(table.column_names[::-1]),
    "a column that nothing follows from": lambda table: table.append_column("remark", pa.array(["none"] * len(table))),
}

# ------------------------------------------------------------------------------------------------ edits of the market and the assumptions

MARKETS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an exchange rate": lambda market: market["fx"].update(USD=7.2),
    "a curve": lambda market: market["curves"]["EUR"].update(rates=[0.03]),
    "the day": lambda market: market.update(valuation_date=portfolios.VALUATION_DATE.replace(day=28)),
    "a correlation": lambda market: market["factors"].update(correlation=[[1.0, 0.4, -0.2], [0.4, 1.0, 0.55], [-0.2, 0.55, 1.0]]),
    "another factor": lambda market: market.update(
        factors={
            "names": ["aerospace", *portfolios.SECTORS],
            "correlation": [[1.0, 0.0, 0.0, 0.0], *([0.0, *row] for row in market["factors"]["correlation"])],
        }
    ),
    "a currency's name": lambda market: market["curves"].update(AUD={"tenors": [1.0], "rates": [0.04]}),
    "the steps": lambda market: market.update(steps_per_year=2),
}
BOOKS: dict[str, Callable[[str], str]] = {
    "a rate": lambda text: text.replace("tax_rate = 0.15", "tax_rate = 0.16"),
    "a fee": lambda text: text.replace("amounts = [500]", "amounts = [600]"),
    "a curve of survival": lambda text: text.replace("0.84", "0.85"),
    "a schedule that no row has": lambda text: (
        text + '\n[fee_schedules."AU/annuity"]\ncurrency = "CNY"\nanchor = "filing"\ndue = [1]\namounts = [1]\n'
    ),
    "the set's name": lambda text: text.replace("trademark//pharma", "trademark//software"),
}


@pytest.mark.parametrize("name", EDITS)
def test_other_rows(name: str, tmp_path: Path) -> None:
    old = Edition(tmp_path, "before", rows_of(), portfolios.MARKET, portfolios.ASSUMPTIONS)
    new = Edition(tmp_path, "after", EDITS[name](rows_of(), random.Random(3)), portfolios.MARKET, portfolios.ASSUMPTIONS)
    assert same_as_everything(old, new, tmp_path) > ROWS // 2


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("of_both", [False, True])
def test_other_rows_in_a_file_of_another_form(name: str, of_both: bool, tmp_path: Path) -> None:
    old = Edition(tmp_path, "before", rows_of(), portfolios.MARKET, portfolios.ASSUMPTIONS)
    new = Edition(tmp_path, "after", revise(rows_of(), random.Random(3)), portfolios.MARKET, portfolios.ASSUMPTIONS)
    for edition in (old, new)[not of_both :]:
        path = edition.portfolio / "0.parquet"
        pq.write_table(FILES[name](pq.ParquetFile(path).read()), path, row_group_size=100 if of_both else None)
    assert same_as_everything(old, new, tmp_path) > ROWS // 2


@pytest.mark.parametrize("name", [*MARKETS, *BOOKS])
def test_another_market_or_other_assumptions(name: str, tmp_path: Path) -> None:
    market, book = copy.deepcopy(portfolios.MARKET), portfolios.ASSUMPTIONS
    if name in MARKETS:
        MARKETS[name](market)
    else:
        book = BOOKS[name](book)
    rows = rows_of()
    old = Edition(tmp_path, "before", rows, portfolios.MARKET, portfolios.ASSUMPTIONS)
    carried = same_as_everything(old, Edition(tmp_path, "after", rows, market, book), tmp_path)
    valued = manifest(tmp_path / "whole")["counts"]["valued"]
    if name in ("another factor", "a currency's name", "a schedule that no row has"):
        assert carried == valued
    elif name == "the steps":  # of too few rows the results are the same to take them over
        assert carried == 0
    else:
        assert valued // 3 < carried < valued


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow
def test_anything_at_once(seed: int, tmp_path: Path) -> None:
    """Random edits of rows, files, market and assumptions, three editions one after the other, each since the one before."""
    draw = random.Random(seed)
    rows, market, book = rows_of(seed=seed), copy.deepcopy(portfolios.MARKET), portfolios.ASSUMPTIONS
    more: dict[str, Any] = draw.choice([{}, {"sampler": "sobol"}, {"tolerance": 0.05, "max_paths": 384}, {"precision": "double"}])
    before = Edition(tmp_path, "0", copy.deepcopy(rows), copy.deepcopy(market), book, draw.choice([1, 3]))
    before.value(tmp_path / "out 0", **more)
    for i in (1, 2, 3):
        for edit in draw.sample(list(EDITS.values()), draw.randrange(3)):
            rows = edit(rows, draw)
        if draw.random() < 0.4:
            draw.choice(list(MARKETS.values())[:4])(market)
        if draw.random() < 0.3:
            book = draw.choice(list(BOOKS.values())[:3])(book)
        now = Edition(tmp_path, str(i), copy.deepcopy(rows), copy.deepcopy(market), book, draw.choice([1, 2, 3]))
        whole = now.value(tmp_path / f"whole {i}", **more)
        since = now.value(tmp_path / f"out {i}", since=tmp_path / f"out {i - 1}", **more)
        assert [name for name in whole if since[name] != whole[name]] == [], (seed, i)
        one, two = manifest(tmp_path / f"whole {i}"), manifest(tmp_path / f"out {i}")
        assert [two[name] == one[name] for name in ("warnings", "doubts", "counts", "files")] == [True] * 4


POOL = 24
IN_AN_EDITION: dict[str, Callable[[dict[str, Any]], Rows]] = {
    "as it is": lambda row: [row],
    "changed": lambda row: [{**row, "volatility": 0.123}],
    "in another group": lambda row: [{**row, "sector": None}],
    "spoiled": lambda row: [{**row, "right_type": "none"}],
    "twice": lambda row: [row, row],
    "absent": lambda row: [],
}
STATES = st.sampled_from(["as it is"] * 3 + list(IN_AN_EDITION))


@given(
    states=st.lists(st.tuples(STATES, STATES, STATES), min_size=POOL, max_size=POOL),
    orders=st.tuples(*[st.one_of(st.none(), st.integers(0, 99))] * 3),
    together=st.sampled_from([0, since.FRESH_TOGETHER]),
)
@pytest.mark.slow
def test_a_chain_of_runs(states: list[tuple[str, ...]], orders: tuple[int | None, ...], together: int) -> None:
    """Each since the one before; rows leave and come back, are spoiled and mended, change and change back, however many of them do."""
    pool = portfolios.methods_and_several(POOL, 4, 5).to_pylist()
    always = {**pool[0], "asset_id": "always"}
    more: dict[str, Any] = {"paths": 20, "rows_per_task": 7, "workers": 1}
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patched:
        patched.setattr(since, "_pays", lambda *_: True)
        patched.setattr(since, "FRESH_TOGETHER", together)
        folder, before = Path(place), None
        for i, order in enumerate(orders):
            rows = [copy for row, mine in zip(pool, states, strict=False) for copy in IN_AN_EDITION[mine[i]](row)] + [always]
            if order is not None:
                shuffle(rows, random.Random(order))
            edition = Edition(folder, str(i), rows, portfolios.MARKET, portfolios.ASSUMPTIONS, files=1 + i % 2)
            found = edition.value(folder / f"out {i}", since=before, **more)
            before = folder / f"out {i}"
        assert found == edition.value(folder / "whole", **more)
        for name in ("counts", "doubts", "warnings", "files"):
            assert manifest(before)[name] == manifest(folder / "whole")[name]


@pytest.mark.parametrize("more", [{"sampler": "sobol"}, {"tolerance": 0.05, "max_paths": 384}, {"premise": "forced", "group_by": ()}])
def test_other_ways_to_value(more: dict[str, Any], tmp_path: Path) -> None:
    premises = "".join(f"[premise.forced.{name}]\ndiscount = 0.3\ntime_to_sell = 0.5\n" for name in RIGHT_TYPES)
    book = portfolios.ASSUMPTIONS + premises * ("premise" in more)
    old = Edition(tmp_path, "before", rows_of(), portfolios.MARKET, book)
    new = Edition(tmp_path, "after", add(revise(remove(rows_of(), random.Random(1)), random.Random(1)), random.Random(2)), portfolios.MARKET, book)
    assert same_as_everything(old, new, tmp_path, **more) > ROWS // 2


@pytest.mark.slow
def test_processes_give_the_same(tmp_path: Path) -> None:
    old = Edition(tmp_path, "before", rows_of(), portfolios.MARKET, portfolios.ASSUMPTIONS)
    market = copy.deepcopy(portfolios.MARKET)
    MARKETS["an exchange rate"](market)
    new = Edition(tmp_path, "after", shuffle(revise(rows_of(), random.Random(1)), random.Random(1)), market, portfolios.ASSUMPTIONS)
    old.value(tmp_path / "old")
    whole = new.value(tmp_path / "whole")
    assert new.value(tmp_path / "since", since=tmp_path / "old", scheduler="processes") == whole


@pytest.mark.parametrize("name", ["an exchange rate", None])
def test_a_cluster_gives_the_same(name: str | None, tmp_path: Path, cluster: str) -> None:
    """Rows are compared there too where the market is another, and what is taken out of the sums is."""
    old = Edition(tmp_path, "before", rows_of(), portfolios.MARKET, portfolios.ASSUMPTIONS, files=2)
    market = copy.deepcopy(portfolios.MARKET)
    if name:
        MARKETS[name](market)
    draw = random.Random(1)
    new = Edition(tmp_path, "after", shuffle(add(remove(spoil(rows_of(), draw), draw), draw), draw), market, portfolios.ASSUMPTIONS, files=2)
    old.value(tmp_path / "old", scheduler=cluster)
    whole = new.value(tmp_path / "whole")
    assert new.value(tmp_path / "since", since=tmp_path / "old", scheduler=cluster) == whole
    assert manifest(tmp_path / "since")["since"]["carried"] > ROWS // 3


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    """The same rows from CSV: text that reads as the numbers that they were."""
    rows = [{key: cell for key, cell in row.items() if not isinstance(cell, list)} for row in portfolios.random_methods(80, 3).to_pylist()]
    rows = [row for row in rows if row["method"] != "project"]
    old = Edition(tmp_path, "before", rows, portfolios.MARKET, portfolios.ASSUMPTIONS)
    new = Edition(tmp_path, "after", rows, portfolios.MARKET, portfolios.ASSUMPTIONS)
    table = pq.read_table(new.portfolio)
    new.portfolio = new.folder / "rights.csv"
    kept = [name for name in table.column_names if not pa.types.is_list(table.schema.field(name).type)]
    cells = {name: ["" if cell is None else str(cell) for cell in table[name].to_pylist()] for name in kept}
    lines = [",".join(kept), *(",".join(one) for one in zip(*cells.values(), strict=True))]
    new.portfolio.write_text("\n".join(lines) + "\n")
    assert same_as_everything(old, new, tmp_path) == len(rows)


def test_parts_that_did_not_change_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of()
    old = Edition(tmp_path, "before", rows, portfolios.MARKET, portfolios.ASSUMPTIONS)
    changed = copy.deepcopy(rows)
    changed[60]["volatility"] = 0.123
    new = Edition(tmp_path, "after", changed, portfolios.MARKET, portfolios.ASSUMPTIONS)
    written: list[int] = []
    monkeypatch.setattr(carry, "write_assets", lambda run, number, table: written.append(number) or write_assets(run, number, table))
    same_as_everything(old, new, tmp_path)
    assert written == [1]


def test_exact_sums_stand_with_the_totals(tmp_path: Path) -> None:
    """The metadata of totals.arrow: what each batch sums up, in units of 10⁻⁶."""
    Edition(tmp_path, "one", rows_of(), portfolios.MARKET, portfolios.ASSUMPTIONS).value(tmp_path / "out")
    result = iv.open_result(tmp_path / "out")
    with pa.ipc.open_file(tmp_path / "out" / "totals.arrow") as file:
        groups = json.loads(file.schema.metadata[b"groups"])
        assert file.num_record_batches == len(groups) == result.groups.num_rows
    for group, row in zip(groups, result.groups.to_pylist(), strict=True):
        assert group["assets"] == row["assets"]
        assert group["names"] in ([], [row["sector"] if row["sector"] != "(blank)" else None, row["currency"]])
        assert int(group["sums"]["value"]) == pytest.approx(row["value"] * 1e6, rel=1e-15)
        assert int(group["sums"]["q05"]) == pytest.approx(row["sum_of_quantiles_q05"] * 1e6, rel=1e-15)
    parts = np.array([[int(number) for number in group["sums"].values()] for group in groups], object)
    assert (parts[0] == parts[1:].sum(axis=0)).all()
