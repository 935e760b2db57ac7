"""`ipvalue verify` finds what was done to a result, and says where."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commandline import ROW, Ran, run, table

import ipvalue as iv

pytestmark = pytest.mark.usefixtures("here")

PART, OTHER = Path("out/assets/part-00001.parquet"), Path("out/assets/part-00002.parquet")
TOTALS = Path("out/totals.arrow")
AGAIN = "the run's own command with --resume makes it again"


@pytest.fixture(autouse=True)
def _result(here: Path) -> None:
    """A result of eight rights, two a part, and a bad row."""
    rows = [{**ROW, "asset_id": f"r{i}", "sector": ("software", "pharma")[i % 2], "revenue": 1e6 + 1e5 * i} for i in range(8)]
    pq.write_table(table([*rows, {**ROW, "asset_id": "bad", "revenue": -1.0}]), "portfolio.parquet", row_group_size=2)
    valued()


def valued(**more: Any) -> None:
    iv.value("portfolio.parquet", paths=64, group_by=["sector"], keep_paths=True, rows_per_task=2, out="out", **more)


def verify(*args: object) -> Ran:
    return run("verify", "out", *args)


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path("out/manifest.json").read_text())
    return found


def with_manifest(change: Callable[[dict[str, Any]], object]) -> None:
    content = manifest()
    change(content)
    Path("out/manifest.json").write_text(json.dumps(content))


def sealed(*names: str) -> None:
    """Writes the files' sizes and hashes of now into the manifest."""

    def seal(content: dict[str, Any]) -> None:
        for entry in content["files"]:
            if entry["name"] in names:
                data = Path("out", entry["name"]).read_bytes()
                entry |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

    with_manifest(seal)


def name_of(path: Path) -> str:
    return str(path.relative_to("out"))


def changed(path: Path, column: str, row: int, cell: Any) -> None:
    """Changes one cell of a Parquet file, and the manifest with it."""
    found = pq.read_table(path)
    cells = found[column].to_pylist()
    cells[row] = cell
    place = found.schema.get_field_index(column)
    pq.write_table(found.set_column(place, found.schema.field(column), pa.array(cells, found.schema.field(column).type)), path)
    sealed(name_of(path))


def changed_total(row: int, cell: Decimal) -> None:
    """Changes one sum of totals.arrow, and the manifest with it."""
    with pa.memory_map(str(TOTALS)) as file:
        opened = pa.ipc.open_file(file)
        batches = [opened.get_batch(i) for i in range(opened.num_record_batches)]
        for i, batch in enumerate(batches):
            if 0 <= row < batch.num_rows:
                cells = batch["value"].to_pylist()
                cells[row] = cell
                batches[i] = batch.set_column(2, batch.schema.field("value"), pa.array(cells, pa.decimal128(38, 6)))
            row -= batch.num_rows
        kept = pa.Table.from_batches(batches).to_batches()
    TOTALS.unlink()
    with pa.ipc.new_file(TOTALS, kept[0].schema) as writer:
        for batch in kept:
            writer.write_batch(batch)
    sealed("totals.arrow")


def told(ran: Ran) -> list[str]:
    """The problems, without the last line that counts them."""
    assert ran.code == 1
    assert ran.sentences[-1].endswith("so it is not what its manifest says")
    return ran.sentences[:-1]


def test_an_undamaged_result_is_whole() -> None:
    for args in ((), ("--sample", 1), ("--asset", "r3")):
        ran = verify(*args)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.endswith("out is whole.\n")


