"""Spreading tasks: over threads of this process, or with Dask over processes of this machine or a cluster; threads need not wait for it to load."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Generic, TypeVar

import pyarrow as pa

from ipvalue.backend import clear_stop, kernel, request_stop
from ipvalue.cluster import connected
from ipvalue.likeness import lacking
from ipvalue.schema import IpvalueError, RunError

T = TypeVar("T")
S = TypeVar("S")
R = TypeVar("R")

WINDOW = 4
"""Tasks in flight for each worker, so that receipts never pile up."""
STOP_SECONDS = 4.0
"""How long a stopped run waits for its tasks: they look at the stop flag at every block of paths."""
STOP_LOOK = 0.05
WORKERS_LOOK = 1.0
WORKERLESS_SECONDS = 60.0
"""How long a cluster may be without any worker: those that died are started again within seconds."""
MOST_APART = 4
"""How often a task is given out to be run apart: a worker that does so may die of another task."""

Apart = Callable[[T, S, Callable[[], bool]], R]
"""Runs a task that killed its workers, in such a way that it kills none; whether the run was stopped meanwhile is what it may ask."""


@dataclass(frozen=True)
class Spread:
    """Workers that take one round of tasks after another: so many threads of this process, or those that a Dask client speaks to, which share
    `common` with it; a cluster `stays` when the work is done."""

    workers: int
    client: Any = None
    common: Mapping[str, Any] | None = None
    stays: bool = False

    def run(
        self, function: Callable[[T, S], R], tasks: Sequence[T], shared: S, take: Callable[[R], None], apart: Apart[T, S, R] | None = None
    ) -> None:
        """Calls take(function(task, shared)) for every task, each once, in whatever order they end; threads begin them in their own. The first
        failure stops the rest, and KeyboardInterrupt the kernels.

        apart: what takes the place of `function` for a task that killed its worker again and again.
        """
        if self.client is None:
            _on_threads(function, tasks, shared, self.workers, take)
            return
        work = _Work(function, apart, shared, self.common, uuid.uuid4().hex)
        try:
            _on_cluster(work, tasks, self.client, self.workers, take)
        except BaseException:
            if self.stays and self.client.status == "running":
                _stop_workers(self.client, work.run)
            raise


@contextmanager
def opened(scheduler: str, workers: int, common: Mapping[str, Any] | None = None) -> Iterator[Spread]:
    """Workers: "threads", "processes" (so many `workers`) or those of the Dask scheduler at an address, tcp://HOST:PORT or tls://.

    common: what the workers of a cluster must have in common with this process (likeness.py), asked before any work, and of each once more before
    its first task.
    """
    if scheduler == "threads":
        yield Spread(workers)
        return
    with connected(scheduler, workers, common) as (client, slots):
        yield Spread(slots, client, common, stays=scheduler != "processes")


def run(
    function: Callable[[T, S], R],
    tasks: Sequence[T],
    shared: S,
    scheduler: str,
    workers: int,
    take: Callable[[R], None],
    apart: Apart[T, S, R] | None = None,
    common: Mapping[str, Any] | None = None,
) -> None:
    """One round of tasks, with workers of its own (`opened`, Spread.run)."""
    with opened(scheduler, workers, common) as spread:
        spread.run(function, tasks, shared, take, apart)


def alone(work: Callable[[], R]) -> R:
    """What some work gives that runs kernels: on a thread of its own, so that KeyboardInterrupt stops them."""
    found: list[R] = []
    run(lambda task, _: task(), [work], None, "threads", 1, found.append)
    return found[0]


def _on_threads(function: Callable[[T, S], R], tasks: Sequence[T], shared: S, workers: int, take: Callable[[R], None]) -> None:
    waiting = deque(tasks)
    done: deque[R] = deque()
    running = _Counter()

    def call() -> None:
        with running:
            try:
                task = waiting.popleft()
            except IndexError:  # the run was stopped
                return
            done.append(function(task, shared))

    def drain() -> None:
        while done:
            take(done.popleft())

    clear_stop()
    cpus = pa.cpu_count()
    pa.set_cpu_count(1)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="ipvalue-task")
    try:
        at_work = {pool.submit(call) for _ in range(min(workers, len(tasks)))}
        while at_work:
            ended, at_work = wait(at_work, return_when=FIRST_COMPLETED)
            drain()
            for one in ended:
                one.result()  # raises what the task did
            at_work |= {pool.submit(call) for _ in range(min(len(ended), len(waiting)))}
    except BaseException as error:
        waiting.clear()  # first: a thread that is between two tasks would begin one as soon as the kernels may run again
        request_stop()
        if running.wait(STOP_SECONDS):
            clear_stop()
        if isinstance(error, kernel.Stopped):
            raise KeyboardInterrupt from None
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
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


@dataclass(frozen=True)
class _Work(Generic[T, S, R]):
    """What the tasks of a run do, and what they share: sent to each worker once."""

    function: Callable[[T, S], R]
    apart: Apart[T, S, R] | None
    shared: S
    common: Mapping[str, Any] | None
    run: str


@dataclass(frozen=True)
class _Sent(Generic[T]):
    """A task on its way, and how often it was given out to be run apart."""

    task: T
    apart: int = 0


def _on_cluster(work: _Work[T, S, R], tasks: Sequence[T], client: Any, slots: int, take: Callable[[R], None]) -> None:
    from distributed import as_completed

    # the result of a task, not scattered data: it is made again where the worker that held it is lost
    everywhere = client.submit(_itself, work, pure=False)
    waiting = iter(map(_Sent, tasks))
    of_future: dict[str, _Sent[T]] = {}

    def submit(some: Sequence[_Sent[T]]) -> list[Any]:
        futures = [client.submit(_worker_call, one.task, everywhere, bool(one.apart), pure=False) for one in some]
        of_future.update({future.key: one for future, one in zip(futures, some, strict=True)})
        return futures

    flow = as_completed(submit(list(islice(waiting, WINDOW * slots))))
    for future in _as_they_end(flow, client):
        again = _taken(future, of_future.pop(future.key), work.apart is not None, take)
        future.release()
        flow.update(submit([again] if again else list(islice(waiting, 1))))


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
            if _has_workers(client):
                since = now
            elif now - since >= WORKERLESS_SECONDS:
                raise RunError(f"all workers are gone and none came back in {WORKERLESS_SECONDS:g} s: look at their logs, or use --scheduler threads")


def _has_workers(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except OSError:
        raise _lost() from None


def _lost() -> RunError:
    return RunError("the Dask scheduler was lost: look at its log, and start it again")


def _taken(future: Any, sent: _Sent[T], may_go_apart: bool, take: Callable[[R], None]) -> _Sent[T] | None:
    """Takes a future's result; gives the task back if it must be run again: its worker was stopped for the sake of another run, or died of it."""
    from distributed import KilledWorker
    from distributed.comm.core import CommClosedError

    try:
        take(future.result())
    except (IpvalueError, KeyboardInterrupt, MemoryError):
        raise
    except kernel.Stopped:
        return sent
    except KilledWorker:
        if not may_go_apart or sent.apart == MOST_APART:
            raise RunError(
                "a worker failed: it died again and again at the same rows, for want of memory perhaps: use fewer --workers or --paths"
            ) from None
        return replace(sent, apart=sent.apart + 1)
    except (CancelledError, CommClosedError):
        raise _lost() from None
    except Exception as error:
        raise RunError(f"a worker failed: {type(error).__name__}: {error}") from error
    return None


