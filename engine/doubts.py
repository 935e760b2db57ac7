"""Rows that can be valued but deserve a second look: what may be counted twice (model.md §11), with how many rows and the first of them.

a = assets of the batch
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.constants import TIME_EPSILON
from ipvalue.drivers import life_of
from ipvalue.rows import Mask, Rows
from ipvalue.schema import INCOME_METHODS, UNCERTAIN
from ipvalue.tables import Tables

LARGE_RISK = 0.05
LARGE_PREMIUM = 0.10
LARGE_DECLINE = 0.05
"""From where two entries for the same thing are worth a second look (model.md §11.3): annual rates; a chance of refusal above twice LARGE_PREMIUM."""

STATUTORY_TAX_LIVES = (2.0, 10.0, 15.0)
"""Years that are no remaining life but a law's: software and other intangibles in China, intangibles in the United States."""

CHOSEN_TWICE = (
    "renewal is optimal and survival_curve is named: a curve of renewals already holds the owners' choices, so they count twice; "
    "set survival_curve to none, or renewal to always"
)
SAME_RISK = (
    f"a hazard above {LARGE_RISK:g} (or a grant_probability below {1 - 2 * LARGE_PREMIUM:g}) beside a discount_premium above {LARGE_PREMIUM:g}: "
    "is the same risk counted twice? leave it in one of them"
)
SAME_DECLINE = (
    f"growth below -{LARGE_DECLINE:g} beside an obsolescence above {LARGE_DECLINE:g}: is the same decline counted twice? leave it in one of them"
)
BEFORE_TAX = "a discount_premium above 0 with tax_rate 0: rates of return are after tax, and the income is not; give tax_rate"
LIFE_AS_TAX_LIFE = (
    "tab_years is the right's remaining life: the tax life is the law's (15 in the US, at least 10 in China, 2 for software bought there)"
)

NOT_DRAWN = "an input has a distribution, and none of the row's methods depends on it: it changes nothing; name another method or leave it blank"

EXAMPLES = 3
"""Rows named with each doubt."""
STAGES_OUTLIVE = (
    "the stages of a project take as long as the right lives, or longer, so they are paid for and nothing is earned: "
    "shorten stage_years or give a longer life"
)


