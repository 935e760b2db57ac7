"""The page of measurements: it renders from a recorded file, and its numbers are those of the turns. The parts of the roofline's count."""

from __future__ import annotations

import copy
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from ipvalue.ext import kernel
from make_page import write
from measuring import Case
from report.aims import AIMS
from report.charts import CHARTS, draw
from report.page import page, recorded, together
from report.sections import SECTIONS
from report.tables import equal_error_table, register_table, roofline_text, speed_table
from roofline import Instruction, counts_of, disassembly, loops, main_loop, path_years

RECORDED = Path(__file__).with_name("recorded.json")


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(dict(together([json.loads(RECORDED.read_text(encoding="utf-8"))])))


def test_every_measurement_has_its_section_and_charts_are_there(tmp_path: Path, document: dict[str, Any]) -> None:
    text = write([RECORDED], tmp_path).read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert [heading.lower() for heading in headings[1:]] == [one["title"].lower() for one in recorded(document).values()]
    charts = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert len(charts) == 6
    for chart in charts:
        assert ElementTree.parse(tmp_path / chart).getroot().tag.endswith("svg")
    assert document["machine_info"]["ipvalue"]["model"] in text
    assert "a core each" in text
    assert "a short run" in text


def test_a_busy_machine_is_told(document: dict[str, Any]) -> None:
    assert "shared the machine" not in page(document, "benchmarks")
    document["machine_info"]["load"] = 3.1
    assert "before the run 3.1: **other work shared the machine**" in page(document, "benchmarks")


def test_sections_stand_in_the_page_s_order_and_unknown_ones_last(document: dict[str, Any]) -> None:
    document["benchmarks"].insert(0, {"name": "test_new", "extra_info": {"title": "new", "peaks": {"1 rights": [1]}}})
    names = list(recorded(document))
    assert names[0] == "test_beside_peers[single]"
    assert names[-1] == "test_new"
    assert names[:-1] == [name for name in SECTIONS if name in names]


def test_every_section_is_a_benchmark_s() -> None:
    """A name that no benchmark has any more would never be shown."""
    source = "".join(path.read_text(encoding="utf-8") for path in RECORDED.parents[1].glob("test_*.py"))
    for name in [*SECTIONS, *CHARTS, *(aim.benchmark for aim in AIMS)]:
        assert f"def {name.partition('[')[0]}(" in source


