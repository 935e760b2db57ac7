"""`ipvalue run`: a job file valued into a directory named by date and fingerprint, gone on with, finished, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROW, Ran, contents, installed, row_with, run, table

import ipvalue
from ipvalue.fingerprint import fingerprint
from ipvalue.valuation import open_result

pytestmark = pytest.mark.usefixtures("here")

JOB = """\
portfolio = "portfolio.parquet"
[options]
paths = 64
[groups]
group_by = ["sector"]
[run]
workers = 1
"""


def job(text: str = JOB, name: str = "job.toml") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return name


def lines(ran: Ran) -> list[dict[str, Any]]:
    """Stderr, every line of which is a JSON object."""
    return [json.loads(line) for line in ran.err.splitlines()]


def error(ran: Ran) -> str:
    """The text of the last line, which must be an error."""
    last = lines(ran)[-1]
    assert last["event"] == "error"
    return str(last["text"])


def done(ran: Ran) -> Path:
    assert ran.code == 0, ran.err
    return Path(ran.out.strip())


def without_times(directory: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


def test_results_go_to_a_directory_named_by_date_and_fingerprint() -> None:
    ran = run("run", job())
    directory = done(ran)
    manifest = open_result(directory).manifest
    assert directory == Path.cwd() / "results" / f"2026-11-22-{fingerprint(manifest)[:12]}"
    assert manifest["options"]["group_by"] == ["sector"]
    last = lines(ran)[-1]
    assert (last["event"], last["out"], last["valued"], last["rejected"]) == ("done", str(directory), 4, 0)
    assert [one["event"] for one in lines(ran)].count("progress") >= 1


def test_the_figures_are_those_of_value_with_the_same_options() -> None:
    directory = done(run("run", job()))
    assert run("value", Path.cwd() / "portfolio.parquet", "--paths", 64, "--group-by", "sector", "--workers", 1, "--out", "out").code == 0
    assert without_times(directory) == without_times(Path("out"))


def test_paths_are_relative_to_the_job_file_wherever_it_is_called_from() -> None:
    first = done(run("run", job()))
    os.chdir(os.sep)
    again = run("run", first.parents[1] / "job.toml")
    assert done(again) == first
    assert "is complete: nothing was left to do" in again.err


def test_a_finished_job_is_said_to_be_and_nothing_is_written() -> None:
    directory = done(run("run", job()))
    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    assert done(run("run", "job.toml")) == directory
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_where_it_is_run_is_not_what_is_run() -> None:
    first = done(run("run", job()))
    assert done(run("run", job(JOB.replace("workers = 1", 'workers = 2\nmemory = "1GiB"\nstrict = true')))) == first


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("paths = 64", "paths = 65"),
        ('["sector"]', '["right_type"]'),
        ("workers = 1", "rows_per_task = 1"),
        ("[run]", "[outputs]\nkeep_paths = true\n[run]"),
    ],
)
def test_another_job_makes_another_directory(old: str, new: str) -> None:
    first = done(run("run", job()))
    before = contents(first)
    second = done(run("run", job(JOB.replace(old, new))))
    assert second != first
    assert second.parent == first.parent
    assert contents(first) == before


def test_a_changed_row_and_a_changed_market_make_other_directories() -> None:
    found = {done(run("run", job()))}
    pq.write_table(table(row_with(revenue=2e6)), "portfolio.parquet")
    found.add(done(run("run", "job.toml")))
    Path("market.toml").write_text(MARKET.replace("0.015", "0.016"))
    found.add(done(run("run", "job.toml")))
    assert len(found) == 3


def test_the_root_and_the_inputs_that_the_file_names() -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/rates.toml").write_text(MARKET)
    Path("elsewhere/book.toml").write_text("[defaults.trademark]\ntax_rate = 0.1\n")
    text = JOB + '[outputs]\nroot = "../all"\n'
    text = text.replace('"portfolio.parquet"', '"../portfolio.parquet"\nmarket = "rates.toml"\nassumptions = "book.toml"')
    directory = done(run("run", job(text, "elsewhere/job.toml")))
    assert directory.parent == Path.cwd() / "all"
    assert "trademark" in json.dumps(open_result(directory).manifest["inputs"]["assumptions"]["content"])


def test_a_url_is_taken_as_it_stands() -> None:
    text = JOB.replace('"portfolio.parquet"', f'"file://{Path.cwd()}/portfolio.parquet"\nmarket = "market.toml"')
    assert done(run("run", job(text))).is_dir()


def test_rows_set_aside_under_strict_end_it_with_3_when_all_others_are_valued() -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    assert run("run", job()).code == 0
    ran = run("run", job(JOB + "strict = true\n"))
    assert ran.code == 3
    assert lines(ran)[-1]["rejected"] == 1
    assert open_result(ran.out.strip()).assets.num_rows == 3


def test_no_row_that_can_be_valued_is_a_bad_input_and_nothing_is_left() -> None:
    pq.write_table(table([{**ROW, "revenue": -1.0}]), "portfolio.parquet")
    ran = run("run", job())
    assert (ran.code, ran.out) == (2, "")
    assert error(ran).startswith("no row can be valued")
    assert not Path("results").exists()


def _wait_for_parts(process: subprocess.Popen[Any], folder: Path) -> None:
    """Until some tasks are done, the first of which the journal has."""
    while len(list(folder.glob("results/*/assets/part*.parquet"))) < 5:
        assert process.poll() is None
        time.sleep(0.02)


def test_a_job_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Killed as soon as parts are there; the end is that of a run nobody disturbed."""
    rows = [{**ROW, "asset_id": f"r{i}"} for i in range(40)]
    pq.write_table(table(rows), "portfolio.parquet")
    job(JOB.replace("paths = 64", "paths = 100000") + "rows_per_task = 1\n")
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", "run", "job.toml"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for_parts(process, tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (directory,) = Path("results").iterdir()
    ran = installed("run", "job.toml")
    assert done(ran) == directory.absolute()
    assert any(one["event"] == "notice" and "going on with the run" in one["text"] for one in lines(ran))
    assert open_result(directory).manifest["time"]["sessions"] == 2
    found = without_times(directory)
    Path("results").rename("before")
    assert without_times(done(run("run", "job.toml"))) == found


