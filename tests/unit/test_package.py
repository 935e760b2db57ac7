"""The package itself: names are loaded when they are asked for, and mean the same whatever was loaded before."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import ipvalue
from ipvalue import public


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_nothing_is_loaded_before_a_name_is_asked_for() -> None:
    code = "import sys, ipvalue; before = 'ipvalue.valuation' in sys.modules; ipvalue.value; print(before, 'ipvalue.valuation' in sys.modules)"
    assert _said(code) == "False True"


def test_a_function_keeps_its_name_though_a_module_of_that_name_is_loaded() -> None:
    code = "import ipvalue.explain.match, ipvalue.scenarios.load, ipvalue; from ipvalue import verify; import ipvalue.synthesize; "
    code += "print(*(type(one).__name__ for one in (ipvalue.explain, ipvalue.scenarios, verify, ipvalue.synthesize, ipvalue.report)))"
    assert _said(code) == "function function function function module"


def test_a_result_shows_itself() -> None:
    code = "import ipvalue; from ipvalue.shown import view_of; print(view_of.dispatch(ipvalue.Result).__module__)"
    assert _said(code).startswith("ipvalue.report")


def test_the_names_are_those_of_the_module_that_holds_them() -> None:
    held = {name for name, one in vars(public).items() if not name.startswith("__")}
    assert held == set(ipvalue.__all__)
    assert all(getattr(ipvalue, name) is getattr(public, name) for name in held)
    assert held <= set(dir(ipvalue))


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match=r"module 'ipvalue' has no attribute 'valeu'"):
        ipvalue.valeu  # noqa: B018


def test_others_may_put_something_in_the_place_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipvalue, "value", "another")
    monkeypatch.setattr(ipvalue, "made_up", ModuleType("made_up"), raising=False)
    assert (ipvalue.value, type(ipvalue.made_up)) == ("another", ModuleType)
