"""`ipvalue explain`: the waterfall on a terminal, for machines, as files; and what it refuses."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROWS, contents, run, table, value
from rich.cells import cell_len

import ipvalue as iv
from ipvalue import cluster
from ipvalue.amounts import money
from ipvalue.report.waterfall import Line, Scale, bar, scale

pytestmark = pytest.mark.usefixtures("here")

OWNERS = ["甲公司 with a rather long name for an owner of rights", "b", "c", "d"]


@pytest.fixture
def both(here: Path) -> None:
    """Two results by owner: another royalty, another curve, one right less and one more."""
    before = [{**row, "owner_id": owner} for row, owner in zip(ROWS, OWNERS, strict=True)]
    after = [{**before[0], "royalty_rate": 0.07}, *before[2:], {**before[1], "asset_id": "late"}]
    pq.write_table(table(before), "before.parquet")
    pq.write_table(table(after), "after.parquet")
    Path("later.toml").write_text(MARKET.replace("2026-11-22", "2027-05-22").replace("0.017, ", "0.03, "))
    assert value("before.parquet", "--group-by", "owner_id", out="old").code == 0
    assert value("after.parquet", "--group-by", "owner_id", "--market", "later.toml", out="new").code == 0


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("columns", [30, 44, 60, 80, 160])
def test_no_line_is_wider_than_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run("explain", "old", "new", columns=columns)
    assert (ran.code, ran.err) == (0, "")
    lines = [line for line in ran.out.splitlines() if not line.startswith(("Bars run", "noise:", "From"))]
    assert max(map(cell_len, lines)) <= columns


@pytest.mark.usefixtures("both")
def test_what_is_shown() -> None:
    shown = run("explain", "old", "new", columns=100).out
    found = iv.explain("old", "new")
    whole = [row for row in found.steps.to_pylist() if row["owner_id"] is None]
    assert shown.startswith("From 2026-11-22 to 2027-05-22, in CNY\n")
    labels = ["old value", "rights removed", "passage of time", "interest rates", "data: royalty_rate", "new rights", "new value"]
    for label, row in zip(labels, whole, strict=True):
        (line,) = (line for line in shown.splitlines() if line.startswith(label))
        assert money(float(row["amount"])) in line
        if row["standard_error"]:
            assert f"± {money(row['standard_error'])}" in line
        assert f" {row['assets']} right" in line
        assert ("+" in line) == (label not in ("old value", "new value") and row["amount"] > 0)
    assert any(line.endswith("rights removed") for line in shown.splitlines()[-6:])


@pytest.mark.usefixtures("both")
def test_amounts_are_whole_on_a_narrow_terminal() -> None:
    shown = run("explain", "old", "new", columns=36).out
    for row in iv.explain("old", "new", group_by=()).steps.to_pylist():
        assert money(float(row["amount"])) in shown


@pytest.mark.usefixtures("both")
def test_json() -> None:
    shown = json.loads(run("explain", "old", "new", "--json").out)
    assert shown["steps"][0] == shown["waterfall"][0]["step"] == "old"
    assert shown["new"]["valuation_date"] == "2027-05-22"
    assert any(line.startswith("market: valuation_date was 2026-11-22") for line in shown["differences"])
    whole = [row for row in shown["waterfall"] if row["owner_id"] is None]
    assert sum(Decimal(row["amount"]) for row in whole[:-1]) == Decimal(whole[-1]["amount"])


@pytest.mark.usefixtures("both")
def test_the_files() -> None:
    assert run("explain", "old", "new", "--out", "why").out.endswith("The tables are in why\n")
    names = contents("why").keys()
    assert {"explain.parquet", "explain.json"} < names
    steps, found = pq.read_table("why/explain.parquet"), iv.explain("old", "new")
    assert steps.equals(found.steps)
    assert steps.schema.field("amount").type == steps.schema.field("cumulative").type == pa.decimal128(38, 6)
    assert steps.column_names[:5] == ["step", "owner_id", "amount", "standard_error", "cumulative"]
    assets = pa.concat_tables(pq.read_table(f"why/{name}") for name in sorted(names) if name.startswith("assets/"))
    assert assets.equals(found.assets)
    assert assets.column_names == ["asset_id", "step", "amount", "standard_error"]
    again = run("explain", "old", "new", "--out", "why")
    assert (again.code, again.sentence) == (2, "why: is there already and not an empty directory: name another --out")


@pytest.mark.usefixtures("both")
def test_other_groups() -> None:
    found = json.loads(run("explain", "old", "new", "--group-by", "right_type", "--json").out)
    assert {row["right_type"] for row in found["waterfall"]} == {None, "trademark", "invention_patent"}
    assert value("after.parquet", out="alone").code == 0
    assert json.loads(run("explain", "old", "alone", "--json").out)["group_by"] == []


@pytest.mark.usefixtures("both")
def test_the_same_result_twice() -> None:
    shown = run("explain", "old", "old").out
    worth = money(_whole("old"))
    assert [line.split("  ")[0].rstrip() for line in shown.splitlines()[2:]] == [f"old value {worth} 4 rights", f"new value {worth} 4 rights"]


def _whole(directory: str) -> float:
    return float(iv.open_result(directory).groups["value"][0].as_py())


# ------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.usefixtures("both")
def test_a_changed_file_of_the_old_result() -> None:
    pq.write_table(table(), "before.parquet")
    ran = run("explain", "old", "new", "--out", "why")
    assert ran.code == 2
    assert "before.parquet: is not what it was when it was valued: put that file back in its place" in ran.sentence
    assert ran.sentence.startswith("old: ")
    assert not Path("why").exists()


@pytest.mark.usefixtures("both")
def test_a_missing_file_of_the_new_result() -> None:
    Path("after.parquet").unlink()
    ran = run("explain", "old", "new")
    assert ran.code == 2
    assert ran.sentence.startswith("new: ")
    assert "there is no such file" in ran.sentence


@pytest.mark.usefixtures("both")
def test_a_damaged_part() -> None:
    (part,) = list(Path("old/assets").iterdir())[:1]
    part.write_bytes(part.read_bytes()[:-9])
    ran = run("explain", "old", "new", "--out", "why")
    assert (ran.code, ran.sentence) == (2, f"old/assets/{part.name}: is missing or not what was written: value it again")
    assert not contents("why")


@pytest.mark.usefixtures("both")
def test_two_currencies() -> None:
    Path("usd.toml").write_text(MARKET.replace('currency = "CNY"', 'currency = "USD"').replace("USD = 7.1", "CNY = 0.14"))
    assert value("after.parquet", "--market", "usd.toml", out="usd").code == 0
    ran = run("explain", "old", "usd")
    assert (ran.code, ran.sentence) == (2, "old is in CNY and usd in USD: value one of them in the other's currency")


@pytest.mark.usefixtures("both")
def test_options_that_cannot_be() -> None:
    ran = run("explain", "old", "new", "--scheduler", "process")
    told = "scheduler: 'process' must be threads, processes or tcp://HOST:PORT (or tls://): did you mean processes?"
    assert (ran.code, ran.sentence) == (2, told)
    with pytest.raises(
        iv.InputError, match=r"^scheduled is no option of explain: did you mean scheduler\? \(options: group_by, workers, scheduler, memory\)$"
    ):
        iv.explain("old", "new", scheduled="threads")


HELD = "memory://explained"


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("places", [(f"{HELD}/old", "new", "why"), ("old", f"{HELD}/old", "why"), ("old", "new", f"{HELD}/why")])
def test_other_processes_do_not_see_what_is_in_memory(places: tuple[str, str, str]) -> None:
    iv.value("before.parquet", market="market.toml", paths=64, out=f"{HELD}/old", overwrite=True)
    (held,) = (place for place in places if place.startswith(HELD))
    with pytest.raises(iv.InputError, match=f"^{held}: other processes do not see this one's memory: use --scheduler threads or name another"):
        iv.explain(*places[:2], out=places[2], scheduler="processes")
    assert not Path("why").exists()
    assert iv.explain(*places[:2], out=places[2]).record["old"]["location"] == places[0]


@pytest.mark.usefixtures("both")
def test_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    ran = run("explain", "old", "new", "--out", "why", "--scheduler", "tcp://127.0.0.1:9")
    assert ran.code == 1
    assert ran.sentence.startswith("tcp://127.0.0.1:9: no Dask scheduler answers there (")
    assert not Path("why").exists()


def test_no_result() -> None:
    ran = run("explain", "nowhere", "new")
    assert ran.code == 2
    assert "nowhere: is no results directory" in ran.sentence


# ------------------------------------------------------------------------------------------------ bars


def line(start: float, end: float, step: str = "curves") -> Line:
    return Line(step, step, end - start, None, None, 1, start, end)


@pytest.mark.parametrize(
    ("start", "end", "drawn"),
    [(0.0, 10.0, "██████████"), (5.0, 10.0, "     █████"), (5.5, 2.0, "  ███▌"), (3.0, 3.001, "   ▌"), (9.999, 10.0, "         ▐"), (4.0, 4.0, "")],
)
def test_a_bar_lies_where_its_step_leads(start: float, end: float, drawn: str) -> None:
    assert bar(line(start, end), Scale(0.0, 10.0, True), 10) == drawn


def test_a_scale_begins_at_0_unless_all_totals_are_near_one_another() -> None:
    assert scale([line(0, 100, "old"), line(100, 20), line(0, 20, "new")]) == Scale(0.0, 100.0, True)
    assert scale([line(0, 100, "old"), line(100, 80), line(0, 80, "new")]) == Scale(77.0, 100.0, False)
    assert scale([line(0, -100, "old"), line(-100, 80), line(0, 80, "new")]) == Scale(-100.0, 80.0, True)
