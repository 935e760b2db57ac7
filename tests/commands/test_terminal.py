"""The first ten minutes at a terminal: a start that loads nothing, completion, progress, and plain text where no more can be shown."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest
from commandline import installed, run, value
from rich.console import Console

from ipvalue.cli import COMMANDS, common
from ipvalue.cli.common import progress

pytestmark = pytest.mark.usefixtures("here")

MAIN = "from ipvalue.cli import main; main()"
HEAVY = ("pyarrow", "numpy", "dask", "rich", "ipvalue.schema")


def at_a_terminal(*args: object, **env: str) -> str:
    """What a command writes to a terminal of its own, as it writes it."""
    leader, follower = pty.openpty()
    own = {name: text for name, text in os.environ.items() if name not in ("LC_ALL", "LANG", "NO_COLOR", "PYTHONIOENCODING", "COLUMNS")}
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, args)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**own, "TERM": "xterm-256color", "COLUMNS": "100", "LANG": "C.UTF-8", **env},
    )
    os.close(follower)
    written = b""
    while True:
        try:
            piece = os.read(leader, 1 << 16)
        except OSError:  # of Linux, where the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(leader)
    assert process.wait() == 0, written
    return written.decode()


# ------------------------------------------------------------------------------------------------ first screen, help, completion


@pytest.mark.parametrize("args", [[], ["--help"], ["--version"]])
def test_it_says_what_to_do_next_and_loads_nothing_for_it(args: list[str]) -> None:
    code = f"import sys; sys.argv = ['ipvalue', *{args}]; from ipvalue.cli import main\ntry:\n    main()\nexcept SystemExit as end:\n    "
    code += f"print([end.code or 0, *(name for name in {HEAVY} if name in sys.modules)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    *lines, ended = done.stdout.splitlines()
    assert ended == "[0]"
    assert {"": "  ipvalue init first", "--help": "Commands:", "--version": f"ipvalue {version('ipvalue')}"}["".join(args)] in lines


def test_no_line_of_the_first_screen_is_wider_than_a_terminal() -> None:
    assert max(map(len, installed().out.splitlines())) <= 100


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_without_loading_them(shell: str) -> None:
    env = {"bash": {"COMP_WORDS": "ipvalue s", "COMP_CWORD": "1"}, "zsh": {"_TYPER_COMPLETE_ARGS": "ipvalue s"}}
    env["fish"] = {**env["zsh"], "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    code = "import sys; sys.argv = ['ipvalue']; from ipvalue.cli import main\ntry:\n    main()\nexcept SystemExit:\n    "
    code += f"print([name for name in {HEAVY[:3]} if name in sys.modules])"
    more = {**os.environ, **env[shell], "_IPVALUE_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=more)
    *offered, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    assert set(re.findall(r"\w+", " ".join(offered))) >= {name for name in COMMANDS if name.startswith("s")}
    assert "verify" not in done.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ipvalue show --j", ["--json"]),
        ("ipvalue value p.csv --sampler s", ["sobol"]),
        ("ipvalue value p.csv --premise ", ["going_concern", "orderly", "forced"]),
        ("ipvalue calibrate s", ["survival"]),
    ],
)
def test_a_shell_completes_options_and_their_values(words: str, offered: list[str]) -> None:
    env = {"_IPVALUE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert completed(env).split() == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    assert f"_IPVALUE_COMPLETE=complete_{shell}" in completed({"_IPVALUE_COMPLETE": f"source_{shell}"})


def completed(env: dict[str, str]) -> str:
    """What a shell is told that asks for completions."""
    code = f"import sys; sys.argv = ['ipvalue']; {MAIN}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **env}).stdout


# ------------------------------------------------------------------------------------------------ what can be shown


def test_where_only_ascii_can_be_written_bars_are_made_of_hashes() -> None:
    assert value("portfolio.parquet", paths=256).code == 0
    ran = installed("show", "out", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (ran.code, ran.err, ran.out.isascii()) == (0, "", True)
    assert re.search(r"^ +[\d.]+ [a-z]* +- [\d.]+ [a-z]* +#+\.? \d+$", ran.out, re.MULTILINE)
    full = installed("show", "out", env={**os.environ, "PYTHONIOENCODING": "utf-8"}).out
    assert [len(line) for line in ran.out.splitlines()] == [len(line) for line in full.splitlines()]


@pytest.mark.parametrize("name", ["LANG", "LC_ALL"])
def test_a_terminal_in_the_plain_locale_is_shown_ascii(name: str) -> None:
    assert value("portfolio.parquet", paths=256).code == 0
    shown = at_a_terminal("show", "out", **{name: "C"})
    assert "##" in shown
    assert shown.isascii()
    assert "██" in at_a_terminal("show", "out")


def test_a_name_that_ascii_lacks_is_written_out() -> None:
    Path("目录").mkdir()
    Path("portfolio.parquet").rename("目录/p.parquet")
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = installed("value", "目录/p.parquet", "--market", "market.toml", "--paths", 4, "--out", "目录/out", env=env)
    assert ran.code == 0
    assert r"Results are in \u76ee\u5f55/out" in ran.out


def test_a_pipe_in_the_plain_locale_gets_paths_as_they_are() -> None:
    Path("job.toml").write_text('portfolio = "portfolio.parquet"\n[options]\npaths = 4\n[outputs]\nroot = "结果"\n')
    ran = installed("run", "job.toml", env={**os.environ, "LC_ALL": "C"})
    assert Path(ran.out.strip()).is_dir()


def test_colour_is_for_terminals_that_want_it() -> None:
    for name, seed in (("one", 1), ("two", 2)):
        assert value("portfolio.parquet", "--seed", seed, paths=256, out=name).code == 0
    coloured, attributes = re.compile(r"\x1b\[[0-9;]*3[0-7]m"), "\x1b["
    assert coloured.search(at_a_terminal("explain", "one", "two"))
    assert not coloured.search(at_a_terminal("explain", "one", "two", NO_COLOR="1"))
    assert attributes not in at_a_terminal("explain", "one", "two", TERM="dumb")
    assert attributes not in installed("explain", "one", "two").out


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    assert value("portfolio.parquet", paths=16).code == 0
    shown = subprocess.Popen([sys.executable, "-c", MAIN, "show", "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert shown.stdout is not None
    assert shown.stderr is not None
    shown.stdout.close()
    assert "Traceback" not in shown.stderr.read()
    assert shown.wait() in (0, 1)


# ------------------------------------------------------------------------------------------------ progress


def test_a_terminal_sees_how_many_how_fast_and_how_long_still(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr(common, "err", Console(file=screen, force_terminal=True, width=120, highlight=False))
    clock = iter(range(10_000))
    monkeypatch.setattr("rich.progress.Progress.get_time", lambda _: float(next(clock)), raising=False)
    with progress(False, "valuing") as show:
        for done in range(0, 300_000, 50_000):
            show(done, 300_000)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert "250,000/300,000 rights" in shown
    assert re.search(r"[\d,]+/s", shown)
    assert re.search(r"\d+:\d\d:\d\d left", shown)


def test_nothing_is_said_of_what_is_not_known_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr(common, "err", Console(file=screen, force_terminal=True, width=120, highlight=False))
    with progress(False, "valuing"):
        pass
    assert "/s" not in screen.getvalue()
    assert "left" not in screen.getvalue()
    assert "rights" not in screen.getvalue()


def test_a_log_has_the_pace_and_the_seconds_left(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 11.0, 21.0])
    monkeypatch.setattr(common.time, "monotonic", lambda: next(clock))
    with progress(True, "valuing") as show:
        for done in (100, 300, 500):
            show(done, 1000)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line.get("per_second"), line.get("seconds_left")) for line in lines] == [(None, None), (20.0, 35.0), (20.0, 25.0)]


def test_neither_a_terminal_nor_a_log_sees_nothing() -> None:
    ran = run("value", "portfolio.parquet", "--paths", 4, "--out", "out")
    assert (ran.code, ran.err) == (0, "")