# ------------------------------------------------------------------------------------------------------- in a worker process

_at_work: dict[str, _Counter] = {}
"""The tasks of each run that are inside this process."""
_stopped: set[str] = set()
"""Runs whose tasks are not wanted any more."""
_fit: set[str] = set()
"""Runs that this process was found fit for."""


def _itself(value: S) -> S:
    return value


def _worker_call(task: T, work: _Work[T, S, R], apart: bool) -> R:
    """What a worker process does for one task: one level of parallelism only."""
    pa.set_cpu_count(1)
    with _at_work.setdefault(work.run, _Counter()):
        if work.run in _stopped:
            raise kernel.Stopped("this run was stopped")
        _check_once(work)
        if apart:
            assert work.apart is not None
            return work.apart(task, work.shared, lambda: work.run in _stopped)
        return work.function(task, work.shared)


def _check_once(work: _Work[T, S, R]) -> None:
    """A worker that came after the run began is asked here. Raises RunError where it is not fit for it."""
    if work.common is None or work.run in _fit:
        return
    from distributed import get_worker

    if lacks := lacking(work.common):
        raise RunError(f"worker {get_worker().address} {lacks}")
    _fit.add(work.run)


def _stop_workers(client: Any, run: str) -> None:
    """Ends the tasks of a run on a cluster that goes on without it."""
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
