"""Who may ask: names of this machine on loopback, beyond it who has the token; and what browsers are told to allow."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_ELSEWHERE, _ELSEWHERE_6 = "192.0.2.1", "2001:db8::1"
"""Addresses of other networks that are nobody's (RFC 5737, RFC 3849)."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, and no script in a page. Bokeh sets the styles of what it draws in the page."""
POLICY_OF_EVIDENCE = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "ipvalue",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def openable(host: str) -> str:
    """What a browser opens a server at `host` by. Of one at all addresses (0.0.0.0, ::) it is the address by which this machine reaches others, or
    loopback where it reaches none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    family, other, own = (socket.AF_INET, _ELSEWHERE, "127.0.0.1") if address.version == 4 else (socket.AF_INET6, _ELSEWHERE_6, "::1")
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((other, 9))  # chooses a way there, and sends nothing
        return str(one.getsockname()[0])
    return own


@dataclass(frozen=True)
class Guard:
    """Of a server at a host and port; `token` where one must be shown."""

    host: str
    port: int
    token: str | None

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds the token: cookies of all ports of a host go to each of them."""
        return f"ipvalue-{self.port}"

    @property
    def address(self) -> str:
        """Where pages are asked for."""
        host = openable(self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def link(self) -> str:
        """What is opened first: it brings the token."""
        return self.address + (f"?token={self.token}" if self.token else "")

    def knows(self, host: str) -> bool:
        """Whether a request was sent to a name of this server's. On loopback another name is one that someone else has pointed here (DNS rebinding);
        beyond it names are not known, and the cookie comes with those alone that it was set under."""
        if not is_loopback(self.host):
            return True
        own = f"[{self.host}]" if ":" in self.host else self.host
        return host.lower() in {f"{name}:{self.port}" for name in (*LOOPBACK_NAMES, own)} | ({*LOOPBACK_NAMES, own} if self.port == 80 else set())

    def admits(self, *shown: str) -> bool:
        """Whether the token is among what was shown; compared in a time that does not depend on it."""
        if self.token is None:
            return True
        wanted = self.token.encode()
        return any(secrets.compare_digest(one.encode(errors="replace"), wanted) for one in shown)


def refuses_site(headers: Mapping[str, str]) -> bool:
    """Whether another site's page asks, for anything but to be left for one of ours."""
    return headers.get("Sec-Fetch-Site") == "cross-site" and (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) != (
        "navigate",
        "document",
    )
