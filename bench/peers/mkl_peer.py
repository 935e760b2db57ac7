"""The reference workload with oneMKL's random numbers and vector exp, driven from NumPy through ctypes: blocked and in place like the NumPy peer.

The package is mkl; its sequential layer is chosen. Nanoseconds a normal, on an AMD EPYC with AVX-512 and oneMKL 2026.2:

    generator        single, ICDF / Box-Muller (two)     double, ICDF / Box-Muller (two)
    ARS-5            1.06 / 2.0                          1.89 / 8.2
    SFMT19937        1.28 / 2.4                          1.59 / 4.7
    MCG59            1.90 / 2.2                          1.46 / 4.4
    Philox4x32-10    3.14 / 4.1                          3.37 / 6.4

Its exp takes 0.79 ns (double 1.42) whichever accuracy is asked for, NumPy's 0.34 (0.58): the peers called `exp="numpy"` use that.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from peers.numpy_peer import NumpyPeer
from peers.peer import Precision, Reals
from workload import Assets

Stream = Literal["ARS5", "SFMT19937", "PHILOX4X32X10", "MCG59"]
Exp = Literal["mkl", "numpy"]
BRNG: dict[Stream, int] = {"MCG59": 4 << 20, "SFMT19937": 13 << 20, "ARS5": 15 << 20, "PHILOX4X32X10": 16 << 20}
UNIFORM_STD, GAUSSIAN_ICDF = 0, 2  # the fastest of the three Gaussian methods for every generator and precision
HIGH_ACCURACY = 2  # costs here what the lower ones cost
SEQUENTIAL = 1


def library() -> ctypes.CDLL:
    """libmkl_rt, single-threaded. OSError where the package is not installed."""
    found = sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.so*"))
    mkl = ctypes.CDLL(str(found[-1]) if found else "libmkl_rt.so")
    mkl.MKL_Set_Threading_Layer(SEQUENTIAL)
    return mkl


class MklPeer(NumpyPeer):
    """The NumPy peer with oneMKL's Gaussians, uniforms and, where asked, exp."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1, precision: Precision = "single", stream: Stream = "ARS5", exp: Exp = "mkl") -> None:
        super().__init__(assets, paths, seed, precision=precision)
        self.mkl = mkl = library()
        letter, number = ("s", ctypes.c_float) if precision == "single" else ("d", ctypes.c_double)
        self.gaussian, self.uniform, self.vector_exp = mkl[f"v{letter}RngGaussian"], mkl[f"v{letter}RngUniform"], mkl[f"vm{letter}Exp"]
        pointer, whole = ctypes.c_void_p, ctypes.c_int
        self.gaussian.argtypes = self.uniform.argtypes = [whole, pointer, whole, pointer, number, number]
        self.vector_exp.argtypes = [whole, pointer, pointer, ctypes.c_longlong]
        self.stream = ctypes.c_void_p()
        if mkl.vslNewStream(ctypes.byref(self.stream), ctypes.c_int(BRNG[stream]), ctypes.c_uint(seed)):
            raise RuntimeError(f"oneMKL makes no stream of {stream}")
        self.address = {id(array): array.ctypes.data for array in (self.level, self.lapse, self.moved)}
        self.exp: Callable[..., Reals] = self.mkl_exp if exp == "mkl" else np.exp

    def draw_lapse(self) -> None:
        self._checked(self.uniform(UNIFORM_STD, self.stream, self.tile, self.address[id(self.lapse)], 0.0, 1.0))

    def draw(self, scale: float) -> Reals:
        """Fills `level` (t,p) with independent normals of standard deviation `scale`."""
        self._checked(self.gaussian(GAUSSIAN_ICDF, self.stream, self.level.size, self.address[id(self.level)], 0.0, scale))
        return self.level

    def mkl_exp(self, x: Reals, out: Reals) -> Reals:
        self.vector_exp(x.size, self.address[id(x)], self.address[id(out)], HIGH_ACCURACY)
        return out

    @staticmethod
    def _checked(status: int) -> None:
        if status:
            raise RuntimeError(f"oneMKL's generator answers {status}")
