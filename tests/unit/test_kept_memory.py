"""What a chunk of rows frees stays with the process: without it every page is fetched and cleared again."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BLOCKS = """
import resource, sys
import numpy as np
from ipvalue.heap import keep_freed_memory

def turn():
    blocks = [np.ones(1 << 20, np.uint8) for _ in range(20)]  # 20 MiB: what a chunk takes
    del blocks

if sys.argv[1] == "kept":
    keep_freed_memory()
turn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    turn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(word: str) -> int:
    """Page faults of ten turns."""
    return int(subprocess.run([sys.executable, "-c", BLOCKS, word], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep what is freed in their own ways")
def test_freed_memory_is_used_again() -> None:
    assert _faults("kept") * 10 < _faults("plain")
