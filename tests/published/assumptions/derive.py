"""Every default that ships, worked out from the published figures beside this file.

    python tests/published/assumptions/derive.py            says which shipped figures differ, and exits 1
    python tests/published/assumptions/derive.py --update   writes engine/assumptions/right_types.toml and sectors.toml

A default is a value and the sentence that says where it comes from. Rates are a year, money is in the set's currency.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from figures import OURS, PRODUCT_SECTORS, SECTORS, TECHNICAL, Default, Set, cited, figure, rows
from money import money, yearly_loss
from rates import discount_premium, growth, margin, obsolescence, royalty, volatility

SHIPPED = Path(__file__).resolve().parents[3] / "engine" / "assumptions"

Book = dict[str, Set]


# ------------------------------------------------------------------------------------------------------ by right type

LOST = 20.0
"""A work's economic life ends when 1/20 of what it earns is left."""


def life(right_type: str, name: str = "") -> Set:
    """How long a right earns, and how long it lives where no date tells."""
    if right_type in ("trademark", "geographical_indication"):
        said = (
            "may be renewed for ever: PRC Trademark Law (amended 2019), articles 39 and 40; 15 U.S.C. 1058-1059 (1946); Madrid Protocol (1989), "
            "article 7"
        )
        return {
            "indefinite": (True, said),
            "economic_life": (20.0, f"{OURS}: where it must end, as a licence or with a rival to come: two terms of ten years"),
        }
    rate = yearly_loss(right_type, name)
    economic = (float(round(math.log(LOST) / rate)), f"{OURS}: until 95 % of what it earns is gone at its obsolescence, ln 20 / {rate:.4f}")
    if right_type in ("software_copyright", "copyright", "trade_secret"):
        return {"economic_life": economic}
    term = figure(f"term/{right_type}")
    half = f"{OURS}: of unknown dates, half of the term of {term:g} years ({cited(f'term/{right_type}')})"
    return {"life": (min(term / 2, economic[0]), half), "economic_life": economic}


def pending(right_type: str, where: str) -> Set:
    """Chance of a grant and the years until it, for a right applied for."""
    months = {
        "invention_patent": ("invention", 0.0),
        "utility_model": ("utility_model", 0.0),
        "design": ("design", 0.0),
        "trademark": ("trademark", figure("opposition_months/CN/trademark")),
    }
    kind = {"plant_variety": "invention_patent", "layout_design": "utility_model", "geographical_indication": "trademark"}.get(right_type, right_type)
    if kind not in months:
        return {}
    lag_said = "; counted in full from the valuation date"
    if kind == "invention_patent" and where != "CN":
        office_chance = f"grant_probability/{where or 'world'}/invention"
        name = f"pendency_months/{where or 'EP'}/invention"
        return {
            "grant_probability": (figure(office_chance), cited(office_chance)),
            "grant_lag": (round(figure(name) / 12, 2), f"{figure(name):g} months: {cited(name)}{lag_said}"),
        }
    office, more = months[kind]
    lag = (figure(f"pendency_months/CN/{office}") + more) / 12
    return {
        "grant_probability": (round(CHANCES[kind](), 3), CHANCES_SAID[kind]),
        "grant_lag": (
            round(lag, 2),
            f"{lag * 12:.1f} months: {cited(f'pendency_months/CN/{office}')}{'; 3 of them for opposition' if more else ''}{lag_said}",
        ),
    }


CHANCES: dict[str, Callable[[], float]] = {
    "invention_patent": lambda: figure("grants/CN/invention/2022") / figure("applications/CN/invention/2020"),
    "utility_model": lambda: figure("grants/CN/utility_model/2022") / _mean(figure(f"applications/CN/utility_model/{y}") for y in (2021, 2022)),
    "design": lambda: figure("grants/CN/design/2022") / _ending(figure("pendency_months/CN/design") / 12),
    "trademark": lambda: figure("registrations/CN/trademark/2018-2020") / figure("applications/CN/trademark/2018-2020"),
}
CHANCES_SAID = {
    "invention_patent": (
        f"grants of 2022 over applications of 2020 (CNIPA yearbook 2022), as examination took {figure('pendency_months/CN/invention/2020'):g} months"
    ),
    "utility_model": "grants of 2022 over the mean of the applications of 2021 and 2022 (CNIPA yearbook 2022)",
    "design": "grants of 2022 over the applications of the twelve months that end 3.2 months earlier (CNIPA yearbook 2022)",
    "trademark": "registrations over applications, 2018-2020 (CNIPA)",
}


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def _ending(earlier: float) -> float:
    """Design applications of the year that ends so many years before the end of 2022."""
    return earlier * figure("applications/CN/design/2021") + (1 - earlier) * figure("applications/CN/design/2022")


