"""Reports in a browser: charts draw, search finds, sort sorts, nothing is said on the console, nothing is asked of anyone, and no text is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attacks import BREAKS_OUT, HOSTILE

KINDS = ("value", "value zh", "scenarios", "sensitivities", "indices", "explain", "lend")
Reports = dict[str, Path]

# of each chart, how many of its pixels are painted: canvases lie in shadow roots
PAINTED = """() => [...document.querySelectorAll('[data-chart]')].map((place) => {
    let painted = 0;
    const look = (root) => root.querySelectorAll('*').forEach((one) => {
        if (one.tagName === 'CANVAS' && one.width && one.height) {
            const pixels = one.getContext('2d').getImageData(0, 0, one.width, one.height).data;
            for (let i = 3; i < pixels.length; i += 4) painted += pixels[i] > 0;
        }
        if (one.shadowRoot) look(one.shadowRoot);
    });
    look(place);
    return painted;
})"""
INKS = "() => Bokeh.documents.map((one) => one.roots()[0].xaxis ?? one.roots()[0].below[0]).flat().map((axis) => axis.major_label_text_color)"


@pytest.mark.parametrize("kind", KINDS)
def test_charts_draw_on_a_desk_and_a_telephone_and_nothing_is_said_or_asked(reports: Reports, show: Any, kind: str) -> None:
    opened = show(reports[kind])
    opened.page.wait_for_timeout(300)
    assert opened.said == []  # before pixels are read, which Chromium remarks on
    for width, scheme in ((1440, "light"), (390, "dark")):
        opened.page.set_viewport_size({"width": width, "height": 900})
        opened.page.emulate_media(color_scheme=scheme)
        opened.page.wait_for_timeout(300)
        painted = opened.page.evaluate(PAINTED)
        assert painted
        assert min(painted) > 1000
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        assert opened.page.evaluate("Math.max(...[...document.querySelectorAll('.drawn')].map((one) => one.getBoundingClientRect().right))") <= width
    assert [url for url in opened.asked if not url.startswith(("data:", "blob:"))] == [reports[kind].as_uri()]


def test_texts_of_the_portfolio_are_shown_and_not_run(reports: Reports, show: Any) -> None:
    opened = show(reports["value"])
    assert opened.page.evaluate("window.attacked") is None
    assert BREAKS_OUT in opened.column("top", 0)
    assert HOSTILE in opened.column("by-owner_id", 0)
    assert HOSTILE in opened.column("rejects", 0)
    assert opened.page.locator("img").count() == 0


def test_search_finds_by_any_text_and_says_how_many(reports: Reports, show: Any) -> None:
    opened = show(reports["value"])
    grid = opened.page.locator('[data-grid="top-rows"]')
    assert opened.rows("top").count() == 20
    assert grid.get_by_role("status").inner_text() == "20 of 40 rows"
    grid.get_by_label("Search this table").fill("R07")
    assert opened.column("top", 0) == ["r07"]
    assert grid.get_by_role("status").inner_text() == "1 of 40 rows"
    grid.get_by_label("Search this table").fill("no such right")
    assert opened.rows("top").count() == 0
    grid.get_by_label("Search this table").fill("")
    grid.get_by_role("button", name="Show more rows").click()
    assert opened.rows("top").count() == 40
    assert not grid.get_by_role("button", name="Show more rows").is_visible()


def test_sort_sorts_numbers_as_numbers_from_the_largest_and_texts_from_the_first(reports: Reports, show: Any, valued: Any) -> None:
    opened = show(reports["value"])
    grid = opened.page.locator('[data-grid="top-rows"]')
    life = {row["asset_id"]: row["mean"] for row in valued.assets.to_pylist()}
    head = grid.get_by_role("columnheader", name="mean")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.column("top", 0) == sorted(life, key=lambda name: -life[name])[:20]
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.column("top", 0) == sorted(life, key=lambda name: life[name])[:20]
    names = grid.get_by_role("columnheader", name="right", exact=True)
    names.get_by_role("button").click()
    assert names.get_attribute("aria-sort") == "ascending"
    assert head.get_attribute("aria-sort") is None
    assert opened.column("top", 0)[-1] == "r17"


def test_a_table_is_sorted_by_the_keyboard(reports: Reports, show: Any) -> None:
    opened = show(reports["value"])
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    button = opened.page.locator('[data-grid="top-rows"] thead button').first
    button.focus()
    opened.page.keyboard.press("Enter")
    assert opened.page.locator('[data-grid="top-rows"] th[aria-sort]').count() == 1


def test_every_chart_is_told_in_words_and_every_cell_has_a_head(reports: Reports, show: Any) -> None:
    for kind in ("value", "lend", "scenarios"):
        page = show(reports[kind]).page
        assert page.evaluate("[...document.querySelectorAll('[role=img]')].every((one) => one.getAttribute('aria-label').length > 20)"), kind
        assert page.evaluate("[...document.querySelectorAll('figure')].every((one) => one.querySelector('figcaption').textContent.trim())"), kind
        assert page.evaluate("[...document.querySelectorAll('th')].every((one) => one.scope === 'col' || one.scope === 'row')"), kind
        assert page.evaluate(
            "[...document.querySelectorAll('[id]')].length === new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size"
        ), kind


def test_charts_follow_the_page_from_light_to_dark_and_paper_is_white(reports: Reports, show: Any) -> None:
    page = show(reports["value"]).page
    light = set(page.evaluate(INKS))
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    dark = set(page.evaluate(INKS))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    paper = set(page.evaluate(INKS))
    assert [len(one) for one in (light, dark, paper)] == [1, 1, 1]
    assert max(paper) < max(dark)
    assert light != dark
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()


def test_the_pages_are_of_their_languages(reports: Reports, show: Any) -> None:
    for kind, language, title in (
        ("value", "en", "Valuation of a portfolio of intellectual property"),
        ("value zh", "zh-Hans", "知识产权组合估值报告"),
    ):
        page = show(reports[kind]).page
        assert page.evaluate("document.documentElement.lang") == language
        assert page.get_by_role("heading", level=1).inner_text() == title
