"""A Dask cluster as an operator starts one: `dask scheduler` and `dask worker`, processes of their own, on ports that are free."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

PATIENCE = 60.0


class Cluster:
    """Its scheduler and workers; `env` is what each of them has in its environment beside this process's."""

    def __init__(self, folder: Path, env: Mapping[str, str], protocol: str) -> None:
        self.folder = folder
        self._env = env
        self._file = folder / "scheduler.json"
        self.address = ""
        self.workers: list[subprocess.Popen[bytes]] = []
        self._file.unlink(missing_ok=True)
        # its dashboard on any free port
        self.scheduler = self._start(
            {}, "scheduler", "--protocol", protocol, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"
        )

    def wait_for_scheduler(self) -> None:
        """Until it says where it is."""
        wait_for(self._says_where)
        self.address = str(json.loads(self._file.read_text())["address"])

    def _says_where(self) -> bool:
        """Whether the scheduler's file is there, and whole."""
        return self._file.exists() and self._file.read_text().rstrip().endswith("}")

    def add_worker(self, *options: str, env: Mapping[str, str] | None = None, threads: int = 1) -> subprocess.Popen[bytes]:
        """Starts one more worker, with a nanny that starts it again where it dies unless `options` say otherwise."""
        process = self._start(env or {}, "worker", "--nthreads", str(threads), "--host", "127.0.0.1", "--no-dashboard", *options)
        self.workers.append(process)
        return process

    def _start(self, env: Mapping[str, str], command: str, *arguments: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "dask", command, "--scheduler-file", str(self._file), *arguments]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(line, cwd=self.folder, env={**os.environ, **self._env, **env}, stdout=log, stderr=log)

    def wait_for_workers(self, number: int) -> None:
        """Until so many have joined."""
        import dask
        from distributed import Client

        # TLS settings of the environment are those of `env` here
        with dask.config.set(dask.config.merge(dask.config.config, dask.config.collect_env(self._env))), Client(self.address) as client:
            client.wait_for_workers(number, timeout=PATIENCE)

    def processes_of_workers(self) -> list[psutil.Process]:
        """The processes in which tasks run: those that nannies started."""
        children = [child for one in self.workers for child in psutil.Process(one.pid).children(recursive=True)]
        return [one for one in children if "spawn_main" in " ".join(one.cmdline())]

    def stop(self) -> None:
        """Ends all of it."""
        for process in [*self.workers, self.scheduler]:
            with_children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.kill()
            process.wait()
            for child in with_children:
                if child.is_running():
                    child.kill()


@contextmanager
def started(
    folder: Path, workers: int = 1, *options: str, env: Mapping[str, str] | None = None, threads: int = 1, protocol: str = "tcp"
) -> Iterator[Cluster]:
    """A cluster in `folder`, with so many workers."""
    cluster = Cluster(folder, env or {}, protocol)
    try:
        cluster.wait_for_scheduler()
        for _ in range(workers):
            cluster.add_worker(*options, threads=threads)
        if workers:
            cluster.wait_for_workers(workers)
        yield cluster
    finally:
        cluster.stop()


def wait_for(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
