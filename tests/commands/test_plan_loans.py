"""`ipvalue plan` with loans: what lending will take beside the valuation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pooled_book
import pyarrow.parquet as pq
import pytest
import small_book
from commandline import ROW, contents, run, table

import ipvalue

pytestmark = pytest.mark.usefixtures("here")

JOB = 'portfolio = "portfolio.parquet"\nloans = "loans.parquet"\n[options]\npaths = 64\n[run]\nworkers = 1\nrows_per_task = 40\n'
OPTIONS = ("--paths", 64, "--workers", 1)


def many(loans: int, **cells: Any) -> None:
    """So many rights of which each is pledged, and as many others."""
    pq.write_table(table([{**ROW, "asset_id": f"r{i}", "life": 4.0 + i % 9} for i in range(2 * loans)]), "portfolio.parquet")
    small_book.write(rows=[small_book.own(i, **cells) for i in range(loans)])


def planned(*args: object) -> dict[str, Any]:
    ran = run("plan", *args, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


def test_loans_rights_tasks_and_disk_are_those_of_the_run() -> None:
    many(400)
    Path("job.toml").write_text(JOB)
    found = planned("job.toml")["lending"]
    assert run("run", "job.toml").code == 0
    (lent,) = Path("results").glob("*-lending")
    counts = ipvalue.open_loans(lent).manifest["counts"]
    assert (found["loans"], found["rights"], found["tasks"]) == (counts["rows"], 400, counts["tasks"])
    assert found["disk_bytes"] == pytest.approx(sum(map(len, contents(lent).values())), rel=0.15)
    assert found["working_bytes"] > found["disk_bytes"]
    assert 0 < found["sampled"] <= 400
    assert 0.0 < found["cpu_seconds"] < 60.0


def test_the_same_of_a_portfolio_and_its_loans_and_nothing_is_written() -> None:
    many(30)
    before = contents()
    found = planned("portfolio.parquet", "--loans", "loans.parquet", "--policy", "bank_of_communications", *OPTIONS)
    assert (found["assets"], found["lending"]["loans"]) == (60, 30)
    assert planned("portfolio.parquet", *OPTIONS)["lending"] is None
    assert contents() == before


def test_the_flows_of_a_pool_are_on_disk_while_it_runs() -> None:
    """Each of two tasks has loans with covenants, and writes what the pool's balances and interest are on each path."""
    Path("pool.toml").write_text(pooled_book.SIZES)
    many(30, covenant_trigger=0.7, covenant_cure=0.5)
    job = JOB.replace("rows_per_task = 40", "rows_per_task = 30").replace("paths = 64", "paths = 2000")
    Path("job.toml").write_text(job)
    without = planned("job.toml")["lending"]
    Path("job.toml").write_text(job + '[lending]\npool = "pool.toml"\n')
    found = planned("job.toml")["lending"]
    assert found["tasks"] == 2
    flows = 2 * (3 * 3 + 1) * 2000 * 16
    assert found["working_bytes"] - found["disk_bytes"] > flows + without["working_bytes"] - without["disk_bytes"]
    assert found["disk_bytes"] > without["disk_bytes"]
    words = ("--loans", "loans.parquet", "--paths", 2000, "--workers", 1)
    assert planned("portfolio.parquet", *words, "--pool", "pool.toml")["lending"]["disk_bytes"] > without["disk_bytes"]


def test_the_table_for_people() -> None:
    small_book.write(rows=[*small_book.BOOK, small_book.own(4, rate=-1.0)])
    ran = run("plan", "portfolio.parquet", "--loans", "loans.parquet", *OPTIONS, columns=120)
    assert ran.code == 0
    assert "against 4 rights; 1 row of 5 set aside" in ran.out
    lines = [line.split("  ")[0] for line in ran.out.splitlines()]
    assert lines[lines.index("loans") :][:6] == ["loans", "tasks", "CPU time", "time", "memory", "disk"]
    assert "From 4 rights valued and 4 loans lent as a sample" in ran.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--policy", "p"), "policy is given, and there are no loans: name their table with --loans"),
        (("--pool", "p.toml"), "pool is given, and there are no loans: name their table with --loans"),
        (("--loans", "loans.parquet", "--pool", "p.toml"), "p.toml: there is no such file"),
        (("--loans", "none.parquet"), "none.parquet: there is no such file"),
        (("--loans", "loans.parquet", "--policy", "p"), "there is no policy 'p'"),
        (("--loans", "loans.parquet", "--rule", "a:b"), "nothing can be lent against a right whose income a rule makes"),
        (("--loans", "loans.parquet", "--paths", 100_000, "--memory", "8MB"), "loans that share rights or borrowers are settled together"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[Any, ...], sentence: str) -> None:
    small_book.write()
    ran = run("plan", "portfolio.parquet", *OPTIONS, *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err


def test_loans_none_of_which_can_be_lent() -> None:
    small_book.write(rows=[small_book.own(9)])
    ran = run("plan", "portfolio.parquet", "--loans", "loans.parquet", *OPTIONS)
    assert ran.code == 2
    assert "none of the loans that were tried can be lent, so nothing can be planned" in ran.err


def test_a_plan_in_a_notebook() -> None:
    small_book.write()
    found = ipvalue.plan("portfolio.parquet", loans="loans.parquet", paths=64, workers=1)
    assert "loans lent as a sample" in repr(found)
    assert found.lending is not None
    assert found.together.wall_seconds == pytest.approx(found.wall_seconds + found.lending.wall_seconds)
