"""Results below a root are found by looking; whatever else lies there is said to be what it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from served import make_root

import ipvalue as iv

pytest.importorskip("duckdb")
pytest.importorskip("tornado")

from ipvalue.serve.root import NotThere, Root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("served"))


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "results"))


def states(root: Path) -> dict[str, str]:
    return {run.name: run.state for run in Root(root).runs()}


def fault(root: Path, name: str) -> str:
    return Root(root).run(name).fault


def test_all_results_are_found_with_what_a_list_says_of_them(root: Path) -> None:
    runs = {run.name: run for run in Root(root).runs()}
    assert set(runs) == {"first", "night/second", "stress", "why"}
    assert [run.facts.command for run in runs.values() if run.facts] == ["scenarios", "value", "value", "explain"]
    found, manifest = runs["first"].facts, iv.open_result(root / "first").manifest
    assert found is not None
    assert (found.valued, found.rows, found.seed, found.paths, found.currency) == (10, 11, 1, 64, "CNY")
    assert found.amount == iv.open_result(root / "first").groups["value"][0].as_py()
    assert (found.ipvalue, found.numerics_version) == (manifest["ipvalue"], manifest["numerics_version"])


def test_a_results_directory_is_a_root_too(root: Path) -> None:
    assert states(root / "first") == {"first": "finished"}


def test_a_run_that_was_stopped_is_not_finished(root: Path) -> None:
    (root / "first/manifest.json").unlink()
    (root / "first/.journal").write_bytes(b"")
    assert states(root)["first"] == "unfinished"
    assert "holds a run that was stopped" in fault(root, "first")


RECORDS = {"empty": b"", "cut": b"{", "list": b"[]", "little": b'{"files": 1}', "binary": b"\xff\xfe", "deep": b'{"a":' * 100_000}


@pytest.mark.parametrize("content", RECORDS.values(), ids=RECORDS.keys())
def test_a_record_that_no_run_wrote_is_damage(root: Path, content: bytes) -> None:
    (root / "first/manifest.json").write_bytes(content)
    assert states(root)["first"] == "damaged"
    assert str(root) not in fault(root, "first")


@pytest.mark.parametrize(("key", "value"), [("counts", {"rows": 1, "valued": 1, "rejected": 0}), ("command", "else"), ("options", {"paths": 1})])
def test_a_record_in_which_something_is_missing_or_unknown_is_damage_or_still_read(root: Path, key: str, value: object) -> None:
    path = root / "first/manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    found = Root(root).run("first")
    assert (found.state == "damaged") == (key != "counts")


def test_a_missing_table_is_named(root: Path) -> None:
    (root / "first/groups.parquet").unlink()
    assert fault(root, "first") == "groups.parquet: is missing from the result"


def test_no_link_is_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(root / "first", outside)
    (root / "linked").symlink_to(outside)
    assert "linked" not in states(root)
    part = root / "first/assets/part-00000.parquet"
    part.unlink()
    part.symlink_to(outside / "assets/part-00000.parquet")
    assert "is a link or something else that is no file" in fault(root, "first")
    (root / "night/second/manifest.json").unlink()
    (root / "night/second/manifest.json").symlink_to(outside / "manifest.json")
    assert "is no file of its own" in fault(root, "night/second")


def test_a_link_that_comes_later_closes_a_result_that_was_listed(root: Path, tmp_path: Path) -> None:
    found = Root(root)
    assert found.opened("first").state == "finished"
    (root / "first/more").symlink_to(tmp_path)
    with pytest.raises(iv.InputError, match="first: holds more, which is a link"):
        found.opened("first")


def test_a_pipe_is_not_waited_for(root: Path) -> None:
    (root / "first/groups.parquet").unlink()
    os.mkfifo(root / "first/groups.parquet")
    assert "holds groups.parquet, which is a link or something else" in fault(root, "first")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "assets/../../x.parquet"])
def test_a_record_cannot_name_a_file_elsewhere(root: Path, name: str) -> None:
    path = root / "first/manifest.json"
    content = json.loads(path.read_text())
    content["files"][0]["name"] = name
    path.write_text(json.dumps(content))
    assert "which lies outside of it" in fault(root, "first")


@pytest.mark.parametrize("name", ["..", "../first", "first/", "./first", "/etc", "first/assets", "", "FIRST", "first\0", "night", "night/../first"])
def test_only_names_of_the_list_are_names(root: Path, name: str) -> None:
    with pytest.raises(NotThere, match="there is no result"):
        Root(root).run(name)


def test_hidden_directories_are_not_entered_and_strange_names_are_said(root: Path) -> None:
    shutil.copytree(root / "first", root / ".hidden/first")
    shutil.copytree(root / "first", root / "memory::first")
    assert ".hidden/first" not in states(root)
    assert "its name has :: or :// in it" in fault(root, "memory::first")


def test_a_directory_whose_name_is_not_utf8_is_listed(root: Path) -> None:
    shutil.copytree(root / "first", root / os.fsdecode(b"caf\xe9"))
    assert states(root)["caf\\udce9"] in ("finished", "damaged")


def test_a_root_must_be_a_local_directory(root: Path) -> None:
    with pytest.raises(iv.InputError, match=r"there is no such directory: did you mean .*results"):
        Root(root.with_name("result"))
    with pytest.raises(iv.InputError, match="no directory of this machine"):
        Root("s3://bucket/results")


def test_a_result_that_is_replaced_is_another(root: Path) -> None:
    found = Root(root)
    before = found.run("first")
    shutil.rmtree(root / "first")
    shutil.copytree(root / "night/second", root / "first")
    after = found.run("first")
    assert before.stamp != after.stamp
    assert (before.facts and before.facts.seed, after.facts and after.facts.seed) == (1, 2)
