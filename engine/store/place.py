"""Where a results directory is, and what it is found to hold."""

from __future__ import annotations

from typing import Literal

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ipvalue.files import file_system
from ipvalue.schema import InputError
from ipvalue.storage import reading
from ipvalue.store.names import JOURNAL, MANIFEST

Found = Literal["nothing", "unfinished", "finished"]
"""What a results directory holds: no run, one that was stopped and can be gone on with, or a whole result."""


class Place:
    """A results directory on any file system that fsspec opens: the directory itself (`root`), or one hidden in it while it is to replace another."""

    def __init__(self, location: str) -> None:
        self.location = str(location)
        if not self.location.strip():
            raise InputError("the results directory has no name: give one with --out")
        self.fs, self.root = file_system(self.location, "opened as a results directory")
        self._base = self.root

    @property
    def is_local(self) -> bool:
        """Whether files can be renamed atomically here."""
        return isinstance(self.fs, LocalFileSystem)

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what is written here."""
        return not isinstance(self.fs, MemoryFileSystem)

    def _path(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}"

    def place(self, name: str) -> str:
        """A path or URL by which other processes find one of its files, whatever their current directory."""
        return self.location_of(self._path(name))

    def location_of(self, path: str) -> str:
        """What names a path of its file system from anywhere: itself, or a URL."""
        return path if self.is_local else str(self.fs.unstrip_protocol(path))

    @property
    def found(self) -> Found:
        """What is there already."""
        with reading(self.location):
            if self.fs.exists(self._path(MANIFEST)):
                return "finished"
            return "unfinished" if self.fs.exists(self._path(JOURNAL)) else "nothing"
