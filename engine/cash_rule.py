"""Cash that a user's own function earns: `@cash_rule`, and finding one by name.

A rule gives the gross cash of a year from the year's sales; discounting, tax, costs and survival stay the engine's (docs/rules.md).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from ipvalue.backend import kernels
from ipvalue.schema import PORTFOLIO, Column, InputError, did_you_mean

FIRST = ("level", "period")
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_NUMBERS = ("float", "int")


@dataclass(frozen=True, eq=False)
class CashRule:
    """A function (level, period, its columns …) → cash, by the name `module:function`; called like the function itself, and picklable.

    columns: what it names beside level and period, numeric columns of the portfolio. sha256: of its source.
    """

    function: Callable[..., Any]
    name: str
    columns: tuple[str, ...]
    sha256: str

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)

    def __reduce__(self) -> tuple[Any, ...]:
        # by value: under its module's name stands the rule, not the function, and a file of rules is no module of the worker's
        return _unpickled, (cloudpickle.dumps(self.function), self.name, self.columns, self.sha256)

    @property
    def extra(self) -> tuple[Column, ...]:
        """Its columns that no portfolio has by itself: numbers, given in every row."""
        meaning = f"of the rule {self.name}"
        return tuple(Column(name, "float", meaning, "Rule", required=True) for name in self.columns if name not in PORTFOLIO)

    def check(self) -> None:
        """Compiles it. Raises InputError, naming it, where that fails."""
        compiler: Any = kernels("numba")
        try:
            compiler.compiled_rule(self.function, len(self.columns))
        except ValueError as error:
            raise InputError(f"rule {self.name}: {error}") from None


def cash_rule(function: Callable[..., Any]) -> CashRule:
    """Makes a rule of a scalar function (level, period, columns …) → cash.

    level: the sales of the period's year on this path, in the asset's currency, a year. period: from 1. Further parameters are numeric columns of
    the portfolio, the asset's own. Cash: before tax, a year, in the asset's currency. It must compile with Numba. Raises InputError where the
    parameters are others.
    """
    name = f"{function.__module__}:{function.__qualname__}"
    parameters = list(inspect.signature(function).parameters.values())
    names = tuple(one.name for one in parameters)
    if names[:2] != FIRST:
        raise InputError(f"rule {name}: takes ({', '.join(names)}): the first two parameters must be level and period")
    for one in parameters:
        if one.kind not in _PLAIN or one.default is not one.empty:
            raise InputError(f"rule {name}: {one} must be a plain parameter without a default: each names a column of the portfolio")
    for column in names[2:]:
        if column in PORTFOLIO and PORTFOLIO[column].kind not in _NUMBERS:
            raise InputError(f"rule {name}: {column} holds no single numbers: a rule takes numeric columns")
    return CashRule(function, name, names[2:], _digest(function))


def _digest(function: Callable[..., Any]) -> str:
    """SHA-256 of the source; of the compiled code where there is no source."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        code = function.__code__
        source = repr((code.co_code, code.co_consts, code.co_names))
    return hashlib.sha256(source.encode()).hexdigest()


def _unpickled(function: bytes, name: str, columns: tuple[str, ...], sha256: str) -> CashRule:
    return CashRule(cloudpickle.loads(function), name, columns, sha256)


def find_rule(given: object) -> CashRule:
    """The rule that was given, or that "module:function" names: a module of sys.path, or a .py file. Raises InputError where there is none."""
    if isinstance(given, CashRule):
        return given
    if not isinstance(given, str):
        raise InputError(f"rule: an object of type {type(given).__name__} is no rule: decorate a function with @ipvalue.cash_rule, or name one")
    place, colon, attribute = given.rpartition(":")
    if not (place and colon and attribute.isidentifier()):
        raise InputError(f"rule: {given!r} must be module:function, as royalties:tiered or royalties.py:tiered")
    module = _loaded(place, given)
    found = getattr(module, attribute, None)
    if isinstance(found, CashRule):
        return CashRule(found.function, given, found.columns, found.sha256)
    rules = [name for name, one in vars(module).items() if isinstance(one, CashRule)]
    if callable(found):
        raise InputError(f"rule {given}: is a function but no rule: put @ipvalue.cash_rule before it")
    raise InputError(f"rule {given}: {place} has no rule of that name{did_you_mean(attribute, rules)}")


def _loaded(place: str, given: str) -> ModuleType:
    is_file = place.endswith(".py")
    try:
        return _of_file(Path(place)) if is_file else importlib.import_module(place)
    except (FileNotFoundError, ModuleNotFoundError) as error:
        missing = getattr(error, "name", None)
        if missing is None or missing == place.partition(".")[0] or missing == place:
            beside = f": name the file that stands here, {place}.py:{given.rpartition(':')[2]}" if Path(f"{place}.py").exists() else ""
            raise InputError(f"rule {given}: there is no {'file' if is_file else 'module'} {place}{beside}") from None
        raise InputError(f"rule {given}: {place} cannot be imported: {error}") from None
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"rule {given}: {place} cannot be imported: {type(error).__name__}: {error}") from None


def _of_file(path: Path) -> ModuleType:
    """The module in a file, compiled from its text: Python's own cache of compiled files takes one that was changed within a second for the same."""
    if not path.exists():
        raise FileNotFoundError(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module  # while it runs, as dataclasses want
    try:
        linecache.cache.pop(str(path), None)  # from which the source is digested
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    finally:
        if before is None:
            del sys.modules[path.stem]
        else:
            sys.modules[path.stem] = before
    return module
