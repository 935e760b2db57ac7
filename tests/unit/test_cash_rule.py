"""What a rule is: its parameters, its name and hash, how it is found, sent and compiled."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pytest

import ipvalue as iv
from ipvalue import numba_kernel
from ipvalue.cash_rule import find_rule

FACTOR = 2.0


@iv.cash_rule
def scaled(level, period, share):  # type: ignore[no-untyped-def]
    return FACTOR * share * level / period


def plain(level, period):  # type: ignore[no-untyped-def]
    return level


def test_a_rule_can_be_called_and_tested_as_the_function_it_is() -> None:
    assert scaled(10.0, 2, share=0.5) == 5.0
    assert scaled.columns == ("share",)
    assert [column.name for column in scaled.extra] == ["share"]
    assert scaled.name.endswith("test_cash_rule:scaled")


def test_columns_of_the_schema_are_no_extra_ones() -> None:
    rule = iv.cash_rule(lambda level, period, royalty_rate, tier: level)
    assert rule.columns == ("royalty_rate", "tier")
    assert [column.name for column in rule.extra] == ["tier"]


def test_the_hash_is_of_the_source(tmp_path: Path) -> None:
    def written(body: str) -> iv.CashRule:
        path = tmp_path / f"r{abs(hash(body))}.py"
        path.write_text(f"import ipvalue\n\n@ipvalue.cash_rule\ndef rule(level, period):\n    return {body}\n")
        return find_rule(f"{path}:rule")

    one, same, other = written("level * 0.5"), written("level * 0.5 "), written("level * 0.25")
    assert one.sha256 != other.sha256
    assert len(one.sha256) == 64
    assert written("level * 0.5").sha256 == one.sha256
    assert same.sha256 != one.sha256


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_rule_travels_to_other_processes(dumps: Callable[[Any], bytes]) -> None:
    there = pickle.loads(dumps(scaled))
    assert (there.name, there.columns, there.sha256) == (scaled.name, scaled.columns, scaled.sha256)
    assert there(10.0, 2, 0.5) == 5.0


def test_a_rule_of_a_file_travels_though_its_module_is_known_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "contract_terms.py"
    path.write_text("import ipvalue\n\nRATE = 0.5\n\n@ipvalue.cash_rule\ndef half(level, period):\n    return RATE * level\n")
    rule = find_rule(f"{path}:half")
    sent = pickle.dumps(rule)
    assert "contract_terms" not in sys.modules
    assert pickle.loads(sent)(8.0, 1) == 4.0


def test_a_rule_is_found_in_a_module_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "royalty_terms.py").write_text("import ipvalue\n\n@ipvalue.cash_rule\ndef half(level, period):\n    return 0.5 * level\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("royalty_terms:half", f"{tmp_path}/royalty_terms.py:half"):
        assert find_rule(name).name == name
        assert find_rule(name)(3.0, 1) == 1.5
    assert find_rule(scaled) is scaled


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda: 1.0, "takes (): the first two parameters must be level and period"),
        (lambda period, level: level, "takes (period, level): the first two parameters must be level and period"),
        (lambda level, period, rate=0.1: level, "rate=0.1 must be a plain parameter without a default: each names a column of the portfolio"),
        (lambda level, period, *rates: level, "*rates must be a plain parameter"),
        (lambda level, period, **rates: level, "**rates must be a plain parameter"),
        (lambda level, period, sector: level, "sector holds no single numbers: a rule takes numeric columns"),
        (lambda level, period, revenue_path: level, "revenue_path holds no single numbers"),
    ],
)
def test_parameters_that_no_rule_has(function: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(iv.InputError) as error:
        iv.cash_rule(function)
    assert str(error.value).startswith("rule ")
    assert sentence in str(error.value)


def test_a_rule_compiles_once() -> None:
    assert numba_kernel.compiled_rule(scaled.function, 1) is numba_kernel.compiled_rule(scaled.function, 1)


@pytest.mark.parametrize("result", [lambda level, period: period, lambda level, period: level > 1.0, lambda level, period: np.float32(level)])
def test_whole_numbers_truth_and_single_precision_are_numbers(result: Callable[..., Any]) -> None:
    iv.cash_rule(result).check()


def test_a_file_changed_within_a_second_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path, text = tmp_path / "shares.py", "import ipvalue\n\n\n@ipvalue.cash_rule\ndef share(level, period):\n    return 0.01 * level\n"
    found = []
    for share in ("0.01", "0.02"):
        path.write_text(text.replace("0.01", share))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        rule = find_rule(f"{path}:share")
        found.append((rule.function(1.0, 1), rule.sha256))
    assert [value for value, _ in found] == [0.01, 0.02]
    assert found[0][1] != found[1][1]
