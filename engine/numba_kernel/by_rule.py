"""Cash that a function of the user's earns, compiled into the kernel: docs/numerics.md §5.

a = assets, k = columns that the function names, n = paths of a block
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types
from numba.np.unsafe.ndarray import to_fixed_tuple

from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.compiler import COMPILING, Array, Real, Whole, announce_rule, device, inlined

f8, i8 = np.float64, np.int64

DONE, STOPPED, NO_NUMBER = range(3)
"""How filling values may end."""


_NOISE = re.compile(r"Failed in|During: |File |\(\d+\)|<source|def |Overload of|There are|>>>|- |\* |raised from")
"""How the lines of Numba's account begin that do not say what is wrong."""


class RuleFailed(Exception):
    """A rule raised or gave no finite number: for which asset (by its hash), in which period (from 1), and what it did."""

    def __init__(self, hash_: int, period: int, reason: str) -> None:
        super().__init__(hash_, period, reason)
        self.hash, self.period, self.reason = hash_, period, reason


class Custom(NamedTuple):
    """What a rule needs of each asset, and where it is at work."""

    own: npt.NDArray[np.float64]  # (a, k)
    at: npt.NDArray[np.int64]  # (2): asset and period
    got: npt.NDArray[np.float64]  # (2): the level at which it gave no finite number, and what it gave


def new_custom(own: npt.NDArray[np.float64]) -> Custom:
    """own: (a, k)."""
    return Custom(np.ascontiguousarray(own, f8), np.zeros(2, i8), np.zeros(2))


def compiled_rule(function: Callable[..., Any], columns: int) -> Any:
    """A function (level, period, columns …) → cash as the kernel calls it. ValueError, saying why, where it does not compile."""
    with COMPILING:
        return _compiled(function, columns)


@lru_cache(maxsize=16)
def _compiled(function: Callable[..., Any], columns: int) -> Any:
    announce_rule(function.__name__)
    scalar: Any = inlined(function)
    _check(scalar, (types.float64, types.int64, *[types.float64] * columns))
    if columns:

        def bound(level: Real, period: Whole, own: Array) -> Real:
            return f8(scalar(level, period, *to_fixed_tuple(own, columns)))
    else:

        def bound(level: Real, period: Whole, own: Array) -> Real:
            return f8(scalar(level, period))

    return device(bound)


def _check(scalar: Any, arguments: tuple[Any, ...]) -> None:
    """ValueError where it does not compile for arguments of these types, or gives no number."""
    try:
        scalar.compile(arguments)
    except Exception as error:  # whatever Numba or LLVM finds wrong with it
        raise ValueError(f"does not compile: {_reason(error)}") from None
    found = scalar.overloads[arguments].signature.return_type
    if not isinstance(found, types.Integer | types.Float | types.Boolean):
        raise ValueError(f"gives {found}, not a number: every way through it must return one")


def _reason(error: Exception) -> str:
    """The line of Numba's account that says what is wrong, and the line of the source where."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip(" -") for line in text.splitlines()]
    said = [line for line in lines if line and not _NOISE.match(line)]
    where = re.findall(r'File "[^"]*", line (\d+)', text)
    place = f" (line {where[-1]})" if where else ""
    return f"{said[0].rstrip(': .') if said else type(error).__name__}{place}"


@device
def earn_by_rule(rule: Any, unit: Real, f: Real, sales: Real, period: Whole, own: Array, n: Whole, level: Array, cash: Array, got: Array) -> bool:
    """What each of n paths would earn: unit·rule(sales·L) − f. False where the rule gives one that is no finite number; then `got` says of it."""
    real = cash.dtype.type
    bad = 0
    for i in range(n):
        earned = rule(sales * f8(level[i]), period, own)
        bad += earned - earned != 0.0
        cash[i] = fma(unit, real(earned), -f)
    if bad:
        for i in range(n):
            got[0] = sales * f8(level[i])
            got[1] = rule(got[0], period, own)
            if got[1] - got[1] != 0.0:
                return False
    return True
