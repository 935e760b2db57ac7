"""What the page of one result shows, of whichever command: what its report says, as far as that is there without its inputs and its single rights."""

from __future__ import annotations

from ipvalue.kinds import open_any
from ipvalue.report.document import Content, content
from ipvalue.report.embed import Section
from ipvalue.report.labels import Labels
from ipvalue.report.plotting import charts
from ipvalue.report.sections import run as of_run
from ipvalue.report.sections import value as of_value
from ipvalue.serve.root import Run
from ipvalue.valuation import Result


def overview_of(run: Run, say: Labels) -> Content:
    """Figures of the whole, and sections. Raises InputError where a file of it is damaged."""
    charts()
    shown = open_any(str(run.place))
    if not isinstance(shown, Result):
        return content(shown, say)
    shown.location = run.name  # as pages call it
    if run.kind.command != "value":
        return content(shown, say)
    grids = list(of_value.groups(shown, say))
    groups = [Section("groups", say("serve.groups"), "", grids)] if grids else []
    told = [of_run.rejected(shown.rejects, shown.manifest, say), of_run.facts(shown.manifest, shown.location, say)]
    return of_value.tiles(shown, say), [of_value.distribution(shown, say), *groups, *told]
