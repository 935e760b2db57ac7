"""One right, or loan: all that its result says of it, and why it may not be there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.serve.index import PART, Index, Indexes
from ipvalue.serve.root import NotThere
from ipvalue.serve.search import MOST_ROWS, places_of
from ipvalue.storage import Written


@dataclass(frozen=True)
class Right:
    """The rows of one id as the part holds them, all columns (of scenarios, drivers and steps several), the part's name, and the columns' meanings
    with units."""

    id: str
    rows: list[dict[str, Any]]
    part: str
    meanings: dict[str, tuple[str, str]]


def right_of(indexes: Indexes, index: Index, wanted: str) -> Right:
    """Raises NotThere where the id has no row: then it says whether it was rejected, and why."""
    run, kind = index.run, index.run.kind
    places = places_of(indexes, index, wanted) if index.columns else []
    if not places:
        noun = "loan" if kind.of_loans else "right"
        why = "".join(f"; it was rejected ({row['file']}, row {row['row']}): {row['message']}" for row in rejected(index, wanted)[:1])
        raise NotThere(f"{run.name}: there is no {noun} {wanted[:200]!r} in it{why}")
    number = int(indexes.ask(f"SELECT {PART} FROM {index.rights} WHERE rowid = ?", places[:1])[0][0])
    files = [Written(**entry) for entry in run.record()["files"]]
    part = sorted(file.name for file in files if file.name.startswith(kind.folder))[number]
    table = run.store.read_parquet(part)
    rows = table.filter(pc.equal(table[kind.id], wanted)).slice(0, MOST_ROWS).to_pylist()
    said = {name: column for name in table.column_names if (column := kind.meaning(name))}
    currency = run.facts.currency if run.facts else ""
    meanings = {name: (one.meaning.partition(";")[0], one.unit.replace("market's currency", currency)) for name, one in said.items()}
    return Right(wanted, rows, part, meanings)


def rejected(index: Index, wanted: str) -> list[dict[str, Any]]:
    """Why an id was rejected, a row for each rule it broke; empty where it was not."""
    run, rejects = index.run, "rejects.parquet"
    if not any(file["name"] == rejects for file in run.record()["files"]):
        return []
    table = run.store.read_parquet(rejects)
    if "asset_id" not in table.column_names or not pa.types.is_string(table.schema.field("asset_id").type):
        return []
    rows: list[dict[str, Any]] = table.filter(pc.equal(table["asset_id"], wanted)).to_pylist()
    return rows
