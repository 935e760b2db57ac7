"""Searches give what is there: compared with the same asked of the result's table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
from commandline import MARKET, table
from served import NAMES, make_root, rows

import ipvalue as iv

pytest.importorskip("duckdb")
pytest.importorskip("tornado")

from ipvalue.serve.compare import compare
from ipvalue.serve.index import KEPT, Index, Indexes
from ipvalue.serve.right import right_of
from ipvalue.serve.root import Root
from ipvalue.serve.search import Found, query_of, search


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("served"))


@pytest.fixture
def indexes() -> Iterator[Indexes]:
    made = Indexes(128 << 20, 2)
    yield made
    made.close()


@pytest.fixture
def index(root: Path, indexes: Indexes) -> Index:
    return ready(indexes, root, "first")


def ready(indexes: Indexes, root: Path, name: str) -> Index:
    found = indexes.of(Root(root).opened(name))
    assert found.ready.wait(30)
    assert not found.fault
    return found


def found(indexes: Indexes, index: Index, **given: Any) -> Found:
    return search(indexes, index, query_of({name: value if isinstance(value, list) else [value] for name, value in given.items()}, index))


def ids(it: Found) -> list[str]:
    return [row["asset_id"] for row in it.rows]


@pytest.mark.parametrize(
    ("text", "match", "wanted", "way"),
    [
        ("TM-1", "any", ["TM-1"], "exact"),
        ("TM-1", "prefix", ["TM-1", "TM-10"], "prefix"),
        ("M-1", "any", ["TM-1", "TM-10"], "contains"),
        ("TM", "any", ["TM-0", "TM-1", "TM-10", "TM-2", "TM-3", "TM-4", "TM-5"], "prefix"),
        ("tm-5", "any", ["TM-5"], "contains"),
        ("tm-5", "exact", [], "exact"),
        ("年", "any", ["年-8"], "prefix"),
        ("P/7", "exact", ["P/7"], "exact"),
        ("%", "any", [], "contains"),
        ("_", "contains", [], "contains"),
        ("bad", "any", [], "contains"),
    ],
)
def test_ids_are_found(indexes: Indexes, index: Index, text: str, match: str, wanted: list[str], way: str) -> None:
    it = found(indexes, index, id=text, match=match)
    assert (ids(it), it.total, it.query.match) == (wanted, len(wanted), way)


def test_ids_in_capitals_are_found_by_small_letters(indexes: Indexes, tmp_path: Path) -> None:
    made = [{**row, "asset_id": f"CN-{number}"} for number, row in enumerate(rows()[:3])]
    (tmp_path / "market.toml").write_text(MARKET)
    iv.value(table(made), market=tmp_path / "market.toml", paths=16, out=tmp_path / "capitals")
    index = ready(indexes, tmp_path, "capitals")
    assert index.capitals
    assert ids(found(indexes, index, id="cn-1")) == ["CN-1"]
    assert ids(found(indexes, index, id="n-", order="desc")) == ["CN-2", "CN-1", "CN-0"]


def test_without_an_id_the_most_valuable_come_first(indexes: Indexes, index: Index, root: Path) -> None:
    table = iv.open_result(root / "first").assets.sort_by([("value", "descending")])
    it = found(indexes, index)
    assert ids(it) == table["asset_id"].to_pylist()
    assert [row["value"] for row in it.rows] == table["value"].to_pylist()


@pytest.mark.parametrize(("op", "holds"), [("ge", pc.greater_equal), ("lt", pc.less), ("eq", pc.equal), ("ne", pc.not_equal)])
def test_conditions_hold(indexes: Indexes, index: Index, root: Path, op: str, holds: Any) -> None:
    table = iv.open_result(root / "first").assets
    middle = sorted(table["value"].to_pylist())[4]
    it = found(indexes, index, column="value", op=op, than=repr(middle), sort="asset_id")
    assert ids(it) == sorted(table.filter(holds(table["value"], middle))["asset_id"].to_pylist())


def test_conditions_and_an_id_are_combined(indexes: Indexes, index: Index, root: Path) -> None:
    table = iv.open_result(root / "first").assets.sort_by([("mean", "ascending")])
    middle = sorted(table["value"].to_pylist())[4]
    it = found(
        indexes, index, id="TM", column=["value", "method"], op=["gt", "eq"], than=[repr(middle), "relief_from_royalty"], sort="mean", order="asc"
    )
    wanted = [row["asset_id"] for row in table.to_pylist() if row["value"] > middle and row["asset_id"].startswith("TM")]
    assert wanted
    assert ids(it) == wanted


def test_pages_follow_one_another(indexes: Indexes, index: Index) -> None:
    pages = [found(indexes, index, size="4", page=str(number)) for number in (1, 2, 3, 4)]
    assert [len(one.rows) for one in pages] == [4, 4, 2, 0]
    assert sorted(name for one in pages for name in ids(one)) == sorted(NAMES)
    assert {(one.total, one.pages) for one in pages} == {(10, 3)}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sort": "vlue"}, "sort: there is no column 'vlue': did you mean value"),
        ({"sort": 'value" DESC; DROP TABLE rights_0; --'}, "sort: there is no column"),
        ({"column": "part", "op": "eq", "than": "0"}, "column: there is no column 'part'"),
        ({"column": "value", "op": "; DROP", "than": "0"}, "op: '; DROP' must be one of eq"),
        ({"column": "value", "op": "ge", "than": "1e999"}, "value: '1e999' must be a number"),
        ({"column": "value", "op": "ge", "than": "1 OR 1=1"}, "value: '1 OR 1=1' must be a number"),
        ({"column": "value", "op": "ge"}, "column, op and than come together"),
        ({"column": ["value"] * 7, "op": ["ge"] * 7, "than": ["1"] * 7}, "7 conditions are given: give at most 6"),
        ({"page": "0"}, "page: '0' must be a whole number from 1"),
        ({"page": "٣"}, "page: '٣' must be a whole number"),
        ({"page": "100000", "size": "500"}, "the first 100,000 rows can be leafed through"),
        ({"size": "501"}, "size: '501' must be a whole number from 1 to 500"),
        ({"order": "up"}, "order: 'up' must be one of asc, desc"),
        ({"match": "like"}, "match: 'like' must be one of any, exact, prefix, contains"),
        ({"id": "x" * 201}, "id: has 201 characters"),
        ({"id": ["a", "b"]}, "id: is given 2 times"),
        ({"id": "a\0b"}, "none of them zero"),
    ],
)
def test_what_cannot_be_asked_is_said(indexes: Indexes, index: Index, given: dict[str, Any], said: str) -> None:
    with pytest.raises(iv.InputError, match=said):
        found(indexes, index, **given)


@pytest.mark.parametrize("text", ["' OR '1'='1", "x'; DROP TABLE rights_0; --", '"', "?", "$1", "\\", "{}", "%s"])
def test_an_id_is_a_value_whatever_it_looks_like(indexes: Indexes, index: Index, text: str) -> None:
    assert found(indexes, index, id=text).total == 0
    assert found(indexes, index).total == 10


def test_duckdb_opens_nothing_but_its_own_file(indexes: Indexes, index: Index) -> None:
    duckdb = pytest.importorskip("duckdb")
    for question in ("FROM read_csv('/etc/passwd')", "COPY (SELECT 1) TO 'x.csv'", "ATTACH 'x.db'", "SET enable_external_access = true"):
        with pytest.raises(duckdb.Error):
            indexes.ask(question)


def test_a_question_that_takes_too_long_is_stopped(indexes: Indexes, index: Index) -> None:
    with pytest.raises(iv.RunError, match=r"this took longer than 0\.05 s and was stopped"):
        indexes.ask("SELECT sum(a.range * b.range % 7) FROM range(10000000) a, range(10000000) b", seconds=0.05)


def test_one_right_has_all_its_figures_with_meanings(indexes: Indexes, index: Index, root: Path) -> None:
    it = right_of(indexes, index, "年-8")
    table = iv.open_result(root / "first").assets
    assert it.rows == table.filter(pc.equal(table["asset_id"], "年-8")).to_pylist()
    assert it.meanings["q05"][1] == "CNY"
    with pytest.raises(iv.InputError, match=r"there is no right 'bad' in it; it was rejected \(.*portfolio.parquet, row 10\): .*revenue"):
        right_of(indexes, index, "bad")


def test_a_right_has_a_row_for_each_scenario_and_step(indexes: Indexes, root: Path) -> None:
    study = iv.open_scenarios(root / "stress").manifest["inputs"]["scenarios"]
    stress = right_of(indexes, ready(indexes, root, "stress"), "TM-1")
    assert [row["scenario"] for row in stress.rows] == ["base", *(one["name"] for one in study)]
    why = ready(indexes, root, "why")
    assert {row["step"] for row in found(indexes, why, id="TM-1").rows} == {row["step"] for row in right_of(indexes, why, "TM-1").rows}


def test_two_results_are_compared_right_by_right(indexes: Indexes, index: Index, root: Path) -> None:
    other = ready(indexes, root, "night/second")
    it = compare(indexes, index, other)
    old, new = (iv.open_result(root / name) for name in ("first", "night/second"))
    assert (it.groups[0].name, it.groups[0].old, it.groups[0].new) == ("all", old.groups["value"][0].as_py(), new.groups["value"][0].as_py())
    assert {one.name for one in it.groups} == {"all", "pharma", "software"}
    values = [dict(zip(one.assets["asset_id"].to_pylist(), one.assets["value"].to_pylist())) for one in (old, new)]
    changes = {name: values[1][name] - values[0][name] for name in NAMES}
    assert [one.name for one in it.movers] == sorted(NAMES, key=lambda name: (-abs(changes[name]), name))
    assert (it.both, it.only_old, it.only_new, it.same) == (10, 0, 0, 0)
    assert {"options.premise was going_concern and is orderly", "options.seed was 1 and is 2"} <= set(it.differences)
    same = compare(indexes, index, index)
    assert (same.movers, same.differences, same.same) == ([], [], 10)


def test_results_of_other_commands_are_not_compared(indexes: Indexes, index: Index, root: Path) -> None:
    with pytest.raises(iv.InputError, match="first is a result of ipvalue value and stress of ipvalue scenarios"):
        compare(indexes, index, ready(indexes, root, "stress"))
    with pytest.raises(iv.InputError, match="results of ipvalue explain are not compared"):
        compare(indexes, ready(indexes, root, "why"), ready(indexes, root, "why"))


def test_indexes_make_room_for_others_and_are_made_again(indexes: Indexes, index: Index, root: Path) -> None:
    run = Root(root).opened("first")
    for number in range(KEPT):
        assert indexes.of(type(run)(f"copy-{number}", run.place, run.stamp, run.state, run.facts)).ready.wait(30)
    again = indexes.of(run)
    assert again is not index
    assert again.ready.wait(30)
    assert found(indexes, again).total == 10
