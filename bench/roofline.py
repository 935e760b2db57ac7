"""Instructions and floating-point operations a path-year, on the reference workload.

python bench/roofline.py            counts and prints

From the disassembly, for the sets v3 and v4 and both precisions: the loop that walks paths through the periods, per turn. From callgrind, for v3 in
single precision: everything that is executed, statistics and all. Callgrind knows no AVX-512: it runs with IPVALUE_ISA=v3 and with NumPy's and
glibc's AVX-512 masked. Two runs with different numbers of assets are subtracted, so that starting Python does not count; every executed address is
looked up in the disassembly. Where valgrind or objdump is missing, that is said.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipvalue.ext import kernel
from reference_engine import engine_reference
from workload import PATHS, YEARS, reference_assets

FEW, MANY = 2, 34
"""Assets of the two counted runs."""
WALK = "plain"
"""The function of ext/paths_impl.h that walks rights with a factor and lapse and nothing else, as those of the reference workload are."""
SETS = ("v3", "v4")
BITS = {"single": 32, "double": 64}

LANES = {"zmm": 64, "ymm": 32, "xmm": 16}
FUSED = re.compile(r"vfn?m(add|sub)(sub|add)?\d*(ps|pd|ss|sd)$")
PLAIN = re.compile(r"v?(add|sub|mul|div|sqrt|min|max)(ps|pd|ss|sd)$")


@dataclass(frozen=True)
class Instruction:
    """One line of the disassembly."""

    name: str
    operands: str

    @property
    def flops(self) -> int:
        """Floating-point operations of one execution, a fused multiplication and addition being two."""
        found = FUSED.match(self.name) or PLAIN.match(self.name)
        if not found:
            return 0
        kind = found.groups()[-1]
        each = 2 if FUSED.match(self.name) else 1
        if kind in ("ss", "sd"):
            return each
        return each * (self.bytes_wide or 16) // (4 if kind == "ps" else 8)

    @property
    def bytes_wide(self) -> int:
        """Of the vectors that it works on; 0 where it touches none."""
        return max((LANES[name] for name in LANES if name in self.operands), default=0)

    @property
    def target(self) -> int | None:
        """Where a jump goes."""
        found = re.match(r"j\w+\s+([0-9a-f]+)", f"{self.name} {self.operands}")
        return int(found.group(1), 16) if found else None


def missing(*tools: str) -> str | None:
    """What cannot be done for want of a tool."""
    absent = [tool for tool in tools if shutil.which(tool) is None]
    return f"not counted: {' and '.join(absent)} not installed" if absent else None


def disassembly() -> dict[str, dict[int, Instruction]]:
    """Of the compiled kernels: each function's instructions by address."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", kernel.__file__], capture_output=True, text=True, check=True).stdout
    functions: dict[str, dict[int, Instruction]] = {}
    body: dict[int, Instruction] = {}
    for line in text.splitlines():
        if head := re.match(r"([0-9a-f]+) <(.+)>:$", line):
            body = functions.setdefault(f"{head.group(2)}@{head.group(1).lstrip('0')}", {})
        elif found := re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)$", line):
            body[int(found.group(1), 16)] = Instruction(found.group(2), found.group(3))
    return functions


# ------------------------------------------------------------------------------------------------------- v3, counted


def _masked() -> dict[str, str]:
    """An environment in which nothing uses AVX-512."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    wide = [name for name in found if name.startswith(("AVX512", "X86_V4"))]
    hidden = ",".join(f"-{name}" for name in ("AVX512F", "AVX512VL", "AVX512BW", "AVX512DQ", "AVX512CD"))
    masks = {"IPVALUE_ISA": "v3", "NPY_DISABLE_CPU_FEATURES": " ".join(wide), "OPENBLAS_CORETYPE": "Haswell"}
    return {**os.environ, **masks, "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={hidden}"}


def _executed(assets: int, folder: Path) -> Counter[int]:
    """How often each address of the kernels was executed, with so many assets."""
    out = folder / f"callgrind.{assets}"
    command = ["valgrind", "--tool=callgrind", "--dump-instr=yes", f"--callgrind-out-file={out}", sys.executable, __file__, "--work", str(assets)]
    done = subprocess.run(command, env=_masked(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"callgrind ended with {done.returncode}: {done.stderr[-500:]}")
    with out.open(encoding="utf-8") as lines:
        return counts_of(lines)


def counts_of(lines: Iterable[str]) -> Counter[int]:
    """The counts of a callgrind file's lines of our object: address (absolute, relative or the same), source line, count."""
    counts: Counter[int] = Counter()
    names: dict[str, str] = {}
    ours, address, called = False, 0, False
    for line in lines:
        if found := re.match(r"ob=(\(\d+\))(?: (.*))?$", line):
            number, name = found.groups()
            names.setdefault(number, name or "")
            ours = Path(names[number]).name == Path(kernel.__file__).name
        elif line.startswith("cob="):
            if found := re.match(r"cob=(\(\d+\)) (.*)$", line):
                names[found.group(1)] = found.group(2)
        elif line.startswith("calls="):
            called = True
        elif found := re.match(r"(0x[0-9a-f]+|[+-]\d+|\*) (\S+)(?: (\d+))?$", line):
            place = found.group(1)
            address = int(place, 16) if place.startswith("0x") else address + (0 if place == "*" else int(place))
            if ours and not called:
                counts[address] += int(found.group(3) or 0)
            called = False
    return counts


