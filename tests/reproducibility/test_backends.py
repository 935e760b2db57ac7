"""The kernels in C and in Numba: the same names, arguments, errors and bits, whatever is asked of them (docs/reproducibility.md, L2).

Every kernel is compiled once for the whole module: the tests take their cases from a whole run, or from Hypothesis.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from bits import digests
from both_kernels import Array, batch, same_bits, simulated
from commandline import contents, here, run
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import TypingError
from numba.core.event import install_recorder
from portfolios import methods_and_several, random_methods, random_portfolio

from ipvalue import backend, numba_kernel, simulate
from ipvalue.constants import BLOCK_PATHS, DRIVERS, REPLICATES
from ipvalue.ext import kernel as native
from ipvalue.numba_kernel import compiler
from ipvalue.numba_kernel.arithmetic import fma
from ipvalue.numba_kernel.compiler import Kernel, cpu_features
from ipvalue.numba_kernel.words import drawn_by_instruction, drawn_by_table, words_at_once
from ipvalue.valuation import Result

__all__ = ["here"]

Value = Callable[..., Result]

ROOT = Path(__file__).resolve().parents[2]
COMPARED = ("periods", "vectors", "closed_form", "boundary", "simulate", "statistics", "add_exact", "merge_exact", "exact_as_float")
OF_ASSETS = ("last_delta", "tab_factor", "premise_factor")
CHANGED = {"add_exact": 0, "merge_exact": 0}
"""Functions that change their argument of that place."""


def valid_vectors(found: dict[str, Array], offset: Array) -> dict[str, Array | None]:
    """What `vectors` gives for the assets that it gives vectors: the rest is not defined."""
    good = found["status"] == 0
    elements = np.repeat(good, np.diff(offset))
    return {name: column if column is None or name == "status" else column[good if name in OF_ASSETS else elements] for name, column in found.items()}


class Both:
    """The C kernels, each call of which is made on the Numba kernels as well and compared."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return self.compared(name) if name in COMPARED else getattr(native, name)

    def compared(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            again, options_again = list(arguments), dict(options)
            if name in CHANGED:
                again[CHANGED[name]] = again[CHANGED[name]].copy()
            added_to = [key for key in ("totals", "sums") if options.get(key) is not None]
            options_again |= {key: options[key].copy() for key in added_to}
            found = getattr(native, name)(*arguments, **options)
            other = getattr(numba_kernel, name)(*again, **options_again)
            if name == "vectors":
                same_bits(valid_vectors(found, arguments[2]), valid_vectors(other, arguments[2]), name)
            else:
                same_bits(found, other, name)
            if name in CHANGED:
                same_bits(arguments[CHANGED[name]], again[CHANGED[name]], f"{name}: the sums")
            for key in added_to:
                same_bits(options[key], options_again[key], f"{name}: the {key}")
            self.calls[name] += 1
            return found

        return call


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Both:
    """The native kernels of every run are compared with Numba's."""
    kernels = Both()
    monkeypatch.setitem(backend._loaded, "native", kernels)
    return kernels


# ---------------------------------------------------------------------------------------------------------- whole runs


@pytest.mark.parametrize(
    ("steps", "table_bytes", "paths", "sampler"),
    [(1, 1 << 26, 700, "random"), (4, 0, 130, "random"), (1, 1 << 26, 704, "sobol"), (4, 0, 144, "sobol")],
)
def test_every_call_of_a_run(
    both: Both, value: Value, precision: str, steps: int, table_bytes: int, paths: int, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 rights of every feature and 210 of every method: vectors, boundaries, every path, statistics, totals, with factors tabled and not."""
    monkeypatch.setattr(simulate, "FACTOR_TABLE_BYTES", table_bytes)
    options: dict[str, Any] = {"precision": precision, "paths": paths, "keep_paths": True, "rows_per_task": 100, "group_by": ("sector",)}
    options["sampler"] = sampler
    first = value(random_portfolio(300, seed=7), steps, **options)
    second = value(random_methods(210, seed=9), steps, **options)
    assert first.manifest["counts"]["valued"] == 300
    assert second.manifest["counts"]["valued"] > 150
    assert set(both.calls) == set(COMPARED)
    assert both.calls["simulate"] >= 6


def test_several_methods_on_one_right(both: Both, value: Value, precision: str) -> None:
    table = random_portfolio(40, seed=4)
    lists = [["relief_from_royalty", "cost"] if i % 2 else None for i in range(40)]
    weights = [[0.75, 0.25] if i % 2 else None for i in range(40)]
    table = table.append_column("methods", pa.array(lists)).append_column("weights", pa.array(weights))
    table = table.append_column("replacement_cost", pa.array(np.linspace(1e4, 1e7, 40)))
    assert value(table, precision=precision).manifest["counts"]["valued"] == 40
    assert both.calls["statistics"] >= 20


def test_a_tolerance(both: Both, value: Value, precision: str) -> None:
    """Every call of every round, and whole runs of either."""
    table = methods_and_several(42, 7, seed=4)
    options: dict[str, Any] = {"precision": precision, "paths": 60, "tolerance": 0.05, "max_paths": 1000, "rows_per_task": 1000, "keep_paths": True}
    found = value(table, **options)
    assert set(found.assets["paths"].to_pylist()) == {60, 120, 240, 480, 960}
    assert both.calls["simulate"] == 10  # five rounds of rows by one method and of rows by several
    other = value(table, backend="numba", **options)
    assert digests(other) == digests(found)
    assert other.paths.equals(found.paths)
    assert other.manifest["warnings"] == found.manifest["warnings"]


def test_vectors_of_rows_that_break_rules(value: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every status of `vectors`, where a driver is thrown off: the same rows have vectors, and the others lack them for the same reason."""
    calls: list[tuple[Any, ...]] = []

    def kept(*arguments: Any) -> Any:
        calls.append(arguments)
        return native.vectors(*arguments)

    monkeypatch.setitem(backend._loaded, "native", SimpleNamespace(**{**{n: getattr(native, n) for n in dir(native)}, "vectors": kept}))
    value(random_portfolio(300, seed=2), rows_per_task=10**6, paths=1)
    drivers, market, _, _ = calls[0]
    extremes = {
        "growth": [1.0], "growth_long": [0.5], "cost_inflation": [0.9], "discount_premium": [-1.5, -1.0, -0.9], "revenue": [1e308, 1e300],
        "survival_age": [60.0], "tab_years": [80.0], "time_to_sell": [90.0], "premise_discount": [-500.0], "obsolescence": [-0.5], "hazard": [900.0],
        "annual_cost": [1e308], "salvage": [1e12], "ramp_years": [7.0], "fee_start": [3.0], "fee_age": [-2.0], "entry_hazard": [3.0],
    }  # fmt: skip
    random, seen = np.random.default_rng(5), set()
    curve = market.survivals[0], market.survivals[1], market.survivals[2].copy()
    curve[2][-1] = 0.0
    market = SimpleNamespace(
        **{n: getattr(market, n) for n in ("steps_per_year", "mid_period", "curves", "schedules", "every", "mean_fee")}, survivals=curve
    )
    for _ in range(25):
        matrix = drivers.drivers.copy()
        for name, values in extremes.items():
            hit = random.random(matrix.shape[1]) < 0.08
            matrix[DRIVERS.index(name)][hit] = random.choice(values, hit.sum())
        other = SimpleNamespace(**{**vars(drivers), "drivers": matrix})
        periods = native.periods(other, market)
        same_bits(periods, numba_kernel.periods(other, market), "periods")
        offset = np.concatenate([[0], np.cumsum(periods)]).astype(np.int64)
        for clamps in (False, True):
            found, again = (k.vectors(other, market, offset, clamps) for k in (native, numba_kernel))
            same_bits(valid_vectors(found, offset), valid_vectors(again, offset), "vectors")
        seen |= set(found["status"].tolist())
    assert seen == set(range(8))


# --------------------------------------------------------------------------------------------------- single functions


def test_the_names_and_arguments_are_those_of_the_binding() -> None:
    """ext/kernel.pyi, name by name and argument by argument."""
    tree = ast.parse((ROOT / "ext" / "kernel.pyi").read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            theirs = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
            assert list(inspect.signature(getattr(numba_kernel, node.name)).parameters) == theirs, node.name
        elif isinstance(node, ast.ClassDef):
            assert inspect.isclass(getattr(numba_kernel, node.name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            assert hasattr(numba_kernel, node.target.id), node.target.id
    assert numba_kernel.DRIVERS == native.DRIVERS
    assert numba_kernel.STATISTICS == native.STATISTICS
    assert numba_kernel.Stopped is native.Stopped


IN_BOTH = ("log", "exp2", "sin", "cos")
FUNCTIONS = (*IN_BOTH, "exp", "pow", "normal_cdf", "normal_quantile")
words64 = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50)


@given(words64, words64, st.sampled_from(FUNCTIONS))
def test_elementary_functions_of_any_bits(x: list[int], y: list[int], name: str) -> None:
    with np.errstate(all="ignore"):
        doubles, powers = np.array(x, np.uint64).view(np.float64), np.resize(np.array(y, np.uint64), len(x)).view(np.float64)
        same_bits(native.elementary(name, doubles, powers), numba_kernel.elementary(name, doubles, powers), name)
        if name in IN_BOTH:
            singles = (np.array(x, np.uint64) >> np.uint64(32)).astype(np.uint32).view(np.float32)
            same_bits(native.elementary(name, singles), numba_kernel.elementary(name, singles), name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementary_functions_where_they_are_used(name: str) -> None:
    grid = np.linspace(-745.0, 710.0, 200_001)
    x = {"log": np.abs(grid) + 1e-300, "sin": grid / 500, "cos": grid / 500, "pow": np.abs(grid) / 100 + 1e-9}.get(name, grid)
    x = {"normal_cdf": grid / 50, "normal_quantile": np.linspace(-0.01, 1.01, 200_001)}.get(name, x)
    same_bits(native.elementary(name, x, grid / 50), numba_kernel.elementary(name, x, grid / 50), name)
    if name in IN_BOTH:
        same_bits(native.elementary(name, x.astype(np.float32)), numba_kernel.elementary(name, x.astype(np.float32)), name)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8), st.integers(1, 10))
def test_ars(words: list[int], rounds: int) -> None:
    assert numba_kernel.ars(words[:4], words[4:], rounds) == native.ars(words[:4], words[4:], rounds)


@pytest.mark.parametrize("n", [REPLICATES, BLOCK_PATHS])
@pytest.mark.parametrize("at_once", [4, 8, 16])
def test_words_by_instruction_and_by_table(at_once: int, n: int) -> None:
    """Of every width that this processor has; the look-up is what other processors use."""
    if at_once > words_at_once(cpu_features(), platform.machine()):
        pytest.skip(f"no AES instruction for {at_once} words here")
    by_instruction, by_table = drawn_by_instruction(at_once, n), drawn_by_table(n)

    @Kernel
    def both(counter: Any, path: Any, hash_: Any, seed: Any, one: Any, other: Any) -> None:
        by_instruction(counter, path, hash_, seed, one)
        by_table(counter, path, hash_, seed, other)

    random = np.random.default_rng(at_once)
    for path in (0, 64, 512, 2**30 - 512):
        counter, hash_, seed = (np.uint64(x) for x in (1 << 28 | int(random.integers(2**20)), *random.integers(2**64, size=2, dtype=np.uint64)))
        one, other = (np.zeros(n, np.uint32) for _ in range(2))
        both(counter, np.uint64(path), hash_, seed, one, other)
        same_bits(one, other, f"words of path {path}")
        key = [int(seed) & 0xFFFFFFFF, int(seed) >> 32, 0, 0]
        assert other[4:8].tolist() == list(native.ars([int(counter), path // 4 + 1, int(hash_) & 0xFFFFFFFF, int(hash_) >> 32], key))


def test_which_instruction_is_taken() -> None:
    """The widest that the processor has; none where AES is missing or was masked."""
    assert words_at_once("+aes,+vaes,+avx2,+avx512f", "x86_64") == 16
    assert words_at_once("+aes,+vaes,+avx2,-avx512f", "x86_64") == 8
    assert words_at_once("+aes,-vaes,+avx2,+avx512f", "AMD64") == 4
    assert words_at_once("+sse2", "x86_64") == words_at_once("", "x86_64") == words_at_once("+aes,+neon", "aarch64") == 0


numbers = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, 1e300])


@given(st.lists(numbers, min_size=1, max_size=200), st.integers(1, 30), st.floats(0.0, 1.0, exclude_min=True))
def test_statistics(values: list[float], repeat: int, tail: float) -> None:
    levels = (0.0, 0.05, 0.3333, 0.5, 0.95, 1.0)
    x = np.repeat(np.array(values), repeat)
    with np.errstate(all="ignore"):
        same_bits(native.statistics(x, levels, tail), numba_kernel.statistics(x, levels, tail), "statistics")


@pytest.mark.parametrize("n", [1, 2, 15, 16, 17, 1024, 10_000])
def test_statistics_of_skewed_and_tied_values(n: int) -> None:
    random = np.random.default_rng(n)
    for x in (np.exp(4 * random.normal(size=n)), random.integers(-2, 3, n) * 0.1, np.where(random.random(n) < 0.5, 0.0, -0.0), random.normal(size=n)):
        same_bits(native.statistics(x, (0.01, 0.5, 0.999), 0.05), numba_kernel.statistics(x, (0.01, 0.5, 0.999), 0.05), "statistics")


money = st.floats(-3e19, 3e19) | st.integers(-(2**62), 2**62).map(lambda x: x / 2e6)


@given(st.lists(st.lists(money, min_size=3, max_size=3), min_size=1, max_size=40), st.integers(0, 2**31))
def test_exact_sums(rows: list[list[float]], seed: int) -> None:
    values = np.array(rows)
    group = np.random.default_rng(seed).integers(0, 3, len(values)).astype(np.int32)
    sums = np.random.default_rng(seed).integers(0, 2**64 - 1, (9, 2), dtype=np.uint64)
    sums[:, 1] >>= np.uint64(seed % 40 + 3)
    other = sums.copy()
    native.add_exact(sums, group, values)
    numba_kernel.add_exact(other, group, values)
    same_bits(sums, other, "add_exact")
    native.merge_exact(sums, sums[::-1].copy())
    numba_kernel.merge_exact(other, other[::-1].copy())
    same_bits(sums, other, "merge_exact")


@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 127)), min_size=1, max_size=50))
def test_exact_sums_as_floats(words: list[tuple[int, int]]) -> None:
    """Of every magnitude, and at the ties between two floats."""
    sums = [((word << 64 | word ^ 0x8000) >> shift) - (shift % 3 << 50) for word, shift in words]
    pairs = np.array([[x & (2**64 - 1), x >> 64 & (2**64 - 1)] for x in sums], np.uint64)
    same_bits(native.exact_as_float(pairs), numba_kernel.exact_as_float(pairs), "exact_as_float")


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_hashes(strings: list[bytes]) -> None:
    data, ends = np.frombuffer(b"".join(strings), np.uint8), np.cumsum([0, *map(len, strings)]).astype(np.int32)
    same_bits(native.hash_strings(data, ends), numba_kernel.hash_strings(data, ends), "hash_strings")


