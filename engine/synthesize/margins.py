"""The files of data/ that profiles are made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipvalue.schema import read_toml

_DATA = Path(__file__).parent.parent / "data"


def margins(profile: str) -> dict[str, Any]:
    """What the file of a profile says."""
    return read_toml(_DATA / f"{profile}.toml")
