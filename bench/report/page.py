"""The page of measurements, from pytest-benchmark's JSON: every number is a median of turns that were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from machine import sentence, widths
from report.aims import AIMS
from report.charts import CHARTS
from report.sections import SECTIONS
from report.tables import (
    Recorded,
    equal_error_table,
    memory_table,
    plan_table,
    register_table,
    report_table,
    roofline_text,
    search_table,
    speed_table,
)

HEAD = """# Benchmarks

Made from measurements by `bench/make_page.py`; not written by hand. `make bench-full` measures again and writes this page: over twenty
minutes, best on a machine that does nothing else, and 5 GB of disk. [bench/README.md](../bench/README.md) says what was tried. {run}

{machine}. Kernels of the set {isa}. Measured {day}, commit {commit}; load average before the run {load:.1f}{busy}.

The reference workload is `bench/workload.py`: 10 years, 10,000 paths, growth, a sector's factor, lapse, a cost, all statistics with five quantiles. A
path-year is one path of one right through one year, statistics included. Cases of a table took turns in one process; speeds are per CPU-second of the
whole process, the median of the turns with the least and the greatest; a ratio is taken turn by turn, and its median told.
"""
BUSY = ": **other work shared the machine**, so that seconds by the clock, and the gain of a second worker, mean little"
RUN = {True: "This is a full run.", False: "**This is a short run**: fewer rights and turns; its figures are for a first look."}
AIMS_HEAD = """## Aims, and what was reached

What this project set itself, each answered by the measurements below. NumPy stands twice, since the two differ by a factor: what most experts would
write, and the strongest that we could.

| aim | measured | |
|---|---:|---|"""
WALL = "test_workers"
"""The benchmark whose wall times are told too."""


def recorded(document: Mapping[str, Any]) -> dict[str, Recorded]:
    """What the benchmarks recorded, by their names, in the page's order; those that recorded nothing are left out."""
    found = {one["name"]: one["extra_info"] for one in document["benchmarks"] if "title" in one["extra_info"]}
    if not found:
        raise ValueError("the file holds no measurements of ours: it comes from `make bench` or `make bench-full`")
    names = [*(name for name in SECTIONS if name in found), *(name for name in found if name not in SECTIONS)]
    return {name: found[name] for name in names}


def together(documents: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Several runs' documents as one: a benchmark is the last one's that has it. ValueError where machine, versions or kind of run differ."""
    first = documents[0]
    if any(one["machine_info"]["ipvalue"] != first["machine_info"]["ipvalue"] for one in documents):
        raise ValueError("the files are of different machines, versions or kinds of run: measure again on one")
    last = {one["name"]: one for document in documents for one in document["benchmarks"]}
    commits = {one["commit_info"]["id"]: one["commit_info"] for one in documents}
    info = {**first["machine_info"], "load": max(one["machine_info"]["load"] for one in documents)}
    return {**first, "machine_info": info, "benchmarks": list(last.values()), "commits": list(commits.values())}


def page(document: Mapping[str, Any], folder: str) -> str:
    """The page as Markdown; charts are linked in `folder` beside it."""
    told, found = document["machine_info"]["ipvalue"], recorded(document)
    commit = " and ".join(one["id"][:12] + (", changed" if one["dirty"] else "") for one in document["commits"])
    load = document["machine_info"]["load"]
    busy = BUSY if load > 1.0 else ""
    head = HEAD.format(
        load=load, busy=busy, machine=sentence(told), isa=told["isa"], day=document["datetime"][:10], commit=commit, run=RUN[told["full"]]
    )
    tables = {name: figures(name, found, told) for name in found}
    parts = [head, aims(found), *(part for name, one in found.items() for part in section(name, one, tables[name], folder))]
    return "\n".join(parts)


def aims(found: Mapping[str, Recorded]) -> str:
    """Every aim, its figure, and whether that is enough."""
    rows = [f"| {aim.wish} | {' | '.join(aim.answer(found))} |" for aim in AIMS]
    return "\n".join([AIMS_HEAD, *rows]) + "\n"


def section(name: str, one: Recorded, tables: str, folder: str) -> Iterator[str]:
    """One benchmark: its title, what to know of it, its chart if it has one, its figures."""
    yield f"## {one['title'][0].upper()}{one['title'][1:]}\n"
    if name in SECTIONS:
        yield f"{SECTIONS[name]}\n"
    if name in CHARTS:
        yield f"![{one['title']}]({folder}/{CHARTS[name].file})\n"
    yield tables


def figures(name: str, found: Mapping[str, Recorded], told: Mapping[str, Any]) -> str:
    """A benchmark's tables."""
    one = found[name]
    if "peaks" in one:
        return memory_table(one["peaks"])
    if "equal_error" in one:
        return equal_error_table(one["equal_error"])
    if "plans" in one:
        return plan_table(one["plans"])
    if "register" in one:
        return register_table(one["register"])
    if "searches" in one:
        return search_table(one["searches"])
    if "pages" in one:
        return report_table(one["pages"])
    if "roofline" in one:
        return roofline_text(one, found.get("test_instruction_sets"), widths(told))
    clocks = ("cpu", "wall") if name == WALL else ("cpu",)
    return "\n".join(speed_table(one, "wall" if clock == "wall" else "cpu") for clock in clocks)