def test_an_interrupted_job_says_that_the_same_command_goes_on(tmp_path: Path) -> None:
    pq.write_table(table([{**ROW, "asset_id": f"r{i}"} for i in range(400)]), "portfolio.parquet")
    job(JOB.replace("paths = 64", "paths = 200000") + "rows_per_task = 1\n")
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", "run", "job.toml"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _wait_for_parts(process, tmp_path)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    ran = Ran(process.returncode, out, err)
    assert (ran.code, ran.out) == (130, "")
    (directory,) = (tmp_path / "results").iterdir()
    assert error(ran).endswith(f"of 400 parts are kept in {directory}: the same command goes on")


# ------------------------------------------------------------------------------------------------ since an earlier result


def editions(second_paths: int = 64) -> tuple[Ran, Ran]:
    """Two nights of one job, the second with one row of twenty changed (and with other paths)."""
    rows = [{**ROW, "asset_id": f"r{i}"} for i in range(20)]
    pq.write_table(table(rows), "one.parquet")
    pq.write_table(table([{**rows[0], "revenue": 1.0}, *rows[1:]]), "two.parquet")
    text = 'since = "latest"\n' + JOB
    first = run("run", job(text.replace("portfolio.parquet", "one.parquet")))
    return first, run("run", job(text.replace("portfolio.parquet", "two.parquet").replace("paths = 64", f"paths = {second_paths}")))


def test_what_did_not_change_is_taken_over_from_the_latest_result() -> None:
    first, second = editions()
    assert "since" not in json.loads((done(first) / "manifest.json").read_text())
    since = json.loads((done(second) / "manifest.json").read_text())["since"]
    assert (since["result"], since["carried"]) == (str(done(first)), 19)
    whole = done(run("run", job(JOB.replace("portfolio.parquet", "two.parquet") + '[outputs]\nroot = "whole"')))
    assert without_times(done(second)) == without_times(whole)


def test_the_latest_of_the_same_options_is_taken_where_other_jobs_have_results_there_too() -> None:
    first, _ = editions()
    other = done(run("run", job(JOB.replace("portfolio.parquet", "one.parquet").replace("paths = 64", "paths = 80"), "other.toml")))
    assert other.parent == done(first).parent
    rows = [{**ROW, "asset_id": f"r{i}"} for i in range(19)]
    pq.write_table(table(rows), "three.parquet")
    third = run("run", job('since = "latest"\n' + JOB.replace("portfolio.parquet", "three.parquet")))
    since = json.loads((done(third) / "manifest.json").read_text())["since"]
    assert since["result"] != str(other)
    assert since["carried"] > 0


@pytest.mark.parametrize("content", ["{", "[]", '{"numerics_version": 1, "options": {}, "inputs": {}, "counts": {}, "files": []}'])
def test_rubbish_under_the_root_stops_no_night(content: str) -> None:
    first = done(run("run", job('since = "latest"\n' + JOB)))
    rubbish = first.with_name("rubbish")
    rubbish.mkdir()
    (rubbish / "manifest.json").write_text(content)
    (first.with_name("notes.txt")).write_text("mine")
    (first.with_name("link")).symlink_to("nowhere")
    pq.write_table(table(row_with(revenue=2.0)), "next.parquet")
    ran = run("run", job('since = "latest"\n' + JOB.replace("portfolio.parquet", "next.parquet")))
    assert json.loads((done(ran) / "manifest.json").read_text())["since"]["result"] == str(first)
    said = [line["text"] for line in lines(ran) if line["event"] == "warning"]
    assert sum(text.startswith(f"nothing is taken over from {rubbish}, and {first} is tried: {rubbish}/manifest.json: ") for text in said) == 1


