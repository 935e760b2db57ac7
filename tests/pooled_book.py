"""A book of loans with a pool that is cut into tranches, against rights like those of tests/commandline.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from commandline import ROWS, table

from ipvalue.schema import LOANS

POOL = """\
source = "made up"
[pool]
where = "programme == 'zhongshan' or programme is None"
reserve = 0.005
fee = 0.005
[[tranche]]
name = "junior"
attachment = 0.0
detachment = 0.05
[[tranche]]
name = "senior"
attachment = 0.2
detachment = 1.0
coupon = 0.03
[[tranche]]
name = "mezzanine"
attachment = 0.05
detachment = 0.2
coupon = 0.04
"""
SIZES = "".join(f'[[tranche]]\nname = "{name}"\nsize = {size}\n' for name, size in (("senior", 0.8), ("mezzanine", 0.15), ("junior", 0.05)))
LOAN: dict[str, Any] = {"rate": 0.06, "pd": 0.12, "sector": "software", "factor_loading": 0.6, "principal": 2e5}
COUNT = 24


def write() -> None:
    """Loans of three programmes and terms, every fourth with a covenant; the rights, and the pool."""
    rights = [{**ROWS[i % 4], "asset_id": f"r{i}"} for i in range(COUNT)]
    pq.write_table(table(rights), "portfolio.parquet")
    rows = [
        {**LOAN, "loan_id": f"L{i}", "borrower_id": f"B{i // 2}", "asset_ids": [f"r{i}"], "term": [3.0, 2.5, 5.0][i % 3],
         "amortisation": ["bullet", "level"][i % 2], "programme": ["zhongshan", None, "zhuhai"][i % 3],
         "covenant_trigger": None if i % 4 else 0.7, "covenant_cure": None if i % 4 else 0.5}
        for i in range(COUNT)
    ]  # fmt: skip
    schema = pa.schema([(name, column.arrow_type) for name, column in LOANS.items()])
    pq.write_table(pa.Table.from_pylist(rows, schema), "loans.parquet")
    Path("pool.toml").write_text(POOL)
