"""A run that was stopped goes on: with the bytes of one that was not, with whatever has been damaged made again, and with nothing else."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from portfolios import ASSUMPTIONS, market, random_portfolio
from resumed import PARTS, Stop, essence, lay_out, value

import ipvalue.execute
import ipvalue.journal
from ipvalue.execute import Interrupted
from ipvalue.schema import InputError, RunError
from ipvalue.totals import Totals

KEPT = "parts are kept in out: the same command with --resume goes on"


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs, and in `undisturbed` what a run of them comes to."""
    folder = tmp_path_factory.mktemp("laid-out")
    lay_out(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        value("undisturbed")
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, laid_out: Path) -> Iterator[Path]:
    """The current directory, with copies of it all."""
    shutil.copytree(laid_out, tmp_path, dirs_exist_ok=True)
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def stopped(parts: int = 4, **options: Any) -> None:
    """Begins a run and stops it."""
    with pytest.raises(Interrupted, match=rf"^stopped; \d+ of \d+ {KEPT}$"):
        value(progress=Stop(parts), **options)


def refused(*sentences: str, **options: Any) -> None:
    """To go on is refused with these sentences, and nothing is touched."""
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    with pytest.raises(InputError) as error:
        value(resume=True, **options)
    head = "out: holds a run of something else: name another --out, or give --overwrite to start again"
    assert str(error.value).splitlines() == [head, *(f"  {sentence}" for sentence in sentences)]
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == before


def cut(path: str | Path, by: int = 1) -> None:
    os.truncate(path, Path(path).stat().st_size - by)


def flip(path: str | Path, place: float = 0.5) -> None:
    """Another bit at a part of the file's length."""
    content = bytearray(Path(path).read_bytes())
    content[int(len(content) * place)] ^= 1
    Path(path).write_bytes(content)


# ------------------------------------------------------------------------------------------------ the same bytes


@pytest.mark.parametrize("parts", [1, 4, PARTS])
def test_a_stopped_run_goes_on(parts: int) -> None:
    stopped(parts)
    told = Stop(0)
    result = value(resume=True, progress=told)
    assert essence("out") == essence("undisturbed")
    assert result.manifest["time"]["sessions"] == 2
    done = [one for one, _ in told.told]
    assert done == sorted(set(done))
    assert 0 < done[0] < done[-1] == 60 or parts == PARTS
    assert result.manifest["counts"]["rejected"] == len(pc.unique(result.rejects["row"])) == 4


def test_only_what_was_not_done_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(4)
    seen = []
    run_task = ipvalue.execute.run_task
    monkeypatch.setattr(ipvalue.execute, "run_task", lambda task, run: (seen.append(task.number), run_task(task, run))[1])
    value(resume=True)
    assert sorted(seen) == [4, 5, 6, 7, 8] or sorted(seen) == [5, 6, 7, 8]  # one more may have been done while the run was being stopped


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"keep_paths": True}, id="kept paths"),
        pytest.param({"sampler": "sobol", "paths": 64}, id="sobol"),
        pytest.param({"tolerance": 0.03, "max_paths": 1600}, id="tolerance"),
        pytest.param({"precision": "double", "group_by": ()}, id="double, no groups"),
    ],
)
def test_every_kind_of_run(options: dict[str, Any]) -> None:
    value("fresh", **options)
    stopped(3, **options)
    value(resume=True, **options)
    assert essence("out") == essence("fresh")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"workers": 3}, id="more threads"),
        pytest.param({"memory": "1GiB"}, id="less memory"),
        pytest.param({"scheduler": "processes", "workers": 2}, id="processes"),
        pytest.param({"backend": "numba"}, id="numba", marks=pytest.mark.slow),
    ],
)
def test_how_it_is_made_may_be_another(options: dict[str, Any]) -> None:
    stopped(3)
    value(resume=True, **options)
    assert essence("out") == essence("undisturbed")


def test_several_stops_in_a_row() -> None:
    for _ in range(3):
        stopped(2, resume=True)
    assert value(resume=True).manifest["time"]["sessions"] == 4
    assert essence("out") == essence("undisturbed")


def test_nothing_to_go_on_with_is_a_start() -> None:
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def test_a_finished_run_is_looked_through(caplog: pytest.LogCaptureFixture) -> None:
    value()
    before = essence("out")
    with caplog.at_level(logging.INFO, "ipvalue"):
        value(resume=True)
    assert essence("out") == before
    assert caplog.messages == ["the result in out is complete: nothing was left to do"]


