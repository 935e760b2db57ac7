"""What is damaged of a run is found and made again, or said."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from resumed import KEPT, essence, here, laid_out, stopped, value

import ipvalue
import ipvalue.execute
import ipvalue.journal
from ipvalue.execute import Interrupted
from ipvalue.schema import InputError
from ipvalue.totals import Totals

__all__ = ["here", "laid_out"]
pytestmark = pytest.mark.usefixtures("here")


def cut(path: str | Path, by: int = 1) -> None:
    os.truncate(path, Path(path).stat().st_size - by)


def flip(path: str | Path, place: float = 0.5) -> None:
    """Another bit at a part of the file's length."""
    content = bytearray(Path(path).read_bytes())
    content[int(len(content) * place)] ^= 1
    Path(path).write_bytes(content)


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


LOST = "out/.journal: is damaged, cut short or another version's, so there is nothing to go on from"


def lost(directory: str = "out") -> list[str]:
    """What the manifest says could not be gone on with."""
    found: list[str] = json.loads(Path(directory, "manifest.json").read_text())["time"].get("lost", [])
    return found


@pytest.mark.parametrize("damage", [*(partial(flip, place=place) for place in (0.0, 0.3, 0.6, 0.9, 0.99)), cut, partial(os.truncate, length=0)])
@pytest.mark.parametrize("overwrite", [False, True])
def test_with_a_damaged_journal_the_run_begins_again(damage: Callable[[str], None], overwrite: bool, caplog: pytest.LogCaptureFixture) -> None:
    stopped()
    damage("out/.journal")
    Path("out/assets/part-00077.parquet").write_bytes(b"of a run with more parts")
    value(resume=True, overwrite=overwrite)
    assert overwrite or f"{LOST}: the run begins again, and makes all of its parts" in caplog.text
    assert essence("out") == essence("undisturbed")
    assert lost() == ([] if overwrite else [LOST])


def test_a_run_that_began_again_and_is_stopped_goes_on_and_says_so_still(caplog: pytest.LogCaptureFixture) -> None:
    stopped()
    flip("out/.journal")
    stopped(resume=True)
    with caplog.at_level(logging.INFO, "ipvalue"):
        value(resume=True)
    assert "going on with the run in out: 4 parts are there" in caplog.text
    assert essence("out") == essence("undisturbed")
    assert lost() == [LOST]


def test_a_damaged_journal_of_a_run_that_was_to_replace_a_result() -> None:
    value(seed=2)
    before = essence("out")
    stopped(overwrite=True)
    (journal,) = Path("out").glob(".new-*/.journal")
    flip(journal)
    assert {name: content for name, content in essence("out").items() if not name.startswith(".new-")} == before
    value(overwrite=True, resume=True)
    assert essence("out") == essence("undisturbed")
    assert lost() == [LOST]


def test_without_resume_a_damaged_journal_is_a_run_that_was_stopped() -> None:
    stopped()
    flip("out/.journal")
    with pytest.raises(InputError, match="holds a run that was stopped: give --resume to go on with it"):
        value()
    assert Path("out/assets/part-00000.parquet").exists()


def test_a_damaged_manifest_is_said() -> None:
    value()
    cut("out/manifest.json", 1000)
    with pytest.raises(InputError, match=r"^out/manifest\.json: cannot be read"):
        value(resume=True)
    value(overwrite=True)
    assert essence("out") == essence("undisturbed")


def test_out_of_memory_what_is_kept_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched, caplog.at_level(logging.INFO, "ipvalue"):
        patched.setattr(ipvalue.execute, "write_tables", fail)
        with pytest.raises(MemoryError):
            value()
    assert caplog.messages == [f"9 of 9 {KEPT}"]
    value(resume=True)
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
