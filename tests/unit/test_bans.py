"""What may not stand in the code, because it would change bits between machines, or tie the project to one of them.

docs/reproducibility.md says why. NumPy's and libm's exp, log and pow, BLAS and LAPACK choose their code by the
processor; what reaches a result is made with ipvalue.ext instead. Synthetic portfolios are input, not results:
synthesize may use what it likes.
"""

from __future__ import annotations

import ast
import io
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve()
FREE = ("synthesize", "report", "calibrate")  # no figure of a result is made there: what is calibrated is input

TRANSCENDENTAL = set(
    "exp exp2 expm1 log log2 log10 log1p pow power float_power logaddexp logaddexp2 cbrt sin cos tan sinh cosh tanh "
    "arcsin arccos arctan arctan2 arcsinh arccosh arctanh asin acos atan atan2 asinh acosh atanh hypot erf erfc gamma "
    "lgamma sinc i0".split()
)
BLAS = set("dot vdot inner outer matmul matvec vecmat vecdot einsum tensordot kron convolve correlate cov corrcoef".split())
NUMPY = TRANSCENDENTAL | BLAS | set("linalg random fft polyfit polyval interp geomspace logspace".split())
MATH = TRANSCENDENTAL | {"sumprod", "dist", "prod"}
ARROW = set("exp expm1 ln ln_checked log10 log1p log2 logb power power_checked sin cos tan atan2".split())
LIBM = TRANSCENDENTAL | {"tgamma", "exp10", "sincos"}


def python_sources() -> list[Path]:
    found = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "ext").rglob("*.py"), *(ROOT / "ext").rglob("*.pyx")]
    return sorted(p for p in found if p.relative_to(ROOT).with_suffix("").parts[1] not in FREE)


def c_sources() -> list[Path]:
    return sorted(p for p in (ROOT / "ext").iterdir() if p.suffix in {".c", ".h", ".inc"} and p.name != "kernel.c")


