"""The filters of scenarios: what they are true of, what a blank does, and what is refused in which words."""

from __future__ import annotations

import datetime
import pickle
from typing import Any

import pyarrow as pa
import pytest

from ipvalue.scenarios.grammar import LONGEST, parse
from ipvalue.schema import PORTFOLIO, Column

ROWS: list[dict[str, Any]] = [
    {"asset_id": "a", "right_type": "trademark", "jurisdiction": "CN", "revenue": 2e6, "royalty_rate": 0.05, "tab_years": 10, "indefinite": True},
    {"asset_id": "b", "right_type": "trademark", "jurisdiction": "US", "revenue": 5e5, "royalty_rate": 0.02, "tab_years": 15, "indefinite": False},
    {"asset_id": "c", "right_type": "design", "jurisdiction": None, "revenue": None, "royalty_rate": 0.05, "tab_years": 0, "indefinite": None},
    {"asset_id": "d", "right_type": "design", "jurisdiction": "EP", "revenue": 0.0, "royalty_rate": None, "filing_date": datetime.date(2020, 1, 1)},
]


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({name: pa.array([row.get(name) for row in rows], one.arrow_type) for name, one in PORTFOLIO.items()})


def true_of(text: str) -> str:
    """The ids of the rows that a filter is true of."""
    mask = parse(text, PORTFOLIO).mask(batch(ROWS))
    return "".join(row["asset_id"] for row, true in zip(ROWS, mask, strict=True) if true)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("right_type == 'trademark'", "ab"),
        ("right_type == 'trademark' and jurisdiction in ['CN', 'US'] and revenue > 1e6", "a"),
        ("right_type != 'trademark' or jurisdiction == 'US'", "bcd"),
        ("jurisdiction in ('EP',)", "d"),
        ("jurisdiction not in ['CN']", "bd"),
        ("not jurisdiction in ['CN']", "bcd"),
        ("jurisdiction != 'CN'", "bd"),
        ("jurisdiction is None", "c"),
        ("jurisdiction is not None", "abd"),
        ("0.01 < royalty_rate <= 0.02", "b"),
        ("revenue * royalty_rate >= 1e4", "ab"),
        ("revenue / tab_years < 1e9", "ab"),
        ("not revenue / tab_years < 1e9", "cd"),
        ("1e6 > revenue", "bd"),
        ("-revenue < -1e6", "a"),
        ("(revenue + 1) - 1 == 5e5", "b"),
        ("tab_years == 10", "a"),
        ("tab_years in [10, 15]", "ab"),
        ("indefinite", "a"),
        ("not indefinite", "bcd"),
        ("indefinite == False", "b"),
        ("filing_date < '2020-01-02'", "d"),
        ("filing_date in ['2020-01-01']", "d"),
        ("'2020-01-01' <= filing_date", "d"),
        ("revenue > royalty_rate", "ab"),
        ("asset_id == 'a'\nor asset_id == 'c'", "ac"),
        ("stage_costs is None", "abcd"),
        ("True", "abcd"),
        ("1 < 2 and not False", "abcd"),
        ("1 > 2", ""),
        ("life > 0", ""),
    ],
)
def test_what_a_filter_is_true_of(text: str, ids: str) -> None:
    assert true_of(text) == ids


@pytest.mark.parametrize("comparison", ["revenue == 1", "revenue != 1", "revenue < 1", "revenue >= 1", "revenue + 1 > 0", "1 != revenue * 0"])
def test_a_comparison_with_a_blank_is_false_whatever_it_asks(comparison: str) -> None:
    assert "c" not in true_of(comparison)
    assert "c" in true_of(f"not ({comparison})")


def test_a_filter_goes_to_workers() -> None:
    one = parse("filing_date < '2020-01-02' and revenue in [0] and not indefinite", PORTFOLIO)
    assert pickle.loads(pickle.dumps(one)) == one


def test_columns_of_a_rule_are_known_where_they_are_told() -> None:
    tier = Column("tier", "float", "the rule's own", "rule")
    assert parse("tier > 1", {**PORTFOLIO, "tier": tier}).mask(pa.RecordBatch.from_pydict({"tier": [1.0, 2.0]})).tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("royalty_rte > 0.1", "royalty_rte is no column: did you mean royalty_rate?"),
        ("right_type == 'trademrk'", "right_type is never 'trademrk': it must be one of"),
        ("right_type in ['trademark', 'desing']", "did you mean design?"),
        ("jurisdiction == 'cn'", "jurisdiction is never 'cn': it must be two capital letters"),
        ("royalty_rate > 5", "royalty_rate is never near 5: it is at least 0 and at most 1 (fraction)"),
        ("revenue == 'a'", "revenue is a number and 'a' is text: they cannot be compared"),
        ("right_type < 'z'", "right_type is text: ask == or != of it"),
        ("revenue in ['a']", "revenue is a number and 'a' is text: they cannot be compared"),
        ("revenue in []", "[] is no list"),
        ("revenue in revenue", "revenue is no list"),
        ("revenue in [life]", "life is no literal"),
        ("indefinite in [True]", "indefinite is true or false: it cannot be in a list"),
        ("stage_costs == 1", "stage_costs is a list and 1 is a number"),
        ("stage_costs == stage_years", "ask is None or is not None of it"),
        ("revenue == None", "write is None or is not None"),
        ("revenue is 1", "only a column is None"),
        ("(revenue + 1) is None", "only a column is None"),
        ("revenue", "revenue is a number, no condition"),
        ("revenue and indefinite", "revenue is a number, no condition"),
        ("right_type + 1 == 2", "right_type is text: only numbers are reckoned with"),
        ("indefinite + 1 == 2", "indefinite is true or false: only numbers are reckoned with"),
        ("filing_date < '2020-1-2'", "'2020-1-2' is no date: write '2026-11-22'"),
        ("filing_date < 2020", "filing_date is a date and 2020 is a number"),
        ("revenue > 1e999", "1e999 is too large a number"),
        ("revenue > " + "9" * 400, "is too large a number"),
        ("revenue > 2j", "2j is no number and no text"),
        ("revenue >", "is not an expression"),
        ("", "is not an expression"),
        ("revenue > 1; revenue < 2", "is not an expression"),
        ("revenue > 1 " + "#" * LONGEST, "it must be at most 4,096"),
        ("not " * 1000 + "indefinite", "is nested too deeply"),
        ("(" * 1000 + "indefinite" + ")" * 1000, "where"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="where") as found:
        parse(text, PORTFOLIO)
    assert words in str(found.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "revenue.__class__ == 1",
        "revenue[0] > 1",
        "(lambda: 1)() == 1",
        "[x for x in [1]] == 1",
        "f'{revenue}' == 'a'",
        "revenue ** 9 > 1",
        "revenue % 2 == 1",
        "revenue // 2 == 1",
        "revenue & 1 == 1",
        "~revenue == 1",
        "(revenue := 1) == 1",
        "1 if indefinite else 2",
        "{1: 2} == 1",
        "abs(revenue) > 1",
        "b'a' == asset_id",
        "... == revenue",
        "*revenue == 1",
        "await revenue",
        "(yield) == 1",
    ],
)
def test_nothing_but_the_grammar_is_taken(text: str) -> None:
    with pytest.raises(ValueError, match="where"):
        parse(text, PORTFOLIO)
