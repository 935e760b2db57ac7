"""Reading a TOML file, with errors that name it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from ipvalue.schema.errors import InputError, did_you_mean_file


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises InputError where it cannot be opened or is not TOML."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file{did_you_mean_file(path)}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: is not valid TOML: {error}") from None
