"""`ipvalue plan`: what a run will take, from its own inputs and a sample of its rows, before anything is written."""

from __future__ import annotations

import errno
import inspect
import json
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROW, contents, run, table

import ipvalue
from ipvalue import planning
from ipvalue.calibration import Measured, Pool, Round, Used
from ipvalue.cli.plan import command as plan_command
from ipvalue.cli.value import command as value_command
from ipvalue.storage import writing
from ipvalue.store import Store

pytestmark = pytest.mark.usefixtures("here")

OPTIONS = ("--paths", 64, "--workers", 1)


def planned(*args: object) -> dict[str, Any]:
    ran = run("plan", *args, "--json")
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = json.loads(ran.out)
    return found


def refused(*args: object) -> str:
    ran = run("plan", *args)
    assert (ran.code, ran.out) == (2, "")
    return ran.sentence


def many(rows: int, **cells: Any) -> None:
    """A portfolio of so many rights, whose lives differ."""
    pq.write_table(table([{**ROW, "asset_id": f"r{i}", "life": 2.0 + i % 17, **cells} for i in range(rows)]), "portfolio.parquet")


def test_rows_periods_tasks_and_groups_are_those_of_the_run() -> None:
    """Lives of 8, 5.5, 8 and 10 years make 8, 6, 8 and 10 periods."""
    found = planned("portfolio.parquet", *OPTIONS, "--group-by", "sector,right_type")
    assert found["path_periods"] == 64 * (8 + 6 + 8 + 10)
    assert run("value", "portfolio.parquet", *OPTIONS, "--group-by", "sector,right_type").code == 0
    result = ipvalue.open_result("results")
    assert found["tasks"] == result.manifest["counts"]["tasks"]
    assert found["groups"] == result.groups.num_rows - 1
    assert (found["rows"], found["assets"], found["workers"], found["sampled"]) == (4, 4, 1, 4)


def test_a_job_file_is_planned_as_it_would_be_run() -> None:
    Path("job.toml").write_text('portfolio = "portfolio.parquet"\n[options]\npaths = 64\n[groups]\ngroup_by = ["sector"]\n[run]\nworkers = 1\n')
    exact = ("rows", "assets", "path_periods", "tasks", "groups", "workers")
    of_job, of_options = planned("job.toml"), planned("portfolio.parquet", *OPTIONS, "--group-by", "sector")
    assert {name: of_job[name] for name in exact} == {name: of_options[name] for name in exact}


def test_the_options_are_those_of_value() -> None:
    """But for what says how a run goes on and what its log is like."""
    ours, theirs = set(inspect.signature(plan_command).parameters), set(inspect.signature(value_command).parameters)
    assert theirs - ours == {"portfolio", "since", "resume", "overwrite", "strict", "log_json"}
    assert ours - theirs == {"source", "as_json", "loans", "ratings", "programmes", "policies", "policy", "pool", "tranche_ratings"}
    assert planned("portfolio.parquet", *OPTIONS, "--seed", 3, "--tail", 0.1)["assets"] == 4


def test_nothing_is_written() -> None:
    before = contents()
    planned("portfolio.parquet", *OPTIONS, "--keep-paths", "--out", "a/b")
    assert contents() == before
    assert not Path("a").exists()


def test_the_table_for_people() -> None:
    ran = run("plan", "portfolio.parquet", *OPTIONS)
    assert ran.code == 0
    heads = [line.split("  ")[0].strip() for line in ran.out.splitlines()]
    assert heads[:6] == ["rights", "path-periods", "tasks", "CPU time", "time", "memory"]
    assert "2,048" in ran.out
    assert "on 1 worker" in ran.out
    assert ran.out.splitlines()[-1].startswith("From 4 rights valued as a sample")
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_rows_that_would_be_set_aside_do_not_count() -> None:
    rows = [{**ROW, "asset_id": f"r{i}", "revenue": -1.0 if i < 2 else 1e6, "life": 8.0} for i in range(8)]
    rows[7]["royalty_rate"] = None
    rows[7]["method"] = "licence"
    pq.write_table(table(rows), "portfolio.parquet")
    valued = ipvalue.value("portfolio.parquet", paths=64).assets.num_rows
    found = planned("portfolio.parquet", *OPTIONS)
    assert (found["rows"], found["assets"]) == (8, valued)
    assert "1 row of 8 set aside" in run("plan", "portfolio.parquet", *OPTIONS).out or valued < 7


def test_no_row_that_can_be_valued() -> None:
    many(3, revenue=-1.0)
    assert refused("portfolio.parquet", *OPTIONS).startswith("none of the rows that were tried can be valued, so nothing can be planned")


def test_what_cannot_fit_is_refused_in_the_words_of_the_run() -> None:
    options = ("portfolio.parquet", "--paths", 10**7, "--group-by", "asset_id", "--memory", "1GiB")
    assert refused(*options) == run("value", *options).sentence
    assert "4 groups × 10,000,000 paths" in refused(*options)


def test_a_job_file_and_options_beside_it() -> None:
    Path("job.toml").write_text('portfolio = "portfolio.parquet"\n')
    assert refused("job.toml", "--paths", 3) == "job.toml: a job file says by itself what is run: write paths there"
    assert refused("job.toml", "--assumptions", "a.toml") == "job.toml: a job file says by itself what is run: write assumptions there"
    assert refused("jab.toml") == "jab.toml: there is no such file: did you mean job.toml?"


