"""The uncertain inputs of assets: words to draws, in double whatever the precision of the run; the operations of ext/inputs_impl.h in their order.
docs/numerics.md §17.

a = assets, k = INPUTS, n = paths of a block, r = replicates
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ipvalue.constants import (
    BLOCK_PATHS,
    DIMENSION_ROYALTY,
    DRAWN_LOGNORMAL,
    DRAWN_NOT,
    DRAWN_PERT,
    DRAWN_TRIANGULAR,
    DRAWN_UNIFORM,
    INPUT_PREMIUM,
    INPUTS,
    PERT_CELLS,
    PERT_REACH,
    PERT_STEPS,
    PURPOSE_LEVEL,
    PURPOSE_SHIFT,
    REPLICATES,
    SOBOL_DIMENSIONS,
    STREAM_MARGIN,
    STREAM_PREMIUM,
    STREAM_REVENUE,
    STREAM_ROYALTY,
)
from ipvalue.numba_kernel.arithmetic import fma, sqrt
from ipvalue.numba_kernel.arrays import mask, row
from ipvalue.numba_kernel.compiler import Array, Kernel, Real, Record, Whole, device, loop
from ipvalue.numba_kernel.elementary import exp
from ipvalue.numba_kernel.pert import make_pert
from ipvalue.numba_kernel.random import inverse
from ipvalue.numba_kernel.records import counter_of
from ipvalue.numba_kernel.sobol import draw_point, pair
from ipvalue.numba_kernel.tails import upper_tails
from ipvalue.numba_kernel.words import draw_replicates, draw_word

u4, u8, u1, i8, f8 = np.uint32, np.uint64, np.uint8, np.int64, np.float64

_SHIFT = u8(PURPOSE_SHIFT) << u8(28)
_STREAMS = STREAM_ROYALTY, STREAM_MARGIN, STREAM_REVENUE, STREAM_PREMIUM
_DISCOUNTING = 9
_MIDDLE = PERT_REACH * PERT_STEPS


class Inputs(NamedTuple):
    """The uncertain inputs of some assets, what their words are read from under sobol, and work space of a block."""

    kind: npt.NDArray[np.uint8]  # (a, k)
    numbers: npt.NDArray[np.float64]  # (a, k, 3)
    start: npt.NDArray[np.int64]  # (a, k)
    entries: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]  # (a, k, k)
    means: npt.NDArray[np.float64]  # (a, k)
    hash: npt.NDArray[np.uint64]
    counter: npt.NDArray[np.uint64]  # (k,) the first word of the counters of its words
    wanted: npt.NDArray[np.bool_]  # (a, k) whose words are needed
    normals: npt.NDArray[np.bool_]  # (a, k) whose normals are
    discounting: Any  # (9, offset[a]) REAL: ext/simulate.h
    pert: npt.NDArray[np.float64]  # (a, k, cells, 6)
    shift: npt.NDArray[np.uint32]  # (a, k, r)
    paired: npt.NDArray[np.uint32]  # (a, k, points of whole blocks); none where all inputs take their assets' words
    word: npt.NDArray[np.uint32]  # (k, n)
    z: npt.NDArray[np.float64]  # (k, n)
    work: npt.NDArray[np.float64]  # (8, n)
    multiplier: Any  # (n) REAL, as are those below
    steady: Any
    premium: Any
    tilt: Any
    taken: Any  # what giving up brings


def _coupled(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """(a, k) where an input's normal is made of others too."""
    coupled: npt.NDArray[np.bool_] = (np.tril(weights, -1) != 0.0).any(axis=2)
    return coupled


def inputs_of(v: Any, real: Any, redrawn: int) -> Inputs | None:
    """The inputs of assets, None where none has any; tables and shifts are made by `take_inputs`. v: ipvalue.cashflows.Vectors."""
    found = getattr(v, "inputs", None)
    if found is None:
        return None
    n = len(v.offset) - 1
    size = int(v.offset[n])
    if found.discounting is None and mask(found.blended, n).any():
        raise ValueError("assets with a drawn discount rate, and nothing to discount by")
    rows = np.zeros((_DISCOUNTING, 0)) if found.discounting is None else found.discounting
    if rows.shape[0] != _DISCOUNTING or (found.discounting is not None and rows.shape[1] < size):
        raise ValueError(f"expected ({_DISCOUNTING}, {size}) numbers for discounting, got {rows.shape}")
    drawn = found.kind != DRAWN_NOT
    coupled = _coupled(found.weights) & drawn
    part = (found.weights != 0.0) & np.tri(INPUTS, dtype=np.bool_) & coupled[:, :, None]
    used = part.any(axis=1)
    work, made = np.zeros((8, BLOCK_PATHS)), np.zeros((5, BLOCK_PATHS), real)
    return Inputs(
        kind=row(found.kind.reshape(-1), u1, n * INPUTS).reshape(-1, INPUTS),
        numbers=row(found.numbers.reshape(-1), f8, n * INPUTS * 3).reshape(-1, INPUTS, 3),
        start=row(found.start.reshape(-1), i8, n * INPUTS).reshape(-1, INPUTS),
        entries=row(found.count.reshape(-1), i8, n * INPUTS).reshape(-1, INPUTS),
        values=row(found.values, f8, 0),
        weights=row(found.weights.reshape(-1), f8, n * INPUTS * INPUTS).reshape(-1, INPUTS, INPUTS),
        means=row(found.means.reshape(-1), f8, n * INPUTS).reshape(-1, INPUTS),
        hash=row(found.hash.reshape(-1), u8, n * INPUTS).reshape(-1, INPUTS),
        counter=np.array([counter_of(stream, PURPOSE_LEVEL, 2 + i, redrawn) for i, stream in enumerate(_STREAMS)], u8),
        wanted=drawn | used,
        normals=used | (drawn & np.isin(found.kind, (DRAWN_PERT, DRAWN_LOGNORMAL))),
        discounting=np.ascontiguousarray(rows.astype(real)),
        pert=np.zeros((0, INPUTS, PERT_CELLS, 6)),
        shift=np.zeros((0, INPUTS, REPLICATES), u4),
        paired=np.zeros((0, INPUTS, 0), u4),
        word=np.zeros((INPUTS, BLOCK_PATHS), u4),
        z=np.zeros((INPUTS, BLOCK_PATHS)),
        work=work,
        multiplier=made[0],
        steady=made[1],
        premium=made[2],
        tilt=made[3],
        taken=made[4],
    )


