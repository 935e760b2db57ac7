"""`.report` of results and explanations; what makes pages (document.py) is loaded by the first."""

from __future__ import annotations

from pathlib import Path

from ipvalue.explain import Explanation
from ipvalue.shown import report_of
from ipvalue.valuation import Result


@report_of.register(Result)
@report_of.register(Explanation)
def _written(shown: Result | Explanation, path: str | Path, language: str = "en") -> None:
    from ipvalue.report.document import write_report

    write_report(shown, path, language)
