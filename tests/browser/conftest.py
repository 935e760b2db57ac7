"""A headless Chromium, and reports of every kind of result to open in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lent_books
import pyarrow.parquet as pq
import pytest
from attacks import BREAKS_OUT, FORMULA, HOSTILE
from commandline import MARKET, ROW, table
from portfolios import market as market_of

import ipvalue as iv

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def installed() -> str:
    """Where the system's Chromium is; tests are skipped where there is none."""
    where = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if where is None:
        pytest.skip("there is no chromium on this machine")
    return where


@pytest.fixture(scope="session")
def chromium(installed: str) -> Iterator[Any]:
    """The system's Chromium; tests are skipped where it or Playwright is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install 'ipvalue[test]'")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed, args=_FLAGS)
        yield browser
        browser.close()


@dataclass
class Opened:
    """A page as a browser shows it: what its console said, and what it asked for beyond itself."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def rows(self) -> Any:
        """Finds the rows of a table by the name of its grid."""
        return lambda name: self.page.locator(f'[data-grid="{name}-rows"] tbody tr')

    def column(self, name: str, place: int) -> list[str]:
        """The texts of a column of a table."""
        return [text.strip() for text in self.page.locator(f'[data-grid="{name}-rows"] tbody tr > :nth-child({place + 1})').all_inner_texts()]


@pytest.fixture
def show(chromium: Any) -> Iterator[Any]:
    """Opens a file and waits for its charts."""
    contexts = []

    def opened(path: Path, width: int = 1440, scheme: str = "light") -> Opened:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        found = Opened(context.new_page())
        found.page.on("console", lambda message: found.said.append(message.text) if message.type in ("error", "warning") else None)
        found.page.on("pageerror", lambda error: found.said.append(str(error)))
        found.page.on("request", lambda request: found.asked.append(request.url))
        found.page.goto(path.as_uri())
        found.page.wait_for_selector("html[data-drawn=all]")
        return found

    yield opened
    for context in contexts:
        context.close()


def _market(folder: Path) -> Path:
    path = folder / "market.toml"
    path.write_text(MARKET)
    return path


def _portfolio() -> list[dict[str, Any]]:
    """Forty-one rights, some of hostile owners and names, one of which is set aside."""
    kinds, sectors = ("trademark", "invention_patent", "software_copyright"), ("software", "pharma")
    rows = [
        {**ROW, "asset_id": f"r{i:02d}", "right_type": kinds[i % 3], "sector": sectors[i % 2], "owner_id": f"owner {i % 5}", "revenue": 1e5 * (i + 1)}
        for i in range(38)
    ]
    rows.append({**ROW, "asset_id": BREAKS_OUT, "owner_id": HOSTILE, "revenue": 9e7})
    rows.append({**ROW, "asset_id": FORMULA, "owner_id": FORMULA, "revenue": 8e7})
    return [*rows, {**ROW, "asset_id": HOSTILE, "owner_id": BREAKS_OUT, "revenue": -1.0}]


@pytest.fixture(scope="session")
def valued(tmp_path_factory: pytest.TempPathFactory) -> iv.Result:
    """The portfolio above, from a file that is still there."""
    folder = tmp_path_factory.mktemp("valued")
    pq.write_table(table(_portfolio()), folder / "portfolio.parquet")
    options = {"paths": 128, "group_by": ["sector", "owner_id"], "workers": 1}
    return iv.value(folder / "portfolio.parquet", market=_market(folder), out=folder / "out", **options)


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory, valued: iv.Result) -> dict[str, Path]:
    """Reports by the kind of their result; "value zh" is in Chinese."""
    folder = tmp_path_factory.mktemp("reports")
    market, portfolio, options = _market(folder), Path(valued.location).parent / "portfolio.parquet", {"paths": 64, "workers": 1}
    other = iv.value(portfolio, market=market, out=folder / "other", seed=2, **options)
    ours = lent_books.rights()
    terms = {"market": market_of(), "assumptions": lent_books.assumptions(folder), **lent_books.names()}
    made: dict[str, iv.Result | iv.Explanation] = {
        "value": valued,
        "scenarios": iv.scenarios(portfolio, library=["all"], market=market, group_by=["sector"], **options),
        "sensitivities": iv.sensitivities(portfolio, drivers=["revenue", "discount", "life"], market=market, group_by=["sector"], **options),
        "indices": iv.indices(portfolio, assets=["r01", "r02"], market=market, **options),
        "explain": iv.explain(valued.location, other.location),
        "lend": iv.lend(lent_books.table(lent_books.loans(ours)), ours, **terms, **options),
    }
    for name, result in made.items():
        result.report(folder / f"{name}.html")
    valued.report(folder / "value zh.html", language="zh")
    return {name: folder / f"{name}.html" for name in [*made, "value zh"]}
