"""The site: builds with every warning an error, asks nothing of the network, and shows equations as MathML."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages.sources import SOURCES, name_of, pages

pytest.importorskip("material", reason="the extra docs is not installed")

from pages import site
from pages.equations import mathml


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built into a directory of its own."""
    folder = tmp_path_factory.mktemp("site")
    assert site.build(folder / "site", folder / "source") == []
    return folder / "site"


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


def test_every_link_leads_to_a_file_and_an_anchor_of_the_site(built: Path) -> None:
    assert list(site.unresolved(built.resolve())) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<h1 id="here">A</h1><a href="#here">a</a><a href="#gone">b</a><a href="no.html">c</a><a href="https://x.example">d</a>'
    )
    assert list(site.unresolved(tmp_path.resolve())) == ["page.html: #gone leads nowhere", "page.html: no.html leads nowhere"]


def test_a_warning_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that stands nowhere in the navigation, and links to a page that is left out."""
    monkeypatch.setattr(site, "SOURCES", ("tests/published/README.md", *(name for name in SOURCES if name != "CHANGELOG.md")))
    said = "\n".join(site.build(tmp_path / "site", tmp_path / "source"))
    assert "tests/published/README.md" in said
    assert "'CHANGELOG.md'" in said
    assert "strict mode" in said


def test_an_equation_that_cannot_be_shown_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be shown"):
        mathml(r"\begin{aligned} a & b \end{aligned}")
