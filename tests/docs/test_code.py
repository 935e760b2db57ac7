"""All code of the documentation runs: commands end well, Python raises nothing, TOML is taken by what reads it, and what a page prints comes out.

Every page is played in a directory of its own (tests/page_world.py), from its first block to its last. IPVALUE_PAGES=update writes what is printed
now into the pages; run it until it passes, and look at the difference.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import page_world
import pytest
from commandline import run
from page_code import Block, blocks, shell_lines, words

import ipvalue
from ipvalue.assumptions import load_assumptions
from ipvalue.job_file import load_job
from ipvalue.lending.policy import load_policies
from ipvalue.lending.pool_file import load_cut
from ipvalue.lending.ratings import load_ratings
from ipvalue.lending.sharing import load_programmes
from ipvalue.scenarios import load_scenarios
from pages.commands import commands
from pages.sources import ROOT, name_of, pages

AS_TYPED = ("docs/tutorial.md", "docs/guides/lender.md", "docs/guides/overnight.md")
"""Pages whose commands are run as they stand, and what they print is compared with the page; elsewhere sizes are made small."""

SIMULATES = "ipvalue (value|scenarios|sensitivities|lend|reverse|plan [^ ]*parquet) "
QUICK = ((r"--assets \d+", "--assets 500"), (r"--paths \d+", "--paths 64"), (r"--sample 0.001", "--sample 0.5"))

DRIVER = "growth"
FEW = SimpleNamespace(**{name: getattr(ipvalue, name) for name in ipvalue.__all__})
FEW.sensitivities = partial(ipvalue.sensitivities, drivers=[DRIVER])
"""The package as pages know it that do not import it; all drivers take a quarter of a second each."""

ELSEWHERE = {
    r"(s3|tcp|tls)://|/shared/": "tests/reproducibility/test_many_machines.py and test_s3.py; here only read as a command",
    r"^(dask|export|openssl|aws)\b": "a cluster's, a certificate's or a store's own commands",
    r"^pip install": "the environment of the tests",
    r"^make (?!run$)|^make$": "CI's own steps",
    r"^\. \.venv": "the shell's",
    r"^python examples/us_drugs/extract.py": "takes the public tables, which are not shipped",
    r"^python examples/us_drugs/(build.py$|chart.py)": "would write into the checkout: tests/unit/test_us_drugs.py",
    r"^ipvalue serve ": "answers until it is stopped: tests/commands/test_serve.py",
    r"^ipvalue --(install|show)-completion": "writes for the reader's shell: tests/commands/test_terminal.py",
    r"^ipvalue init \.$": "takes an empty directory: tests/commands/test_init.py",
    r"--rule royalties": "compiles for long: tests/published/test_worked_examples.py",
    r"\[OPTIONS\]|PORTFOLIO|…|software,trademark|results/2025|^ipvalue bench": "a pattern, results of other years, or a benchmark",
}
"""Lines that are not run here, and who answers for them."""

PAGES = [page for page in pages() if any(True for _ in blocks(page))]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    """The current directory: what the pages speak of."""
    page_world.build(tmp_path, ROOT)
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        yield tmp_path
    finally:
        os.chdir(before)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_code_of_a_page(page: Path, world: Path) -> None:
    name, known = name_of(page), {"iv": FEW, "ipvalue": FEW}
    for line in page_world.SETUP.get(name, ()):
        typed(quick(line))
    printed = ""
    for block in blocks(page):
        where = f"{name}:{block.line}"
        if block.file:
            (world / block.file).write_text(block.text, encoding="utf-8")
        match block.language:
            case "python" if not block.text.startswith("# file: "):
                with contextlib.redirect_stdout(io.StringIO()) as said:
                    exec(compile(block.text, where, "exec"), known)
                printed = said.getvalue()
            case "toml":
                take(block, world)
            case "sh" | "":
                lines = [line for line in shell_lines(block) if not elsewhere(line)]
                printed = "".join(typed(line if name in AS_TYPED else quick(line)) for line in lines)
                if block.language == "":
                    take_indented(block, world)
            case "text" if name in AS_TYPED:
                if steady(block.text) not in steady(printed) and os.environ.get("IPVALUE_PAGES") == "update":
                    replace(page, block, printed)
                assert steady(block.text) in steady(printed), where


# ------------------------------------------------------------------------------------------------ commands


def replace(page: Path, block: Block, printed: str) -> None:
    """Writes what came out into the page, in the place of what it shows."""
    now = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    page.write_text(page.read_text(encoding="utf-8").replace(block.text, now), encoding="utf-8")


def quick(line: str) -> str:
    """The command with less to do."""
    for size, small in QUICK:
        line = re.sub(size, small, line)
    if re.match("ipvalue sensitivities ", line) and not re.search("--drivers|--indices", line):
        line += " --drivers " + ("discount" if "--swing" in line else DRIVER)
    few = re.match(SIMULATES, line) and not re.search("--paths|--list|--show", line)
    return f"{line} --paths 64" if few else line


def elsewhere(line: str) -> bool:
    """Whether a line is not run here; a command of ipvalue must be one all the same."""
    if not any(re.search(pattern, line) for pattern in ELSEWHERE):
        return False
    if line.startswith("ipvalue ") and not re.search(r"OPTIONS|PORTFOLIO|…|ipvalue --", line):
        _, name, *arguments = words(line)
        commands()[name].make_context(name, arguments)
    return True


def typed(line: str) -> str:
    """What a command prints; where it would find an earlier result in its way, that goes first. It must end well."""
    if line == "make run":
        return "".join(typed(one) for one in made())
    line = re.sub(r"\$\((.+?)\)", lambda inner: typed(inner[1]).strip(), line)
    program, *arguments = words(line)
    if program == "python":
        subprocess.run([sys.executable, *arguments], check=True)
        return ""
    assert program == "ipvalue", line
    if arguments and not {"--resume", "--overwrite"} & {*arguments}:
        remove(arguments)
    ran = run(*arguments, columns=100)
    assert ran.code == 0, f"{line}\n{ran.err}"
    return ran.out


def remove(arguments: list[str]) -> None:
    """Removes what an earlier command left where this one writes."""
    written = [arguments[place + 1] for place, word in enumerate(arguments) if word in ("--out", "--loans")]
    writes = arguments[0] in ("value", "scenarios", "sensitivities", "lend") and not {"--list", "--show"} & {*arguments}
    if not written and writes and Path("results/manifest.json").exists():
        written = ["results"]
    for there in map(Path, written):
        if there.is_dir():
            shutil.rmtree(there)
        else:
            there.unlink(missing_ok=True)


def made() -> list[str]:
    """The commands of ipvalue that `make run` runs."""
    said = subprocess.run(["make", "--dry-run", "--always-make", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = re.sub(r"\\\n\s*", "", said).splitlines()
    return [line.replace(".venv/bin/", "") for line in lines if line.startswith(".venv/bin/ipvalue")]


def steady(text: str) -> str:
    """Printed text without what differs from run to run and from machine to machine: times, workers, kernels, and how many parts."""
    text = re.sub(r"in [\d.]+ s\b|took  .*|\((v\d|baseline)\)|\d+ (listed|beside|parts)|with the .* kernels", "…", text)
    return "\n".join(line.rstrip() for line in text.splitlines())


PRINTED_ELSEWHERE = ("docs/methods/", "docs/rules.md", "docs/worked_example.md", "docs/sensitivities.md")
"""Pages whose blocks of text others hold: tests/published/test_worked_examples.py, and tests/commands/test_indices.py."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_is_passed_over(page: Path) -> None:
    """Each is of a kind that some test runs, reads or compares; an equation is the site's to show."""
    for block in blocks(page):
        assert block.language in ("", "sh", "python", "toml", "text", "csv", "math"), f"{name_of(page)}:{block.line}"
        if block.language == "text":
            assert name_of(page) in AS_TYPED or name_of(page).startswith(PRINTED_ELSEWHERE), f"{name_of(page)}:{block.line}"


