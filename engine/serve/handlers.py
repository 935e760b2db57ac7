"""What all answers share: who may ask, what browsers are told, errors as sentences, and work on other threads."""

from __future__ import annotations

import asyncio
import http
import json
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tornado.web import HTTPError, RequestHandler

from ipvalue.report.labels import Labels
from ipvalue.schema import InputError, IpvalueError
from ipvalue.serve.guard import HEADERS, Guard, refuses_site
from ipvalue.serve.index import Closed, Index, Indexes, TooLong
from ipvalue.serve.pages import Pages
from ipvalue.serve.proofs import Busy, Proofs
from ipvalue.serve.root import NotThere, Root, Run

T = TypeVar("T")

WAIT = 1.0
"""Seconds that an answer waits for an index before it says how far that is."""


@dataclass(frozen=True)
class Site:
    """All that answers are made from."""

    root: Root
    indexes: Indexes
    proofs: Proofs
    pages: Pages
    guard: Guard
    threads: ThreadPoolExecutor

    @property
    def say(self) -> Labels:
        """The texts of the pages."""
        return self.pages.say


class Handler(RequestHandler):
    """GET and HEAD, nothing else."""

    SUPPORTED_METHODS = ("GET", "HEAD")
    for_machines = False

    def initialize(self, site: Site) -> None:
        """What the application gives to all."""
        self.site = site

    def set_default_headers(self) -> None:
        """Those of every answer, errors too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Turns away who may not ask. Who brings the token in the link gets it as a cookie, and the link without it."""
        guard = self.site.guard
        if not guard.knows(self.request.headers.get("Host", "")):
            raise HTTPError(421, reason="this is not a name of this server: open the link that it printed")
        if refuses_site(self.request.headers):
            raise HTTPError(403, reason="another site's page asked for this")
        if guard.token is None:
            return
        brought = self.get_query_argument("token", "")
        if brought and guard.admits(brought):
            self.set_cookie(guard.cookie, brought, httponly=True, samesite="Strict", path="/")
            self.redirect(f"/{self.request.path.lstrip('/')}", status=303)  # one slash: two begin another host's name
            return
        bearer = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not guard.admits(self.get_cookie(guard.cookie) or "", bearer):
            raise HTTPError(403, reason="open the link with the token that the server printed when it started")

    def head(self, *path: str) -> Any:
        """The same without its content."""
        return self.get(*path)

    async def work(self, task: Callable[[], T]) -> T:
        """A task on another thread. What it raises is answered as a sentence."""
        return await asyncio.get_running_loop().run_in_executor(self.site.threads, task)

    async def run_of(self, name: str) -> Run:
        """A whole result by its name. Raises InputError."""
        return await self.work(lambda: self.site.root.opened(name))

    async def index_of(self, run: Run) -> Index:
        """Its index, ready or, where that takes longer, on the way. Raises InputError where none can be made."""
        index = self.site.indexes.of(run)
        await self.work(lambda: index.ready.wait(WAIT))
        if index.fault:
            fault = self.site.root.said(index.fault).removeprefix(f"{run.name}/").removeprefix(f"{run.name}: ")
            raise InputError(f"{run.name}: {fault}")
        return index

    @property
    def given(self) -> dict[str, list[str]]:
        """The parameters of the request."""
        return {name: self.get_query_arguments(name, strip=False) for name in self.request.query_arguments}

    def parameter(self, name: str) -> str:
        """One that must be given, once. Raises InputError."""
        found = self.given.get(name, [])
        if len(found) != 1 or not found[0]:
            raise InputError(f"{name}: give it, and once")
        return found[0]

    def show(self, template: str, **content: Any) -> None:
        """Answers with a page."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self.site.pages.page(template, **content))

    def answer(self, content: Mapping[str, Any]) -> None:
        """Answers with JSON."""
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(plain(content), ensure_ascii=False, allow_nan=False))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Sentences are for who asked; faults of our own are told in the log."""
        if not isinstance(value, IpvalueError | HTTPError):
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **more: Any) -> None:
        """An error as a page, or as JSON."""
        error = more.get("exc_info", (None, None, None))[1]
        if isinstance(error, IpvalueError):
            status_code, text = status_of(error), self.site.root.said(error)
        elif isinstance(error, HTTPError):
            text = error.reason or {404: "there is no such page"}.get(status_code, http.HTTPStatus(status_code).phrase)
        else:
            text = f"a fault of ipvalue itself ({type(error).__name__}): please report it"
        self.set_status(status_code)
        if status_code == 503:
            self.set_header("Retry-After", "2")
        if self.for_machines:
            self.answer({"error": text})
        else:
            self.show("error.html.j2", status=status_code, text=text)


def status_of(error: IpvalueError) -> int:
    """The status that says what kind of error it is."""
    if isinstance(error, NotThere):
        return 404
    if isinstance(error, Busy | Closed | TooLong):
        return 503
    return 400 if isinstance(error, InputError) else 500


class Missing(Handler):
    """Every address that there is not."""

    def get(self, *path: str) -> None:
        """Raises HTTPError."""
        self.for_machines = self.request.path.startswith("/api/")
        raise HTTPError(404)


def plain(value: Any) -> Any:
    """What JSON can hold: exact amounts as text, dates as ISO writes them, null where there is no finite number."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