_OF_ASSETS = ("kind", "numbers", "start", "entries", "weights", "means", "hash", "wanted", "normals")


def take_inputs(inputs: Inputs, assets: npt.NDArray[Any], here: slice, points: Any, seed: np.uint64) -> Inputs:
    """Those of the assets `here`, with their tables, and under sobol (points not None) with what their words are read from."""
    n = len(assets)
    own = {name: getattr(inputs, name)[here] for name in _OF_ASSETS}
    apart = points is not None and bool((own["hash"] != assets["hash"][:, None]).any())
    room = points.paired.shape[1] if apart else 0
    some = inputs._replace(
        **own,
        pert=np.zeros((n, INPUTS, PERT_CELLS, 6)),
        shift=np.zeros((n, INPUTS, REPLICATES), u4),
        paired=np.zeros((n if apart else 0, INPUTS, room), u4),
    )
    _make_tables(some)
    if points is not None:
        _make_shifts(some, points, seed)
    return some


@Kernel
def _make_tables(s: Inputs) -> None:
    for a in range(len(s.kind)):
        for i in range(INPUTS):
            if s.kind[a, i] == DRAWN_PERT:
                low, mode, high = s.numbers[a, i, 0], s.numbers[a, i, 1], s.numbers[a, i, 2]
                make_pert((mode - low) / (high - low) if high - low > 0.0 else 0.0, s.pert[a, i])


@device
def _dimension(i: Whole) -> Whole:
    return DIMENSION_ROYALTY if i == 0 else SOBOL_DIMENSIONS + i - 1


@Kernel
def _make_shifts(s: Inputs, points: Any, seed: Whole) -> None:
    for a in range(len(s.kind)):
        for i in range(INPUTS):
            if s.wanted[a, i]:
                draw_replicates(_SHIFT + u8(_dimension(i)), u8(0), s.hash[a, i], seed, s.shift[a, i])
                if len(s.paired):
                    pair(points, s.hash[a, i], seed, s.paired[a, i])


# --------------------------------------------------------------------------------------------------------------- draws


@loop
def _normals(word: Array, z: Array) -> None:
    for i in range(BLOCK_PATHS):
        z[i] = inverse(f8, word[i])


@loop
def _uniforms(word: Array, u: Array, v: Array) -> None:
    for i in range(BLOCK_PATHS):
        u[i] = (f8(word[i]) + 0.5) * 2.0**-32
        v[i] = (f8(u4(~word[i])) + 0.5) * 2.0**-32


@loop
def _first(weight: Real, z: Array, y: Array) -> None:
    for i in range(BLOCK_PATHS):
        y[i] = weight * z[i]


@loop
def _add(weight: Real, z: Array, y: Array) -> None:
    for i in range(BLOCK_PATHS):
        y[i] = fma(weight, z[i], y[i])


@loop
def _probabilities(y: Array, tail: Array, u: Array, v: Array) -> None:
    for i in range(BLOCK_PATHS):
        u[i] = tail[i] if y[i] < 0.0 else 1.0 - tail[i]
        v[i] = 1.0 - tail[i] if y[i] < 0.0 else tail[i]


@loop
def _triangular(low: Real, mode: Real, high: Real, u: Array, v: Array, x: Array) -> None:
    width = high - low
    split, left, right = (mode - low) / width, width * (mode - low), width * (high - mode)
    for i in range(BLOCK_PATHS):
        rising = low + sqrt(u[i] * left)
        falling = high - sqrt(v[i] * right)
        x[i] = rising if u[i] < split else falling


