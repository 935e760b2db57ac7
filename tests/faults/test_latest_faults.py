"""A job since the latest result, of which something is damaged or lost: whenever that is found, the night's result is there in the morning."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROW, Ran, contents, installed, run, table
from cut_off import times_killed
from portfolios import random_portfolio

import ipvalue
from ipvalue import carry, since
from ipvalue.execute import Interrupted
from ipvalue.receipt import Receipt
from ipvalue.schema import RunError

pytestmark = pytest.mark.usefixtures("here")

ROWS, PART_ROWS = 40, 8
PARTS = ROWS // PART_ROWS
JOB = """\
portfolio = "{name}.parquet"
{since}
[options]
paths = 64
[groups]
group_by = ["sector"]
[run]
workers = 1
rows_per_task = 8
[outputs]
root = "{root}"
"""


def night(name: str, root: str = "results", since: str = "latest") -> str:
    """The job file of one night."""
    Path("job.toml").write_text(JOB.format(name=name, root=root, since=f'since = "{since}"' if since else ""))
    return "job.toml"


def done(ran: Ran) -> Path:
    assert ran.code == 0, ran.err
    return Path(ran.out.strip())


def warnings(ran: Ran) -> list[str]:
    lines = [json.loads(line) for line in ran.err.splitlines()]
    return [line["text"] for line in lines if line["event"] == "warning"]


def manifest(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return found


def files(directory: Path) -> dict[str, bytes]:
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


@pytest.fixture(autouse=True)
def earlier(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first night's result; the second night's portfolio has other figures in one row, and each part is a task of its own."""
    rows = [{**ROW, "asset_id": f"r{i}"} for i in range(ROWS)]
    pq.write_table(table(rows), "one.parquet")
    pq.write_table(table([rows[0], {**rows[1], "revenue": 2e6}, *rows[2:]]), "two.parquet")
    pq.write_table(table([rows[0], *rows[2:]]), "three.parquet")
    monkeypatch.setattr(since, "FRESH_TOGETHER", 0)
    return done(run("run", night("one")))


def fell_back(directory: Path, earlier: Path, reason: str) -> None:
    """The result is that of a run of everything, and its manifest says from which result nothing was taken over, and why."""
    assert files(directory) == files(done(run("run", night("two", "whole", since=""))))
    found = manifest(directory)
    assert "since" not in found
    (passed,) = found["passed_over"]
    assert passed["result"] == str(earlier)
    assert reason in passed["reason"]
    assert "--" not in passed["reason"]


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])


