"""Indices have the same bits whatever the tasks, the workers, the kernels and the other rights; what is drawn anew is what is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from both_kernels import batch, same_bits, simulated
from portfolios import ASSUMPTIONS, MARKET, methods_and_several

import ipvalue
from ipvalue import numba_kernel
from ipvalue.constants import STREAM_FACTOR, STREAM_LEVEL, STREAM_RIVAL, STREAM_ROYALTY, STREAM_SHOCKS, STREAM_SURVIVAL, STREAMS
from ipvalue.ext import kernel as native
from ipvalue.indices import work


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("book") / "assumptions.toml"
    path.write_text(ASSUMPTIONS)
    return {"market": MARKET, "assumptions": path, "paths": 77, "seed": 3}


@pytest.fixture(scope="module")
def portfolio() -> pa.Table:
    return methods_and_several(35, 5, 5)


@pytest.fixture(scope="module")
def one(portfolio: pa.Table, options: dict[str, Any]) -> ipvalue.IndexResult:
    return ipvalue.indices(portfolio, sample=1.0, workers=1, **options)


@pytest.mark.parametrize("more", [{"workers": 2, "rows_per_task": 7}, {"scheduler": "processes", "workers": 2}, {"backend": "numba"}], ids=str)
def test_tasks_workers_and_kernels_move_no_bit(
    more: dict[str, Any], one: ipvalue.IndexResult, portfolio: pa.Table, options: dict[str, Any], tmp_path: Path
) -> None:
    two = ipvalue.indices(portfolio, sample=1.0, out=tmp_path / "two", **options, **more)
    assert one.indices.equals(two.indices)
    assert one.indices.num_rows == 9 * 40
    assert one.rejects.drop_columns("file").equals(two.rejects.drop_columns("file"))


def test_pieces_move_no_bit(one: ipvalue.IndexResult, portfolio: pa.Table, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PIECE_BYTES", 1)
    assert one.indices.equals(ipvalue.indices(portfolio, sample=1.0, workers=1, rows_per_task=100, **options).indices)


def test_a_right_alone_has_the_figures_it_has_among_others(one: ipvalue.IndexResult, portfolio: pa.Table, options: dict[str, Any]) -> None:
    names = [portfolio["asset_id"][i].as_py() for i in (1, 20, 37)]
    some = ipvalue.indices(portfolio, assets=names[::-1], **options)
    assert some.indices.equals(one.indices.filter(pc.is_in(one.indices["asset_id"], value_set=pa.array(names))))


# --------------------------------------------------------------------------------------------------------- the kernels

FEATURES: dict[str, Any] = {
    "survival": np.tile([0.9, 0.8, 0.7, 0.6, 0.5], 3),
    "rival": np.tile([0.8, 0.7, 0.6, 0.5, 0.4], 3),
    "uncertainty": np.array([0.4, 0.0, 0.4]),
    "entry_loss": np.full(3, 0.5),
    "enters": np.ones(3, np.uint8),
    "royalty_low": np.array([0.5, 0.5, 1.0]),
    "royalty_high": np.array([1.5, 1.5, 1.0]),
}
"""Three assets of five periods that everything moves, but the second has no level and the third no royalty range."""


@pytest.mark.parametrize("redrawn", [0, *(1 << stream for stream in range(STREAMS)), (1 << STREAMS) - 1])
def test_both_kernels_draw_the_same_anew(redrawn: int) -> None:
    vectors = batch([0, 5, 10, 15], **FEATURES)
    for single in (True, False):
        found, other = (simulated(kernel, vectors, 600, single, redrawn=redrawn) for kernel in (native, numba_kernel))
        same_bits(found, other, "simulate")


@pytest.mark.parametrize("table_bytes", [0, 1 << 26])
def test_what_is_drawn_anew_moves_where_it_is_and_nothing_else(table_bytes: int) -> None:
    def values(redrawn: int, **columns: Any) -> Any:
        return simulated(native, batch([0, 5, 10, 15], **{**FEATURES, **columns}), 600, False, redrawn=redrawn, table_bytes=table_bytes)[2]

    lasting, still = {"survival": np.ones(15)}, {"volatility": np.zeros(3)}
    alone, same = {"enters": np.zeros(3, np.uint8)}, {"loading": np.zeros(3)}
    for stream, without in ((STREAM_SURVIVAL, lasting), (STREAM_SHOCKS, still), (STREAM_RIVAL, alone), (STREAM_FACTOR, same)):
        assert (values(1 << stream) != values(0)).any(axis=1).all(), stream
        np.testing.assert_array_equal(values(1 << stream, **without), values(0, **without))
    assert (values(1 << STREAM_LEVEL) != values(0)).any(axis=1).tolist() == [True, False, True]
    assert (values(1 << STREAM_ROYALTY) != values(0)).any(axis=1).tolist() == [True, True, False]
    everything = (1 << STREAMS) - 1
    assert abs(np.corrcoef(values(everything)[0], values(0)[0])[0, 1]) < 0.15


def test_versions_of_one_asset_are_drawn_anew_alike() -> None:
    """What the neighbours share is made of the same new words."""
    twice = {name: np.concatenate([column[:5], column[:5]]) if len(column) == 15 else column[[0, 0]] for name, column in FEATURES.items()}
    pair = batch([0, 5, 10], **{**twice, "hash": np.full(2, 9, np.uint64), "w": np.repeat([1.0, 2.0], 5)})
    single = batch([0, 5], **{name: column[: len(column) // 2] for name, column in {**twice, "hash": pair.hash}.items()})
    for stream in range(STREAMS):
        together, alone = (simulated(native, one, 600, False, redrawn=1 << stream)[2] for one in (pair, single))
        np.testing.assert_array_equal(together[0], alone[0])
        np.testing.assert_array_equal(together[1], 2.0 * alone[0])


def test_only_random_words_are_drawn_anew() -> None:
    for kernel in (native, numba_kernel):
        with pytest.raises(ValueError, match="only random words can be drawn anew"):
            simulated(kernel, batch([0, 5]), 64, True, redrawn=1, sobol=object())
