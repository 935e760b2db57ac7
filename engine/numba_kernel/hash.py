"""XXH64 of byte strings: specification of the xxHash project, seed 0."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ipvalue.constants import XXH64_P1, XXH64_P2, XXH64_P3, XXH64_P4, XXH64_P5
from ipvalue.numba_kernel.arrays import row
from ipvalue.numba_kernel.compiler import Array, Kernel, Whole, device, inlined

u1, u8, i4 = np.uint8, np.uint64, np.int32

_P1, _P2, _P3, _P4, _P5 = u8(XXH64_P1), u8(XXH64_P2), u8(XXH64_P3), u8(XXH64_P4), u8(XXH64_P5)
_FIRST_LANE, _LAST_LANE = u8((XXH64_P1 + XXH64_P2) % 2**64), u8(2**64 - XXH64_P1)
_NONE = u8(0)


def hash_strings(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
    """XXH64 of n strings; string i is data[offsets[i]:offsets[i + 1]]. (n,) uint64. xxHash specification, seed 0."""
    offsets = row(offsets, i4, 0)
    n = len(offsets) - 1
    out = np.empty(max(n, 0), u8)
    if n <= 0:
        return out
    if offsets[n] > len(data):
        raise ValueError("offsets reach beyond the data")
    _hash_strings(row(data, u1, 0), offsets, out)
    return out


@inlined
def _rotate(x: Whole, r: Whole) -> Whole:
    return (x << u8(r)) | (x >> u8(64 - r))


@inlined
def _mix(lane: Whole, word: Whole) -> Whole:
    return _rotate(lane + word * _P2, 31) * _P1


@inlined
def _merge(hash_: Whole, lane: Whole) -> Whole:
    return (hash_ ^ _mix(_NONE, lane)) * _P1 + _P4


@device
def _read(data: Array, at: Whole, count: Whole) -> Whole:
    """`count` bytes as a number, the lowest first."""
    x = _NONE
    for i in range(count):
        x |= u8(data[at + i]) << u8(8 * i)
    return x


@device
def _xxh64(data: Array, at: Whole, end: Whole) -> Whole:
    length = end - at
    hash_ = _P5
    if length >= 32:
        lane0, lane1, lane2, lane3 = _FIRST_LANE, _P2, _NONE, _LAST_LANE
        while end - at >= 32:
            lane0, lane1 = _mix(lane0, _read(data, at, 8)), _mix(lane1, _read(data, at + 8, 8))
            lane2, lane3 = _mix(lane2, _read(data, at + 16, 8)), _mix(lane3, _read(data, at + 24, 8))
            at += 32
        hash_ = _rotate(lane0, 1) + _rotate(lane1, 7) + _rotate(lane2, 12) + _rotate(lane3, 18)
        hash_ = _merge(_merge(_merge(_merge(hash_, lane0), lane1), lane2), lane3)
    hash_ += u8(length)
    while end - at >= 8:
        hash_ = _rotate(hash_ ^ _mix(_NONE, _read(data, at, 8)), 27) * _P1 + _P4
        at += 8
    if end - at >= 4:
        hash_ = _rotate(hash_ ^ _read(data, at, 4) * _P1, 23) * _P2 + _P3
        at += 4
    while at < end:
        hash_ = _rotate(hash_ ^ u8(data[at]) * _P5, 11) * _P1
        at += 1
    hash_ = (hash_ ^ hash_ >> u8(33)) * _P2
    hash_ = (hash_ ^ hash_ >> u8(29)) * _P3
    return hash_ ^ hash_ >> u8(32)


@Kernel
def _hash_strings(data: Array, start: Array, out: Array) -> None:
    for i in range(len(out)):
        out[i] = _xxh64(data, start[i], start[i + 1])
