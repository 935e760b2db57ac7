"""Who may ask a server, and under which names."""

from __future__ import annotations

import ipaddress
import socket

import pytest

pytest.importorskip("tornado")

from ipvalue.serve.guard import POLICY, Guard, is_loopback, openable, refuses_site


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
    assert Guard("10.0.0.1", 1, "secret").link == "http://10.0.0.1:1/?token=secret"
    assert Guard("::1", 7, None).link == "http://[::1]:7/"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_at_all_addresses_names_one_that_can_be_opened(host: str) -> None:
    found = ipaddress.ip_address(openable(host))
    assert not found.is_unspecified
    assert found.version == ipaddress.ip_address(host).version
    with socket.socket(socket.AF_INET6 if found.version == 6 else socket.AF_INET) as own:
        own.bind((str(found), 0))  # it is this machine's
    assert str(found) in Guard(host, 1, "secret").link
    assert Guard(host, 1, "secret").knows("any.name:1")


def test_where_no_way_leads_to_others_loopback_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_way(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("socket.socket", no_way)
    assert [openable(host) for host in ("0.0.0.0", "::", "box", "10.0.0.1")] == ["127.0.0.1", "::1", "box", "10.0.0.1"]


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
