"""`ipvalue sensitivities --indices`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commandline import ROW, ROWS, contents, here, row_with, run, table

import ipvalue

__all__ = ["here"]

WORDS = ("sensitivities", "portfolio.parquet", "--indices", "--paths", 64)


def test_the_rights_named_are_printed_and_written(here: Path) -> None:
    ran = run(*WORDS, "--asset", "r2", "--asset", "r0", "--out", "found", columns=120)
    assert (ran.code, ran.err) == (0, "")
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[1] == ["input", "first", "order", "±", "error", "total", "±", "error"]
    assert [line[0] for line in lines[2:6]] == ["r0", "sector_factor", "r2", "sector_factor"]  # of each the widest first
    assert lines[2][1] == lines[4][1] == "own_shocks"
    found = ipvalue.open_indices("found")
    assert set(contents("found")) == {"indices.parquet", "rejects.parquet", "manifest.json", "assets/part-00000.parquet", "assets/part-00001.parquet"}
    assert found.indices["asset_id"].unique().to_pylist() == ["r0", "r2"]
    assert found.manifest["inputs"]["indices"] == {"assets": ["r0", "r2"]}
    assert found.manifest["counts"] == {"rows": 2, "valued": 2, "rejected": 0, "tasks": 2}


def test_a_sample_takes_a_share_of_the_rights(here: Path) -> None:
    pq.write_table(table([{**ROW, "asset_id": f"r{i}"} for i in range(200)]), "portfolio.parquet")
    assert run(*WORDS, "--sample", 0.2, "--out", "found").code == 0
    found = ipvalue.open_indices("found").indices["asset_id"].unique().to_pylist()
    assert 20 <= len(found) <= 60
    assert run(*WORDS, "--sample", 0.2, "--seed", 2, "--out", "others").code == 0
    assert ipvalue.open_indices("others").indices["asset_id"].unique().to_pylist() != found


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--asset", "R00"), "portfolio.parquet: there is no right 'R00' in it: did you mean r0?"),
        (("--asset", "r0", "--asset", "nothing like it"), "portfolio.parquet: there is no right 'nothing like it' in it"),
        ((), "indices are of chosen rights: name them (assets, --asset), or give the share of all that a sample takes (sample), not both"),
        (("--asset", "r0", "--sample", "0.5"), "indices are of chosen rights"),
        (("--sample", "0"), "sample is 0.0: it must be above 0 and at most 1, the share of the rights to take"),
        (("--sample", "1e-9"), "portfolio.parquet: a sample of 1e-09 takes none of its 4 rows: take a larger one"),
        (("--asset", "r0", "--sampler", "sobol"), "sampler is 'sobol': indices draw one input anew and leave the others"),
        (("--asset", "r0", "--drivers", "growth"), "--drivers: --indices are of rights and their uncertain inputs: leave it out"),
        (("--asset", "r0", "--group-by", "sector"), "--group-by: --indices are of rights and their uncertain inputs: leave it out"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(here: Path, words: tuple[str, ...], sentence: str) -> None:
    ran = run(*WORDS, *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.sentence
    assert not Path("results").exists()


def test_rights_are_chosen_for_indices_alone(here: Path) -> None:
    ran = run("sensitivities", "portfolio.parquet", "--asset", "r0")
    assert (ran.code, ran.sentence) == (2, "--asset: rights are chosen for --indices: give that too")


def test_options_that_indices_have_not_are_named() -> None:
    with pytest.raises(ipvalue.InputError, match="group_by is no option of indices"):
        ipvalue.indices(table(), assets="r0", market={}, group_by=["sector"])
    with pytest.raises(ipvalue.InputError, match="assets: 7 is no asset_id: give texts"):
        ipvalue.indices(table(), assets=[7], market={})  # type: ignore[list-item]


def test_a_row_that_cannot_be_valued_is_rejected_and_the_others_are_there(here: Path) -> None:
    pq.write_table(table(row_with(revenue=-1.0)), "portfolio.parquet")
    ran = run(*WORDS, "--asset", "r0", "--asset", "r1", "--out", "found")
    assert ran.code == 0
    assert "1 row rejected: found/rejects.parquet says why" in ran.out
    found = ipvalue.open_indices("found")
    assert found.indices["asset_id"].unique().to_pylist() == ["r0"]
    assert found.rejects["asset_id"].to_pylist() == ["r1"]
    with pytest.raises(ipvalue.InputError, match="r1 was rejected"):
        found.of("r1")
    alone = run(*WORDS, "--asset", "r1", "--out", "alone")
    assert alone.code == 2
    assert alone.sentences[0] == "no row can be valued: all 1 were rejected"


def test_a_heavy_tail_is_warned_of(here: Path) -> None:
    pq.write_table(table([ROWS[0], {**ROWS[1], "volatility": 1.2}]), "portfolio.parquet")
    ran = run(*WORDS, "--sample", 1, "--out", "found")
    assert "warning: 1 row (r1): the tail is heavy" in ran.err
    rows = ipvalue.open_indices("found").indices.to_pylist()
    assert {row["status"] for row in rows if row["asset_id"] == "r1"} == {"heavy_tail"}
    assert {row["status"] for row in rows if row["asset_id"] == "r0"} == {"ok"}


def test_a_right_of_which_nothing_is_uncertain_has_no_indices(here: Path) -> None:
    pq.write_table(table([{**ROW, "volatility": 0.0}]), "portfolio.parquet")
    ran = run(*WORDS, "--asset", "r0", "--out", "found", columns=120)
    assert "(nothing is uncertain)" in ran.out
    found = ipvalue.open_indices("found")
    assert {row["total"] for row in found.indices.to_pylist()} == {None}
    with pytest.raises(ipvalue.InputError, match="r0: nothing about its value is uncertain"):
        found.plot.indices("r0")


def test_a_run_goes_on_with_the_same_rights_alone(here: Path) -> None:
    assert run(*WORDS, "--asset", "r0").code == 0
    before = contents("results")
    assert run(*WORDS, "--asset", "r0", "--resume").code == 0
    assert contents("results") == before
    ran = run(*WORDS, "--asset", "r1", "--resume")
    assert ran.code == 2
    assert "indices.assets[0] was r0 and is r1" in ran.err
    assert run("value", "portfolio.parquet", "--paths", 64, "--resume").code == 2


def test_another_result_is_none_of_indices(here: Path) -> None:
    assert run(*WORDS, "--asset", "r0", "--out", "found").code == 0
    ran = run("show", "found")
    assert ran.sentence == "found: is a result of ipvalue sensitivities --indices, not of ipvalue value: ipvalue.open_indices reads it"


def test_what_another_command_wrote_goes_with_overwrite(here: Path) -> None:
    assert run("sensitivities", "portfolio.parquet", "--paths", 16, "--drivers", "growth").code == 0
    assert run(*WORDS, "--asset", "r0", "--overwrite").code == 0
    assert {"sensitivities.parquet", "tornado.parquet"}.isdisjoint(contents("results"))
    assert run("value", "portfolio.parquet", "--paths", 16, "--overwrite").code == 0
    assert "indices.parquet" not in contents("results")


def test_other_drivers_are_another_run(here: Path) -> None:
    words = ("sensitivities", "portfolio.parquet", "--paths", 16, "--drivers")
    assert run(*words, "growth").code == 0
    ran = run(*words, "hazard", "--resume")
    assert ran.code == 2
    assert "results: holds a run of something else" in ran.err


def test_the_example_of_the_page(root: Path, example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (root / "docs" / "sensitivities.md").read_text(encoding="utf-8")
    printed = page.partition("```text\n")[2].partition("```")[0]
    words = next(line for line in page.splitlines() if "--indices --asset" in line).split("ipvalue ")[1]
    for name in ("portfolio.parquet", "market.toml", "assumptions.toml"):
        shutil.copy(example / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    command, assets = words.split(" --asset ")[0].split(), [name.strip('"') for name in words.split(" --asset ")[1:]]
    ran = run(*command, *(word for name in assets for word in ("--asset", name)), "--assumptions", "assumptions.toml", columns=120)
    assert ran.code == 0
    assert ran.out.startswith(printed)
