"""`ipvalue lend --pool`: tranches of a pool of the loans, what they lose on every path, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pooled_book
import pyarrow as pa
import pytest
from commandline import contents, here, run
from pooled_book import COUNT, POOL, SIZES

import ipvalue
from ipvalue.schema import RESULTS

__all__ = ["here"]

WORDS = ("lend", "loans.parquet", "--portfolio", "portfolio.parquet", "--paths", 400, "--out", "lent")
NAMES = ["senior", "mezzanine", "junior", "pool", "excess_spread", "reserve"]


@pytest.fixture
def book(here: Path) -> None:
    pooled_book.write()


def by_tranche(found: ipvalue.LendResult, column: str = "loss") -> dict[str, list[Decimal]]:
    losses: dict[str, list[Decimal]] = {}
    assert found.tranche_losses is not None
    for row in found.tranche_losses.to_pylist():
        losses.setdefault(row["tranche"], []).append(row[column])
    return losses


def test_tranches_bear_the_pools_loss_exactly(book: None) -> None:
    ran = run(*WORDS, "--pool", "pool.toml", columns=140)
    assert ran.code == 0
    assert "Tranches, the most senior first" in ran.out
    found = ipvalue.open_loans("lent")
    assert found.tranches is not None
    assert found.tranches["tranche"].to_pylist() == NAMES
    losses = by_tranche(found)
    assert list(losses) == NAMES
    for on_path in zip(*losses.values(), strict=True):
        assert sum(on_path) == 2 * on_path[NAMES.index("pool")]
    rows = {row["tranche"]: row for row in found.tranches.to_pylist()}
    pooled = 2e5 * sum(1 for i in range(COUNT) if i % 3 < 2)
    assert sum(rows[name]["size"] for name in NAMES[:3]) == pytest.approx(rows["pool"]["size"]) == pytest.approx(pooled)
    unpaid = by_tranche(found, "unpaid_coupon")
    for name in NAMES:
        whole = sum(losses[name]) + sum(unpaid[name])
        assert rows[name]["mean"] == pytest.approx(float(whole) / 400)
        assert rows[name]["probability_of_default"] == sum(a + b > 0 for a, b in zip(losses[name], unpaid[name], strict=True)) / 400
    expected = [rows[name]["expected_loss"] for name in NAMES[:3]]
    assert expected == sorted(expected)
    assert rows["junior"]["probability_of_default"] > rows["mezzanine"]["probability_of_default"] > 0
    assert 1.5 < rows["senior"]["weighted_average_life"] < rows["junior"]["weighted_average_life"] <= 3.0
    assert rows["junior"]["residual"] > 0 == rows["senior"]["residual"]


def test_the_pool_loses_what_the_bank_bears_of_its_loans(book: None) -> None:
    """Principal lost and interest not paid: what the bank bears, but for roundings of single loans."""
    Path("pool.toml").write_text(SIZES)
    assert run(*WORDS, "--pool", "pool.toml").code == 0
    found = ipvalue.open_loans("lent")
    bank = next(row["mean"] for row in found.book.to_pylist() if row["bearer"] == "bank")
    pool = sum(by_tranche(found)["pool"]) / 400
    assert 0.8 * bank < float(pool) <= bank + 1e-3


def test_sizes_and_attachments_mean_the_same(book: None) -> None:
    bounds = POOL[POOL.index("[[") :].replace("coupon = 0.03", "").replace("coupon = 0.04", "")
    for name, text in (("one", bounds), ("other", SIZES)):
        Path("pool.toml").write_text(text)
        assert run(*WORDS[:-1], name, "--pool", "pool.toml").code == 0
    assert contents("one")["tranche_losses.arrow"] == contents("other")["tranche_losses.arrow"]


def test_tasks_move_no_byte_of_tranches_of_loans_with_covenants(book: None) -> None:
    made = []
    for rows in (1, 5, 1000):
        ways: dict[str, Any] = {"market": "market.toml", "paths": 200, "rows_per_task": rows, "workers": 2, "out": f"rows-{rows}"}
        ipvalue.lend("loans.parquet", "portfolio.parquet", pool="pool.toml", **ways)
        made.append({name: one for name, one in contents(f"rows-{rows}").items() if name.startswith("tranche")})
        assert set(made[-1]) == {"tranches.parquet", "tranche_losses.arrow"}
        assert not Path(f"rows-{rows}", "flows").exists()
    assert made[0] == made[1] == made[2]


def test_columns_are_those_of_the_registry(book: None) -> None:
    assert run(*WORDS, "--pool", "pool.toml").code == 0
    found = ipvalue.open_loans("lent")
    for made, name in ((found.tranches, "tranches"), (found.tranche_losses, "tranche_losses")):
        assert made is not None
        assert made.column_names == list(RESULTS[name])
        assert [made[one].type for one in made.column_names] == [column.arrow_type for column in RESULTS[name].values()]
    assert "Tranches, the most senior first" in run("show", "lent", columns=160).out


@pytest.mark.parametrize("kind", ["csv", "toml", "table"])
def test_tranches_are_rated_by_the_users_table(book: None, kind: str) -> None:
    limits = {"top": [0.0005, 0.0015], "middle": [0.01, 0.03, 0.05], "low": [0.5, 0.6]}
    csv = "rating,expected_loss\n" + "".join(f"{name},{';'.join(map(str, years))}\n" for name, years in limits.items())
    Path("r.csv").write_text(csv)
    Path("r.toml").write_text("[rating]\n" + "".join(f"{name} = {years}\n" for name, years in limits.items()))
    ratings: Any = {"csv": "r.csv", "toml": "r.toml", "table": pa.table({"rating": list(limits), "expected_loss": list(limits.values())})}[kind]
    ways: dict[str, Any] = {"market": "market.toml", "paths": 400, "pool": "pool.toml"}
    found = ipvalue.lend("loans.parquet", "portfolio.parquet", tranche_ratings=ratings, **ways)
    assert found.tranches is not None
    for row in found.tranches.to_pylist()[:3]:
        at = row["weighted_average_life"]
        allowed = [name for name, years in limits.items() if row["expected_loss"] <= _limit(years, at)]
        assert row["rating"] == (allowed[0] if allowed else None)
    assert len(set(found.tranches["rating"].to_pylist()[:3])) > 1
    assert found.tranches["rating"].to_pylist()[3:] == [None] * 3


def _limit(years: list[float], life: float) -> float:
    at = min(max(life, 1.0), len(years)) - 1.0
    low = min(int(at), len(years) - 1)
    return years[low] + (years[min(low + 1, len(years) - 1)] - years[low]) * (at - low)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "programme ==",
            "programe ==",
            "programe is no column: did you mean programme?",
        ),
        ("programme == 'zhongshan' or programme is None", "term > 90", "pool.toml: no loan is in the pool"),
        ("detachment = 0.2", "detachment = 0.15", "tranche senior attaches at 0.2 and mezzanine, below it, detaches at 0.15: they must meet"),
        ("detachment = 1.0", "detachment = 0.9", "tranche senior is the most senior and detaches at 0.9: it must detach at 1"),
        ("attachment = 0.0\n", "attachment = 0.01\n", "tranche junior is the lowest and attaches at 0.01: it must attach at 0"),
        ("attachment = 0.0\n", "size = 0.05\n", "tranche junior: give attachment and detachment, or size"),
        ('"junior"', '"senior"', "two tranches are called senior"),
        ('"junior"', '"reserve"', "reserve is what the results call a row of their own"),
        ("reserve = 0.005", "reserve = 2.0", "pool.reserve is 2.0: it must be at most 1"),
        ("reserve = 0.005", "reserve = nan", "pool.reserve is nan"),
        ("fee =", "fees =", "fees is not known: did you mean fee?"),
        (POOL[POOL.index("[[") :], "", "tranche is missing"),
        (POOL[POOL.index("[[") :], SIZES.replace("0.8", "0.7"), "the sizes of the tranches add up to 0.9, not to 1"),
    ],
)
def test_a_pool_that_cannot_be_is_refused_in_one_sentence(book: None, old: str, new: str, sentence: str) -> None:
    assert old in POOL
    Path("pool.toml").write_text(POOL.replace(old, new))
    ran = run(*WORDS, "--pool", "pool.toml")
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.sentence
    assert not Path("lent").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("rating,expected_loss\nA,0.1;0.05\n", "r.csv: rating A must not fall from year to year, but 0.05 follows 0.1"),
        ("rating,expected_loss\nB,0.1;0.2\nA,0.05\n", "r.csv: ratings stand best first, but A allows less than B above it"),
        ("rating,expected_loss\nA,0.1\nA,0.2\n", "r.csv, row 0: rating 'A' occurs 2 times"),
        ("rating,expected_loss\nA,2\n", "r.csv, row 0: expected_loss is '2': it must be a list with every entry at least 0 and at most 1"),
        ("rating,loss\nA,0.1\n", "r.csv: column expected_loss is missing"),
    ],
)
def test_a_table_of_ratings_that_cannot_be_is_refused(book: None, content: str, sentence: str) -> None:
    Path("r.csv").write_text(content)
    ran = run(*WORDS, "--pool", "pool.toml", "--tranche-ratings", "r.csv")
    assert ran.code == 2
    assert sentence in ran.err
    assert not Path("lent").exists()


def test_ratings_of_tranches_need_a_pool(book: None) -> None:
    ran = run(*WORDS, "--tranche-ratings", "r.csv")
    assert ran.code == 2
    assert "tranche_ratings rate the tranches of a pool: give --pool too" in ran.sentence


def test_another_pool_is_not_gone_on_with(book: None) -> None:
    assert run(*WORDS, "--pool", "pool.toml").code == 0
    Path("pool.toml").write_text(POOL.replace("0.005", "0.006"))
    ran = run(*WORDS, "--pool", "pool.toml", "--resume")
    assert ran.code == 2
    assert "holds a run of something else" in ran.err


def test_without_a_pool_there_are_no_tranches(book: None) -> None:
    found = ipvalue.lend("loans.parquet", "portfolio.parquet", market="market.toml", paths=64)
    assert (found.tranches, found.tranche_losses) == (None, None)
