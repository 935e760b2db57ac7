"""`ipvalue sensitivities`: what it prints and writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import contents, here, run

import ipvalue

__all__ = ["here"]


def test_the_whole_is_printed_by_driver_and_everything_is_written(here: Path) -> None:
    words = ("sensitivities", "portfolio.parquet", "--paths", 64, "--group-by", "sector", "--swing", "discount=0.02", "--out", "moved")
    ran = run(*words, columns=120)
    assert (ran.code, ran.err) == (0, "")
    lines = {line.split()[0]: line.split() for line in ran.out.splitlines()[1:]}
    assert lines["revenue"][1:5] == ["1.0000", "0.0000", "±10", "%"]
    assert lines["discount"][3] == "±0.02"
    assert "margin" not in lines
    found = ipvalue.open_sensitivities("moved")
    assert set(found.sensitivities["sector"].to_pylist()) == {None, "software", "pharma"}
    assert {"sensitivities.parquet", "tornado.parquet", "rejects.parquet"} < set(contents("moved"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--drivers", "growth,discont"), "'discont' is no driver: did you mean discount?"),
        (("--swing", "discount"), "swing is 'discount': give a driver and a number, as discount=0.02"),
        (("--swing", "hazard=2"), "swings: hazard is 2.0: it must be a number above 0 and below 1, a part of the driver"),
        (("--sampler", "sobal"), "sampler is 'sobal': it must be random or sobol"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(here: Path, words: tuple[str, ...], sentence: str) -> None:
    ran = run("sensitivities", "portfolio.parquet", *words)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.sentence
    assert not Path("results").exists()


def test_another_result_is_none_of_sensitivities(here: Path) -> None:
    assert run("value", "portfolio.parquet", "--paths", 16, "--out", "valued").code == 0
    with pytest.raises(ipvalue.InputError, match="valued: is a result of ipvalue value, not of ipvalue sensitivities"):
        ipvalue.open_sensitivities("valued")


def test_what_shows_valuations_says_whose_result_it_is(here: Path) -> None:
    assert run("sensitivities", "portfolio.parquet", "--paths", 16, "--drivers", "growth", "--out", "moved").code == 0
    ran = run("show", "moved")
    assert (ran.code, ran.sentence) == (2, "moved: is a result of ipvalue sensitivities, not of ipvalue value: ipvalue.open_sensitivities reads it")
