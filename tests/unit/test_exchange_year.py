"""The example of the exchange's year: its report counts what was lent, not what was asked for, and sets the fund beside the firms."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest


@pytest.fixture
def year(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exchange_year", root / "examples" / "exchange" / "year.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_report_of_three_loans_one_of_which_was_left_out(year: ModuleType) -> None:
    loans = pa.table(
        {
            "loan_id": ["a", "b", "c"],
            "borrower_id": ["x", "x", "y"],
            "principal": [30e6, 10e6, 5e6],
            "programme": pa.array(["zhuhai", "bank_alone", "zhuhai"]).dictionary_encode(),
        }
    )
    lent = pa.table({"loan_id": ["a", "b"], "collateral_value": [90e6, 10e6], "expected_loss": [3e6, 1e6], "saving": [0.6e6, None]})
    book = pa.table({"bearer": ["all", "fund"], **{name: [10e6 * n, 1e6 * n] for n, name in enumerate(year.LOSSES, 1)}})
    lines = year.report(loans, lent, book).splitlines()
    assert lines[0] == "2 loans, 1 left out to 1 firms: CNY 40 m against rights worth 100 m, 40.0% of them"
    assert lines[3].split() == ["all", "10.0", "20.0", "30.0", "40.0", "50.0"]
    assert [line.split() for line in lines[7:9]] == [["bank_alone", "1", "10.0", "1.0", "0.0"], ["zhuhai", "1", "30.0", "3.0", "0.6"]]
    assert lines[-2] == "The fund pays CNY 1.0 m on average while the loans last, and 4.0 m in the worst of a hundred cases."
    assert lines[-1] == "The firms save CNY 0.6 m beside loans without pledge (the exchange says 55 m): 0.60 for each yuan of the fund's."
