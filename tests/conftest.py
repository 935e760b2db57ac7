"""What every test may lean on: where the project lies, and how hard Hypothesis searches.

IPVALUE_HYPOTHESIS chooses the profile: quick (the default), ci, thorough.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# No deadline: a slow shared machine must not fail a test. No example database: a run leaves nothing behind and depends
# on nothing left.
for name, examples, fixed in (("quick", 30, True), ("ci", 50, True), ("thorough", 2_000, False)):
    settings.register_profile(
        name,
        max_examples=examples,
        derandomize=fixed,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
settings.load_profile(os.environ.get("IPVALUE_HYPOTHESIS", "quick"))

# Numba's code is kept beside what else is built, for all processes of the tests.
os.environ.setdefault("IPVALUE_CACHE", str(ROOT / "build" / "cache"))

# The readline of a process with workers tells them the size of its terminal, and a console takes that for good where it finds it set.
for size in ("COLUMNS", "LINES"):
    os.environ.pop(size, None)

# Started in the background of a script, a process ignores Ctrl-C, and so would every command that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's directory (the checkout, or the unpacked source distribution)."""
    return ROOT


@pytest.fixture(scope="session")
def example() -> Path:
    """The shipped portfolio: portfolio.parquet, market.toml and what belongs to them."""
    return ROOT / "examples" / "us_drugs"


@pytest.fixture(scope="session")
def published() -> Path:
    """Published test vectors and cases, as files."""
    return ROOT / "tests" / "published"