def edit(path: Path, change: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "sums": (lambda old: flip(old / "totals.arrow"), "totals.arrow: is not what was written there"),
    "no sums": (lambda old: (old / "totals.arrow").unlink(), "totals.arrow: is missing from the result"),
    "rejects": (lambda old: flip(old / "rejects.parquet"), "rejects.parquet: is not what was written there"),
    "a part": (lambda old: flip(old / "assets/part-00003.parquet"), "part-00003.parquet: is not what was written there"),
    "no part": (lambda old: (old / "assets/part-00003.parquet").unlink(), "part-00003.parquet: is missing from the result"),
    "manifest cut short": (lambda old: os.truncate(old / "manifest.json", 200), "manifest.json: cannot be read"),
    "no manifest": (lambda old: (old / "manifest.json").unlink(), "is no results directory (it has no manifest.json)"),
    "a number in the manifest": (
        lambda old: edit(old / "manifest.json", lambda one: one["files"][0].update(rows=PART_ROWS + 1)),
        "manifest.json: is not what was written there",
    ),
    "a name in the manifest": (
        lambda old: edit(old / "manifest.json", lambda one: one["inputs"].update(marked=one["inputs"].pop("market"))),
        "manifest.json: was not written by ipvalue value",
    ),
    "a key of a file in the manifest": (
        lambda old: edit(old / "manifest.json", lambda one: one["files"][-1].update(raws=one["files"][-1].pop("rows"))),
        "manifest.json: was not written by ipvalue value",
    ),
    "the name of a file in the manifest": (
        lambda old: edit(old / "manifest.json", lambda one: one["files"][-1].update(name="totalz.arrow")),
        "manifest.json: is not what was written there",
    ),
    "a rate in the manifest": (
        lambda old: edit(old / "manifest.json", lambda one: one["inputs"]["market"]["content"]["curves"]["CNY"].update(rates=[0.02] * 4)),
        "manifest.json: is not what was written there",
    ),
    "the portfolio": (lambda old: pq.write_table(table([ROW]), "one.parquet"), "one.parquet: is not what it was when it was valued"),
    "no portfolio": (lambda old: Path("one.parquet").unlink(), "one.parquet: there is no such file"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_that_is_there_at_the_start(name: str, earlier: Path) -> None:
    damage, reason = DAMAGE[name]
    damage(earlier)
    ran = run("run", night("two"))
    (warned,) = warnings(ran)
    assert warned.startswith("nothing is taken over, all rows are valued: ")
    assert reason in warned
    fell_back(done(ran), earlier, reason)


def test_other_assumptions_in_the_manifest_than_it_has_the_hash_of(earlier: Path) -> None:
    """They are read where those of tonight are others."""
    edit(earlier / "manifest.json", lambda one: one["inputs"]["assumptions"]["content"].update(defaults={"trademark": {"tax_rate": 0.11}}))
    Path("market.toml").write_text(MARKET.replace("0.017", "0.018"))
    ran = run("run", night("one"))
    (warned,) = warnings(ran)
    assert f"{earlier}/manifest.json: is not what was written there" in warned
    assert files(done(ran)) == files(done(run("run", night("one", "whole", since=""))))


def test_an_earlier_portfolio_that_is_not_needed_may_change(earlier: Path) -> None:
    """Where most rows are others all are valued, and it plays no part."""
    pq.write_table(table([{**ROW, "asset_id": f"r{i}", "revenue": 3e6} for i in range(ROWS)]), "two.parquet")
    result = ipvalue.run(night("two"), progress=lambda *_: Path("one.parquet").unlink(missing_ok=True))
    assert result.manifest["since"]["carried"] == 0
    assert "passed_over" not in result.manifest


@pytest.mark.parametrize("name", ["a part", "no part", "the portfolio", "no portfolio"])
def test_damage_that_comes_when_parts_are_written_already(name: str, earlier: Path) -> None:
    damage, reason = DAMAGE[name]
    told: list[int] = []

    def progress(rows: int, of: int) -> None:
        told.append(rows)
        if len(told) == 2:
            assert len(list(Path("results").glob("*/assets/part-*.parquet"))) == PARTS + 2
            damage(earlier)

    result = ipvalue.run(night("two"), progress=progress)
    assert told.count(PART_ROWS) == 2  # of the run since the earlier result, and of that of everything
    fell_back(Path(str(result.location)), earlier, reason)


def stopped_after(parts: int) -> Path:
    """The second night, stopped when so many parts are done since the earlier result, and begun."""
    told = 0

    def progress(rows: int, of: int) -> None:
        nonlocal told
        told += 1
        if told == parts:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=rf"stopped; {parts} of {PARTS} parts are kept"):
        ipvalue.run(night("two"), progress=progress)
    (directory,) = (path.parent for path in Path("results").resolve().glob("*/.journal"))
    return directory


@pytest.mark.parametrize("name", ["sums", "no part", "manifest cut short", "no portfolio"])
def test_damage_that_comes_while_the_run_is_stopped(name: str, earlier: Path) -> None:
    damage, reason = DAMAGE[name]
    directory = stopped_after(2)
    damage(earlier)
    ran = run("run", night("two"))
    assert done(ran) == directory
    assert len(warnings(ran)) == 1
    fell_back(directory, earlier, reason)


@pytest.mark.parametrize("fault", [False, True])
def test_a_job_whose_journal_is_damaged_begins_again(fault: bool, earlier: Path) -> None:
    """Beside the earlier result, where that is still whole."""
    directory = stopped_after(2)
    journal = directory / ".journal"
    journal.write_bytes(journal.read_bytes()[:-1])
    if fault:
        (earlier / "totals.arrow").unlink()
    ran = run("run", night("two"))
    assert done(ran) == directory
    said = f"{journal}: is damaged, cut short or another version's, so there is nothing to go on from"
    assert f"{said}: the run begins again, and makes all of its parts" in ran.err
    assert manifest(directory)["time"]["lost"] == [said]
    assert ("since" in manifest(directory)) is not fault
    assert files(directory) == files(done(run("run", night("two", "whole", since=""))))


def test_a_run_that_fell_back_and_is_stopped_goes_on_as_it_then_was(earlier: Path) -> None:
    """Whatever became of the earlier result meanwhile."""
    directory = stopped_after(2)
    part = earlier / "assets/part-00003.parquet"
    whole = part.read_bytes()
    part.unlink()
    begun = 0

    def progress(rows: int, of: int) -> None:
        nonlocal begun
        begun += rows == PART_ROWS
        if begun and rows == 3 * PART_ROWS:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=rf"stopped; 3 of {PARTS} parts are kept"):
        ipvalue.run(night("two"), progress=progress)
    part.write_bytes(whole)
    ran = run("run", night("two"))
    assert done(ran) == directory
    assert f"going on with the run in {directory}: 3 parts are there" in ran.err
    assert warnings(ran) == []
    fell_back(directory, earlier, "part-00003.parquet: is missing from the result")
    assert manifest(directory)["time"]["sessions"] == 2


