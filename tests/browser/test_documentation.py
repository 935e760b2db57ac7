"""The site of the documentation in a browser, opened from a disk, with no network: it searches."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("material", reason="the extra docs is not installed")

from pages import site


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert site.build(folder / "site", folder / "source") == []
    return folder / "site"


def shown(chromium: str, address: str, profile: Path) -> str:
    """The page as the browser has it once its scripts have run."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command = [chromium, *options, "--virtual-time-budget=20000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_search_works_from_a_disk(installed: str, built: Path, tmp_path: Path) -> None:
    page = shown(installed, f"{(built / 'docs' / 'model.html').as_uri()}?q=abandonment", tmp_path)
    assert int(re.findall(r'md-search-result__meta">(\d+) matching', page)[0]) > 1
    found = re.findall(r'<a href="([^"]+)" class="md-search-result__link"', page)
    assert found
    assert all(link.startswith(built.as_uri()) and Path(urlsplit(link).path).exists() for link in found)
