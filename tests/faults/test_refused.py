"""Bad files, markets, assumptions and options stop `ipvalue value` at once: exit 2, one clear sentence, nothing written."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROWS, contents, installed, row_with, run, table, value

pytestmark = pytest.mark.usefixtures("here")


def refused(*args: object, out: object = "out") -> str:
    """The sentence with which `ipvalue value` refuses, having written nothing."""
    before = contents()
    ran = value(*args, out=out)
    assert ran.code == 2, ran
    assert ran.out == ""
    assert contents() == before
    assert not Path("out").exists()
    return ran.sentence


# ------------------------------------------------------------------------------------------------ the portfolio


def ipc(name: str) -> None:
    with pa.ipc.new_file(name, table().schema) as writer:
        writer.write_table(table())


def cut(name: str) -> None:
    content = Path(name).read_bytes()
    Path(name).write_bytes(content[: len(content) // 2])


def text(content: str) -> Callable[[str], None]:
    return lambda name: Path(name).write_text(content) and None


def cut_parquet(name: str) -> None:
    pq.write_table(table(), name)
    cut(name)


def cut_ipc(name: str) -> None:
    ipc(name)
    cut(name)


def words_for_revenue(name: str) -> None:
    words = pa.array(["much"] * len(ROWS))
    pq.write_table(table().set_column(table().schema.get_field_index("revenue"), "revenue", words), name)


def without_rows(name: str) -> None:
    pq.write_table(table().slice(0, 0), name)


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("p.parquet", None, "p.parquet: there is no such file or directory"),
        ("p.parquet", cut_parquet, "p.parquet: cannot be read as Parquet ("),
        ("p.arrow", cut_ipc, "p.arrow: cannot be read as an Arrow IPC file ("),
        ("p.parquet", text("not Parquet, but as long as a short file would be"), "p.parquet: cannot be read as Parquet ("),
        ("p.parquet", text(""), "p.parquet: is empty (0 bytes)"),
        ("p.csv", text(""), "p.csv: is empty (0 bytes)"),
        ("p.csv", text("asset_id,right_type\n"), "p.csv: holds no rows"),
        ("p.parquet", without_rows, "p.parquet: holds no rows"),
        ("p.csv", text("name,kind\na,trademark\n"), "p.csv: column asset_id is missing: it has name, kind"),
        ("p.csv", text("asset_ids,right_type\na,trademark\n"), "p.csv: column asset_id is missing: rename 'asset_ids' if that is it"),
        ("p.csv", text("asset_id,right_type,life\na,trademark\n"), "p.csv: cannot be read as CSV ("),
        ("p.parquet", words_for_revenue, "p.parquet: column revenue is of type string, but must hold a number: cast it"),
        ("p.ods", text("x"), "p.ods: .ods is not a known kind of file: give Parquet"),
        ("nowhere://p.parquet", None, "nowhere://p.parquet: cannot be opened"),
    ],
)
def test_a_bad_portfolio(name: str, make: Callable[[str], None] | None, sentence: str) -> None:
    if make:
        make(name)
    assert refused(name, "--market", "market.toml").startswith(sentence)


def test_a_directory_without_files() -> None:
    Path("parts").mkdir()
    assert refused("parts").startswith("parts: the directory itself holds no Parquet or Arrow IPC file")


def test_a_bad_file_among_good_ones_is_named() -> None:
    Path("parts").mkdir()
    pq.write_table(table(), "parts/1.parquet")
    cut_parquet("parts/2.parquet")
    assert refused("parts").startswith("parts/2.parquet: cannot be read as Parquet (")


# ------------------------------------------------------------------------------------------------ the market

THREE = 'names = ["a", "b", "c"]\ncorrelation = [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]'
TWO = 'names = ["software", "pharma"]\ncorrelation = [[1.0, 0.3], [0.3, 1.0]]'


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[0.3, 1.0]]", "[0.4, 1.0]]", "factors: correlation is not symmetric: 'pharma' with 'software' is 0.4 one way and 0.3 the other"),
        ("[[1.0, 0.3]", "[[1.1, 0.3]", "factors: correlation of 'software' with 'software' is 1.1: it must be 1"),
        ("[[1.0, 0.3], [0.3,", "[[1.0, 1.3], [1.3,", "factors: correlation of 'pharma' with 'software' is 1.3: it must be from -1 to 1"),
        (TWO, THREE, "factors: correlation is not positive semidefinite: no factors can be correlated like this; bring its"),
        ("[[1.0, 0.3], [0.3, 1.0]]", "[[1.0]]", "factors: correlation must have 2 rows of 2 numbers"),
        ("[1, 5, 10, 30]", "[1, 10, 5, 30]", "curves.CNY: tenors must ascend, but 5 follows 10"),
        ("[1, 5, 10, 30]", "[1, 5, 10]", "curves.CNY: there are 3 tenors and 4 rates: give one rate for each tenor"),
        ("[1, 5, 10, 30]", "[0, 5, 10, 30]", "curves.CNY.tenors[0] is 0: it must be above 0"),
        ("[0.015,", '["1.5 %",', "curves.CNY.rates[0] is '1.5 %': it must be a number"),
        ("[0.015,", "[nan,", "curves.CNY.rates[0] is nan: it must be finite"),
        ("USD = 7.1", "USD = -7.1", "fx.USD is -7.1: it must be above 0"),
        ("USD = 7.1", "CNY = 7.1", "fx.CNY is 7.1, but results are reported in CNY: leave it out"),
        ("2026-11-22", '"2026-11-22"', "valuation_date is '2026-11-22': it must be a date (YYYY-MM-DD, without quotes)"),
        ('"CNY"', '"cny"', "currency is 'cny': it must be three capital letters"),
        ('currency = "CNY"', "currency = 2026-11-22", "currency is 2026-11-22: it must be text"),
        ('currency = "CNY"', "currency = true", "currency is true: it must be text"),
        ('currency = "CNY"\n', "", "currency is missing"),
        ("[curves.USD]", "[curve.USD]", "curve is not known: did you mean curves?"),
        ("[fx]", "steps_per_yer = 4\n[fx]", "curves.USD: steps_per_yer is not known"),
        ("valuation_date", "steps_per_year = 0\nvaluation_date", "steps_per_year is 0: it must be at least 1"),
        ("[fx]", "[fx", "is not valid TOML: Expected"),
    ],
)
def test_a_bad_market(old: str, new: str, sentence: str) -> None:
    assert MARKET.count(old) >= 1
    Path("bad.toml").write_text(MARKET.replace(old, new, 1))
    assert refused("portfolio.parquet", "--market", "bad.toml").startswith(f"bad.toml: {sentence}")


def test_a_market_that_is_not_there() -> None:
    assert refused("portfolio.parquet", "--market", "none.toml") == "none.toml: there is no such file"


def test_a_mistyped_market_or_portfolio_is_named_with_the_one_that_was_meant() -> None:
    assert refused("portfolio.parquet", "--market", "markt.toml") == "markt.toml: there is no such file: did you mean market.toml?"
    sentence = refused("Portfolio.parquet", "--market", "market.toml")
    assert sentence == "Portfolio.parquet: there is no such file or directory: did you mean portfolio.parquet?"


def test_no_market_at_all() -> None:
    Path("market.toml").unlink()
    expected = "no market is given and no market.toml stands beside the portfolio: name one with --market; ipvalue init DIR writes one to begin with"
    assert refused("portfolio.parquet") == expected
    assert refused("portfolo.parquet") == "portfolo.parquet: there is no such file or directory: did you mean portfolio.parquet?"


# ------------------------------------------------------------------------------------------------ the assumptions


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[defaults.trademark", "is not valid TOML: Expected"),
        ("[default.trademark]\nroyalty_rate = 0.1", "default is not known: did you mean defaults?"),
        ("[defaults.trademrk]\nroyalty_rate = 0.1", "defaults.\"trademrk\": 'trademrk' is no right type: did you mean trademark?"),
        ("[defaults.trademark]\nroyalty_rte = 0.1", 'defaults."trademark": royalty_rte is not known: did you mean royalty_rate?'),
        ('[defaults.trademark]\nroyalty_rate = "x"', "defaults.\"trademark\": royalty_rate is 'x': it must be a number"),
        ("[defaults.trademark]\nroyalty_rate = 7", 'defaults."trademark": royalty_rate is 7: it must be at least 0 and at most 1'),
    ],
)
def test_bad_assumptions(content: str, sentence: str) -> None:
    Path("bad.toml").write_text(content)
    assert refused("portfolio.parquet", "--assumptions", "bad.toml").startswith(f"bad.toml: {sentence}")


def test_assumptions_that_are_not_there() -> None:
    assert refused("portfolio.parquet", "--assumptions", "none.toml") == "none.toml: there is no such file"


def test_a_premise_without_its_terms() -> None:
    Path("mine.toml").write_text("")
    sentence = refused("portfolio.parquet", "--assumptions", "mine.toml", "--premise", "forced")
    assert sentence == "the assumptions have no premise.forced: add [premise.forced.RIGHT_TYPE] with discount and time_to_sell"


# ------------------------------------------------------------------------------------------------ the options


@pytest.mark.parametrize(
    ("option", "text", "sentence"),
    [
        ("--paths", "0", "paths is 0: it must be at least 1"),
        ("--paths", "1000000000000", "paths is 1000000000000: it must be at most 1,000,000,000"),
        ("--quantiles", "1.5", "quantiles: 1.5 is no quantile: give numbers from 0 to 1"),
        ("--quantiles", "0.5,-0.1", "quantiles: -0.1 is no quantile: give numbers from 0 to 1"),
        ("--quantiles", "nan", "quantiles: nan is no quantile: give numbers from 0 to 1"),
        ("--quantiles", "half", "quantiles: 'half' must be numbers from 0 to 1 with commas between, as 0.05,0.5,0.95"),
        ("--quantiles", "0.5,0.5", "quantiles: 0.5 stands there twice"),
        ("--quantiles", ",".join(str(i / 100) for i in range(100)), "quantiles: there are 100: give at most 99"),
        ("--tail", "0", "tail is 0.0: it must be above 0"),
        ("--tail", "2", "tail is 2.0: it must be at most 1"),
        ("--tail", "nan", "tail is nan: it must be finite"),
        ("--tolerance", "0", "tolerance is 0.0: it must be above 0"),
        ("--tolerance", "-0.01", "tolerance is -0.01: it must be above 0"),
        ("--tolerance", "nan", "tolerance is nan: it must be finite"),
        ("--tolerance", "inf", "tolerance is inf: it must be finite"),
        ("--max-paths", "0", "max_paths is 0: it must be at least 1"),
        ("--max-paths", "2000000000", "max_paths is 2000000000: it must be at most 1,000,000,000"),
        ("--max-paths", "128", "max_paths is 128, and only a tolerance takes more than paths: give --tolerance too, or --paths alone"),
        ("--group-by", "sectr", "group_by: 'sectr' is no column of a portfolio: did you mean sector?"),
        ("--group-by", "sector,sector", "group_by: sector stands there twice"),
        ("--group-by", "revenue_path", "group_by: revenue_path holds lists: group by a column of names, dates or numbers"),
        ("--precision", "singl", "precision is 'singl': it must be single or double"),
        ("--premise", "orderd", "premise is 'orderd': it must be going_concern, orderly or forced"),
        ("--scheduler", "thread", "scheduler: 'thread' must be threads, processes or tcp://HOST:PORT (or tls://): did you mean threads?"),
        ("--scheduler", "tcp://nowhere", "scheduler: 'tcp://nowhere' must be threads, processes or tcp://HOST:PORT (or tls://)"),
        ("--memory", "8 apples", "memory: '8 apples' must be a size such as 8GiB or 500MB"),
        ("--memory", "1.2.3GiB", "memory: '1.2.3GiB' must be a size such as 8GiB or 500MB"),
        ("--memory", "1e999", "memory: '1e999' must be a size such as 8GiB or 500MB"),
        ("--memory", "-1GiB", "memory: '-1GiB' must be a size such as 8GiB or 500MB"),
        ("--workers", "0", "workers is 0: it must be at least 1"),
        ("--seed", "-1", "seed is -1: it must be at least 0"),
        ("--seed", str(2**64), "seed is 18446744073709551616: it must be below 18,446,744,073,709,551,616"),
        ("--out", "", "the results directory has no name: give one with --out"),
        ("--out", "nowhere://x", "nowhere://x: cannot be opened as a results directory (Protocol not known: nowhere)"),
    ],
)
def test_a_bad_option(option: str, text: str, sentence: str) -> None:
    out = text if option == "--out" else "out"
    args = () if option == "--out" else (option, text) if option != "--paths" else ()
    if option == "--paths":
        before = contents()
        ran = value("portfolio.parquet", paths=int(text))
        assert (ran.code, ran.sentence) == (2, sentence)
        assert contents() == before
    else:
        assert refused("portfolio.parquet", *args, out=out) == sentence


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("value",), "Missing argument"),
        (("value", "portfolio.parquet", "--pathz", "5"), "No such option: --pathz"),
        (("value", "portfolio.parquet", "--paths", "many"), "Invalid value for '--paths': 'many' must be a whole number"),
        (("value", "portfolio.parquet", "--seed", "1.5"), "Invalid value for '--seed': '1.5' must be a whole number"),
        (("value", "portfolio.parquet", "--tail", "half"), "Invalid value for '--tail': 'half' must be a number"),
        (("synthesize", "--out", "s.parquet", "--assets", "all"), "Invalid value for '--assets': 'all' must be a whole number"),
        (("vlaue", "portfolio.parquet"), "No such command 'vlaue'"),
        (("check", "portfolio.parquet", "--limit", "-1"), "Invalid value for '--limit': '-1' must be at least 0"),
        (("show", "out", "--top", "0"), "Invalid value for '--top': '0' must be at least 1"),
    ],
)
def test_bad_usage(args: tuple[str, ...], sentence: str) -> None:
    before = contents()
    ran = run(*args)
    assert ran.code == 2
    assert sentence in ran.err
    assert "--help' for help" in ran.err
    assert contents() == before


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--max-paths", 63), "max_paths is 63: it must be at least paths, which is 64"),
        (
            ("--max-paths", 1000, "--sampler", "sobol"),
            "max_paths is 1,000: the sobol sampler takes a multiple of 16, so 992 or 1,008, best a power of two",
        ),
    ],
)
def test_a_cap_that_a_tolerance_cannot_take(args: tuple[object, ...], sentence: str) -> None:
    assert refused("portfolio.parquet", "--tolerance", 0.01, *args) == sentence


def test_one_path_has_no_error_to_hold_against_a_tolerance() -> None:
    ran = value("portfolio.parquet", "--tolerance", 0.01, paths=1)
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "paths is 1: one path has no standard error to hold against a tolerance; start with more, or leave tolerance out"


def test_paths_of_one_right_that_need_too_much_memory() -> None:
    """The most that any right may come to counts, whether or not one does; without a tolerance the run fits."""
    options = ("--memory", "12MiB", "--workers", 2)
    sentence = refused("portfolio.parquet", "--tolerance", 1e9, "--max-paths", 1_000_000, *options)
    assert sentence == (
        "1 group × 64 paths and up to 524,288 of a right on 2 workers need about 16 MiB of memory, and 12 MiB may be used: "
        "lower --max-paths, group by fewer columns, use fewer paths or workers, or allow more with --memory"
    )
    assert value("portfolio.parquet", "--tolerance", 1e9, "--max-paths", 500_000, *options).code == 0


def test_groups_that_need_too_much_memory() -> None:
    sentence = refused("portfolio.parquet", "--group-by", "asset_id", "--memory", "10KiB", "--workers", "2")
    assert sentence.startswith("4 groups × 64 paths on 2 workers need about ")
    assert sentence.endswith("of memory, and 10 KiB may be used: group by fewer columns, use fewer paths or workers, or allow more with --memory")


def test_a_result_in_memory_cannot_be_written_by_other_processes() -> None:
    sentence = refused("portfolio.parquet", "--scheduler", "processes", out="memory://out")
    assert sentence.startswith("memory://out: other processes cannot write to this one's memory: use --scheduler threads")


def test_no_scheduler_answers() -> None:
    ran = value("portfolio.parquet", "--scheduler", "tcp://127.0.0.1:1")
    assert ran.code == 1
    assert ran.sentence.startswith("tcp://127.0.0.1:1: no Dask scheduler answers there (")
    assert not Path("out").exists()


# ------------------------------------------------------------------------------------------------ no row left


def test_no_row_left() -> None:
    pq.write_table(table([{**row, "revenue": -1.0} for row in ROWS]), "bad.parquet")
    before = contents()
    ran = value("bad.parquet", out="some/where/out")
    assert ran.code == 2
    first, *problems, more = ran.sentences
    assert first == "no row can be valued: all 4 were rejected"
    problem = "revenue is -1.0: it must be at least 0 and at most 1e+15; correct it or leave it blank"
    assert problems == [f"  bad.parquet, row {i}: {problem}" for i in range(3)]
    assert more == "  and 1 more problem: ipvalue check lists them"
    assert contents() == before
    assert not Path("some").exists()


def test_an_instruction_set_that_this_machine_lacks_is_refused_in_a_sentence() -> None:
    before = contents()
    for command in (("value", "portfolio.parquet", "--out", "out"), ("check", "portfolio.parquet")):
        ran = installed(*command, env={**os.environ, "IPVALUE_ISA": "avx9"})
        assert (ran.code, ran.out) == (2, "")
        assert ran.sentence.startswith("IPVALUE_ISA=avx9: this machine runs baseline")
        assert ran.sentence.endswith(": set it to one of them, or leave it unset")
    assert contents() == before
    assert installed("schema", env={**os.environ, "IPVALUE_ISA": "avx9"}).code == 0


def test_refused_as_its_own_process() -> None:
    pq.write_table(table(row_with(revenue=math.nan)), "portfolio.parquet")
    ran = installed("value", "nowhere.parquet", "--market", "market.toml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "nowhere.parquet: there is no such file or directory"
