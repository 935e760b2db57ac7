"""Profile cn_trademarks: China's trademark register at the end of 2020, with money (data/cn_trademarks.toml)."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from ipvalue.synthesize.columns import CATEGORY, category, constant, numbered
from ipvalue.synthesize.dates import YearsOfDays, next_renewal
from ipvalue.synthesize.draws import BLOCK, Share, law_of, skewed_rank, uniforms
from ipvalue.synthesize.margins import margins


class Trademarks:
    """What the profile's file says, and the block of rows that follows from it."""

    def __init__(self) -> None:
        table = margins("cn_trademarks")
        self.valuation_date: date = table["valuation_date"]
        self.source: str = table["source"]
        self.assets: int = table["assets"]
        self._table = table
        self._registered = YearsOfDays(table["years"])
        self._sectors = Share.of(table["sectors"])
        self._laws = {name: law_of(law) for name, law in table["draws"].items()}
        self.schema = pa.schema(
            [
                ("asset_id", pa.string()),
                ("right_type", CATEGORY),
                ("stage", CATEGORY),
                ("owner_id", pa.string()),
                ("jurisdiction", CATEGORY),
                ("sector", CATEGORY),
                ("currency", CATEGORY),
                ("filing_date", pa.date32()),
                ("grant_date", pa.date32()),
                ("expiry_date", pa.date32()),
                ("renewal", CATEGORY),
                *((name, pa.float64()) for name in self._laws),
            ]
        )

    def block(self, seed: int, number: int) -> list[pa.Array]:
        """The BLOCK rows from row number·BLOCK on, as columns in the order of the schema."""
        u_year, u_day, u_sector, u_owner, *draws = uniforms(seed, number, 4 + len(self._laws))
        granted = self._registered.draw(u_year, u_day)
        first = number * BLOCK
        owners = self._table["owners"]
        columns = {
            "asset_id": numbered(self._table["prefix"], np.arange(first + 1, first + BLOCK + 1)),
            "owner_id": numbered(owners["prefix"], skewed_rank(u_owner, owners["number"])),
            "sector": category(self._sectors.draw(u_sector), self._sectors.names),
            "filing_date": pa.array(granted - np.timedelta64(self._table["pendency"], "D")),
            "grant_date": pa.array(granted),
            "expiry_date": pa.array(next_renewal(granted, self.valuation_date, self._table["term"])),
            "renewal": constant("always", BLOCK),
        }
        columns |= {name: constant(self._table[name], BLOCK) for name in ("right_type", "stage", "jurisdiction", "currency")}
        columns |= {name: pa.array(law(u)) for (name, law), u in zip(self._laws.items(), draws, strict=True)}
        return [columns[name].cast(kind) for name, kind in zip(self.schema.names, self.schema.types)]