class Doubts:
    """By sentence: how many rows, and the first EXAMPLES of them by file and row, whatever the order of adding."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._first: dict[str, list[tuple[str, int, str]]] = {}

    def add(self, sentence: str, rows: Rows, doubtful: Mask) -> None:
        """Take in the rows of `doubtful` (a,), in whatever order they stand."""
        where = np.flatnonzero(doubtful)
        if count := len(where):
            if count > EXAMPLES:
                where = where[np.argpartition(rows.row[where], EXAMPLES)[:EXAMPLES]]
            names = rows.batch["asset_id"].take(pa.array(where)).to_pylist()
            first = [(rows.file, int(rows.row[i]), name) for i, name in zip(where, names, strict=True)]
            self._take(sentence, count, first)

    def __iadd__(self, other: Doubts) -> Doubts:
        for sentence, count in other._counts.items():
            self._take(sentence, count, other._first[sentence])
        return self

    def _take(self, sentence: str, count: int, first: list[tuple[str, int, str]]) -> None:
        self._counts[sentence] = self._counts.get(sentence, 0) + count
        self._first[sentence] = sorted([*self._first.get(sentence, []), *first])[:EXAMPLES]

    def negate(self) -> None:
        """Turns the counts into their opposites, so that adding them takes away; what came first is not told."""
        self._counts = {sentence: -count for sentence, count in self._counts.items()}
        self._first = {sentence: [] for sentence in self._counts}

    def exchange(self, sentence: str, first: list[tuple[str, int, str]]) -> None:
        """Puts others in the place of the rows that come first: file, row, asset_id of each."""
        self._first[sentence] = sorted(first)[:EXAMPLES]

    def counted(self) -> dict[str, tuple[int, list[tuple[str, int, str]]]]:
        """By sentence: how many rows, and file, row and asset_id of the first ones."""
        return {sentence: (count, self._first[sentence]) for sentence, count in self._counts.items() if count}

    def record(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {sentence: [count, self._first[sentence]] for sentence, count in self._counts.items()}

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Doubts:
        """What `record` was made of."""
        made = cls()
        for sentence, (count, first) in record.items():
            made._take(sentence, count, [(file, row, name) for file, row, name in first])
        return made

    def sentences(self) -> Iterator[str]:
        """ "12 rows (a, b, c and 9 more): what is doubtful" for each, most rows first."""
        for sentence, (count, first) in sorted(self.counted().items(), key=lambda one: (-one[1][0], one[0])):
            names = [name for _, _, name in first]
            more = f" and {count - len(names):,} more" if count > len(names) else ""
            yield f"{count:,} {'row' if count == 1 else 'rows'} ({', '.join(names)}{more}): {sentence}"


def doubts(rows: Rows, tables: Tables) -> Doubts:
    """What is doubtful about filled rows. What the assumptions filled on both sides is their matter, not the row's: nothing is said of it."""
    income = rows.valued_by(INCOME_METHODS)
    premium, premium_is_ours = rows.floats("discount_premium"), ~_filled(rows, "discount_premium")
    hazard, refusal = rows.floats("hazard") > LARGE_RISK, rows.floats("grant_probability") < 1.0 - 2 * LARGE_PREMIUM
    risk = hazard & (premium_is_ours | ~_filled(rows, "hazard")) | refusal & (premium_is_ours | ~_filled(rows, "grant_probability"))
    decline = (rows.floats("growth") < -LARGE_DECLINE) & (rows.floats("obsolescence") > LARGE_DECLINE)
    found = Doubts()
    # the assumptions fill no curve beside renewal = optimal, so one that is there is the row's own
    found.add(CHOSEN_TWICE, rows, income & rows.is_in("renewal", ["optimal"]) & rows.given("survival_curve"))
    found.add(SAME_RISK, rows, income & risk & (premium > LARGE_PREMIUM))
    found.add(SAME_DECLINE, rows, income & decline & ~(_filled(rows, "growth") & _filled(rows, "obsolescence")))
    found.add(BEFORE_TAX, rows, income & (premium > 0.0) & premium_is_ours & (rows.floats("tax_rate") == 0.0))
    found.add(LIFE_AS_TAX_LIFE, rows, income & _life_as_tax_life(rows, tables))
    if (project := rows.valued_by(["project"])).any():
        found.add(STAGES_OUTLIVE, rows, project & _stages_outlive(rows, tables) & ~_filled(rows, "stage_years"))
    found.add(NOT_DRAWN, rows, _not_drawn(rows, income))
    return found


def _not_drawn(rows: Rows, income: Mask) -> Mask:
    """(a,) where an input has a distribution of the row's own, and no method depends on it."""
    named = {name: rows.given(f"{name}_distribution") & ~_filled(rows, f"{name}_distribution") for name in UNCERTAIN}
    if not any(where.any() for where in named.values()):
        return np.zeros(len(rows), np.bool_)
    project = rows.valued_by(["project"])
    read = {
        "royalty_rate": rows.valued_by(["relief_from_royalty", "licence"]) | (project & ~rows.given("margin")),
        "margin": rows.valued_by(["excess_earnings", "incremental_income"]) | (project & rows.given("margin")),
    }
    found: Mask = np.logical_or.reduce([where & ~read.get(name, income) for name, where in named.items()])
    return found


def _life_as_tax_life(rows: Rows, tables: Tables) -> Mask:
    """(a,) where tab_years is the remaining life in whole years, and no law's tax life."""
    years, life = rows.floats("tab_years"), life_of(rows, tables)
    near = (np.abs(years - life) < 1.0) & (years > 0.0) & ~rows.flags("indefinite")
    own: Mask = near & ~np.isin(years, STATUTORY_TAX_LIVES) & ~_filled(rows, "tab_years")
    return own


def _stages_outlive(rows: Rows, tables: Tables) -> Mask:
    """(a,) where the last stage ends no earlier than the right does."""
    lists = rows.batch["stage_years"]
    staged = np.zeros(len(rows))
    np.add.at(staged, pc.list_parent_indices(lists).to_numpy(), lists.flatten().to_numpy(zero_copy_only=False))
    outlive: Mask = ~rows.flags("indefinite") & ~(life_of(rows, tables) > staged + TIME_EPSILON)
    return outlive


def _filled(rows: Rows, column: str) -> Mask:
    """(a,) where the assumptions filled a column."""
    named: Mask = pc.match_substring_regex(rows.filled.dictionary, rf"\b{column}\b").to_numpy(zero_copy_only=False)
    if not named.any():
        return np.zeros(len(rows), np.bool_)
    filled: Mask = named[rows.filled.indices.to_numpy()]
    return filled
