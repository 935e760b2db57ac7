"""The tranches of a pool of loans, looked through: what each loses on every path, and what tranches.parquet says of it. docs/numerics.md §19.

j = tranches from the most senior, p = paths
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.constants import MONEY_SCALE
from ipvalue.lending.pool_file import EXCESS, POOL, RESERVE, Cut, load_cut
from ipvalue.lending.tranches import rating
from ipvalue.loan_book.pool import LOSSES, SCHEMA, figures_of, mean_of
from ipvalue.loan_book.run import Planned
from ipvalue.rows import Longs
from ipvalue.verify.bits import same_number
from ipvalue.verify.findings import Findings
from ipvalue.verify.sums import ROUNDING, Row, words_of
from ipvalue.verify.verify import Opened

TABLES = ("tranches.parquet", "tranche_losses.arrow")
"""What a book with a pool has beside the tables of all books."""
Losses = Mapping[str, tuple[Longs, Longs]]
"""By tranche what is written down of it on each path, and what of its coupons is not paid (p,), in units of 10⁻⁶."""


def is_pooled(manifest: Mapping[str, Any]) -> bool:
    """Whether a pool of the loans was cut into tranches."""
    return "pool" in manifest["inputs"]["loans"]


def losses_of(opened: Opened, found: Findings) -> Losses | None:
    """What tranche_losses.arrow holds, added up on every path; None where it does not hold all."""
    names, paths, losses = _names(_cut(opened)), opened.job.paths, {}
    batches = list(opened.store.ipc_batches("tranche_losses.arrow"))
    if [batch.schema for batch in batches] != [LOSSES] * len(names):
        found.add("columns", "tranche_losses.arrow: has not a batch for each tranche, with tranche, path, loss and unpaid_coupon")
        return None
    for name, batch in zip(names, batches, strict=True):
        amounts = [words_of(batch[column]) for column in ("loss", "unpaid_coupon") if not batch[column].null_count]
        ours = batch["tranche"].equals(pa.array([name] * paths)) and batch["path"].equals(pa.array(np.arange(paths)))
        if not ours or len(amounts) < 2 or any((words[:, 1] != 0).any() or (words[:, 0] >> np.uint64(63)).any() for words in amounts):
            found.add("losses that do not add up", f"tranche_losses.arrow: does not hold the {paths:,} paths of {name} where they should be")
            return None
        loss, unpaid = (np.ascontiguousarray(words[:, 0]).view(np.int64) for words in amounts)
        losses[name] = loss, unpaid
    lost = losses[POOL][0]
    added = np.sum([loss for name, (loss, _) in losses.items() if name != POOL], axis=0)
    if len(paths_off := np.flatnonzero(added != lost)):
        found.add(
            "losses that do not add up",
            f"tranche_losses.arrow: what tranches, excess spread and reserve lose on path {paths_off[0]} is not what the pool loses",
        )
    return losses


def check_tranches(opened: Opened, table: pa.Table, losses: Losses, found: Findings) -> None:
    """Whether tranches.parquet says of each tranche what the pool file and its losses on the paths say."""
    cut, kind = _cut(opened), "figures of tranches"
    if table.schema != SCHEMA or table["tranche"].to_pylist() != _names(cut):
        found.add("columns", "tranches.parquet: has not a row for each tranche, the pool, excess spread and the reserve")
        return
    rows: list[Row] = table.to_pylist()
    for j, row in enumerate(rows):
        name = row["tranche"]
        for column, ours in _said(j, row, losses[name], opened).items():
            if row[column] != ours if column == "rating" else not same_number(row[column], ours):
                found.add(kind, f"tranches.parquet: {column} of {name} is {row[column]!r}, and comes out as {ours!r}")
    *sizes, whole = (Fraction(row["size"] or 0.0) for row in rows[: len(cut.tranches) + 1])
    if abs(sum(sizes) - whole) > whole * ROUNDING:
        found.add(kind, "tranches.parquet: the sizes of the tranches do not add up to that of the pool")


def check_sizes(planned: Planned, loans: pa.Table, table: pa.Table, found: Findings) -> None:
    """Whether the pool is as large as its loans that are lent, by the inputs of the run, and cut as the pool file says."""
    if (pooled := planned.pooled) is None:
        return
    number = pc.index_in(loans["loan_id"], planned.loans.loan_id).drop_null().to_numpy()
    plan, members = planned.loans.years, number[pooled.members.loans[number]]
    whole = int(np.rint(plan.owed[plan.offset[members]] * float(MONEY_SCALE)).astype(np.int64).sum())
    ours = [*pooled.cut.deal.notional(whole).tolist(), whole]
    for name, stored, size in zip(table["tranche"].to_pylist(), table["size"].to_pylist(), ours, strict=False):
        if not same_number(stored, size / float(MONEY_SCALE)):
            found.add("figures of tranches", f"tranches.parquet: size of {name} is {stored!r}, and comes out as {size / float(MONEY_SCALE)!r}")


def _cut(opened: Opened) -> Cut:
    return load_cut(opened.manifest["inputs"]["loans"]["pool"])


def _names(cut: Cut) -> list[str]:
    return [*(one.name for one in cut.tranches), POOL, EXCESS, RESERVE]


def _said(j: int, row: Row, losses: tuple[Longs, Longs], opened: Opened) -> dict[str, Any]:
    """The columns of a row that follow from the pool file, from the row's size and average life, and from its losses."""
    deal, limits = _cut(opened).deal, opened.manifest["inputs"]["loans"]["tranche_ratings"]
    (loss, unpaid), tranches = losses, len(deal.coupon)
    said: dict[str, Any] = {"attachment": None, "detachment": None, "coupon": None, "unpaid_coupon": None, "rating": None}
    if row["tranche"] == POOL:
        said |= {"attachment": 0.0, "detachment": 1.0}
    if j < tranches:
        said |= {"attachment": deal.attachment[j], "detachment": deal.detachment[j], "coupon": deal.coupon[j], "unpaid_coupon": mean_of(unpaid)}
    said |= figures_of(loss + unpaid, row["size"], opened.job)
    if j < tranches and limits is not None and said["expected_loss"] is not None:
        said["rating"] = rating(said["expected_loss"], row["weighted_average_life"] or 0.0, dict(limits))
    return said