@pytest.mark.parametrize("size", [0, 1, 2, 5, 20])
def test_cholesky(size: int) -> None:
    random = np.random.default_rng(size)
    for rank in range(max(1, size - 2), size + 1):
        thin = random.normal(size=(size, rank))
        same_bits(native.cholesky(thin @ thin.T), numba_kernel.cholesky(thin @ thin.T), "cholesky")
    for matrix in (np.eye(3) - 0.9, np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.5], [0.0, 0.5, 1.0]]), np.ones((2, 3))):
        messages = []
        for kernel in (native, numba_kernel):
            with pytest.raises(ValueError) as caught:
                kernel.cholesky(matrix)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


# -------------------------------------------------------------------------------------------------- vectors at the edge


def compare(vectors: SimpleNamespace, paths: int = 600, **options: Any) -> npt.NDArray[np.int8]:
    """Both precisions of both kernels; the status of each asset."""
    for single in (True, False):
        found, other = (simulated(kernel, vectors, paths, single, **options) for kernel in (native, numba_kernel))
        same_bits(found, other, "simulate")
    status: npt.NDArray[np.int8] = found[1]
    return status


@pytest.mark.parametrize("paths", [1, 2, 511, 512, 513, 1025, 5000])
@pytest.mark.parametrize("table_bytes", [0, 1 << 30])
def test_blocks_that_are_not_whole(paths: int, table_bytes: int) -> None:
    vectors = batch([0, 3, 4, 12, 13], survival=np.repeat([0.9, 0.6, 0.3, 0.0], [4, 4, 4, 1]), factor=np.array([1, 0, 1, 0], np.int32))
    compare(vectors, paths, table_bytes=table_bytes)


