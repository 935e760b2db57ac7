"""File systems: what opens a path or URL, which errors their clients raise, and those as sentences."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
from fsspec.implementations.local import LocalFileSystem

from ipvalue.schema import InputError, RunError, did_you_mean_file, parse_toml, read_toml

_CLIENTS = {
    "botocore.exceptions": "BotoCoreError",
    "aiohttp": "ClientError",
    "google.auth.exceptions": "GoogleAuthError",
    "azure.core.exceptions": "AzureError",
}
"""Clients of object stores whose errors are no OSErrors: no credentials, no endpoint."""

_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "oci"}
"""Protocols of stores that know buckets and objects; a directory is only a part of names there."""


def file_system(path: str, wanted: str = "opened") -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and its path there. Raises InputError where there is no such system.

    Listings of object stores are not kept: other processes write there too, and what they wrote would not be seen.
    """
    if "\0" in path:
        raise InputError(f"{path!r}: no file has such a name")
    options = {"use_listings_cache": False} if path.partition("://")[0] in _OBJECT_STORES else {}
    try:
        fs, inner = fsspec.core.url_to_fs(path, **options)
    except (ImportError, ValueError) as error:
        raise InputError(f"{path}: cannot be {wanted} ({first_line(error)})") from None
    return fs, inner


def open_binary(path: str) -> pa.NativeFile:
    """A readable Arrow file.

    Not a memory map, which would end the process (SIGBUS) where a file is cut short while it is read, and is no faster: Arrow copies what it reads
    of a file by columns.
    """
    fs, inner = file_system(path)
    if isinstance(fs, LocalFileSystem):
        return pa.OSFile(inner)
    return pa.PythonFile(fs.open(inner, "rb"), mode="r")


def is_object_store(fs: Any) -> bool:
    """Whether a file system has no directories to be made; to make one would be to make the bucket."""
    return bool(_OBJECT_STORES.intersection([fs.protocol] if isinstance(fs.protocol, str) else fs.protocol))


def client_errors() -> tuple[type[Exception], ...]:
    """What file systems raise beside OSError: the errors of the clients that are loaded."""
    return tuple(getattr(sys.modules[name], error) for name, error in _CLIENTS.items() if name in sys.modules)


def file_errors() -> tuple[type[Exception], ...]:
    """All that file systems raise."""
    return OSError, *client_errors()


def first_line(error: BaseException) -> str:
    """The first line of an error's text, without its end; its type where it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".: ")


@contextmanager
def reading(display: str, what: str = "file", lost: type[InputError] | type[RunError] = InputError) -> Iterator[None]:
    """Turns the errors of opening and reading into an InputError that names the file; where it is there and cannot be reached now, into `lost`."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{display}: there is no such file or directory{did_you_mean_file(display)}") from None
    except MemoryError:
        raise
    except PermissionError:
        raise lost(f"{display}: may not be read: ask for read permission") from None
    except client_errors() as error:
        raise lost(f"{display}: cannot be reached ({first_line(error)}): look at the credentials and the endpoint") from None
    except (OSError, ValueError, ImportError, pa.ArrowException) as error:
        if isinstance(error, OSError) and (error.errno or isinstance(error, TimeoutError)):  # of the system; Arrow's, of what is read, have no number
            raise lost(f"{display}: cannot be read ({first_line(error)}): look at the disk or the network that it lies on") from None
        mend = "write it in UTF-8" if "UTF8" in str(error) or "utf-8" in str(error) else "it is damaged, cut short or something else"
        raise InputError(f"{display}: cannot be read as {what} ({first_line(error)}): {mend}") from None


def toml_of(place: str | Path) -> dict[str, Any]:
    """The tables of a TOML file at a path or URL. Raises InputError where it cannot be opened or is not TOML."""
    if "://" not in str(place):
        return read_toml(Path(place))
    fs, inner = file_system(str(place))
    with reading(str(place)):
        content = fs.cat_file(inner)
    return parse_toml(content, str(place))
