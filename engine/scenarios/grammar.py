"""The text of a filter → its tree: a small part of Python's expressions, read by `ast` and checked against the columns; nothing is run.

condition   not C · C and C · C or C · a comparison (also a < b <= c) · V in [literals] · V not in [literals]
            column is None · column is not None · a column of true and false · True · False
value       a column, a number, 'text', or + − × ÷ of numbers
"""

from __future__ import annotations

import ast
import datetime
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from ipvalue.scenarios.filters import Arithmetic, Blank, Comparison, Constant, Filter, Flag, Joined, Literal, Name, Node, Not, OneOf
from ipvalue.schema import Column, did_you_mean

LONGEST = 4096

_KIND = {
    "float": "a number",
    "int": "a number",
    "string": "text",
    "choice": "text",
    "bool": "true or false",
    "date": "a date",
    "float_list": "a list",
    "choice_list": "a list",
}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide"}
_EQUALITY: dict[type[ast.cmpop], str] = {ast.Eq: "equal", ast.NotEq: "not_equal"}
_ORDER: dict[type[ast.cmpop], str] = {ast.Lt: "less", ast.LtE: "less_equal", ast.Gt: "greater", ast.GtE: "greater_equal"}
_ORDERED = ("a number", "a date")


def parse(text: str, columns: Mapping[str, Column]) -> Filter:
    """The filter that a text stands for. Raises ValueError with a sentence where it is none, or names or compares what cannot be."""
    if len(text) > LONGEST:
        raise ValueError(f"where has {len(text):,} characters: it must be at most {LONGEST:,}")
    line = " ".join(text.split("\n")).strip()
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(line, mode="eval")
        return Filter(text, _Parser(line, columns).condition(tree.body))
    except SyntaxError as error:
        raise ValueError(f"where = {text!r}: is not an expression ({error.msg}, character {error.offset})") from None
    except (RecursionError, MemoryError):
        raise ValueError(f"where = {text[:40]!r}…: is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"where = {text!r}: {error}") from None


@dataclass(frozen=True)
class _Value:
    """A value and its kind, in the words of an error."""

    node: Node
    kind: str


@dataclass(frozen=True)
class _Parser:
    text: str
    columns: Mapping[str, Column]

    def condition(self, node: ast.expr) -> Node:
        """What is true or false of a row."""
        match node:
            case ast.BoolOp():
                kernel = "and" if isinstance(node.op, ast.And) else "or"
                return Joined(kernel, tuple(map(self.condition, node.values)))
            case ast.UnaryOp(op=ast.Not()):
                return Not(self.condition(node.operand))
            case ast.Compare():
                return self.comparisons(node)
        value = self.value(node)
        if value.kind != "true or false":
            raise ValueError(f"{self.words(node)} is {value.kind}, no condition: compare it with something")
        return Flag(value.node)

    def comparisons(self, node: ast.Compare) -> Node:
        """A comparison, or a chain of them."""
        sides = [node.left, *node.comparators]
        links = tuple(self.link(left, op, right) for left, op, right in zip(sides, node.ops, sides[1:], strict=False))
        return links[0] if len(links) == 1 else Joined("and", links)

    def link(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Node:
        match op:
            case ast.Is() | ast.IsNot():
                if not (isinstance(left, ast.Name) and isinstance(right, ast.Constant) and right.value is None):
                    raise ValueError("only a column is None or is not None")
                return Blank(self.column(left.id), isinstance(op, ast.IsNot))
            case ast.In() | ast.NotIn():
                return self.one_of(left, right, isinstance(op, ast.NotIn))
            case _:
                return self.compared(left, op, right)

    def compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Node:
        first, second = self.value(left), self.value(right)
        first, second = _dated(first, second), _dated(second, first)
        if first.kind != second.kind:
            raise ValueError(f"{self.words(left)} is {first.kind} and {self.words(right)} is {second.kind}: they cannot be compared")
        kernel = {**_EQUALITY, **_ORDER}[type(op)]
        if first.kind == "a list" or (type(op) in _ORDER and first.kind not in _ORDERED):
            asked = "== or !=" if first.kind != "a list" else "is None or is not None"
            raise ValueError(f"{self.words(left)} is {first.kind}: ask {asked} of it")
        for own, other in ((first, second), (second, first)):
            _check_literal(own.node, other.node)
        return Comparison(kernel, first.node, second.node)

    def one_of(self, left: ast.expr, right: ast.expr, outside: bool) -> Node:
        value = self.value(left)
        if not isinstance(right, ast.List | ast.Tuple) or not right.elts:
            raise ValueError(f"{self.words(right)} is no list: write in ['CN', 'US']")
        if value.kind not in ("a number", "text", "a date"):
            raise ValueError(f"{self.words(left)} is {value.kind}: it cannot be in a list")
        among: list[Literal] = []
        for element in right.elts:
            one = _dated(self.value(element), value)
            if not isinstance(one.node, Constant):
                raise ValueError(f"{self.words(element)} is no literal: a list holds literals")
            if one.kind != value.kind:
                raise ValueError(f"{self.words(left)} is {value.kind} and {self.words(element)} is {one.kind}: they cannot be compared")
            _check_literal(value.node, one.node)
            among.append(one.node.value)
        return OneOf(value.node, tuple(among), outside)

    def value(self, node: ast.expr) -> _Value:
        """What can be compared."""
        match node:
            case ast.Constant():
                return self.literal(node)
            case ast.Name():
                column = self.column(node.id)
                return _Value(Name(column), _KIND[column.kind])
            case ast.UnaryOp(op=ast.USub()):
                return self.negative(node.operand)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                sides = [self.number(side) for side in (node.left, node.right)]
                return _Value(Arithmetic(_ARITHMETIC[type(node.op)], *sides), "a number")
            case ast.BoolOp() | ast.Compare() | ast.UnaryOp(op=ast.Not()):
                return _Value(self.condition(node), "true or false")
        raise ValueError(
            f"{self.words(node)} is not part of a filter: it takes columns, numbers, 'texts', + - * /, comparisons, in, is None, and, or, not"
        )

    def negative(self, operand: ast.expr) -> _Value:
        number = self.number(operand)
        if isinstance(number, Constant) and isinstance(number.value, float):
            return _Value(Constant(-number.value), "a number")
        return _Value(Arithmetic("multiply", Constant(-1.0), number), "a number")

    def number(self, node: ast.expr) -> Node:
        value = self.value(node)
        if value.kind != "a number":
            raise ValueError(f"{self.words(node)} is {value.kind}: only numbers are reckoned with")
        return value.node

    def literal(self, node: ast.Constant) -> _Value:
        match node.value:
            case bool():
                return _Value(Constant(node.value), "true or false")
            case int() | float():
                try:
                    number = float(node.value)
                except OverflowError:
                    number = math.inf
                if not math.isfinite(number):
                    raise ValueError(f"{self.words(node)} is too large a number")
                return _Value(Constant(number), "a number")
            case str():
                return _Value(Constant(node.value), "text")
            case None:
                raise ValueError("nothing compares with None: write is None or is not None")
        raise ValueError(f"{self.words(node)} is no number and no text")

    def column(self, name: str) -> Column:
        if name not in self.columns:
            raise ValueError(f"{name} is no column{did_you_mean(name, self.columns)}")
        return self.columns[name]

    def words(self, node: ast.expr) -> str:
        return ast.get_source_segment(self.text, node) or ""


def _dated(value: _Value, other: _Value) -> _Value:
    """A text beside a date as the date that it writes."""
    if other.kind != "a date" or not isinstance(value.node, Constant) or not isinstance(value.node.value, str):
        return value
    try:
        return _Value(Constant(datetime.date.fromisoformat(value.node.value)), "a date")
    except ValueError:
        raise ValueError(f"{value.node.value!r} is no date: write '2026-11-22'") from None


def _check_literal(own: Node, other: Node) -> None:
    """Raise ValueError where a column is compared with a literal that it can never hold: a mistyped name, or a number in another unit."""
    if not isinstance(own, Name) or not isinstance(other, Constant):
        return
    column, value = own.column, other.value
    if isinstance(value, str) and (problem := column.problem(value)):
        raise ValueError(f"{column.name} is never {value!r}: it {problem}{did_you_mean(value, column.choices)}")
    if isinstance(value, float):
        low, high = (-math.inf if column.low is None else column.low), (math.inf if column.high is None else column.high)
        if not low <= value <= high:
            raise ValueError(f"{column.name} is never near {value:g}: it is {column.limits}{f' ({column.unit})' if column.unit else ''}")