def _csv(table: pa.Table) -> pa.Table:
    """Without the columns that a CSV file cannot hold."""
    return table.select([field.name for field in table.schema if not pa.types.is_nested(field.type)])


@pytest.mark.parametrize("kind", ["csv", "ipc", "directory", "memory"])
def test_every_kind_of_portfolio(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = _csv(random_portfolio(40))
    portfolio: object = table
    if kind == "csv":
        pacsv.write_csv(table, portfolio := "p.csv")
    elif kind == "ipc":
        with pa.ipc.new_file(portfolio := "p.arrow", table.schema) as writer:
            writer.write_table(table, max_chunksize=30)
    elif kind == "directory":
        (portfolio := Path("parts")).mkdir()
        for i in (0, 1):
            pq.write_table(table.slice(20 * i, 20), portfolio / f"{i}.parquet")
    value("fresh", portfolio)
    stopped(2, portfolio=portfolio)
    monkeypatch.setattr(tempfile, "tempdir", str(Path.cwd()))  # where copies lie is no part of what the run is of
    value(resume=True, portfolio=portfolio)
    assert essence("out") == essence("fresh")


def test_from_another_directory() -> None:
    """Files may be named otherwise than at first only where no result shows their names."""
    stopped()
    Path("elsewhere").mkdir()
    out = Path("out").resolve()
    os.chdir("elsewhere")
    with pytest.raises(InputError, match=r"\n  \.\./p\.parquet was named p\.parquet when the run began: name it so again$"):
        value(out, "../p.parquet", assumptions="../a.toml", resume=True)
    os.chdir("..")
    value(out, assumptions=Path("a.toml").resolve(), resume=True)
    assert essence("out") == essence("undisturbed")


# ------------------------------------------------------------------------------------------------ damage


@pytest.mark.parametrize("damage", [cut, flip, os.remove])
def test_a_damaged_part_of_a_stopped_run_is_made_again(damage: Callable[[str], None], caplog: pytest.LogCaptureFixture) -> None:
    stopped()
    damage("out/assets/part-00001.parquet")
    with caplog.at_level(logging.INFO, "ipvalue"):
        value(resume=True)
    assert "of which 1 are damaged and made again" in caplog.text
    assert essence("out") == essence("undisturbed")


@pytest.mark.parametrize("damage", [cut, flip, os.remove])
@pytest.mark.parametrize("name", ["assets/part-00003.parquet", "groups.parquet", "totals.arrow", "rejects.parquet"])
def test_a_damaged_file_of_a_result_is_made_again(name: str, damage: Callable[[str], None]) -> None:
    value()
    damage(f"out/{name}")
    value(resume=True)
    assert essence("out") == essence("undisturbed")


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.9, 0.99])
def test_a_damaged_journal_is_said(place: float) -> None:
    stopped()
    flip("out/.journal", place)
    sentence = "out/.journal: is damaged, cut short or another version's, so there is nothing to go on from"
    with pytest.raises(InputError, match=f"^{sentence}: give --overwrite without --resume to start again, or name another --out$"):
        value(resume=True)
    value(overwrite=True, resume=True)
    assert essence("out") == essence("undisturbed")


def test_a_journal_that_is_cut_short_is_said() -> None:
    stopped()
    for size in (100, 0):
        os.truncate("out/.journal", size)
        with pytest.raises(InputError, match="is damaged, cut short or another version's"):
            value(resume=True)


def test_a_damaged_manifest_is_said() -> None:
    value()
    cut("out/manifest.json", 1000)
    with pytest.raises(InputError, match=r"^out/manifest\.json: cannot be read"):
        value(resume=True)
    value(overwrite=True)
    assert essence("out") == essence("undisturbed")


