"""Lays down what a first valuation needs, all of it or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

from ipvalue.schema import InputError
from ipvalue.starter.job_text import job_text
from ipvalue.starter.template import write_template
from ipvalue.storage import atomic, uninterrupted, writing

JOB, MARKET, PORTFOLIO_CSV, TEMPLATE, README = "job.toml", "market.toml", "portfolio.csv", "portfolio.xlsx", "README.md"

_GIVEN = {
    "portfolio": f'"{PORTFOLIO_CSV}"',
    "market": f'"{MARKET}"',
    "groups.group_by": '["sector"]',
    "outputs.root": '"results"',
}
_OF_TEMPLATE = (
    "| portfolio.xlsx | every column there is, as a workbook to fill in: each with a note, some with a list to choose from; "
    "six of the rights as examples |\n"
)
_TEMPLATE_EXAMPLES = 6


@dataclass(frozen=True)
class Started:
    """What was laid down: the directory, the names of its files, and the commands to go on with; left_out says what could not be written."""

    directory: str
    files: tuple[str, ...]
    commands: tuple[str, ...]
    left_out: str | None


def init(directory: str | Path) -> Started:
    """Writes job.toml, market.toml, portfolio.csv, portfolio.xlsx (where XlsxWriter is installed) and README.md into an absent or empty directory.

    Raises InputError where the directory holds anything or cannot be written to; then nothing of this is there.
    """
    name = str(directory)
    if not name.strip() or "://" in name:
        raise InputError(f"{name!r}: a job file lies on the machine that runs it: name a directory here")
    folder = Path(directory)
    _check_empty(folder, name)
    with_template = find_spec("xlsxwriter") is not None
    commands = _commands(name, with_template)
    texts = {
        JOB: job_text(_GIVEN),
        MARKET: _shipped(MARKET),
        PORTFOLIO_CSV: _shipped(PORTFOLIO_CSV),
        README: _shipped(README).format(
            template=_OF_TEMPLATE if with_template else "",
            workbook=" or portfolio.xlsx" if with_template else "",
            commands="\n    ".join(_commands(".", with_template)),
        ),
    }
    writers: dict[str, Callable[[Path], None]] = {file: _writer(text) for file, text in texts.items()}
    if with_template:
        writers[TEMPLATE] = lambda path: write_template(str(path), _shipped(PORTFOLIO_CSV), _TEMPLATE_EXAMPLES)
    _write_all(folder, name, writers)
    left_out = None if with_template else f"{TEMPLATE}, the workbook to fill in, is left out: it needs pip install 'ipvalue[xlsx]'"
    return Started(name, tuple(writers), commands, left_out)


def _commands(name: str, with_template: bool) -> tuple[str, ...]:
    """What to type next, from where the directory is called `name`."""
    inside = "" if name == "." else f"{quote(name.rstrip('/') or name)}/"
    return (
        f"ipvalue value {inside}{PORTFOLIO_CSV} --group-by sector --out {inside}valued",
        f"ipvalue show {inside}valued",
        f"ipvalue run {inside}{JOB}",
        *((f"ipvalue check {inside}{TEMPLATE}", f"ipvalue export {inside}valued --xlsx {inside}valued.xlsx") if with_template else ()),
    )


@cache
def _shipped(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _check_empty(folder: Path, name: str) -> None:
    with writing(name, InputError, "directory"):
        if os.path.lexists(folder) and not folder.is_dir():
            raise InputError(f"{name}: is a file, not a directory: name another")
        found = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise InputError(f"{name}: holds {found[0]}{more}, so nothing is written there: name an absent or empty directory")


def _writer(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with atomic(path) as file:
            file.write(text.encode())

    return write


def _write_all(folder: Path, name: str, writers: dict[str, Callable[[Path], None]]) -> None:
    """Writes the files; where one cannot be, none stays, nor a directory made for them."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with writing(name, InputError, "directory"):
            folder.mkdir(parents=True, exist_ok=True)
            for file, write in writers.items():
                write(folder / file)
    except BaseException:
        with uninterrupted():
            for file in writers:
                with suppress(OSError):
                    (folder / file).unlink(missing_ok=True)
            for path in missing:
                with suppress(OSError):
                    path.rmdir()
        raise