def test_values_that_cannot_be_summed() -> None:
    """Infinite and too great ones have a status and no statistics, and leave the totals alone."""
    w = np.array([1.0, np.inf, 1e25, 1e-320, 1e18])
    vectors = batch([0, 1, 2, 3, 4, 5], w=w)
    totals = [np.zeros((600, 2), np.uint64) for _ in range(4)]
    results = []
    for i, (kernel, single) in enumerate((k, s) for s in (True, False) for k in (native, numba_kernel)):
        results.append(simulated(kernel, vectors, 600, single, group=np.zeros(5, np.int32), totals=totals[i]))
    for i in (0, 2):
        same_bits(results[i], results[i + 1], "simulate")
        same_bits(totals[i], totals[i + 1], "totals")
        assert results[i][1].tolist() == [0, 1, 2, 0, 0]
        assert not results[i][0][1:3].any()


def test_assets_without_chance_and_rights_that_end() -> None:
    vectors = batch(
        [0, 4, 8, 12, 16],
        survival=np.array([0.5, 0.2, 0.1, 1e-11, 0.5, 0.4, 0.4, 0.3, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        volatility=np.array([0.3, 0.0, 0.0, 0.3]),
        uncertainty=np.array([0.0, 0.4, 0.0, 0.0]),
        royalty_low=np.array([1.0, 0.2, 1.0, 0.0]),
        royalty_high=np.array([1.0, 1.9, 1.0, 3.0]),
    )
    assert not compare(vectors).any()


def test_too_few_elements_is_the_same_error() -> None:
    short = batch([0, 2, 4], survival=np.ones(3))
    for call in ("closed_form", "boundary"):
        for kernel in (native, numba_kernel):
            with pytest.raises(ValueError, match="expected 4 elements, got 3"):
                getattr(kernel, call)(short)
    for kernel in (native, numba_kernel):
        with pytest.raises(ValueError, match="expected 4 elements, got 3"):
            simulated(kernel, short, 10, True)
        with pytest.raises(ValueError):
            kernel.closed_form(batch([0, 2], w=np.ones(2, np.float32)))
        with pytest.raises(ValueError):
            kernel.elementary("exp", np.ones(3, np.float32))


# ------------------------------------------------------------------------------------------------------- how it compiles


def test_products_are_fused_where_written_and_nowhere_else() -> None:
    """(1 + 2^-k)² − 1 − 2^(1−k) is 2^(−2k) where the product is not rounded first, else 0; in both precisions."""

    @Kernel
    def apart(a: Any, out: Any) -> None:
        for i in range(len(a)):
            out[i] = a[i] * a[i] - a[i]

    @Kernel
    def fused(a: Any, b: Any, c: Any, out: Any) -> None:
        for i in range(len(a)):
            out[i] = fma(a[i], b[i], c[i])

    for real, k in ((np.float32, 13), (np.float64, 30)):
        a = np.full(37, 1.0 + 2.0**-k, real)
        minus = -(np.ones(37, real) + real(2.0 ** (1 - k)))
        out = np.empty(37, real)
        fused(a, a, minus, out)
        assert set(out.tolist()) == {2.0 ** (-2 * k)}
        apart(a, out)
        assert set(out.tolist()) == set((a * a - a).tolist())


def test_precisions_do_not_mix_unseen() -> None:
    @Kernel
    def mixed(a: Any, b: Any) -> Any:
        return fma(a[0], b[0], a[0])

    with pytest.raises(TypingError, match="one precision"):
        mixed(np.ones(1, np.float32), np.ones(1))


def test_many_threads_compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "code_folder", lambda: None)  # nothing is there already
    compiled = Kernel(lambda x: x[0] + 1.0)
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.append(compiled(np.ones(1)))) for _ in range(8)]
    with install_recorder("numba:compile") as recorded:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [2.0] * 8
    assert [event.data["dispatcher"].py_func for _, event in recorded.buffer if event.is_start] == [compiled._function]