def test_half_a_receipt_is_never_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt may come between any two lines: a part that is counted has its sums as well, or is made again."""
    merge, calls = Totals.merge, []

    def interrupted(totals: Totals, other: Totals) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        merge(totals, other)

    monkeypatch.setattr(Totals, "merge", interrupted)
    monkeypatch.setattr(ipvalue.journal, "MOST_OF_TIME", 1.0)
    with pytest.raises(Interrupted, match=r"^stopped; [12] of 9 parts are kept"):
        value()
    value(resume=True)
    assert essence("out") == essence("undisturbed")


# ------------------------------------------------------------------------------------------------ another run


def test_other_options_are_refused() -> None:
    stopped()
    refused("options.paths was 200 and is 300", "options.quantiles[0] was 0.05 and is 0.1", paths=300, quantiles=(0.1, 0.25, 0.5, 0.75, 0.95))
    refused("options.group_by[0] was sector and is right_type", group_by=("right_type",))
    refused("options.max_paths was nothing and is 12800", "options.tolerance was nothing and is 0.1", tolerance=0.1)
    value(resume=True)


def test_another_market_is_refused() -> None:
    stopped()
    curves = market()["curves"]
    other = {**market(), "fx": {"USD": 7.2, "EUR": 8.2}, "curves": {**curves, "CNY": {**curves["CNY"], "rates": [0.015, 0.017, 0.02, 0.022]}}}
    refused("market: curves.CNY.rates[2] was 0.019 and is 0.02", "market: fx.USD was 7.1 and is 7.2", market=other)
    value(resume=True, market=dict(reversed(market().items())))


def test_another_assumption_is_refused() -> None:
    stopped()
    Path("b.toml").write_text(ASSUMPTIONS.replace("discount_premium = 0.06", "discount_premium = 0.07"))
    refused("assumptions: defaults.trademark.discount_premium", assumptions="b.toml")
    Path("b.toml").write_text(f"# the same\n{ASSUMPTIONS}")
    value(resume=True, assumptions="b.toml")


def test_another_portfolio_is_refused() -> None:
    stopped()
    shutil.copy("p.parquet", "kept.parquet")
    pq.write_table(random_portfolio(61), "p.parquet")
    refused("p.parquet has other content than before (60 rows, now 61)")
    shutil.move("kept.parquet", "p.parquet")
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def test_a_file_more_or_less_is_refused() -> None:
    Path("parts").mkdir()
    for name in ("a", "b"):
        pq.write_table(random_portfolio(20, seed=ord(name)).set_column(0, "asset_id", [[f"{name}{i}" for i in range(20)]]), f"parts/{name}.parquet")
    stopped(2, portfolio="parts")
    shutil.copy("p.parquet", "parts/c.parquet")
    refused("parts/c.parquet is new in the portfolio", portfolio="parts")
    os.remove("parts/c.parquet")
    os.remove("parts/a.parquet")
    refused("parts/a.parquet was in the portfolio and is not", portfolio="parts")


RULE = """from ipvalue import cash_rule


@cash_rule
def share(level, period):
    return 0.01 * level
"""


@pytest.mark.slow
def test_a_rule_goes_on_and_another_is_refused() -> None:
    pq.write_table(random_portfolio(40).drop_columns("renewal"), "p.parquet")  # which a rule cannot have
    Path("shares.py").write_text(RULE)
    value("fresh", rule="shares.py:share")
    stopped(2, rule="shares.py:share")
    Path("shares.py").write_text(RULE.replace("0.01", "0.02"))
    with pytest.raises(InputError, match=r"something else.*\n  rule\.sha256 was [0-9a-f]+…? and is"):
        value(resume=True, rule="shares.py:share")
    Path("shares.py").write_text(RULE)
    value(resume=True, rule="shares.py:share")
    assert essence("out") == essence("fresh")


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ipvalue.manifest

    stopped()
    monkeypatch.setattr(ipvalue.manifest, "version", lambda _: "9.9")
    refused("ipvalue was 0.1.0 and is 9.9", paths=77)


def test_another_result_is_refused() -> None:
    value(paths=100)
    refused("options.paths was 100 and is 200")


def test_without_resume_it_is_said_how() -> None:
    stopped()
    with pytest.raises(InputError, match=r"^out: holds a run that was stopped: give --resume to go on with it, name another --out, or give"):
        value()


def test_a_stopped_replacement_is_offered() -> None:
    value(paths=100)
    stopped(overwrite=True)
    sentence = "out: holds a result: give --overwrite --resume to go on with the one that was to replace it, name another --out, or give --overwrite"
    with pytest.raises(InputError, match=f"^{sentence} to replace it$"):
        value()
    value(overwrite=True, resume=True)
    assert essence("out") == essence("undisturbed")


# ------------------------------------------------------------------------------------------------ inputs that change meanwhile


def rewritten() -> None:
    """The file as it was, and yet written anew: its times differ."""
    shutil.copy("p.parquet", "copy")
    os.replace("copy", "p.parquet")


def test_a_file_that_is_written_anew_with_the_same_content() -> None:
    value(progress=Stop(3, rewritten))
    assert essence("out") == essence("undisturbed")


@pytest.mark.parametrize("at", [2, PARTS])
@pytest.mark.parametrize("then", ["goes on", "is stopped"])
def test_a_file_that_changes_ends_the_run_and_nothing_is_kept(at: int, then: str) -> None:
    def change() -> None:
        pq.write_table(random_portfolio(60, seed=3), "p.parquet", row_group_size=20)
        if then == "is stopped":
            raise KeyboardInterrupt

    with pytest.raises(InputError, match=r"^p\.parquet: changed while it was being valued, so nothing of the run is kept: start again$"):
        value(progress=Stop(at, change))
    assert not Path("out").exists()


@pytest.mark.parametrize("at", [2, PARTS])
def test_a_file_that_vanishes_ends_the_run_and_what_is_done_is_kept(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipvalue.journal, "MOST_OF_TIME", 1.0)  # a record after each part
    gone = Stop(at, lambda: os.rename("p.parquet", "away"))
    with pytest.raises(RunError, match=rf"^p\.parquet: cannot be found or read any more: put it back as it was; \d of 9 {KEPT}$"):
        value(progress=gone)
    os.rename("away", "p.parquet")
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def in_a_process(code: str) -> str:
    """What a process of its own prints: it may be one that dies."""
    code = f"import os, sys\nsys.path[:0] = {sys.path!r}\n{code}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_file_that_is_cut_short_is_a_sentence(kind: str) -> None:
    path, table = f"q.{kind}", random_portfolio(4000)
    if kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    else:
        pq.write_table(table, path, row_group_size=500)
    said = in_a_process(f"""
