"""What pages and charts say in each language, from one table (labels.toml), and amounts as that language writes them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from ipvalue.amounts import money
from ipvalue.schema import InputError, did_you_mean

TABLE = Path(__file__).with_name("labels.toml")

LANGUAGES = ("en", "zh")
"""In the order in which each entry of the table has them."""

HTML_NAMES = {"en": "en", "zh": "zh-Hans"}

SIZES: dict[str, tuple[tuple[float, str], ...]] = {
    "en": ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k")),
    "zh": ((1e12, "万亿"), (1e8, "亿"), (1e4, "万")),
}
"""What large amounts are counted in, and how that is called."""


LEAST = 1e-6
"""What amounts are exact to: one that is less is nothing."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The texts of one language: called with a key, and with what stands in the text's braces."""

    language: str
    texts: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key. Raises KeyError where there is none, or a value for it is missing."""
        return self.texts[key].format(**values) if values else self.texts[key]

    def or_as_is(self, section: str, name: str) -> str:
        """A name as people call it; itself, with spaces, where the table does not know it (a column of a portfolio, a scenario)."""
        return self.texts.get(f"{section}.{name}", name.replace("_", " "))

    def amount(self, amount: float | None) -> str:
        """An amount with four digits and a word: 2.710 bn, 27.10 亿; nothing for a blank."""
        if amount is None:
            return ""
        if abs(amount) < LEAST:
            return "0"
        if self.language == "en":
            return money(amount)
        for size, word in SIZES[self.language]:
            if abs(amount) >= 0.99995 * size:
                return f"{money(amount / size)} {word}" if abs(amount) < 999.95 * size else f"{amount / size:,.0f} {word}"
        return f"{amount:,.0f}" if abs(amount) >= 999.95 else money(amount)

    def percent(self, share: float | None, digits: int = 1) -> str:
        """A share of one in percent."""
        return "" if share is None else f"{100.0 * share:,.{digits}f} %"

    def count(self, number: int | None) -> str:
        """A whole number."""
        return "" if number is None else f"{number:,}"

    def day(self, day: str | date) -> str:
        """A date."""
        found = day if isinstance(day, date) else date.fromisoformat(str(day)[:10])
        return f"{found.year} 年 {found.month} 月 {found.day} 日" if self.language == "zh" else f"{found.day} {found:%B %Y}"


@cache
def labels(language: str = "en") -> Labels:
    """The texts of a language. Raises InputError where there is none of that name."""
    if language not in LANGUAGES:
        raise InputError(f"language is {language!r}: it must be {' or '.join(LANGUAGES)}{did_you_mean(language, LANGUAGES)}")
    place = LANGUAGES.index(language)
    return Labels(language, {key: texts[place] for key, texts in entries().items()})


@cache
def entries() -> dict[str, list[str]]:
    """All entries of the table, each with its texts in the order of LANGUAGES: "section.key"."""
    found: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {f"{section}.{key}": texts for section, of_section in found.items() for key, texts in of_section.items()}
