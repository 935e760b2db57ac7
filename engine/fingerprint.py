"""Which run it is: a hash of all that a result's bytes follow from, and what differs between two runs, in words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

Terms = Mapping[str, Any]
"""The part of a manifest that says what a run is of: versions, options and inputs."""

HOW = ("workers", "scheduler", "memory", "backend")
"""Options that say how a run is made; no byte of a result depends on them."""
VERSIONS = ("ipvalue", "numerics_version", "pyarrow")
"""What wrote a result: another pyarrow writes other bytes of the same figures."""
BESIDES = ("scenarios", "statistics", "sensitivities", "indices", "loans", "lendable")
"""What a run of scenarios, sensitivities, indices, loans or what may be lent is of beside the inputs that all runs have."""
_BLANK = "nothing"
_LONGEST = 60
_MOST_NAMED = 8


def fingerprint(terms: Terms) -> str:
    """A SHA-256 of versions, options, assumptions, market, rule, scenarios and the files of the portfolio, as they are named and as they are."""
    return hashlib.sha256(json.dumps(_essence(terms), sort_keys=True).encode()).hexdigest()


def differences(old: Terms, new: Terms) -> list[str]:
    """What differs between two runs, each in a clause: "paths was 1000 and is 10000". Empty where their fingerprints are the same."""
    if any(old.get(name) != new[name] for name in VERSIONS):  # of another, nothing else need be where it is looked for
        return [f"{name} was {_shown(was)} and is {_shown(now)}" for name, was, now in changed(_versions(old), _versions(new))]
    before, after = _essence(old), _essence(new)
    files = _by_name(before.pop("portfolio")), _by_name(after.pop("portfolio"))
    market = before.pop("market"), after.pop("market")
    assumptions = before.pop("assumptions"), after.pop("assumptions")
    scenarios = before.pop("scenarios", None), after.pop("scenarios", None)
    found = [f"{name} was {_shown(was)} and is {_shown(now)}" for name, was, now in changed(before, after)]
    found += _of_scenarios(*scenarios)
    found += _of_files(*files)
    found += [f"market: {name} was {_shown(was)} and is {_shown(now)}" for name, was, now in changed(*market)]
    if assumptions[0] != assumptions[1]:
        names = sorted({name for name, _, _ in changed(old["inputs"]["assumptions"]["content"], new["inputs"]["assumptions"]["content"])})
        more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        found.append(f"assumptions: {', '.join(names[:_MOST_NAMED])}{more}")
    return found


def changed(old: Mapping[str, Any], new: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The keys (a.b.c) at which two nested tables differ, with what stands there, None where nothing does."""
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        name = f"{within}.{key}".lstrip(".")
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            yield from changed(was, now, name)
        elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
            yield from ((f"{name}[{place}]", one, other) for place, (one, other) in enumerate(zip(was, now, strict=True)) if one != other)
        elif was != now:
            yield name, was, now


def _essence(terms: Terms) -> dict[str, Any]:
    """What the bytes of a result follow from."""
    inputs = terms["inputs"]
    return {
        **_versions(terms),
        "options": {name: value for name, value in terms["options"].items() if name not in HOW},
        "portfolio": [{key: file[key] for key in ("file", "rows", "sha256")} for file in inputs["portfolio"]],
        "market": inputs["market"]["content"],
        "assumptions": inputs["assumptions"]["sha256"],
        "rule": inputs.get("rule"),
        **{name: inputs[name] for name in BESIDES if name in inputs},
    }


def _versions(terms: Terms) -> dict[str, Any]:
    return {name: terms.get(name) for name in VERSIONS}


def _of_scenarios(old: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None) -> Iterator[str]:
    """None: the run is of none."""
    if old is None or new is None:
        if old is not new:
            yield "it was a run of scenarios and is not" if new is None else "it was not a run of scenarios and is"
        return
    before, after = ({one["name"]: one for one in scenarios} for scenarios in (old, new))
    found = [f"the scenario {name!r} was there and is not" for name in before if name not in after]
    found += [f"the scenario {name!r} is new" for name in after if name not in before]
    found += [f"the scenario {name!r} is another" for name in after if name in before and before[name] != after[name]]
    if not found and list(before) != list(after):
        found.append("the scenarios were in another order")
    yield from found[:_MOST_NAMED]
    if len(found) > _MOST_NAMED:
        yield f"and {len(found) - _MOST_NAMED:,} more scenarios differ"


def _by_name(files: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {file["file"]: file for file in files}


def _of_files(old: Mapping[str, dict[str, Any]], new: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    named = {file["sha256"]: name for name, file in old.items() if name not in new}
    again = {name: named[file["sha256"]] for name, file in new.items() if name not in old and file["sha256"] in named}
    for name in sorted({*old, *new} - {*again.values()}):
        if name in again:
            yield f"{name} was named {again[name]} when the run began: name it so again"
        elif name not in new:
            yield f"{name} was in the portfolio and is not"
        elif name not in old:
            yield f"{name} is new in the portfolio"
        elif old[name] != new[name]:
            rows, now = old[name]["rows"], new[name]["rows"]
            yield f"{name} has other content than before ({rows:,} rows, now {now:,})"


def _shown(value: Any) -> str:
    if value is None:
        return _BLANK
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
