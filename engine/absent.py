"""A right that has no row of results: why, and which others are called much like it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.schema import InputError, did_you_mean


def rejected_as(wanted: str, rejects: pa.Table | None) -> list[dict[str, Any]]:
    """Why a right was rejected; empty where it was not."""
    rows: list[dict[str, Any]] = [] if rejects is None else rejects.filter(pc.equal(rejects["asset_id"], wanted)).to_pylist()
    return rows


def not_there(location: str, wanted: str, ids: Iterable[pa.ChunkedArray], rejects: pa.Table | None, what: str = "right") -> InputError:
    """Why a right, or a loan, has no row among `ids`: it was rejected, or there is none of that name, and then what is near."""
    if why := rejected_as(wanted, rejects):
        more = f" (and {len(why) - 1} more problems)" if len(why) > 1 else ""
        return InputError(f"{location}: {wanted} was rejected ({why[0]['file']}, row {why[0]['row']}): {why[0]['message']}{more}")
    names = [*ids, *([] if rejects is None else [rejects["asset_id"]])]
    candidates = [name for some in names for name in _alike(wanted, some)]
    return InputError(f"{location}: there is no {what} {wanted!r} in it{did_you_mean(wanted, candidates)}")


def _alike(name: str, ids: pa.ChunkedArray) -> list[str]:
    """The ids that are at most a letter, or two neighbouring ones, away from a name, whatever their case."""
    ways = {re.escape(name[:i]) + ".{0,3}" + re.escape(name[i + 2 :]) for i in range(max(len(name) - 1, 1))}
    near: list[str] = ids.filter(pc.match_substring_regex(ids, f"^(?i:{'|'.join(sorted(ways))})$")).unique().to_pylist()
    return near