@loop
def _pert(low: Real, width: Real, cells: Array, z: Array, x: Array) -> None:
    for i in range(BLOCK_PATHS):
        at = (-PERT_REACH if z[i] < -PERT_REACH else PERT_REACH if z[i] > PERT_REACH else z[i]) * PERT_STEPS + _MIDDLE
        cell: Whole = min(i8(at), PERT_CELLS - 1)
        c, r = cells[cell], at - f8(cell)
        x[i] = fma(width, fma(fma(fma(fma(fma(c[5], r, c[4]), r, c[3]), r, c[2]), r, c[1]), r, c[0]), low)


@loop
def _lognormal(mean: Real, deviation: Real, added: Real, z: Array, x: Array) -> None:
    for i in range(BLOCK_PATHS):
        x[i] = exp(fma(deviation, z[i], mean)) + added


@loop
def _uniform(low: Real, width: Real, u: Array, x: Array) -> None:
    for i in range(BLOCK_PATHS):
        x[i] = fma(width, u[i], low)


@loop
def _quantiles(values: Array, u: Array, x: Array) -> None:
    last = len(values) - 1
    for i in range(BLOCK_PATHS):
        at = u[i] * f8(last)
        cell: Whole = min(i8(at), last - 1)
        x[i] = fma(at - f8(cell), values[cell + 1] - values[cell], values[cell])


@device
def _draw_one(s: Inputs, a: Whole, i: Whole, z: Array, u: Array, v: Array, x: Array) -> None:
    kind, low, middle, high = s.kind[a, i], s.numbers[a, i, 0], s.numbers[a, i, 1], s.numbers[a, i, 2]
    if kind == DRAWN_TRIANGULAR:
        _triangular(low, middle, high, u, v, x)
    elif kind == DRAWN_PERT:
        _pert(low, high - low, s.pert[a, i], z, x)
    elif kind == DRAWN_UNIFORM:
        _uniform(low, high - low, u, x)
    elif kind == DRAWN_LOGNORMAL:
        _lognormal(low, middle, high, z, x)
    else:
        _quantiles(s.values[s.start[a, i] : s.start[a, i] + s.entries[a, i]], u, x)


@loop
def _multiply(first: bool, mean: Real, own: Real, x: Array, m: Array, k: Array) -> None:
    """Takes an input's draws into the multiplier, and into what the control takes for it. mean: of those before; own: its own."""
    for i in range(BLOCK_PATHS):
        k[i] = x[i] if first else fma(own, k[i], fma(mean, x[i], -(mean * own)))
        m[i] = x[i] if first else m[i] * x[i]


@loop
def _rounded(source: Array, out: Array) -> None:
    real = out.dtype.type
    for i in range(BLOCK_PATHS):
        out[i] = real(source[i])


@device
def _words(s: Inputs, points: Any, asset: Record, a: Whole, i: Whole, path: Whole, seed: Whole) -> None:
    if points is None:
        draw_word(s.counter[i], path, s.hash[a, i], seed, s.word[i])
    else:
        at = i8(path) // REPLICATES
        index = s.paired[a, i][at:] if len(s.paired) else points.paired[a][at:]
        draw_point(points.table[_dimension(i)], s.shift[a, i], index, s.word[i])


@device
def draw_inputs(s: Inputs, points: Any, asset: Record, a: Whole, path: Whole, seed: Whole) -> None:
    """The draws of asset `a` of those taken on the block from `path`: multiplier, steady, premium, tilt."""
    y, u, v, x, m, k, premium, tilt = s.work[0], s.work[1], s.work[2], s.work[3], s.work[4], s.work[5], s.work[6], s.work[7]
    for i in range(INPUTS):
        if s.wanted[a, i]:
            _words(s, points, asset, a, i, path, seed)
        if s.normals[a, i]:
            _normals(s.word[i], s.z[i])
    m[:] = 1.0
    k[:] = 1.0
    premium[:] = 0.0
    tilt[:] = 0.0
    first, mean = True, 1.0
    for i in range(INPUTS):
        if s.kind[a, i] == DRAWN_NOT:
            continue
        own, coupled = s.means[a, i], False
        for j in range(i):
            coupled = coupled or s.weights[a, i, j] != 0.0
        if coupled:
            begun = False
            for j in range(i + 1):
                weight = s.weights[a, i, j]
                if weight != 0.0 and begun:
                    _add(weight, s.z[j], y)
                elif weight != 0.0:
                    _first(weight, s.z[j], y)
                    begun = True
            upper_tails(y, x)
            _probabilities(y, x, u, v)
            _draw_one(s, a, i, y, u, v, x)
        else:
            _uniforms(s.word[i], u, v)
            _draw_one(s, a, i, s.z[i], u, v, x)
        if i == INPUT_PREMIUM:
            for p in range(BLOCK_PATHS):
                premium[p] = x[p]
                tilt[p] = mean * (x[p] - own)
        else:
            _multiply(first, mean, own, x, m, k)
            first = False
            mean *= own
    _rounded(m, s.multiplier)
    _rounded(k, s.steady)
    _rounded(premium, s.premium)
    _rounded(tilt, s.tilt)
