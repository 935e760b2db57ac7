"""`ipvalue check` lists every problem and writes nothing."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from commandline import ROWS, contents, row_with, run, table

pytestmark = pytest.mark.usefixtures("here")


def test_a_portfolio_without_a_problem() -> None:
    before = contents()
    ran = run("check", "portfolio.parquet")
    assert (ran.code, ran.out, ran.err) == (0, "4 of 4 rows can be valued, 0 would be rejected\n", "")
    assert contents() == before


def test_a_problem_is_named_by_file_row_id_column_value_and_rule() -> None:
    pq.write_table(table(row_with(life=None, indefinite=True, growth=0.2)), "bad.parquet")
    line, last = run("check", "bad.parquet").out.splitlines()
    assert line.startswith("bad.parquet, row 1 (r1), growth = 0.2: growth in the last year reaches the discount rate")
    assert line.endswith("[growth · survival / (1 + discount rate) < 1 with an indefinite life]")
    assert last == "3 of 4 rows can be valued, 1 would be rejected"


def test_a_value_that_the_sentence_holds_is_not_said_twice() -> None:
    pq.write_table(table(row_with(revenue=-5.0)), "bad.parquet")
    line, _ = run("check", "bad.parquet").out.splitlines()
    assert line.startswith("bad.parquet, row 1 (r1), revenue: revenue is -5.0: it must be")


def test_a_long_value_stays_on_its_line() -> None:
    pq.write_table(table(row_with(stage="a stage\nwith a very long name " * 20)), "bad.parquet")
    assert run("check", "bad.parquet").out.count("\n") == 2


def test_the_limit_says_how_many_more_there_are() -> None:
    pq.write_table(table([{**row, "life": 200.0} for row in ROWS[:3]] + ROWS[3:]), "bad.parquet")
    lines = run("check", "bad.parquet", "--limit", 1).out.splitlines()
    assert lines[1:] == ["and 2 more problems: --limit 3 prints all", "1 of 4 rows can be valued, 3 would be rejected"]
    assert run("check", "bad.parquet", "--limit", 0).out.startswith("and 3 more problems")
    assert len(run("check", "bad.parquet", "--limit", 3).out.splitlines()) == 4


def test_warnings_go_to_stderr() -> None:
    renamed = table().rename_columns(["royalty_rte" if name == "royalty_rate" else name for name in table().column_names])
    pq.write_table(renamed, "p.parquet")
    ran = run("check", "p.parquet")
    assert ran.sentence == "warning: p.parquet: column 'royalty_rte' is not known and not read: did you mean royalty_rate?"


def test_a_bad_file_is_refused_as_by_value() -> None:
    ran = run("check", "none.parquet", "--market", "market.toml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "none.parquet: there is no such file or directory"
