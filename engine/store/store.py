"""A results directory from its beginning to its end: begun, locked, put in the place of an earlier one, or taken back."""

from __future__ import annotations

import copy
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ipvalue.files import file_errors
from ipvalue.schema import InputError
from ipvalue.storage import lock, sync, uninterrupted, writing
from ipvalue.store.names import JOURNAL, LOCK, MANIFEST, OURS, PASSED, UNFINISHED, names_under, remove_ours
from ipvalue.store.readable import Readable
from ipvalue.store.writable import Writable


class Store(Readable, Writable):
    """A results directory on any file system that fsspec opens. Picklable: workers write their parts themselves."""

    def begin(self, fingerprint: str, *, overwrite: bool, resume: bool) -> Store:
        """The store that a run writes to, ended by `commit` or `discard`, or left for a later one to go on with.

        Raises InputError where the directory may not be used.

        It is the directory itself, made here where there is none. Where an earlier result is to be replaced on a local file system, it is
        a hidden directory within it, so that the earlier result stays whole until the new one is complete. What `resume` finds there stays.
        """
        draft = copy.copy(self)
        self._check_free(overwrite=overwrite, resume=resume)
        with writing(self.location, InputError):
            if overwrite and self._top() and not (resume and self._is_of(fingerprint)):
                if self.is_local:
                    draft._base = self._hidden(fingerprint)
                if not (resume and self.is_local):
                    draft._remove_drafts()
            try:
                draft._make_directory(draft._base)
                if draft._base != self.root:
                    sync(Path(self.root))
                draft._try_to_write()
            except BaseException:
                draft._remove_hidden()
                raise
        return draft

    def _is_of(self, fingerprint: str) -> bool:
        """Whether what is there is a run with that fingerprint, its record whole."""
        try:
            return self.fingerprint() == fingerprint
        except InputError:
            return False

    def _hidden(self, fingerprint: str) -> str:
        """Where a run is made while an earlier result is there."""
        return f"{self.root}/.new-{fingerprint[:32]}"

    def _remove_drafts(self) -> None:
        """Removes what was to replace the result that is there, and was stopped; on an object store the result itself."""
        drafts = [one for one in (names_under(self.fs, self.root) if self.is_local else ()) if one.startswith(".new-") and "/" not in one]
        for draft in (f"{self.root}/{name}" for name in drafts):
            remove_ours(self.fs, draft)
            self.fs.rmdir(draft)
        if not self.is_local:
            remove_ours(self.fs, self.root)

    def _remove_hidden(self) -> None:
        """Removes the hidden directory, where this is one and nothing is in it."""
        if self._base != self.root:
            with suppress(OSError):
                self.fs.rmdir(self._base)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other run may write here meanwhile; where others cannot be kept out (no local file system), that is left to the user.

        The directory is made for it; it is removed again where nothing is in it at the end. Raises InputError where another run holds it.
        """
        if not self.is_local:
            yield
            return
        made = self._missing()
        with writing(self.location, InputError):
            self.fs.makedirs(self.root, exist_ok=True)
            for path in made:
                with suppress(PermissionError):  # of one that may be written to and not be looked into
                    sync(Path(path).parent)
        try:
            with lock(Path(self.root) / LOCK, self.location):
                yield
        finally:
            for path in made:
                with suppress(OSError):
                    os.rmdir(path)

    @contextmanager
    def all_or_none(self, *names: str) -> Iterator[None]:
        """No other run may write here meanwhile, and what was written is taken back where the work does not end well: the files `names` and those of
        a run; and the directory, where it was made for it."""
        made = self._missing() if self.is_local else []
        try:
            with self.locked():
                yield
        except BaseException:
            with uninterrupted():
                for name in names:
                    self.remove(name)
                self.discard()
                for path in made:
                    with suppress(OSError):
                        os.rmdir(path)
            raise

    def _missing(self) -> list[str]:
        """The directories that are to be made, the deepest first."""
        missing, path = [], self.root
        while path and not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        return missing

    def check_free(self, *, overwrite: bool, resume: bool) -> None:
        """Raises InputError where the directory may not be written to: another run does so, it holds something else, or a run that is neither to
        be gone on with nor to be replaced."""
        with writing(self.location, InputError):
            if self.fs.exists(self.root) and not self.fs.isdir(self.root):
                raise InputError(f"{self.location}: is a file, not a directory: name another --out")
            if self.is_local and self.fs.exists(f"{self.root}/{LOCK}"):
                with self.locked():
                    pass
        self._check_free(overwrite=overwrite, resume=resume)

    def _check_free(self, *, overwrite: bool, resume: bool) -> None:
        with writing(self.location, InputError):
            top = self._top()
            # the whole tree is only looked through where it may be a result
            others = sorted(name for name in top if not OURS.fullmatch(name)) or sorted(
                name for name in names_under(self.fs, self.root) if top and not OURS.fullmatch(name)
            )
        if others and self._has_result(f"{self.root.rstrip('/')}/{others[0]}"):
            raise InputError(f"{self.location}: holds results, as {others[0]}: name a directory of its own as --out, as {self.location}/another")
        if others:
            raise InputError(f"{self.location}: holds {others[0]}, which no run wrote, so nothing is written there: name another --out")
        if not top or overwrite or (resume and top & {MANIFEST, JOURNAL}):
            return
        there = "holds a result" if MANIFEST in top else "holds what a run that was killed left behind"
        more = "give --overwrite --resume to go on with the one that was to replace it, " if any(one.startswith(".new-") for one in top) else ""
        if JOURNAL in top and MANIFEST not in top:
            there, more = "holds a run that was stopped", "give --resume to go on with it, "
        raise InputError(f"{self.location}: {there}: {more}name another --out, or give --overwrite to replace it")

    def _top(self) -> set[str]:
        """What the directory holds, but for the lock and for what a killed run left half-written."""
        if not self.fs.isdir(self.root):
            return set()
        names = {path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self.root, detail=False)}
        return {name for name in names - {LOCK} if not re.fullmatch(UNFINISHED, name)}

    def _try_to_write(self) -> None:
        probe = self._path(f".{uuid.uuid4().hex}")
        try:
            with self.fs.open(probe, "wb") as file:
                file.write(b"ipvalue")
        finally:
            if self.fs.exists(probe):
                self.fs.rm(probe)

    def sweep(self) -> None:
        """Removes what workers that died left half-written. To be called when no task is at work any more."""
        with writing(self.location):
            for name in names_under(self.fs, self._base) if self.is_local else ():
                if re.fullmatch(UNFINISHED, name):
                    Path(self._path(name)).unlink(missing_ok=True)

    def commit(self) -> None:
        """Makes the finished run the result, in the place of an earlier one. Where it was killed on its way, it is called again."""
        manifest = self.manifest()
        with writing(self.location):
            if self._base != self.root:
                self._replace({MANIFEST, *(file["name"] for file in manifest["files"])})
            else:
                self.remove(JOURNAL)
                remove_ours(self.fs, self.root, which=PASSED)
            if self.is_local:  # else there is none
                hidden = self._hidden(str(manifest.get("fingerprint")))
                remove_ours(self.fs, hidden)
                with suppress(OSError):
                    os.rmdir(hidden)

    def _replace(self, new: set[str]) -> None:
        """Moves the files `new` to where the earlier result is: its manifest goes first, the new one comes last, so none describes a mixture."""
        final, base = Path(self.root), Path(self._base)
        (final / MANIFEST).unlink(missing_ok=True)
        sync(final)
        remove_ours(self.fs, self.root, keep=(*new, base.name))
        for name in sorted(new - {MANIFEST}):
            if (base / name).exists():  # else it was moved before a kill
                (final / name).parent.mkdir(exist_ok=True)
                (base / name).replace(final / name)
        for folder in {(final / name).parent for name in new}:
            sync(folder)
        (base / MANIFEST).replace(final / MANIFEST)
        sync(final)
        remove_ours(self.fs, self.root, keep=new)

    def clear(self) -> None:
        """Removes what an unfinished run left, which cannot be gone on with; one that is to replace a result stays."""
        with writing(self.location):
            tops = {path.rstrip("/").rsplit("/", 1)[-1] for path in self.fs.ls(self._base, detail=False)}
            remove_ours(self.fs, self._base, keep=[name for name in tops if name.startswith(".new-")])

    def discard(self) -> None:
        """Takes back an unfinished run: removes its files, as far as they can be reached. An earlier result stays."""
        with suppress(*file_errors()):
            remove_ours(self.fs, self._base)
        self._remove_hidden()
