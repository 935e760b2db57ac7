"""The keys of a job file: each is documented as its field says, is an option of the run, and errors ask for keys, not flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipvalue.job import Job
from ipvalue.job_file import JobFile, Key, in_words, in_words_of_a_job, keys, load_job
from ipvalue.schema import InputError, RunError


def row(key: Key) -> str:
    """As docs/files.md has it."""
    name = f"`{key.table}.{key.name}`" if key.table else f"`{key.name}`"
    default = key.default if key.default in ("", "required") else f"`{key.default}`"
    return f"| {name} | {default} | {key.meaning} |"


def test_the_documentation_lists_every_key_as_its_field_says(root: Path) -> None:
    page = (root / "docs" / "files.md").read_text(encoding="utf-8")
    section = page.partition("\n## job.toml\n")[2].partition("\n## ")[0]
    documented = [line for line in section.splitlines() if line.startswith("| `")]
    assert documented == [row(key) for key in keys()]


def test_every_key_has_a_meaning() -> None:
    assert all(key.meaning for key in keys())


def test_every_option_of_a_run_is_a_key() -> None:
    of_loans = {"loans", "ratings", "programmes", "policies", "policy", "pool", "tranche_ratings"}
    assert {key.name for key in keys()} == {*Job.model_fields, *of_loans, "portfolio", "market", "assumptions", "since", "root", "strict"}


def test_only_what_the_file_gives_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('portfolio = "p.csv"\n[options]\nseed = 7\n[outputs]\nroot = "r"\n[run]\nstrict = true\nworkers = 3\n')
    job = load_job(tmp_path / "job.toml")
    assert job.asked == {"seed": 7, "workers": 3}
    assert (job.portfolio, job.outputs.root, job.market) == (f"{tmp_path}/p.csv", f"{tmp_path}/r", None)


def test_urls_and_absolute_paths_are_taken_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(
        'portfolio = "s3://bucket/p.parquet"\nmarket = "/m/market.toml"\nrule = "rules:tiered"\n[outputs]\nroot = "memory://r"\n'
    )
    job = load_job(tmp_path / "job.toml")
    assert (job.portfolio, job.market, job.rule, job.outputs.root) == ("s3://bucket/p.parquet", "/m/market.toml", "rules:tiered", "memory://r")


@pytest.mark.parametrize("kind", [InputError, RunError])
def test_errors_ask_for_keys_and_keep_their_kind(kind: type[InputError] | type[RunError]) -> None:
    with pytest.raises(kind) as found, in_words_of_a_job():
        raise kind("a: use fewer --workers or --max-paths, or name another --out (a--b stays); give --overwrite to start again")
    text = "a: use fewer workers or max_paths, or name another root in [outputs] (a--b stays); remove that directory to start again"
    assert (type(found.value), str(found.value)) == (kind, text)


def test_a_directory_that_cannot_be_gone_on_with_is_to_be_removed() -> None:
    text = "x: nothing to go on from: give --overwrite without --resume to start again, or name another --out"
    assert in_words(text) == "x: nothing to go on from: remove that directory to start again, or name another root in [outputs]"


def test_the_model_is_closed() -> None:
    assert JobFile.model_config["extra"] == "forbid"
