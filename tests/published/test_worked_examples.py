"""The worked examples of docs/methods/, docs/rules.md and docs/worked_example.md against the engine, to their printed digits: the pages are the
tests' source.

A page holds blocks of code whose first line says what they are:

    # example: NAME        TOML: [market], [[right]] …, [options] of ipvalue.value
    # assumptions: NAME    TOML: an assumptions file for it; without one nothing is filled
    # expected: NAME       TOML: by asset_id, the result's columns as printed; a table `within_four_standard_errors` holds what is simulated
    # file: NAME           Python: a file beside the portfolio, for `rule` of the options

and blocks of `text` whose lines are the calculation by hand: the left side of each must give its right side.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from commandline import table

import ipvalue as iv
from ipvalue.schema import PORTFOLIO

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted((DOCS / "methods").glob("*.md"))
WORKED = [*(page for page in PAGES if page.stem != "index"), DOCS / "rules.md", DOCS / "worked_example.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
HEAD = re.compile(r"# (example|assumptions|expected|file): (.+)\n")


@dataclass
class Example:
    """What a page says of one example."""

    inputs: dict[str, Any] = field(default_factory=dict)
    assumptions: str = ""
    expected: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


def blocks(page: Path, language: str) -> Iterator[str]:
    return (text for found, text in BLOCK.findall(page.read_text(encoding="utf-8")) if found == language)


def examples(page: Path) -> dict[str, Example]:
    """The page's examples by name."""
    found: dict[str, Example] = {}
    files = {head[2]: text for text in blocks(page, "python") if (head := HEAD.match(text))}
    for text in blocks(page, "toml"):
        head = HEAD.match(text)
        assert head, f"{page.name}: a block of TOML without its name: {text[:60]}"
        example = found.setdefault(head[2], Example(files=files))
        match head[1]:
            case "example":
                example.inputs = tomllib.loads(text)
            case "assumptions":
                example.assumptions = text
            case "expected":
                example.expected = tomllib.loads(text)
    return found


EXAMPLES = {f"{page.stem}: {name}": example for page in sorted({*PAGES, *WORKED}) for name, example in examples(page).items()}


def rows_of(example: Example, folder: Path) -> dict[str, dict[str, Any]]:
    """The results' rows by asset_id."""
    assumptions = folder / "assumptions.toml"
    assumptions.write_text(example.assumptions, encoding="utf-8")
    options = {"paths": 1, "precision": "double", "workers": 1, **example.inputs.get("options", {})}
    for name, text in example.files.items():
        (folder / name).write_text(text, encoding="utf-8")
    if "rule" in options:
        options["rule"] = str(folder / options["rule"])
    result = iv.value(table(example.inputs["right"]), market=example.inputs["market"], assumptions=assumptions, **options)
    assert result.rejects.to_pylist() == []
    return {row["asset_id"]: row for row in result.assets.to_pylist()}


def digits(printed: str) -> int:
    """Digits after the point of a printed number."""
    return len(printed.partition(".")[2])


def as_printed(found: Any, printed: Any) -> Any:
    """A result in the form of what is printed: texts of numbers with as many digits, lists of them, other values as they are."""
    if isinstance(printed, list):
        assert len(found) == len(printed)
        return [as_printed(one, other) for one, other in zip(found, printed)]
    if isinstance(printed, str) and isinstance(found, float):
        return f"{found + 0.0:,.{digits(printed)}f}"
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_engine_gives_the_printed_digits(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    rows = rows_of(example, tmp_path)
    assert rows.keys() == example.expected.keys()
    for asset_id, printed in example.expected.items():
        row, simulated = rows[asset_id], printed.get("within_four_standard_errors", {})
        shown = {column: value for column, value in printed.items() if column != "within_four_standard_errors"}
        assert {column: as_printed(row[column], value) for column, value in shown.items()} == shown, asset_id
        for column, value in simulated.items():
            exact = float(value.replace(",", ""))
            assert 0 < row["standard_error"] < 0.01 * abs(exact)
            assert abs(row[column] - exact) < 4 * row["standard_error"], asset_id


# ------------------------------------------------------------------------------------ the calculation by hand

_OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"min": min, "max": max, "ln": math.log, "exp": math.exp}


