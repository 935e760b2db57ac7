"""The same bits by any compiler, at any optimisation, and on ARM: the kernels' C sources with a small program of their own (compilers.c)."""

from __future__ import annotations

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

BUILDS = {
    "gcc, few optimisations": (["gcc", "-O1"], []),
    "clang": (["clang"], []),
    "gcc for aarch64, emulated": (["aarch64-linux-gnu-gcc"], ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"]),
}
GCC_ALONE = ("-fschedule-insns", "-fsched-pressure")


def _digests(root: Path, folder: Path, compiler: list[str], emulator: list[str]) -> dict[str, str]:
    """The program's digest by instruction set, built with the flags of setup.py."""
    flags = [flag for flag in runpy.run_path(str(root / "setup.py"), run_name="read")["COMPILE"] if "gcc" in compiler[0] or flag not in GCC_ALONE]
    sources = [str(path) for path in sorted((root / "ext").glob("*.c")) if path.name != "kernel.c"]
    program = folder / "bits"
    here = Path(__file__).with_name("compilers.c")
    options = [*flags, *compiler[1:], "-Wno-psabi", "-Werror", "-I", str(root / "ext")]
    subprocess.run([compiler[0], *options, str(here), *sources, "-lm", "-o", str(program)], check=True)
    lines = subprocess.run([*emulator, str(program)], check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.split() for line in lines)


@pytest.fixture(scope="module")
def usual(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of gcc's build, the same by every instruction set."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not there")
    found = _digests(root, tmp_path_factory.mktemp("usual"), ["gcc"], [])
    assert len(set(found.values())) == 1
    return found["baseline"]


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILDS)
def test_a_compiler_changes_no_bit(name: str, usual: str, root: Path, tmp_path: Path) -> None:
    compiler, emulator = BUILDS[name]
    for needed in (compiler[0], *emulator[:1]):
        if not shutil.which(needed):
            pytest.skip(f"{needed} is not there")
    assert set(_digests(root, tmp_path, compiler, emulator).values()) == {usual}
