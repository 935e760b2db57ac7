"""Who may import whom, and who may know what: read from the sources themselves, nothing is imported.

The layers stand in CONTRIBUTING.md. A module imports lower layers and its own package, nothing else. A module that is
not in the table fails the test: give it a layer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOMES = {"engine": "ipvalue", "ext": "ipvalue.ext", "cli": "ipvalue.cli"}

# Lowest first. Names on one line do not import one another.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("constants", "package", "amounts", "code_cache", "value_curves"),
    ("dealt",),
    ("ext",),
    ("numba_kernel",),
    ("backend",),
    ("schema", "columns", "shown"),
    ("files", "distributions", "absent", "share", "heap"),
    ("intake", "assumptions", "market", "synthesize", "cash_rule"),
    ("tables", "rows"),
    ("rules", "drivers"),
    ("uncertain",),
    ("cashflows", "doubts"),
    ("methods",),
    ("compiled",),
    ("stopping", "totals", "sobol", "replicates"),
    ("ranges",),
    ("simulate",),
    ("lots",),
    ("summary",),
    ("reconcile", "tolerance"),
    ("appraise",),
    ("likeness",),
    ("unchanged", "lending", "scenarios"),
    ("memory",),
    ("options", "storage", "fingerprint", "cluster"),
    ("job", "job_file", "store", "spread", "excel"),
    ("starter",),
    ("receipt",),
    ("task",),
    ("quarantine", "beside", "scenario_tables"),
    ("inputs", "carry"),
    ("work",),
    ("journal", "scenario_work"),
    ("manifest",),
    ("taken_over",),
    ("since",),
    ("execute",),
    ("valuation",),
    ("scenario_run", "calibration"),
    ("loan_book",),
    ("lendable", "overnight", "reverse"),
    ("planning",),
    ("sensitivities", "explain", "speed", "calibrate", "indices"),
    ("verify",),
    ("evidence", "course", "composition", "kinds"),
    ("report",),
    ("serve",),
    ("export",),
    ("public",),
    ("__init__",),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

METHOD_NAMES = ("relief_from_royalty", "licence", "excess_earnings", "incremental_income")
FINANCE = re.compile(r"royalt|tax_|volatil|hazard|salvage|revenue|growth|discount|obsolescence|margin|_fee|cash_?flow")
FILES = {"pathlib", "io", "tempfile", "shutil", "glob", "fsspec", "mmap"}
RANDOM = {"random", "secrets", "numpy.random"}
TASKS = {"dask", "distributed"}


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, where it lies, and its syntax tree."""

    name: str
    path: Path
    is_package: bool
    tree: ast.Module

    @property
    def owner(self) -> str:
        """The top-level module or package of ours that it belongs to."""
        return owner_of(self.name)

    def __str__(self) -> str:
        return str(self.path.relative_to(ROOT))


def owner_of(dotted: str) -> str:
    """ipvalue.schema.columns -> schema; ipvalue -> __init__."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def dotted_name(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    parts = [HOMES[relative.parts[0]], *relative.parts[1:]]
    return ".".join(part for part in parts if part != "__init__")


def read(path: Path) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return Module(dotted_name(path), path, path.name == "__init__.py", tree)


MODULES = [read(path) for home in HOMES for path in sorted((ROOT / home).rglob("*.py"))]
NAMES = {module.name for module in MODULES} | {"ipvalue.ext.kernel"}


@dataclass(frozen=True)
class Import:
    """`target` is the module that is loaded, `name` what is taken out of it (empty for a plain import)."""

    target: str
    name: str
    line: int


def imports(module: Module) -> Iterator[Import]:
    """Every import of a file, also those within functions and under TYPE_CHECKING."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno)
        elif isinstance(node, ast.ImportFrom):
            target = node.module or ""
            if node.level:
                base = module.name.split(".") + ([] if not module.is_package else [""])
                target = ".".join([*base[: len(base) - node.level], *([target] if target else [])])
            for alias in node.names:
                whole = f"{target}.{alias.name}"
                yield Import(whole, "", node.lineno) if whole in NAMES else Import(target, alias.name, node.lineno)


def ours(module: Module) -> Iterator[Import]:
    return (found for found in imports(module) if found.target.split(".")[0] == "ipvalue")


def belongs(found: Import, packages: set[str]) -> bool:
    """True where the import takes one of `packages` or something inside it."""
    whole = f"{found.target}.{found.name}" if found.name else found.target
    return any(whole == package or whole.startswith(package + ".") for package in packages)


