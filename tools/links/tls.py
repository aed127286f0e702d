"""TLS of links: version 1.2 (RFC 5246) and no other, with the peer's certificate and name checked (paper C, paragraph 9)."""

from __future__ import annotations

import ssl


def context(authority: str | None = None) -> ssl.SSLContext:
    """A client's side. `authority`: certificates (PEM) to trust in place of the machine's."""
    made = ssl.create_default_context(cadata=authority)
    made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_2
    return made