def hazard(where: str) -> Default:
    """Yearly chance that a patent is found invalid."""
    invalid = figure("invalid_share_of_decisions/US and EP")
    if where == "CN":
        stock = figure("in_force/CN/invention/2023") + figure("in_force/CN/utility_model/2022") + figure("in_force/CN/design/2022")
        value = figure("invalidation_cases/CN/2023") / stock * invalid
        return float(f"{value:.2g}"), (
            "7,700 invalidation cases closed in 2023 (SCIO press conference "
            "2024-01-16) over 18.66 M patents in force (CNIPA, 2022 and 2023), times 0.40, "
            "the share found invalid of patents that reach a decision (US and EP, patentprogress.org 2018-05-01; none is published for China)"
        )
    value = figure("litigated_in_life/US") * invalid / figure("term/invention_patent")
    return round(value, 4), (
        "2 % of US patents are litigated in their life (businessinnovationmanagement.com "
        "2020-01-13) times 0.40 found invalid of those that "
        "reach a decision (patentprogress.org 2018-05-01), over 20 years. Those behind a best-selling drug are challenged far more often"
    )


PATENTS = ("invention_patent", "utility_model", "design")


def other_hazard(right_type: str) -> Default:
    """Yearly chance of being struck from the register, of what is no patent: no register publishes one."""
    if right_type in ("plant_variety", "layout_design"):
        value, said = hazard("CN")
        return value, f"{said}; {OURS}: for this right as for a patent"
    return 0.0, f"{OURS}: {UNCHALLENGED[right_type]}"


UNCHALLENGED = {
    "trademark": "cancellations are counted among the lapses of the survival curve",
    "geographical_indication": "no cancellation is published",
    "software_copyright": "it arises with the work, so there is no grant to invalidate: Berne Convention (1971), article 5(2)",
    "copyright": "it arises with the work, so there is no grant to invalidate: Berne Convention (1971), article 5(2)",
    "trade_secret": "no register; what leaks out or is found by others is in its obsolescence",
}
RIGHT_TYPES = (*PATENTS, "trademark", "software_copyright", "copyright", "trade_secret", "plant_variety", "layout_design", "geographical_indication")


def by_type(right_type: str) -> Set:
    """What holds anywhere, in any sector."""
    found: Set = {
        **life(right_type),
        **money(right_type, "", False),
        **growth("", False),
        "volatility": volatility(""),
        **royalty(right_type, ""),
        **margin(""),
    }
    found["discount_premium"] = discount_premium(right_type, "", False)
    found["tax_rate"] = (
        figure("corporate_tax_rate/mean of 158 countries"),
        "mean of 158 countries: A. Damodaran, NYU Stern, country risk, 2026-01-01",
    )
    if right_type == "software_copyright":
        found["obsolescence"] = obsolescence("software")
    elif right_type == "copyright":
        name = "depreciation/miscellaneous artistic originals"
        found["obsolescence"] = (figure(name), cited(name))
    elif right_type not in ("trademark", "geographical_indication"):
        value, said = obsolescence("")
        found["obsolescence"] = (value, said if right_type in TECHNICAL else f"{said}; {OURS}: for this right as for a patent")
    if right_type == "trademark":  # no other register's is published
        found["survival_curve"] = ("CN/trademark", "")
    found["hazard"] = hazard("" if right_type == "invention_patent" else "CN") if right_type in PATENTS else other_hazard(right_type)
    return {**found, **pending(right_type, "")}


NAMES = {
    "invention_patent/CN": ("CN/invention_patent", "CN/invention_patent"),
    "utility_model/CN": ("CN/utility_model", "CN/utility_model"),
    "design/CN": ("CN/design", "CN/design"),
    "trademark/CN": ("CN/trademark", None),
    "invention_patent/US": ("US/patent", "US/patent"),
    "invention_patent/EP": ("EP/patent", "EP/patent"),
    "invention_patent/JP": ("JP/patent", None),
    "trademark/JP": ("JP/trademark", None),
    "trademark/WO": ("WO/trademark", None),
}
"""Fee schedule and survival curve by set: their figures have sources of their own."""


JAPANESE = frozenset(row["figure"] for row in rows("law") if row["figure"].startswith("tab_years/JP/"))


def by_jurisdiction(right_type: str, where: str) -> Set:
    """What holds in one jurisdiction, in any sector."""
    found: Set = {}
    if where in ("CN", "US"):
        found["tax_rate"] = (figure(f"tax_rate/{where}"), cited(f"tax_rate/{where}"))
        name = "tab_years/CN/software" if (where, right_type) == ("CN", "software_copyright") else f"tab_years/{where}"
        found["tab_years"] = (int(figure(name)), cited(name))
    elif where == "JP":
        found["tax_rate"] = (figure("corporate_tax_rate/JP"), "Japan: A. Damodaran, NYU Stern, country risk, 2026-01-01")
    elif where == "EP":
        found["tax_rate"] = (
            figure("corporate_tax_rate/mean of 26 Western European countries"),
            "mean of 26 Western European countries: A. Damodaran, NYU Stern, country risk, 2026-01-01",
        )
    if (name := f"tab_years/JP/{right_type}") in JAPANESE and where == "JP":
        found["tab_years"] = (int(figure(name)), cited(name))
    if where == "CN":
        found |= growth("", True)
        found["discount_premium"] = discount_premium(right_type, "", True)
        found |= money(right_type, "", True)
    if (right_type in PATENTS and where == "CN") or (right_type, where) == ("invention_patent", "US"):
        found["hazard"] = hazard(where)
    if right_type == "invention_patent" and where in ("CN", "US", "EP", "JP"):
        found |= pending(right_type, where)
    schedule, curve = NAMES.get(f"{right_type}/{where}", (None, None))
    found |= {"fee_schedule": (schedule, "")} if schedule else {}
    return found | ({"survival_curve": (curve, "")} if curve else {})


