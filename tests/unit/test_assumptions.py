"""Assumptions: what fills a blank, what does not, and what a bad file is told."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ipvalue.assumptions import Assumptions, fill, load_assumptions
from ipvalue.schema import FILLABLE, PORTFOLIO, RIGHT_TYPES, InputError

SCHEMA = pa.schema([(column.name, column.arrow_type) for column in PORTFOLIO.values()])
DAY = datetime.date(2020, 1, 1)

Book = Callable[[str], Assumptions]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    def load(text: str) -> Assumptions:
        path = tmp_path / "a.toml"
        path.write_text(text, encoding="utf-8")
        return load_assumptions(path)

    return load


def filled(assumptions: Assumptions, **row: Any) -> tuple[dict[str, Any], str]:
    """One row after filling, and what is reported of it."""
    batch, report = fill(pa.RecordBatch.from_pylist([{"asset_id": "A", **row}], schema=SCHEMA), assumptions)
    return batch.to_pylist()[0], report.to_pylist()[0]


PRECEDENCE = """
[defaults.trademark]
hazard = 0.01
tax_rate = 0.1
volatility = 0.1
obsolescence = 0.1
[defaults."trademark/CN"]
tax_rate = 0.2
volatility = 0.2
obsolescence = 0.2
[defaults."trademark//retail"]
volatility = 0.3
obsolescence = 0.3
[defaults."trademark/CN/retail"]
obsolescence = 0.4
"""


def test_the_most_precise_set_wins_and_is_named(book: Book) -> None:
    row, report = filled(book(PRECEDENCE), right_type="trademark", jurisdiction="CN", sector="retail")
    assert [row[name] for name in ("hazard", "tax_rate", "volatility", "obsolescence")] == [0.01, 0.2, 0.3, 0.4]
    assert report == ("trademark: hazard; trademark/CN: tax_rate; trademark//retail: volatility; trademark/CN/retail: obsolescence")


@pytest.mark.parametrize(
    ("jurisdiction", "sector", "obsolescence"),
    [(None, None, 0.1), ("US", "food", 0.1), ("CN", None, 0.2), (None, "retail", 0.3), ("US", "retail", 0.3)],
)
def test_sets_apply_only_where_their_keys_do(book: Book, jurisdiction: str | None, sector: str | None, obsolescence: float) -> None:
    row, _ = filled(book(PRECEDENCE), right_type="trademark", jurisdiction=jurisdiction, sector=sector)
    assert row["obsolescence"] == obsolescence


def test_what_the_row_says_stays(book: Book) -> None:
    row, report = filled(book(PRECEDENCE), right_type="trademark", hazard=0.0, tax_rate=0.5, volatility=0.0)
    assert (row["hazard"], row["tax_rate"], row["volatility"]) == (0.0, 0.5, 0.0)
    assert report == "trademark: obsolescence"


def test_what_no_set_fills_takes_the_neutral_value_and_is_not_reported(book: Book) -> None:
    row, report = filled(book(""), right_type="design")
    expected = {name: column.default for name, column in PORTFOLIO.items()}
    assert row == {**expected, "asset_id": "A", "right_type": "design"}
    assert report == ""


LINKED = """
[defaults.design]
royalty_rate = 0.05
royalty_low = 0.02
royalty_high = 0.1
growth = 0.05
growth_long = 0.02
growth_fade = 0.3
[defaults."design/US"]
royalty_rate = 0.04
"""


def test_linked_columns_are_filled_together_or_not_at_all(book: Book) -> None:
    row, report = filled(book(LINKED), right_type="design", royalty_rate=0.5, growth_long=0.01)
    assert (row["royalty_low"], row["royalty_high"]) == (None, None)
    assert (row["growth"], row["growth_fade"]) == (0.0, 0.0)
    assert report == ""


def test_linked_columns_come_from_one_set(book: Book) -> None:
    row, report = filled(book(LINKED), right_type="design", jurisdiction="US")
    assert (row["royalty_rate"], row["royalty_low"], row["royalty_high"]) == (0.04, None, None)
    assert report == "design: growth, growth_long, growth_fade; design/US: royalty_rate"


GRANT = "[defaults.design]\ngrant_probability = 0.7\ngrant_lag = 2\n"


@pytest.mark.parametrize(("stage", "lag"), [("idea", 2.0), ("filed", 2.0), ("granted", 0.0), ("licensed", 0.0), (None, 0.0)])
def test_only_pending_rights_wait_for_a_grant(book: Book, stage: str | None, lag: float) -> None:
    row, _ = filled(book(GRANT), right_type="design", stage=stage)
    assert row["grant_lag"] == lag
    assert row["grant_probability"] == (0.7 if lag else 1.0)


LIFE = "[defaults.{type}]\n{fills}\n"


@pytest.mark.parametrize(
    ("right_type", "fills", "row", "expected"),
    [
        ("design", "life = 9", {}, {"life": 9.0}),
        ("design", "life = 9", {"life": 3.0}, {"life": 3.0}),
        ("design", "life = 9", {"economic_life": 3.0}, {"life": None}),
        ("design", "life = 9", {"expiry_date": DAY}, {"life": None}),
        ("design", "life = 9", {"indefinite": False}, {"life": 9.0}),
        ("design", "economic_life = 9", {"expiry_date": DAY}, {"economic_life": 9.0}),
        ("design", "economic_life = 9", {"life": 3.0}, {"economic_life": None}),
        ("trademark", "indefinite = true", {}, {"indefinite": True}),
        ("trademark", "indefinite = true", {"expiry_date": DAY}, {"indefinite": True}),
        ("trademark", "indefinite = true", {"economic_life": 7.0}, {"indefinite": False}),
        ("trademark", "indefinite = true", {"life": 7.0}, {"indefinite": False}),
        ("trademark", "economic_life = 9", {"indefinite": True}, {"economic_life": None, "indefinite": True}),
    ],
)
def test_a_row_that_says_how_long_it_lives_is_not_told_otherwise(
    book: Book, right_type: str, fills: str, row: dict[str, Any], expected: dict[str, Any]
) -> None:
    found, _ = filled(book(LIFE.format(type=right_type, fills=fills)), right_type=right_type, **row)
    assert {name: found[name] for name in expected} == expected


def test_a_precise_economic_life_beats_a_general_indefinite_one(book: Book) -> None:
    text = '[defaults.trademark]\nindefinite = true\n[defaults."trademark//fashion"]\neconomic_life = 5\n'
    row, _ = filled(book(text), right_type="trademark", sector="fashion")
    assert (row["indefinite"], row["economic_life"]) == (False, 5.0)


NAMED = """
[defaults.{type}]
{column} = "x"
{more}
[fee_schedules.x]
currency = "CNY"
anchor = "{anchor}"
due = [1]
amounts = [900]
[survival_curves.x]
anchor = "{anchor}"
ages = [0, 10]
surviving = [1, 0.5]
"""


@pytest.mark.parametrize("column", ["fee_schedule", "survival_curve"])
@pytest.mark.parametrize(
    ("anchor", "row", "kept"),
    [
        ("filing", {"filing_date": DAY}, True),
        ("filing", {"grant_date": DAY, "expiry_date": DAY}, False),
        ("grant", {"grant_date": DAY}, True),
        ("grant", {"filing_date": DAY}, False),
        ("grant", {"grant_lag": 1.5, "stage": "filed"}, True),
        ("grant", {"grant_lag": 0.0}, False),
    ],
)
def test_a_schedule_or_curve_without_its_date_is_not_filled(book: Book, column: str, anchor: str, row: dict[str, Any], kept: bool) -> None:
    text = NAMED.format(type="design", column=column, anchor=anchor, more="")
    found, report = filled(book(text), right_type="design", **row)
    assert found[column] == ("x" if kept else None)
    assert report == (f"design: {column}" if kept else "")


def test_a_grant_to_come_from_the_assumptions_dates_the_schedule(book: Book) -> None:
    text = NAMED.format(type="design", column="fee_schedule", anchor="grant", more="grant_lag = 2")
    row, report = filled(book(text), right_type="design", stage="filed")
    assert row["fee_schedule"] == "x"
    assert report == "design: grant_lag, fee_schedule"


@pytest.mark.parametrize(("column", "kept"), [("fee_schedule", "x"), ("survival_curve", None)])
def test_a_renewal_date_dates_renewal_fees_but_no_age(book: Book, column: str, kept: str | None) -> None:
    text = NAMED.format(type="trademark", column=column, anchor="grant", more="")
    row, _ = filled(book(text), right_type="trademark", expiry_date=DAY)
    assert row[column] == kept


def test_a_curve_of_renewals_is_not_filled_where_the_owner_chooses(book: Book) -> None:
    text = NAMED.format(type="design", column="survival_curve", anchor="grant", more="")
    assert filled(book(text), right_type="design", grant_date=DAY)[0]["survival_curve"] == "x"
    assert filled(book(text), right_type="design", grant_date=DAY, renewal="optimal")[0]["survival_curve"] is None
    own = filled(book(text), right_type="design", grant_date=DAY, renewal="optimal", survival_curve="x")[0]
    assert own["survival_curve"] == "x"


def test_nor_where_the_assumptions_let_the_owner_choose(book: Book) -> None:
    text = NAMED.format(type="design", column="survival_curve", anchor="grant", more='renewal = "optimal"')
    row, report = filled(book(text), right_type="design", grant_date=DAY)
    assert (row["renewal"], row["survival_curve"]) == ("optimal", None)
    assert report == "design: renewal"


def test_none_switches_a_default_off(book: Book) -> None:
    text = NAMED.format(type="design", column="fee_schedule", anchor="grant", more="")
    row, report = filled(book(text), right_type="design", grant_date=DAY, fee_schedule="none")
    assert (row["fee_schedule"], report) == (None, "")
    more = text + '[defaults."design//toys"]\nfee_schedule = "none"\n'
    row, report = filled(book(more), right_type="design", grant_date=DAY, sector="toys")
    assert (row["fee_schedule"], report) == (None, "design//toys: fee_schedule")


def test_lists_and_flags_are_filled_too(book: Book) -> None:
    text = '[defaults.design]\nstage_costs = [1, 2]\ncurrency = "CNY"\ntab_years = 10\nmethod = "project"\n'
    row, _ = filled(book(text), right_type="design")
    assert (row["stage_costs"], row["tab_years"], row["method"]) == ([1.0, 2.0], 10, "project")


def test_filling_does_not_depend_on_the_other_rows_of_the_batch(book: Book) -> None:
    assumptions = book(PRECEDENCE + LINKED)
    rows = [
        {"asset_id": f"{t}{j}{s}{r}", "right_type": t, "jurisdiction": j, "sector": s, "royalty_rate": r}
        for t in ("trademark", "design", "copyright")
        for j in ("CN", "US", None)
        for s in ("retail", None)
        for r in (0.1, None)
    ]
    batch, report = fill(pa.RecordBatch.from_pylist(rows, schema=SCHEMA), assumptions)
    alone = [filled(assumptions, **row) for row in rows]
    assert list(zip(batch.to_pylist(), report.to_pylist(), strict=True)) == alone


def test_an_empty_batch_stays_empty(book: Book) -> None:
    batch, report = fill(pa.RecordBatch.from_pylist([], schema=SCHEMA), book(PRECEDENCE))
    assert (batch.num_rows, len(report)) == (0, 0)
    assert batch.schema == SCHEMA


def test_the_shipped_assumptions_load_and_every_figure_has_a_source() -> None:
    shipped = load_assumptions()
    for one in shipped.sets.values():
        unsourced = set(one.values) - set(one.sources) - {"fee_schedule", "survival_curve"}
        assert not unsourced, one.name
        assert set(one.values) <= FILLABLE
    tables = [*shipped.schedules.values(), *shipped.curves.values()]
    assert all(table.source for table in tables)


@pytest.mark.parametrize("right_type", RIGHT_TYPES)
def test_the_shipped_assumptions_have_both_premises_for_every_right(right_type: str) -> None:
    shipped = load_assumptions()
    orderly, forced = (shipped.premise(name, right_type) for name in ("orderly", "forced"))
    assert 0 <= orderly[0] <= forced[0] < 1
    assert orderly[1] >= forced[1] >= 0


def test_a_missing_premise_is_named(book: Book) -> None:
    with pytest.raises(InputError, match=r"no premise\.orderly\.design: add it, with discount and time_to_sell"):
        book("[premise.forced.design]\ndiscount = 0.5\ntime_to_sell = 0.5\n").premise("orderly", "design")


def test_chinese_annuities_start_with_the_grant_unless_the_file_says_otherwise(book: Book) -> None:
    schedule = '[fee_schedules."{name}"]\ncurrency = "CNY"\nanchor = "filing"\ndue = [0]\namounts = [1]\n'
    text = schedule.format(name="CN/x") + schedule.format(name="US/x")
    text += schedule.format(name="CN/y") + "before_grant = true\n"
    fees = book(text).schedules
    assert [fees[name].before_grant for name in ("CN/x", "US/x", "CN/y")] == [False, True, True]


def test_a_file_stands_alone(book: Book) -> None:
    assumptions = book("[defaults.trademark]\nhazard = 0.1\n")
    assert list(assumptions.sets) == ["trademark"]
    assert not assumptions.schedules


def test_or_is_laid_over_the_shipped_ones(book: Book) -> None:
    shipped = load_assumptions()
    below = shipped.sets["invention_patent"]
    assert {"royalty_low", "discount_premium"} <= set(below.values)
    assumptions = book(
        'extends = "default"\n[defaults.invention_patent]\nroyalty_rate = 0.01\nsource = "us"\n'
        "[premise.orderly.design]\ndiscount = 0.9\ntime_to_sell = 9\n"
    )
    above = assumptions.sets["invention_patent"]
    assert above.values["royalty_rate"] == 0.01
    assert "royalty_low" not in above.values  # belongs to the rate, so it goes with it
    assert above.values["discount_premium"] == below.values["discount_premium"]
    assert above.sources["royalty_rate"] == "us"
    assert above.sources["discount_premium"] == below.sources["discount_premium"]
    assert assumptions.schedules == shipped.schedules
    assert assumptions.premise("orderly", "design") == (0.9, 9.0)
    assert assumptions.premise("orderly", "trademark") == shipped.premise("orderly", "trademark")
    assert assumptions.sha256 != shipped.sha256


def test_an_overlay_may_name_the_shipped_schedules(book: Book) -> None:
    name = next(iter(load_assumptions().schedules))
    text = f'[defaults."design/FR"]\nfee_schedule = "{name}"\n'
    assert book('extends = "default"\n' + text).sets["design/FR"].values["fee_schedule"] == name
    with pytest.raises(InputError, match="is not in the file"):
        book(text)


def test_each_value_knows_its_source(book: Book) -> None:
    text = '[defaults.design]\nhazard = 0.1\ntax_rate = 0.2\nsource = "all"\nsources = {hazard = "one"}\n'
    assert book(text).sets["design"].sources == {"hazard": "one", "tax_rate": "all"}


def test_the_hash_follows_the_content_alone(book: Book) -> None:
    first = book("[defaults.design]\nhazard = 0.1\ntax_rate = 0.2\n").sha256
    assert first == book("# a note\n[defaults.design]\ntax_rate = 0.20\nhazard = 1e-1\n").sha256
    assert first != book("[defaults.design]\nhazard = 0.1\ntax_rate = 0.3\n").sha256


FEES = '[fee_schedules.x]\ncurrency = "CNY"\nanchor = "grant"\n'
CURVE = '[survival_curves.x]\nanchor = "grant"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "mine"', "extends is 'mine': it must be default"),
        ("[default.design]\nhazard = 1", "default is not known: did you mean defaults?"),
        ("[defaults.patent]\nhazard = 1", "'patent' is no right type: use invention_patent, utility_model"),
        ("[defaults.trademarks]\nhazard = 1", "'trademarks' is no right type: did you mean trademark?"),
        ('[defaults."design/China"]\nhazard = 1', "jurisdiction 'China' must be two capital letters"),
        ('[defaults."design//"]\nhazard = 1', 'a set is named "type", "type/jurisdiction"'),
        ("[defaults.design]\nhazrd = 1", "hazrd is not known: did you mean hazard?"),
        ("[defaults.design]\nstage = 'idea'", "stage says which right it is and is never filled"),
        ("[defaults.design]\nhazard = -1", "hazard is -1: it must be at least 0 and at most 10"),
        ("[defaults.design]\nhazard = nan", "hazard is nan: it must be at least 0 and at most 10"),
        ("[defaults.design]\nhazard = '5 %'", "hazard is '5 %': it must be a number"),
        ("[defaults.design]\ntab_years = 1.5", "tab_years is 1.5: it must be a whole number"),
        ("[defaults.design]\nrenewal = 'never'", "renewal is 'never': it must be one of always, optimal"),
        ("[defaults.design]\nfee_schedule = 'x'", "fee_schedule 'x' is not in the file"),
        ("[defaults.design]\nsurvival_curve = 'x'", "survival_curve 'x' is not in the file"),
        (FEES + "due = [1]\namounts = [1]\n[defaults.design]\nfee_schedule = 'X '", "did you mean x?"),
        ("[defaults.design]\nhazard = 1\nsource = 3", "source must be text and sources a table of texts"),
        ("[defaults.design]\nhazard = 1\nsources = {tax_rate = 'x'}", "sources.tax_rate is the source of nothing here"),
        (FEES + "due = [1]", "fee_schedules.x.amounts is missing"),
        (FEES + "due = [1]\namounts = [1]\neach = 1", "fee_schedules.x: each is not known"),
        (FEES + "due = [1, 2]\namounts = [1]", "there are 2 due and 1 amounts: give as many of each"),
        (FEES + "due = []\namounts = []", "there are 0 due and 0 amounts: give as many of each, at least one"),
        (FEES + "due = [2, 1]\namounts = [1, 1]", "due must ascend, but 1 follows 2"),
        (FEES + "due = [-1]\namounts = [1]", "fee_schedules.x.due[0] is -1: it must be at least 0"),
        (FEES + "due = [1]\namounts = [inf]", "fee_schedules.x.amounts[0] is inf: it must be finite"),
        (FEES + "due = [1, 11]\namounts = [1, 1]\nevery = 10", "every is 10: it must be longer than the time"),
        (FEES + "due = [1]\namounts = [1]\nevery = 0", "fee_schedules.x.every is 0: it must be at least 0.1"),
        (FEES.replace("CNY", "RMB ") + "due = [1]\namounts = [1]", "'RMB ': it must be three capital letters"),
        (FEES.replace("grant", "issue") + "due = [1]\namounts = [1]", "is 'issue': it must be filing or grant"),
        (FEES.replace(".x", ".none") + "due = [1]\namounts = [1]", "the name none is reserved for the empty one"),
        (FEES + "due = [1]\namounts = [1]\nsources = {amount = 'x'}", "did you mean amounts?"),
        (CURVE + "ages = [0]\nsurviving = [1.5]", "survival_curves.x.surviving[0] is 1.5: it must be at most 1"),
        (CURVE + "ages = [0, 1]\nsurviving = [0.5, 0.6]", "surviving must not rise, but 0.6 follows 0.5"),
        (CURVE + "ages = [1, 0]\nsurviving = [1, 1]", "ages must ascend, but 0 follows 1"),
        (CURVE + "ages = [-1]\nsurviving = [1]", "survival_curves.x.ages[0] is -1: it must be at least 0"),
        ("[premise.quick.design]\ndiscount = 0\ntime_to_sell = 0", "quick is not known: use orderly or forced"),
        ("[premise.forced.patent]\ndiscount = 0\ntime_to_sell = 0", "'patent' is no right type"),
        ("[premise.forced.design]\ndiscount = 2\ntime_to_sell = 0", "premise.forced.design.discount is 2"),
        ("[premise.forced.design]\ndiscount = 0.5", "premise.forced.design.time_to_sell is missing"),
        ("defaults = 3", "defaults is 3: it must be a table"),
        ("[defaults]\ndesign = 3", "defaults.design is 3: it must be a table"),
        ("fee_schedules = 3", "fee_schedules is 3: it must be a table"),
    ],
)
def test_a_bad_file_is_refused_in_a_sentence(book: Book, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        book(text)
    assert str(error.value).startswith(f"{tmp_path / 'a.toml'}: ")
    assert message in str(error.value)
