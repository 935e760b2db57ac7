"""The machine that a measurement was made on, as far as speed depends on it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ipvalue.backend import kernels
from measuring import FULL

FLAGS = ("avx2", "fma", "avx512f", "avx512dq", "avx512bw", "avx512vl", "vaes", "gfni")
PACKAGES = ("ipvalue", "numpy", "numba", "llvmlite", "pyarrow", "mkl", "intel-cmplr-lib-rt", "torch", "jax", "dask", "duckdb", "QuantLib")
WIDTHS = {"AuthenticAMD 26": {"issue": 8, "vector": 4}}
"""Instructions that a processor (maker, family) can start in a cycle, and how many of them on vectors of its greatest width: Zen 5 sends 8 operations
on and has four vector pipes of 512 bits (AMD's Software Optimization Guide 58455)."""
SIBLINGS = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")


def _cpuinfo() -> dict[str, str]:
    """The first processor's fields of /proc/cpuinfo; empty where there is none."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Processor, the flags that matter, how its CPUs share cores, instruction set of our kernels, versions, and whether the run is the full one."""
    cpu = _cpuinfo()
    flags = cpu.get("flags", "").split()
    return {
        "model": cpu.get("model name") or platform.processor() or platform.machine(),
        "maker": cpu.get("vendor_id", "?"),
        "family": f"{cpu.get('cpu family', '?')}/{cpu.get('model', '?')}",
        "flags": [flag for flag in FLAGS if flag in flags],
        "cpus": os.cpu_count(),
        "siblings_of_cpu0": SIBLINGS.read_text(encoding="utf-8").strip() if SIBLINGS.exists() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "isa": kernels("native").isa(),
        "isas": kernels("native").instruction_sets(),
        "full": FULL,
        "versions": _versions(),
    }


def widths(told: Mapping[str, Any]) -> dict[str, int] | None:
    """Instructions that the processor can start in a cycle, None where we do not know."""
    return WIDTHS.get(f"{told['maker']} {told['family'].partition('/')[0]}")


def sentence(told: Mapping[str, Any]) -> str:
    """The machine in one line."""
    siblings, cpus = told["siblings_of_cpu0"], told["cpus"]
    alone = siblings is not None and not set(siblings) & set(",-")
    sharing = "" if siblings is None or cpus == 1 else ", a core each" if alone else f", CPUs {siblings} on one core"
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    return f"{told['model']} (family {told['family']}; {' '.join(told['flags'])}), {cpus} CPUs{sharing}, Python {told['python']}, {versions}"