def words(module: Module) -> Iterator[tuple[str, int]]:
    """Names, attributes, arguments and strings of the code; docstrings and comments are left out."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value, node.lineno


def takes(module: Module, packages: set[str]) -> list[str]:
    return [f"{module}:{i.line}: imports {i.target} {i.name}" for i in imports(module) if belongs(i, packages)]


def opens(module: Module) -> list[str]:
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    return [f"{module}:{c.lineno}: open()" for c in calls if isinstance(c.func, ast.Name) and c.func.id == "open"]


def speaks(module: Module, pattern: re.Pattern[str]) -> list[str]:
    return [f"{module}:{line}: {word!r}" for word, line in words(module) if pattern.search(word)]


def of(*owners: str) -> list[Module]:
    return [module for module in MODULES if module.owner in owners]


def fail_with(problems: list[str]) -> None:
    assert not problems, "\n" + "\n".join(problems)


# ------------------------------------------------------------------------------------------------------------- layers


def test_every_module_has_a_layer() -> None:
    fail_with([f"{module}: {module.owner} is in no layer" for module in MODULES if module.owner not in RANK])


def test_a_module_imports_only_lower_layers_or_its_own_package() -> None:
    problems = []
    for module in MODULES:
        for found in ours(module):
            other = owner_of(found.target)
            if other == module.owner:
                continue
            if RANK.get(other, 99) >= RANK.get(module.owner, -1):
                problems.append(f"{module}:{found.line}: {module.owner} may not import {other}")
    fail_with(problems)


def test_private_modules_and_names_stay_in_their_package() -> None:
    problems = []
    for module in MODULES:
        for found in ours(module):
            if owner_of(found.target) == module.owner:
                continue
            for part in [*found.target.split("."), found.name]:
                if part.startswith("_") and not part.startswith("__"):
                    problems.append(f"{module}:{found.line}: {part} is private to {owner_of(found.target)}")
    fail_with(problems)


def test_the_modules_of_public_names_hold_nothing_else() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.With)
    found = [(module, node) for module in of("__init__", "public") for node in module.tree.body if isinstance(node, kinds)]
    fail_with([f"{module}:{node.lineno}: definitions belong in modules" for module, node in found])


# ----------------------------------------------------------------------------------------------------- who knows what


def test_kernels_know_arrays_only() -> None:
    """No Arrow, no Dask, no files, no method names: in ext (Cython and C too) and numba_kernel."""
    problems = []
    for module in of("ext", "numba_kernel"):
        problems += takes(module, FILES | TASKS | {"pyarrow", "pandas"})
        problems += opens(module)
    sources = [p for p in (ROOT / "ext").iterdir() if p.suffix in {".pyx", ".pxi", ".pyi", ".c", ".h", ".inc"}]
    modules = r"(pyarrow|dask|distributed)\b"
    patterns = (
        rf"^\s*c?import\s+{modules}",
        rf"^\s*from\s+{modules}",
        r"\bfopen\s*\(",
        rf"\b({'|'.join(METHOD_NAMES)})\b",
    )
    for path in [*sources, *(m.path for m in of("numba_kernel"))]:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for pattern in patterns:
            found = re.search(pattern, text, re.MULTILINE)
            if found:
                problems.append(f"{path.relative_to(ROOT)}: {found.group(0).strip()}")
    fail_with(problems)


def test_methods_know_no_paths_random_numbers_or_files() -> None:
    formats = {f"pyarrow.{name}" for name in ("parquet", "ipc", "dataset", "fs", "csv")}
    problems = []
    for module in of("methods", "cashflows"):
        problems += takes(module, FILES | RANDOM | TASKS | formats | {"os"})
        problems += opens(module)
        problems += speaks(module, re.compile(r"^(ars|seed|paths|n_paths|default_rng)$"))
    fail_with(problems)


def test_execution_and_storage_know_no_finance() -> None:
    problems = []
    owners = ("execute", "store", "storage", "spread", "cluster", "quarantine", "task", "receipt", "journal", "fingerprint")
    for module in of(*owners, "work", "beside", "carry", "taken_over", "since"):
        problems += takes(module, {"ipvalue.cashflows", "ipvalue.stopping"})
        problems += speaks(module, FINANCE)
    fail_with(problems)


def test_commands_compute_nothing() -> None:
    outside = {"numpy", "scipy", "pandas", "math", "statistics", "pyarrow.compute", "dask"}
    inside = {"ipvalue.ext", "ipvalue.constants", "ipvalue.numba_kernel"}
    fail_with([problem for module in of("cli") for problem in takes(module, outside | inside)])


def test_constants_import_nothing_of_ours() -> None:
    allowed = {"__future__", "typing", "math"}
    found = [(module, i) for module in of("constants") for i in imports(module) if i.target not in allowed]
    fail_with([f"{module}:{i.line}: {i.target}" for module, i in found])
