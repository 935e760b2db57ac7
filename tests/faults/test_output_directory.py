"""Where results go: refused where they cannot, whole or not at all, and never at the cost of somebody's files."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commandline import ROWS, contents, installed, run, table, value

import ipvalue
import ipvalue.execute
import ipvalue.inputs
import ipvalue.journal
import ipvalue.work
from ipvalue.schema import RunError
from ipvalue.store import Store

pytestmark = pytest.mark.usefixtures("here")

MEBIBYTE = 1 << 20
DISK = 4 * MEBIBYTE


def names(directory: str = ".") -> set[str]:
    """Every file and directory under a directory, hidden ones too."""
    return {str(path.relative_to(directory)) for path in Path(directory).rglob("*")}


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("portfolio.parquet", "portfolio.parquet: is a file, not a directory: name another --out"),
        ("portfolio.parquet/out", "portfolio.parquet/out: a part of the path is a file, not a directory: name another --out"),
        ("/proc/out", "/proc/out: no directory can be made there: name another --out"),
    ],
)
def test_an_output_directory_that_cannot_be(out: str, sentence: str) -> None:
    before = contents()
    ran = value("portfolio.parquet", out=out)
    assert (ran.code, ran.out, ran.sentence) == (2, "", sentence)
    assert contents() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_directory_that_may_not_be_written() -> None:
    Path("closed").mkdir(mode=0o500)
    ran = value("portfolio.parquet", out="closed/out")
    assert ran.code == 2
    assert ran.sentence == "closed/out: writing is not permitted: name another --out or change its permissions"


def test_an_earlier_result_is_not_replaced_unasked() -> None:
    assert value("portfolio.parquet").code == 0
    before = contents()
    ran = value("portfolio.parquet")
    assert ran.code == 2
    assert ran.sentence == "out: holds a result: name another --out, or give --overwrite to replace it"
    assert contents() == before


def test_what_a_killed_run_left_behind_is_called_so() -> None:
    Path("out/assets").mkdir(parents=True)
    Path("out/assets/part-00000.parquet").write_bytes(b"half")
    assert (
        value("portfolio.parquet").sentence
        == "out: holds what a run that was killed left behind: name another --out, or give --overwrite to replace it"
    )
    assert value("portfolio.parquet", "--overwrite").code == 0


def test_a_directory_that_may_not_be_used_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert value("portfolio.parquet").code == 0
    monkeypatch.setattr(ipvalue.inputs, "open_portfolio", lambda *_: pytest.fail("the portfolio was opened"))
    assert value("portfolio.parquet").sentence == "out: holds a result: name another --out, or give --overwrite to replace it"


@pytest.mark.parametrize("flags", [(), ("--overwrite",)])
@pytest.mark.parametrize(
    "theirs", ["notes.txt", "assets/mine.parquet", "assets/part-00000.csv", "paths/deep/part-00000.arrow", ".hidden", "manifest.json/x"]
)
def test_other_peoples_files_are_never_touched(theirs: str, flags: tuple[str, ...]) -> None:
    path = Path("out") / theirs
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    Path("out/groups.parquet").write_text("a run's")
    before = names()
    ran = value("portfolio.parquet", *flags)
    assert ran.code == 2
    assert ran.sentence.startswith("out: holds ")
    assert ran.sentence.endswith(", which no run wrote, so nothing is written there: name another --out")
    assert names() == before
    assert path.read_text() == "mine"


def test_an_empty_directory_is_used() -> None:
    Path("out").mkdir()
    assert value("portfolio.parquet").code == 0
    assert "manifest.json" in contents("out")


def test_directories_on_the_way_are_made() -> None:
    assert value("portfolio.parquet", out="a/b/c").code == 0
    assert "manifest.json" in contents("a/b/c")


def test_a_directory_through_a_link() -> None:
    Path("real").mkdir()
    Path("link").symlink_to("real")
    assert value("portfolio.parquet", out="link").code == 0
    assert value("portfolio.parquet", "--overwrite", out="link").code == 0
    assert Path("link").is_symlink()
    assert "manifest.json" in contents("real")


# ------------------------------------------------------------------------------------------------ replaced


def test_an_earlier_result_is_replaced_when_asked() -> None:
    assert value("portfolio.parquet", "--keep-paths").code == 0
    pq.write_table(table(ROWS[:2]), "portfolio.parquet")
    assert value("portfolio.parquet", "--overwrite").code == 0
    assert value("portfolio.parquet", out="fresh").code == 0
    ours, fresh = contents("out"), contents("fresh")
    del ours["manifest.json"], fresh["manifest.json"]
    assert ours == fresh
    assert names("out") == names("fresh")


def test_what_a_killed_run_left_is_replaced() -> None:
    assert value("portfolio.parquet").code == 0
    (Path("out") / "manifest.json").unlink()
    part = "assets/.part-00000.parquet.0123456789abcdef0123456789abcdef"
    left = Path("out/.new-0123456789abcdef0123456789abcdef") / part
    left.parent.mkdir(parents=True)
    for path in (left, Path("out") / part):
        path.write_text("half")
    assert value("portfolio.parquet", "--overwrite").code == 0
    assert value("portfolio.parquet", out="fresh").code == 0
    assert names("out") == names("fresh")


# ------------------------------------------------------------------------------------------------ a run that fails on its way


@pytest.fixture
def fails_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is written but the manifest."""

    def fail(*_: object) -> None:
        raise RunError("the lights went out")

    monkeypatch.setattr(ipvalue.execute, "manifest_of", fail)


