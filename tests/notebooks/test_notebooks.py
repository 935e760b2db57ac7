"""The notebooks of examples/ run from the first cell to the last, and are kept without what they gave."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))

SHOWN = {
    "first_valuation": ["486 of 486", "is whole", "diversification", "cardiovascular"],
    "stress_study": ["royalty compression", "combined crisis at ", "paired", "cardiovascular royalties fall"],
    "own_rule": ["1 of 1 rights valued", "volatility 60%"],
}
"""What must be read in what a notebook gave."""


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_notebooks_are_there() -> None:
    assert {path.stem for path in NOTEBOOKS} == SHOWN.keys()


def test_what_a_notebook_gave_is_not_kept(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.metadata == {}
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


def test_a_notebook_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [text for text in map(_standard_error, outputs) if text]
    said = "".join(str(text) for output in outputs for kind, text in output.get("data", {}).items() if kind.startswith("text/"))
    assert not [wanted for wanted in SHOWN[path.stem] if wanted not in said]
    shown = [cell for cell in notebook.cells if cell.cell_type == "code" and re.match(r"show\(", cell.source)]
    assert len(shown) >= 3
    assert all(any("application/vnd.bokehjs_exec.v0+json" in output.get("data", {}) for output in cell.outputs) for cell in shown)


def _standard_error(output: Any) -> str:
    return str(output.text) if output.output_type == "stream" and output.name == "stderr" else ""
