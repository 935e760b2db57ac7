"""Where the report layer says how objects of lower layers are shown: they ask here, and need not know it."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path
from typing import Any, Protocol


class View(Protocol):
    """An object as people see it."""

    @property
    def text(self) -> str:
        """For a terminal."""

    @property
    def html(self) -> str:
        """For a notebook."""


class ResultPlots(Protocol):
    """Charts of a result, each a figure of Bokeh's (docs/notebooks.md)."""

    def distribution(self, group: str | None = None) -> Any:
        """The sum on each path, of the whole or of one group by its name: the values of the group columns, with commas between."""

    def tornado(self, sensitivities: object, *, base: float | None = None, top: int = 15) -> Any:
        """How far each driver moves the value. sensitivities: a table with `driver` and either `low` and `high`, the value with the driver at either
        end, or `derivative` and `bump`; base: the value between them, by default the whole's."""

    def fan(self, asset: str, *, cumulative: bool = True) -> Any:
        """What one right brings by year, or has brought by then, as bands between the run's quantiles; drawn again from its inputs."""

    def convergence(self, asset: str) -> Any:
        """The average of one right's paths, as they grow in number, beside the closed form; drawn again from its inputs."""


class ExplanationPlots(Protocol):
    """Charts of an explanation, each a figure of Bokeh's."""

    def waterfall(self, group: str | None = None) -> Any:
        """The steps from the old value to the new, of the whole or of one group by its name."""


class IndexPlots(Protocol):
    """A chart of indices, a figure of Bokeh's."""

    def indices(self, asset: str) -> Any:
        """How much of the variance of one right's value each of its uncertain inputs brings, with intervals of 95 %."""


@singledispatch
def view_of(shown: object) -> View:
    """How an object is shown."""
    raise TypeError(f"nothing says how a {type(shown).__name__} is shown: import ipvalue.report")


@singledispatch
def plots_of(shown: object) -> Any:
    """The charts of an object."""
    raise TypeError(f"there are no charts of a {type(shown).__name__}")


@singledispatch
def report_of(shown: object, path: str | Path, language: str = "en") -> None:
    """Writes the report of an object as a page."""
    raise TypeError(f"there is no report of a {type(shown).__name__}")


class Shown:
    """Shown as tables: short in a terminal, longer in a notebook."""

    def __repr__(self) -> str:
        return view_of(self).text

    def _repr_html_(self) -> str:
        return view_of(self).html


class Reported(Shown):
    """Told in a page as well (docs/report.md)."""

    def report(self, path: str | Path, language: str = "en") -> None:
        """Writes one page that needs nothing beside it: charts, tables and what they mean. language: "en" or "zh". A file that is there is replaced.

        Raises InputError for another language, where the extra `plot` is not installed, or where the page cannot be written there.
        """
        report_of(self, path, language)
