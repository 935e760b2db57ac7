"""Survival of US patents from the USPTO's own aggregates, beside the published shares kept up at the three maintenance stages."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from ipvalue.calibrate import survival

pytest.importorskip("lifelines")

ABANDONED = {2000: (99803, 108462), 2001: (104930, 110789), 2002: (105912, 112270), 2003: (104148, 110839)}
"""Patents of these years of grant that were abandoned, and that were not, by 2020 (USPTO PEDS): their three stages are over."""
BY_STAGE = (456_057, 439_519, 277_468)
"""Of 1,173,044 abandonments of all years those within 6, from 6 to 10 and after 10 years of grant (the same): after the fees of years 4, 8 and 12."""
PUBLISHED = {4.5: 0.84, 8.5: 0.63, 12.5: 0.49}
"""Kept up beyond each stage, of 2,229 patents granted on 1996-12-31 (Patently-O, 2009-02)."""
STAGES = (4.1, 8.1, 12.1)


def test_patents_are_kept_up_as_published() -> None:
    """When those of one year lapsed is not published: they are spread over the stages as all are, which favours the first, for later years have
    reached that alone. So the shares agree to a few points and no better."""
    rows = []
    for year, (lapsed, kept) in ABANDONED.items():
        grant = date(year, 7, 1)
        for stage, number in zip(STAGES, BY_STAGE, strict=True):
            rows.append((f"{year} {stage}", grant, grant + timedelta(days=round(stage * 365.25)), round(lapsed * number / sum(BY_STAGE))))
        rows.append((f"{year}", grant, None, kept))
    names, grants, lapses, counts = zip(*rows, strict=True)
    dates = {"grant_date": pa.array(grants), "lapse_date": pa.array(lapses, pa.date32())}
    table = pa.table({"asset_id": names, **dates, "count": counts})
    found = survival(table, as_of=date(2020, 6, 1), ages=[0.0, *PUBLISHED]).table.to_pylist()
    shares = {row["age"]: row["surviving"] for row in found}
    assert shares == pytest.approx({0.0: 1.0, 4.5: 0.812, 8.5: 0.631, 12.5: 0.517}, abs=1e-3)
    for age, published in PUBLISHED.items():
        assert shares[age] == pytest.approx(published, abs=0.03)
