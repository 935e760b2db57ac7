"""Profile cn_register: a bare extract of China's registers in the middle of 2024, every kind of registered right (data/cn_register.toml)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ipvalue.synthesize.columns import CATEGORY, category, constant, numbered
from ipvalue.synthesize.dates import Days, YearsOfDays, end_of_year, next_renewal, years_later
from ipvalue.synthesize.draws import BLOCK, Codes, Floats, Share, skewed_rank, uniforms
from ipvalue.synthesize.margins import margins

ABROAD = "abroad"
"""The region of owners outside China."""


class Register:
    """What the profile's file says, and the block of rows that follows from it."""

    def __init__(self) -> None:
        table = margins("cn_register")
        self.valuation_date: date = table["valuation_date"]
        self.source: str = table["source"]
        self.assets: int = table["assets"]
        self._prefix: str = table["prefix"]
        self._jurisdiction: str = table["jurisdiction"]
        self._sectors = tuple(sorted({name for shares in table["sectors"].values() for name in shares}))
        self._kinds = [Kind(kind, table) for kind in table["kinds"]]
        self._types = tuple(dict.fromkeys(kind.right_type for kind in self._kinds))
        self._stages = tuple(dict.fromkeys(kind.stage for kind in self._kinds))
        self._of_kind = Share.of({str(i): kind["count"] for i, kind in enumerate(table["kinds"])})
        self._owners = _Owners(table["owners"], table["provinces"]["trademarks"])
        self.schema = pa.schema(
            [
                ("asset_id", pa.string()),
                ("right_type", CATEGORY),
                ("stage", CATEGORY),
                ("jurisdiction", CATEGORY),
                ("sector", CATEGORY),
                ("filing_date", pa.date32()),
                ("grant_date", pa.date32()),
                ("expiry_date", pa.date32()),
                ("owner_id", pa.string()),
                ("owner_province", CATEGORY),
            ]
        )

    def block(self, seed: int, number: int) -> list[pa.Array]:
        """The BLOCK rows from row number·BLOCK on, as columns in the order of the schema."""
        u_kind, u_year, u_day, u_sector, u_abroad, u_province, u_owner = uniforms(seed, number, 7)
        kind_of_row = self._of_kind.draw(u_kind)
        sector, province = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
        filed, granted, expires = (np.empty(BLOCK, "datetime64[D]") for _ in range(3))
        for code, kind in enumerate(self._kinds):
            at = np.flatnonzero(kind_of_row == code)
            filed[at], granted[at], expires[at] = kind.dates(u_year[at], u_day[at], self.valuation_date)
            sector[at] = np.array([self._sectors.index(name) for name in kind.sectors.names], np.int32)[kind.sectors.draw(u_sector[at])]
            province[at] = np.where(u_abroad[at] < kind.abroad, len(self._owners.regions) - 1, kind.provinces.draw(u_province[at]))
        first = number * BLOCK
        types = np.array([self._types.index(kind.right_type) for kind in self._kinds], np.int32)
        stages = np.array([self._stages.index(kind.stage) for kind in self._kinds], np.int32)
        return [
            numbered(self._prefix, np.arange(first + 1, first + BLOCK + 1)),
            category(types[kind_of_row], self._types),
            category(stages[kind_of_row], self._stages),
            constant(self._jurisdiction, BLOCK),
            category(sector, self._sectors),
            pa.array(filed),
            pa.array(granted),
            pa.array(expires),
            self._owners.draw(u_owner, province),
            category(province, self._owners.regions),
        ]


class Kind:
    """One kind of right at one stage: its margins, and its dates by law."""

    def __init__(self, kind: dict[str, Any], table: dict[str, Any]) -> None:
        self.right_type: str = kind["right_type"]
        self.stage: str = kind["stage"]
        self.abroad: float = kind["abroad"]
        self.provinces = Share.of(table["provinces"][kind["provinces"]])
        self.sectors = Share.of(table["sectors"][kind["sectors"]])
        self._kind = kind
        self._granted = YearsOfDays(kind["years"], self._oldest(table["valuation_date"]), table["valuation_date"]) if "years" in kind else None

    def _oldest(self, today: date) -> date | None:
        """The first day of grant of those that have not ended by `today` (renewed ones do not end)."""
        if self._kind["expiry"] == "renewal":
            return None
        term = self._kind.get("earlier", self._kind)["term"]
        ended = today.replace(year=today.year - term)
        waited = self._kind["pendency"] if self._kind["expiry"] == "filing" else 0
        return ended + timedelta(days=waited + 1)

    def dates(self, u_year: Floats, u_day: Floats, today: date) -> tuple[Days, Days, Days]:
        """Days of filing, grant (blank while it is pending) and expiry, (n,) each."""
        pendency = np.timedelta64(self._kind["pendency"], "D")
        if self._granted is None:
            filed = np.datetime64(today) - np.floor(u_day * self._kind["pendency"]).astype("timedelta64[D]")
            return filed, np.full(len(u_day), np.datetime64("NaT", "D")), self._expiry(filed, filed, today)
        granted = self._granted.draw(u_year, u_day)
        return granted - pendency, granted, self._expiry(granted - pendency, granted, today)

    def _expiry(self, filed: Days, granted: Days, today: date) -> Days:
        term = self._kind["term"]
        match self._kind["expiry"]:
            case "filing":
                expires = years_later(filed, term)
                if earlier := self._kind.get("earlier"):
                    expires = np.where(filed < np.datetime64(earlier["filed_before"]), years_later(filed, earlier["term"]), expires)
                return expires
            case "grant":
                return years_later(granted, term)
            case "year_end":
                return end_of_year(granted, term)
            case "renewal":
                return next_renewal(granted, today, term)
            case other:
                raise ValueError(f"expiry {other!r}")


class _Owners:
    """Owners numbered through, region by region, so that an owner's number says where it is."""

    def __init__(self, owners: dict[str, Any], provinces: dict[str, int]) -> None:
        share = np.array(list(provinces.values()), np.float64)
        home = np.maximum(np.round(share / share.sum() * owners["number"]), 1.0)
        self.regions = (*provinces, ABROAD)
        self._number = np.append(home, owners["abroad"]).astype(np.int64)
        self._before = np.cumsum(self._number) - self._number
        self._prefix: str = owners["prefix"]

    def draw(self, u: Floats, region: Codes) -> pa.Array:
        """u (n,) and each row's region (n,) -> names of owners (n,): in a region, number r in proportion to 1/sqrt(r)."""
        return numbered(self._prefix, self._before[region] + skewed_rank(u, self._number[region]))
