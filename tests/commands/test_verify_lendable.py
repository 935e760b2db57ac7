"""`ipvalue verify` of what may be lent on a register: sums, limits, rights made again; and what was done to a result."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROWS, contents, here, run, table
from resealed import resealed, with_cell

import ipvalue as iv

__all__ = ["here"]

TERMS = {"rate": 0.05, "term": 3.0, "rating": "B"}
POLICY = {"expected_loss": 0.02, "coverage": 1.2, "value": "q05", "loan_to_value": {"trademark": 0.5, "invention_patent": 0.25}, "terms": TERMS}
Change = Callable[[pa.Table], pa.Table]


def most(policy: dict[str, Any] = POLICY, **options: Any) -> None:
    """What may be lent on ten rights of three owners and of none, in four tasks; one is rejected."""
    owners = ["Lantern", "Bright", None, "Lantern"]
    rows = [{**ROWS[i % 4], "asset_id": f"r{i}", "owner_id": owners[i % 4], **({"revenue": -1.0} if i == 5 else {})} for i in range(11)]
    pq.write_table(table(rows), "portfolio.parquet")
    named = {"policies": {"policy": {"ours": policy}}, "ratings": {"rating": {"B": [0.04, 0.07]}}}
    iv.lendable("portfolio.parquet", "ours", market="market.toml", out="out", **{"paths": 64, "rows_per_task": 3, **named, **options})


@pytest.fixture
def result(here: Path) -> None:
    most()


@pytest.mark.usefixtures("result")
def test_what_it_looks_at_is_told_and_nothing_is_written() -> None:
    before = contents()
    ran = run("verify", "out", columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert [line.strip() for line in ran.out.splitlines()] == [
        "files  7 listed, 7 beside manifest.json; sizes and SHA-256 of all",
        "counts  11 rows, 10 valued, 1 rejected, 4 parts",
        "sums  borrowers.parquet and capacity.parquet: added up again from the rights",
        "",
        "out is whole.",
    ]
    assert contents() == before


@pytest.mark.usefixtures("result")
def test_a_right_and_a_share_are_re_derived() -> None:
    ran = run("verify", "out", "--asset", "r7", columns=200)
    assert (ran.code, ran.err) == (0, "")
    assert "re-derived  r7, with the C kernels (" in ran.out
    assert "10 columns: all equal, to the bit" in ran.out
    assert iv.verify("out", sample=1.0).derived == 10  # a row that cannot be read is none
    shares = [iv.verify("out", sample=0.5, seed=seed).derived for seed in range(4)]
    assert len({*shares}) > 1


@pytest.mark.parametrize(
    ("policy", "options"),
    [
        (POLICY, {"sampler": "sobol"}),
        ({**POLICY, "terms": {**TERMS, "factor_loading": 0.0}}, {"precision": "double"}),
        ({"loan_to_value": {"trademark": 0.5}}, {}),
    ],
)
def test_every_kind_of_policy_is_re_derived(here: Path, policy: dict[str, Any], options: dict[str, Any]) -> None:
    most(policy, **options)
    assert iv.verify("out", sample=1.0, backend="numba").problems == ()


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("borrowers.parquet", with_cell("value", 0, lambda one: math.nextafter(one, 0.0)), "borrowers.parquet: value of Bright is"),
        ("borrowers.parquet", lambda found: found.slice(1), "borrowers.parquet: has other columns or rows than the rights of the parts make"),
        ("capacity.parquet", with_cell("rights", 0, lambda _: 9), "capacity.parquet: rights of all is 9, and its rights add up to 10"),
        ("lendable/part-00001.parquet", with_cell("owner_id", 0, lambda _: "Bright"), "borrowers.parquet: rights of Bright is"),
        ("lendable/part-00001.parquet", with_cell("binding_limit", 0, lambda _: None), "part-00001.parquet: binding_limit of r2 is None, and by its"),
        ("lendable/part-00001.parquet", with_cell("asset_id", 0, lambda _: "r0"), "r0: has more than one row of results"),
        ("rejects.parquet", lambda found: found.slice(0, 0), "counts 1 rejected rows, and rejects.parquet holds 0"),
    ],
)
@pytest.mark.usefixtures("result")
def test_what_does_not_hang_together_is_found(name: str, change: Change, said: str) -> None:
    resealed(name, change)
    ran = run("verify", "out")
    assert ran.code == 1
    assert said in ran.err


@pytest.mark.usefixtures("result")
def test_a_figure_that_hangs_together_with_all_others_is_found_by_re_deriving() -> None:
    resealed("lendable/part-00001.parquet", with_cell("loan_to_value", 1, lambda one: one / 2))
    assert run("verify", "out").code == 0
    ran = run("verify", "out", "--asset", "r3")
    assert ran.code == 1
    assert ran.sentences[0].startswith("r3: loan_to_value is ")
    assert run("verify", "out", "--asset", "r4").code == 0
    assert run("verify", "out", "--sample", 1).code == 1


@pytest.mark.usefixtures("result")
def test_damage() -> None:
    Path("out/lendable/part-00000.parquet").write_bytes(b"no")
    ran = run("verify", "out", "--asset", "r0")
    assert ran.code == 1
    assert "lendable/part-00000.parquet: is not what the run wrote" in ran.err
    assert "r0: is in none of the parts that can be read" in ran.err
    assert run("verify", "out", "--asset", "r4").out.count("re-derived") == 1


@pytest.mark.usefixtures("result")
def test_other_probabilities_of_default_are_found() -> None:
    manifest = json.loads(Path("out/manifest.json").read_text())
    manifest["inputs"]["lendable"]["pd"] = [0.5]
    Path("out/manifest.json").write_text(json.dumps(manifest))
    assert "its fingerprint is not that" in run("verify", "out").err
    assert "largest_by_expected_loss is" in run("verify", "out", "--sample", 1).err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--asset", "r99"), "out: there is no right 'r99' in it"),
        (("--asset", "r5"), "out: r5 was rejected (portfolio.parquet, row 5): revenue is -1.0"),
        (("--loan", "r1"), "out: is a result of ipvalue lend --largest, of which nothing can be re-derived by loan: give asset or sample"),
    ],
)
@pytest.mark.usefixtures("result")
def test_what_cannot_be_re_derived_is_refused(words: tuple[Any, ...], sentence: str) -> None:
    ran = run("verify", "out", *words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.startswith(sentence)