@pytest.mark.usefixtures("fails_late")
def test_a_failed_run_keeps_what_it_did() -> None:
    ran = value("portfolio.parquet", "--keep-paths", out="a/b/out")
    kept = f"{len(ROWS)} of {len(ROWS)} parts are kept in a/b/out: the same command with --resume goes on"
    assert (ran.code, ran.sentence) == (1, f"the lights went out; {kept}")
    assert {"a/b/out/.journal", "a/b/out/assets/part-00000.parquet"} < names()
    assert "a/b/out/.lock" not in names()


def test_a_run_that_fails_before_a_part_is_done_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RunError("the lights went out")

    before = names()
    monkeypatch.setattr(ipvalue.work, "run_task", fail)
    ran = value("portfolio.parquet", out="a/b/out")
    assert (ran.code, ran.sentence) == (1, "the lights went out")
    assert names() == before
    Path("out").mkdir()
    assert value("portfolio.parquet").code == 1
    assert names("out") == set()


def test_a_failed_run_keeps_the_earlier_result(request: pytest.FixtureRequest) -> None:
    assert value("portfolio.parquet", "--keep-paths").code == 0
    before = contents("out")
    request.getfixturevalue("fails_late")
    assert value("portfolio.parquet", "--overwrite").code == 1
    assert {name: content for name, content in contents("out").items() if not name.startswith(".new-")} == before


def test_a_run_without_a_row_left_keeps_the_earlier_result() -> None:
    assert value("portfolio.parquet").code == 0
    pq.write_table(table([{**row, "revenue": -1.0} for row in ROWS]), "bad.parquet")
    before, all_names = contents(), names()
    assert value("bad.parquet", "--overwrite").code == 2
    assert contents() == before
    assert names() == all_names


def test_an_interrupted_run_keeps_the_earlier_result_and_can_be_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    assert value("portfolio.parquet").code == 0
    before = contents("out")
    with monkeypatch.context() as patched:
        patched.setattr(ipvalue.execute, "write_tables", interrupt)
        ran = value("portfolio.parquet", "--overwrite", "--keep-paths")
    kept = f"stopped; {len(ROWS)} of {len(ROWS)} parts are kept in out: the same command with --resume goes on"
    assert (ran.code, ran.sentence) == (130, kept)
    assert {name: content for name, content in contents("out").items() if not name.startswith(".new-")} == before
    assert value("portfolio.parquet", "--overwrite", "--keep-paths", "--resume").code == 0
    assert value("portfolio.parquet", "--keep-paths", out="fresh").code == 0
    ours, fresh = contents("out"), contents("fresh")
    assert json.loads(ours.pop("manifest.json"))["time"]["sessions"] == 2
    del fresh["manifest.json"]
    assert ours == fresh
    assert names("out") == names("fresh")


def test_a_foreign_file_that_arrives_during_the_run_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    written = ipvalue.execute.write_tables

    def meanwhile(*args: object) -> object:
        Path("out/notes.txt").write_text("mine")
        Path("out/assets/mine.txt").write_text("mine")
        return written(*args)  # type: ignore[arg-type]

    assert value("portfolio.parquet").code == 0
    monkeypatch.setattr(ipvalue.execute, "write_tables", meanwhile)
    assert value("portfolio.parquet", "--overwrite").code == 0
    assert Path("out/notes.txt").read_text() == Path("out/assets/mine.txt").read_text() == "mine"
    assert run("show", "out").code == 0


# ------------------------------------------------------------------------------------------------ a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB: a result's manifest alone takes a third of one."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(mounted)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield mounted
    subprocess.run(["umount", str(mounted)], check=True)


FULL = "the disk is full: free some space or name another --out"


@pytest.mark.parametrize("flags", [(), ("--keep-paths",)])
def test_a_disk_that_fills_up(small_disk: Path, flags: tuple[str, ...]) -> None:
    ran = value("portfolio.parquet", *flags, paths=400_000, out=small_disk / "out")
    assert ran.code == 1
    assert ran.sentence.startswith(f"{small_disk}/out/")
    assert FULL in ran.sentence
    assert names(str(small_disk)) == set()  # a record of what was done had no room either, so nothing is said to be kept


