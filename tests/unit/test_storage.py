"""Files of remote systems: nothing of one stays that was not written to its end."""

from __future__ import annotations

import errno
import re
from types import SimpleNamespace

import fsspec
import pyarrow as pa
import pytest

from ipvalue import storage
from ipvalue.files import file_system, is_object_store, reading, toml_of
from ipvalue.schema import InputError, RunError
from ipvalue.storage import uploaded, writing


def test_a_file_that_fails_is_taken_back() -> None:
    fs = fsspec.filesystem("memory")

    def half() -> None:
        with uploaded(fs, "/storage/part") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert not fs.exists("/storage/part")
    with uploaded(fs, "/storage/part") as file:
        file.write(b"whole")
    assert fs.cat_file("/storage/part") == b"whole"


def test_which_systems_have_no_directories() -> None:
    assert not is_object_store(fsspec.filesystem("memory"))
    assert not is_object_store(fsspec.filesystem("file"))
    assert is_object_store(SimpleNamespace(protocol=("s3", "s3a")))
    assert is_object_store(SimpleNamespace(protocol="abfs"))


def test_an_error_without_a_number_is_a_sentence() -> None:
    with pytest.raises(RunError, match=r"^out: writing is not permitted: name another --out or change its permissions$"), writing("out"):
        raise PermissionError("Access Denied")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError("Access Denied"), "may not be read"),
        (OSError(errno.EIO, "Input/output error"), "cannot be read ("),
        (TimeoutError("a request took too long"), "cannot be read ("),
    ],
)
def test_a_file_that_cannot_be_reached_while_it_is_valued_is_no_bad_input(error: OSError, told: str) -> None:
    """What was done is kept then: the file may be there again in a moment."""
    with pytest.raises(RunError, match=rf"^p: {re.escape(told)}"), reading("p", lost=RunError):
        raise error
    with pytest.raises(InputError, match=rf"^p: {re.escape(told)}"), reading("p"):
        raise error


def test_a_damaged_file_is_a_bad_input_whenever_it_is_read() -> None:
    with pytest.raises(InputError, match=r"it is damaged, cut short or something else$"), reading("p", lost=RunError):
        pa.ipc.open_file(pa.BufferReader(b"nothing of the kind"))
    with pytest.raises(InputError, match=r"it is damaged, cut short or something else$"), reading("p", lost=RunError):
        raise OSError("Unexpected end of stream")  # as Arrow says it


def test_an_error_without_a_text_is_a_sentence() -> None:
    with pytest.raises(InputError, match=r"^out/x: cannot be read \(OSError\): it is damaged or cut short$"), storage.reading("out/x"):
        raise OSError


def test_tables_by_url() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/toml/whole.toml", b"[a]\nb = 1\n")
    fs.pipe_file("/toml/half.toml", b"[a")
    assert toml_of("memory://toml/whole.toml") == {"a": {"b": 1}}
    with pytest.raises(InputError, match=r"^memory://toml/half\.toml: is not valid TOML"):
        toml_of("memory://toml/half.toml")
    with pytest.raises(InputError, match=r"^memory://toml/none\.toml: there is no such file"):
        toml_of("memory://toml/none.toml")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(InputError, match=r"^'a\\x00b': no file has such a name$"):
        file_system("a\0b")
