"""What the commands share: errors as sentences with exit codes, and progress."""

from __future__ import annotations

import inspect
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console
from typer.core import TyperCommand

from ipvalue.amounts import count as count
from ipvalue.schema import InputError, IpvalueError

LOG_SECONDS = 5.0

_NEEDS = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}
"""What an option's value must be, by the kind of pydantic error."""

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Command(TyperCommand):
    """A command whose usage errors name what was typed: "Invalid value for '--paths': 'many' must be a whole number"; and whose examples, the lines
    under "Examples:" in its docstring, stand in its help as they are typed, each on a line, however narrow the terminal."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.help, _, examples = inspect.cleandoc(self.help or "").partition("\n\nExamples:\n")
        self.examples = [line.strip() for line in examples.splitlines() if line.strip()]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """What it does, and examples."""
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in self.examples))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the options; exit 2 with a sentence where one cannot be read."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                detail = cause.errors()[0]
                if need := _NEEDS.get(detail["type"]):
                    error.message = f"{detail['input']!r} must be {need.format(**detail.get('ctx', {}))}"
            raise


@contextmanager
def errors_as_sentences(log_json: bool = False) -> Iterator[None]:
    """Errors go to stderr, one sentence a line: exit 2 for bad input or usage, 1 for a failed run, 130 when interrupted."""
    try:
        with _notices(log_json), _ended_as_interrupted():
            yield
    except IpvalueError as error:
        _say(str(error), log_json)
        raise typer.Exit(2 if isinstance(error, InputError) else 1) from None
    except KeyboardInterrupt as error:
        _say(str(error) or "stopped", log_json)
        raise typer.Exit(130) from None
    except MemoryError:
        _say("out of memory: use fewer --paths or --workers, or group by fewer columns", log_json)
        raise typer.Exit(1) from None
    except (typer.Exit, BrokenPipeError):
        raise
    except Exception as error:
        if os.environ.get("IPVALUE_DEBUG"):
            raise
        _say(f"a fault of ipvalue itself: {type(error).__name__}: {error}; please report it with what IPVALUE_DEBUG=1 prints", log_json)
        raise typer.Exit(1) from None


@contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """SIGTERM (of a batch system, or a machine that shuts down) stops a command as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _notices(log_json: bool) -> Iterator[None]:
    """What the library says meanwhile, through its logger, goes to stderr as well."""
    logger, handler = logging.getLogger("ipvalue"), _Notices(log_json)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class _Notices(logging.Handler):
    def __init__(self, log_json: bool) -> None:
        super().__init__()
        self._log_json = log_json

    def emit(self, record: logging.LogRecord) -> None:
        if self._log_json:
            log_line("warning" if record.levelno >= logging.WARNING else "notice", text=record.getMessage())
        else:
            err.print(f"ipvalue: {record.getMessage()}", markup=False)


def _say(text: str, log_json: bool) -> None:
    if log_json:
        log_line("error", text=text)
        return
    for line in text.splitlines():
        err.print(line if line.startswith(" ") else f"ipvalue: {line}", markup=False)


@contextmanager
def progress(log_json: bool, what: str, noun: str = "rights") -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, JSON lines on stderr with `log_json`, else nothing."""
    if log_json:
        yield _json_lines(what)
    elif err.is_terminal:
        from ipvalue.cli.bar import bar

        with bar(err, what, noun) as move:
            yield move
    else:
        yield lambda done, total: None


def _json_lines(what: str) -> Callable[[int, int], None]:
    started = time.monotonic()
    last = -LOG_SECONDS
    first: tuple[int, float] | None = None

    def log(done: int, total: int) -> None:
        nonlocal last, first
        seconds = time.monotonic() - started
        first = first or (done, seconds)
        if done == total or seconds - last >= LOG_SECONDS:
            last = seconds
            pace = _pace(done - first[0], total - done, seconds - first[1])
            log_line("progress", what=what, done=done, total=total, seconds=round(seconds, 3), **pace)

    return log


def _pace(done: int, left: int, seconds: float) -> dict[str, float]:
    """How many a second since the first was told of, and how many seconds the others will take; nothing where nothing can be said yet."""
    if done <= 0 or seconds <= 0.0:
        return {}
    return {"per_second": round(done / seconds, 3), "seconds_left": round(left * seconds / done, 1)}


def log_line(event: str, **fields: Any) -> None:
    """One JSON object on a line of stderr, with the time of day by which a night's log is read."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(json.dumps({"event": event, "time": now, **fields}), file=sys.stderr, flush=True)


def warn(warnings: tuple[str, ...], log_json: bool) -> None:
    """Each warning on a line of stderr."""
    for text in warnings:
        if log_json:
            log_line("warning", text=text)
        else:
            err.print(f"ipvalue: warning: {text}", markup=False)


def comma_list(text: str | None) -> tuple[str, ...] | None:
    """ "a, b" → ("a", "b")."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def quantile_list(text: str) -> tuple[float, ...]:
    """ "0.05, 0.5" → (0.05, 0.5). Raises InputError."""
    try:
        return tuple(float(part) for part in comma_list(text) or ())
    except ValueError:
        raise InputError(f"quantiles: {text!r} must be numbers from 0 to 1 with commas between, as 0.05,0.5,0.95") from None


def number_list(text: str | None, what: str) -> tuple[float, ...] | None:
    """ "0.01, 0.2" → (0.01, 0.2). Raises InputError."""
    try:
        return None if text is None else tuple(float(part) for part in comma_list(text) or ())
    except ValueError:
        raise InputError(f"{what}: {text!r} must be numbers with commas between, as 0.01,0.2") from None
