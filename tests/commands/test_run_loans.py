"""`ipvalue run` of a job with loans: the portfolio valued and then lent against, each into a directory of its own; stopped anywhere, it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pooled_book
import pyarrow.parquet as pq
import pytest
import small_book
from commandline import ROW, Ran, beside, contents, run, table
from cut_off import killed_again_and_again

import ipvalue
from ipvalue.fingerprint import fingerprint
from ipvalue.loan_book.lent import open_loans
from ipvalue.overnight import run_job

pytestmark = pytest.mark.usefixtures("here")

JOB = """\
portfolio = "portfolio.parquet"
loans = "loans.parquet"
[options]
paths = 64
[run]
workers = 1
rows_per_task = 2
"""

POOLED = JOB.replace("[run]", '[lending]\npool = "deal/pool.toml"\ntranche_ratings = "deal/r.csv"\n[run]')


def pooled(text: str = POOLED) -> str:
    """A job with a pool of its loans, two of which have covenants."""
    Path("deal").mkdir(exist_ok=True)
    Path("deal/pool.toml").write_text(pooled_book.SIZES)
    Path("deal/r.csv").write_text("rating,expected_loss\nA,0.01\nB,1\n")
    covenant = {"covenant_trigger": 0.7, "covenant_cure": 0.5}
    return job(text, [{**row, **(covenant if i % 2 else {})} for i, row in enumerate(small_book.BOOK)])


def job(text: str = JOB, rows: list[dict[str, Any]] | None = None) -> str:
    small_book.write(rows=rows)
    Path("job.toml").write_text(text)
    return "job.toml"


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.err.splitlines()]


def done(ran: Ran) -> tuple[Path, Path]:
    """The directories of the valuation and of the loans."""
    assert ran.code == 0, ran.err
    valued, lent = map(Path, ran.out.splitlines())
    return valued, lent


def without_times(directory: str | Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


def test_the_loans_are_those_of_lend_in_a_directory_beside_the_valuation() -> None:
    ran = run("run", job(JOB.replace("[run]", '[lending]\npolicy = "bank_of_communications"\nquantiles = [0.1]\n[run]')))
    valued, lent = done(ran)
    assert valued.parent == lent.parent == Path.cwd() / "results"
    assert lent.name == f"2026-11-22-{fingerprint(open_loans(lent).manifest)[:12]}-lending"
    words = ("lend", Path.cwd() / "loans.parquet", "--portfolio", Path.cwd() / "portfolio.parquet", "--paths", 64, "--quantiles", 0.1)
    assert run(*words, "--policy", "bank_of_communications", "--out", "lent").code == 0
    assert without_times(lent) == without_times("lent")
    assert open_loans("lent").manifest["fingerprint"] != open_loans(lent).manifest["fingerprint"]  # rows_per_task is another
    assert run("value", "portfolio.parquet", "--paths", 64, "--out", "out").code == 0
    assert {name for name in contents(valued) if "/" not in name} == {name for name in contents("out") if "/" not in name}
    last = lines(ran)[-1]
    assert {name: last[name] for name in ("event", "rows", "valued", "loans", "lent", "loans_rejected", "out", "lending_out")} == {
        "event": "done", "rows": 4, "valued": 4, "loans": 4, "lent": 4, "loans_rejected": 0, "out": str(valued), "lending_out": str(lent),
    }  # fmt: skip
    assert {one["what"] for one in lines(ran) if one["event"] == "progress"} == {"valuing", "lending"}


def test_done_it_says_so_and_writes_nothing() -> None:
    directories = done(run("run", job()))
    before = {path: path.stat().st_mtime_ns for path in Path("results").rglob("*.*")}
    ran = run("run", "job.toml")
    assert done(ran) == directories
    assert ran.err.count("is complete: nothing was left to do") == 2
    assert {path: path.stat().st_mtime_ns for path in Path("results").rglob("*.*")} == before


def test_other_loans_leave_the_valuation_as_it_is() -> None:
    valued, lent = done(run("run", job()))
    before = contents(valued)
    again, other = done(run("run", job(rows=small_book.BOOK[:2])))
    assert again == valued
    assert other != lent
    assert contents(valued) == before
    assert open_loans(lent).loans.num_rows == 4


def test_a_pool_of_a_job_is_that_of_lend_and_can_be_verified() -> None:
    valued, lent = done(run("run", pooled()))
    words = ("lend", Path.cwd() / "loans.parquet", "--portfolio", Path.cwd() / "portfolio.parquet", "--paths", 64, "--out", "lent")
    assert run(*words, "--pool", "deal/pool.toml", "--tranche-ratings", "deal/r.csv").code == 0
    assert without_times(lent) == without_times("lent")
    assert ipvalue.verify(lent, sample=1.0).ok
    shutil.rmtree("results")
    Path("job.toml").write_text(POOLED.replace("workers = 1", "workers = 3"))
    assert done(run("run", "job.toml")) == (valued, lent)
    assert without_times(lent) == without_times("lent")
    Path("deal/pool.toml").write_text(pooled_book.SIZES.replace("0.15", "0.1").replace("0.05", "0.1"))
    again, other = done(run("run", "job.toml"))
    assert (again, other == lent) == (valued, False)


@pytest.mark.parametrize("book", [job, pooled])
def test_killed_anywhere_it_goes_on_to_the_same_bytes(book: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    valued, lent = done(run("run", book()))
    expected = without_times(valued), without_times(lent)
    shutil.rmtree("results")
    _, killed = killed_again_and_again(lambda: run_job("job.toml"), Path.cwd() / "results", 2, 6)
    assert killed > 3
    assert (without_times(valued), without_times(lent)) == expected
    assert sorted(path.name for path in Path("results").iterdir()) == sorted([valued.name, lent.name])


@pytest.mark.slow
def test_stopped_while_it_lends_it_keeps_what_it_has() -> None:
    rows = [{**ROW, "asset_id": f"r{i}", "life": 20.0} for i in range(300)]
    pq.write_table(table(rows), "portfolio.parquet")
    job(JOB.replace("paths = 64", "paths = 60000"), [small_book.own(i) for i in range(300)])
    process = beside("run", "job.toml")
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "progress" and event["what"] == "lending":
            break
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    (lent,) = Path("results").glob("*-lending")
    last = json.loads(err.splitlines()[-1])
    assert last["event"] == "error"
    assert last["text"].startswith("stopped; ")
    assert last["text"].endswith(f"parts are kept in {lent.absolute()}: the same command goes on")


def test_loans_that_are_set_aside_under_strict_end_it_with_3() -> None:
    rows = [*small_book.BOOK[:3], small_book.own(3, rate=-1.0)]
    assert run("run", job(rows=rows)).code == 0
    ran = run("run", job(JOB + "strict = true\n", rows))
    assert ran.code == 3
    assert (lines(ran)[-1]["rejected"], lines(ran)[-1]["loans_rejected"]) == (0, 1)


def test_a_loan_that_nobody_can_lend_leaves_the_valuation() -> None:
    ran = run("run", job(rows=[small_book.own(9)]))
    assert (ran.code, ran.out) == (2, "")
    (valued,) = Path("results").iterdir()
    assert lines(ran)[-1]["text"].endswith(f"; the portfolio is valued, in {valued.absolute()}")
    assert ipvalue.open_result(valued).assets.num_rows == 4


def test_a_damaged_result_of_loans_is_no_earlier_valuation() -> None:
    text = 'since = "latest"\n' + JOB
    valued, lent = done(run("run", job(text)))
    (lent / "manifest.json").write_text("{")
    pq.write_table(table([{**ROW, "revenue": 1.0}, *table().to_pylist()[1:]]), "other.parquet")
    ran = run("run", job(text.replace("portfolio.parquet", "other.parquet")))
    assert done(ran)[0] != valued
    assert "is tried" not in ran.err
    assert ipvalue.open_result(done(ran)[0]).manifest["since"]["result"] == str(valued)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (JOB.replace('"loans.parquet"', '"loan.parquet"'), "loan.parquet: there is no such file"),
        (JOB.replace("loans =", "loan ="), "job.toml: loan is not known: did you mean loans?"),
        (JOB + '[lending]\npolicy = "bank_of_communication"', "there is no policy 'bank_of_communication': did you mean bank_of_communications?"),
        (JOB + '[lending]\nprogramms = "p.toml"', "job.toml: lending: programms is not known: did you mean programmes?"),
        (JOB + '[lending]\nratings = "r.toml"', "r.toml: there is no such file"),
        (JOB + '[lending]\npool = "p.toml"', "p.toml: there is no such file"),
        (JOB + '[lending]\npools = "p.toml"', "job.toml: lending: pools is not known: did you mean pool?"),
        (JOB + '[lending]\ntranche_ratings = "r.csv"', "tranche_ratings rate the tranches of a pool: give pool too"),
        ('pool = "p.toml"\n' + JOB, "job.toml: pool is not known above all tables: it belongs in [lending]"),
        (JOB + "[lending]\nquantiles = [2.0]", "job.toml: lending.quantiles: 2 is no quantile"),
        ('policy = "bank_of_communications"\n' + JOB, "job.toml: policy is not known above all tables: it belongs in [lending]"),
        (
            JOB.replace('loans = "loans.parquet"\n', "") + '[lending]\npolicy = "p"',
            "job.toml: lending has policy, and there are no loans: name them as loans, above all tables",
        ),
        ('rule = "rules:flat"\n' + JOB, "nothing can be lent against a right whose income a rule makes: leave loans or rule out"),
        (JOB + "quantiles = [0.1]", "job.toml: quantiles is not known in [run]: it belongs in [options] or in [lending]"),
        (
            JOB.replace("paths = 64", "paths = 100000") + 'memory = "8MB"',
            "loans that share rights or borrowers are settled together, and some 1 of them need",
        ),
    ],
)
def test_what_is_wrong_with_the_loans_is_said_before_the_night_begins(text: str, sentence: str) -> None:
    ran = run("run", job(text))
    assert (ran.code, ran.out) == (2, "")
    assert sentence in lines(ran)[-1]["text"]
    assert "--" not in lines(ran)[-1]["text"]
    assert not Path("results").exists()


def test_a_pool_that_does_not_fit_is_refused_before_the_night_begins() -> None:
    text = POOLED.replace("paths = 64", "paths = 200000").replace("[run]", '[run]\nmemory = "70MB"')
    ran = run("run", pooled(text))
    assert (ran.code, ran.out) == (2, "")
    assert "a pool of 3 years × 200,000 paths needs " in lines(ran)[-1]["text"]
    assert not Path("results").exists()


def test_the_same_from_python() -> None:
    told: list[tuple[int, int]] = []
    found = ipvalue.run(job(), lending=lambda loans, of: told.append((loans, of)))
    assert told[-1] == (4, 4)
    assert found.assets.num_rows == 4
    assert found.lent is not None
    assert found.lent.loans["loan_id"].to_pylist() == ["L0", "L1", "L2", "L3"]
    assert ipvalue.run(job(JOB.replace('loans = "loans.parquet"\n', ""))).lent is None
