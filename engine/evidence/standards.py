"""Where the standards treat what a valuation does: by topic, for numbers of paragraphs change with editions."""

from __future__ import annotations

from typing import Any

IVS = "IVS 210 Intangible Assets (International Valuation Standards, edition effective 31 January 2025)"
IVS_GENERAL = "International Valuation Standards, edition effective 31 January 2025"
ISO = "ISO 10668:2010 Brand valuation – Requirements for monetary brand valuation"
GBT = "GB/T 42748—2023 专利评估指引 (guidelines for patent valuation)"

BRANDS = ("trademark", "geographical_indication")
PATENTS = ("invention_patent", "utility_model")

_METHODS: dict[str, tuple[str, str, str]] = {
    "relief_from_royalty": (
        "income approach: relief-from-royalty method; royalty rates from comparable licences; who bears maintenance costs",
        "income approach: royalty relief method",
        "income approach; economic indicators on licensing",
    ),
    "licence": (
        "income approach: the contract's cash flows, with actual royalty terms; rights and terms of the contract",
        "income approach: royalty relief method, where licence agreements exist for the brand itself",
        "the licensing scenario; economic indicators on licensing",
    ),
    "excess_earnings": (
        "income approach: excess earnings method; contributory asset charges",
        "income approach: multi-period excess earnings method",
        "income approach; economic indicators on the product's profit",
    ),
    "incremental_income": (
        "income approach: premium profit method, or with-and-without method",
        "income approach: price premium method; incremental cash flow method",
        "income approach; technical indicators on the advance over substitutes",
    ),
    "project": (
        "income approach: expected (probability-weighted) cash flows",
        "",
        "technical indicators on maturity; economic indicators on the investment still needed",
    ),
    "cost": (
        "cost approach: replacement cost method; adjustments for obsolescence",
        "cost approach",
        "cost approach; technical indicators on substitutes, market indicators",
    ),
    "market": (
        "market approach: comparable transactions; adjustments for differences",
        "market approach: prices of comparable brands",
        "market approach; its indicators are what to adjust for",
    ),
}


def standards_for(right_type: str, methods: list[str], tab: bool, premise: str, several: bool) -> list[dict[str, Any]]:
    """Topic by topic: the standard, where in it the topic is treated, and where in this evidence it is answered."""
    found: list[dict[str, Any]] = []

    def add(topic: str, standard: str, where: str, here: str) -> None:
        if where:
            found.append({"topic": topic, "standard": standard, "where": where, "here": here})

    for method in methods:
        ivs, iso, gbt = _METHODS[method]
        add(f"method: {method}", IVS, ivs, "methods")
        if right_type in BRANDS:
            add(f"method: {method}", ISO, iso, "methods")
        if right_type in PATENTS:
            add(f"method: {method}", GBT, gbt, "methods")
    add("data and inputs", IVS_GENERAL, "IVS 104 Data and Inputs", "inputs, market, assumptions")
    add("valuation model", IVS_GENERAL, "IVS 105 Valuation Models", "methods, simulation, verification")
    add("premise of value", IVS_GENERAL, "IVS 102 Bases of Value: premise of value", f"premise: {premise}")
    if several:
        add(
            "several methods on one right",
            IVS_GENERAL,
            "IVS 103 Valuation Approaches: reconciling differing indications",
            "value",
        )
    if tab:
        add("tax amortisation benefit", IVS, "income approach: tax amortisation benefit", "methods: tax benefit")
    add("life of the right", IVS, "economic life", "inputs: life; methods: period table")
    if right_type in BRANDS:
        add("reporting", ISO, "reporting: purpose, approach, inputs and their sources, so that another valuer can follow", "all of it")
    if right_type in PATENTS:
        add("legal, technical and economic indicators", GBT, "its system of indicators", "inputs")
    return found