def test_a_disk_that_fills_up_is_gone_on_with_when_there_is_room(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipvalue.journal, "MOST_OF_TIME", 1.0)  # a record after each part
    pq.write_table(table([{**ROWS[0], "asset_id": f"r{i}"} for i in range(60)]), "portfolio.parquet")
    ran = value("portfolio.parquet", "--keep-paths", paths=20_000, out=small_disk / "out")
    assert ran.code == 1
    kept = re.search(rf": {FULL}; (\d+) of \d+ parts are kept in {small_disk}/out: the same command with --resume goes on$", ran.sentence)
    assert kept
    assert int(kept[1]) > 0
    subprocess.run(["mount", "-o", f"remount,size={4 * DISK}", str(small_disk)], check=True)
    assert value("portfolio.parquet", "--keep-paths", "--resume", paths=20_000, out=small_disk / "out").code == 0
    assert value("portfolio.parquet", "--keep-paths", paths=20_000, out="fresh").code == 0
    ours, fresh = contents(small_disk / "out"), contents("fresh")
    del ours["manifest.json"], fresh["manifest.json"]
    assert ours == fresh


def test_a_disk_that_fills_up_keeps_the_earlier_result(small_disk: Path) -> None:
    assert value("portfolio.parquet", out=small_disk).code == 0
    before = contents(small_disk)
    assert value("portfolio.parquet", "--overwrite", paths=400_000, out=small_disk).code == 1
    assert {name: content for name, content in contents(small_disk).items() if not name.startswith(".new-")} == before
    assert value("portfolio.parquet", "--overwrite", paths=100, out=small_disk).code == 0
    assert json.loads((small_disk / "manifest.json").read_text())["options"]["paths"] == 100


def test_a_disk_that_is_full_from_the_start(small_disk: Path) -> None:
    (small_disk / "big").write_bytes(bytes(DISK - 4096 * 2))
    (small_disk / "rest").write_bytes(bytes(4096))
    before = names(str(small_disk))
    ran = value("portfolio.parquet", out=small_disk / "out")
    assert ran.code == 1
    assert ran.sentence.endswith(FULL)
    assert names(str(small_disk)) == before


def test_files_that_may_not_be_larger() -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MEBIBYTE, 2 * MEBIBYTE))  # room for the journal, and none for the totals

    args = ("value", "portfolio.parquet", "--paths", 100_000, "--out", "out")
    ran = installed(*args, preexec_fn=limit)
    assert ran.code == 1
    assert ran.sentence.startswith("out/totals.arrow: a file would be larger than may be written here: raise the limit (ulimit -f)")
    assert ran.sentence.endswith("; 4 of 4 parts are kept in out: the same command with --resume goes on")
    assert "out/.journal" in names()
    assert installed(*args, "--resume").code == 0


def test_no_room_for_the_copy_of_a_csv_file(small_disk: Path) -> None:
    row = "design,1000,0.05,5\n"
    Path("p.csv").write_text("asset_id,right_type,revenue,royalty_rate,life\n" + "".join(f"a{i},{row}" for i in range(160_000)))
    before = names()
    ran = installed("value", "p.csv", "--paths", 64, "--out", "out", env={**os.environ, "TMPDIR": str(small_disk)})
    assert ran.code == 1
    assert "the copy of p.csv cannot be written" in ran.sentence
    assert names() == before
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("how", [Path.unlink, lambda part: os.truncate(part, 100)], ids=["removed", "cut short"])
def test_a_part_that_others_take_away_during_the_run_is_missed(monkeypatch: pytest.MonkeyPatch, how: Callable[[Path], None]) -> None:
    """No manifest says that a part is there which is not."""
    part = Path("out/assets/part-00001.parquet")

    def spoil(done: int, total: int) -> None:
        if done == total:
            how(part)

    inputs = {"market": "market.toml", "paths": 64, "workers": 1, "out": "out"}
    kept = "3 of 4 parts are kept in out: the same command with --resume goes on"
    with pytest.raises(RunError, match=rf"^out/{part.relative_to('out')}: was taken away or changed by others while the run went on; {kept}$"):
        ipvalue.value("portfolio.parquet", progress=spoil, **inputs)  # type: ignore[arg-type]
    assert "out/manifest.json" not in names()
    assert value("portfolio.parquet", "--resume").code == 0
    assert value("portfolio.parquet", out="fresh").code == 0
    ours, fresh = contents("out"), contents("fresh")
    del ours["manifest.json"], fresh["manifest.json"]
    assert ours == fresh


def test_a_lock_that_cannot_be_removed_hides_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == ".lock":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    pq.write_table(table([{**row, "revenue": -1.0} for row in ROWS]), "bad.parquet")
    assert value("bad.parquet").sentences[0].startswith("no row can be valued")
    assert value("portfolio.parquet").code == 0


def test_what_a_dead_worker_left_half_written_is_swept_away() -> None:
    Path("out/assets").mkdir(parents=True)
    half, whole = Path("out/assets/.part-00003.parquet." + "a" * 32), Path("out/assets/part-00003.parquet")
    half.write_bytes(b"half")
    whole.write_bytes(b"whole")
    Store("out").sweep()
    assert [path.name for path in Path("out/assets").iterdir()] == [whole.name]
