"""`ipvalue verify` on results that are whole: what it looks at, and by what."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROW, contents, run, table, value
from portfolios import ASSUMPTIONS, MARKET, methods_and_several, with_bad_rows

import ipvalue as iv
from ipvalue.share import chosen

pytestmark = pytest.mark.usefixtures("here")


@pytest.fixture
def every_kind(here: Path) -> str:
    """A result with every method, several on one right, and rejects, in parts of nine rows."""
    pq.write_table(with_bad_rows(methods_and_several(70, 10, 5)), "rights.parquet")
    Path("assumptions.toml").write_text(ASSUMPTIONS)
    iv.value("rights.parquet", market=MARKET, assumptions="assumptions.toml", paths=64, group_by=["sector", "method"], rows_per_task=9, out="every")
    return "every"


def test_what_it_looks_at_is_told() -> None:
    assert value("portfolio.parquet", "--group-by", "sector").code == 0
    before = contents()
    ran = run("verify", "out")
    assert (ran.code, ran.err) == (0, "")
    assert re.search(r"^ +files  7 listed, 7 beside manifest.json; sizes and SHA-256 of all$", ran.out, re.MULTILINE)
    assert re.search(r"^ +counts  4 rows, 4 valued, 0 rejected, 4 parts$", ran.out, re.MULTILINE)
    assert re.search(r"^ +groups  2 groups and the whole: added up from the rights", ran.out, re.MULTILINE)
    assert ran.out.endswith("\nout is whole.\n")
    assert contents() == before


def test_one_right_is_re_derived() -> None:
    assert value("portfolio.parquet", "--keep-paths").code == 0
    ran = run("verify", "out", "--asset", "r1")
    assert (ran.code, ran.err) == (0, "")
    assert re.search(
        r"re-derived  r1 from portfolio.parquet, row 1, with the C kernels \(\w+\); \d+ columns and 64 kept paths: all equal, to the bit\n", ran.out
    )


def test_every_kind_of_right_is_re_derived(every_kind: str) -> None:
    found = iv.verify(every_kind, sample=1.0)
    assert found.ok, found.problems
    counts = iv.open_result(every_kind).manifest["counts"]
    assert counts["valued"] <= found.derived <= counts["rows"]


@pytest.mark.parametrize(
    "options",
    [{"sampler": "sobol"}, {"tolerance": 0.2}, {"sampler": "sobol", "tolerance": 0.01, "keep_paths": True}, {"precision": "double"},
     {"premise": "forced"}, {"quantiles": []}, {"quantiles": [0.999], "tail": 0.5}],
    ids=str,
)  # fmt: skip
def test_every_kind_of_run_is_re_derived(options: dict[str, object], here: Path) -> None:
    assumptions = Path("assumptions.toml")
    premise = [f"[premise.forced.{name}]\ndiscount = 0.4\ntime_to_sell = 0.5\n" for name in
               ("trademark", "invention_patent", "utility_model", "software_copyright", "geographical_indication")]  # fmt: skip
    assumptions.write_text(ASSUMPTIONS + "".join(premise))
    pq.write_table(methods_and_several(14, 4, 7), "rights.parquet")
    iv.value("rights.parquet", market=MARKET, assumptions=assumptions, paths=64, group_by=["right_type"], out="out", **options)
    found = iv.verify("out", sample=1.0)
    assert found.ok, found.problems
    assert found.derived == 18


@pytest.mark.parametrize(("maker", "verifier"), [("native", "numba"), ("numba", "native")])
@pytest.mark.slow  # Numba compiles
def test_either_kernels_verify_what_the_others_made(maker: str, verifier: str) -> None:
    iv.value("portfolio.parquet", paths=64, backend=maker, keep_paths=True, out="out")
    found = iv.verify("out", asset="r2", backend=verifier)
    assert found.ok, found.problems
    assert found.kernels.startswith({"native": "the C kernels", "numba": "the Numba kernels"}[verifier])
    assert dict(found.checked)["re-derived"].startswith("r2 from portfolio.parquet, row 2, with " + found.kernels)


def test_files_of_every_kind_are_opened_again() -> None:
    rows = table([{**ROW, "asset_id": f"r{i}"} for i in range(6)])
    Path("several").mkdir()
    pq.write_table(rows.slice(0, 4), "several/a.parquet")
    with pa.ipc.new_file("several/b.arrow", rows.schema) as writer:
        writer.write_table(rows.slice(4))
    Path("rows.csv").write_text("asset_id,right_type,revenue,royalty_rate,life\nc1,trademark,1000,0.05,3\nc2,trademark,2000,0.05,4\n")
    for portfolio in ("several", "rows.csv"):
        assert value(portfolio, "--market", "market.toml", "--overwrite").code == 0
        found = iv.verify("out", sample=1.0)
        assert found.ok, found.problems


def test_a_result_on_another_file_system() -> None:
    iv.value("portfolio.parquet", paths=8, group_by=["sector"], keep_paths=True, out="memory://verified/out")
    found = iv.verify("memory://verified/out", asset="r1")
    assert found.ok, found.problems
    assert found.derived == 1


def test_a_table_in_memory_cannot_be_opened_again() -> None:
    iv.value(table(), market="market.toml", paths=8, out="out")
    assert iv.verify("out").ok
    with pytest.raises(iv.InputError, match="table in memory: cannot be read again, for it was no file: give a portfolio that is one"):
        iv.verify("out", asset="r1")


def test_a_sample_is_the_same_however_rows_stand_and_whoever_works(here: Path) -> None:
    rows = table([{**ROW, "asset_id": f"right {i}", "life": 1.0} for i in range(400)])
    derived = []
    for order, per_task, workers in ((np.arange(400), 400, 1), (np.arange(400)[::-1], 37, 2)):
        pq.write_table(rows.take(pa.array(order)), "rights.parquet")
        iv.value("rights.parquet", market="market.toml", paths=1, rows_per_task=per_task, out="out", overwrite=True)
        found = iv.verify("out", sample=0.25, workers=workers)
        assert found.ok
        derived.append(found.derived)
    assert derived[0] == derived[1]
    assert 70 <= derived[0] <= 130
    assert iv.verify("out", sample=0.25, seed=2).derived != derived[0]


def test_a_share_takes_its_share_whatever_the_seed() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, 100_000, np.uint64)
    for share in (0.001, 0.1, 0.5):
        first, second = (chosen(hashes, share, seed) for seed in (1, 2))
        for taken in (first, second):
            assert abs(taken.sum() - share * 1e5) < 5 * (share * 1e5) ** 0.5
        assert abs((first & second).sum() - share * share * 1e5) < 5 * share * 1e5**0.5 + 5
    assert chosen(hashes, 1.0, 3).all()


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--asset", "r1", "--sample", "0.5"), "asset and sample are both given: re-derive one right, or a share of them"),
        (("--sample", "0"), "sample is 0.0: it must be above 0 and at most 1, the share of the rights to re-derive"),
        (("--sample", "1.5"), "sample is 1.5: it must be above 0 and at most 1, the share of the rights to re-derive"),
        (("--sample", "1", "--seed", str(2**64)), f"seed is {2**64}: it must be at least 0 and below 2^64"),
        (("--backend", "nativ"), "backend is 'nativ': it must be native or numba"),
    ],
)
def test_options_that_cannot_be(args: tuple[str, ...], sentence: str) -> None:
    assert value("portfolio.parquet").code == 0
    ran = run("verify", "out", *args)
    assert (ran.code, ran.out, ran.sentence) == (2, "", sentence)


def test_the_outcome_as_json_lines() -> None:
    assert value("portfolio.parquet").code == 0
    ran = run("verify", "out", "--log-json")
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert (ran.code, ran.out) == (0, "")
    assert lines[-1]["event"] == "done"
    assert lines[-1]["problems"] == 0
    assert [line["event"] for line in lines[:-1]] == ["progress"] * (len(lines) - 1)
    assert lines[-2]["done"] == lines[-2]["total"] == 4


@pytest.mark.slow  # Numba compiles
def test_a_rule_of_the_users_own_is_found_again(here: Path) -> None:
    rule = "import ipvalue as iv\n\n@iv.cash_rule\ndef tiered(level, period):\n    return {} * level\n"
    Path("own.py").write_text(rule.format(0.05))
    assert value("portfolio.parquet", "--rule", "own.py:tiered").code == 0
    found = iv.verify("out", sample=1.0)
    assert found.ok, found.problems
    Path("own.py").write_text(rule.format(0.06))
    with pytest.raises(iv.InputError, match=r"rule own.py:tiered: is not what it was when the result was made"):
        iv.verify("out", asset="r1")


def test_the_outcome_as_json() -> None:
    assert value("portfolio.parquet").code == 0
    ran = run("verify", "out", "--sample", 1, "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err, found["whole"], found["problems"], found["derived"]) == (0, "", True, [], 4)
    assert found["checked"]["counts"] == "4 rows, 4 valued, 0 rejected, 4 parts"
    Path("out/groups.parquet").write_bytes(b"x")
    ran = run("verify", "out", "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err, found["whole"]) == (1, "", False)
    assert any("groups.parquet" in problem for problem in found["problems"])


def test_a_part_whose_rows_were_all_rejected_by_rules_is_re_derived_too() -> None:
    """Such rows are read, and nothing comes of them, then and now."""
    rows = [ROW, {**ROW, "asset_id": "b", "right_type": "design", "expiry_date": np.datetime64("2020-01-01", "D").astype(object)}]
    pq.write_table(table(rows), "p.parquet")
    iv.value("p.parquet", market="market.toml", paths=16, rows_per_task=1, out="out")
    found = iv.verify("out", sample=1.0)
    assert found.ok, found.problems
