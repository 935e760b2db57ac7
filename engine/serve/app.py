"""`ipvalue.serve.serve`: the server itself; the command `ipvalue serve` is the same call."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from ipvalue.memory import available_memory, parse_memory
from ipvalue.schema import InputError
from ipvalue.serve import api, views
from ipvalue.serve.guard import Guard, is_loopback
from ipvalue.serve.handlers import Missing, Site
from ipvalue.serve.index import Indexes
from ipvalue.serve.pages import Pages, files
from ipvalue.serve.proofs import Proofs
from ipvalue.serve.root import Root

THREADS = 4
"""Requests that are worked on at a time, beside one index and one bundle of evidence that is made."""
LEAST_MEMORY = 64 << 20
SHARE = 0.25
"""Of the memory that is free, for indexes, where it is not said how much."""
MOST_HEADERS = 32 << 10
MOST_BODY = 1 << 10
"""Bytes of a request; none of ours has a body."""
_RUN = "/runs/([^/]+)"


def serve(
    location: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    language: str = "en",
    memory: str | None = None,
    told: Callable[[str], None] = print,
) -> None:
    """Serves the results below a directory until SIGINT or SIGTERM; `told` gets the link to open, once it can be.

    host: an address of this machine; beyond loopback the link brings a token, without which nothing is answered. port: 0 for a free one.
    memory: what indexes may take, as 4GiB. Raises InputError where the directory, the address or an option cannot be.
    """
    server = Server(location, host, port, language, memory)
    asyncio.run(server.run(told))


class Server:
    """A server that is bound to its address and not yet running."""

    def __init__(self, location: str | Path, host: str, port: int, language: str, memory: str | None) -> None:
        root, pages, limit = Root(location), Pages(language), _memory(memory)
        self._sockets = _bound(host, port)
        self.guard = Guard(host, self._sockets[0].getsockname()[1], None if is_loopback(host) else secrets.token_urlsafe(32))
        cores = os.cpu_count() or 1
        self.site = Site(root, Indexes(limit, cores), Proofs(root, max(1, cores - 1)), pages, self.guard, ThreadPoolExecutor(THREADS, "request"))

    async def run(self, told: Callable[[str], None], stop: asyncio.Event | None = None) -> None:
        """Answers until `stop`, or a signal where this is the main thread."""
        stop = stop or asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            with suppress(ValueError, RuntimeError):  # no main thread
                loop.add_signal_handler(one, stop.set)
        logging.getLogger("tornado.access").setLevel(logging.ERROR)  # what was asked and turned away is no one's news
        server = HTTPServer(application(self.site), max_header_size=MOST_HEADERS, max_body_size=MOST_BODY, idle_connection_timeout=60.0)
        server.add_sockets(self._sockets)
        try:
            told(self.guard.link)
            await stop.wait()
        finally:
            server.stop()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(server.close_all_connections(), 1.0)
            self.close()

    def close(self) -> None:
        """Ends what is under way and removes what was made."""
        self.site.proofs.close()
        self.site.indexes.close()
        self.site.threads.shutdown(cancel_futures=True)


def application(site: Site) -> Application:
    """All addresses."""
    given, static = {"site": site}, files()
    names = "|".join(name.replace(".", r"\.") for name in static)
    proofs = "|".join(name.replace(".", r"\.") for name in views.EVIDENCE_TYPES)
    return Application(
        [
            ("/", views.Runs, given),
            (_RUN, views.Overview, given),
            (f"{_RUN}/search", views.Search, given),
            (f"{_RUN}/right", views.OneRight, given),
            (f"{_RUN}/evidence", views.OneProof, given),
            (f"{_RUN}/evidence/({proofs})", views.ProofFile, given),
            ("/compare", views.Compared, given),
            ("/api/runs", api.RunsJson, given),
            (f"/api{_RUN}", api.RunJson, given),
            (f"/api{_RUN}/index", api.IndexJson, given),
            (f"/api{_RUN}/(?:assets|loans)", api.AssetsJson, given),
            (f"/api{_RUN}/(?:asset|loan)", api.AssetJson, given),
            (f"/api{_RUN}/evidence", api.EvidenceJson, given),
            ("/api/compare", api.CompareJson, given),
            (f"/static/({names})", views.Static, {**given, "files": static}),
            ("(.*)", Missing, given),
        ],
        compress_response=True,
    )


def _memory(text: str | None) -> int:
    """Bytes that indexes may take. Raises InputError."""
    if text is None:
        return max(LEAST_MEMORY, int(SHARE * available_memory()))
    try:
        found = parse_memory(text)
    except ValueError as error:
        raise InputError(f"memory: {error}") from None
    if found < LEAST_MEMORY:
        raise InputError(f"memory: {text} is too little for an index: give at least {LEAST_MEMORY >> 20} MiB")
    return found


def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets at an address. Raises InputError where it cannot be had."""
    if not 0 <= port < 65536:
        raise InputError(f"port is {port}: it must be at least 0 and at most 65535")
    where = f"port {port} of {host}"
    try:
        return bind_sockets(port, "127.0.0.1" if host == "localhost" else host)
    except (socket.gaierror, UnicodeError):
        raise InputError(f"host is {host!r}: it must be an address of this machine, as 127.0.0.1 or 0.0.0.0") from None
    except OSError as error:
        reason = {
            errno.EADDRINUSE: "is in use: name another --port, or 0 for a free one",
            errno.EACCES: "may not be used: name a --port from 1024 on",
            errno.EADDRNOTAVAIL: "is at no address of this machine: name another --host",
        }.get(error.errno or 0, f"cannot be used ({error.strerror or error})")
        raise InputError(f"{where} {reason}") from None