def counted() -> dict[str, Any]:
    """v3: instructions and floating-point operations a path-year, all statistics included, and the functions they stand in."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = (_executed(assets, Path(folder)) for assets in (FEW, MANY))
    path_years = (MANY - FEW) * PATHS * YEARS
    functions, flops, instructions = Counter[str](), 0, 0
    for name, body in disassembly().items():
        times = {address: many[address] - few[address] for address in body}
        functions[name.partition("@")[0]] += sum(times.values())
        instructions += sum(times.values())
        flops += sum(body[address].flops * count for address, count in times.items())
    largest = {name: count / path_years for name, count in functions.most_common(6)}
    return {"instructions": instructions / path_years, "flops": flops / path_years, "functions": largest}


# --------------------------------------------------------------------------------------------------------- from the loops


def loops(body: Mapping[int, Instruction]) -> list[list[Instruction]]:
    """The innermost loops of a function: from the target of a jump back to the jump, none inside another."""
    spans = sorted({(one.target, address) for address, one in body.items() if one.target is not None and one.target <= address})
    inner = [span for span in spans if not any(span[0] <= a and b <= span[1] for a, b in spans if (a, b) != span)]
    return [[one for address, one in body.items() if low <= address <= high] for low, high in inner]


def path_years(loop: Iterable[Instruction], bits: int) -> int:
    """What one turn of a loop walks: Box and Muller take one square root for two normals, and a path-year takes one normal."""
    return sum(2 * 8 * one.bytes_wide // bits for one in loop if one.name.startswith("vsqrtp"))


def main_loop(functions: Mapping[str, Mapping[int, Instruction]], isa: str, precision: str) -> dict[str, Any]:
    """The loop of a set and precision that walks most path-years a turn: what a turn executes. RuntimeError where there is none."""
    bits = BITS[precision]
    function = f"{WALK}_f{bits}_{isa}"
    found = [loop for name, body in functions.items() if name.partition("@")[0] == function for loop in loops(body)]
    if not found or not path_years(best := max(found, key=lambda loop: path_years(loop, bits)), bits):
        raise RuntimeError(f"no loop of {function} in {kernel.__file__} takes square roots: bench/roofline.py no longer fits ext/paths_impl.h")
    return {
        "isa": isa,
        "precision": precision,
        "instructions": len(best),
        "vector": sum(one.bytes_wide > 0 for one in best),
        "flops": sum(one.flops for one in best),
        "path_years": path_years(best, bits),
    }


def from_loops() -> list[dict[str, Any]]:
    """The main loops of the sets that are built, in both precisions."""
    functions = disassembly()
    return [main_loop(functions, isa, precision) for isa in SETS if isa in kernel.instruction_sets() for precision in BITS]


def roofline(count: bool = True) -> dict[str, Any]:
    """What can be found here, v3's count by callgrind only where asked; what cannot is said in words."""
    return {"v3": callgrind() if count else "not counted: the full run does", "loops": missing("objdump") or from_loops()}


def callgrind() -> dict[str, Any] | str:
    """`counted`, or why it cannot be."""
    if "v3" not in kernel.instruction_sets():
        return "not counted: v3 is not built"
    return missing("valgrind", "objdump") or counted()


def main() -> int:
    if "--work" in sys.argv:
        engine_reference(reference_assets(int(sys.argv[-1])), PATHS)()
        return 0
    for name, found in roofline().items():
        print(f"{name}: {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
