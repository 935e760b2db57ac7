"""What `init` lays down: a job file with every key, a market and a sample with their sources, and all of it or nothing."""

from __future__ import annotations

import csv
import re
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from us_drugs import EXAMPLE, script

import ipvalue as iv
from ipvalue.job_file import keys, load_job
from ipvalue.market import load_market
from ipvalue.schema import PORTFOLIO, InputError
from ipvalue.starter import lay
from ipvalue.starter.job_text import job_text

STARTER = Path(lay.__file__).parent
GIVEN = {"portfolio": '"p.csv"', "outputs.root": '"out"'}


def test_the_sample_is_what_its_script_makes_of_the_shipped_portfolio() -> None:
    made = script("sample")
    assert (STARTER / "portfolio.csv").read_text(encoding="utf-8") == made.portfolio()
    assert (STARTER / "market.toml").read_text(encoding="utf-8") == made.market()


def test_the_sample_has_five_rights_of_each_sector_of_the_market() -> None:
    rows = list(csv.DictReader((STARTER / "portfolio.csv").read_text(encoding="utf-8").splitlines()))
    market = load_market(STARTER / "market.toml")
    assert market.model_dump() == load_market(EXAMPLE / "market.toml").model_dump()
    assert sorted(row["sector"] for row in rows) == sorted(5 * [*market.factors.names])
    assert set(rows[0]) <= set(PORTFOLIO)


def test_a_job_file_says_every_key_with_its_meaning_and_default(tmp_path: Path) -> None:
    text = job_text(GIVEN)
    (tmp_path / "job.toml").write_text(text)
    job = load_job(tmp_path / "job.toml")
    assert (job.portfolio, job.outputs.root, job.asked) == (f"{tmp_path}/p.csv", f"{tmp_path}/out", {})
    for key in keys():
        assert re.search(rf"^#?{key.name} = ", text, re.MULTILINE), key
        assert key.meaning in re.sub(r"\n# ", " ", text), key
        if key.default not in ("", "required") and key.name not in ("root",):
            assert f"\n#{key.name} = {key.default}\n" in text


def test_a_job_file_still_loads_when_every_key_is_set(tmp_path: Path) -> None:
    text = re.sub(r"^#(?!rule)(?=\w+ = )", "", job_text(GIVEN), flags=re.MULTILINE)  # under a rule nothing can be lent
    assert [line for line in text.splitlines() if " = " in line and "#" in line] == ['#rule = "royalties.py:tiered"']
    (tmp_path / "job.toml").write_text(text)
    load_job(tmp_path / "job.toml")
    assert {key.name for key in keys()} - {"rule"} <= {
        *tomllib.loads(text),
        *(name for table in tomllib.loads(text).values() if isinstance(table, dict) for name in table),
    }


@pytest.mark.parametrize("there", [False, True])
def test_an_absent_or_empty_directory_is_filled(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "a" / "first"
    if there:
        folder.mkdir(parents=True)
    started = iv.init(folder)
    assert sorted(started.files) == sorted(path.name for path in folder.iterdir())
    assert {"job.toml", "market.toml", "portfolio.csv", "README.md"} <= set(started.files)
    assert load_job(folder / "job.toml").portfolio == f"{folder}/portfolio.csv"
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in page for name in started.files if name != "README.md")
    assert "{" not in page


def test_what_is_laid_down_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        iv.init(tmp_path / name)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_without_xlsxwriter_the_workbook_is_left_out_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lay, "find_spec", lambda name: None if name == "xlsxwriter" else find_spec(name))
    started = iv.init(tmp_path / "first")
    assert "portfolio.xlsx" not in started.files
    assert started.left_out == "portfolio.xlsx, the workbook to fill in, is left out: it needs pip install 'ipvalue[xlsx]'"
    assert "xlsx" not in (tmp_path / "first" / "README.md").read_text(encoding="utf-8")
    assert not any(line.endswith(".xlsx") for line in started.commands)


def test_names_that_a_shell_would_take_apart_are_quoted(tmp_path: Path) -> None:
    started = iv.init(tmp_path / "my first; one")
    assert started.commands[0].startswith(f"ipvalue value '{tmp_path}/my first; one'/portfolio.csv ")


def test_where_a_file_cannot_be_written_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = lay.atomic

    def full(path: Path) -> object:
        if path.name == "portfolio.csv":
            raise OSError(28, "No space left on device")
        return written(path)

    monkeypatch.setattr(lay, "atomic", full)
    with pytest.raises(iv.RunError, match="the disk is full: free some space or name another directory"):
        iv.init(tmp_path / "a" / "first")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    with pytest.raises(iv.RunError):
        iv.init(tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("name", ["", "s3://bucket/first", "memory://first"])
def test_a_place_that_is_no_directory_here(name: str) -> None:
    with pytest.raises(InputError, match="name a directory here"):
        iv.init(name)
