"""The server's pages in a browser: charts draw, searches find, heads sort, nothing is said to the console, and no request leaves the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from served import NAMES, Served, make_root, running

import ipvalue as iv

pytest.importorskip("duckdb")
pytest.importorskip("tornado")
pytest.importorskip("bokeh")

WIDTHS, SCHEMES = (1440, 390), ("light", "dark")
PAGES = {
    "runs": "/",
    "value": "/runs/first",
    "scenarios": "/runs/stress",
    "explanation": "/runs/why",
    "search": "/runs/first/search",
    "right": "/runs/first/right?id=TM-1",
    "comparison": "/compare?old=first&new=night%2Fsecond",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[Served]:
    with running(root) as it:
        for path in PAGES.values():
            it.get(path)  # so that indexes are there
        yield it


@dataclass
class Looked:
    """A browser's page, what its console said, and where it sent requests."""

    page: Any
    base: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)
        if self.page.locator("[data-chart]").count():
            self.page.wait_for_selector("html[data-drawn=all]")

    def follow(self, place: Any) -> None:
        """Clicks what leads to another page, and waits for that."""
        with self.page.expect_navigation(timeout=60_000):
            place.click(timeout=60_000)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def check_quiet(self) -> None:
        assert self.said == []
        assert self.asked
        assert all(url.startswith((self.base, "data:", "blob:")) for url in self.asked)


Look = Callable[..., Looked]


@pytest.fixture
def look(chromium: Any, served: Served) -> Iterator[Look]:
    contexts = []

    def opened(width: int = 1440, scheme: str = "light", base: str = served.base) -> Looked:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        it = Looked(context.new_page(), base)
        it.page.on("console", lambda one: it.said.append(one.text) if one.type in ("error", "warning") else None)
        it.page.on("pageerror", lambda error: it.said.append(str(error)))
        it.page.on("request", lambda request: it.asked.append(request.url))
        return it

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_fits_says_nothing_and_asks_nobody_else(look: Look, width: int, scheme: str) -> None:
    it = look(width, scheme)
    for path in PAGES.values():
        it.open(path)
        assert it.page.evaluate("document.documentElement.scrollWidth") <= width
        assert it.page.locator("h1").count() == 1
    it.check_quiet()


@pytest.mark.parametrize("name", ["value", "scenarios", "explanation"])
def test_charts_are_drawn(look: Look, name: str) -> None:
    it = look()
    it.open(PAGES[name])
    assert it.page.locator("[data-chart]").count() > 0
    drawn = it.page.evaluate(
        """() => [...document.querySelectorAll("[data-chart]")].map((place) => {
            const canvas = place.querySelector(".bk-Figure").shadowRoot.querySelector(".bk-CanvasPanel, .bk-Canvas, canvas") ;
            return place.getBoundingClientRect().height > 100 && canvas !== null;
        })"""
    )
    assert all(drawn)
    it.check_quiet()


def test_a_search_finds_and_leads_to_the_right(look: Look, root: Path) -> None:
    it = look()
    it.open("/runs/first")
    it.page.get_by_role("searchbox").first.fill("M-1")
    it.follow(it.page.get_by_role("button", name="Find"))
    assert it.texts("table.rights tbody th") == ["TM-1", "TM-10"]
    it.follow(it.page.get_by_role("link", name="TM-10"))
    assert it.page.locator("h1").inner_text() == "TM-10"
    table = iv.open_result(root / "first").assets.to_pylist()
    value = next(row["value"] for row in table if row["asset_id"] == "TM-10")
    assert str(value) in it.texts("table.figures td")
    it.check_quiet()


def test_a_condition_in_the_form_holds(look: Look, root: Path) -> None:
    values = {row["asset_id"]: row["value"] for row in iv.open_result(root / "first").assets.to_pylist()}
    middle = sorted(values.values())[4]
    it = look()
    it.open("/runs/first/search")
    it.page.locator("select[name=column]").first.select_option("value")
    it.page.locator("select[name=op]").first.select_option("gt")
    it.page.locator("input[name=than]").first.fill(repr(middle))
    it.follow(it.page.get_by_role("button", name="Find"))
    assert it.texts("table.rights tbody th") == sorted((name for name in values if values[name] > middle), key=lambda name: -values[name])
    assert it.page.locator("select[name=column]").first.input_value() == "value"


