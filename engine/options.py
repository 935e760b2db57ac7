"""The options of a run as tables of fields: what `ipvalue value` has as flags and a job file as keys, each with its meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from ipvalue.backend import Backend, default_backend, kernels
from ipvalue.constants import MAX_PATHS, MAX_QUANTILES
from ipvalue.memory import parse_memory
from ipvalue.schema import PORTFOLIO, Strict, did_you_mean
from ipvalue.simulate import Sampler
from ipvalue.sobol import points_of


class Numbers(Strict):
    """What the figures follow from, beside the portfolio, the market and the assumptions."""

    paths: Annotated[int, Field(ge=1, le=MAX_PATHS, description="simulated paths of each right")] = 10_000
    seed: Annotated[int, Field(ge=0, lt=2**64, description="another seed, other random numbers")] = 1
    sampler: Annotated[Sampler, Field(description="`random`, or `sobol`: quasi-random points, as many as a multiple of 16")] = "random"
    tolerance: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False, description="doubles the paths of a right while its standard error is above this part of its mean"),
    ] = None
    max_paths: Annotated[
        int | None, Field(ge=1, le=MAX_PATHS, description="the most paths of a right under `tolerance`; by default 64 times `paths`")
    ] = None
    precision: Annotated[Literal["single", "double"], Field(description="arithmetic of the paths: `single` or `double`")] = "single"
    quantiles: Annotated[tuple[float, ...], Field(strict=False, description="which quantiles to report, from 0 to 1")] = (0.05, 0.25, 0.5, 0.75, 0.95)
    tail: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, description="the share of worst paths in the expected shortfall")] = 0.05
    premise: Annotated[
        Literal["going_concern", "orderly", "forced"], Field(description="premise of value: `going_concern`, `orderly` or `forced`")
    ] = "going_concern"

    @field_validator("quantiles")
    @classmethod
    def _check_quantiles(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return check_quantiles(value)

    @model_validator(mode="after")
    def _check_sampler(self) -> Self:
        if self.sampler == "sobol":
            points_of(self.paths)
        return self

    @model_validator(mode="after")
    def _check_tolerance(self) -> Self:
        if self.tolerance is not None and self.paths == 1:
            raise ValueError("paths is 1: one path has no standard error to hold against a tolerance; start with more, or leave tolerance out")
        if self.max_paths is None:
            return self
        if self.tolerance is None:
            raise ValueError(f"max_paths is {self.max_paths:,}, and only a tolerance takes more than paths: give --tolerance too, or --paths alone")
        if self.max_paths < self.paths:
            raise ValueError(f"max_paths is {self.max_paths:,}: it must be at least paths, which is {self.paths:,}")
        if self.sampler == "sobol":
            points_of(self.max_paths, "max_paths")
        return self


class Groups(Strict):
    """Which rights are added up, beside all of them."""

    group_by: Annotated[tuple[str, ...], Field(strict=False, description="columns: totals of the rights that agree in them, besides the whole")] = ()

    @field_validator("group_by")
    @classmethod
    def _check_group_by(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in PORTFOLIO:
                raise ValueError(f"{name!r} is no column of a portfolio{did_you_mean(name, PORTFOLIO)}")
            if PORTFOLIO[name].kind in ("float_list", "choice_list"):
                raise ValueError(f"{name} holds lists: group by a column of names, dates or numbers")
        _refuse_repeated(value)
        return value


class Kept(Strict):
    """What is kept of the paths."""

    keep_paths: Annotated[bool, Field(description="keeps every path of every right (large)")] = False


class Place(Strict):
    """Where and how a run is made; no bit depends on it, and by `rows_per_task` alone the part files are cut otherwise."""

    workers: Annotated[int | None, Field(ge=1, le=100_000, description="how many tasks at a time; by default the cores")] = None
    scheduler: Annotated[str, Field(description="`threads`, `processes`, or tcp://HOST:PORT of a Dask scheduler")] = "threads"
    memory: Annotated[str | None, Field(description="memory the run may use, as 8GiB; by default what is free")] = None
    backend: Annotated[Backend, Field(default_factory=default_backend, description="kernels: `native` (C) or `numba`; by default C where built")]
    rows_per_task: Annotated[int | None, Field(ge=1, description="rows of a task and of a part file; by default some seconds of work")] = None

    @field_validator("scheduler")
    @classmethod
    def _check_scheduler(cls, value: str) -> str:
        if value in ("threads", "processes") or re.fullmatch(r"(tcp|tls)://.+:\d+", value):
            return value
        raise ValueError(f"{value!r} must be threads, processes or tcp://HOST:PORT (or tls://){did_you_mean(value, ('threads', 'processes'))}")

    @field_validator("backend")
    @classmethod
    def _check_backend(cls, value: Backend) -> Backend:
        kernels(value)
        return value

    @field_validator("memory")
    @classmethod
    def _check_memory(cls, value: str | None) -> str | None:
        if value is not None:
            parse_memory(value)
        return value


def check_quantiles(value: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles that may be asked for. Raises ValueError."""
    for one in value:
        if not 0.0 <= one <= 1.0:
            raise ValueError(f"{one:g} is no quantile: give numbers from 0 to 1")
    _refuse_repeated(value)
    if len(value) > MAX_QUANTILES:
        raise ValueError(f"there are {len(value)}: give at most {MAX_QUANTILES}")
    return value


def _refuse_repeated(values: Sequence[object]) -> None:
    repeated = [value for i, value in enumerate(values) if value in values[:i]]
    if repeated:
        raise ValueError(f"{repeated[0]} stands there twice")
