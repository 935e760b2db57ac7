"""Profile exchange: the clients of an exchange in Beijing and their rights, from bare to fully described (data/exchange.toml)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.synthesize.columns import CATEGORY, category, constant, numbered
from ipvalue.synthesize.dates import Days
from ipvalue.synthesize.draws import BLOCK, Codes, Floats, Share, law_of, skewed_rank, uniforms
from ipvalue.synthesize.margins import margins
from ipvalue.synthesize.register import Kind

RUN = 4
"""Rows of a run: a family of rights is one run."""

_CLIENTS = 2**63
"""The stream of the clients' own numbers, beyond those of any block."""

_ROW = ("type", "way", "year", "day", "client", "sector", "other_sector", "currency", "mix", "plan", "family")
_OWN = ("type", "year", "day")
"""What a right of a family does not share with the first of its run."""

_LISTS = ("methods", "weights", "stage_costs", "stage_years", "stage_probabilities")


class Exchange:
    """What the profile's file says, and the block of rows that follows from it."""

    def __init__(self) -> None:
        table = margins("exchange")
        self.valuation_date: date = table["valuation_date"]
        self.source: str = table["source"]
        self.assets: int = table["assets"]
        self._table = table
        self._types: list[dict[str, Any]] = table["types"]
        self._ways = tuple(table["ways"])
        self._of_type = Share.of({str(i): one["share"] for i, one in enumerate(self._types)})
        self._ways_of = [Share.of(one["ways"]) for one in self._types]
        self._kinds = _kinds(self._types)
        self._laws = {name: law_of(law) for name, law in table["draws"].items()}
        self._numbers = tuple(dict.fromkeys(law.get("column", name) for name, law in table["draws"].items()))
        self._currency = Share.of(table["currencies"])
        self._family_types = [_place(self._types, name) for name in table["families"]["types"]]
        lists = {name: pa.list_(pa.string() if name == "methods" else pa.float64()) for name in _LISTS}
        names = ("asset_id", "owner_id", "family_id")
        kinds = ("right_type", "stage", "jurisdiction", "owner_province", "sector", "currency", "method", "renewal")
        dates = ("filing_date", "grant_date", "expiry_date")
        self.schema = pa.schema(
            [
                *((name, pa.string()) for name in names),
                *((name, CATEGORY) for name in kinds),
                *((name, pa.date32()) for name in dates),
                ("revenue_share", pa.float64()),
                *((name, pa.int64() if name == "tab_years" else pa.float64()) for name in self._numbers),
                *lists.items(),
            ]
        )

    def block(self, seed: int, number: int) -> list[pa.Array]:
        """The BLOCK rows from row number·BLOCK on, as columns in the order of the schema."""
        names = (*_ROW, *self._laws)
        u = dict(zip(names, uniforms(seed, number, len(names)), strict=True))
        row = np.arange(number * BLOCK, (number + 1) * BLOCK)
        family = self._families(u, row)
        kind = self._of_type.draw(u["type"])
        kind[family] = np.array(self._family_types, np.int32)[row[family] % RUN]
        way = self._way(u["way"], kind)
        way[family] = self._ways.index(self._table["families"]["way"])
        client = self._client(u["client"], row)
        columns = {
            "asset_id": numbered(self._table["prefix"], row + 1),
            "owner_id": numbered(self._table["clients"]["prefix"], client + 1),
            "jurisdiction": constant("CN", BLOCK),
            **self._family_columns(family, row),
            **self._named(u, kind, way, _clients(seed), client),
            **self._dates(u, kind),
            **self._money(u, way, _clients(seed).size[client]),
            **self._lists(u, way),
        }
        return [columns[name].cast(column) for name, column in zip(self.schema.names, self.schema.types)]

    def client_sectors(self, seed: int) -> tuple[Codes, tuple[str, ...]]:
        """Each client's own sector, (clients,) places in the names."""
        clients = _clients(seed)
        return clients.sector, clients.sectors.names

    def _families(self, u: dict[str, Floats], row: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """(n,) which rows are of a family; they take over all but their _OWN numbers from the first of their run."""
        first = np.arange(BLOCK) // RUN * RUN
        family: npt.NDArray[np.bool_] = (u["family"][first] < self._table["families"]["share"]) & (row >= self._table["clients"]["number"])
        for name, numbers in u.items():
            if name not in _OWN:
                numbers[family] = numbers[first[family]]
        return family

    def _way(self, u: Floats, kind: Codes) -> Codes:
        way = np.empty(BLOCK, np.int32)
        for code, share in enumerate(self._ways_of):
            at = np.flatnonzero(kind == code)
            way[at] = np.array([self._ways.index(name) for name in share.names], np.int32)[share.draw(u[at])]
        return way

    def _client(self, u: Floats, row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """(n,) clients from 0: each has one of the first rights, few have many of the others."""
        clients: int = self._table["clients"]["number"]
        return np.where(row < clients, row, skewed_rank(u, clients) - 1)

    def _family_columns(self, family: npt.NDArray[np.bool_], row: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        share = np.array(self._table["families"]["revenue_share"])[row % RUN]
        ids = numbered(self._table["families"]["prefix"], row // RUN + 1)
        return {
            "family_id": pc.if_else(pa.array(family), ids, pa.scalar(None, pa.string())),
            "revenue_share": pa.array(share, mask=~family),
        }

    def _named(self, u: dict[str, Floats], kind: Codes, way: Codes, clients: _Clients, client: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        """Columns of names: what the right is, whose, and how it is valued."""
        ways = [self._table["ways"][name] for name in self._ways]
        own = u["sector"] < self._table["clients"]["faithful"]
        sector = np.where(own, clients.sector[client], clients.sectors.draw(u["other_sector"]))
        paid = np.array([bool(one["columns"]) for one in ways])
        return {
            "right_type": _names_of([one["right_type"] for one in self._types], kind),
            "stage": _names_of([one.get("stage") for one in ways], way, otherwise=([one["stage"] for one in self._types], kind)),
            "owner_province": category(clients.province[client], clients.provinces.names),
            "sector": category(sector.astype(np.int32), clients.sectors.names),
            "currency": category(np.where(paid[way], self._currency.draw(u["currency"]), -1).astype(np.int32), self._currency.names),
            "method": _names_of([one.get("method") for one in ways], way),
            "renewal": _names_of([one.get("renewal") for one in ways], way),
        }

    def _dates(self, u: dict[str, Floats], kind: Codes) -> dict[str, pa.Array]:
        filed, granted, expires = (np.full(BLOCK, np.datetime64("NaT", "D")) for _ in range(3))
        for code, one in self._kinds.items():
            at = np.flatnonzero(kind == code)
            filed[at], granted[at], expires[at] = one.dates(u["year"][at], u["day"][at], self.valuation_date)
        return {"filing_date": _days(filed), "grant_date": _days(granted), "expiry_date": _days(expires)}

    def _money(self, u: dict[str, Floats], way: Codes, size: Floats) -> dict[str, pa.Array]:
        """Columns of numbers, blank where the row's way does not give them."""
        found: dict[str, Floats] = {"size": size}
        columns = {name: np.full(BLOCK, np.nan) for name in self._numbers}
        for name, law in self._laws.items():
            table = self._table["draws"][name]
            values = law(u[name])
            for other in table.get("times", ()):
                values = values * found[other]
            found[name] = np.round(values, table.get("digits", 15))
            gives = np.array([name in self._table["ways"][one]["columns"] for one in self._ways])[way]
            columns[table.get("column", name)][gives] = found[name][gives]
        return {name: pa.array(values, from_pandas=True) for name, values in columns.items()}

    def _lists(self, u: dict[str, Floats], way: Codes) -> dict[str, pa.Array]:
        """Columns of lists: the methods of reconciled rows, the stages of projects."""
        columns: dict[str, pa.Array] = {}
        for name, key, number in (("reconciled", "mixes", "mix"), ("project", "plans", "plan")):
            options = self._table[key]
            drawn = Share.of({str(i): one["share"] for i, one in enumerate(options)}).draw(u[number])
            at = pa.array(drawn, mask=way != self._ways.index(name))
            columns |= {column: pa.array([one[column] for one in options]).take(at) for column in options[0] if column != "share"}
        return columns


class _Clients:
    """The clients' province, sector and size, (clients,) each."""

    def __init__(self, seed: int) -> None:
        table = margins("exchange")["clients"]
        u_province, u_sector, u_size = uniforms(seed, _CLIENTS, 3, table["number"])
        self.provinces, self.sectors = Share.of(table["provinces"]), Share.of(table["sectors"])
        self.province, self.sector = self.provinces.draw(u_province), self.sectors.draw(u_sector)
        self.size = law_of(table["size"])(u_size)


@lru_cache(maxsize=1)
def _clients(seed: int) -> _Clients:
    return _Clients(seed)


def _kinds(types: list[dict[str, Any]]) -> dict[int, Kind]:
    """The kind of cn_register that has the dates of a type, by the type's place; a type that is in no register has none."""
    register = margins("cn_register")
    found = {(one["right_type"], one["stage"]): one for one in register["kinds"]}
    keys = [(one["right_type"], one["stage"]) for one in types]
    return {place: Kind(found[key], register) for place, key in enumerate(keys) if key in found}


def _place(types: list[dict[str, Any]], right_type: str) -> int:
    """The place of a granted type."""
    return next(i for i, one in enumerate(types) if one["right_type"] == right_type and one["stage"] == "granted")


def _names_of(names: list[str | None], codes: Codes, otherwise: tuple[list[str], Codes] | None = None) -> pa.Array:
    """names[codes] as a dictionary column; None is blank, or what `otherwise` says in its place."""
    others = otherwise[0] if otherwise else []
    known = tuple(dict.fromkeys(name for name in (*names, *others) if name is not None))
    place = np.array([-1 if name is None else known.index(name) for name in names], np.int32)[codes]
    if otherwise:
        fallback = np.array([known.index(name) for name in others], np.int32)[otherwise[1]]
        place = np.where(place < 0, fallback, place)
    return category(place.astype(np.int32), known)


def _days(days: Days) -> pa.Array:
    return pa.array(days, pa.date32())
