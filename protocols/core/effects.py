"""What a sans-I/O machine asks of its owner.

A machine has `feed(data, now) -> list[Effect]`, `expire(now) -> list[Effect]` and `deadline: int | None`. Times are
nanoseconds on the owner's clock. Effects are values, applied in list order; a machine does nothing else to the world.
Each machine declares its further effects next to itself.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Effect(Struct, frozen=True):
    """Base of everything a machine may ask for. A struct: quick to make, as every frame does, and to declare."""


class Send(Effect, frozen=True):
    """Octets for the peer, in order, complete."""

    data: bytes


class Machine(Protocol):
    """The shape of a sans-I/O protocol machine over an octet stream."""

    @property
    def deadline(self) -> int | None:
        """When `expire` is wanted, in ns; None: never."""
        ...

    def feed(self, data: bytes, now: int) -> list[Effect]:
        """Octets from the peer, cut anywhere."""
        ...

    def expire(self, now: int) -> list[Effect]:
        """The deadline has passed. Harmless when it has not."""
        ...
