"""Rules that cannot be used, and rows that a rule cannot value: each is said with the rule's name, and nothing is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import contents, here, run, table, value
from valued import ASSET, result

import ipvalue as iv

__all__ = ["here"]

pytestmark = pytest.mark.usefixtures("here")

HEAD = "import ipvalue\n\n\n@ipvalue.cash_rule\n"


def written(text: str, name: str = "terms.py") -> None:
    Path(name).write_text(HEAD + text)


def refused(*options: object) -> str:
    before = contents()
    ran = value("portfolio.parquet", *options)
    assert ran.code == 2, ran
    assert contents() == before
    return "\n".join(line for line in ran.sentences if not line.startswith("compiling"))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("def r(level, period):\n    return level * not_there", "does not compile: NameError: name 'not_there' is not defined"),
        ("def r(level, period):\n    return open('x')", "does not compile: Untyped global name 'open'"),
        ("def r(level, period):\n    return level.upper()", "does not compile: Unknown attribute 'upper' of type float64 (line 6)"),
        ("def r(level, period):\n    pass", "gives none, not a number: every way through it must return one"),
        ("def r(level, period):\n    return (level, level)", "gives UniTuple(float64 x 2), not a number"),
        ("def r(level, period):\n    return 0.0 * level / (period - 2)", "gives nan at a level of "),
        ("def r(level, period):\n    return level / (period - 1)", "gives inf at a level of "),
        ("def r(level, period):\n    if period == 2:\n        raise ValueError('late')\n    return level", "raises ValueError: late (asset "),
        ("def r(level, period, tier):\n    return level", "column tier is missing"),
        ("def r(level, period, royalty_rtae):\n    return level", "column royalty_rtae is missing"),
        ("def r(level, n):\n    return level", "takes (level, n): the first two parameters must be level and period"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_used(body: str, sentence: str) -> None:
    written(body)
    said = refused("--rule", "terms.py:r")
    assert sentence in said
    if "column" in sentence:
        assert said.startswith("portfolio.parquet: ")
    else:
        assert said.startswith(("rule terms.py:r: ", "rule terms:r: "))


def test_where_a_rule_fails_the_asset_and_the_period_are_named() -> None:
    written("def r(level, period):\n    return level if period < 3 else level / 0.0 - level / 0.0\n")
    said = refused("--rule", "terms.py:r")
    assert said.startswith("rule terms.py:r: gives nan at a level of ")
    assert said.endswith(", period 3)")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("terms", "rule: 'terms' must be module:function, as royalties:tiered or royalties.py:tiered"),
        ("terms.py:", "rule: 'terms.py:' must be module:function"),
        ("none.py:r", "rule none.py:r: there is no file none.py"),
        ("no_such_module:r", "rule no_such_module:r: there is no module no_such_module"),
        ("terms:r", "rule terms:r: there is no module terms: name the file that stands here, terms.py:r"),
        ("terms.py:tierd", "rule terms.py:tierd: terms.py has no rule of that name: did you mean tiered?"),
        ("terms.py:plain", "rule terms.py:plain: is a function but no rule: put @ipvalue.cash_rule before it"),
        ("broken.py:r", "rule broken.py:r: broken.py cannot be imported: ZeroDivisionError: division by zero"),
        ("needs.py:r", "rule needs.py:r: needs.py cannot be imported: No module named 'not_installed'"),
    ],
)
def test_a_rule_that_is_not_there(name: str, sentence: str) -> None:
    written("def tiered(level, period):\n    return level\n\n\ndef plain(level, period):\n    return level\n")
    Path("broken.py").write_text("1 / 0\n")
    Path("needs.py").write_text("import not_installed\n")
    assert refused("--rule", name).startswith(sentence)


def test_a_rule_of_another_type() -> None:
    with pytest.raises(iv.InputError, match=r"an object of type function is no rule: decorate a function with @ipvalue\.cash_rule"):
        iv.value("portfolio.parquet", rule=refused)


def test_the_native_backend_has_no_rules() -> None:
    written("def r(level, period):\n    return level\n")
    said = refused("--rule", "terms.py:r", "--backend", "native")
    assert said == "backend is 'native': a rule needs the numba backend, which is taken by itself: leave backend out"


@iv.cash_rule
def tiered(level, period, threshold):  # type: ignore[no-untyped-def]
    return 0.05 * min(level, threshold)


@iv.cash_rule
def capped(level, period, cap):  # type: ignore[no-untyped-def]
    return min(0.05 * level, cap)


def test_a_blank_that_the_rule_takes_rejects_the_row() -> None:
    rows = [{**ASSET, "threshold": 5.0}, {**ASSET, "asset_id": "two", "threshold": None}, {**ASSET, "asset_id": "three", "threshold": float("inf")}]
    found = result(rows, rule=tiered)
    assert found.assets["asset_id"].to_pylist() == ["one"]
    assert [(one["row"], one["column"], one["message"]) for one in found.rejects.to_pylist()] == [
        (1, "threshold", "threshold is blank: it must be given in every row"),
        (2, "threshold", "threshold is inf: it must be a finite number (a blank is null, not NaN); correct it"),
    ]


@pytest.mark.parametrize(
    ("cells", "rule", "column", "message"),
    [
        ({"renewal": "optimal"}, tiered, "renewal", "when to give up is not solved for the rule"),
        ({"method": "licence", "cap": 10.0}, tiered, "cap", "cap is given, and the rule"),
        ({"method": "licence", "minimum_guarantee": 10.0}, capped, "minimum_guarantee", "minimum_guarantee is given, and the rule"),
        ({"cap": None}, capped, "cap", "cap is blank, and the rule"),
        ({"revenue": None}, tiered, "revenue", "revenue is blank"),
        ({"method": "licence", "indefinite": True}, tiered, "indefinite", "a licence without end cannot be valued"),
    ],
)
def test_rows_that_a_rule_cannot_value(cells: dict[str, Any], rule: iv.CashRule, column: str, message: str) -> None:
    good = {**ASSET, "threshold": 5.0, "cap": 7.0 if rule is capped else None}
    rows = [good, {**good, "asset_id": "bad", **cells}]
    found = result(rows, rule=rule).rejects.to_pylist()
    assert [(one["asset_id"], one["column"]) for one in found] == [("bad", column)]
    assert message in found[0]["message"]


def test_check_finds_the_same() -> None:
    pq.write_table(table([{**ASSET, "threshold": 5.0}, {**ASSET, "asset_id": "bad", "threshold": 5.0, "renewal": "optimal"}]), "p.parquet")
    written("def r(level, period, threshold):\n    return min(level, threshold)\n")
    ran = run("check", "p.parquet", "--rule", "terms.py:r")
    assert ran.code == 0
    assert "1 of 2 rows can be valued, 1 would be rejected" in ran.out
    assert "renewal is optimal, and when to give up is not solved for the rule terms.py:r: set it to always" in ran.out
