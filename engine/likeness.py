"""What a run and the processes of a cluster that work for it must have in common: versions, kernels that give the same bits, sight of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.appraise import make_appraiser
from ipvalue.assumptions import load_assumptions
from ipvalue.backend import NATIVE_BUILT, Backend
from ipvalue.constants import NUMERICS_VERSION
from ipvalue.files import file_errors, file_system, first_line
from ipvalue.market import load_market
from ipvalue.schema import PORTFOLIO, InputError, Rejects
from ipvalue.simulate import Sampling

VERSIONS: dict[str, object] = {"ipvalue": version("ipvalue"), "numerics_version": NUMERICS_VERSION, "pyarrow": pa.__version__}
"""As they were when this process began with it: a worker that was started before an upgrade still has the code of then. Another pyarrow writes other
bytes of the same figures."""

_PATHS = 64
_MARKET = {
    "currency": "CNY",
    "valuation_date": date(2026, 1, 1),
    "curves": {"CNY": {"tenors": [1, 10], "rates": [0.015, 0.02]}},
    "factors": {"names": ["software", "pharma"], "correlation": [[1.0, 0.3], [0.3, 1.0]]},
}
_ROW = {
    "asset_id": "a",
    "right_type": "trademark",
    "method": "relief_from_royalty",
    "currency": "CNY",
    "sector": "software",
    "revenue": 1e6,
    "growth": 0.02,
    "volatility": 0.3,
    "factor_loading": 0.5,
    "royalty_rate": 0.05,
    "tax_rate": 0.25,
    "discount_premium": 0.1,
    "life": 8.0,
}
_ROWS = [_ROW, {**_ROW, "asset_id": "b", "sector": "pharma", "royalty_low": 0.04, "royalty_high": 0.06}, {**_ROW, "asset_id": "c", "hazard": 0.1}]


def common_ground(backend: Backend, places: Sequence[str]) -> dict[str, Any]:
    """What a worker must have in common with this process, for `lacking`; plain data. places: files that it must see.

    The hash of kernels is left out for Numba's: they are compiled from the package's own sources, in many seconds.
    """
    kernels = {"kernels": kernel_hash()} if backend == "native" else {}
    return {"versions": VERSIONS, "places": list(places), **kernels}


def lacking(common: Mapping[str, Any]) -> str | None:
    """What this process lacks of what `common_ground` said elsewhere, as a clause; None if nothing."""
    for name, wanted in common["versions"].items():
        if (has := VERSIONS.get(name)) != wanted:
            return f"has {name} {has}, and the run has {wanted}: install the same version of {'pyarrow' if name == 'pyarrow' else 'ipvalue'} there"
    if "kernels" in common:
        if not NATIVE_BUILT:
            return "has no C kernels: install ipvalue there with a C compiler, or give --backend numba"
        if kernel_hash() != common["kernels"]:
            return "computes other bits than this machine with the same version of ipvalue: install it there anew"
    for place in common.get("places", ()):
        if why := _unseen(place):
            return f"does not see {place}{why}: name a file system that all machines share, or a URL"
    return None


def _unseen(place: str) -> str:
    """Why a file cannot be found, empty where it can."""
    try:
        fs, inner = file_system(place)
        return "" if fs.exists(inner) else " (there is no such file)"
    except InputError as error:
        return f" ({error})"
    except file_errors() as error:
        return f" ({first_line(error)})"


@cache
def kernel_hash() -> str:
    """SHA-256 of three made-up rights, valued by the C kernels in both precisions: figures, to the last bit, and sums."""
    state = hashlib.sha256()
    cells = {name: [row.get(name) for row in _ROWS] for name in PORTFOLIO}
    batch = pa.RecordBatch.from_arrays([pa.array(each, PORTFOLIO[name].arrow_type) for name, each in cells.items()], list(cells))
    for precision in ("single", "double"):
        sampling = Sampling(_PATHS, 1, precision, (0.05, 0.5), 0.05, "native")
        appraiser = make_appraiser(load_market(_MARKET), load_assumptions({}), sampling, "going_concern", keep_paths=False)
        totals = appraiser.new_totals(())
        assets, _ = appraiser.value(appraiser.rows(batch, np.arange(len(_ROWS)), "", Rejects()), totals)
        assert assets is not None
        state.update(repr(assets.to_pylist()).encode())
        state.update(totals.sums.tobytes())
    return state.hexdigest()
