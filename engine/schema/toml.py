"""Reading a TOML file, with errors that name it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipvalue.schema.errors import InputError, did_you_mean_file

Source = str | Path | Mapping[str, Any]
"""A TOML file, or a mapping like one."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises InputError where it cannot be opened or is not TOML."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file{did_you_mean_file(path)}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return parse_toml(content, str(path))


def parse_toml(content: bytes, name: str) -> dict[str, Any]:
    """The tables that a TOML file's bytes hold. Raises InputError, which names the file, where they are none."""
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: is not valid TOML: {error}") from None
