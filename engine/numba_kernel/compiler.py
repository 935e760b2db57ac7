"""How the functions here are compiled: IEEE arithmetic as written, without the interpreter's lock, once a process.

No fastmath, no parallel loops: the first changes bits, the second nests threads. What takes no function as an argument, as a rule is one,
is kept for the next process. Numba itself would miss edits in other modules, so the folder is that of all sources (code_cache.py). Compiling is
announced once through the logger "ipvalue" at level INFO, which is silent unless a handler is set.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import Any, TypeVar, cast

# Intel's vector library, where it is installed, would replace square roots by its own. Numba reads this when it is imported.
os.environ.setdefault("NUMBA_DISABLE_INTEL_SVML", "1")

import numba
import numpy as np
from llvmlite.binding import get_host_cpu_name
from numba.core.codegen import get_host_cpu_features
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.event import Listener, install_listener
from numba.extending import overload

from ipvalue.code_cache import code_folder

F = TypeVar("F", bound=Callable[..., Any])

Real = Any
"""In compiled functions: float32 or float64, the precision that they are compiled for."""
Whole = Any
"""In compiled functions: a whole number; of which width is said where it matters."""
Array = Any
Record = Any

_OPTIONS = {"nogil": True, "error_model": "numpy"}
_INNER = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_INLINED = {**_INNER, "forceinline": True}

_logger = logging.getLogger("ipvalue")
COMPILING = threading.RLock()
"""Held by the thread that compiles."""
_announced = threading.Event()


class _Distinct(CompilerBase):  # type: ignore[misc]
    """Promises that no two array arguments overlap, as C's restrict does, so that loops become vector instructions without checks."""

    def define_pipelines(self) -> list[Any]:
        self.state.flags.noalias = True
        return [DefaultPassBuilder.define_nopython_pipeline(self.state)]


def inlined(function: F) -> F:
    """A small function, compiled into each of its callers."""
    return cast(F, numba.njit(**_INLINED)(function))


def device(function: F) -> F:
    """A function that other compiled functions call."""
    return cast(F, numba.njit(**_INNER)(function))


def loop(function: F) -> F:
    """A simple loop over arrays that do not overlap."""
    return cast(F, numba.njit(pipeline_class=_Distinct, **_INNER)(function))


def by_precision(single: F, double: F) -> F:
    """One name for two functions of a number x: `single` where x is float32, `double` where it is float64."""
    bare = {kind: FunctionType(one.__code__, one.__globals__) for kind, one in ((numba.types.float32, single), (numba.types.float64, double))}

    def name(x: Any) -> Any:
        raise NotImplementedError("only compiled functions call this")

    overload(name, jit_options=_INLINED)(lambda x: bare.get(x))  # which wants no annotations
    return cast(F, name)


class Kernel:
    """A function that Python calls: compiled at the first call with arguments of their types, by one thread while the others wait; or taken from what
    an earlier process compiled, unless functions are among the arguments."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._ready: dict[tuple[Any, ...], Any] = {}
        self._known: dict[tuple[Any, ...], Any] = {}

    def __call__(self, *arguments: Any) -> Any:
        kinds = tuple(map(_kind, arguments))
        if kinds not in self._known:
            self._known[kinds] = self._of_types(tuple(map(numba.typeof, arguments)))
        return self._known[kinds](*arguments)

    def _of_types(self, types: tuple[Any, ...]) -> Any:
        if types not in self._ready:
            with COMPILING, install_listener("numba:compile", _Announcer()):
                if types not in self._ready:  # another thread may have been first
                    self._ready[types] = self._compiled(types)
        return self._ready[types]

    def _compiled(self, types: tuple[Any, ...]) -> Any:
        """A dispatcher that has compiled it for arguments of these types, or found it compiled."""
        folder = None if any(isinstance(one, numba.types.Dispatcher) for one in types) else code_folder()
        if folder is not None:
            # what was kept may be damaged, and the folder full or no longer there: then all is as if nothing were kept
            with suppress(Exception):
                return _compile(self._function, types, folder)
        return _compile(self._function, types, None)


def _kind(argument: Any) -> Any:
    """What Numba's type of an argument follows from, in microseconds: it takes milliseconds to tell those of a call."""
    kind = type(argument)
    if kind is np.ndarray:
        return argument.dtype, argument.ndim, argument.flags.num
    if isinstance(argument, tuple):
        return (kind, *map(_kind, argument))
    if kind is int:
        return kind, -(2**63) <= argument < 2**63
    return kind if kind in _SCALARS else numba.typeof(argument)


_SCALARS = frozenset({bool, float, type(None), *(np.dtype(code).type for code in "?bBhHiIlLqQfd")})


def _compile(function: Callable[..., Any], types: tuple[Any, ...], folder: str | None) -> Any:
    found = numba.njit(**_OPTIONS, no_cfunc_wrapper=True)(function)
    if folder is not None:
        others, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder  # read at once
        try:
            found.enable_caching()
        finally:
            numba.config.CACHE_DIR = others
    found.compile(types)
    return found


_seconds = [0.0]


def compile_seconds() -> float:
    """The seconds of this process that went into compiling, which another process with the same code kept does not need."""
    return _seconds[0]


class _Announcer(Listener):  # type: ignore[misc]
    """Says once a process that something is compiled, and counts the time that it takes. One is at work at a time."""

    def __init__(self) -> None:
        self._within, self._begun = 0, 0.0

    def on_start(self, event: Any) -> None:
        self._begun = self._begun if self._within else time.thread_time()
        self._within += 1
        if not _announced.is_set():
            _announced.set()
            _logger.info("compiling the Numba kernels (up to 20 s)…")

    def on_end(self, event: Any) -> None:
        self._within -= 1
        if not self._within:
            _seconds[0] += time.thread_time() - self._begun


def announce_rule(name: str) -> None:
    """Says that the kernels are compiled once more for a rule."""
    _logger.info("compiling the rule %s into the Numba kernels (some seconds)…", name)


isa_fault: str | None = (
    "Numba was loaded with Intel's vector library (icc_rt), whose square roots may differ in the last bit: "
    "set NUMBA_DISABLE_INTEL_SVML=1 before Python starts, or use the native backend"
    if numba.config.USING_SVML
    else None
)
"""Why these kernels would not give the same bits, where they would not. The first run says so."""


def isa() -> str:
    """The processor that Numba compiles for, as LLVM calls it."""
    return str(numba.config.CPU_NAME or get_host_cpu_name())


def cpu_features() -> str:
    """What that processor has beside its name, as LLVM writes it: "+aes,+avx2,…"."""
    told = numba.config.CPU_FEATURES
    return str(get_host_cpu_features() if told is None else told)


def instruction_sets() -> list[str]:
    """The one that Numba chose; NUMBA_CPU_NAME and NUMBA_CPU_FEATURES change it before Python starts."""
    return [isa()]


def select_isa(name: str) -> None:
    """ValueError unless it is the one that Numba chose."""
    if name != isa():
        raise ValueError(f"the Numba kernels are compiled for {isa()}, not for {name}: set NUMBA_CPU_NAME before Python starts")