from resumed import Stop, value
import ipvalue
try:
    value("out", {path!r}, paths=10, rows_per_task=500, progress=Stop(2, lambda: os.truncate({path!r}, 8192)))
except ipvalue.InputError as error:
    print(error)
""")
    assert said == f"{path}: changed while it was being valued, so nothing of the run is kept: start again\n"
    assert not Path("out").exists()


def test_a_file_that_is_cut_short_between_two_batches() -> None:
    """Of a memory map, to touch what is lost would end the process."""
    table = random_portfolio(4000)
    with pa.ipc.new_file("q.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    said = in_a_process("""
from pathlib import Path
from ipvalue import InputError
from ipvalue.intake import open_portfolio
from ipvalue.intake.stored import stored_batches

unit, = open_portfolio("q.arrow", Path("spool")).units(4000)
batches = stored_batches(unit, ["asset_id", "revenue"])
first = next(batches)
os.truncate("q.arrow", 0)
first.validate(full=True)
try:
    next(batches)
except InputError as error:
    print(error)
""")
    assert said.startswith("q.arrow: cannot be read as file (File too short")


def test_a_file_that_changes_while_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipvalue.intake import sources

    digest = sources.digest
    monkeypatch.setattr(sources, "digest", lambda path: (digest(path), rewritten())[0])
    with pytest.raises(InputError, match=r"^p\.parquet: changed while it was being opened: start again when it is whole$"):
        value()


# ------------------------------------------------------------------------------------------------ one at a time

HOLD = """
import sys
from ipvalue.store import Store
with Store("out").locked():
    print(flush=True)
    sys.stdin.read()
"""


def test_two_runs_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        said = rf"^out: another run is writing there \(process {first.pid} on .+\): wait for it, or name another --out$"
        for flags in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(InputError, match=said):
                value(**flags)
        first.kill()
    assert Path("out/.lock").exists()  # but nobody holds it
    value()
    assert essence("out") == essence("undisturbed")


def test_a_file_system_without_locks_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    value()
    assert caplog.messages == ["out: its file system has no locks (No locks available): that no other run writes there meanwhile is left to you"]
    assert essence("out") == essence("undisturbed")


def test_a_directory_that_may_be_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the refusal is made here."""
    stopped()
    opened = Path.open

    def refuse(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if path.name.startswith(".") and set(mode) & set("wa"):
            raise PermissionError(13, "Permission denied")
        return opened(path, mode, *args, **more)

    before = sorted(Path("out").rglob("*"))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.raises(InputError, match=r"^out: writing is not permitted: name another --out or change its permissions$"):
            value(resume=True)
    assert sorted(Path("out").rglob("*")) == before
    value(resume=True)
    assert essence("out") == essence("undisturbed")
