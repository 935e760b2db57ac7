"""Searching the rights, or loans, of one result: by id, by conditions on columns, sorted, a page at a time.

What comes from outside is a value of a question, or a name that must be one of the index's columns; no question is put together from anything else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ipvalue.schema import InputError, did_you_mean
from ipvalue.serve.index import Form, Index, Indexes

MATCHES = ("any", "exact", "prefix", "contains")
"""How ids are compared with the text; any: the first of the others that finds something, at last whatever the case of letters."""
COMPARISONS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
ORDERS = ("asc", "desc")
LONGEST = 200
"""Characters of a text that is searched for."""
MOST_CONDITIONS = 6
MOST_ROWS = 500
"""Rows of a page."""
FEW = 1000
"""Rows that one look at the ids gives all of."""
DEEPEST = 100_000
"""Rows that may be leafed through."""
_LAST = chr(0x10FFFF)
_CASELESS = "caseless"


@dataclass(frozen=True)
class Condition:
    """A column compared with a value."""

    column: str
    comparison: str
    than: str | float | bool


@dataclass(frozen=True)
class Query:
    """What is asked for. sort: a column, or empty: ids in their order where a text is searched for, else the greatest figures first."""

    text: str = ""
    match: str = "any"
    conditions: tuple[Condition, ...] = ()
    sort: str = ""
    order: str = ""
    page: int = 1
    size: int = 50


@dataclass(frozen=True)
class Found:
    """One page of what was found: rows of all the index's columns, how many there are in all, how the ids matched, and how long it took."""

    rows: list[dict[str, Any]]
    total: int
    query: Query
    seconds: float

    @property
    def pages(self) -> int:
        """Pages that can be leafed to."""
        return max(1, math.ceil(min(self.total, DEEPEST) / self.query.size))


def query_of(given: Mapping[str, Sequence[str]], index: Index) -> Query:
    """The parameters of a request: id, match, column, op and than (these three several times), sort, order, page, size. Raises InputError."""
    text = _one(given, "id", "").strip()
    if len(text) > LONGEST or "\0" in text:
        raise InputError(f"id: has {len(text):,} characters: give at most {LONGEST}, none of them zero")
    found = Query(
        text,
        _choice("match", _one(given, "match", "any"), MATCHES),
        _conditions(given, index.columns),
        _column("sort", _one(given, "sort", ""), index.columns) if _one(given, "sort", "") else "",
        _choice("order", _one(given, "order", ""), ("", *ORDERS)),
        _whole("page", _one(given, "page", "1"), 1, DEEPEST),
        _whole("size", _one(given, "size", "50"), 1, MOST_ROWS),
    )
    if found.page * found.size > DEEPEST:
        raise InputError(f"page: the first {DEEPEST:,} rows can be leafed through: search for fewer, or sort by another column")
    return found


def _one(given: Mapping[str, Sequence[str]], name: str, default: str) -> str:
    values = [value for value in given.get(name, ()) if value]
    if len(values) > 1:
        raise InputError(f"{name}: is given {len(values)} times: give it once")
    return values[0] if values else default


def _choice(name: str, text: str, choices: Sequence[str]) -> str:
    if text not in choices:
        raise InputError(f"{name}: {text[:LONGEST]!r} must be one of {', '.join(filter(None, choices))}{did_you_mean(text[:LONGEST], choices)}")
    return text


def _column(name: str, text: str, columns: Mapping[str, Form]) -> str:
    if text not in columns:
        raise InputError(f"{name}: there is no column {text[:LONGEST]!r}{did_you_mean(text[:LONGEST], columns)}")
    return text


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise InputError(f"{name}: {text[:LONGEST]!r} must be a whole number from {least:,} to {most:,}")
    return int(text)


def _conditions(given: Mapping[str, Sequence[str]], columns: Mapping[str, Form]) -> tuple[Condition, ...]:
    names, comparisons, values = (given.get(name, ()) for name in ("column", "op", "than"))
    if not len(names) == len(comparisons) == len(values):
        raise InputError("column, op and than come together, as column=value&op=ge&than=1e6")
    if len(names) > MOST_CONDITIONS:
        raise InputError(f"{len(names):,} conditions are given: give at most {MOST_CONDITIONS}")
    return tuple(_condition(*one, columns) for one in zip(names, comparisons, values, strict=True) if one[0] and one[2])


def _condition(name: str, comparison: str, text: str, columns: Mapping[str, Form]) -> Condition:
    form, comparison = columns[_column("column", name, columns)], _choice("op", comparison, tuple(COMPARISONS))
    if form == "flag":
        return Condition(name, comparison, _choice(name, text.strip(), ("true", "false")) == "true")
    if form == "text":
        if len(text) > LONGEST or "\0" in text:
            raise InputError(f"than: has {len(text):,} characters: give at most {LONGEST}, none of them zero")
        return Condition(name, comparison, text)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{name}: {text[:LONGEST]!r} must be a number, as 1000000 or 1e6")
    return Condition(name, comparison, value)


