"""The same bits on other instruction sets, with other libraries' code paths, and in a thread whose arithmetic mode was changed: L1."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from bits import digests, table_digests

from ipvalue.ext import kernel
from ipvalue.valuation import Result

Value = Callable[..., Result]

TESTS = Path(__file__).resolve().parents[1]

VALUE = """
import json, sys
sys.path.insert(0, {tests!r})
from bits import digests
from portfolios import market, random_portfolio
import ipvalue
found = {{}}
for sampler, paths in (("random", {paths}), ("sobol", 16 * -(-{paths} // 16))):
    for precision in ("single", "double"):
        result = ipvalue.value(random_portfolio({rows}), market=market({steps}), assumptions={assumptions!r}, workers=1,
            paths=paths, seed=3, precision=precision, sampler=sampler, group_by=("sector",))
        found[sampler + ", " + precision] = digests(result)
found["isa"] = result.manifest["machine"]["instruction_set"]
print(json.dumps(found))
"""

OTHER_MACHINE = {
    "IPVALUE_ISA": "baseline",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4",
    "OPENBLAS_CORETYPE": "Prescott",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX512F",
}
"""A processor of 2004, as far as NumPy, OpenBLAS, the C library and our kernels can be told so."""


def _value_elsewhere(assumptions: Path, environment: dict[str, str], rows: int, paths: int, steps: int) -> dict[str, Any]:
    code = VALUE.format(tests=str(TESTS), assumptions=str(assumptions), rows=rows, paths=paths, steps=steps)
    clean = {name: text for name, text in os.environ.items() if name not in OTHER_MACHINE}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], env={**clean, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the switches are those of x86-64")
@pytest.mark.parametrize(("rows", "paths", "steps"), [(40, 40, 1), pytest.param(60, 200, 4, marks=pytest.mark.slow)])
def test_an_old_processor(assumptions: Path, rows: int, paths: int, steps: int) -> None:
    here = _value_elsewhere(assumptions, {}, rows, paths, steps)
    there = _value_elsewhere(assumptions, OTHER_MACHINE, rows, paths, steps)
    assert there.pop("isa") == "baseline"
    assert here.pop("isa") == kernel.instruction_sets()[-1]
    assert there == here


ISAS = [
    pytest.param(name, marks=pytest.mark.skipif(name not in kernel.instruction_sets(), reason=f"{name} not run: this processor lacks it"))
    for name in ("baseline", "v3", "v4")
]


@pytest.fixture(params=ISAS)
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    selected = kernel.isa()
    kernel.select_isa(request.param)
    yield str(request.param)
    kernel.select_isa(selected)


def test_instruction_sets(isa: str, value: Value, portfolio: pa.Table, precision: str) -> None:
    few = portfolio.slice(0, 80)
    found = digests(value(few, precision=precision, paths=100))
    kernel.select_isa(kernel.instruction_sets()[-1])
    assert found == digests(value(few, precision=precision, paths=100))


@pytest.mark.parametrize("paths", [1, 2, 15, 16, 17, 63, 65, 511, 513, 1023, 1025])
def test_path_counts_that_fill_no_vector(isa: str, paths: int, value: Value, portfolio: pa.Table, precision: str) -> None:
    """Each path is the one it is among more, and nothing of the lanes beyond the last path counts."""
    few = portfolio.slice(0, 30)
    options = {"precision": precision, "keep_paths": True, "group_by": ()}
    found = value(few, paths=paths, **options)
    kernel.select_isa(kernel.instruction_sets()[-1])
    more = value(few, paths=paths + 61, **options)
    assert [x[:paths] for x in more.paths["values"].to_pylist()] == found.paths["values"].to_pylist()
    assert digests(found) == digests(value(few, paths=paths, **options))
    lives = found.assets["expected_life"].to_numpy()
    assert ((lives >= 0) & (lives <= 101)).all()


# -------------------------------------------------------------------------------------- flush-to-zero and rounding


class _Environment(ctypes.Structure):
    """glibc's fenv_t on x86-64: 28 bytes of the x87 unit, then MXCSR."""

    _fields_ = (("x87", ctypes.c_uint8 * 28), ("mxcsr", ctypes.c_uint32))


FLUSH_TO_ZERO = 0x8040
ROUND_DOWN = 0x2000


def _mode() -> int:
    environment = _Environment()
    assert ctypes.CDLL(None).fegetenv(ctypes.byref(environment)) == 0
    return int(environment.mxcsr)


def _in_mode(bits: int, function: Callable[[], Any]) -> tuple[Any, int, int]:
    """function's result in a new thread with MXCSR bits set, and those bits before and after it."""
    found: list[Any] = []

    def call() -> None:
        library = ctypes.CDLL(None)
        environment = _Environment()
        library.fegetenv(ctypes.byref(environment))
        environment.mxcsr |= bits
        library.fesetenv(ctypes.byref(environment))
        before = _mode() & bits
        found.extend([function(), before, _mode() & bits])

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return found[0], found[1], found[2]


x86_glibc = pytest.mark.skipif(platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc", reason="sets MXCSR through glibc's fenv_t")


@x86_glibc
@pytest.mark.parametrize("bits", [FLUSH_TO_ZERO, ROUND_DOWN, FLUSH_TO_ZERO | ROUND_DOWN])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_changed_arithmetic_mode(bits: int, workers: int, value: Value, portfolio: pa.Table, precision: str) -> None:
    """A library linked with -ffast-math leaves flush-to-zero on in the thread that loads it. It changes no bit, and is left as it was."""
    few = _with_tiny_money(portfolio.slice(0, 60), 1e-45 if precision == "single" else 1e-313)
    usual = value(few, precision=precision, paths=200)
    changed, before, after = _in_mode(bits, lambda: digests(value(few, precision=precision, paths=200, workers=workers)))
    assert before == bits
    assert after == bits
    assert changed == digests(usual)
    means = np.abs(usual.assets["mean"].to_numpy())
    smallest = np.finfo(np.float32 if precision == "single" else np.float64).smallest_normal
    assert np.sum((means > 0) & (means < smallest)) >= 5, "the portfolio has values that flushing would take away"


def _with_tiny_money(table: pa.Table, unit: float) -> pa.Table:
    """Some rows in units so small that their vectors are denormal numbers."""
    columns = {name: table[name] for name in table.column_names}
    tiny = np.arange(len(table)) % 4 == 0
    for name in ("revenue", "annual_cost", "salvage"):
        amounts = columns[name].to_numpy(zero_copy_only=False) * np.where(tiny, unit, 1.0)
        columns[name] = pa.array(amounts, from_pandas=True)
    return pa.table({**columns, "revenue_path": pa.nulls(len(table), pa.list_(pa.float64())), "fee_schedule": pa.array(["none"] * len(table))})


@x86_glibc
def test_kernels_restore_the_mode(plain: Result) -> None:
    for bits in (FLUSH_TO_ZERO, ROUND_DOWN):
        values = np.linspace(1.0, 2.0, 1001) * 2.0**-1060
        usual = kernel.statistics(values, (0.1, 0.5), 0.05)
        found, before, after = _in_mode(bits, lambda values=values: kernel.statistics(values, (0.1, 0.5), 0.05))
        assert before == after == bits
        np.testing.assert_array_equal(found.view(np.uint64), usual.view(np.uint64))


# ------------------------------------------------------------------------------------------------------------ the GIL


def test_other_threads_run_while_a_kernel_works(value: Value, portfolio: pa.Table) -> None:
    """A held lock would starve a worker's heartbeat: another thread goes on ticking while one call of a kernel works."""
    ticks: list[int] = []
    during: dict[str, int] = {}
    stop = threading.Event()

    def tick() -> None:
        while not stop.wait(0.002):
            ticks.append(1)

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before = len(ticks)
            result = function(*arguments, **options)
            during[name] = max(during.get(name, 0), len(ticks) - before)
            return result

        return call

    thread = threading.Thread(target=tick)
    thread.start()
    names = ("simulate", "boundary", "vectors")
    kept = {name: getattr(kernel, name) for name in names}
    try:
        for name in names:
            setattr(kernel, name, counted(name, kept[name]))
        value(portfolio, 12, paths=2000, rows_per_task=10**6)
    finally:
        for name in names:
            setattr(kernel, name, kept[name])
        stop.set()
        thread.join()
    assert during["simulate"] > 10
    assert during["boundary"] > 10


def test_table_digests_see_one_bit() -> None:
    """The comparison itself: a zero's sign, a null and the last bit are differences."""
    column = [1.0, 0.0, None]
    seen = {
        table_digests(pa.table({"x": pa.array(values, pa.float64())}), "t")["t.x"]
        for values in (column, [1.0, -0.0, None], [1.0, 0.0, 0.0], [np.nextafter(1.0, 2.0), 0.0, None])
    }
    assert len(seen) == 4
