"""Worker processes: of this machine, or of a Dask cluster over tcp:// or tls://; that they are fit for the run is asked before any work."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

from ipvalue.files import first_line
from ipvalue.schema import RunError

_log = logging.getLogger("ipvalue")

CONNECT_SECONDS = 10
ALLOWED_DEATHS = 1
"""How many workers of this machine may die over a task before it is given up: at the second death it is."""
_MOST_NAMED = 3


@contextmanager
def connected(scheduler: str, workers: int, common: Mapping[str, Any] | None = None) -> Iterator[tuple[Any, int]]:
    """A Dask client and how many tasks run at once.

    `common` is what every worker and the scheduler of a cluster must share with the run (likeness.py); worker processes of this machine do.
    Raises RunError where a cluster cannot be reached, has no workers, or has some that are not fit.
    """
    import dask
    from distributed import Client

    settings = {
        "distributed.admin.log-length": 0,
        "distributed.admin.large-graph-warning-threshold": "1GiB",
        "distributed.scheduler.allowed-failures": ALLOWED_DEATHS,  # of a scheduler that is started here
    }
    with dask.config.set(settings), _quiet():
        if scheduler == "processes":
            with _local_cluster(workers) as cluster, Client(cluster) as client:
                yield client, workers
            return
        with _reached(scheduler) as client:
            slots = sum(client.nthreads().values())
            if not slots:
                raise RunError(f"{scheduler}: the Dask scheduler has no workers; start some")
            if common is not None:
                _check_all(client, scheduler, common)
            link = client.dashboard_link
            _log.info("%s: workers %d, threads %d%s", scheduler, len(client.nthreads()), slots, f"; dashboard: {link}" if link else "")
            yield client, slots


@contextmanager
def _reached(scheduler: str) -> Iterator[Any]:
    """A client of the scheduler at an address; certificates and keys are those of Dask's own configuration (distributed.comm.tls)."""
    from distributed import Client

    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (TypeError, ValueError, RuntimeError) as error:  # of a configuration without certificates, or with one for another protocol
        raise RunError(
            f"{scheduler}: cannot be asked ({first_line(error)}): name certificates and key in Dask's configuration, distributed.comm.tls"
        ) from None
    except FileNotFoundError:
        raise RunError(f"{scheduler}: a certificate or key that Dask's configuration names (distributed.comm.tls) is not there") from None
    except OSError as error:
        tls = ", look at the certificates in Dask's configuration, distributed.comm.tls,"
        more = ", give tls:// if that is its protocol," if scheduler.startswith("tcp:") else tls
        raise RunError(f"{scheduler}: no Dask scheduler answers there ({first_line(error)}); start one{more} or use --scheduler threads") from None
    with client:
        yield client


def _check_all(client: Any, scheduler: str, common: Mapping[str, Any]) -> None:
    """Raises RunError where a worker, or the scheduler itself, is not fit for the run: it names where and what."""
    found: dict[str, str | Exception | None] = {}
    try:
        found = {f"worker {address}": answer for address, answer in client.run(_asked(common), on_error="return").items()}
        found[f"the scheduler {scheduler}"] = client.run_on_scheduler(_asked({"versions": common["versions"]}))
    except Exception as error:
        found[f"the scheduler {scheduler}"] = error
    bad = {where: answer for where, answer in found.items() if answer is not None}
    if bad:
        told = [f"{where} {answer if isinstance(answer, str) else f'cannot be asked ({first_line(answer)})'}" for where, answer in bad.items()]
        more = f"; and {len(told) - _MOST_NAMED:,} more workers" if len(told) > _MOST_NAMED else ""
        raise RunError("; ".join(told[:_MOST_NAMED]) + more)


def _asked(common: Mapping[str, Any]) -> Callable[[], str | None]:
    """A question that any Python process can be asked, whatever it has installed: it travels as code, not by its name."""

    def lacking() -> str | None:
        from importlib import import_module

        try:
            answer: str | None = import_module("ipvalue.likeness").lacking(common)
        except (ImportError, AttributeError) as error:
            return f"has no ipvalue that this run can use ({error}): install version {common['versions']['ipvalue']} there"
        return answer

    return lacking


@contextmanager
def _local_cluster(workers: int) -> Iterator[Any]:
    """Worker processes of this machine, reachable from it alone. Raises RunError where they do not start.

    Ctrl-C in a terminal reaches every process of the group; here only this one is to answer it. Threads and processes inherit a blocked
    signal, so the cluster's, made while it is blocked, never see it; this thread does as soon as the cluster can be closed again.
    """
    from distributed import LocalCluster

    resource_tracker.ensure_running()  # started later, it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        try:
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=logging.CRITICAL + 1,
            )
        except RuntimeError as error:
            raise RunError(
                f"the worker processes did not start ({error}): a script that uses them must keep its calls under "
                'if __name__ == "__main__":, or use scheduler="threads"'
            ) from None
        with cluster:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield cluster
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own log stays off the terminal: what matters of it is said as an error of the run."""
    handlers = logging.getLogger("distributed").handlers
    levels = [handler.level for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for handler, level in zip(handlers, levels, strict=False):
            handler.setLevel(level)
