"""Spreading tasks with Dask: over threads of this process, over processes of this machine, or over a cluster."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import dask
import dask.threaded
import pyarrow as pa
from dask.callbacks import Callback

from ipvalue.ext import kernel
from ipvalue.schema import IpvalueError, RunError

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")

WINDOW = 4
"""Tasks in flight for each worker, so that receipts never pile up."""
STOP_SECONDS = 5.0


def run(
    function: Callable[[T, S], R], tasks: Sequence[T], shared: S, scheduler: str, workers: int, take: Callable[[R], None]
) -> None:
    """Calls take(function(task, shared)) for every task, each once, in whatever order they end. The first failure stops the rest.

    scheduler: "threads", "processes" (of `workers`) or the address of a Dask scheduler, tcp://HOST:PORT. On KeyboardInterrupt kernels are told to stop.
    """
    if scheduler == "threads":
        _on_threads(function, tasks, shared, workers, take)
    else:
        _on_cluster(function, tasks, shared, scheduler, workers, take)


def _on_threads(function: Callable[[T, S], R], tasks: Sequence[T], shared: S, workers: int, take: Callable[[R], None]) -> None:
    done: deque[R] = deque()
    running = _Counter()

    def call(task: T) -> None:
        with running:
            done.append(function(task, shared))

    def drain(*_: Any) -> None:
        while done:
            take(done.popleft())

    kernel.clear_stop()
    cpus = pa.cpu_count()
    pa.set_cpu_count(1)
    try:
        graph = {("task", i): (call, task) for i, task in enumerate(tasks)}
        with Callback(posttask=drain):
            dask.threaded.get(graph, list(graph), num_workers=workers)
        drain()
    except kernel.Stopped:
        raise KeyboardInterrupt from None
    finally:
        kernel.request_stop()
        running.wait(STOP_SECONDS)
        kernel.clear_stop()
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

    def wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._inside, seconds)


def _on_cluster(function: Callable[[T, S], R], tasks: Sequence[T], shared: S, scheduler: str, workers: int, take: Callable[[R], None]) -> None:
    from distributed import as_completed

    with _client(scheduler, workers) as (client, slots):
        everywhere = client.scatter(shared, broadcast=True, hash=False)
        waiting = iter(tasks)
        first = [client.submit(_worker_call, function, task, everywhere, pure=False) for task, _ in zip(waiting, range(WINDOW * slots), strict=False)]
        flow = as_completed(first)
        for future in flow:
            try:
                take(future.result())
            except (IpvalueError, KeyboardInterrupt):
                raise
            except Exception as error:
                raise RunError(f"a worker failed: {type(error).__name__}: {error}") from error
            future.release()
            for task in waiting:
                flow.add(client.submit(_worker_call, function, task, everywhere, pure=False))
                break


def _worker_call(function: Callable[[T, S], R], task: T, shared: S) -> R:
    """What a worker process does for one task: one level of parallelism only."""
    pa.set_cpu_count(1)
    return function(task, shared)


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[tuple[Any, int]]:
    """A Dask client and how many tasks run at once. Raises RunError where a cluster cannot be reached or has no workers."""
    from distributed import Client, LocalCluster

    settings = {"distributed.admin.log-length": 0, "distributed.worker.memory.terminate": False}
    with dask.config.set(settings):
        if scheduler == "processes":
            with (
                LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0, silence_logs=50) as cluster,
                Client(cluster) as client,
            ):
                yield client, workers
            return
        try:
            client = Client(scheduler, timeout="10s")
        except OSError as error:
            raise RunError(f"{scheduler}: no Dask scheduler answers there ({error}); start one, or use --scheduler threads") from None
        with client:
            slots = sum(client.nthreads().values())
            if not slots:
                raise RunError(f"{scheduler}: the Dask scheduler has no workers; start some")
            yield client, slots
