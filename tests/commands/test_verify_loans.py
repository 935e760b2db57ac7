"""`ipvalue verify` of a book of loans: what it looks at, loans made again from the manifest alone, and what was done to a result."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import lent_books
import portfolios
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_book
from commandline import contents, run
from resealed import resealed, with_cell

import ipvalue as iv

pytestmark = pytest.mark.usefixtures("here")


def lend(**more: Any) -> None:
    """A small book of four units and a loan that is rejected, in the directory `out`."""
    small_book.write(rows=[*small_book.BOOK, small_book.own(4, rate=-1.0)])
    iv.lend("loans.parquet", "portfolio.parquet", market="market.toml", out="out", **{"paths": 64, "rows_per_task": 4, **more})


@pytest.fixture
def result(here: Path) -> None:
    lend()


@pytest.mark.usefixtures("result")
def test_what_it_looks_at_is_told_and_nothing_is_written() -> None:
    before = contents()
    ran = run("verify", "out", columns=200)
    assert (ran.code, ran.err) == (0, "")
    lines = [line.strip() for line in ran.out.splitlines()]
    assert lines[0] == "files  5 listed, 5 beside manifest.json; sizes and SHA-256 of all"
    assert lines[1] == "counts  5 loans, 4 lent, 1 rejected, 2 tasks"
    assert lines[2] == "losses  5 bearers: added up on each of 64 paths, and described again in book.parquet"
    assert lines[-1] == "out is whole."
    assert contents() == before


@pytest.mark.usefixtures("result")
def test_a_loan_is_re_derived() -> None:
    ran = run("verify", "out", "--loan", "L1", columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert "re-derived  L1 from loans.parquet, row 1, with the C kernels (" in ran.out
    assert "columns: all equal, to the bit" in ran.out


@pytest.mark.parametrize("options", [{}, {"sampler": "sobol"}, {"precision": "double", "quantiles": (0.1,)}, {"policy": "all"}], ids=str)
def test_every_kind_of_loan_is_re_derived(options: dict[str, Any], tmp_path: Path) -> None:
    portfolio = lent_books.rights(20, 4)
    pq.write_table(portfolio, "rights.parquet")
    pq.write_table(lent_books.table(lent_books.loans(portfolio, 13)), "loans.parquet")
    more = {"market": portfolios.MARKET, "assumptions": lent_books.assumptions(tmp_path), **lent_books.names(), "paths": 64, **options}
    lent = iv.lend("loans.parquet", "rights.parquet", out="out", **more)
    assert lent.loans.num_rows > 3
    found = iv.verify("out", sample=1.0)
    assert found.ok, found.problems
    assert found.derived >= lent.loans.num_rows
    assert "follows from a balance that all loans of a programme share, and is not" in dict(found.checked)["re-derived"]


@pytest.mark.usefixtures("result")
def test_a_share_depends_on_the_seed_alone() -> None:
    shares = [iv.verify("out", sample=0.5, seed=seed).derived for seed in range(8)]
    assert shares == [iv.verify("out", sample=0.5, seed=seed).derived for seed in range(8)]
    assert len({*shares}) > 1


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("book.parquet", with_cell("var_99", 1, lambda one: one + 1.0), "book.parquet: var_99 of bank is"),
        (
            "losses.arrow",
            with_cell("loss", 3, lambda one: one + Decimal(1)),
            "losses.arrow: what bank, fund, guarantor, insurer and appraiser lose",
        ),
        ("losses.arrow", lambda found: found.rename_columns(["name", "path", "loss"]), "losses.arrow: has not a batch for each bearer"),
        ("loans/part-00000.parquet", with_cell("es_99", 0, lambda one: one + 1.0), "and es_99 of the loans does not add up to it"),
        (
            "loans/part-00000.parquet",
            with_cell("principal", 0, lambda one: one + 1.0),
            "exposures.parquet: the whole is not the 4 loans",
        ),
        ("loans/part-00000.parquet", with_cell("loan_id", 0, lambda _: "L1"), "1 loan_ids are there more than once"),
        ("exposures.parquet", with_cell("loans", 1, lambda _: 7), "exposures.parquet: 7 loans are left out, and 1 were rejected"),
        ("rejects.parquet", lambda found: found.slice(0, 0), "counts 1 rejected loans, and rejects.parquet holds 0"),
    ],
)
@pytest.mark.usefixtures("result")
def test_what_does_not_hang_together_is_found(name: str, change: Callable[[pa.Table], pa.Table], said: str) -> None:
    resealed(name, change)
    ran = run("verify", "out")
    assert ran.code == 1
    assert said in ran.err


@pytest.mark.usefixtures("result")
def test_a_figure_that_hangs_together_with_all_others_is_found_by_re_deriving() -> None:
    resealed("loans/part-00000.parquet", with_cell("lgd", 1, lambda one: math.nextafter(one, 2.0)))
    assert run("verify", "out").code == 0
    ran = run("verify", "out", "--loan", "L1")
    assert ran.code == 1
    assert ran.sentences[0].startswith("L1: lgd is ")
    assert run("verify", "out", "--loan", "L0").code == 0
    assert run("verify", "out", "--sample", 1).code == 1


@pytest.mark.usefixtures("result")
def test_files_that_are_damaged_missing_or_too_many() -> None:
    Path("out/book.parquet").write_bytes(b"no")
    Path("out/notes.txt").write_text("mine")
    ran = run("verify", "out")
    assert ran.code == 1
    assert "book.parquet: is not what the run wrote" in ran.err
    assert "notes.txt: is there, and the manifest does not list it" in ran.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--loan", "L9"), "out: there is no loan 'L9' in it"),
        (("--loan", "L4"), "out: L4 was rejected (loans.parquet, row 4): rate is -1.0"),
        (("--asset", "r1"), "out: is a result of ipvalue lend, of which nothing can be re-derived by asset: give loan or sample"),
        (("--loan", "L1", "--sample", 0.1), "loan and sample are both given"),
    ],
)
@pytest.mark.usefixtures("result")
def test_what_cannot_be_re_derived_is_refused(words: tuple[Any, ...], sentence: str) -> None:
    ran = run("verify", "out", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith(sentence)


@pytest.mark.usefixtures("result")
def test_inputs_that_are_not_what_they_were() -> None:
    small_book.write(rows=small_book.BOOK)
    ran = run("verify", "out", "--loan", "L1")
    assert ran.code == 2
    assert "loans.parquet: is not what it was when it was valued" in ran.err
    assert run("verify", "out").code == 0


def test_tables_in_memory_are_not_re_derived_and_the_directory_is_looked_through() -> None:
    iv.lend(pa.Table.from_pylist(small_book.BOOK, small_book.SCHEMA), "portfolio.parquet", market="market.toml", paths=64, out="out")
    assert iv.verify("out").ok
    with pytest.raises(iv.InputError, match="table in memory: cannot be read again"):
        iv.verify("out", loan="L1")


def test_a_loan_of_a_valuation() -> None:
    assert run("value", "portfolio.parquet", "--paths", 64, "--out", "out").code == 0
    ran = run("verify", "out", "--loan", "L1")
    assert ran.code == 2
    assert ran.sentence == "out: is a result of ipvalue value, of which nothing can be re-derived by loan: give asset or sample"
