"""How much memory there is: sizes as people write them, and what this process may still take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ipvalue.schema import InputError

_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}

_CGROUPS, _OURS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class _Files(NamedTuple):
    """The files of a cgroup that say what it may use and uses, and the entries of memory.stat that count the pages of files in its cache."""

    limit: str
    used: str
    cached: tuple[str, str]


_SECOND = _Files("memory.max", "memory.current", ("inactive_file", "active_file"))
_FIRST = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))
"""Of a cgroup of the second version, and of the first."""


def parse_memory(text: str) -> int:
    """Bytes of "8GiB", "512 MB", "2e9". Raises ValueError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:[eE]\d{1,2})?)\s*([A-Za-z]*)\s*", text)
    if not found or found[2].upper() not in _UNITS:
        raise ValueError(f"{text!r} must be a size such as 8GiB or 500MB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def size(number: float) -> str:
    """Bytes as people read them: 1.5 GiB."""
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:,.4g} {unit}"
        number /= 1024
    return f"{number:,.1f} GiB"


def available_memory() -> int:
    """Bytes this process may still take: what its cgroup's limit leaves where there is one, else what the machine has free. Pages of files that are
    kept in case they are read again are free: the system gives them up when memory is asked for."""
    free = int(_meminfo("MemAvailable")) * 1024
    for group, files in _cgroups():
        if (limit := group / files.limit).exists() and (most := limit.read_text().strip()).isdigit():
            free = min(free, int(most) - int((group / files.used).read_text()) + _cached(group, files))
    return max(free, 0)


def _cached(group: Path, files: _Files) -> int:
    """Bytes of files that a cgroup holds in its cache."""
    stat = group / "memory.stat"
    entries = dict(line.split() for line in stat.read_text().splitlines()) if stat.exists() else {}
    return sum(int(entries.get(name, 0)) for name in files.cached)


def _cgroups() -> Iterator[tuple[Path, _Files]]:
    """The directory of all cgroups, in a container its own; and where a service has one further down, that and those above it."""
    yield _CGROUPS, _SECOND
    yield _CGROUPS / "memory", _FIRST
    for line in _OURS.read_text().splitlines() if _OURS.exists() else []:
        _, controllers, place = line.split(":", 2)
        if ".." in place:  # outside of what is seen here
            continue
        if not controllers:
            yield from ((group, _SECOND) for group in _down_to(_CGROUPS, place))
        elif "memory" in controllers.split(","):
            yield from ((group, _FIRST) for group in _down_to(_CGROUPS / "memory", place))


def _down_to(top: Path, place: str) -> list[Path]:
    """The directories below `top` on the way to `place`."""
    names = place.strip("/").split("/")
    return [top.joinpath(*names[:depth]) for depth in range(1, len(names) + 1)]


def _meminfo(key: str) -> str:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return rest.split()[0]
    raise InputError("/proc/meminfo does not say how much memory is free: say it with --memory")
