"""Blocking byte streams: what a one-shot command (`read`) holds at its end of a link.

Every way a link can end is a `LinkDown`. Each transport's module has its stream. Not for `serve`: see
tools.links.channel.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Protocol, Self

READ = 4096
"""Octets taken from the system at once."""

WRITE_TIMEOUT = 10.0
"""Seconds that a peer may refuse our octets before the link counts as down."""


class Stream(Protocol):
    """An open link. Used as a context manager, which closes it."""

    def read(self, timeout: float) -> bytes:
        """The octets that came, 1 to 4096 of them; empty after `timeout` seconds of silence. LinkDown at the end."""

    def write(self, data: bytes) -> None:
        """Send all of `data`, or raise LinkDown."""

    def close(self) -> None:
        """Close; harmless twice."""

    def set_rate(self, baud: int) -> None:
        """The line's rate and eight data bits from now on, once what was written has gone; nothing where a link has no rate."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None: ...


class Closing(ABC):
    """The context manager's half of a Stream, of a link that has no rate."""

    def set_rate(self, baud: int) -> None:
        return

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def reason(error: OSError) -> str:
    """An operating system error in a few lower-case words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if error.errno is not None and error.errno > 0:  # asyncio writes an address in place of the system's words
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()