def evaluated(text: str) -> float:
    """The number that an expression in print gives: 1,000 × 5 % × (1 − 0.25) ÷ 1.12^0.5; functions' arguments stand between semicolons."""
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    for printed, python in ((";", ","), ("×", "*"), ("÷", "/"), ("−", "-"), ("^", "**")):
        plain = plain.replace(printed, python)
    plain = re.sub(r"([\d.]+) ?%", r"(\1/100)", plain)

    def walk(node: ast.AST) -> Any:
        match node:
            case ast.Constant(int() | float() as number):
                return float(number)
            case ast.BinOp(left, sign, right):
                return _OPERATORS[type(sign)](walk(left), walk(right))
            case ast.UnaryOp(sign, operand):
                return _OPERATORS[type(sign)](walk(operand))
            case ast.Call(ast.Name(function), arguments):
                return _FUNCTIONS[function](*map(walk, arguments))
            case _:
                raise ValueError(f"{text}: {ast.dump(node)}")

    return float(walk(ast.parse(plain.strip(), mode="eval").body))


def calculations(page: Path) -> Iterator[tuple[str, str]]:
    """(left, right) of every line of the page's calculations; what stands before a colon is words."""
    for text in blocks(page, "text"):
        for line in filter(None, text.splitlines()):
            left, equals, right = line.rpartition(": ")[2].rpartition(" = ")
            assert equals, f"{page.name}: {line}"
            yield left, right.strip()


@pytest.mark.parametrize("page", WORKED, ids=lambda page: page.stem)
def test_every_line_of_the_calculation_holds_to_its_printed_digits(page: Path) -> None:
    lines = list(calculations(page))
    assert lines, "a page without a calculation"
    for left, right in lines:
        unit = 10.0 ** -digits(right.rstrip(" %")) * (0.01 if right.endswith("%") else 1.0)
        # what is printed on the left is rounded too: the last digit may be one off
        assert abs(evaluated(left) - evaluated(right)) <= 1.01 * unit, f"{left} = {right}"


@pytest.mark.parametrize("page", WORKED, ids=lambda page: page.stem)
def test_expected_values_are_worked_out_on_the_page(page: Path) -> None:
    """Each value that the engine is held to is the right side of some line, to the digits that both have."""
    worked = [evaluated(right) for _, right in calculations(page)]
    for example in examples(page).values():
        for asset_id, printed in example.expected.items():
            shown = printed | printed.get("within_four_standard_errors", {})
            value = next(shown[column] for column in ("value", "mean", "closed_form") if column in shown)
            exact = float(value.replace(",", ""))
            assert exact == 0 or any(abs(exact - one) <= 0.006 for one in worked), (page.stem, asset_id, value)


# ------------------------------------------------------------------------------------ the pages


INPUT = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_inputs_are_columns_with_their_units(page: Path) -> None:
    inputs = INPUT.findall(page.read_text(encoding="utf-8").partition("## Inputs")[2].partition("\n## ")[0])
    assert inputs or page.stem in ("index", "premise")
    for column, unit, _ in inputs:
        assert column in PORTFOLIO, column
        assert PORTFOLIO[column].unit == unit.strip(), column


@pytest.mark.parametrize("method", [*PORTFOLIO["method"].choices, "reconciliation", "premise"])
def test_every_method_has_a_page_with_all_its_parts(method: str) -> None:
    (page,) = (page for page in PAGES if page.stem == method)
    text = page.read_text(encoding="utf-8")
    for part in ("What it is", "When to use it", "Formula", "Inputs", "Standards", "Worked example", "Pitfalls"):
        assert f"\n## {part}\n" in text, part
    assert examples(page)
