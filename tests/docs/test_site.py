"""The site: builds with every warning an error, asks nothing of the network, and shows equations as MathML."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pages.sources import name_of, pages

pytest.importorskip("material", reason="the extra docs is not installed")

from pages import site
from pages.equations import mathml


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built into a directory of its own."""
    folder = tmp_path_factory.mktemp("site")
    assert site.build(folder) == 0
    return folder


def test_every_page_is_there(built: Path) -> None:
    for page in pages():
        name = name_of(page).replace("README.md", "index.html").replace(".md", ".html")
        assert (built / name).exists(), name


def test_nothing_is_asked_of_the_network(built: Path) -> None:
    assert list(site.fetched(built)) == []


def test_what_is_asked_of_the_network_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<script src="https://a.example/x.js"></script><link href="//b.example/y.css"><a href="https://c.example">c</a><img src="own.png">'
    )
    (tmp_path / "style.css").write_text('@import "https://d.example/z.css"; .e { background: url(own.svg) }')
    assert list(site.fetched(tmp_path)) == [
        "page.html: asks for https://a.example/x.js",
        "page.html: asks for //b.example/y.css",
        "style.css: asks for https://d.example/z.css",
    ]


def test_equations_are_mathml(built: Path) -> None:
    page = (built / "docs" / "worked_example.html").read_text(encoding="utf-8")
    assert page.count('<div class="equation"><math') >= 6
    assert "\\text" not in page
    assert "tax_rate" in mathml(r"\text{tax\_rate}")


def test_every_anchor_of_a_link_is_in_the_page_that_it_leads_to(built: Path) -> None:
    for page in built.rglob("*.html"):
        for link in re.findall(r'href="([^":]*)#([^"]+)"', page.read_text(encoding="utf-8")):
            target = (page.parent / link[0]).resolve() if link[0] else page
            if target.suffix == ".html":
                assert re.search(rf'id="?{re.escape(link[1])}["\s>]', target.read_text(encoding="utf-8")), (page.name, link)
