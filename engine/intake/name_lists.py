"""Cells that are lists of names: known ones, or any."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.columns import Mask, given
from ipvalue.intake.faults import Fault, is_text, without
from ipvalue.schema import Column

Longs = npt.NDArray[np.int64]


def known_names(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Lists of the column's choices, each once; text such as "a; b" or "[a, b]" is one too."""
    spelled = ""
    if is_text(array.type):
        spelled = ", as " + "; ".join(column.choices[:2])
        array = pc.split_pattern_regex(pc.utf8_trim(array, characters=" []\t\"'"), r"[\s\"']*[;,][\s\"']*")
    lists = array.cast(column.arrow_type)
    entries, parents = lists.flatten(), pc.list_parent_indices(lists).to_numpy()
    place = pc.fill_null(pc.index_in(entries, pa.array(column.choices)), -1).to_numpy(zero_copy_only=False).astype(np.int64)
    bad = _rows(len(lists), parents[(place < 0) | _repeated(parents, place)]) | _empty(lists)
    return without(lists, [Fault(bad, column.rule, column.limits + spelled)])


def any_names(column: Column, array: pa.Array) -> tuple[pa.Array, list[Fault]]:
    """Lists of texts, each once; text such as "a; b" is one too. Only semicolons part the names, which may hold commas."""
    spelled = ""
    if is_text(array.type):
        spelled = ", as a; b"
        array = pc.split_pattern_regex(pc.utf8_trim_whitespace(array), r"\s*;\s*")
    lists = array.cast(column.arrow_type)
    entries, parents = lists.flatten(), pc.list_parent_indices(lists).to_numpy()
    blank = ~given(entries) | pc.fill_null(pc.equal(entries, ""), True).to_numpy(zero_copy_only=False)
    place = pc.fill_null(entries.dictionary_encode().indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    faults = [
        Fault(_empty(lists), f"{column.name} has at least one entry", column.noun + spelled),
        Fault(_rows(len(lists), parents[blank]), f"{column.name} has no blank entries", f"{column.noun} without blanks{spelled}"),
        Fault(_rows(len(lists), parents[_repeated(parents, place)]), column.rule, column.limits + spelled),
    ]
    return without(lists, faults)


def _rows(rows: int, where: Longs) -> Mask:
    found = np.zeros(rows, np.bool_)
    found[where] = True
    return found


def _empty(lists: pa.ListArray) -> Mask:
    found: Mask = pc.fill_null(pc.equal(pc.list_value_length(lists), 0), False).to_numpy(zero_copy_only=False)
    return found


def _repeated(parents: Longs, places: Longs) -> Mask:
    """Entries (e,) whose list has the same name, given by its place, at least twice: all of these but one."""
    found = np.zeros(len(parents), np.bool_)
    order = np.lexsort((places, parents))
    same = (parents[order][1:] == parents[order][:-1]) & (places[order][1:] == places[order][:-1])
    found[order[1:][same]] = True
    return found