def test_a_latest_result_that_nothing_can_be_taken_from_stops_no_night() -> None:
    _, second = editions(second_paths=80)
    assert "since" not in json.loads((done(second) / "manifest.json").read_text())
    said = [line["text"] for line in lines(second) if line["event"] in ("warning", "notice")]
    (told,) = (text for text in said if text.startswith("nothing is taken over, all rows are valued: "))
    assert "paths was 64 and is 80" in told
    assert "since" not in told


def test_an_earlier_result_that_is_named_must_do() -> None:
    ran = run("run", job('since = "nowhere"\n' + JOB))
    assert ran.code == 2
    assert "nowhere: is no results directory" in error(ran)


# ------------------------------------------------------------------------------------------------ bad job files


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "job.toml: portfolio is missing"),
        ('portfolio = ""', "job.toml: portfolio is '': it must be a name"),
        ("portfolio = 3", "job.toml: portfolio is 3: it must be text"),
        (JOB + "worker = 2", "job.toml: run: worker is not known: did you mean workers?"),
        (JOB.replace("[options]", "[option]"), "job.toml: option is not known: did you mean options?"),
        ('paths = 10\nportfolio = "p"', "job.toml: paths is not known above all tables: it belongs in [options]"),
        (JOB + "portfolio = 3", "job.toml: portfolio is not known in [run]: it belongs above all tables"),
        ('pathz = 10\nportfolio = "p"', "job.toml: pathz is not known"),
        (JOB.replace("paths = 64", "paths = 0"), "job.toml: options.paths is 0: it must be at least 1"),
        (JOB.replace("paths = 64", "paths = 1.5"), "job.toml: options.paths is 1.5: it must be a whole number"),
        (JOB.replace("paths = 64", "quantiles = [1.5]"), "job.toml: options.quantiles: 1.5 is no quantile: give numbers from 0 to 1"),
        (
            JOB.replace("paths = 64", "max_paths = 640"),
            "job.toml: options: max_paths is 640, and only a tolerance takes more than paths: give tolerance too, or paths alone",
        ),
        (JOB.replace('"sector"', '"sektor"'), "job.toml: groups.group_by: 'sektor' is no column of a portfolio: did you mean sector?"),
        (
            JOB + 'scheduler = "thread"',
            "job.toml: run.scheduler: 'thread' must be threads, processes or tcp://HOST:PORT (or tls://): did you mean threads?",
        ),
        (JOB + 'memory = "lots"', "job.toml: run.memory: 'lots' must be a size such as 8GiB or 500MB"),
        (JOB + "strict = 1", "job.toml: run.strict is 1: it must be true or false"),
        ("run = 3\n" + JOB.replace("[run]\nworkers = 1", ""), "job.toml: run is 3: it must be a table"),
        (JOB + 'memory = "1KiB"', "use fewer paths or workers, or allow more with memory"),
        ("portfolio = ", "job.toml: is not valid TOML"),
    ],
)
def test_a_bad_job_file_is_said_to_be_one(text: str, sentence: str) -> None:
    ran = run("run", job(text))
    assert (ran.code, ran.out) == (2, "")
    assert sentence in error(ran)
    assert "--" not in error(ran)
    assert not Path("results").exists()


def test_a_job_file_that_is_not_there() -> None:
    job()
    ran = run("run", "jab.toml")
    assert ran.code == 2
    assert error(ran) == "jab.toml: there is no such file: did you mean job.toml?"


def test_a_portfolio_that_is_not_there_is_named_as_it_was_looked_for() -> None:
    ran = run("run", job(JOB.replace("portfolio.parquet", "portfolio.parqet")))
    assert ran.code == 2
    assert error(ran).startswith(f"{Path.cwd()}/portfolio.parqet: there is no such file or directory")


def test_a_directory_with_what_no_run_wrote_is_left_alone() -> None:
    directory = done(run("run", job()))
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (directory / "notes.txt").write_text("mine")
    ran = run("run", "job.toml")
    assert ran.code == 2
    assert error(ran) == f"{directory}: holds notes.txt, which no run wrote, so nothing is written there: name another root in [outputs]"


# ------------------------------------------------------------------------------------------------ Python


def test_the_same_from_python() -> None:
    seen: list[tuple[int, int]] = []
    result = ipvalue.run(job(), progress=lambda rows, of: seen.append((rows, of)))
    assert seen[-1] == (4, 4)
    assert result.assets.num_rows == 4
    assert done(run("run", "job.toml")) == Path(result.location)


@pytest.mark.slow
def test_a_rule_beside_the_job_file() -> None:
    Path("jobs").mkdir()
    Path("jobs/flat.py").write_text("from ipvalue import cash_rule\n\n@cash_rule\ndef tenth(level, period):\n    return 0.1 * level\n")
    result = ipvalue.run(job(JOB.replace('portfolio = "', 'rule = "flat.py:tenth"\nportfolio = "../'), "jobs/job.toml"))
    assert result.manifest["options"]["rule"] == f"{Path.cwd()}/jobs/flat.py:tenth"
    assert result.manifest["options"]["backend"] == "numba"
