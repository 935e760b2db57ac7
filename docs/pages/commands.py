"""docs/commands.md: what each command takes is made from the commands themselves, between two markers; what stands outside is written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from ipvalue.cli import app
from pages.sources import ROOT

PAGE = ROOT / "docs" / "commands.md"
BLOCK = re.compile(r"<!-- made from the command: (?P<name>[\w ]+) -->\n.*?<!-- end -->\n", re.DOTALL)
EXAMPLE = re.compile(r"^ *(?:Example: )?(ipvalue .+)$", re.MULTILINE)
WIDE = 1000
"""Columns of the help that examples are read from: none is broken."""

VALUES = re.compile(r"<(.+)>$")
_VALUE = {"int": "N", "float": "X"}
"""What is typed for a value, by its type."""


def commands() -> dict[str, Any]:
    """Every command by what is typed after `ipvalue`, in the order of the help."""
    return dict(_walk(typer.main.get_command(app), ()))


def _walk(group: Any, above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name in group.list_commands(None):
        one = group.get_command(None, name)
        if hasattr(one, "list_commands"):
            yield from _walk(one, (*above, name))
        else:
            yield " ".join((*above, name)), one


def current(text: str) -> str:
    """The page with what is made brought up to date; a command without a place on it gets one at the end."""
    known, placed = commands(), {found["name"] for found in BLOCK.finditer(text)}
    text = BLOCK.sub(lambda found: _block(found["name"], known[found["name"]]) if found["name"] in known else "", text)
    return text + "".join(f"\n## ipvalue {name}\n\n{_block(name, one)}" for name, one in known.items() if name not in placed)


def _block(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True, terminal_width=WIDE, max_content_width=WIDE)
    examples = "".join(f"    {example}\n" for example in EXAMPLE.findall(command.get_help(context)))
    says = "\n\n".join(" ".join(part.split()) for part in command.help.partition("\n\nExample")[0].split("\n\n"))
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    usage = " ".join(["ipvalue", name, *(_named(one) for one in arguments), "[OPTIONS]"])
    rows = "".join(_row(one, context) for one in command.params)
    table = f"| argument, option | default | meaning |\n|---|---|---|\n{rows}\n" if rows else ""
    return f"<!-- made from the command: {name} -->\n{says}\n\n    {usage}\n{examples}\n{table}<!-- end -->\n"


def _named(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return str(name) if argument.required else f"[{name}]"


def _row(one: Any, context: Any) -> str:
    """A row of the table: what is typed, what it is by default, what it means; all as the help has it."""
    typed, meaning = one.get_help_record(context)
    typed = _named(one) if one.param_type_name == "argument" else VALUES.sub(lambda found: _VALUE.get(found[1], "TEXT"), typed)
    meaning, _, default = meaning.partition("  [default: ")
    required = one.required or "[required]" in meaning
    default = "required" if required else default.rstrip("]")
    either = "` or `".join(typed.split("|"))  # a bar would end the cell
    return f"| `{either}` | {default} | {_cell(meaning.replace('[required]', ''))} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
