"""Cells of any Arrow type → the registry's type, and which of them cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from ipvalue import columns
from ipvalue.columns import Texts
from ipvalue.intake.faults import Fault, is_list, is_number, is_text, without
from ipvalue.intake.name_lists import any_names, known_names
from ipvalue.intake.stored import BATCH_ROWS
from ipvalue.schema import Column

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_LIST = rf"\[?\s*(?:{_NUMBER}(?:\s*;\s*{_NUMBER})*|{_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\]?"
_THOUSANDS = r"\d{1,3}(?:,\d{3})+"
_SPELLED = {"true": True, "false": False}


def readable(column: Column, found: pa.DataType) -> bool:
    """Whether a typed file's column can be cast to the registry's type (text is no number there; in CSV it is)."""
    if pt.is_dictionary(found):
        return readable(column, found.value_type)
    if pt.is_null(found):
        return True
    match column.kind:
        case "string":
            return is_text(found) or pt.is_integer(found)
        case "choice":
            return is_text(found)
        case "bool":
            return bool(pt.is_boolean(found))
        case "date":
            return bool(pt.is_date(found) or pt.is_timestamp(found))
        case "float_list" | "int_list":
            return is_list(found) and (is_number(found.value_type) or pt.is_null(found.value_type))
        case "choice_list":
            return is_list(found) and (is_text(found.value_type) or pt.is_null(found.value_type))
        case "string_list":
            return is_list(found) and (is_text(found.value_type) or pt.is_integer(found.value_type) or pt.is_null(found.value_type))
        case _:
            return is_number(found)


def convert(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """The cells in the registry's type, faulty ones null, and the faults.

    A fault is a cell that cannot be cast, is not finite or breaks the column's limits.

    `array` is of a type that is `readable`, or text (a CSV file's).
    """
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary_decode()
    return _CONVERTERS[column.kind](column, array)


def converted(column: Column, batch: pa.RecordBatch) -> tuple[pa.Array, list[Fault]]:
    """A column of a batch of at most BATCH_ROWS rows, converted; blanks where the batch has no such column."""
    if column.name not in batch.schema.names or batch[column.name].null_count == batch.num_rows:
        return _blanks(column.arrow_type).slice(0, batch.num_rows), []
    return convert(column, batch[column.name])


@cache
def _blanks(of: pa.DataType) -> pa.Array:
    """A batch's worth of blanks, the same for all columns that hold nothing else."""
    return pa.nulls(BATCH_ROWS, of)


def _text(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    text = array.cast(pa.string())
    empty = pc.equal(text, "")
    if empty.true_count:
        text = pc.if_else(empty, None, text)
    if not (column.choices or column.form):
        return text, []
    texts = Texts.of(text)
    bad = [value for value in texts.values if not _allowed(column, value)]
    return without(text, [Fault(texts.is_in(bad), column.rule, column.limits)] if bad else [])


def _allowed(column: Column, text: str) -> bool:
    """Whether a text is one of the column's choices, or of its form."""
    return text in column.choices if column.form is None else re.fullmatch(column.form.pattern, text) is not None


def _number(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    floats, faults = _parsed(column, array)
    return without(floats, [*faults, *_limit_faults(column, floats)])


def _whole(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    floats, faults = _parsed(column, array)
    values = columns.floats(floats)
    fraction = Fault(np.isfinite(values) & (values != np.floor(values)), f"{column.name} is a whole number", column.noun)
    floats, faults = without(floats, [*faults, fraction, *_limit_faults(column, floats)])
    return floats.cast(column.arrow_type), faults


def _boolean(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    if not is_text(array.type):
        return array.cast(column.arrow_type), []
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(array))
    spelled = pc.index_in(lower, pa.array(list(_SPELLED)))
    return pa.array(list(_SPELLED.values())).take(spelled), _not_read(column, array, spelled)


def _date(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    if not is_text(array.type):
        local = pc.local_timestamp(array) if pt.is_timestamp(array.type) and array.type.tz else array
        return local.cast(column.arrow_type, safe=False), []
    text = pc.utf8_trim_whitespace(array)
    dates = pc.strptime(text, format="%Y-%m-%d", unit="s", error_is_null=True).cast(column.arrow_type)
    dates = pc.if_else(pc.equal(dates.cast(pa.string()), text), dates, None)
    return dates, _not_read(column, array, dates)


def _list(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    lists, faults = _parsed_lists(column, array)
    lengths = pc.list_value_length(lists).fill_null(1).to_numpy(zero_copy_only=False)
    entries, parents = lists.flatten(), pc.list_parent_indices(lists).to_numpy()
    faults.append(Fault((lengths < 1) | (lengths > column.longest), column.length_rule, column.noun))
    entry_faults = [Fault(one.cells, one.rule, f"a list with every entry {one.must_be}") for one in _limit_faults(column, entries)]
    entry_faults.append(Fault(~columns.given(entries), f"{column.name} has no blank entries", f"{column.noun} without blanks"))
    faults += [Fault(np.isin(np.arange(len(lists)), parents[one.cells]), one.rule, one.must_be) for one in entry_faults]
    return without(lists, faults)


def _whole_list(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    lists, faults = _list(column, array)
    values, parents = columns.floats(lists.flatten()), pc.list_parent_indices(lists).to_numpy()
    fraction = np.isin(np.arange(len(lists)), parents[values != np.floor(values)])
    lists, found = without(lists, [Fault(fraction, f"{column.name} are whole numbers", column.noun)])
    return lists.cast(column.arrow_type, safe=False), [*faults, *found]


_CONVERTERS: dict[str, Callable[[Column, pa.Array], tuple[pa.Array, list[Fault]]]] = {
    "string": _text,
    "choice": _text,
    "float": _number,
    "int": _whole,
    "bool": _boolean,
    "date": _date,
    "float_list": _list,
    "int_list": _whole_list,
    "choice_list": known_names,
    "string_list": any_names,
}


def _parsed(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Numbers or text as float64, and the cells of text that are no number."""
    if not is_text(array.type):
        return array.cast(pa.float64(), safe=False), []
    floats = _floats(pc.utf8_trim_whitespace(array))
    return floats, _not_read(column, array, floats)


def _floats(text: pa.Array) -> pa.Array:
    """Text as float64, null where it is no number."""
    readable_text = pc.if_else(pc.match_substring_regex(text, f"^{_NUMBER}$"), pc.utf8_ltrim(text, characters="+"), None)
    return readable_text.cast(pa.float64())


def _parsed_lists(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Lists of numbers, or text such as "1; 2.5; 3", as list<float64>, and the cells of text that are no list."""
    if not is_text(array.type):
        return array.cast(pa.list_(pa.float64()), safe=False), []
    trimmed = pc.utf8_trim_whitespace(array)
    thousands = pc.match_substring_regex(trimmed, f"^{_THOUSANDS}$")
    text = pc.utf8_trim(
        pc.if_else(pc.and_(pc.match_substring_regex(trimmed, f"^{_LIST}$"), pc.invert(thousands)), array, None),
        characters=" []\t",
    )
    pieces = pc.split_pattern_regex(text, r"\s*[;,]\s*")
    lists = pa.ListArray.from_arrays(pieces.offsets, _floats(pieces.values), mask=pieces.is_null())
    plain = f"{column.noun} without thousands separators, as 1; 2.5; 3"
    grouped = Fault(columns.truth(thousands), f"{column.name} has no thousands separators", plain)
    unread = [Fault(one.cells & ~grouped.cells, one.rule, f"{one.must_be}, as 1; 2.5; 3") for one in _not_read(column, array, lists)]
    return lists, [grouped, *unread]


def _not_read(column: Column, array: pa.Array, read: pa.Array) -> list[Fault]:
    return [Fault(columns.given(array) & ~columns.given(read), f"{column.name} is {column.noun}", column.noun)]


def _limit_faults(column: Column, floats: pa.Array) -> list[Fault]:
    """The numbers that are not finite, and the finite ones outside the column's limits."""
    values = columns.floats(floats)
    finite = np.isfinite(values)
    inside = np.ones(len(values), np.bool_)
    if column.low is not None:
        inside &= values > column.low if column.low_open else values >= column.low
    if column.high is not None:
        inside &= values < column.high if column.high_open else values <= column.high
    good = finite & inside
    if np.count_nonzero(good) == len(values) - floats.null_count:
        return []
    valid = columns.given(floats)
    return [
        Fault(valid & ~finite, f"{column.name} is finite", "a finite number (a blank is null, not NaN)"),
        Fault(valid & finite & ~good, column.rule, column.limits),
    ]
