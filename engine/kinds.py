"""What each command's results hold: how they are opened, which parts, by which ids, and which figure stands for the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ipvalue.explain import RECORD, Explanation, open_explanation
from ipvalue.indices import open_indices
from ipvalue.lendable.result import open_lendable
from ipvalue.loan_book.lent import open_loans
from ipvalue.scenario_run import open_scenarios
from ipvalue.schema import Column, InputError, result_column
from ipvalue.sensitivities import open_sensitivities
from ipvalue.store import MANIFEST, Store, made_by
from ipvalue.valuation import Result, open_result


@dataclass(frozen=True)
class Kind:
    """The results of one command.

    opened: what opens one. record: the file that says what ran. folder: that of the parts, `id` and `figure` (by which the greatest come first)
    columns of them. totals: the table of the whole, its first row, and of groups, each by its `names` and the group columns; `total` is its column.
    Without it such results are not compared. described: the table of ipvalue.schema.RESULTS that says what the parts' columns mean.
    """

    command: str
    opened: Callable[[str], Result | Explanation]
    folder: str
    id: str
    figure: str
    totals: str = ""
    total: str = ""
    names: tuple[str, ...] = ()
    described: str = ""
    record: str = MANIFEST

    @property
    def of_loans(self) -> bool:
        """Whether its rows are loans."""
        return self.id == "loan_id"

    def meaning(self, name: str) -> Column | None:
        """What is known of a column of the parts; all quantiles have one meaning."""
        return result_column(self.described, name) if self.described else None


_LARGEST = "largest_principal"

KINDS: dict[str, Kind] = {
    kind.command: kind
    for kind in (
        Kind("value", open_result, "assets/", "asset_id", "value", "groups.parquet", "value", (), "assets"),
        Kind("scenarios", open_scenarios, "assets/", "asset_id", "mean", "scenarios.parquet", "mean", ("scenario",), "scenario_assets"),
        Kind("sensitivities", open_sensitivities, "assets/", "asset_id", "elasticity"),
        Kind("sensitivities --indices", open_indices, "assets/", "asset_id", "first_order"),
        Kind("lend", open_loans, "loans/", "loan_id", "expected_loss", "book.parquet", "mean", ("bearer",), "lent"),
        Kind("lend --largest", open_lendable, "lendable/", "asset_id", _LARGEST, "capacity.parquet", _LARGEST, ("by", "name"), "lendable"),
        Kind("explain", open_explanation, "assets/", "asset_id", "amount", described="explain_assets", record=RECORD),
    )
}
"""By the command that made the result."""


def open_any(location: str) -> Result | Explanation:
    """A results directory of any command. Raises InputError where it is none."""
    store = Store(location)
    made = "explain" if store.has(RECORD) else made_by(store.manifest())
    if made not in KINDS:
        raise InputError(f"{location}: is a result of ipvalue {made}, which this version does not know")
    return KINDS[made].opened(location)
