"""A light start: a command loads its own modules, not pandas for Arrow, which a user's own code still gets; what is loaded is not gone through for
garbage."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from ipvalue.cli.light import loading

pytest.importorskip("pandas")

_START = "import sys, pyarrow as pa; from ipvalue.cli.light import arrow_without_pandas; arrow_without_pandas(); "


def _said(code: str) -> str:
    return subprocess.run([sys.executable, "-c", _START + code], capture_output=True, text=True, check=True).stdout.strip()


def test_arrow_does_not_load_pandas() -> None:
    assert _said("pa.array(['a', None]); pa.scalar(1); print('pandas' in sys.modules)") == "False"


def test_pandas_works_once_it_is_asked_for() -> None:
    code = "import pandas as pd; s = pd.Series([1.5, None]); print(pa.array(s).to_pylist(), pa.table(pd.DataFrame({'a': s})).num_rows)"
    assert _said(code) == "[1.5, None] 2"
    assert _said("print(pa.array([1, 2]).to_pandas().sum())") == "3"


def test_what_is_loaded_is_passed_over_and_what_comes_later_is_collected() -> None:
    code = "import gc; from ipvalue.cli.light import collect_nothing_loaded; loaded = len(gc.get_objects()); collect_nothing_loaded(); "
    code += "left = len(gc.get_objects()); later = []; later.append(later); del later; print(left < loaded / 10, gc.collect() > 0)"
    assert _said(code) == "True True"


def test_a_command_loads_no_other_and_no_dask() -> None:
    code = "import sys; sys.argv = ['ipvalue', 'value', '--help']; from ipvalue.cli import main\ntry:\n    main()\nexcept SystemExit:\n    "
    code += "print([name for name in ('dask', 'jinja2', 'ipvalue.cli.show', 'ipvalue.report', 'ipvalue.cli.value') if name in sys.modules])"
    assert _said(code).splitlines()[-1] == "['ipvalue.cli.value']"


@pytest.mark.parametrize(("name", "own", "meanwhile"), [("PYDANTIC_DISABLE_PLUGINS", "one,two", "__all__"), ("OPENBLAS_THREAD_TIMEOUT", "20", "20")])
def test_after_loading_all_is_as_it_was(monkeypatch: pytest.MonkeyPatch, name: str, own: str, meanwhile: str) -> None:
    monkeypatch.delenv(name, raising=False)
    with loading():
        assert not gc.isenabled()
        assert os.environ[name] in ("__all__", "4")
    assert (gc.isenabled(), os.environ.get(name)) == (True, None)
    monkeypatch.setenv(name, own)
    with loading():
        assert os.environ[name] == meanwhile
    assert os.environ[name] == own
