"""Which kernels a run uses: in C (`native`) or in Numba (`numba`). Both give the same bits (docs/reproducibility.md, L2).

The choice is a run's own and passed down to it by name. `kernel` is what everything else uses (hashes, the factors' Cholesky, synthetic
portfolios): the C kernels where they were built, else Numba's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any, Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from ipvalue.constants import ARS_ROUNDS
from ipvalue.value_curves import ValueCurves

Backend = Literal["native", "numba"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

_Doubles = npt.NDArray[np.float64]
_Longs = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]
_Ints = npt.NDArray[np.int32]

_logger = logging.getLogger("ipvalue")

NOT_BUILT = "the C kernels were not built on this machine; the Numba kernels are used instead: the same results, slower"


class Kernels(Protocol):
    """What a module of kernels offers; what each does stands in ext/kernel.pyx."""

    DRIVERS: tuple[str, ...]
    STATISTICS: tuple[str, ...]
    isa_fault: str | None

    @property
    def Stopped(self) -> type[Exception]: ...
    def DefaultArithmetic(self) -> AbstractContextManager[object]: ...
    def request_stop(self) -> None: ...
    def clear_stop(self) -> None: ...
    def instruction_sets(self) -> list[str]: ...
    def select_isa(self, name: str) -> None: ...
    def isa(self) -> str: ...
    def hash_strings(self, data: npt.NDArray[np.uint8], offsets: _Ints) -> _Words: ...
    def cholesky(self, matrix: npt.ArrayLike) -> _Doubles: ...
    def ars(self, counter: Sequence[int], key: Sequence[int], rounds: int = ARS_ROUNDS) -> tuple[int, ...]: ...
    def elementary(self, name: str, x: Any, y: Any = None) -> Any: ...
    def periods(self, drivers: Any, market: Any) -> _Longs: ...
    def vectors(self, drivers: Any, market: Any, offset: _Longs, clamps: bool) -> dict[str, Any]: ...
    def closed_form(self, v: Any) -> tuple[_Doubles, _Doubles]: ...
    def boundary(self, v: Any) -> tuple[_Doubles, _Doubles]: ...
    def value_curves(self, v: Any, start: _Longs, period: _Ints, discount: _Doubles) -> tuple[_Doubles, _Doubles, ValueCurves]: ...
    def simulate(
        self,
        v: Any,
        factors: Any,
        *,
        seed: int,
        paths: int,
        single: bool,
        quantiles: Sequence[float],
        tail: float,
        group: _Ints | None = None,
        totals: _Words | None = None,
        keep: bool = False,
        table_bytes: int = 0,
        first: int = 0,
        lived: _Longs | None = None,
        sobol: Any = None,
        sums: _Doubles | None = None,
        moments: bool = False,
        paired: _Doubles | None = None,
        redrawn: int = 0,
        looks: Any = None,
        lots: _Doubles | None = None,
        lot_row: _Longs | None = None,
    ) -> tuple[_Doubles, npt.NDArray[np.int8], Any]: ...
    def default_years(
        self, borrowers: Any, factors: Any, *, seed: int, paths: int, single: bool, first: int = 0, sobol: Any = None
    ) -> npt.NDArray[np.uint8]: ...
    def factors_over(self, spans: Any, factors: Any, *, seed: int, paths: int, single: bool, first: int = 0, sobol: Any = None) -> Any: ...
    def statistics(self, values: _Doubles, quantiles: Sequence[float], tail: float) -> _Doubles: ...
    def quantiles_of(self, values: _Doubles, quantiles: Sequence[float]) -> _Doubles: ...
    def difference(self, values: _Doubles, first: _Doubles) -> _Doubles: ...
    def first_versions(self, v: Any) -> _Longs: ...
    def lot_means(
        self,
        w: _Doubles,
        f: _Doubles,
        at: _Longs,
        periods: _Longs,
        rows: _Doubles,
        row: _Longs,
        linear: npt.NDArray[np.uint8],
        first: _Longs,
        order: _Longs,
        paths: int,
        statistics: _Doubles,
        status: npt.NDArray[np.int8],
        group: _Ints | None = None,
        totals: _Words | None = None,
        keep: bool = False,
    ) -> tuple[_Doubles, _Doubles | None]: ...
    def add_exact(self, totals: _Words, group: _Ints, values: _Doubles) -> None: ...
    def merge_exact(self, into: _Words, other: _Words) -> None: ...
    def exact_as_float(self, totals: _Words) -> _Doubles: ...


NATIVE_BUILT = find_spec("ipvalue.ext.kernel") is not None
DEFAULT: Backend = "native" if NATIVE_BUILT else "numba"

_loaded: dict[Backend, Kernels] = {}


def kernels(name: Backend) -> Kernels:
    """The kernels of that name; Numba's are imported when they are first asked for. ValueError where they cannot be used here."""
    if name not in _loaded:
        _loaded[name] = _native() if name == "native" else _numba()
    return _loaded[name]


def _native() -> Kernels:
    if not NATIVE_BUILT:
        raise ValueError("the C kernels were not built on this machine: install a C compiler and then ipvalue again, or use the numba backend")
    from ipvalue.ext import kernel

    return kernel


def _numba() -> Kernels:
    from ipvalue import numba_kernel

    return numba_kernel


def default_backend() -> Backend:
    """The backend of a run that names none: native where it was built, else numba, which is said once."""
    if not NATIVE_BUILT and default_backend not in _said:
        _said.add(default_backend)
        _logger.warning(NOT_BUILT)
    return DEFAULT


_said: set[object] = set()

kernel = kernels(DEFAULT)


def request_stop() -> None:
    """Every kernel of this process returns soon, raising kernel.Stopped."""
    for one in list(_loaded.values()):
        one.request_stop()


def clear_stop() -> None:
    """Kernels may run again."""
    for one in list(_loaded.values()):
        one.clear_stop()
