"""The peers by name: which there are, what they need, and how they are made."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from peers.peer import Peer, Precision
from workload import Assets

EXTRA = "bench-peers"


@dataclass(frozen=True)
class Entry:
    """A peer: its module of this package and class, its precision (None: it knows only double), further options, and the import or library it needs.

    `slow` is by how much fewer assets it is measured with, so that a turn takes about as long as another's.
    """

    module: str
    cls: str
    precision: Precision | None
    options: Mapping[str, str] = field(default_factory=dict)
    needs: str = "numpy"
    slow: int = 1

    @property
    def double(self) -> bool:
        return self.precision != "single"

    def missing(self) -> str | None:
        """Why it cannot be made here, if so."""
        if self.needs.startswith("lib"):
            found = any((Path(sys.prefix) / "lib").glob(f"{self.needs}.so*"))
        else:
            found = find_spec(self.needs) is not None
        return None if found else f"{self.needs} is not installed: it comes with the extra {EXTRA}"

    def make(self, assets: Assets, paths: int, seed: int = 1) -> Peer:
        """The peer, ready to run. ImportError or OSError where what it needs is missing."""
        cls = getattr(import_module(f"peers.{self.module}"), self.cls)
        precision = {} if self.precision is None else {"precision": self.precision}
        peer: Peer = cls(assets, paths, seed=seed, **precision, **self.options)
        return peer


def _both(name: str, module: str, cls: str, options: Mapping[str, str], needs: str, slow: int = 1) -> dict[str, Entry]:
    precisions: tuple[Precision, ...] = ("single", "double")
    return {f"{name}, {p}": Entry(module, cls, p, options, needs, slow) for p in precisions}


PEERS: dict[str, Entry] = {
    **_both("Numba", "numba_peer", "NumbaPeer", {}, "numba"),
    **_both("Numba with SVML", "numba_peer", "NumbaPeer", {"functions": "svml"}, "libsvml"),
    **_both("oneMKL ARS-5", "mkl_peer", "MklPeer", {}, "libmkl_rt", 2),
    **_both("oneMKL ARS-5, NumPy's exp", "mkl_peer", "MklPeer", {"exp": "numpy"}, "libmkl_rt", 2),
    "oneMKL MCG59, NumPy's exp, double": Entry("mkl_peer", "MklPeer", "double", {"stream": "MCG59", "exp": "numpy"}, "libmkl_rt", 2),
    **_both("NumPy (tiled, Box-Muller)", "numpy_peer", "NumpyPeer", {}, "numpy", 2),
    **_both("NumPy (standard_normal)", "numpy_peer", "NumpyPeer", {"normals": "ziggurat"}, "numpy", 4),
    **_both("Torch", "torch_peer", "TorchPeer", {}, "torch", 4),
    **_both("JAX", "jax_peer", "JaxPeer", {}, "jax", 4),
    **_both("Dask array", "dask_peer", "DaskPeer", {}, "dask", 8),
    "DuckDB, double": Entry("duckdb_peer", "DuckdbPeer", None, {}, "duckdb", 32),
    "QuantLib, double": Entry("quantlib_peer", "QuantlibPeer", None, {}, "QuantLib", 128),
}
