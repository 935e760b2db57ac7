"""The package itself: its public names are loaded when the first of them is asked for, so that a command loads no more than it needs."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

PUBLIC = "public"
"""The module that holds the names."""


class Package(ModuleType):
    """A package whose names in `__all__` are those of its module `public`, those of functions too that share theirs with a module (explain)."""

    __all__: list[str]

    def __getattr__(self, name: str) -> object:
        if name not in self.__all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"{self.__name__}.{PUBLIC}"), name)
        vars(self)[name] = found
        return found

    def __setattr__(self, name: str, value: object) -> None:
        if name not in self.__all__ or not isinstance(value, ModuleType):  # Python sets a module that it has loaded
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})
