"""Uncertain inputs: the same bits in both kernels, on every instruction set, in parts, and of versions of one right beside one another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import portfolios
import pytest
import uncertain_rows
from both_kernels import same_bits
from compared import Compiled, compiled

from ipvalue import numba_kernel, sobol
from ipvalue.cashflows import Vectors, join, take
from ipvalue.ext import kernel

PATHS = 16 * 44
SAMPLED = [("random", True), ("sobol", False), ("random", False), ("sobol", True)]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("uncertain")
    (folder / "assumptions.toml").write_text(portfolios.ASSUMPTIONS[portfolios.ASSUMPTIONS.index("[fee_schedules") :])
    return compiled(uncertain_rows.portfolio(77, seed=12), portfolios.market(), folder / "assumptions.toml", folder)


def simulated(module: Any, here: Compiled, v: Vectors, sampler: str, single: bool, **options: Any) -> tuple[Any, ...]:
    """Statistics, status, path values, and sums of G and K."""
    sums = np.zeros((2, len(v.hash), 16))
    more: dict[str, Any] = {"sobol": sobol.plan(7, PATHS, 1), "sums": sums} if sampler == "sobol" else {}
    asked: dict[str, Any] = {"seed": 7, "paths": PATHS, "single": single, "quantiles": (0.1, 0.5), "tail": 0.05, "keep": True, **more, **options}
    return (*module.simulate(v, here.factors, **asked), sums)


def test_the_rows_have_every_kind(here: Compiled) -> None:
    inputs = here.vectors.inputs
    assert inputs is not None
    assert np.unique(inputs.kind).tolist() == [0, 1, 2, 3, 4, 5]
    assert all(len(np.unique(column)) > 4 for column in inputs.kind.T)
    assert 10 < inputs.blended.sum() < 60
    assert inputs.discounting is not None
    assert np.count_nonzero(inputs.discounting[5]) > 0  # an indefinite life at a drawn rate


@pytest.mark.parametrize(("sampler", "single"), SAMPLED[:2])
def test_both_kernels_agree(here: Compiled, sampler: str, single: bool) -> None:
    same_bits(*(simulated(module, here, here.vectors, sampler, single) for module in (kernel, numba_kernel)), "simulate")
    same_bits(kernel.closed_form(here.vectors), numba_kernel.closed_form(here.vectors), "closed form")
    same_bits(kernel.boundary(here.vectors), numba_kernel.boundary(here.vectors), "boundary")
    same_bits(kernel.first_versions(here.vectors), numba_kernel.first_versions(here.vectors), "first versions")


@pytest.mark.parametrize(("sampler", "single"), SAMPLED)
def test_every_instruction_set_agrees(here: Compiled, sampler: str, single: bool) -> None:
    chosen = kernel.isa()
    try:
        found = []
        for name in kernel.instruction_sets():
            kernel.select_isa(name)
            found.append(simulated(kernel, here, here.vectors, sampler, single))
    finally:
        kernel.select_isa(chosen)
    for other in found[1:]:
        same_bits(found[0], other, "instruction sets")


@pytest.mark.parametrize(("sampler", "single"), SAMPLED)
def test_parts_of_the_paths_and_single_assets_are_those_of_the_whole(here: Compiled, sampler: str, single: bool) -> None:
    v = here.vectors
    _, _, values, sums = simulated(kernel, here, v, sampler, single)
    parts = [simulated(kernel, here, v, sampler, single, first=first, paths=paths) for first, paths in ((0, 320), (320, PATHS - 320))]
    same_bits(np.concatenate([part[2] for part in parts], axis=1), values, "parts")
    for a in (0, 13, 40, 76):
        alone = simulated(kernel, here, take(v, np.array([a])), sampler, single)
        same_bits(alone[2][0], values[a], f"asset {a}")
        same_bits(alone[3][:, 0], sums[:, a], f"asset {a}: sums")


@pytest.mark.parametrize(("sampler", "single"), SAMPLED)
def test_versions_are_valued_as_if_alone(here: Compiled, sampler: str, single: bool) -> None:
    """Three versions of each right, which share their draws: another w, other costs, an earlier end; and one whose draws are others."""
    v, n = here.vectors, len(here.rows)
    assert v.inputs is not None
    versions = [v, replace(v, w=v.w * 0.8), replace(v, f=v.f * 1.5, survival=v.survival * 0.9)]
    numbers = v.inputs.numbers * 1.01
    other = replace(v, inputs=replace(v.inputs, numbers=numbers))
    together = take(join([*versions, other]), np.arange(4 * n).reshape(4, n).T.reshape(-1))
    if v.bound_out is not None:
        together.bound_out, together.bound_in = kernel.boundary(together)
    drawn = (v.inputs.kind > 0).any(axis=1) & (v.inputs.numbers != numbers).any(axis=(1, 2))
    first = kernel.first_versions(together).reshape(n, 4)
    assert (first[:, :3] == first[:, :1]).all()
    assert (first[drawn, 3] == 4 * np.flatnonzero(drawn) + 3).all()
    whole = simulated(kernel, here, together, sampler, single)
    for a in range(4 * n):
        alone = simulated(kernel, here, take(together, np.array([a])), sampler, single)
        same_bits(tuple(np.array(x[0]) for x in alone[:3]), tuple(np.array(x[a]) for x in whole[:3]), f"version {a}")
        same_bits(alone[3][:, 0], whole[3][:, a], f"version {a}: sums")


def test_a_market_in_quarters(tmp_path: Path) -> None:
    """Instruction sets again, with part-periods and the year repeated in four."""
    (tmp_path / "assumptions.toml").write_text(portfolios.ASSUMPTIONS[portfolios.ASSUMPTIONS.index("[fee_schedules") :])
    here = compiled(uncertain_rows.portfolio(21, seed=14), portfolios.market(4, False), tmp_path / "assumptions.toml", tmp_path)
    test_every_instruction_set_agrees(here, "sobol", True)
