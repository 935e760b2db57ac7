"""How a result came about: what was assumed, what was set aside, on what and with what it was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ipvalue.report.embed import Column, Facts, Grid, Note, Part, Section, number
from ipvalue.report.labels import Labels
from ipvalue.report.sections.tables import currency_of, table
from ipvalue.report.terminal import Overview
from ipvalue.store import made_by

PROBLEMS = 200
"""Problems of rejected rows that are listed one by one."""


def assumed(found: Overview, currency: str, say: Labels) -> Section:
    """By which methods rights were valued, and what the assumptions filled."""
    methods = [{"method": one.name, "rights": one.rights, "value": one.value} for one in found.methods]
    parts: list[Part] = [
        table(say, "methods", say("assumed.methods", currency=currency), methods, ("method", "rights", "value"), {"method": "method"})
    ]
    if found.filled:
        rows = [{"filled": name, "rights": rights} for name, rights in found.filled]
        parts.append(table(say, "filled", say("assumed.filled"), rows, ("filled", "rights"), {"filled": "portfolio"}, say("assumed.note")))
    return Section("assumed", say("assumed.title"), say("assumed.lead"), parts)


def rejected(rejects: pa.Table, manifest: Mapping[str, Any], say: Labels) -> Section:
    """What was set aside, by rule, and the first problems."""
    if not rejects.num_rows:
        return Section("rejects", say("rejects.title"), say("rejects.none", rows=say.count(manifest["counts"]["rows"])), [])
    counts = rejects.group_by(["column", "rule"], use_threads=False).aggregate([("row", "count")])
    counts = counts.take(pc.sort_indices(counts, sort_keys=[("row_count", "descending"), ("rule", "ascending")]))
    by_rule = [
        [row["column"] or "", row["rule"] or "", number(row["row_count"], lambda n: say.count(int(n)))]
        for row in counts.slice(0, PROBLEMS).to_pylist()
    ]
    heads = [Column(say("column.column")), Column(say("column.rule")), Column(say("column.problems"), True)]
    texts = dict.fromkeys(("asset_id", "file", "column", "value", "message"), None)
    note = say("rejects.first", shown=say.count(min(PROBLEMS, rejects.num_rows)), all=say.count(rejects.num_rows))
    parts = [
        Grid("rejects-rules", say("rejects.by_rule"), heads, by_rule),
        table(
            say,
            "rejects",
            say("rejects.rows"),
            rejects.slice(0, PROBLEMS).to_pylist(),
            ("asset_id", "file", "row", "column", "message"),
            texts,
            note,
        ),
    ]
    lead = say("rejects.lead", rejected=say.count(manifest["counts"]["rejected"]), rows=say.count(manifest["counts"]["rows"]))
    return Section("rejects", say("rejects.title"), lead, parts)


def facts(manifest: Mapping[str, Any], location: str, say: Labels) -> Section:
    """Seed, versions, hashes, time and machine; and what the run warned of."""
    options, inputs, machine, time = manifest["options"], manifest["inputs"], manifest["machine"], manifest["time"]
    seconds = say("run.seconds", seconds=f"{time['seconds']:,.1f}")
    how = [
        (say("run.command"), f"ipvalue {made_by(manifest)}"),
        (say("run.location"), location),
        (say("run.date"), say.day(inputs["market"]["content"]["valuation_date"])),
        (say("run.currency"), currency_of(manifest)),
        (say("run.paths"), say.count(options["paths"])),
        (say("run.seed"), str(options["seed"])),
        *((say(f"run.{name}"), say.or_as_is("option", str(options[name]))) for name in ("sampler", "precision", "premise") if options.get(name)),
        *([(say("run.tolerance"), f"{options['tolerance']:g}")] if options.get("tolerance") else []),
        *([(say("run.rule"), str(options["rule"]))] if options.get("rule") else []),
    ]
    made = [
        (say("run.version"), f"ipvalue {manifest['ipvalue']}, numerics {manifest['numerics_version']}"),
        (say("run.libraries"), f"Python {machine['python']}, NumPy {machine['numpy']}, pyarrow {manifest['pyarrow']}"),
        (say("run.started"), f"{time['started'].replace('T', ' ')[:19]} UTC"),
        (say("run.took"), seconds),
        (say("run.machine"), f"{machine['host']}, {machine['system']}"),
        (say("run.workers"), say("run.of_cores", workers=machine["workers"], cores=machine["cores"])),
        (say("run.kernels"), str(machine.get("instruction_set") or machine["backend"])),
    ]
    hashed = [
        (say("run.fingerprint"), str(manifest.get("fingerprint", ""))),
        *((say("run.portfolio", file=one["file"]), one["sha256"]) for one in inputs["portfolio"]),
        *((say("run.loans", file=name), one["sha256"]) for name, one in inputs.get("loans", {}).get("files", {}).items()),
        (say("run.market"), inputs["market"]["sha256"]),
        (say("run.assumptions"), inputs["assumptions"]["sha256"]),
    ]
    parts: list[Part] = [
        Facts(say("run.how"), how),
        Facts(say("run.made"), made),
        Facts(say("run.hashes"), hashed, wide=True),
        *_warnings(manifest, say),
    ]
    return Section("run", say("run.title"), say("run.lead"), parts)


def _warnings(manifest: Mapping[str, Any], say: Labels) -> Iterator[Note]:
    for text in manifest["warnings"]:
        yield Note(say("run.warning", text=text))
