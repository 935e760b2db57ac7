"""Survival curves from renewal records: Kaplan and Meier's estimator by hand, its band, and what cannot be told."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from typing import Any

import numpy as np
import panels
import pyarrow as pa
import pytest

from ipvalue.assumptions import load_assumptions
from ipvalue.calibrate import survival
from ipvalue.schema import InputError

pytest.importorskip("lifelines")

START, TODAY = date(2000, 1, 1), date(2020, 1, 1)


def records(ages: list[float | None], **more: Any) -> pa.Table:
    """Rights granted on one day that lapsed at these ages; None: in force."""
    lapses = [None if age is None else START + timedelta(days=round(age * 365.25)) for age in ages]
    ids = [f"r{i}" for i in range(len(ages))]
    columns = {"asset_id": ids, "grant_date": pa.array([START] * len(ages), pa.date32()), "lapse_date": pa.array(lapses, pa.date32())}
    return pa.table({**columns, **more})


def test_kaplan_and_meier_by_hand() -> None:
    """20 rights: 4 lapse in year 3, 4 of the 16 left in year 6; Greenwood's variance of log S at the end is 4/(20·16) + 4/(16·12)."""
    found = survival(records([2.5] * 4 + [5.5] * 4 + [None] * 12), as_of=TODAY, ages=[0, 2, 3, 6, 10])
    rows = found.table.to_pylist()
    assert [row["surviving"] for row in rows] == pytest.approx([1.0, 1.0, 0.8, 0.6, 0.6])
    assert [row["at_risk"] for row in rows] == [20, 20, 16, 12, 12]
    assert [row["lapsed"] for row in rows] == [0, 0, 4, 8, 8]
    theta = 1.959964 * np.sqrt(4 / (20 * 16) + 4 / (16 * 12)) / np.log(0.6)
    assert rows[3]["surviving_low"] == pytest.approx(0.6 ** np.exp(-theta), rel=1e-6)
    assert rows[3]["surviving_high"] == pytest.approx(0.6 ** np.exp(theta), rel=1e-6)
    assert (rows[1]["surviving_low"], rows[1]["surviving_high"]) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert (rows[0]["surviving_low"], rows[0]["surviving_high"]) == (1.0, 1.0)


def test_records_that_end_are_not_lapses() -> None:
    """Of those granted five years later nothing is known after year 15."""
    late = [START + timedelta(days=1827)] * 20
    table = records([18.0] * 10 + [None] * 30).set_column(1, "grant_date", pa.array([START] * 20 + late, pa.date32()))
    rows = {row["age"]: row for row in survival(table, as_of=TODAY).table.to_pylist()}
    assert rows[15.0]["at_risk"] == 20
    assert rows[18.0]["surviving"] == pytest.approx(0.5, abs=0.01)


def test_rights_are_counted_from_the_day_they_are_watched() -> None:
    """Ten rights are known from the start and five of them lapse in year 2; twenty more are watched from year 5 and ten of these lapse in year 7."""
    watched = [None] * 10 + [START + timedelta(days=1826)] * 20
    table = records([1.5] * 5 + [None] * 5 + [6.5] * 10 + [None] * 10, entry_date=pa.array(watched, pa.date32()))
    rows = {row["age"]: row for row in survival(table, as_of=TODAY).table.to_pylist()}
    assert rows[2.0]["surviving"] == pytest.approx(0.5)
    assert rows[7.0]["surviving"] == pytest.approx(0.5 * (1 - 10 / 25))


def test_before_enough_are_watched_there_is_no_curve_and_that_is_said() -> None:
    watched = [None] * 3 + [START + timedelta(days=1826)] * 30
    table = records([1.5] * 3 + [None] * 30, entry_date=pa.array(watched, pa.date32()))
    found = survival(table, as_of=TODAY)
    assert found.table["age"][0].as_py() == pytest.approx(5.0, abs=0.01)
    assert found.table["surviving"][0].as_py() == 1.0
    assert found.doubts[0] == "curve renewals: no 10 rights are watched before age 5.0: lapses before it are not counted"


def test_a_count_is_as_good_as_so_many_rows() -> None:
    many = survival(records([2.5] * 40 + [5.5] * 30 + [None] * 30), as_of=TODAY).table
    few = survival(records([2.5, 5.5, None], count=pa.array([40, 30, 30])), as_of=TODAY).table
    assert few.drop_columns(["surviving_low", "surviving_high"]).equals(many.drop_columns(["surviving_low", "surviving_high"]))
    assert few["surviving_low"].to_numpy() == pytest.approx(many["surviving_low"].to_numpy(), rel=1e-12)


