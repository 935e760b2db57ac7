"""Who may ask a server, and under which names."""

from __future__ import annotations

import pytest

pytest.importorskip("tornado")

from ipvalue.serve.guard import POLICY, Guard, is_loopback, refuses_site


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("box", False),
    ],
)
def test_loopback_is_told_from_the_rest(host: str, local: bool) -> None:
    assert is_loopback(host) == local


def test_on_loopback_only_its_own_names_are_answered() -> None:
    guard = Guard("127.0.0.1", 8765, None)
    assert all(map(guard.knows, ("127.0.0.1:8765", "localhost:8765", "LocalHost:8765", "[::1]:8765")))
    others = ("evil.example:8765", "127.0.0.1:80", "127.0.0.1", "localhost.evil.example:8765", "", "127.0.0.1:8765.evil.example")
    assert not any(map(guard.knows, others))
    assert Guard("::1", 80, None).knows("localhost")


def test_a_token_is_asked_for_where_there_is_one() -> None:
    assert Guard("127.0.0.1", 1, None).admits("")
    guard = Guard("0.0.0.0", 1, "secret")
    assert guard.admits("", "secret")
    assert not any(map(guard.admits, ("", "Secret", "secre", "secretx", "\udcff", "none")))
    assert guard.link == "http://0.0.0.0:1/?token=secret"
    assert Guard("::1", 7, None).link == "http://[::1]:7/"


def test_other_sites_may_link_and_no_more() -> None:
    assert not refuses_site({})
    assert not refuses_site({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"})
    assert not refuses_site({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"})
    assert refuses_site({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"})
    assert refuses_site({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"})


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    assert "http" not in POLICY
    assert "*" not in POLICY
    assert POLICY.startswith("default-src 'none'")
    assert "script-src 'self';" in POLICY
