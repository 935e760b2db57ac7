"""How much memory there is: sizes as people write them, and what this process may still take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ipvalue.schema import InputError

_UNITS = {"": 1, "B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}

_CGROUPS, _OURS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_LIMITS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""Limit and use, of a cgroup of the second version and of the first."""


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
    """Bytes this process may still take: what its cgroup's limit leaves where there is one, else what the machine has free."""
    limits = [int(_meminfo("MemAvailable")) * 1024]
    for group in _cgroups():
        for limit, used in _LIMITS:
            if (group / limit).exists() and (text := (group / limit).read_text().strip()).isdigit():
                limits.append(int(text) - int((group / used).read_text()))
    return max(min(limits), 0)


def _cgroups() -> Iterator[Path]:
    """The directory of all cgroups, in a container its own; and where a service has one further down (systemd), that and those above it."""
    yield _CGROUPS
    lines = _OURS.read_text().splitlines() if _OURS.exists() else []
    for line in lines:
        if line.startswith("0::/") and ".." not in line:
            place = _CGROUPS / line.removeprefix("0::/").strip()
            while place != _CGROUPS:
                yield place
                place = place.parent


def _meminfo(key: str) -> str:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return rest.split()[0]
    raise InputError("/proc/meminfo does not say how much memory is free: say it with --memory")
