"""Files of remote systems: nothing of one stays that was not written to its end."""

from __future__ import annotations

from types import SimpleNamespace

import fsspec
import pytest

from ipvalue.files import is_object_store
from ipvalue.schema import RunError
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