def test_a_flipped_bit() -> None:
    content = bytearray(PART.read_bytes())
    content[len(content) // 2] ^= 1
    PART.write_bytes(content)
    (problem,) = told(verify())
    digest = next(file["sha256"] for file in manifest()["files"] if file["name"] == name_of(PART))
    assert problem == f"{name_of(PART)}: is not what the run wrote (it has other bytes than SHA-256 {digest[:12]}… in the manifest): {AGAIN}"


def test_what_verify_names_as_the_remedy_is_one() -> None:
    PART.write_bytes(b"damaged")
    assert verify().code == 1
    valued(resume=True)
    assert verify().code == 0


def test_a_missing_file() -> None:
    OTHER.unlink()
    assert told(verify()) == [f"{name_of(OTHER)}: is missing: {AGAIN}"]


@pytest.mark.parametrize("extra", ["notes.txt", "assets/part-00009.parquet", ".journal"])
def test_a_file_too_many(extra: str) -> None:
    Path("out", extra).write_bytes(b"mine")
    assert told(verify()) == [f"{extra}: is there, and the manifest does not list it"]


def test_a_changed_value_with_a_fresh_checksum() -> None:
    before = pq.read_table(PART)["value"][0].as_py()
    changed(PART, "value", 0, before * 1.01)
    (problem,) = told(verify())
    assert problem.startswith("groups.parquet: value of the whole is ")
    assert f"r2: value is {before * 1.01!r}, and comes out as {before!r}" in told(verify("--asset", "r2"))
    assert f"r2: value is {before * 1.01!r}, and comes out as {before!r}" in told(verify("--sample", 1))
    assert not [line for line in told(verify("--asset", "r4")) if line.startswith("r")]


@pytest.mark.parametrize("column", ["mean", "mean_raw", "standard_error", "standard_deviation", "q50", "expected_shortfall", "closed_form", "tab"])
def test_a_figure_that_is_off_by_its_last_bit(column: str) -> None:
    before = pq.read_table(PART)[column][1].as_py()
    after = math.nextafter(before, math.inf)
    changed(PART, column, 1, after)
    assert f"r3: {column} is {after!r}, and comes out as {before!r}" in told(verify("--asset", "r3"))


@pytest.mark.parametrize(
    ("column", "cell", "shown"),
    [("method", "licence", "'licence'"), ("status", "heavy_tail", "'heavy_tail'"), ("filled", "trademark: growth", "'trademark: growth'"),
     ("paths", 65, "65"), ("closed_form", None, "blank"), ("weights", [1.0], "[1.0]")],
)  # fmt: skip
def test_a_cell_that_is_another(column: str, cell: Any, shown: str) -> None:
    changed(PART, column, 0, cell)
    (problem,) = told(verify("--asset", "r2"))
    assert problem.startswith(f"r2: {column} is {shown}, and comes out as ")


def test_a_changed_path_with_a_fresh_checksum() -> None:
    path = Path("out/paths/part-00001.arrow")
    with pa.memory_map(str(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
        values = batch["values"].flatten().to_numpy().copy()
        schema = batch.schema
        ids = batch["asset_id"].to_pylist()
    values[64 + 5] += 1
    path.unlink()
    with pa.ipc.new_file(path, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([pa.array(ids), pa.FixedSizeListArray.from_arrays(pa.array(values), 64)], schema=schema))
    sealed("paths/part-00001.arrow")
    assert told(verify()) == ["totals.arrow: the sum of the whole on path 5 is not that of its rights' kept paths"]
    assert [line for line in told(verify("--asset", "r3")) if line.startswith("r3: path 5 is ")]
    by_group = told(verify("--sample", 0.001))
    assert "totals.arrow: the sum of group pharma on path 5 is not that of its rights' kept paths" in by_group


def test_parts_that_were_swapped() -> None:
    one, other = PART.read_bytes(), OTHER.read_bytes()
    PART.write_bytes(other)
    OTHER.write_bytes(one)
    assert len(told(verify())) == 2  # by their hashes
    sealed(name_of(PART), name_of(OTHER))
    assert told(verify())[0] == "paths/part-00001.arrow: does not hold the paths of the rights of its part"
    by_row = f"{name_of(PART)}: does not hold the rights of its rows (portfolio.parquet from row 2): it is another part, or rows were moved"
    assert by_row in told(verify("--sample", 0.001))
    assert f"r2: is in {name_of(OTHER)}, and the rows of the portfolio that part is made of do not hold it" in told(verify("--asset", "r2"))


def test_a_right_that_is_there_twice() -> None:
    changed(PART, "asset_id", 0, "r5")
    assert "r5: has more than one row of results" in told(verify())


@pytest.mark.parametrize(
    ("count", "sentences"),
    [
        ("rows", ["10 rows, and its portfolio has 9", "10 rows, which are not 8 valued and 1 rejected"]),
        ("valued", ["9 rows, which are not 9 valued and 1 rejected", "9 valued rights, and the parts hold 8"]),
        ("rejected", ["9 rows, which are not 8 valued and 2 rejected", "2 rejected rows, and rejects.parquet holds 1"]),
    ],
)
def test_a_count_in_the_manifest(count: str, sentences: list[str]) -> None:
    with_manifest(lambda content: content["counts"].update({count: content["counts"][count] + 1}))
    assert told(verify()) == [f"manifest.json: counts {one}" for one in sentences]


def test_a_part_that_the_manifest_does_not_list() -> None:
    with_manifest(lambda content: content["files"].remove(next(file for file in content["files"] if file["name"] == name_of(PART))))
    assert told(verify())[:2] == [
        f"manifest.json: does not list {name_of(PART)}, which a run of 5 tasks writes",
        f"{name_of(PART)}: is there, and the manifest does not list it",
    ]


def test_rows_of_a_part_in_the_manifest() -> None:
    with_manifest(lambda content: next(file for file in content["files"] if file["name"] == name_of(PART)).update(rows=7))
    assert told(verify()) == [f"{name_of(PART)}: holds 2 rights, and the manifest lists 7"]


@pytest.mark.parametrize(("of", "what"), [("market", "currency"), ("assumptions", "defaults")])
def test_inputs_in_the_manifest_that_were_changed(of: str, what: str) -> None:
    def change(content: dict[str, Any]) -> None:
        held = content["inputs"][of]["content"]
        if what == "currency":
            held["steps_per_year"] = 4
        else:
            held["defaults"]["trademark"]["royalty_rate"] = 0.5

    with_manifest(change)
    assert f"manifest.json: the hash of its {of} is not that of the {of} it holds: one of them was changed" in told(verify())


def test_options_in_the_manifest_that_were_changed() -> None:
    with_manifest(lambda content: content["options"].update(seed=7))
    assert told(verify()) == ["manifest.json: its fingerprint is not that of its versions, options and inputs: one of them was changed"]


@pytest.mark.parametrize("column", ["mean", "standard_deviation", "q05", "expected_shortfall", "diversification", "diversification_q95"])
def test_a_figure_of_a_group_that_its_paths_do_not_give(column: str) -> None:
    before = pq.read_table("out/groups.parquet")[column][1].as_py()
    changed(Path("out/groups.parquet"), column, 1, before + 1.0)
    (problem,) = told(verify())
    assert problem == f"groups.parquet: {column} of group pharma is {before + 1.0!r}, and totals.arrow gives {before!r}"


def test_rights_of_a_group_that_do_not_add_up() -> None:
    changed(Path("out/groups.parquet"), "assets", 1, 5)
    assert told(verify()) == ["groups.parquet: the whole has 8 rights, and its groups 9 together"]
    assert "groups.parquet: group pharma has 5 rights, and the parts hold 4" in told(verify("--sample", 0.001))


def test_value_that_moved_from_one_group_to_another() -> None:
    values = pq.read_table("out/groups.parquet")["value"].to_pylist()
    changed(Path("out/groups.parquet"), "value", 1, values[1] + 1.0)
    changed(Path("out/groups.parquet"), "value", 2, values[2] - 1.0)
    assert verify().code == 0  # the whole is what it was, and which right is in which group stands in the portfolio
    found = told(verify("--sample", 0.001))
    assert len(found) == 2
    assert found[0].startswith("groups.parquet: value of group pharma is ")


def test_a_sum_on_a_path_that_is_not_that_of_the_groups() -> None:
    changed_total(64 + 3, Decimal("1.000000"))
    found = told(verify())
    assert "totals.arrow: the sum of the whole on path 3 is not that of its groups" in found
    assert any(line.startswith("groups.parquet: mean of group pharma is ") for line in found)


def test_a_portfolio_that_is_gone() -> None:
    Path("portfolio.parquet").rename("portfolio_2026.parquet")
    assert verify().code == 0
    for args in (("--sample", 1), ("--asset", "r1")):
        ran = verify(*args)
        assert (ran.code, ran.out) == (2, "")
        assert "portfolio.parquet: there is no such file or directory" in ran.sentence


def test_a_portfolio_that_changed() -> None:
    pq.write_table(table([{**ROW, "asset_id": "r1"}]), "portfolio.parquet")
    ran = verify("--asset", "r1")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence.endswith("portfolio.parquet: is not what it was when it was valued: put that file back in its place")


def test_a_result_of_another_numerics_version() -> None:
    with_manifest(lambda content: content.update(numerics_version=1, ipvalue="0.0.9"))
    ran = verify()
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "out: was made under numerics_version 1, and this is 2: verify it with ipvalue 0.0.9, or value it again"


def test_an_id_that_is_not_there() -> None:
    ran = verify("--asset", "something else")
    assert (ran.code, ran.out) == (2, "")
    assert ran.sentence == "out: there is no right 'something else' in it"
    assert verify("--asset", "R-3").sentence == "out: there is no right 'R-3' in it: did you mean r3?"
    assert verify("--asset", "r3x").sentence == "out: there is no right 'r3x' in it: did you mean r3?"


def test_an_id_that_was_rejected() -> None:
    ran = verify("--asset", "bad")
    assert (ran.code, ran.out) == (2, "")
    why = "revenue is -1.0: it must be at least 0 and at most 1e+15; correct it or leave it blank"
    assert ran.sentence == f"out: bad was rejected (portfolio.parquet, row 8): {why}"


def test_a_right_in_a_part_that_cannot_be_read() -> None:
    PART.write_bytes(b"damaged")
    assert told(verify("--asset", "r2"))[-1] == "r2: is in none of the parts that can be read"


def test_a_right_that_was_rejected_for_no_reason() -> None:
    """One who drops a right, with all hashes, counts and sums made to fit, is found by the sample alone."""
    iv.value("portfolio.parquet", paths=64, rows_per_task=2, out="out", overwrite=True)
    path = Path("out/assets/part-00003.parquet")
    pq.write_table(pq.read_table(path).slice(0, 1), path)
    rejects = pq.read_table("out/rejects.parquet")
    invented = {**rejects.to_pylist()[0], "row": 7, "asset_id": "r7"}
    pq.write_table(pa.concat_tables([pa.Table.from_pylist([invented], rejects.schema), rejects]), "out/rejects.parquet")
    sealed(name_of(path), "rejects.parquet")

    def counted(content: dict[str, Any]) -> None:
        content["counts"].update(valued=7, rejected=2)
        for file in content["files"]:
            file["rows"] = {name_of(path): 1, "rejects.parquet": 2}.get(file["name"], file["rows"])

    with_manifest(counted)
    assert {line.split(":")[0] for line in told(verify())} == {"groups.parquet"}
    assert "r7: has no row of results, and is valued when it is re-derived" in told(verify("--sample", 1))


@pytest.mark.parametrize("cell", [float("nan"), float("inf"), 1e300])
def test_a_value_that_cannot_be_summed(cell: float) -> None:
    changed(PART, "value", 0, cell)
    assert told(verify()) == [f"{name_of(PART)}: holds a value or a quantile that is no number, or too large to be summed"]


def test_a_file_of_paths_with_other_columns() -> None:
    path = Path("out/paths/part-00001.arrow")
    path.unlink()
    rows = pa.table({"asset_id": ["r2", "r3"]})
    with pa.ipc.new_file(path, rows.schema) as writer:
        writer.write_table(rows)
    sealed("paths/part-00001.arrow")
    assert told(verify()) == ["paths/part-00001.arrow: has other columns than the run's options ask for"]


@pytest.mark.parametrize("name", ["assets/part-00001.parquet", "paths/part-00001.arrow", "groups.parquet", "rejects.parquet", "totals.arrow"])
def test_a_table_that_is_none_with_a_fresh_checksum(name: str) -> None:
    Path("out", name).write_bytes(b"no table")
    sealed(name)
    found = told(verify())
    assert any(line.startswith(f"{name}: cannot be read") for line in found)


def test_many_problems_of_a_kind_are_counted() -> None:
    for number in range(40):
        Path("out", f"{number:02d}.txt").touch()
    found = told(verify())
    assert (len(found), found[-1]) == (11, "and 30 more files too many")


def test_no_results_directory() -> None:
    ran = run("verify", "ou")
    assert (ran.code, ran.out, ran.sentence) == (2, "", "ou: is no results directory (it has no manifest.json): did you mean out?")