@pytest.fixture
def long_work() -> Iterator[Callable[[], Any]]:
    """A call that takes some seconds, compiled before; the flag is taken down afterwards."""
    vectors = batch([0, 40] + [40 * i for i in range(2, 41)])
    simulated(numba_kernel, vectors, 10, True)
    yield lambda: simulated(numba_kernel, vectors, 1_000_000, True, keep=False)
    numba_kernel.clear_stop()


def test_a_stop_request_ends_the_kernels(long_work: Callable[[], Any]) -> None:
    threading.Timer(0.2, numba_kernel.request_stop).start()
    with pytest.raises(native.Stopped):
        long_work()
    with pytest.raises(numba_kernel.Stopped):
        numba_kernel.boundary(batch([0, 3], optional=np.ones(1, np.uint8), f=np.ones(3)))
    numba_kernel.clear_stop()
    assert numba_kernel.boundary(batch([0, 3], optional=np.ones(1, np.uint8), f=np.ones(3)))[0].all()


def test_backends_are_stopped_together() -> None:
    backend.kernels("numba")
    backend.request_stop()
    try:
        for kernel in (native, numba_kernel):
            with pytest.raises(kernel.Stopped):
                simulated(kernel, batch([0, 3]), 10, True)
    finally:
        backend.clear_stop()
    assert not compare(batch([0, 3]), 10).any()


