"""To go on with another run than the one that is there is refused, with what differs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from portfolios import ASSUMPTIONS, market, random_portfolio
from resumed import essence, here, laid_out, stopped, value

from ipvalue.schema import InputError

__all__ = ["here", "laid_out"]
pytestmark = pytest.mark.usefixtures("here")


def refused(*sentences: str, **options: Any) -> None:
    """To go on is refused with these sentences, and nothing is touched."""
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    with pytest.raises(InputError) as error:
        value(resume=True, **options)
    head = "out: holds a run of something else: name another --out, or give --overwrite to start again"
    assert str(error.value).splitlines() == [head, *(f"  {sentence}" for sentence in sentences)]
    assert {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()} == before


def test_other_options_are_refused() -> None:
    stopped()
    refused("options.paths was 200 and is 300", "options.quantiles[0] was 0.05 and is 0.1", paths=300, quantiles=(0.1, 0.25, 0.5, 0.75, 0.95))
    refused("options.group_by[0] was sector and is right_type", group_by=("right_type",))
    refused("options.max_paths was nothing and is 12800", "options.tolerance was nothing and is 0.1", tolerance=0.1)
    value(resume=True)


def test_another_market_is_refused() -> None:
    stopped()
    curves = market()["curves"]
    other = {**market(), "fx": {"USD": 7.2, "EUR": 8.2}, "curves": {**curves, "CNY": {**curves["CNY"], "rates": [0.015, 0.017, 0.02, 0.022]}}}
    refused("market: curves.CNY.rates[2] was 0.019 and is 0.02", "market: fx.USD was 7.1 and is 7.2", market=other)
    value(resume=True, market=dict(reversed(market().items())))


def test_another_assumption_is_refused() -> None:
    stopped()
    Path("b.toml").write_text(ASSUMPTIONS.replace("discount_premium = 0.06", "discount_premium = 0.07"))
    refused("assumptions: defaults.trademark.discount_premium", assumptions="b.toml")
    Path("b.toml").write_text(f"# the same\n{ASSUMPTIONS}")
    value(resume=True, assumptions="b.toml")


def test_another_portfolio_is_refused() -> None:
    stopped()
    shutil.copy("p.parquet", "kept.parquet")
    pq.write_table(random_portfolio(61), "p.parquet")
    refused("p.parquet has other content than before (60 rows, now 61)")
    shutil.move("kept.parquet", "p.parquet")
    value(resume=True)
    assert essence("out") == essence("undisturbed")


def test_a_file_more_or_less_is_refused() -> None:
    Path("parts").mkdir()
    for name in ("a", "b"):
        pq.write_table(random_portfolio(20, seed=ord(name)).set_column(0, "asset_id", [[f"{name}{i}" for i in range(20)]]), f"parts/{name}.parquet")
    stopped(2, portfolio="parts")
    shutil.copy("p.parquet", "parts/c.parquet")
    refused("parts/c.parquet is new in the portfolio", portfolio="parts")
    os.remove("parts/c.parquet")
    os.remove("parts/a.parquet")
    refused("parts/a.parquet was in the portfolio and is not", portfolio="parts")


RULE = """from ipvalue import cash_rule


@cash_rule
def share(level, period):
    return 0.01 * level
"""


@pytest.mark.slow
def test_a_rule_goes_on_and_another_is_refused() -> None:
    pq.write_table(random_portfolio(40).drop_columns("renewal"), "p.parquet")  # which a rule cannot have
    Path("shares.py").write_text(RULE)
    value("fresh", rule="shares.py:share")
    stopped(2, rule="shares.py:share")
    Path("shares.py").write_text(RULE.replace("0.01", "0.02"))
    with pytest.raises(InputError, match=r"something else.*\n  rule\.sha256 was [0-9a-f]+…? and is"):
        value(resume=True, rule="shares.py:share")
    Path("shares.py").write_text(RULE)
    value(resume=True, rule="shares.py:share")
    assert essence("out") == essence("fresh")


def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import ipvalue.manifest

    stopped()
    monkeypatch.setitem(ipvalue.manifest.VERSIONS, "ipvalue", "9.9")
    refused("ipvalue was 0.1.0 and is 9.9", paths=77)


def test_another_result_is_refused() -> None:
    value(paths=100)
    refused("options.paths was 100 and is 200")


def test_without_resume_it_is_said_how() -> None:
    stopped()
    with pytest.raises(InputError, match=r"^out: holds a run that was stopped: give --resume to go on with it, name another --out, or give"):
        value()


def test_a_stopped_replacement_is_offered() -> None:
    value(paths=100)
    stopped(overwrite=True)
    sentence = "out: holds a result: give --overwrite --resume to go on with the one that was to replace it, name another --out, or give --overwrite"
    with pytest.raises(InputError, match=f"^{sentence} to replace it$"):
        value()
    value(overwrite=True, resume=True)
    assert essence("out") == essence("undisturbed")
