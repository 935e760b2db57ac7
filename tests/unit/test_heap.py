"""Memory that a thread takes again."""

from __future__ import annotations

from threading import Thread

import numpy as np

from ipvalue.heap import held


def test_memory_is_taken_again_once_nobody_has_it() -> None:
    one = held("test", (4, 100), np.float64)
    part, place = one[1], one.ctypes.data
    del one
    assert held("test", (10,), np.int64).ctypes.data != place  # a part of the first is still held
    del part
    two = held("test", (4, 100), np.float64)
    place = two.ctypes.data
    del two
    three = held("test", (3, 7), np.uint8)
    assert three.ctypes.data == place
    assert (three.shape, three.dtype) == ((3, 7), np.uint8)
    assert held("other", (3, 7), np.uint8).ctypes.data != place


def test_more_than_there_was_is_fetched_anew() -> None:
    assert len(held("grows", (10,), np.float64)) == 10
    assert len(held("grows", (100_000,), np.float64)) == 100_000


def test_each_thread_has_its_own() -> None:
    mine, places = held("threads", (1000,), np.float64), []
    place = mine.ctypes.data
    del mine
    there = Thread(target=lambda: places.append(held("threads", (1000,), np.float64).ctypes.data))
    there.start()
    there.join()
    assert places != [place]
