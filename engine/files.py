"""File systems: what opens a path or URL, and which errors their clients raise."""

from __future__ import annotations

import sys
from typing import Any

import fsspec

from ipvalue.schema import InputError

_CLIENTS = {
    "botocore.exceptions": "BotoCoreError",
    "aiohttp": "ClientError",
    "google.auth.exceptions": "GoogleAuthError",
    "azure.core.exceptions": "AzureError",
}
"""Clients of object stores whose errors are no OSErrors: no credentials, no endpoint."""


def file_system(path: str, wanted: str = "opened") -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and its path there. Raises InputError where there is no such system.

    Listings are not kept: other processes write there too, and what they wrote would not be seen.
    """
    try:
        fs, inner = fsspec.core.url_to_fs(path, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise InputError(f"{path}: cannot be {wanted} ({first_line(error)})") from None
    return fs, inner


def client_errors() -> tuple[type[Exception], ...]:
    """What file systems raise beside OSError: the errors of the clients that are loaded."""
    return tuple(getattr(sys.modules[name], error) for name, error in _CLIENTS.items() if name in sys.modules)


def file_errors() -> tuple[type[Exception], ...]:
    """All that file systems raise."""
    return OSError, *client_errors()


def first_line(error: BaseException) -> str:
    """The first line of an error's text, without its end; its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".: ")
