"""A light start: what a command has no use for is not loaded, and what is loaded is not gone through again and again. Arrow itself is loaded where it
is first asked for, which the first screen and the help do not."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
_BLAS_WAITS = "OPENBLAS_THREAD_TIMEOUT"
_SHORTEST = "4"
"""2⁴ cycles; without it 2²⁶."""


def arrow_in_the_common_heap() -> None:
    """Lets Arrow take its memory where the rest of the process does: its own allocator would hold free memory of its own beside that."""
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def arrow_without_pandas() -> None:
    """Lets Arrow look for pandas while it cannot be found: it loads it to know a Series or DataFrame, and no command has one. Where a user's own
    rule imports pandas, Arrow is told then."""
    import pyarrow as pa

    finder = _Pandas()
    sys.meta_path.insert(0, finder)
    pa.array([0])  # the first conversion is when it looks
    finder.hides = False


@contextmanager
def loading() -> Iterator[None]:
    """While modules are loaded: nothing that comes is to go, so Python's collector need not look; pydantic does not go through all that is installed
    for plug-ins, of which it has none here; and the threads that NumPy's OpenBLAS starts, one a core, sleep as soon as they have nothing to do, which
    is all the time in most commands: unless the user says how long, they would first wait at work."""
    given = {name: os.environ.get(name) for name in (_PLUGINS, _BLAS_WAITS)}
    os.environ[_PLUGINS] = "__all__"
    os.environ.setdefault(_BLAS_WAITS, _SHORTEST)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        for name, value in given.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def collect_nothing_loaded() -> None:
    """Lets Python's collector pass over what stands now: modules and what is in them stay to the end, and are most of all that it would look at."""
    gc.freeze()


class _Pandas(MetaPathFinder):
    """Says that pandas is not installed while it `hides` it."""

    hides = True

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != "pandas":
            return None
        if self.hides:
            raise ModuleNotFoundError("pandas is not loaded", name=fullname)
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Told(spec.loader)
        return spec


class _Told(Loader):
    """Loads pandas, and lets Arrow look again."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        import pyarrow as pa

        pa.array([0]).to_pandas()
