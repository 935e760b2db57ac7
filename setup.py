"""Build of the one extension module, `ipvalue.ext.kernel`; everything else stands in pyproject.toml.

Before anything is compiled, `ext/constants.h` is written from `engine/constants.py`, so that the C kernel, the oracle
and the Numba kernel read the same numbers. That module is executed as a file: the package need not be importable yet.
"""

from __future__ import annotations

import math
import os
import runpy
import struct
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, ExecError, PlatformError

ROOT = Path(__file__).parent.resolve()
os.chdir(ROOT)  # setuptools wants paths relative to the project

CONSTANTS = Path("engine/constants.py")
HEADER = Path("ext/constants.h")

# What may change a value is not here: no -ffast-math nor any part of it that reorders, fuses, approximates or flushes.
# Contraction is off, fma is written out; integers wrap. -fno-math-errno and -fno-trapping-math change no value; they let
# the compiler vectorise square roots and selections. Instruction sets are chosen inside the C files; the build is for the baseline.
COMPILE = [
    "-O3",
    "-std=c11",
    "-ffp-contract=off",
    "-fwrapv",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fschedule-insns",
    "-fsched-pressure",
    "-fvisibility=hidden",
    "-g0",  # Python's own flags ask for debugging information, which is 40 % of the time it takes to compile
]
WARNINGS = ["-Wall", "-Wextra", "-Wno-psabi"]  # psabi: vectors are passed within one file only
CYTHON_NOISE = ["-Wno-unused-function", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-Wno-sign-compare"]
if os.environ.get("IPVALUE_WERROR"):
    WARNINGS.append("-Werror")


# -------------------------------------------------------------------------------------------------------- constants.h


def integer_literal(value: int) -> str:
    """One integer as a C literal: an int, or else 64 bits wide, so that products do not wrap at 32."""
    if -(2**31) < value < 2**31:
        return str(value) if value >= 0 else f"({value})"
    if 0 <= value < 2**64:
        return f"0x{value:X}ULL"
    if -(2**63) < value < 0:
        return f"({value}LL)"
    raise ValueError(f"{value} does not fit 64 bits")


def double_literal(value: float) -> str:
    """One double as a hexadecimal C literal: no digit is rounded on the way."""
    if math.isnan(value):
        raise ValueError("NaN is no constant")
    if math.isinf(value):
        return "HUGE_VAL" if value > 0 else "(-HUGE_VAL)"
    return value.hex() if math.copysign(1.0, value) > 0 else f"({value.hex()})"


def float_literal(name: str, value: float) -> str:
    """One binary32 literal; refused where the constant is not a binary32 number already."""
    if math.isinf(value):
        return double_literal(value).replace("HUGE_VAL", "HUGE_VALF")
    if struct.unpack("<f", struct.pack("<f", value))[0] != value:
        raise ValueError(f"{name}: {value!r} ({value.hex()}) is not exact in single precision")
    text = double_literal(value)
    return text[:-1] + "f)" if text.endswith(")") else text + "f"


def array_type(values: tuple[int, ...]) -> str:
    low, high = min(values), max(values)
    for ctype, least, greatest in (
        ("int32_t", -(2**31), 2**31 - 1),
        ("uint32_t", 0, 2**32 - 1),
        ("int64_t", -(2**63), 2**63 - 1),
        ("uint64_t", 0, 2**64 - 1),
    ):
        if least <= low and high <= greatest:
            return ctype
    raise ValueError(f"{low}..{high} fits no 64-bit type")


def declaration(name: str, value: object) -> str | None:
    """The C line of one constant, or None where it is of no use to C (text, mappings).

    bool, int, float -> #define; a tuple of them -> static const array and NAME_COUNT. A name with F32 among its parts
    (EXP_F32, F32_LOG) is binary32 and must be exact there.
    """
    single = "F32" in name.split("_")
    if isinstance(value, bool):
        return f"#define {name} {int(value)}"
    if isinstance(value, int) and not single:
        return f"#define {name} {integer_literal(value)}"
    if isinstance(value, (int, float)):
        return f"#define {name} {float_literal(name, float(value)) if single else double_literal(float(value))}"
    if isinstance(value, tuple) and value and all(type(v) in {int, float} for v in value):
        if single:
            ctype, cells = "float", [float_literal(name, float(v)) for v in value]
        elif all(isinstance(v, int) for v in value):
            ctype, cells = array_type(value), [integer_literal(v) for v in value]
        else:
            ctype, cells = "double", [double_literal(float(v)) for v in value]
        body = ",\n    ".join(cells)
        return f"#define {name}_COUNT {len(value)}\nstatic const {ctype} {name}[{len(value)}] = {{\n    {body}}};"
    return None


def constants_header(module: dict[str, object]) -> str:
    """The text of ext/constants.h: every upper-case public name of engine/constants.py, in the order of the file."""
    lines = [
        "/* Written by setup.py from engine/constants.py at every build. Do not edit. */",
        "#ifndef IPVALUE_CONSTANTS_H",
        "#define IPVALUE_CONSTANTS_H",
        "#include <math.h>",
        "#include <stdint.h>",
        "",
    ]
    for name, value in module.items():
        if name.isupper() and not name.startswith("_"):
            line = declaration(name, value)
            if line is not None:
                lines.append(line)
    return "\n".join([*lines, "", "#endif", ""])


def write_header() -> None:
    """Writes ext/constants.h where it differs: an untouched header leaves the object files alone."""
    text = constants_header(runpy.run_path(str(CONSTANTS)))
    if not HEADER.exists() or HEADER.read_text(encoding="ascii") != text:
        HEADER.write_text(text, encoding="ascii")


# ---------------------------------------------------------------------------------------------------------- extension


def extension() -> list[Extension]:
    """`ipvalue.ext.kernel`: ext/kernel.pyx and every ext/*.c but Cython's output; any header rebuilds it."""
    from Cython.Build import cythonize

    sources = sorted(str(p) for p in Path("ext").glob("*.c") if p.name != "kernel.c")
    headers = sorted(str(p) for pattern in ("*.h", "*.inc", "*.pxi") for p in Path("ext").glob(pattern))
    kernel = Extension(
        "ipvalue.ext.kernel",
        sources=["ext/kernel.pyx", *sources],
        include_dirs=["ext"],
        depends=headers,
        extra_compile_args=[*COMPILE, *WARNINGS, *CYTHON_NOISE],
        libraries=["m"],
        optional=True,
    )
    return cythonize(
        [kernel],
        build_dir="build/cython",
        compiler_directives={"language_level": 3},
    )


class BuildKernels(build_ext):
    """Compiles the C files side by side, on all cores.

    Where no C compiler is found the package is built without its C kernels, and says so. A fault in C that can be compiled ends the build.
    """

    def build_extensions(self) -> None:
        one_by_one = self.compiler.compile

        def side_by_side(sources: list[str], *args: object, **options: object) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = pool.map(lambda source: one_by_one([source], *args, **options), sources)
                return [path for of_one in objects for path in of_one]

        self.compiler.compile = side_by_side
        super().build_extensions()

    def build_extension(self, extension: Extension) -> None:
        extension.optional = not self.can_compile()
        if extension.optional:
            print(NOT_COMPILED, file=sys.stderr)
        else:
            super().build_extension(extension)

    def can_compile(self) -> bool:
        """Whether a C file that does nothing, with Python's headers, can be compiled and linked."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "nothing.c"
            source.write_text("#include <Python.h>\nint main(void) { return 0; }\n", encoding="ascii")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, include_dirs=self.include_dirs)
                self.compiler.link_shared_object(objects, str(Path(folder) / "nothing.so"))
            except (CCompilerError, ExecError, PlatformError, OSError):
                return False
        return True


NOT_COMPILED = """
ipvalue: the C kernels are not built, for no C compiler with Python's headers works here. Numba's kernels take their place: the same results, slower.
To have them, install a C compiler (gcc) and Python's headers (python3-dev) and then ipvalue again.
"""


if __name__ == "__main__":
    write_header()
    setup(
        packages=["ipvalue", *("ipvalue." + p for p in find_packages("engine")), "ipvalue.ext", "ipvalue.cli"],
        package_dir={"ipvalue": "engine", "ipvalue.ext": "ext", "ipvalue.cli": "cli"},
        include_package_data=False,
        package_data={
            "": ["*.pyi", "*.toml", "*.j2", "py.typed"],
            "ipvalue": ["py.typed", "assumptions/*.toml", "data/*", "starter/*.csv", "starter/*.md"],
            "ipvalue.report": ["templates/*"],
            "ipvalue.serve": ["templates/*"],
            "ipvalue.ext": ["*.pyi"],
        },
        ext_modules=extension(),
        cmdclass={"build_ext": BuildKernels},
        zip_safe=False,
    )