# ------------------------------------------------------------------------------------------------------ by sector

OF_TYPE = {
    **dict.fromkeys((*TECHNICAL, "design"), PRODUCT_SECTORS),
    "trademark": SECTORS,
    "software_copyright": ("software", "it_hardware", "media"),
    "copyright": ("media", "consumer_goods", "software"),
    "plant_variety": ("agriculture", "food_beverages"),
    "layout_design": ("semiconductors", "it_hardware"),
    "geographical_indication": ("food_beverages", "agriculture", "consumer_goods"),
}
"""The sectors that a right type has sets for; in any other it takes those of its type."""


def by_sector(right_type: str, name: str) -> Set:
    """What holds in one sector, anywhere."""
    found: Set = {**growth(name, False), "volatility": volatility(name), **margin(name)}
    found["discount_premium"] = discount_premium(right_type, name, False)
    found.pop("contributory_charge")
    if right_type in TECHNICAL:
        found |= {**royalty(right_type, name), "obsolescence": obsolescence(name), **life(right_type, name)}
        found |= _of_sector(money(right_type, name, False))
    return found


def by_sector_in_china(right_type: str, name: str) -> Set:
    """What of it differs in China."""
    found: Set = {**growth(name, True), "discount_premium": discount_premium(right_type, name, True)}
    return found | (_of_sector(money(right_type, name, True)) if right_type in TECHNICAL else {})


def _of_sector(found: Set) -> Set:
    """Without what every sector has in common: that stands with the right type."""
    return {key: one for key, one in found.items() if key != "revenue_uncertainty"}


def right_types_book() -> Book:
    """The sets of right_types.toml."""
    general = {name: by_type(name) for name in RIGHT_TYPES}
    places = [(name, where) for where in ("CN", "US", "EP", "JP", "WO") for name in RIGHT_TYPES]
    local = {f"{name}/{where}": found for name, where in places if (found := by_jurisdiction(name, where))}
    return {**general, **local}


def sectors_book() -> Book:
    """The sets of sectors.toml."""
    pairs = [(right_type, name) for right_type, names in OF_TYPE.items() for name in names]
    general = {f"{right_type}//{name}": by_sector(right_type, name) for right_type, name in pairs}
    return {**general, **{f"{right_type}/CN/{name}": by_sector_in_china(right_type, name) for right_type, name in pairs}}


# ------------------------------------------------------------------------------------------------------ the files

HEAD = """# {title}
# Made by tests/published/assumptions/derive.py from the figures beside it: change those, then `--update`. docs/assumptions.md explains them.
# A row's own value always wins; then the most precise set: "type/jurisdiction/sector", "type//sector", "type/jurisdiction", "type".
"""
FILES: dict[str, tuple[str, Callable[[], Book]]] = {
    "right_types": ("What fills a blank, by right type and jurisdiction, where the sector is not known.", right_types_book),
    "sectors": ("What fills a blank, by right type and sector, and what of it differs in China.", sectors_book),
}


def text(name: str) -> str:
    """A shipped file as it should stand."""
    title, book = FILES[name]
    return HEAD.format(title=title) + "".join(_table(key, found) for key, found in book().items())


def sources(name: str, found: Set) -> dict[str, str]:
    """The source of each default of a set; said once, then "as" the set that said it."""
    said = {key: SAID.setdefault((key, re.sub(r"(\d)%", r"\1 %", text)), name) for key, (_, text) in found.items() if text}
    return {key: re.sub(r"(\d)%", r"\1 %", found[key][1]) if first == name else f"as {first}" for key, first in said.items()}


SAID: dict[tuple[str, str], str] = {}
"""The set that first gave a source, by column and text."""


def _table(name: str, found: Set) -> str:
    values = "".join(f"{key} = {_toml(value)}\n" for key, (value, _) in found.items())
    said = "".join(f"{key} = {_toml(text)}\n" for key, text in sources(name, found).items())
    return f'\n[defaults."{name}"]\n{values}' + (f'\n[defaults."{name}".sources]\n{said}' if said else "")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else repr(value)


def main() -> int:
    """Writes the files, or says which are not what the figures give."""
    different = [
        name for name in FILES if not (SHIPPED / f"{name}.toml").exists() or (SHIPPED / f"{name}.toml").read_text(encoding="utf-8") != text(name)
    ]
    if "--update" in sys.argv[1:]:
        for name in different:
            (SHIPPED / f"{name}.toml").write_text(text(name), encoding="utf-8")
        return 0
    for name in different:
        print(f"engine/assumptions/{name}.toml is not what the published figures give: run this with --update", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
