"""A job file (job.toml): what `ipvalue run` values, with which options, and where the results go."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, field_validator
from pydantic.fields import FieldInfo

from ipvalue.options import Groups, Kept, Numbers, Place, check_quantiles
from ipvalue.schema import InputError, RunError, Strict, read_toml, validate

Name = Annotated[str, Field(min_length=1)]

LATEST = "latest"
"""As `since`: the result under the same root that was begun last."""

FILES_OF_LOANS = ("ratings", "programmes", "policies", "pool", "tranche_ratings")
"""The keys of [lending] that name files."""

_FLAG = re.compile(r"(?<![\w-])--([a-z][a-z-]*)")
_IN_WORDS = {
    "give --overwrite without --resume": "remove that directory",
    "give --overwrite": "remove that directory",
    "--out": "root in [outputs]",
    "value without --since": "leave out since",
}
"""What errors of a run ask for, where the key of a job file is not named as the flag; the longer ones first."""


class Outputs(Kept):
    """What is written, and where."""

    root: Annotated[Name, Field(description="a directory of results directories, each named by valuation date and fingerprint")] = "results"


class Lending(Strict):
    """What the loans name, and what is said of them."""

    ratings: Annotated[Name | None, Field(description="TOML of ratings that loans name")] = None
    programmes: Annotated[Name | None, Field(description="TOML of programmes that share losses; by default the shipped ones")] = None
    policies: Annotated[Name | None, Field(description="TOML of lending policies; by default the shipped ones")] = None
    policy: Annotated[Name | None, Field(description="the policy of loans that name none")] = None
    pool: Annotated[Name | None, Field(description="TOML of a pool of the loans, and how it is cut into tranches")] = None
    tranche_ratings: Annotated[
        Name | None, Field(description="what tranches are rated by: the most that each rating may lose (TOML, CSV, Parquet)")
    ] = None
    quantiles: Annotated[
        tuple[float, ...], Field(strict=False, description="of coverage, and of what the rights of a loan are worth together, from 0 to 1")
    ] = (0.05, 0.5)

    @field_validator("quantiles")
    @classmethod
    def _check_quantiles(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        return check_quantiles(value)


class Where(Place):
    """Where and how the job is run, and when it has failed."""

    strict: Annotated[bool, Field(description="exit 3 where a row was set aside; the others are valued all the same")] = False


class JobFile(Strict):
    """The tables of a job file; `portfolio`, `market`, `assumptions`, `rule` and the root of the results as `load_job` resolved them."""

    portfolio: Annotated[Name, Field(description="Parquet, Arrow IPC, a directory of either, CSV, or an Excel workbook; a path or URL")]
    market: Annotated[Name | None, Field(description="the market; by default market.toml beside the portfolio")] = None
    assumptions: Annotated[Name, Field(description="what fills blanks; `default` is the shipped book")] = "default"
    rule: Annotated[Name | None, Field(description="module:function or file.py:function that earns the income instead of each right's method")] = None
    since: Annotated[
        Name | None,
        Field(description="an earlier result whose rows are taken over where they are the same still; `latest`: the last one under root"),
    ] = None
    loans: Annotated[
        Name | None,
        Field(description="a table of loans against the rights, lent when these are valued: files as those of a portfolio"),
    ] = None
    options: Annotated[Numbers, Field(default_factory=Numbers, description="what the figures follow from")]
    groups: Annotated[Groups, Field(default_factory=Groups, description="which rights are added up")]
    lending: Annotated[Lending, Field(default_factory=Lending, description="what the loans name, and what is said of them")]
    outputs: Annotated[Outputs, Field(default_factory=Outputs, description="what is written, and where")]
    run: Annotated[Where, Field(default_factory=Where, description="where and how the job is run; no bit depends on it")]

    @property
    def asked(self) -> dict[str, Any]:
        """The options of the run that the file gives, under the names of ipvalue.job.Job."""
        given: dict[str, Any] = {}
        for table in (self.options, self.groups, self.outputs, self.run):
            given |= {name: getattr(table, name) for name in table.model_fields_set}
        return {name: value for name, value in given.items() if name not in ("root", "strict")}


def load_job(path: str | Path) -> JobFile:
    """A job file, its paths made whole: those that are neither URLs nor absolute are relative to the file's directory.

    Raises InputError where it cannot be read, naming file, key, value and rule.
    """
    if "://" in str(path):
        raise InputError(f"{path}: a job file lies on the machine that runs it: copy it there; the files it names may be URLs")
    file = Path(path)
    content = read_toml(file)
    if misplaced := list(_misplaced(content)):
        raise InputError("\n".join(f"{path}: {one}" for one in misplaced))
    with in_words_of_a_job():
        job = validate(JobFile, content, str(path))
    _refuse_mismatch(job, path)
    folder = file.absolute().parent
    changes: dict[str, Any] = {"portfolio": _resolved(job.portfolio, folder)}
    changes["outputs"] = job.outputs.model_copy(update={"root": _resolved(job.outputs.root, folder)})
    changes |= {name: _resolved(given, folder) for name in ("market", "loans") if (given := getattr(job, name)) is not None}
    named = {name: _resolved(given, folder) for name in FILES_OF_LOANS if (given := getattr(job.lending, name)) is not None}
    changes["lending"] = job.lending.model_copy(update=named)
    if job.assumptions != "default":
        changes["assumptions"] = _resolved(job.assumptions, folder)
    if job.since not in (None, LATEST):
        changes["since"] = _resolved(job.since, folder)
    if job.rule is not None:
        place, colon, function = job.rule.rpartition(":")
        changes["rule"] = f"{_resolved(place, folder)}{colon}{function}" if place.endswith(".py") else job.rule
    return job.model_copy(update=changes)


def _refuse_mismatch(job: JobFile, path: str | Path) -> None:
    """Raises InputError where keys are given that do not go together."""
    if job.loans is None and job.lending.model_fields_set:
        raise InputError(f"{path}: lending has {min(job.lending.model_fields_set)}, and there are no loans: name them as loans, above all tables")
    if job.loans is not None and job.rule is not None:
        raise InputError(f"{path}: nothing can be lent against a right whose income a rule makes: leave loans or rule out")


def _misplaced(content: Mapping[str, Any]) -> Iterator[str]:
    """Keys that stand in another table than their own, each in a sentence."""
    own: dict[str, list[str]] = {}
    for key in keys():
        own.setdefault(key.name, []).append(key.table)
    for name in dict.fromkeys(table for tables in own.values() for table in tables):
        table = content.get(name) if name else content
        found = table if isinstance(table, Mapping) else {}
        away = [key for key in found if name not in own.get(key, [name])]
        yield from (f"{key} is not known {_where(name)}: it belongs {' or '.join(map(_where, own[key]))}" for key in away)


def _where(table: str) -> str:
    return f"in [{table}]" if table else "above all tables"


def _resolved(name: str, folder: Path) -> str:
    """A path that means the same from anywhere; a URL as it stands."""
    return name if re.match(r"[a-z][a-z0-9+.-]*://", name) else os.path.normpath(folder / name)


@contextmanager
def in_words_of_a_job() -> Iterator[None]:
    """Errors that ask for a flag of a command ask for the key of a job file instead."""
    try:
        yield
    except (InputError, RunError) as error:
        raise type(error)(in_words(str(error))) from None


def in_words(text: str) -> str:
    """A sentence that names the keys of a job file in place of a command's flags."""
    for flag, words in _IN_WORDS.items():
        text = text.replace(flag, words)
    return _FLAG.sub(lambda found: found[1].replace("-", "_"), text)


class Key(NamedTuple):
    """A key of a job file: the table it stands in ("" for the top), its name, its default as TOML writes it, and what it means."""

    table: str
    name: str
    default: str
    meaning: str


def keys() -> list[Key]:
    """All keys of a job file, in order: what its documentation says (docs/files.md)."""
    found: list[Key] = []
    for name, field in JobFile.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += [Key(name, key, _default(of), of.description or "") for key, of in field.annotation.model_fields.items()]
        else:
            found.append(Key("", name, _default(field), field.description or ""))
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    match field.default:
        case bool() as flag:
            return str(flag).lower()
        case tuple() as entries:
            return f"[{', '.join(f'{one:g}' for one in entries)}]"
        case str() | int() | float() as value:
            return f'"{value}"' if isinstance(value, str) else f"{value}"
        case _:
            return ""