def tracked_text() -> list[Path]:
    """Every text file under version control; without git (a source distribution) all but what a build makes."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    else:
        made = {".venv", "build", "dist", "results", ".git", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"}
        made |= {".pytest_cache", "ipvalue.egg-info"}
        paths = [p for p in ROOT.rglob("*") if not made & set(p.relative_to(ROOT).parts)]
    return sorted(p for p in paths if p.is_file() and b"\0" not in p.read_bytes()[:8192])


def aliases(tree: ast.Module) -> dict[str, str]:
    """Local name -> what it stands for: np -> numpy, e -> math.exp."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def whole_name(node: ast.expr, names: dict[str, str]) -> str:
    """numpy.linalg.solve for np.linalg.solve; empty where it does not start with an imported name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id in names:
        return ".".join([names[node.id], *reversed(parts)])
    return ""


def banned(dotted: str) -> bool:
    head, *rest = dotted.split(".")
    if head == "scipy":
        return True
    if head == "numpy":
        return bool(rest) and rest[0] in NUMPY
    if head in {"math", "cmath", "libc"}:
        return bool(rest) and rest[-1] in MATH
    if dotted.startswith("pyarrow.compute."):
        return rest[-1] in ARROW
    return head == "random"


def python_problems(tree: ast.Module) -> Iterator[tuple[int, str]]:
    names = aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            dotted = whole_name(node, names)
            if dotted and banned(dotted):
                yield node.lineno, dotted
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in {"scipy", "random"}:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            yield node.lineno, "matrix product @ (BLAS)"
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            # 2**32 and 10.0**-6 are folded; x**2 of an array is a product, but of a float it calls libm's pow
            if not (is_number(node.left) and is_number(node.right)):
                yield node.lineno, "power ** (libm): use ipvalue.ext.kernel.pow, or a product"
        elif isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr == "dot":
                yield node.lineno, ".dot() (BLAS)"
            elif isinstance(function, ast.Name) and function.id == "pow" and "pow" not in names and len(node.args) < 3:
                yield node.lineno, "pow() (libm)"


def is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def without_comments(text: str, suffix: str) -> str:
    """The text with comments blanked, lines kept; docstrings are blanked in Python."""
    if suffix in {".c", ".h", ".inc"}:
        blank = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.DOTALL)
        return re.sub(r"//[^\n]*", "", blank)
    if suffix == ".py":
        lines = text.splitlines()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                row, start = token.start
                lines[row - 1] = lines[row - 1][:start]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
                for row in range(node.lineno - 1, node.end_lineno or node.lineno):
                    lines[row] = ""
        return "\n".join(lines)
    without_docstrings = re.sub(r'"""(.*?)"""', lambda m: "\n" * m.group(0).count("\n"), text, flags=re.DOTALL)
    return re.sub(r"#[^\n]*", "", without_docstrings)


def search(path: Path, patterns: dict[str, str], text: str | None = None) -> list[str]:
    text = path.read_text(encoding="utf-8") if text is None else text
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, why in patterns.items():
            if re.search(pattern, line):
                problems.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}   ({why})")
    return problems


def fail_with(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


# ------------------------------------------------------------------------------------------- the same bits everywhere


def test_results_are_made_without_the_processors_own_exp_log_pow_and_blas() -> None:
    problems = []
    for path in python_sources():
        if path.suffix == ".py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            problems += [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in python_problems(tree)]
        else:
            text = without_comments(path.read_text(encoding="utf-8"), path.suffix)
            names = "|".join(sorted(NUMPY))
            patterns = {
                rf"\bnp\.({names})\b": "NumPy",
                r"\bfrom libc\.math cimport\b": "libm",
                r"\bscipy\b": "SciPy",
                r"\S\s+@\s+\S": "BLAS",
            }
            problems += search(path, patterns, text)
    fail_with(problems)


def test_kernels_call_no_libm_function_that_differs_by_processor() -> None:
    names = "|".join(sorted(LIBM))
    problems = []
    for path in c_sources():
        text = without_comments(path.read_text(encoding="utf-8"), path.suffix)
        problems += search(path, {rf"(?<![\w.>])(__builtin_)?({names})[fl]?\s*\(": "libm: use ext/elementary.h"}, text)
    fail_with(problems)


def test_nothing_is_compiled_with_value_changing_or_machine_bound_options() -> None:
    patterns = {
        r"-Ofast|fast-math|-funsafe-math|-fassociative-math|-freciprocal-math": "changes values",
        r"-ffinite-math|-fno-signed-zeros": "changes values",
        r"fastmath\s*=": "changes values",
        r"(?<!\w)cache\s*=\s*True": "compiled code kept on disk misses edits in other modules",
        r"-ffp-contract=(fast|on)|FP_CONTRACT\s+ON": "fuses where it likes",
        r"-march=native|-mtune=native|-mcpu=native": "bound to the building machine",
        r"(?<!\w)-m(avx|fma|sse4)": "instruction sets are chosen inside the C files",
        r"parallel\s*=\s*True|-fopenmp|#\s*pragma\s+omp|\bprange\b": "one level of parallelism only",
        r"target_clones": "contraction differs between clones",
    }
    build = [ROOT / name for name in ("setup.py", "Makefile", "pyproject.toml")]
    files = [*python_sources(), *c_sources(), *build, *(ROOT / "cli").rglob("*.py")]
    problems = []
    for path in files:
        text = without_comments(path.read_text(encoding="utf-8"), path.suffix)
        problems += search(path, patterns, text)
    assert "-ffp-contract=off" in without_comments((ROOT / "setup.py").read_text(encoding="utf-8"), ".py")
    fail_with(problems)


# ------------------------------------------------------------------------------------------------ bound to no machine


def test_no_file_names_a_package_registry() -> None:
    hosts = (
        "py" + "pi.org",
        "python" + "hosted",
        "ana" + "conda.org",
        "np" + "mjs.org",
        "crates" + ".io",
        "conda" + "-forge.org",
    )
    options = ("--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "--trusted" + "-host")
    patterns = {re.escape(text): "registry" for text in (*hosts, *options)}
    fail_with([problem for path in tracked_text() for problem in search(path, patterns)])


def test_no_file_names_a_path_of_one_machine() -> None:
    places = "|".join(("ho" + "me", "Us" + "ers", "ro" + "ot", "wo" + "rk", "workspace", "tm" + "p", "op" + "t", "mnt"))
    patterns = {
        rf"(?<![\w.~/<>\-*$}}])/({places})/\w": "path of one machine",
        r"\b[A-Z]:\\[A-Za-z]": "path of one machine",
    }
    fail_with([problem for path in tracked_text() if path != HERE for problem in search(path, patterns)])


# ---------------------------------------------------------------------------------------------------- the lint itself


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np\nnp.exp(1)",
        "import numpy as np\nnp.linalg.solve(a, b)",
        "import numpy\nnumpy.power(a, b)",
        "from math import log as ln\nln(2)",
        "from numpy import exp",
        "import scipy.special",
        "import pyarrow.compute as pc\npc.ln(x)",
        "a @ b",
        "a ** 0.5",
        "a.dot(b)",
    ],
)
def test_the_lint_sees(line: str) -> None:
    tree = ast.parse(line)
    imported = [dotted for dotted in aliases(tree).values() if banned(dotted)]
    assert list(python_problems(tree)) or imported


@pytest.mark.parametrize(
    "line",
    ["import numpy as np\nnp.sqrt(2)", "2**32", "a * b", "import math\nmath.ceil(x)", "kernel.exp(x)", "10.0**-6"],
)
def test_the_lint_lets_pass(line: str) -> None:
    assert not list(python_problems(ast.parse(line)))
