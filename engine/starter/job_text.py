"""A commented job file, made from the keys that there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from textwrap import wrap

from ipvalue.job_file import Key, keys

_HEAD = """\
# What `ipvalue run` values (docs/overnight.md). Paths are relative to this file, wherever the command is called from.
# A key behind a # has the default that is written there, or, where it has none, stands as an example.
"""
_TABLES = {
    "options": "what the figures follow from",
    "groups": "which rights are added up, besides all of them",
    "lending": "what the loans name",
    "outputs": "what is written, and where",
    "run": "where and how it is run; no bit of a result depends on it",
}
_EXAMPLES = {
    "rule": '"royalties.py:tiered"',
    "since": '"latest"',
    "loans": '"loans.parquet"',
    "ratings": '"ratings.toml"',
    "programmes": '"programmes.toml"',
    "policies": '"policies.toml"',
    "policy": '"bank_of_communications"',
    "pool": '"pool.toml"',
    "tranche_ratings": '"tranche_ratings.csv"',
    "tolerance": "0.01",
    "max_paths": "640000",
    "workers": "8",
    "memory": '"8GiB"',
    "backend": '"native"',
    "rows_per_task": "50000",
    "market": '"market.toml"',
}
"""Of the keys that have no default."""
_WIDTH = 120


def job_text(given: Mapping[str, str]) -> str:
    """A job file in which the keys `given` ("portfolio", "groups.group_by") have these values, as TOML writes them, and all others are behind a #."""
    blocks = [_HEAD]
    for table, of_table in groupby(keys(), key=lambda key: key.table):
        lines = [f"# {_TABLES[table]}", f"[{table}]"] if table else []
        for key in of_table:
            lines += _lines(key, given.get(f"{table}.{key.name}".lstrip(".")))
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def _lines(key: Key, value: str | None) -> Iterator[str]:
    yield from wrap(f"# {key.meaning}", _WIDTH, subsequent_indent="# ", break_on_hyphens=False)
    yield f"{key.name} = {value}" if value is not None else f"#{key.name} = {key.default or _EXAMPLES[key.name]}"
