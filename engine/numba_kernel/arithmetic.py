"""Operations that Numba lacks: fused multiply-add, exact roundings, a number's bits, and the thread's arithmetic mode.

Each refuses a mixture of precisions, so that no single-precision formula is widened unseen.
"""

from __future__ import annotations

import ctypes
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

_INTEGER = {types.float32: types.int32, types.float64: types.int64}
_REAL = {integer: real for real, integer in _INTEGER.items()}


def new_intrinsic(generator: Any) -> Any:
    """A function that compiled functions call, from what types it and generates its code."""
    return intrinsic(generator)


def _one_precision(*kinds: Any) -> None:
    if any(kind not in _INTEGER or kind != kinds[0] for kind in kinds):
        raise TypingError(f"all must be of one precision, not {', '.join(map(str, kinds))}")


@new_intrinsic
def fma(context: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c with one rounding: the processor's instruction, or where it has none the C library's fma, which is exact too."""
    _one_precision(a, b, c)
    return a(a, b, c), lambda context, builder, signature, values: builder.fma(*values)


def _exact(name: str) -> Any:
    """A function of one number that IEEE 754 fixes, as LLVM's intrinsic of that name."""

    def typed(context: Any, x: Any) -> Any:
        _one_precision(x)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.call(builder.module.declare_intrinsic(name, [values[0].type]), values)

        return x(x), generate

    return new_intrinsic(typed)


sqrt = _exact("llvm.sqrt")
floor = _exact("llvm.floor")
ceil = _exact("llvm.ceil")
rint = _exact("llvm.rint")
"""To the nearest integer, ties to even."""


@new_intrinsic
def bits_of(context: Any, x: Any) -> Any:
    """The bits of a number as a signed integer of its size."""
    _one_precision(x)
    return _INTEGER[x](x), _bitcast


@new_intrinsic
def real_of(context: Any, bits: Any) -> Any:
    """The number with these bits."""
    if bits not in _REAL:
        raise TypingError(f"bits are int32 or int64, not {bits}")
    return _REAL[bits](bits), _bitcast


def _bitcast(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    return builder.bitcast(values[0], context.get_value_type(signature.return_type))


@new_intrinsic
def raised(context: Any, flag: Any) -> Any:
    """Whether a flag, (1,) int32, is set. It is read afresh each time: another thread may set it while a kernel runs."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, values[0])
        flag = builder.load_atomic(array.data, "monotonic", 4)
        return builder.icmp_signed("!=", flag, ir.Constant(flag.type, 0))

    return types.boolean(flag), generate


class DefaultArithmetic:
    """Within it this thread rounds to nearest and keeps denormals, whatever a library did to it; afterwards it is as before. numerics.md §6."""

    def __enter__(self) -> DefaultArithmetic:
        self._before = ctypes.create_string_buffer(_FENV_BYTES)
        _C.fegetenv(self._before)
        _C.fesetenv(_DEFAULT)
        return self

    def __exit__(self, *error: object) -> None:
        _C.fesetenv(self._before)


# PyDLL: called with the interpreter's lock held, for there is nothing to wait for
_C = ctypes.PyDLL(None)
_FENV_BYTES = 256  # more than any platform's fenv_t
_DEFAULT = ctypes.c_void_p(-1)  # FE_DFL_ENV of <fenv.h> on Linux