def test_options_are_checked_as_those_of_value() -> None:
    assert refused("portfolio.parquet", "--quantiles", "a") == "quantiles: 'a' must be numbers from 0 to 1 with commas between, as 0.05,0.5,0.95"
    assert refused("portfolio.parquet", "--sampler", "sobel").startswith("sampler is 'sobel': it must be")


@pytest.mark.parametrize("more", [(), ("--keep-paths",), ("--group-by", "right_type,sector")])
def test_the_disk_is_that_of_the_run(more: tuple[str, ...]) -> None:
    many(3_000)
    options = ("portfolio.parquet", "--paths", 200, "--workers", 1, *more)
    found = planned(*options)["disk_bytes"]
    assert run("value", *options).code == 0
    assert found == pytest.approx(sum(map(len, contents("results").values())), rel=0.1)


def test_of_very_many_groups_only_some_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each right is its own group, and the files have them all."""
    many(600)
    monkeypatch.setattr("ipvalue.calibration.MOST_SUMS", 200 * 50)
    found = planned("portfolio.parquet", "--paths", 200, "--workers", 1, "--group-by", "asset_id", "--out", "other")
    assert run("value", "portfolio.parquet", "--paths", 200, "--workers", 1, "--group-by", "asset_id").code == 0
    assert found["groups"] == 600
    assert found["disk_bytes"] == pytest.approx(sum(map(len, contents("results").values())), rel=0.1)


def test_a_disk_that_is_too_small_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 1000))
    ran = run("plan", "portfolio.parquet", *OPTIONS, "--out", "a/b")
    assert ran.code == 0
    assert "warning: a/b: about " in ran.err
    assert "of disk are needed, and 1,000 bytes are free: make room, or write elsewhere" in ran.err


def test_no_room_for_the_sample_is_said_of_the_place_that_it_goes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(store: Store, name: str, *_: object) -> None:
        with writing(f"{store.location}/{name}"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "write_parquet", full)
    ran = run("plan", "portfolio.parquet", *OPTIONS)
    assert ran.code == 1
    assert ran.sentence.startswith(f"{tempfile.gettempdir()}/ipvalue-plan-")
    assert ran.sentence.endswith(": the disk is full: free some space or set TMPDIR to another directory")


def test_the_sample_comes_from_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file sorted by life: its first rows are nothing like the whole."""
    rows = [{**ROW, "asset_id": f"r{i}", "life": 1.0 + i // 2_000} for i in range(40_000)]
    pq.write_table(table(rows), "portfolio.parquet", row_group_size=5_000)
    monkeypatch.setattr("ipvalue.calibration.MOST_ROWS", 2_000)
    found = planned("portfolio.parquet", "--paths", 16, "--workers", 1)
    assert found["sampled"] <= 2_000
    assert found["path_periods"] == pytest.approx(16 * 2_000 * sum(range(1, 21)), rel=0.1)


def test_from_python_and_what_comes_of_the_measured_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 s to begin with, 2 s of reading for 8 rows, 3 s a piece of 4 rows, 5 s at the end."""
    many(40)

    def measured(inputs: Any) -> Measured:
        used = [Used(cpu, cpu, 0) for cpu in (2.0, 1.0, 3.0, 3.0)]
        rounds = tuple(Round(1, rows, float(rows), one, 0.0) for rows, one in zip((1, 1, 4, 4), used, strict=True))
        batch = pa.record_batch({"asset_id": ["a", "b"]})
        pool = Pool(batch, np.array([3, 5]), np.array([0.5, 1.5]), 1.0, 8, Used(2.0, 2.0, 0), 0.0)
        return Measured(pool, rounds, 0, 1, 1, Used(5.0, 5.0, 0), 1, 0)

    monkeypatch.setattr(planning, "calibrate", measured)
    found = ipvalue.plan("portfolio.parquet", paths=10, workers=1, rows_per_task=4)
    assert found.path_periods == 40 * 4 * 10
    assert found.cpu_seconds == pytest.approx(1.0 + 2.0 * 40 / 8 + 3.0 * 10 + 5.0, abs=1.0)
    assert found.wall_seconds == pytest.approx(found.cpu_seconds, abs=2.0)
    larger = ipvalue.plan("portfolio.parquet", paths=10, workers=1, rows_per_task=8)
    assert larger.cpu_seconds == pytest.approx(1.0 + 2.0 * 40 / 8 + (3.0 + 4 * 2.0 / 3.0) * 5 + 5.0, abs=1.0)


@pytest.mark.parametrize("options", [{"scheduler": "processes", "workers": 2}, {"tolerance": 0.1, "max_paths": 256}, {"sampler": "sobol"}])
def test_other_ways_to_run(options: dict[str, Any]) -> None:
    many(50)
    found = ipvalue.plan("portfolio.parquet", paths=64, **options)
    assert found.assets == 50
    assert 0.0 < found.wall_seconds < 600.0
    assert found.memory_bytes >= found.program_bytes > 0
    assert found.working_bytes > found.disk_bytes > 0
