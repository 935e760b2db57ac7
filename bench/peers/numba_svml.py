"""Intel's short-vector library inside a Numba loop: exp2, log, sin and cos that LLVM's vectoriser replaces by __svml_exp2f16 and so on.

Numba's own switch for it needs an LLVM patch that llvmlite's wheels no longer carry (`llvmlite.binding.targets.has_svml()` is false in 0.50). The
vectoriser needs no patch: a call that carries the attribute "vector-function-abi-variant" says itself what its vector form is called. Only AVX-512's
widths are named. The library comes with the package intel-cmplr-lib-rt.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

LIBRARY = Path(sys.prefix) / "lib" / "libsvml.so"


def load() -> None:
    """Makes the library's functions known to compiled code. OSError where it is not installed."""
    ctypes.CDLL(str(LIBRARY.with_name("libintlc.so.5")), mode=ctypes.RTLD_GLOBAL)
    llvmlite.binding.load_library_permanently(str(LIBRARY))


NAMES = ("exp2", "log", "sin", "cos")
USED = "llvm.compiler.used"


def _vector_name(name: str, single: bool) -> str:
    return f"__svml_{name}f16" if single else f"__svml_{name}8"


def _declare(module: ir.Module, kind: ir.Type, lanes: int, single: bool) -> None:
    """Declares the vector functions and keeps their declarations, which only attributes mention."""
    wide, pointer = ir.VectorType(kind, lanes), ir.IntType(8).as_pointer()
    declared = [ir.Function(module, ir.FunctionType(wide, [wide]), _vector_name(name, single)).bitcast(pointer) for name in NAMES]
    used = ir.GlobalVariable(module, ir.ArrayType(pointer, len(declared)), USED)
    used.linkage, used.section = "appending", "llvm.metadata"
    used.initializer = ir.Constant(used.value_type, declared)


def _vectorised(name: str, single: bool) -> Any:
    """A function of one real that the vectoriser may call for all lanes at once."""
    scalar, lanes = (f"{name}f", 16) if single else (name, 8)
    variant = f'"vector-function-abi-variant"="_ZGV_LLVM_N{lanes}v_{scalar}({_vector_name(name, single)})"'

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        module, kind = builder.module, values[0].type
        if USED not in module.globals:
            _declare(module, kind, lanes, single)
        function = module.globals.get(scalar) or ir.Function(module, ir.FunctionType(kind, [kind]), scalar)
        call = builder.call(function, values, fastmath=("fast",), attrs=("nounwind", "readnone"))
        set.add(call.attributes, variant)  # llvmlite knows a fixed list of attributes
        return call

    return intrinsic(lambda context, x: (x(x), generate))


def functions(real: Any) -> SimpleNamespace:
    """exp2, log, sin and cos of one precision."""
    load()
    return SimpleNamespace(**{name: _vectorised(name, real is np.float32) for name in NAMES})
