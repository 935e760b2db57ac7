"""The first rows of a doubt are the first of the file, in whatever order and pieces rows come."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from ipvalue.doubts import EXAMPLES, Doubts
from ipvalue.rows import Rows
from ipvalue.schema import Rejects


def rows_of(numbers: list[int]) -> Rows:
    batch = pa.record_batch({"asset_id": [f"a{number}" for number in numbers]})
    return Rows(batch, np.array(numbers), pa.array([""] * len(numbers)).dictionary_encode(), "file", Rejects())


@pytest.mark.parametrize("count", [1, EXAMPLES, EXAMPLES + 1, 50])
@pytest.mark.parametrize("seed", range(3))
def test_the_first_rows_whatever_their_order(count: int, seed: int) -> None:
    draw = random.Random(seed)
    numbers = draw.sample(range(200), 100)
    doubtful = set(draw.sample(numbers, count))
    found = Doubts()
    for start in range(0, 100, 60):
        some = numbers[start : start + 60]
        found.add("why", rows_of(some), np.array([number in doubtful for number in some]))
    assert found.counted() == {"why": (count, [("file", number, f"a{number}") for number in sorted(doubtful)[:EXAMPLES]])}
