"""Tables by which tranches are rated: the greatest expected loss of each rating by years of average life. docs/numerics.md §19, "Tranches".

None is shipped: the agencies' tables are theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from ipvalue.files import toml_of
from ipvalue.intake import BATCH_ROWS, RATED, open_portfolio, read, repeated_ids
from ipvalue.schema import LONGEST_LIST, InputError, Rejects, Strict, validate

Limits = Mapping[str, tuple[float, ...]]
"""By rating, best first, a part of the notional for each of years 1, 2, …"""

_TOLD = 5
"""Problems of a table that its error lists."""

Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _File(Strict):
    rating: dict[str, Annotated[tuple[Part, ...], Field(strict=False)]] = Field(default_factory=dict)
    source: str = ""


def load_loss_limits(source: object, spool: Path) -> Limits:
    """A table of ratings, best first: a path or URL (TOML like a table of ratings; CSV, Parquet or Arrow IPC with the columns `ipvalue schema
    tranche_ratings`), a mapping like the TOML, or a table in memory, of which copies go into the directory `spool`. Raises InputError."""
    if isinstance(source, Mapping):
        name, found = "tranche_ratings", _of_toml(dict(source), "tranche_ratings")
    elif isinstance(source, str | Path) and str(source).endswith(".toml"):
        name, found = str(source), _of_toml(toml_of(source), str(source))
    else:
        name, found = _of_table(source, spool)
    _check(found, name)
    return found


def _of_toml(content: dict[str, Any], name: str) -> Limits:
    return dict(validate(_File, content, name).rating)


def _of_table(source: object, spool: Path) -> tuple[str, Limits]:
    table = open_portfolio(source, spool, kind=RATED)
    duplicates, rejects, batches = repeated_ids(table, RATED), Rejects(), []
    for unit in table.units(BATCH_ROWS):
        for batch, _, problems in read(unit, duplicates, kind=RATED):
            rejects.merge(problems)
            batches.append(batch)
    problems = rejects.table().to_pylist()
    if problems:
        lines = [f"{one['file']}, row {one['row']}: {one['message']}" for one in problems[:_TOLD]]
        raise InputError("\n".join([*lines, *([f"and {len(problems) - _TOLD:,} more"] if len(problems) > _TOLD else [])]))
    rows = pa.Table.from_batches(batches)
    return table.files[0].display, dict(zip(rows["rating"].to_pylist(), map(tuple, rows["expected_loss"].to_pylist()), strict=True))


def _check(limits: Limits, name: str) -> None:
    if not limits:
        raise InputError(f"{name}: has no ratings: give at least one, best first")
    for rating, limit in limits.items():
        if not 1 <= len(limit) <= LONGEST_LIST:
            raise InputError(f"{name}: rating {rating} has {len(limit)} entries: give 1 to {LONGEST_LIST}, one a year")
        if (fall := _fall(limit)) is not None:
            raise InputError(f"{name}: rating {rating} must not fall from year to year, but {fall[1]:g} follows {fall[0]:g}")
    for (better, one), (worse, other) in pairwise(limits.items()):
        years = range(max(len(one), len(other)))
        if any(_at(one, year) > _at(other, year) for year in years):
            raise InputError(f"{name}: ratings stand best first, but {worse} allows less than {better} above it: put them in order")


def _fall(limit: Iterable[float]) -> tuple[float, float] | None:
    return next(((before, after) for before, after in pairwise(limit) if after < before), None)


def _at(limit: Sequence[float], year: int) -> float:
    return limit[min(year, len(limit) - 1)]