def test_curves_by_kind_are_assumptions_that_can_be_read() -> None:
    found = survival(panels.renewals(1), as_of=panels.KNOWN_UNTIL, by="kind", name="CN/patent")
    assert found.toml is not None
    book = load_assumptions(tomllib.loads(found.toml))
    assert sorted(book.curves) == ["CN/patent/even", "CN/patent/odd"]
    curve = book.curves["CN/patent/even"]
    rows = [row for row in found.table.to_pylist() if row["curve"] == "CN/patent/even"]
    assert curve.surviving == pytest.approx([row["surviving"] for row in rows], abs=5e-5)
    assert curve.anchor == "grant"


def test_curves_by_cohort_and_from_filing() -> None:
    table = panels.renewals(1, rights=600).rename_columns({"grant_date": "filing_date"})
    found = survival(table, as_of=panels.KNOWN_UNTIL, by="cohort", anchor="filing", name="x")
    assert found.table["curve"].to_pylist()[0] == "x/2000"
    assert 'anchor = "filing"' in str(found.toml)


def test_rights_that_changed_their_ways_are_doubted() -> None:
    ages = [3.9] * 20 + [None] * 180 + [3.9] * 120 + [None] * 80
    starts = [START] * 200 + [date(2012, 1, 1)] * 200
    lapses = [None if age is None else start + timedelta(days=1424) for age, start in zip(ages, starts, strict=True)]
    dates = {"grant_date": pa.array(starts), "lapse_date": pa.array(lapses, pa.date32())}
    said = survival(pa.table({"asset_id": [f"r{i}" for i in range(400)], **dates}), as_of=TODAY).doubts
    assert "curve renewals: rights that began earlier and later differ (90% and 40% are left at age 8.0): see it by cohort" in said
    alike = survival(panels.renewals(1, 300), as_of=panels.KNOWN_UNTIL)
    assert not any("differ" in doubt for doubt in alike.doubts)


def test_no_order_of_rows_changes_anything() -> None:
    table = panels.renewals(2)
    turned = table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows)))
    assert survival(turned, as_of=panels.KNOWN_UNTIL).table.equals(survival(table, as_of=panels.KNOWN_UNTIL).table)


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (records([-1.0]), {}, "table of records, row 0 (r0): lapse_date is 1999-01-01, not after grant_date: correct one of them"),
        (records([1.0, None]), {"as_of": None}, "table of records, row 1 (r1): lapse_date is blank: name the day as_of which it is in force"),
        (records([30.0]), {}, "table of records, row 0 (r0): lapse_date is 2030-01-01, after as_of 2020-01-01"),
        (records([None]), {"as_of": date(1999, 1, 1)}, "table of records, row 0 (r0): grant_date is 2000-01-01, not before as_of 1999-01-01"),
        (records([1.0], entry_date=pa.array([date(2005, 1, 1)])), {}, "table of records, row 0 (r0): entry_date is 2005-01-01, not before the end"),
        (pa.concat_tables([records([1.0])] * 2), {}, "table of records, row 0 (r0): asset_id r0 stands there 2 times: keep one row of it"),
        (records([1.0], count=pa.array([0])), {}, "table of records, row 0 (r0): count is 0: it must be at least 1"),
        (records([1.0, None, 3.0]), {}, "curve renewals: at most 3 rights are watched at one age, and a curve takes 10: give more records"),
        (records([1.0]), {"anchor": "filing"}, "table of records: column filing_date is missing, and ages count from the filing"),
        (records([1.0]), {"anchor": "birth"}, "anchor is 'birth': it must be grant or filing"),
        (records([1.0]), {"ages": [3, 2]}, "ages are 3, 2: they must be at least 0 and ascend"),
        (records([1.0]), {"by": "lapse_date"}, "by is 'lapse_date': it must be a column of texts that says what kind a right is, or cohort"),
        (records([1.0]), {"by": "kind"}, "table of records: column kind is missing"),
    ],
)
def test_bad_records_are_refused_with_row_column_and_rule(table: pa.Table, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        survival(table, **{"as_of": TODAY, **options})
    assert str(refused.value).splitlines()[0].startswith(said)