def test_the_result_before_the_latest_is_tried_next(earlier: Path) -> None:
    latest = done(run("run", night("two")))
    (latest / "rejects.parquet").unlink()
    ran = run("run", night("three"))
    (warned,) = warnings(ran)
    assert warned.startswith(f"nothing is taken over from {latest}, and {earlier} is tried: {latest}/rejects.parquet: is missing from the result")
    found = manifest(done(ran))
    assert (found["since"]["result"], found["since"]["carried"]) == (str(earlier), ROWS - 1)
    assert [one["result"] for one in found["passed_over"]] == [str(latest)]
    assert files(done(ran)) == files(done(run("run", night("three", "whole", since=""))))


def test_a_run_that_fails_for_another_reason_is_not_begun_again(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran_so_far = 0

    def fail(task: Any, renewal: Any) -> Receipt:
        nonlocal ran_so_far
        ran_so_far += 1
        if ran_so_far > 2:
            raise RunError("the lights went out")
        return carry.run_renewal(task, renewal)

    with monkeypatch.context() as patched:
        patched.setattr(since, "run_renewal", fail)
        ran = run("run", night("two"))
    assert (ran.code, ran_so_far, warnings(ran)) == (1, 3, [])
    directory = done(run("run", night("two")))
    found = manifest(directory)
    assert (found["since"]["carried"], found["time"]["sessions"]) == (ROWS - 1, 2)
    assert "passed_over" not in found


@pytest.mark.parametrize(("name", "code"), [("sums", 2), ("no portfolio", 2), ("no manifest", 2), ("no part", 1)])
def test_a_result_that_is_named_must_be_whole(name: str, code: int, earlier: Path) -> None:
    damage, reason = DAMAGE[name]
    damage(earlier)
    ran = run("run", night("two", since=str(earlier)))
    assert (ran.code, ran.out, warnings(ran)) == (code, "", [])
    assert reason in json.loads(ran.err.splitlines()[-1])["text"]


@pytest.mark.slow
def test_killed_at_any_instant() -> None:
    """Before it is found out that a part is lost, while all rows are valued instead, and as that ends."""
    draw = random.Random(3)
    rows = random_portfolio(3000)
    revenue = rows["revenue"].to_pylist()
    revenue[7::50] = [1.01 * one if one else one for one in revenue[7::50]]
    pq.write_table(rows, "one.parquet")
    pq.write_table(rows.set_column(rows.schema.get_field_index("revenue"), "revenue", [revenue]), "two.parquet")
    size = {"paths = 64": "paths = 3000", "rows_per_task = 8": "rows_per_task = 100"}

    def sized(name: str, root: str = "large", since: str = "latest") -> str:
        text = Path(night(name, root, since)).read_text()
        for before, after in size.items():
            text = text.replace(before, after)
        Path("job.toml").write_text(text)
        return "job.toml"

    earlier = done(run("run", sized("one")))
    (earlier / "assets/part-00029.parquet").unlink()
    clock = time.monotonic()
    whole = done(installed("run", sized("two", "whole", "")))
    usual = time.monotonic() - clock
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", "run", sized("two")]
    assert times_killed(command, [0.2 * usual, *(draw.uniform(0.3, 1.2) * usual for _ in range(8))])  # however the machine's load changes
    directory = done(installed("run", "job.toml"))
    assert files(directory) == files(whole)
    assert [one["result"] for one in manifest(directory)["passed_over"]] == [str(earlier)]
