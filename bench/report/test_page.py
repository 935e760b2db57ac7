"""The page of measurements: it renders from a recorded file, and its numbers are those of the turns. The parts of the roofline's count."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from ipvalue.ext import kernel
from make_page import write
from measuring import Case
from report.page import page, recorded, speed_table
from roofline import Instruction, counts_of, loops

RECORDED = Path(__file__).with_name("recorded.json")


@pytest.fixture
def document() -> dict[str, Any]:
    return copy.deepcopy(json.loads(RECORDED.read_text(encoding="utf-8")))


def test_every_measurement_has_its_section_and_charts_are_there(tmp_path: Path, document: dict[str, Any]) -> None:
    text = write(RECORDED, tmp_path).read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert [heading.lower() for heading in headings] == [one["title"].lower() for one in recorded(document).values()]
    charts = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert len(charts) == 2
    for chart in charts:
        assert ElementTree.parse(tmp_path / chart).getroot().tag.endswith("svg")
    assert document["machine_info"]["ipvalue"]["model"] in text
    assert "a core each" in text


def test_the_same_measurements_give_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(RECORDED, tmp_path / name)
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 3
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_table_tells_medians_and_ratios_turn_by_turn() -> None:
    ours, theirs = ({"amount": 6e6, "cpu": cpu, "wall": [1.0]} for cpu in ([1.0, 2.0, 3.0], [3.0, 4.0, 12.0]))
    one = {"title": "some", "unit": "path-years", "against": "ours", "cases": {"ours": ours, "theirs": theirs}}
    assert "| ours | 3.0 | 2.0 to 6.0 | 1.000 |" in speed_table(one, "cpu")
    assert "| theirs | 1.5 | 0.5 to 2.0 | 0.333 |" in speed_table(one, "cpu")


def test_loops_of_v4_are_told_where_there_are_any(document: dict[str, Any]) -> None:
    found = [{"function": "enter_f32_v4", "instructions": 60, "wide": 50, "flops": 640}]
    next(one for one in document["benchmarks"] if one["name"] == "test_roofline")["extra_info"]["roofline"] = {"v3": "not counted: why", "v4": found}
    text = page(document, "benchmarks")
    assert "v3: not counted: why." in text
    assert "| `enter_f32_v4` | 60 | 50 | 640 |" in text


def test_a_file_of_something_else_is_refused(document: dict[str, Any]) -> None:
    document["benchmarks"] = document["benchmarks"][-1:]
    with pytest.raises(ValueError, match="no measurements of ours"):
        page(document, "benchmarks")


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


def test_calls_are_not_counted_with_their_caller() -> None:
    lines = [f"ob=(1) {kernel.__file__}\n", "0x10 0 5\n", "+4 * 5\n", "calls=5 0x99 0\n", "* * 700\n", "* * 2\n", "ob=(2) other\n", "0x10 0 9\n"]
    assert counts_of(lines) == {0x10: 5, 0x14: 7}
