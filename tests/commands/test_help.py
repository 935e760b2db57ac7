"""Every command explains itself, in the flags of the interface, with an example."""

from __future__ import annotations

import os
import re
import shlex
from importlib.metadata import entry_points

import pytest
from commandline import installed, run
from typer.main import get_command
from typer.testing import CliRunner

import ipvalue.cli.schema
from ipvalue.cli import COMMANDS, app

FLAGS = {
    "value": {
        "--market", "--assumptions", "--out", "--paths", "--seed", "--sampler", "--tolerance", "--max-paths", "--precision", "--quantiles", "--tail",
        "--group-by", "--keep-paths",
        "--workers", "--scheduler", "--memory", "--backend", "--rule", "--premise", "--since", "--resume", "--overwrite", "--strict", "--log-json",
    },
    "init": set(),
    "export": {"--xlsx", "--top", "--overwrite", "--json"},
    "check": {"--market", "--assumptions", "--rule", "--limit", "--strict", "--json"},
    "scenarios": {
        "--list", "--show", "--library", "--statistics", "--market", "--assumptions", "--out", "--paths", "--seed", "--sampler", "--precision",
        "--quantiles", "--tail", "--group-by", "--workers", "--scheduler", "--memory", "--backend", "--rule", "--premise", "--resume", "--overwrite",
        "--log-json",
    },
    "sensitivities": {
        "--drivers", "--swing", "--indices", "--asset", "--sample", "--market", "--assumptions", "--out", "--paths", "--seed", "--sampler",
        "--precision", "--group-by", "--workers", "--scheduler", "--memory", "--backend", "--rule", "--premise", "--resume", "--overwrite",
        "--log-json",
    },
    "lend": {
        "--portfolio", "--market", "--assumptions", "--ratings", "--programmes", "--policies", "--policy", "--out", "--paths", "--seed", "--sampler",
        "--precision", "--quantiles", "--workers", "--scheduler", "--memory", "--backend", "--resume", "--overwrite", "--strict", "--log-json",
        "--pool", "--tranche-ratings", "--largest",
    },
    "reverse": {
        "--until", "--scenario", "--group", "--most", "--market", "--assumptions", "--paths", "--seed", "--sampler", "--precision", "--tail",
        "--group-by", "--workers", "--memory", "--premise", "--json", "--scheduler", "--backend", "--rule", "--log-json",
    },
    "schema": {"--format"},
    "assumptions": {"--assumptions", "--right-type", "--jurisdiction", "--sector", "--format"},
    "synthesize": {"--assets", "--out", "--profile", "--seed", "--loans"},
    "show": {"--top", "--group", "--asset", "--json"},
    "bench": {"--full", "--json"},
    "run": set(),
    "plan": {
        "--market", "--assumptions", "--out", "--paths", "--seed", "--sampler", "--tolerance", "--max-paths", "--precision", "--quantiles", "--tail",
        "--group-by", "--keep-paths", "--workers", "--scheduler", "--memory", "--backend", "--rule", "--premise", "--json",
        "--loans", "--ratings", "--programmes", "--policies", "--policy", "--pool", "--tranche-ratings",
    },
    "verify": {"--asset", "--loan", "--sample", "--evidence", "--out", "--seed", "--workers", "--backend", "--json", "--log-json"},
    "explain": {"--out", "--group-by", "--top", "--workers", "--scheduler", "--memory", "--json", "--log-json"},
    "calibrate implied": {
        "--driver", "--search", "--market", "--assumptions", "--paths", "--seed", "--sampler", "--precision", "--rule", "--premise", "--workers",
        "--scheduler", "--backend", "--out", "--json",
    },
    "calibrate history": {"--group", "--least-revenue", "--out", "--json"},
    "calibrate factors": {"--out", "--json"},
    "calibrate survival": {"--anchor", "--as-of", "--by", "--ages", "--name", "--out", "--json"},
    "report": {"--out", "--language"},
    "serve": {"--host", "--port", "--language", "--memory"},
}  # fmt: skip


@pytest.mark.parametrize("command", FLAGS)
def test_the_help_of_a_command(command: str) -> None:
    ran = run(*command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    listed = set(re.findall(r"^  (--[a-z-]+)", ran.out, re.MULTILINE))
    assert listed == {*FLAGS[command], "--help"}
    assert examples_of(ran.out), "the help has no example"


def examples_of(page: str) -> list[str]:
    """The command lines under "Examples:", each on a line of its own."""
    return re.findall(r"^  (ipvalue .+)$", page.partition("\nExamples:\n")[2].partition("\n\n")[0], re.MULTILINE)


@pytest.mark.parametrize("command", FLAGS)
def test_the_examples_of_a_command_parse(command: str) -> None:
    """They are read as they would be when typed, and nothing is run."""
    for example in examples_of(run(*command.split(), "--help").out):
        words = shlex.split(example)
        assert words[: 1 + len(command.split())] == ["ipvalue", *command.split()], example
        context, found = None, get_command(app)
        for name in command.split():
            context = found.make_context(name, [], parent=context, resilient_parsing=True)
            found = found.get_command(context, name)
        found.make_context(words[-1], words[1 + len(command.split()) :], parent=context)


def test_examples_are_whole_lines_on_a_narrow_terminal() -> None:
    assert examples_of(run("value", "--help", columns=40).out) == examples_of(run("value", "--help", columns=200).out)


def test_every_command_is_tested_and_says_of_itself_what_the_list_says() -> None:
    assert {name.split()[0] for name in FLAGS} == set(COMMANDS)
    for name, summary in COMMANDS.items():
        assert run(name, "--help").out.split("\n\n")[1].replace("\n  ", " ").strip() == summary


def test_the_commands_are_listed_in_whole_sentences() -> None:
    for command in FLAGS:
        *group, name = command.split()
        listed = installed(*group, "--help", env={**os.environ, "COLUMNS": "80"}).out  # two columns narrower than in this process
        assert re.search(rf"^  {name} +[A-Z]", listed, re.MULTILINE), command
        assert "..." not in listed.replace("[ARGS]...", "")
    assert re.search(r"^  calibrate +[A-Z]", run("--help").out, re.MULTILINE)


def test_a_fault_of_its_own_is_said_in_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(ipvalue.cli.schema, "describe", fail)
    result = CliRunner().invoke(app, ["schema"])
    assert (result.exit_code, result.stdout) == (1, "")
    expected = "ipvalue: a fault of ipvalue itself: ZeroDivisionError: division by zero; please report it with what IPVALUE_DEBUG=1 prints\n"
    assert result.stderr == expected


def test_the_command_is_installed() -> None:
    (point,) = entry_points(group="console_scripts", name="ipvalue")
    assert point.value == "ipvalue.cli:main"
    ran = installed("value", "--help")
    assert ran.code == 0
    assert "\nExamples:\n  ipvalue value " in ran.out