def test_other_threads_run_while_a_kernel_works(long_work: Callable[[], Any]) -> None:
    ticks, stop = [0], threading.Event()

    def tick() -> None:
        while not stop.wait(0.002):
            ticks[0] += 1

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        start = time.process_time()
        long_work()
        assert time.process_time() > start
    finally:
        stop.set()
        thread.join()
    assert ticks[0] > 10


ELSEWHERE = """
import json, sys
sys.path.insert(0, {tests!r})
from bits import digests
from portfolios import market, random_portfolio
import ipvalue
found = {{}}
for sampler, paths in (("random", 130), ("sobol", 144)):
    for precision in ("single", "double"):
        options = dict(workers=1, paths=paths, precision=precision, sampler=sampler, backend="numba")
        result = ipvalue.value(random_portfolio(40), market=market(), assumptions={assumptions!r}, **options)
        found[sampler + ", " + precision] = digests(result)
print(json.dumps(found))
"""

OLD_PROCESSOR = {
    "NUMBA_CPU_NAME": "x86-64",
    "NUMBA_CPU_FEATURES": "",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4",
    "OPENBLAS_CORETYPE": "Prescott",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX512F",
}
"""One of 2004, as far as Numba, NumPy and the C library can be told so: every fma is the C library's."""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the switches are those of x86-64")
def test_an_old_processor(assumptions: Path) -> None:
    code = ELSEWHERE.format(tests=str(ROOT / "tests"), assumptions=str(assumptions))
    found = []
    for environment in ({}, OLD_PROCESSOR):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]


