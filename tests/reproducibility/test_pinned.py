"""The bits of one small run, pinned: what L3 of docs/reproducibility.md promises between versions.

The digests may change only together with NUMERICS_VERSION (engine/constants.py) and docs/numerics.md. Then

    python tests/reproducibility/test_pinned.py

prints the new ones. Before the first release they may change with docs/numerics.md alone.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).resolve().parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))

import uncertain_rows  # noqa: E402
from bits import column_digest, one_digest, table_digests  # noqa: E402
from portfolios import ASSUMPTIONS, market, random_portfolio  # noqa: E402

import ipvalue  # noqa: E402
from ipvalue.backend import BACKENDS, DEFAULT, Backend  # noqa: E402
from ipvalue.constants import NUMERICS_VERSION  # noqa: E402

PINNED = {
    "portfolio": "ada4fb82b7698a18d343558b5d98f230ac059166d117bad175cd3eb30a62e4a7439d6a93",
    "1 step a year, single": "6818592c284a33a74ae24f0eef7fbe3e4f447a2c04127720387e17310af2c1c4",
    "1 step a year, double": "eb3d85973aa58221b81bc3a53412da002ffd801f8c820950f1ca2381c032220e",
    "4 steps a year, single": "6e7635113b123513f764a9fe4b3e389244b0ee09d90b696ed2df169efa2097ba",
    "4 steps a year, double": "cbd377d8ced6a38e2b8cfe652d4d56a4d658cf58d33265e5663b4e0f96be5644",
    "1 step a year, sobol, single": "7cb90fb268eb78333dc1109ebdd644b1e3717c13527d5209f4276794ca772e82",
    "4 steps a year, sobol, double": "30751ad0c009033479592f5c442adaf9822ced094d018c6d4626c2aa34bbe5fe",
    "1 step a year, indices, single": "01d06236672b72ec057b10bfaee07313af3b3f1a0a55289bd50370fed018e6ed",
    "1 step a year, uncertain, single": "3d2d5523c6e62b9ef09e99a5e6d6cab5bf78deff12507adc8a86e927f2c00f31",
    "4 steps a year, sobol, uncertain, double": "bb28af9d67c9887825128894541627efd5081eb3859df032ee8e988729824269",
}
PINNED_VERSION = 2


def found(name: str, folder: Path, backend: Backend = DEFAULT) -> str:
    """The digest that `name` stands for, computed by a back end."""
    portfolio = uncertain_rows.portfolio(63, seed=7) if "uncertain" in name else random_portfolio(60, seed=7)
    if name == "portfolio":
        return column_digest(portfolio["revenue_path"]) + column_digest(portfolio["expiry_date"])[:8]
    steps, precision = int(name[0]), name.rpartition(" ")[2]
    if "indices" in name:
        (folder / "assumptions.toml").write_text(ASSUMPTIONS)
        drawn_anew = ipvalue.indices(
            portfolio,
            sample=1.0,
            market=market(steps),
            assumptions=folder / "assumptions.toml",
            seed=2**63 + 5,
            precision=precision,
            paths=600,
            backend=backend,
        )
        return hashlib.sha256("".join(table_digests(drawn_anew.indices, "indices").values()).encode()).hexdigest()
    drawn: dict[str, Any] = {"sampler": "sobol", "paths": 16 * 38} if "sobol" in name else {"paths": 600}
    (folder / "assumptions.toml").write_text(ASSUMPTIONS)
    return one_digest(
        ipvalue.value(
            portfolio,
            market=market(steps),
            assumptions=folder / "assumptions.toml",
            seed=2**63 + 5,
            precision=precision,
            group_by=("sector",),
            backend=backend,
            **drawn,
        )
    )


@pytest.mark.parametrize("name", PINNED)
def test_pinned(name: str, tmp_path: Path) -> None:
    assert NUMERICS_VERSION == PINNED_VERSION, "pin the new version's digests"
    assert found(name, tmp_path) == PINNED[name], "bits changed: see the head of this file"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [name for name in PINNED if "sobol" in name or "indices" in name])
def test_pinned_of_both_back_ends(name: str, backend: Backend, tmp_path: Path) -> None:
    assert found(name, tmp_path, backend) == PINNED[name], "bits changed: see the head of this file"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for key in PINNED:
            print(f'    "{key}": "{found(key, Path(temporary))}",')
