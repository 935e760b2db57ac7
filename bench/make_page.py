"""Writes docs/benchmarks.md and its charts.

python bench/make_page.py MEASUREMENTS.json... [DIRECTORY]     DIRECTORY: where benchmarks.md goes, docs if not said

Several files, of one machine and one kind of run, are put together: a benchmark that more than one has is the last one's.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from report.charts import CHARTS, draw
from report.page import page, recorded, together

DOCS = Path(__file__).resolve().parents[1] / "docs"
FOLDER = "benchmarks"


def write(measurements: Sequence[Path], docs: Path) -> Path:
    """The page, whose charts stand in the folder benchmarks/ beside it. ValueError for measurements that make no page."""
    document = together([json.loads(path.read_text(encoding="utf-8")) for path in measurements])
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
    files = [Path(argument) for argument in sys.argv[1:] if argument.endswith(".json")]
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.endswith(".json")]
    if not files or len(folders) > 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(write(files, *folders or [DOCS]))
    except (OSError, ValueError) as error:
        print(f"no page: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