# ------------------------------------------------------------------------------------------------------------- commands


def files(directory: str) -> dict[str, bytes]:
    """All files of a result but its manifest."""
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


def machine(directory: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(directory, "manifest.json").read_text())["machine"]
    return found


@pytest.mark.parametrize(("scheduler", "workers"), [("threads", 3), ("processes", 2)])
def test_the_command_gives_the_same_files(here: Path, scheduler: str, workers: int) -> None:
    options = ("--paths", 600, "--group-by", "sector", "--keep-paths", "--scheduler", scheduler, "--workers", workers)
    for name in backend.BACKENDS:
        assert run("value", "portfolio.parquet", "--out", name, "--backend", name, *options).code == 0
    assert files("native") == files("numba") != {}
    assert machine("native")["backend"] == "native"
    assert machine("native")["instruction_set"] == native.isa()
    assert machine("numba")["backend"] == "numba"
    assert "instruction_set" not in machine("numba")


def test_an_unknown_backend(here: Path) -> None:
    ran = run("value", "portfolio.parquet", "--backend", "fortran")
    assert ran.code == 2
    assert ran.sentence == "backend is 'fortran': it must be native or numba"


def without_c(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process that has no C kernels."""
    code = "import sys; sys.modules['ipvalue.ext.kernel'] = None; from ipvalue.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=here, capture_output=True, text=True, check=False, env={**os.environ, "IPVALUE_CACHE": ""}
    )


def test_without_the_c_kernels_the_command_works_and_says_so(here: Path) -> None:
    run("value", "portfolio.parquet", "--out", "native", "--paths", 600, "--group-by", "sector")
    done = without_c(here, "value", "portfolio.parquet", "--out", "numba", "--paths", "600", "--group-by", "sector", "--log-json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stderr.splitlines()]
    notices = [event["text"] for event in events if event["event"] in ("notice", "warning")]
    assert [notice for notice in notices if "C kernels were not built" in notice] == [backend.NOT_BUILT]
    assert [notice for notice in notices if "compiling" in notice] == ["compiling the Numba kernels (up to 20 s)…"]
    assert files(str(here / "native")) == files(str(here / "numba"))
    assert machine(str(here / "numba"))["backend"] == "numba"


def test_without_the_c_kernels_native_is_refused(here: Path) -> None:
    done = without_c(here, "value", "portfolio.parquet", "--backend", "native")
    assert done.returncode == 2
    assert done.stderr.startswith("ipvalue: backend: the C kernels were not built on this machine: install a C compiler")
    assert not (here / "results").exists()