def answers(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {aim.wish: aim.answer(recorded(document)) for aim in AIMS}


def test_aims_are_met_not_met_or_not_measured(document: dict[str, Any]) -> None:
    found = answers(document)
    assert found["single precision: twice the Numba kernel with SVML"] == ("3.9 times", "met")
    assert found["single precision: twice the best Numba kernel, polynomials of its own"] == ("1.4 times", "**not met**")
    assert found["every feature at once: 60 % of plain"] == ("–", "not measured")
    assert found["single precision: 5 times oneMKL driven from NumPy"] == ("–", "not measured")
    assert found["memory: flat, 10^7 rights at most 1.1 times that of 10^6"] == ("–", "not measured")


def test_aims_that_are_greatest_values(document: dict[str, Any]) -> None:
    by_name = {one["name"]: one["extra_info"] for one in document["benchmarks"]}
    by_name["test_memory"]["peaks"] = {"1,000,000 rights": [100, 120, 110], "10,000,000 rights": [220, 330, 340]}
    register = by_name["test_register"]["register"]
    register["steps"][1].update(rows=register["rows"], peak=3 << 30)
    found = answers(document)
    assert found["memory: flat, 10^7 rights at most 1.1 times that of 10^6"] == ("3.00 times", "**not met**")
    assert found["China's 30,173,000 trademarks on two cores: under 4 GiB"] == ("3.00 GiB", "met")


def test_the_same_measurements_give_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write([RECORDED], tmp_path / name)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 7
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_table_tells_medians_and_ratios_turn_by_turn() -> None:
    ours, theirs = ({"amount": 6e6, "cpu": cpu, "wall": [1.0]} for cpu in ([1.0, 2.0, 3.0], [3.0, 4.0, 12.0]))
    one = {"title": "some", "unit": "path-years", "against": "ours", "cases": {"ours": ours, "theirs": theirs}}
    assert "| ours | 3.0 | 2.0 to 6.0 | 1.000 |" in speed_table(one, "cpu")
    assert "| theirs | 1.5 | 0.5 to 2.0 | 0.333 |" in speed_table(one, "cpu")


def test_what_could_not_be_counted_is_said(document: dict[str, Any], tmp_path: Path) -> None:
    one = next(one for one in document["benchmarks"] if one["name"] == "test_roofline")["extra_info"]
    one["roofline"] = {"v3": "not counted: why", "loops": "not counted: why not"}
    document["machine_info"]["ipvalue"]["maker"] = "another"
    text = page(document, "benchmarks")
    assert "statistics included: not counted: why." in text
    assert "The loops: not counted: why not." in text
    assert "is not known to" in text
    assert draw("test_roofline", recorded(document), document["machine_info"]["ipvalue"], tmp_path).exists()


def test_a_loop_is_told_beside_the_speed_and_the_width() -> None:
    """At 2 GHz and 0.5 G path-years a second a path-year takes 4 cycles, in which 16 instructions could have started, 8 of them on vectors."""
    loop = {"isa": "v4", "precision": "single", "instructions": 100, "vector": 80, "flops": 300, "path_years": 10}
    one = {"clock": [2e9], "roofline": {"v3": "", "loops": [loop]}}
    sets = {"cases": {"v4, single": {"amount": 1e9, "cpu": [2.0, 2.0]}}}
    text = roofline_text(one, sets, {"issue": 4, "vector": 2})
    assert "| v4, single | 10.00 | 8.00 | 30.0 | 4.00 | 4.00 | 100 % | 2.50 | 7.5 |" in text
    assert "| v4, single | 10.00 | 8.00 | 30.0 | – | – | – | – | – |" in roofline_text(one, None, None)


def test_equal_error_is_told_turn_by_turn_and_with_the_boundary() -> None:
    seconds = {"random": [1e-3, 2e-3], "sobol": [1e-5, 4e-5], "boundary": [9e-5, 1e-5]}
    right = {"random": 1000, "sobol": 64, "error": 0.0009, "reported": 0.0, "seconds": seconds}
    assert "| `some` | 1,000 | 1,500 | 64 | 25.0 | 0.090 % | exact | 75 | 50.0 | 26 |" in equal_error_table({"some": right})


def test_a_search_may_take_no_measurable_cpu(document: dict[str, Any]) -> None:
    """The system counts another process's CPU by hundredths of a second, so that a quick search often took none."""
    searches = {"whole id": {"wall": [0.012, 0.010, 0.050], "cpu": [0.0, 0.0, 0.03]}, "nothing": {"wall": [0.001], "cpu": [0.0]}}
    document["benchmarks"].append({"name": "test_serve", "extra_info": {"title": "searches", "searches": searches}})
    text = page(document, "benchmarks")
    assert "| whole id | 12.0 | 50.0 | 10.0 |" in text
    assert "| nothing | 1.0 | 1.0 | 0.0 |" in text


def test_a_slice_is_scaled_to_the_register(document: dict[str, Any]) -> None:
    steps = [{"step": "value", "rows": 10, "seconds": 360.0, "cpu": 700.0, "peak": 1 << 30, "disk": 1 << 20}]
    text = register_table({"steps": steps, "rows": 1000, "workers": 2})
    assert "| the same for 1,000 rights, by that slice | 36,000 | 70,000 | | 100 |" in text
    assert "10.0 hours on 2 workers" in text


def test_a_file_of_something_else_is_refused(document: dict[str, Any]) -> None:
    document["benchmarks"] = document["benchmarks"][-1:]
    with pytest.raises(ValueError, match="no measurements of ours"):
        page(document, "benchmarks")


def test_runs_of_one_machine_are_put_together(document: dict[str, Any]) -> None:
    again = copy.deepcopy(document)
    again["commit_info"]["id"] = "f" * 40
    again["benchmarks"] = [{"name": "test_memory", "extra_info": {"title": "again", "peaks": {"1 rights": [1]}}}]
    both = together([document, again])
    assert recorded(both)["test_memory"]["title"] == "again"
    assert len(both["benchmarks"]) == len(document["benchmarks"])
    assert f"{document['commit_info']['id'][:12]}, changed and ffffffffffff, changed" in page(both, "benchmarks")
    again["machine_info"]["ipvalue"]["full"] = True
    with pytest.raises(ValueError, match="kinds of run"):
        together([document, again])


def test_a_turn_counts_what_its_process_works() -> None:
    case = Case(lambda: sum(range(300_000)), 1.0)
    case.turn()
    assert len(case.cpu) == len(case.wall) == 1
    assert case.cpu[0] > 0


@pytest.mark.parametrize(
    ("name", "operands", "flops"),
    [
        ("vfmadd231ps", "%zmm1,%zmm2,%zmm3", 32),
        ("vfnmadd213pd", "(%rax),%ymm2,%ymm3", 8),
        ("vaddps", "%xmm1,%xmm2,%xmm3", 4),
        ("vsqrtss", "%xmm1,%xmm2,%xmm3", 1),
        ("vpaddd", "%zmm1,%zmm2,%zmm3", 0),
        ("vmovups", "(%rax),%zmm1", 0),
    ],
)
def test_operations_of_an_instruction(name: str, operands: str, flops: int) -> None:
    assert Instruction(name, operands).flops == flops


def test_only_innermost_loops_are_taken() -> None:
    body = {0: Instruction("nop", ""), 1: Instruction("vaddps", "%zmm0"), 2: Instruction("jne", "1 <f+1>"), 3: Instruction("jmp", "0 <f>")}
    assert [[one.name for one in loop] for loop in loops(body)] == [["vaddps", "jne"]]


def test_the_main_loop_is_that_of_the_built_kernels() -> None:
    """It must hold most of what the kernel executes: 32 or 64 path-years a turn in single precision, between one and fifteen instructions each."""
    if shutil.which("objdump") is None:
        pytest.skip("objdump is not installed")
    functions = disassembly()
    for isa, each in (("v3", 32), ("v4", 64)):
        if isa in kernel.instruction_sets():
            found = main_loop(functions, isa, "single")
            assert found["path_years"] == each
            assert each < found["vector"] <= found["instructions"] < 15 * each
            assert found["flops"] > 30 * each
    with pytest.raises(RuntimeError, match="no longer fits"):
        main_loop(functions, "v9", "single")


def test_path_years_of_a_turn_are_its_normals() -> None:
    loop = [Instruction("vsqrtps", "%zmm1,%zmm1"), Instruction("vsqrtps", "%zmm0,%zmm13"), Instruction("vaddps", "%zmm0,%zmm1,%zmm2")]
    assert path_years(loop, 32) == 64
    assert path_years([Instruction("vsqrtpd", "%ymm1,%ymm1")], 64) == 8


def test_calls_are_not_counted_with_their_caller() -> None:
    lines = [f"ob=(1) {kernel.__file__}\n", "0x10 0 5\n", "+4 * 5\n", "calls=5 0x99 0\n", "* * 700\n", "* * 2\n", "ob=(2) other\n", "0x10 0 9\n"]
    assert counts_of(lines) == {0x10: 5, 0x14: 7}
