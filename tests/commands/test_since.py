"""`ipvalue value --since`: what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from commandline import MARKET, ROWS, contents, row_with, run, table, value

import ipvalue as iv
from ipvalue.schema import InputError

pytestmark = pytest.mark.usefixtures("here")

TELLS = "3 of 4 rows are taken over from old"


@pytest.fixture(autouse=True)
def old(here: Path) -> None:
    """A result in `old`, and a next edition of its portfolio beside it."""
    assert value("portfolio.parquet", out="old").code == 0
    pq.write_table(table(row_with(revenue=5e6)), "next.parquet")


def manifest(directory: str = "out") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(directory, "manifest.json").read_text())
    return found


def tables(directory: str) -> dict[str, bytes]:
    return {name: content for name, content in contents(directory).items() if name != "manifest.json"}


def test_rows_are_taken_over_and_it_is_said() -> None:
    ran = value("next.parquet", "--since", "old")
    assert (ran.code, ran.sentence) == (0, TELLS)
    assert ran.out.startswith("4 rights valued in ")
    assert value("next.parquet", out="whole").code == 0
    assert tables("out") == tables("whole")
    assert manifest()["since"] == {"result": str(Path("old").resolve()), "fingerprint": manifest("old")["fingerprint"], "carried": 3}
    assert "since" not in manifest("whole")


def test_nothing_changed() -> None:
    ran = value("portfolio.parquet", "--since", "old")
    assert (ran.code, ran.sentence) == (0, "4 of 4 rows are taken over from old")
    assert tables("out") == tables("old")


def test_where_most_changed_all_are_valued_and_it_is_said() -> None:
    pq.write_table(table([ROWS[0], *({**row, "revenue": 9e6} for row in ROWS[1:])]), "next.parquet")
    ran = value("next.parquet", "--since", "old")
    assert (ran.code, ran.sentence) == (0, "nothing is taken over from old: 1 of 4 rows are the same, so all are valued")
    assert value("next.parquet", out="whole").code == 0
    assert tables("out") == tables("whole")
    assert manifest()["since"]["carried"] == 0


def test_a_result_in_the_place_of_the_earlier_one() -> None:
    assert value("next.parquet", out="whole").code == 0
    assert value("next.parquet", "--since", "old", "--overwrite", out="old").sentence == TELLS
    assert tables("old") == tables("whole")


def test_from_python() -> None:
    market, old = iv.load_market("market.toml"), "old"
    after = iv.value(table(row_with(revenue=5e6)), market=market, paths=64, since=old)
    whole = iv.value(table(row_with(revenue=5e6)), market=market, paths=64)
    assert after.manifest["since"]["carried"] == 3
    assert after.assets.equals(whole.assets)
    assert after.totals.equals(whole.totals)
    assert after.groups.equals(whole.groups)


# ------------------------------------------------------------------------------------------------ refused


def refused(*args: object, code: int = 2, paths: int = 64) -> list[str]:
    """The sentences of a run that ends with `code` and leaves nothing."""
    before = contents()
    ran = value("next.parquet", "--since", "old", *args, paths=paths)
    assert ran.code == code
    assert contents() == before
    return ran.sentences


def test_no_result() -> None:
    ran = value("next.parquet", "--since", "olds")
    assert (ran.code, ran.sentence) == (2, "olds: is no results directory (it has no manifest.json): did you mean old?")


def test_other_options() -> None:
    assert refused("--seed", 2, "--group-by", "sector", paths=65) == [
        "old: was valued otherwise, so none of its rows can be taken over: value without --since",
        "  options.group_by was [] and is [\"sector\"]",
        "  options.paths was 64 and is 65",
        "  options.seed was 1 and is 2",
    ]  # fmt: skip


@pytest.mark.parametrize("flags", [("--workers", 1), ("--scheduler", "threads"), ("--memory", "8GiB")])
def test_options_that_no_bit_depends_on_may_be_others(flags: tuple[object, ...]) -> None:
    assert value("next.parquet", "--since", "old", *flags).sentence == TELLS


def test_another_rule() -> None:
    Path("mine.py").write_text("import ipvalue\n\n\n@ipvalue.cash_rule\ndef earns(level, period):\n    return 0.1 * level\n")
    _, first, *others = refused("--rule", "mine.py:earns")  # after a notice that the rule is compiled
    assert first == "old: was valued otherwise, so none of its rows can be taken over: value without --since"
    assert any(line.startswith("  options.rule was nothing and is ") for line in others)


def test_kept_paths() -> None:
    assert refused("--keep-paths") == ["keep_paths: paths of rows that are taken over are not kept: leave out --keep-paths, or --since"]


def test_a_result_with_paths_may_be_taken_over_from() -> None:
    assert value("portfolio.parquet", "--keep-paths", "--overwrite", out="old").code == 0
    assert value("next.parquet", "--since", "old").sentence == TELLS


def test_the_earlier_portfolio_must_be_there() -> None:
    place = Path("portfolio.parquet").resolve()
    pq.write_table(table(ROWS[:3]), "portfolio.parquet")
    without = "without the rows of old what they added cannot be taken out: value without --since"
    assert refused() == [f"{place}: is not what it was when it was valued: put that file back in its place; {without}"]
    Path("portfolio.parquet").unlink()
    assert refused() == [f"portfolio.parquet: there is no such file or directory; {without}"]


def test_an_earlier_portfolio_that_was_no_file() -> None:
    iv.value(table(), market="market.toml", paths=64, out="memory")
    with pytest.raises(InputError, match="table in memory: cannot be read again, for it was no file"):
        iv.value("next.parquet", market="market.toml", paths=64, since="memory")


@pytest.mark.parametrize("name", ["totals.arrow", "rejects.parquet"])
def test_a_damaged_result(name: str) -> None:
    path = Path("old", name)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert refused() == [f"old/{name}: is not what was written there: the command that made the result mends it with --resume"]


def test_a_damaged_part_is_found_when_it_is_read() -> None:
    path = Path("old/assets/part-00000.parquet")
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    ran = value("portfolio.parquet", "--since", "old")
    assert ran.code == 1
    assert "old/assets/part-00000.parquet: is not what was written there: the command that made the result mends it with --resume" in ran.err
    assert value("portfolio.parquet", "--resume", out="old").code == 0
    assert value("portfolio.parquet", "--since", "old").code == 0


def test_a_result_that_does_not_say_its_exact_sums() -> None:
    """One that an earlier version wrote."""
    content = manifest("old")
    del content["doubts"]
    Path("old/manifest.json").write_text(json.dumps(content))
    assert refused() == ["old: does not say what its groups sum up to exactly, as results do now: value without --since"]


def test_another_market_touches_its_own_rows_only() -> None:
    Path("market.toml").write_text(MARKET.replace("USD = 7.1", "USD = 7.2"))
    assert value("portfolio.parquet", "--since", "old").sentence == TELLS
    assert value("portfolio.parquet", out="whole").code == 0
    assert tables("out") == tables("whole")


def test_check_knows_no_since() -> None:
    assert run("check", "next.parquet", "--since", "old").code == 2
