"""An ipvalue command in a process of its own: what it took. As a script it stands between, so that the peak is the command's alone.

A process starts with the peak memory of the one that it was forked from (getrusage(2) counts what was before exec), and that of a benchmark is large.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""As a command is run: Python keeps what it has compiled, else each start would compile it all again."""


@dataclass(frozen=True)
class Usage:
    """Wall seconds, CPU-seconds of all threads and processes, and peak resident bytes of the largest process."""

    seconds: float
    cpu: float
    peak: int


def usage_of(*arguments: object) -> Usage:
    """Runs `ipvalue` with these arguments. RuntimeError where it fails."""
    command = [sys.executable, "-c", "from ipvalue.cli import main; main()", *map(str, arguments)]
    done = subprocess.run([sys.executable, __file__, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ipvalue {' '.join(map(str, arguments))} ended with {done.returncode}: {done.stderr[-500:]}")
    return Usage(**json.loads(done.stdout))


@dataclass
class Command:
    """A command that writes a result, in a process of its own with one worker, and the seconds of each turn."""

    name: str
    arguments: tuple[object, ...]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def turn(self, paths: int) -> None:
        """Runs it once."""
        used = usage_of(self.name, *self.arguments, "--paths", paths, "--workers", 1, "--overwrite")
        self.cpu.append(used.cpu)
        self.wall.append(used.seconds)


def main() -> int:
    """Runs the command of the arguments and prints its Usage as JSON."""
    start = time.perf_counter()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak": peak}))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
