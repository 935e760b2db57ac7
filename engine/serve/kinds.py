"""What each command's results hold: which parts, by which ids, and which figure stands for the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipvalue.explain import RECORD
from ipvalue.schema import RESULTS, Column
from ipvalue.store import MANIFEST

_QUANTILE = re.compile(r"(^|_)q\d\d(_\d+)?$")
"""A column of quantiles, of which the tables of columns have one for all."""


@dataclass(frozen=True)
class Kind:
    """The results of one command.

    record: the file that says what ran. folder: that of the parts, `id` and `figure` (by which the greatest come first) columns of them.
    totals: the table of the whole, its first row, and of groups, each by its `names` and the group columns; `total` is its column. Without it such
    results are not compared. described: the tables of ipvalue.schema.RESULTS that say what the parts' columns mean.
    """

    command: str
    record: str
    folder: str
    id: str
    figure: str
    totals: str = ""
    total: str = ""
    names: tuple[str, ...] = ()
    described: tuple[str, ...] = ()

    @property
    def of_loans(self) -> bool:
        """Whether its rows are loans."""
        return self.id == "loan_id"

    def meaning(self, name: str) -> Column | None:
        """What is known of a column of the parts; all quantiles have one meaning."""
        pattern = _QUANTILE.sub(r"\1q…", name)
        return next((found for table in self.described if (found := RESULTS[table].get(name) or RESULTS[table].get(pattern))), None)


KINDS: dict[str, Kind] = {
    kind.command: kind
    for kind in (
        Kind("value", MANIFEST, "assets/", "asset_id", "value", "groups.parquet", "value", (), ("assets",)),
        Kind("scenarios", MANIFEST, "assets/", "asset_id", "mean", "scenarios.parquet", "mean", ("scenario",), ("assets", "scenario_assets")),
        Kind("sensitivities", MANIFEST, "assets/", "asset_id", "elasticity"),
        Kind("sensitivities --indices", MANIFEST, "assets/", "asset_id", "first_order"),
        Kind("lend", MANIFEST, "loans/", "loan_id", "expected_loss", "book.parquet", "mean", ("bearer",), ("lent",)),
        Kind(
            "lend --largest",
            MANIFEST,
            "lendable/",
            "asset_id",
            "largest_principal",
            "capacity.parquet",
            "largest_principal",
            ("by", "name"),
            ("lendable",),
        ),
        Kind("explain", RECORD, "assets/", "asset_id", "amount", described=("explain_assets",)),
    )
}
"""By the command that made the result."""