def test_what_cannot_be_asked_is_told_beside_the_form(look: Look) -> None:
    it = look()
    it.open("/runs/first/search")
    it.page.locator("select[name=column]").first.select_option("value")
    it.page.locator("input[name=than]").first.fill("much")
    it.follow(it.page.get_by_role("button", name="Find"))
    assert it.page.get_by_role("alert").inner_text() == "value: 'much' must be a number, as 1000000 or 1e6"
    assert it.page.locator("input[name=than]").first.input_value() == "much"


def test_heads_sort_and_say_so(look: Look, root: Path) -> None:
    values = {row["asset_id"]: row["value"] for row in iv.open_result(root / "first").assets.to_pylist()}
    it = look()
    it.open("/runs/first/search")
    for order in ("ascending", "descending"):
        it.follow(it.page.locator("table.rights thead th", has_text="value").first.get_by_role("link"))
        assert it.texts("table.rights tbody th") == sorted(NAMES, key=values.__getitem__, reverse=order == "descending")
        assert it.page.locator("thead th[aria-sort]").get_attribute("aria-sort") == order
    it.open("/compare?old=first&new=night%2Fsecond")
    movers = it.page.locator("table[data-sorted]").last
    movers.get_by_role("button", name="Old").click()
    assert [text.strip() for text in movers.locator("tbody th").all_inner_texts()] == sorted(NAMES, key=values.__getitem__, reverse=True)
    it.check_quiet()


def test_two_results_are_compared_from_the_list(look: Look) -> None:
    it = look()
    it.open("/")
    it.page.get_by_label("Old").select_option("first")
    it.page.get_by_label("New").select_option("night/second")
    it.follow(it.page.get_by_role("button", name="Compare"))
    assert it.page.locator("h1").inner_text() == "From first to night/second"
    assert "options.premise was going_concern and is orderly" in it.texts("main li")
    it.follow(it.page.get_by_role("link", name="Exchange old and new"))
    assert it.page.locator("h1").inner_text() == "From night/second to first"
    it.check_quiet()


def test_evidence_is_waited_for_and_read(look: Look) -> None:
    it = look()
    it.open("/runs/first/right?id=P/7")
    it.page.get_by_role("button", name="Make the evidence").click()
    it.follow(it.page.get_by_role("link", name="Read the evidence"))
    assert it.page.locator("h1").inner_text() == "P/7"
    assert "Inputs, and where each came from" in it.page.locator("body").inner_text()
    it.check_quiet()


def test_it_can_be_gone_through_by_keyboard(look: Look) -> None:
    it = look()
    it.open("/runs/first/search")
    it.page.keyboard.press("Tab")
    assert it.page.evaluate("document.activeElement.className") == "skip"
    it.page.keyboard.press("Enter")
    assert it.page.evaluate("location.hash") == "#content"
    assert it.page.locator("main :is(input:not([type=hidden]), select):not(label *)").count() == 0


def test_pages_speak_chinese(look: Look, root: Path) -> None:
    with running(root, language="zh") as other:
        other.get("/runs/first/search")
        it = look(base=other.base)
        for path in ("/", "/runs/first", "/runs/first/search"):
            it.open(path)
            assert it.page.locator("html").get_attribute("lang") == "zh-Hans"
        assert "的权利" in it.page.locator("h1").inner_text()
        it.check_quiet()


def test_the_token_in_the_link_is_enough(look: Look, root: Path) -> None:
    with running(root, "0.0.0.0") as other:
        it = look(base=other.base)
        it.open(f"/?token={other.link.partition('?token=')[2]}")
        assert it.page.url == f"{other.base}/"
        it.follow(it.page.get_by_role("link", name="first", exact=True))
        assert it.page.locator("h1").inner_text() == "first"
        it.check_quiet()
