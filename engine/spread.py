"""Spreading tasks with Dask: over threads of this process, over processes of this machine, or over a cluster."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import resource_tracker
from typing import Any, TypeVar

import dask
import dask.threaded
import pyarrow as pa
from dask.callbacks import Callback

from ipvalue.backend import clear_stop, kernel, request_stop
from ipvalue.schema import IpvalueError, RunError

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")

WINDOW = 4
"""Tasks in flight for each worker, so that receipts never pile up."""
STOP_SECONDS = 4.0
"""How long a stopped run waits for its tasks: they look at the stop flag at every block of paths."""
STOP_LOOK = 0.05
CONNECT_SECONDS = 10
WORKERS_LOOK = 1.0
WORKERLESS_SECONDS = 60.0
"""How long a cluster may be without any worker: those that died are started again within seconds."""


def run(function: Callable[[T, S], R], tasks: Sequence[T], shared: S, scheduler: str, workers: int, take: Callable[[R], None]) -> None:
    """Calls take(function(task, shared)) for every task, each once, in whatever order they end; threads begin them in their own. The first
    failure stops the rest.

    scheduler: "threads", "processes" (of `workers`) or the address of a Dask scheduler, tcp://HOST:PORT. KeyboardInterrupt stops the kernels.
    """
    if scheduler == "threads":
        _on_threads(function, tasks, shared, workers, take)
    else:
        _on_cluster(function, tasks, shared, scheduler, workers, take)


def _on_threads(function: Callable[[T, S], R], tasks: Sequence[T], shared: S, workers: int, take: Callable[[R], None]) -> None:
    waiting = deque(tasks)  # in their order, which Dask's own, by the text of the keys, is not
    done: deque[R] = deque()
    running = _Counter()

    def call() -> None:
        with running:
            try:
                task = waiting.popleft()
            except IndexError:  # the run was stopped
                return
            done.append(function(task, shared))

    def drain(*_: Any) -> None:
        while done:
            take(done.popleft())

    clear_stop()
    cpus = pa.cpu_count()
    pa.set_cpu_count(1)
    try:
        graph = {("task", i): (call,) for i in range(len(tasks))}
        with Callback(posttask=drain):
            dask.threaded.get(graph, list(graph), num_workers=workers)
        drain()
    except BaseException as error:
        waiting.clear()  # first: a thread that is between two tasks would begin one as soon as the kernels may run again
        request_stop()
        if running.wait(STOP_SECONDS):
            clear_stop()
        if isinstance(error, kernel.Stopped):
            raise KeyboardInterrupt from None
        raise
    finally:
        pa.set_cpu_count(cpus)


class _Counter:
    """How many threads are inside; can be waited on until none is."""

    def __init__(self) -> None:
        self._inside = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether none is inside before `seconds` are over."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._inside, seconds)


def _on_cluster(function: Callable[[T, S], R], tasks: Sequence[T], shared: S, scheduler: str, workers: int, take: Callable[[R], None]) -> None:
    from distributed import as_completed

    name = uuid.uuid4().hex
    with _client(scheduler, workers) as (client, slots):
        # the result of a task, not scattered data: it is made again where the worker that held it is lost
        everywhere = client.submit(_itself, shared, pure=False)
        waiting = iter(tasks)
        of_future: dict[str, T] = {}

        def submit(some: Sequence[T]) -> list[Any]:
            futures = [client.submit(_worker_call, function, task, everywhere, name, pure=False) for task in some]
            of_future.update({future.key: task for future, task in zip(futures, some, strict=True)})
            return futures

        flow = as_completed(submit(list(islice(waiting, WINDOW * slots))))
        try:
            for future in _as_they_end(flow, client):
                task = of_future.pop(future.key)
                again = _taken(future, take)
                future.release()
                flow.update(submit([task] if again else list(islice(waiting, 1))))
        except BaseException:
            if scheduler != "processes":
                _stop_workers(client, name)
            raise


def _as_they_end(flow: Any, client: Any) -> Iterator[Any]:
    """The futures of `flow` as they end. Raises RunError where the cluster has had no worker for WORKERLESS_SECONDS: then none would ever end."""
    since = looked = time.monotonic()
    while not flow.is_empty():
        if flow.has_ready():
            yield next(flow)
            since = time.monotonic()
            continue
        time.sleep(STOP_LOOK)
        now = time.monotonic()
        if now - looked >= WORKERS_LOOK:
            looked = now
            if client.nthreads():
                since = now
            elif now - since >= WORKERLESS_SECONDS:
                raise RunError(f"all workers are gone and none came back in {WORKERLESS_SECONDS:g} s: look at their logs, or use --scheduler threads")


def _taken(future: Any, take: Callable[[R], None]) -> bool:
    """Takes a future's result; True if the task must be run again because its worker was stopped for the sake of another run."""
    try:
        take(future.result())
    except (IpvalueError, KeyboardInterrupt, MemoryError):
        raise
    except kernel.Stopped:
        return True
    except Exception as error:
        raise RunError(f"a worker failed: {_reason(error)}") from error
    return False


def _reason(error: Exception) -> str:
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return "it died again and again at the same rows, for want of memory perhaps: use fewer --workers or --paths"
    return f"{type(error).__name__}: {error}"


# ------------------------------------------------------------------------------------------------------- in a worker process

_at_work: dict[str, _Counter] = {}
"""The tasks of each run that are inside this process."""
_stopped: set[str] = set()
"""Runs whose tasks are not wanted any more."""


def _itself(value: S) -> S:
    return value


def _worker_call(function: Callable[[T, S], R], task: T, shared: S, run: str) -> R:
    """What a worker process does for one task: one level of parallelism only."""
    pa.set_cpu_count(1)
    with _at_work.setdefault(run, _Counter()):
        if run in _stopped:
            raise kernel.Stopped("this run was stopped")
        return function(task, shared)


def _stop_workers(client: Any, run: str) -> None:
    """Ends the tasks of a run on a cluster that goes on without it; a cluster that cannot be reached has none to end."""
    with suppress(OSError, TimeoutError):
        client.run(_stop_here, run, on_error="ignore")


async def _stop_here(run: str) -> None:
    _stopped.add(run)
    if counter := _at_work.get(run):
        request_stop()
        try:
            for _ in range(int(STOP_SECONDS / STOP_LOOK)):
                if counter.wait(0.0):
                    break
                await asyncio.sleep(STOP_LOOK)
        finally:
            clear_stop()


# ------------------------------------------------------------------------------------------------------- the cluster


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[tuple[Any, int]]:
    """A Dask client and how many tasks run at once. Raises RunError where a cluster cannot be reached or has no workers."""
    from distributed import Client

    settings = {"distributed.admin.log-length": 0, "distributed.admin.large-graph-warning-threshold": "1GiB"}
    with dask.config.set(settings), _quiet():
        if scheduler == "processes":
            with _local_cluster(workers) as cluster, Client(cluster) as client:
                yield client, workers
            return
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS)
        except OSError as error:
            raise RunError(f"{scheduler}: no Dask scheduler answers there ({error}); start one, or use --scheduler threads") from None
        with client:
            slots = sum(client.nthreads().values())
            if not slots:
                raise RunError(f"{scheduler}: the Dask scheduler has no workers; start some")
            yield client, slots


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
