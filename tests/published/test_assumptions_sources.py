"""The assumptions that ship against the published figures beside this file: each is a copy of one, or follows from them by derive.py."""

from __future__ import annotations

import math
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import ipvalue.assumptions
from ipvalue.assumptions import load_assumptions
from ipvalue.assumptions.book import SHIPPED

PUBLISHED = Path(__file__).parent / "assumptions"
sys.path.insert(0, str(PUBLISHED))

import derive  # noqa: E402
from figures import TABLES, USED, YEAR, figure, rows  # noqa: E402
from money import lapse, mark_lapse  # noqa: E402

NAMES = ("fee_schedule", "survival_curve")  # no figures: what they name has the source


def shipped(name: str) -> dict[str, Any]:
    return tomllib.loads((Path(ipvalue.assumptions.__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("table", TABLES)
def test_every_published_figure_is_a_number_with_a_source_and_a_confidence(table: str) -> None:
    found = rows(table)
    assert found
    assert all(row["source"].strip() and row["confidence"].strip() and row["year"].strip() for row in found)
    assert all(math.isfinite(float(row["value"])) for row in found)
    assert len({row["figure"] for row in found}) == len(found)


def test_every_published_figure_is_dated() -> None:
    undated = [row["figure"] for table in TABLES for row in rows(table) if not YEAR.search(row["year"] + row["source"])]
    assert undated == []


def said_of_everything() -> dict[str, str]:
    """The source of every default, fee schedule, curve and premise, "as" followed to the sentence itself."""
    book, found = load_assumptions(), {}
    for one in book.sets.values():
        for column in set(one.values) - set(NAMES):
            said = one.sources.get(column, "")
            while said.startswith("as ") and said[3:] in book.sets:
                said = book.sets[said[3:]].sources.get(column, "")
            found[f"{one.name}: {column}"] = said
    tables = {f"{kind}: {name}": one for kind, by_type in book.premises.items() for name, one in by_type.items()}
    for name, table in (*book.schedules.items(), *book.curves.items(), *tables.items()):
        while name in found:
            name += " (curve)"
        found[name] = "; ".join((table.source, *table.sources.values()))
    return found


def test_every_shipped_figure_names_a_document_and_a_year() -> None:
    documents = {row["name"]: row for row in rows("documents")}
    said = said_of_everything()
    assert {name for name, text in said.items() if not YEAR.search(text)} == set()
    assert {name for name, text in said.items() if not any(document in text for document in documents)} == set()
    assert {document for document in documents if not any(document in text for text in said.values())} == set()
    assert all(row["document"] and row["publisher"] and row["standing"] for row in documents.values())
    assert [name for name, row in documents.items() if not YEAR.search(row["date"]) and "as dated in each source" not in row["date"]] == []


def test_what_is_ours_is_said_once_and_no_source_is_a_bare_number() -> None:
    for name, text in said_of_everything().items():
        assert text.count("assumption of this project") <= 1, name
        assert not re.search(r"mondaq \d", text), name


def test_no_figure_stands_in_two_tables() -> None:
    names = [row["figure"] for table in TABLES for row in rows(table)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "book"), [("right_types", "right_types_book"), ("sectors", "sectors_book")])
def test_every_default_is_what_the_published_figures_give(name: str, book: str) -> None:
    found, expected = shipped(name)["defaults"], getattr(derive, book)()
    assert found.keys() == expected.keys()
    for key, table in found.items():
        values = {column: value for column, value in table.items() if column != "sources"}
        assert values == {column: value for column, (value, _) in expected[key].items()}, key


def test_the_files_stand_as_the_derivation_writes_them() -> None:
    derive.SAID.clear()
    assert [name for name in derive.FILES if derive.text(name) != (derive.SHIPPED / f"{name}.toml").read_text(encoding="utf-8")] == []


def test_every_default_has_a_source_that_is_said_somewhere() -> None:
    sets = load_assumptions().sets
    for one in sets.values():
        for column in set(one.values) - set(NAMES):
            said, seen = one.sources[column], 0
            while said.startswith("as ") and said[3:] in sets and seen < 3:
                said, seen = sets[said[3:]].sources[column], seen + 1
            assert not said.startswith("as "), (one.name, column)


def test_what_nobody_publishes_is_said_to_be_ours() -> None:
    sets = load_assumptions().sets
    for column in ("stage_costs", "stage_years", "stage_probabilities", "growth_long", "growth_fade", "discount_premium"):
        assert "assumption of this project" in sets["invention_patent"].sources[column], column


def test_the_build_up_of_the_premium_adds_up() -> None:
    for one in load_assumptions().sets.values():
        said = one.sources.get("discount_premium", "as ")
        if not said.startswith("as "):
            parts = [float(number) for number in re.findall(r"(?:technology|market|capital|management|country) (-?[\d.]+) %", said)]
            assert len(parts) == (5 if "/CN" in one.name else 4), one.name
            assert sum(parts) == pytest.approx(100 * one.values["discount_premium"], abs=0.03), one.name


# ------------------------------------------------------------------------------------------------------------------------- fees


def fee(name: str) -> float:
    return next(float(row["value"]) for row in rows("fees") if row["figure"] == name)


def years(name: str, numbers: range) -> list[float]:
    return [fee(f"{name}/{number}") for number in numbers]


EXPECTED: dict[str, tuple[list[float], list[float]]] = {
    "CN/invention_patent": ([*range(20)], years("CNIPA/invention/standard", range(1, 21))),
    "CN/utility_model": ([*range(10)], years("CNIPA/utility_model/standard", range(1, 11))),
    "CN/design": ([*range(15)], years("CNIPA/design/standard", range(1, 16))),
    "CN/trademark": ([10], [fee("CNIPA/trademark_renewal/electronic/10")]),
    **{
        f"US/patent{suffix}": ([3.5, 7.5, 11.5], [fee(f"USPTO/utility_patent/{entity}/{age}{year}") for age in (3.5, 7.5, 11.5)])
        for suffix, entity, year in (
            ("", "undiscounted", ""),
            ("/small", "small", ""),
            ("/micro", "micro", ""),
            ("/2020", "undiscounted", "/2020"),
            ("/2009", "undiscounted", "/2009"),
        )
    },
    "EP/patent": ([*range(2, 20)], years("EPO/patent_application/standard", range(3, 21))),
    "JP/patent": (
        [*range(25)],
        [a + 4 * b for a, b in zip(years("JPO/patent/standard", range(1, 26)), years("JPO/per claim", range(1, 26)), strict=True)],
    ),
    "JP/trademark": ([10], [fee("JPO/trademark_renewal/standard/10")]),
    "WO/trademark": ([10], [fee("WIPO_Madrid/trademark_renewal_basic/standard/10") + fee("WIPO_Madrid/designated party")]),
}


def test_every_fee_schedule_is_checked() -> None:
    assert shipped("fees")["fee_schedules"].keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_fee_schedule_is_the_published_one(name: str) -> None:
    schedule = shipped("fees")["fee_schedules"][name]
    assert (schedule["due"], schedule["amounts"]) == EXPECTED[name]
    currencies = {"CN": "CNY", "US": "USD", "EP": "EUR", "JP": "JPY", "WO": "CHF"}
    assert schedule["currency"] == currencies[name[:2]]
    assert schedule["source"]


def test_what_is_inferred_is_called_so() -> None:
    inferred = {row["figure"] for row in rows("fees") if row["confidence"] == "inferred"}
    assert inferred == {"EPO/patent_application/standard/10", "EPO/patent_application/standard/11"}
    assert "years 10 and 11: inferred" in shipped("fees")["fee_schedules"]["EP/patent"]["sources"]["amounts"]


# ------------------------------------------------------------------------------------------------------------------------- survival, premises


def test_every_survival_curve_is_the_published_one() -> None:
    curves = {name: dict(zip(curve["ages"], curve["surviving"])) for name, curve in shipped("survival")["survival_curves"].items()}
    lapses = {
        "CN/invention_patent": lapse("invention"),
        "CN/utility_model": lapse("utility_model"),
        "CN/design": lapse("design"),
        "CN/trademark": mark_lapse(),
    }
    assert curves.keys() == {"US/patent", "EP/patent", *lapses}
    for stage, age in ((4, 4.1), (8, 8.1), (12, 12.1)):
        assert curves["US/patent"][age] == figure(f"survival/US/{stage}")
    assert curves["EP/patent"] == {0: 1.0, **{age: figure(f"survival/EP/{age}") for age in (8, 12, 15)}}
    for name, ended in lapses.items():
        assert curves[name] == {age: round((1 - ended) ** age, 4) for age in curves[name]}, name
    assert lapses == pytest.approx({"CN/invention_patent": 0.0509, "CN/utility_model": 0.1312, "CN/design": 0.1821, "CN/trademark": 0.0213}, abs=5e-5)


LENT = {"utility_model": "utility_model", "design": "utility_model", "trademark": "trademark", "geographical_indication": "trademark"}


def test_a_forced_sale_loses_what_a_bank_does_not_lend_and_an_orderly_one_half() -> None:
    premises = shipped("premises")["premise"]
    for right_type in derive.RIGHT_TYPES:
        lost = 1 - figure(f"loan_to_value/{LENT.get(right_type, 'invention')}")
        assert premises["forced"][right_type]["discount"] == pytest.approx(lost)
        assert premises["orderly"][right_type]["discount"] == pytest.approx(lost / 2)
        assert (premises["forced"][right_type]["time_to_sell"], premises["orderly"][right_type]["time_to_sell"]) == (0.5, 1.0)
        assert all(premises[kind][right_type]["source"].startswith("assumption of this project") for kind in premises)


def test_no_published_figure_is_idle() -> None:
    for name in derive.FILES:
        derive.text(name)
    tables = [table for table in TABLES if table != "fees"]  # every schedule is compared with its rows above
    idle = {row["figure"] for table in tables for row in rows(table)} - USED
    assert idle <= {
        *(f"survival/EP/{age}" for age in (8, 12, 15)),
        *(f"loan_to_value/{name}" for name in ("invention", "utility_model", "trademark")),
    }


def test_each_topic_has_its_file() -> None:
    assert [path.stem for path in SHIPPED] == ["right_types", "sectors", "fees", "survival", "premises"]
    assert {path.stem for path in SHIPPED[0].parent.glob("*.toml")} == {path.stem for path in SHIPPED}
    keys = [set(tomllib.loads(path.read_text(encoding="utf-8"))) for path in SHIPPED]
    assert keys == [{"defaults"}, {"defaults"}, {"fee_schedules"}, {"survival_curves"}, {"premise"}]
    first, second = (shipped(name)["defaults"].keys() for name in ("right_types", "sectors"))
    assert not first & second
