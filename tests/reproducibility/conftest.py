"""What the tests of the same bits share: a portfolio over every feature, and its value computed once, plainly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clusters
import pyarrow as pa
import pytest
from bits import digests
from portfolios import ASSUMPTIONS, market, random_portfolio

import ipvalue
from ipvalue.valuation import Result

OPTIONS: dict[str, Any] = {"paths": 700, "seed": 20261122, "group_by": ("sector", "right_type"), "quantiles": (0.05, 0.5, 0.999)}
"""700 paths: a whole block and a part of one, and no multiple of the vector length."""


@pytest.fixture(scope="session")
def assumptions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("assumptions") / "assumptions.toml"
    path.write_text(ASSUMPTIONS)
    return path


@pytest.fixture(scope="session")
def portfolio() -> pa.Table:
    return random_portfolio(260)


@pytest.fixture(scope="session")
def value(assumptions: Path) -> Callable[..., Result]:
    """Values a portfolio with OPTIONS, any of which may be given otherwise."""

    def call(source: object, steps: int = 1, **options: Any) -> Result:
        return ipvalue.value(source, market=market(steps), assumptions=assumptions, **{**OPTIONS, "workers": 1, **options})

    return call


@pytest.fixture(scope="session", params=["single", "double"])
def precision(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def plain(value: Callable[..., Result], portfolio: pa.Table, precision: str) -> Result:
    """One worker, one task, one chunk, the table in memory."""
    return value(portfolio, precision=precision, rows_per_task=10**6)


@pytest.fixture(scope="session")
def expected(plain: Result) -> dict[str, str]:
    return digests(plain)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Dask scheduler with one worker of two threads, both processes of their own."""
    with clusters.started(tmp_path_factory.mktemp("cluster"), 1, "--no-nanny", threads=2) as made:
        yield made.address
