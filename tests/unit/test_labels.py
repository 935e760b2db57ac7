"""The texts of pages: both languages have all of them, with the same braces, and the templates name none that is not there."""

from __future__ import annotations

import re
import string

import pytest

import ipvalue as iv
from ipvalue.indices.uncertain import UNCERTAIN
from ipvalue.report.labels import LANGUAGES, entries, labels
from ipvalue.report.page import TEMPLATES
from ipvalue.schema import METHODS, PORTFOLIO, RIGHT_TYPES
from ipvalue.sensitivities.drivers import DRIVERS

HAN = re.compile(r"[\u4e00-\u9fff]")


def fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("key", entries())
def test_both_languages_say_it_with_the_same_values(key: str) -> None:
    texts = entries()[key]
    assert len(texts) == len(LANGUAGES)
    assert all(text.strip() for text in texts)
    assert fields(texts[0]) == fields(texts[1])
    assert not HAN.search(texts[0])


@pytest.mark.parametrize(
    ("other", "ours"),
    [("风险价值", "在险价值"), ("预期亏损", "预期短缺"), ("贷款价值比", "质押率"), ("承担者", "承担方"), ("已评估", "已估值"), ("被拒绝", "被剔除")],
)
def test_chinese_has_one_word_for_one_thing(other: str, ours: str) -> None:
    texts = [texts[1] for texts in entries().values()]
    assert not [text for text in texts if other in text]
    assert [text for text in texts if ours in text]


def test_a_language_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(iv.InputError, match="language is 'zho': it must be en or zh: did you mean zh"):
        labels("zho")


def test_templates_name_texts_that_are_there() -> None:
    sources = [path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.j2")]
    named = {key for source in sources for key in re.findall(r'say\("([\w.]+)"', source)}
    assert named
    assert not named - entries().keys()


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        (0.0, "0", "0"),
        (12.34, "12.34", "12.34"),
        (1234.5, "1.234 k", "1,234"),
        (-56_789.0, "-56.79 k", "-5.679 万"),
        (2.71e9, "2.710 bn", "27.10 亿"),
        (99_999_999.0, "100.0 m", "1.000 亿"),
        (3.2e12, "3.200 tn", "3.200 万亿"),
        (4.5e15, "4,500 tn", "4,500 万亿"),
    ],
)
def test_amounts_are_counted_as_the_language_counts(amount: float, english: str, chinese: str) -> None:
    assert (labels("en").amount(amount), labels("zh").amount(amount)) == (english, chinese)


def test_dates_are_written_out() -> None:
    assert (labels("en").day("2026-11-02"), labels("zh").day("2026-11-02")) == ("2 November 2026", "2026 年 11 月 2 日")


def test_drivers_and_uncertain_inputs_have_names_of_their_own() -> None:
    names = {*DRIVERS, *(one.name for one in UNCERTAIN)}
    for language in LANGUAGES:
        say = labels(language)
        shown = {name: say.or_as_is("driver", name) for name in names}
        assert len({*shown.values()}) == len(shown)
    assert not {f"driver.{name}" for name in names} - entries().keys()


def test_types_of_rights_methods_and_columns_have_names() -> None:
    assert not {f"right_type.{name}" for name in RIGHT_TYPES} - entries().keys()
    assert not {f"method.{name}" for name in METHODS} - entries().keys()
    assert not {f"portfolio.{name}" for name in PORTFOLIO} - entries().keys()