def search(indexes: Indexes, index: Index, query: Query) -> Found:
    """Answers a query. Raises what Indexes.ask raises."""
    started = time.perf_counter()
    if not index.columns:
        return Found([], 0, query, 0.0)
    way, total, places = _looked_up(indexes, index, query)
    rows = rows_at(indexes, index, places)
    shown = replace(query, match="contains" if way == _CASELESS else way)
    return Found(rows, total, shown, time.perf_counter() - started)


def _looked_up(indexes: Indexes, index: Index, query: Query) -> tuple[str, int, list[int]]:
    """How ids matched, how many rows there are, and the places of those of the page."""
    ids_alone = query.text and not query.conditions and not query.sort
    for way in _ways(query):
        asked = replace(query, match=way)
        if ids_alone and len(few := _few(indexes, index, asked)) <= FEW:  # all there are, after one look at the ids
            first = query.size * (query.page - 1)
            total, places = len(few), few[first : first + query.size]
        else:
            total = _count(indexes, index, asked)
            places = _places(indexes, index, asked) if total else []
        if total:
            break
    return way, total, places


def _ways(query: Query) -> list[str]:
    """How ids are compared, one after the other until something is found."""
    if query.match != "any" or not query.text:
        return [query.match]
    return ["exact", "prefix", "contains", *([_CASELESS] if query.text.lower() != query.text.upper() else [])]


def _few(indexes: Indexes, index: Index, query: Query) -> list[int]:
    """The places of at most FEW + 1 rows, which are in order where these are all."""
    source, values = _from(index, query)
    found = indexes.ask(f"SELECT id, place {source} LIMIT {FEW + 1}", values)
    return [place for _, place in sorted(found, reverse=query.order == "desc")]


def rows_at(indexes: Indexes, index: Index, places: Sequence[int]) -> list[dict[str, Any]]:
    """The rows at some places, in the order of these."""
    names = list(index.columns)
    listed = ", ".join(f'"{name}"' for name in names)
    found = indexes.ask(f"SELECT rowid, {listed} FROM {index.rights} WHERE rowid IN (SELECT unnest(?::BIGINT[]))", [list(places)])
    by_place = {row[0]: dict(zip(names, row[1:], strict=True)) for row in found}
    return [by_place[place] for place in places]


def places_of(indexes: Indexes, index: Index, text: str) -> list[int]:
    """The places of the rows of one id: one, or of scenarios and steps several."""
    return [place for (place,) in indexes.ask(f"SELECT place FROM {index.ids} WHERE id = ? ORDER BY place LIMIT {MOST_ROWS}", [text])]


def _count(indexes: Indexes, index: Index, query: Query) -> int:
    if not query.text and not query.conditions:
        return index.rows
    source, values = _from(index, query)
    return int(indexes.ask(f"SELECT count(*) {source}", values)[0][0])


def _places(indexes: Indexes, index: Index, query: Query) -> list[int]:
    """The places of the rows of a page."""
    source, values = _from(index, query, whole=bool(query.sort) or not query.text)
    column = query.sort or ("" if query.text else index.run.kind.figure)
    by = f'"{column}" {query.order or ("asc" if index.columns[column] == "text" else "desc")} NULLS LAST, ' if column else ""
    order = query.order if not column else ""
    limit = f"LIMIT {query.size} OFFSET {query.size * (query.page - 1)}"
    return [place for (place,) in indexes.ask(f"SELECT place {source} ORDER BY {by}id {order}, place {limit}", values)]


def _from(index: Index, query: Query, whole: bool = False) -> tuple[str, list[object]]:
    """The rows that a query is about, as FROM and WHERE, with the values for these. whole: with all columns, where ids alone would do."""
    by_id, values = _by_id(index, query)
    tests = [by_id] if by_id else []
    for one in query.conditions:
        tests.append(f'"{one.column}" {COMPARISONS[one.comparison]} ?')
        values.append(one.than)
    where = f"WHERE {' AND '.join(tests)}" if tests else ""
    if not query.conditions and not whole:
        return f"FROM {index.ids} {where}", values
    if not query.text:
        return f'FROM (SELECT *, rowid AS place, "{index.run.kind.id}" AS id FROM {index.rights}) {where}', values
    return f"FROM {index.ids} JOIN (SELECT *, rowid AS row FROM {index.rights}) ON row = place {where}", values


def _by_id(index: Index, query: Query) -> tuple[str, list[object]]:
    """The test of ids, with its values."""
    text = query.text
    if not text:
        return "", []
    match query.match:
        case "exact":
            return "id = ?", [text]
        case "prefix":
            return "id >= ? AND id <= ?", [text, text + _LAST]
        case "contains":
            return "contains(id, ?)", [text]
    return "contains(id, upper(?))" if index.capitals else "contains(lower(id), lower(?))", [text]
