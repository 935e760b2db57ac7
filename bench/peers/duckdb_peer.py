"""The reference workload in DuckDB's SQL: one row a path and asset, the years as columns, normals by Box and Muller out of random(), statistics by
its aggregate functions. One thread. Everything is a double: DuckDB's functions are.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from peers.peer import Row, draw_factors, inputs, worst
from workload import QUANTILES, SECTORS, YEARS, Assets

YEAR = range(1, YEARS + 1)


def query(paths: int) -> str:
    """The statistics of the assets between two numbers. Every pair of years takes one pair of uniforms."""
    uniforms = ", ".join(f"sqrt(-2 * ln(1 - random())) AS r{y}, 2 * pi() * random() AS a{y}" for y in YEAR if y % 2)
    own = ", ".join(f"own * r{y - 1} * sin(a{y - 1}) AS n{y}" if y % 2 == 0 else f"own * r{y} * cos(a{y}) AS n{y}" for y in YEAR)
    level = {y: " + ".join(f"n{k}" for k in range(1, y + 1)) for y in YEAR}
    cash = " + ".join(f"CASE WHEN u < survival[{y}] THEN income[{y}] * exp(share * factor[{y}] + {level[y]}) - cost[{y}] ELSE 0 END" for y in YEAR)
    lives = " + ".join(f"(u < survival[{y}])::INTEGER" for y in YEAR)
    return f"""
        WITH drawn AS MATERIALIZED (SELECT *, random() AS u, {uniforms} FROM assets JOIN factors USING (sector) WHERE asset >= ? AND asset < ?),
        moved AS (SELECT *, {own} FROM drawn),
        valued AS MATERIALIZED (SELECT asset, {cash} AS value, {lives} AS life FROM moved)
        SELECT avg(value), stddev_samp(value), quantile_cont(value, {list(QUANTILES)}), list_avg(list(value ORDER BY value)[1:{worst(paths)}]),
            avg((value < 0)::INTEGER), avg(life)
        FROM valued GROUP BY asset ORDER BY asset"""


class DuckdbPeer:
    """Simulates some assets a query."""

    def __init__(self, assets: Assets, paths: int, seed: int = 1) -> None:
        given = inputs(assets, "double")
        self.count, self.paths = len(assets), paths
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1").fetchall()
        self.connection.execute(f"SELECT setseed({(seed % 1000) / 1000})").fetchall()
        columns = {"asset": np.arange(self.count), "sector": given.sector, "share": given.factor_share, "own": given.own_share}
        vectors = {name: pa.array(list(getattr(given, name))) for name in ("income", "cost", "survival")}
        drawn = draw_factors(np.random.default_rng(seed), paths, "double")
        factors = {"sector": np.repeat(np.arange(len(SECTORS)), paths), "factor": pa.array(list(drawn.transpose(0, 2, 1).reshape(-1, YEARS)))}
        for name, table in (("assets", {**columns, **vectors}), ("factors", factors)):
            self.connection.register("given", pa.table(table))
            self.connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given").fetchall()
            self.connection.unregister("given")
        self.query = query(paths)

    def run(self, start: int = 0, stop: int | None = None) -> list[Row]:
        found = self.connection.execute(self.query, [start, self.count if stop is None else stop]).fetchall()
        return [
            Row(mean, deviation, deviation / self.paths**0.5, tuple(quantiles), shortfall, loss, life)
            for mean, deviation, quantiles, shortfall, loss, life in found
        ]
