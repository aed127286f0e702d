"""Served links: what the real-time driver sees of a TCP listener, a pty or a serial port.

A `Server` opens `Channel`s; a channel carries octets both ways and ends once. All calls come from one event loop. What
is not here: framing (protocols), and which device answers (tools.bench.realtime).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

SEND_QUEUE = 64 * 1024
"""Octets that may wait for a slow reader; more, and the channel is closed (bad inputs B4)."""


class Channel(Protocol):
    """One open byte pipe. `on_data` and `on_close` are set by whoever is told of its opening, before it returns."""

    peer: str
    on_data: Callable[[bytes], None]
    on_close: Callable[[str], None]

    def send(self, data: bytes) -> None:
        """Queue octets; silently dropped once the channel has ended."""

    def close(self) -> None:
        """End it from our side, after what is queued; `on_close` is not called."""

    def set_rate(self, baud: int | None) -> None:
        """The device's rate from now on, None for the link's own; nothing where a link has no rate."""


class Server(Protocol):
    """One served link."""

    spelling: str
    """What a client types to reach it; known once started (a free port or a pty path is chosen by the system)."""

    async def start(self, on_open: Callable[[Channel], None]) -> None:
        """Open it; `on_open` is called for each channel. Raises BadInput, LinkDown."""

    async def stop(self) -> None:
        """Close it and every channel; `on_close` is not called."""


def ignore_data(data: bytes) -> None:
    """The `on_data` of a channel that nobody took."""


def ignore_close(reason: str) -> None:
    """The `on_close` of a channel that nobody took."""