def test_every_excuse_is_needed() -> None:
    lines = [line for page in PAGES for block in blocks(page) if block.language in ("", "sh") for line in shell_lines(block)]
    for pattern in ELSEWHERE:
        assert any(re.search(pattern, line) for line in lines), pattern


# ------------------------------------------------------------------------------------------------ TOML

READERS: dict[str, Any] = {
    "valuation_date": ipvalue.load_market,
    "scenario": load_scenarios,
    "rating": load_ratings,
    "programme": load_programmes,
    "policy": load_policies,
    "pool": load_cut,
    "portfolio": load_job,
    "defaults": load_assumptions,
}
"""What takes a file, by a key that only such a file has."""


def take(block: Block, world: Path) -> None:
    """Gives a block to what reads such files; examples of valuations are tests/published/test_worked_examples.py's."""
    if re.match(r"# (example|assumptions|expected): ", block.text):
        return
    content = tomllib.loads(block.text)
    if "scenario" in content:
        given = content["scenario"]
        content["scenario"] = given if isinstance(given, list) else [{"name": "shown", **given}]  # shocks alone
        load_scenarios(content)
        return
    (reader,) = (reader for key, reader in READERS.items() if key in content)
    (world / "shown.toml").write_text(block.text, encoding="utf-8")
    reader(world / "shown.toml")


def take_indented(block: Block, world: Path) -> None:
    """The same of an indented block, where it is TOML of such a file."""
    with contextlib.suppress(tomllib.TOMLDecodeError):
        if {*READERS} & {*tomllib.loads(block.text)}:
            take(block, world)
