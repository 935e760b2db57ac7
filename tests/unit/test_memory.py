"""How much memory a run may use: sizes as people write them, and the limits of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipvalue import memory

GIB = 1 << 30


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with much memory and no limits; this process is in the group of a service."""
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_OURS", tmp_path / "ours")
    monkeypatch.setattr(memory, "_meminfo", lambda key: str(64 << 20))
    (tmp_path / "cgroup/system.slice/night.service").mkdir(parents=True)
    (tmp_path / "ours").write_text("0::/system.slice/night.service\n")
    return tmp_path / "cgroup"


def limit(group: Path, most: object, used: int) -> None:
    (group / "memory.max").write_text(f"{most}\n")
    (group / "memory.current").write_text(f"{used}\n")


def test_without_limits_it_is_what_the_machine_has_free(groups: Path) -> None:
    limit(groups / "system.slice", "max", GIB)
    assert memory.available_memory() == 64 * GIB


@pytest.mark.parametrize("group", ["", "system.slice", "system.slice/night.service"])
def test_the_limit_of_a_group_counts_wherever_it_is_set(groups: Path, group: str) -> None:
    limit(groups / group, 8 * GIB, 3 * GIB)
    assert memory.available_memory() == 5 * GIB


def test_the_least_of_several_limits_counts(groups: Path) -> None:
    limit(groups / "system.slice", 8 * GIB, 2 * GIB)
    limit(groups / "system.slice/night.service", 4 * GIB, GIB)
    assert memory.available_memory() == 3 * GIB


@pytest.mark.parametrize("group", ["", "batch", "batch/night"])
def test_a_limit_of_the_first_version_of_groups(groups: Path, group: str) -> None:
    (groups.parent / "ours").write_text("5:cpu,cpuacct:/other\n4:memory:/batch/night\n0::/\n")
    place = groups / "memory" / group
    place.mkdir(parents=True)
    (place / "memory.limit_in_bytes").write_text(f"{3 * GIB}\n")
    (place / "memory.usage_in_bytes").write_text(f"{2 * GIB}\n")
    assert memory.available_memory() == GIB
    (place / "memory.stat").write_text(f"cache 7\ntotal_inactive_file {GIB // 2}\ntotal_active_file {GIB // 4}\n")
    assert memory.available_memory() == GIB + GIB // 2 + GIB // 4


def test_files_in_the_cache_take_nothing_away(groups: Path) -> None:
    """A portfolio that was just read fills what a container may use, and yet leaves it free."""
    limit(groups, 4 * GIB, 4 * GIB)
    (groups / "memory.stat").write_text(f"anon {GIB}\nfile {3 * GIB}\nshmem {GIB}\ninactive_file {GIB}\nactive_file {GIB}\n")
    assert memory.available_memory() == 2 * GIB


def test_a_group_that_is_over_its_limit_leaves_nothing(groups: Path) -> None:
    limit(groups, GIB, 2 * GIB)
    assert memory.available_memory() == 0


def test_a_group_outside_of_what_is_seen_here_is_not_looked_for(groups: Path) -> None:
    (groups.parent / "ours").write_text("0::/../../other\n1:memory:/old\n")
    assert memory.available_memory() == 64 * GIB


@pytest.mark.parametrize(("number", "text"), [(512, "512 bytes"), (1536, "1.5 KiB"), (3 << 20, "3 MiB"), (int(2.5 * GIB), "2.5 GiB")])
def test_sizes_as_people_read_them(number: int, text: str) -> None:
    assert memory.size(number) == text
    assert memory.parse_memory(text.replace(" bytes", "")) == number
