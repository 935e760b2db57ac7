"""Writes docs/benchmarks.md and its charts.

python bench/make_page.py MEASUREMENTS.json [DIRECTORY]        DIRECTORY: where benchmarks.md goes, docs if not said
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from report.charts import CHARTS, draw
from report.page import page, recorded

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = "benchmarks"


def write(measurements: Path, docs: Path) -> Path:
    """The page, whose charts stand in the folder benchmarks/ beside it."""
    document = json.loads(measurements.read_text(encoding="utf-8"))
    charts = docs / FOLDER
    charts.mkdir(parents=True, exist_ok=True)
    found, told = recorded(document), document["machine_info"]["ipvalue"]
    for name in found:
        if name in CHARTS:
            draw(name, found, told, charts)
    path = docs / "benchmarks.md"
    path.write_text(page(document, FOLDER), encoding="utf-8")
    return path


def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    print(write(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else DOCS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
