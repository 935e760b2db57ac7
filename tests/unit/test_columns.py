"""Arrow columns as NumPy arrays: the same as cell by cell, whatever the blanks, the offset within its buffers, or how few its texts are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from ipvalue import columns
from ipvalue.columns import Texts

TEXTS: dict[str, Sequence[str | None]] = {
    "one": ["design"] * 19,
    "of one length": ["CN", "US", "CN", "EP"] * 5,
    "of several lengths": ["a", "bc", "", "bc", "a"] * 4,
    "one but the last": [*["design"] * 18, "desigm"],
    "empty": [""] * 17,
    "with blanks": [None, "design", None, "trademark", "design"] * 4,
    "one with blanks": ["design", None] * 10,
    "blank": [None] * 21,
    "none": [],
}
SLICES = [(0, None), (1, None), (3, 11), (8, 8), (9, 0)]


@pytest.mark.parametrize(("first", "rows"), SLICES)
@pytest.mark.parametrize("given", [[True] * 21, [False] * 21, [True, False, False] * 7])
def test_masks_are_as_cell_by_cell(first: int, rows: int | None, given: list[bool]) -> None:
    cells = [i % 4 < 2 if one else None for i, one in enumerate(given)]
    array = pa.array(cells, pa.bool_()).slice(first, rows)
    assert columns.given(array).tolist() == [cell is not None for cell in array.to_pylist()]
    assert columns.truth(array).tolist() == [cell is True for cell in array.to_pylist()]
    assert columns.packed(columns.truth(array)).equals(pa.array(columns.truth(array)))


@pytest.mark.parametrize(("first", "rows"), SLICES)
@pytest.mark.parametrize("kind", [pa.float64(), pa.int64(), pa.int32()])
def test_numbers_are_as_cell_by_cell(kind: pa.DataType, first: int, rows: int | None) -> None:
    for cells in ([*range(21)], [None] * 21, [1, None, 3] * 7):
        array = pa.array(cells, kind).slice(first, rows)
        expected = [math.nan if cell is None else float(cell) for cell in array.to_pylist()]
        np.testing.assert_array_equal(columns.floats(array), np.array(expected, np.float64))


@pytest.mark.parametrize(("first", "rows"), SLICES)
@pytest.mark.parametrize("cells", TEXTS.values(), ids=TEXTS.keys())
def test_texts_are_as_cell_by_cell(cells: Sequence[str | None], first: int, rows: int | None) -> None:
    array = pa.array(cells, pa.string()).slice(min(first, len(cells)), rows)
    texts, expected = Texts.of(array), array.to_pylist()
    names = [*texts.values, None]
    assert [names[code] for code in texts.codes] == expected
    assert len(set(texts.values)) == len(texts.values)
    wanted = ["design", "CN", "", "bc"]
    assert texts.is_in(wanted).tolist() == [cell in wanted for cell in expected]
    places = {name: place for place, name in enumerate(wanted)}
    assert texts.index(places).tolist() == [-1 if cell is None else places.get(cell, -1) for cell in expected]
    kept = np.arange(len(expected)) % 2 == 0
    assert [names[code] for code in texts.only(kept).codes] == expected[::2]


def test_lists_have_an_entry_among_the_names() -> None:
    lists = pa.array([["cost"], None, [], ["market", "licence"], ["project", "cost"]], pa.list_(pa.string()))
    assert columns.any_is_in(lists, ["cost", "licence"]).tolist() == [True, False, False, True, True]
    assert columns.any_is_in(lists.slice(1, 3), ["licence"]).tolist() == [False, False, True]
    assert not columns.any_is_in(pa.nulls(3, lists.type), ["cost"]).any()


def test_distinct_numbers_come_as_they_first_appear() -> None:
    numbers = np.array([7, -3, 7, 2**62, -3], np.int64)
    found, places = columns.distinct(numbers)
    assert found.tolist() == [7, -3, 2**62]
    assert found[places].tolist() == numbers.tolist()
