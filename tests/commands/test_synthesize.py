"""`ipvalue synthesize` writes portfolios that nobody can take for real ones, and that can be valued."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import contents, run, value

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("name", ["marks.parquet", "marks.arrow"])
def test_a_synthetic_portfolio_says_so_in_its_metadata_and_is_valued(name: str, root: Path) -> None:
    ran = run("synthesize", "--assets", 300, "--out", name, "--seed", 5)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"300 synthetic rights (cn_trademarks, seed 5) are in {name}\n"
    if name.endswith(".parquet"):
        schema = pq.read_schema(name)
    else:
        with pa.memory_map(name) as file:
            schema = pa.ipc.open_file(file).schema
    assert schema.metadata[b"ipvalue.synthetic"] == b"true"
    ran = value(name, "--market", root / "examples" / "cn_trademarks" / "market.toml")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("300 rights valued")


@pytest.mark.parametrize("profile", ["cn_register", "exchange"])
def test_a_bare_register_and_an_exchange_are_good_input(profile: str, root: Path) -> None:
    ran = run("synthesize", "--assets", 400, "--out", "p.parquet", "--profile", profile)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"400 synthetic rights ({profile}, seed 1) are in p.parquet\n"
    assert pq.read_schema("p.parquet").metadata[b"ipvalue.profile"] == profile.encode()
    market = root / "examples" / "cn_register" / "market.toml"
    ran = run("check", "p.parquet", "--market", market, "--strict")
    assert (ran.code, ran.out, ran.err) == (0, "400 of 400 rows can be valued, 0 would be rejected\n", "")
    ran = value("p.parquet", "--market", market, "--strict")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("400 rights valued")


def test_an_exchange_has_a_book_of_loans_beside_its_rights() -> None:
    ran = run("synthesize", "--profile", "exchange", "--out", "rights.parquet", "--loans", "loans.arrow", "--seed", 3)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "100,000 synthetic rights (exchange, seed 3) are in rights.parquet\nthe loans against them are in loans.arrow\n"
    with pa.memory_map("loans.arrow") as file:
        schema = pa.ipc.open_file(file).schema
    assert schema.metadata[b"ipvalue.synthetic"] == b"true"
    assert schema.metadata[b"ipvalue.profile"] == b"exchange"


def test_the_same_seed_gives_the_same_file() -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run("synthesize", "--assets", 50, "--out", f"{name}.parquet", "--seed", seed).code == 0
    files = contents()
    assert files["a.parquet"] == files["b.parquet"] != files["c.parquet"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--assets", 0, "--out", "s.parquet"), "assets: 0 is not between 1 and 1,000,000,000"),
        (("--assets", 5, "--out", "s.csv"), "s.csv: the name must end in one of .parquet, .arrow, .feather, .ipc"),
        (
            ("--assets", 5, "--out", "s.parquet", "--profile", "cn_trademark"),
            "profile: there is no 'cn_trademark': did you mean cn_trademarks? (profiles:",
        ),
        (("--assets", 5, "--out", "no/s.parquet"), "no/s.parquet: there is no directory no"),
        (
            ("--assets", 5, "--out", "portfolio.parquet"),
            "portfolio.parquet: is there already and is not a synthetic portfolio or book of loans: choose another name",
        ),
        (("--out", "s.parquet", "--loans", "l.parquet"), "loans: the profile cn_trademarks has none, only exchange has"),
        (
            ("--assets", 5, "--out", "s.parquet", "--profile", "exchange", "--loans", "l.parquet"),
            "loans: they are against the first 100,000 rights, and there are to be 5: ask for more, or for no number",
        ),
        (
            ("--out", "s.parquet", "--profile", "exchange", "--loans", "./s.parquet"),
            "loans: ./s.parquet is the file of the rights: choose another name",
        ),
        (("--out", "s.parquet", "--profile", "exchange", "--loans", "l.csv"), "l.csv: the name must end in one of .parquet, .arrow, .feather, .ipc"),
        (("--out", "s.parquet", "--profile", "exchange", "--loans", "no/l.parquet"), "no/l.parquet: there is no directory no"),
        (
            ("--out", "s.parquet", "--profile", "exchange", "--loans", "portfolio.parquet"),
            "portfolio.parquet: is there already and is not a synthetic portfolio or book of loans: choose another name",
        ),
        (("--assets", 5, "--out", "s.parquet", "--seed", -1), "seed: -1 is not between 0 and 2^64 - 1"),
    ],
)
def test_what_cannot_be_made(args: tuple[object, ...], sentence: str) -> None:
    before = contents()
    ran = run("synthesize", *args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith(sentence)
    assert contents() == before
