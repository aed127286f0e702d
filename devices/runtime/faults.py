"""What a scenario may do to messages on a link: drop, corrupt, duplicate, delay, reorder, and block one way.

A `Faults` object is given to an `Air`, a `Wire` or a `Net` from outside (`air.faults = Faults(kernel, "storm", [...])`); devices
know nothing of it. Every fault is an explicit value, so that a failing list of them can be shrunk; a chance below 1.0 draws from a
random stream of its own per link. A power cut is `Board.cut`, `Board.cut_at_flash_operation` or `Kernel.break_at`; a clock step is
`Rtc.step`; a torn write is the flash operation a cut falls into.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from devices.runtime.kernel import Kernel


class Effect(Enum):
    """What happens to a message."""

    DROP = "drop"
    CORRUPT = "corrupt"
    """One bit is inverted: number `amount`, modulo the message's length."""
    DUPLICATE = "duplicate"
    """It arrives again, `amount` ns after the first time."""
    DELAY = "delay"
    """It arrives `amount` ns later, and nothing of its link overtakes it."""
    REORDER = "reorder"
    """It arrives `amount` ns later, and what follows overtakes it (a stream keeps its order: there it is DELAY)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule: which messages, and what happens to them.

    `sender` and `receiver` are names (of radios, ports or hosts; None: any). `nth` picks the n-th message, from 1 on, that meets
    the other conditions; None: every one. `since` and `until` are ns of the run, the end not included.
    """

    effect: Effect
    sender: str | None = None
    receiver: str | None = None
    nth: int | None = None
    chance: float = 1.0
    amount: int = 0
    since: int = 0
    until: int | None = None

    def covers(self, sender: str, receiver: str, now: int) -> bool:
        """True when the message is one of those meant, as far as names and time go."""
        return (
            self.sender in (None, sender)
            and self.receiver in (None, receiver)
            and self.since <= now
            and (self.until is None or now < self.until)
        )


class Faults:
    """A list of rules, applied in their order. `count` is how often each has struck (a fault that never did proves nothing)."""

    def __init__(self, kernel: Kernel, name: str, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        self.count = [0] * len(self.faults)
        self._kernel = kernel
        self._name = name
        self._seen = [0] * len(self.faults)
        self._clear_at: dict[tuple[str, str], int] = {}

    def apply(self, sender: str, receiver: str, data: bytes) -> list[tuple[int, bytes]]:
        """What arrives, and how many ns late: nothing when it was dropped, two when it was duplicated."""
        now = self._kernel.now
        link = (sender, receiver)
        floor = max(0, self._clear_at.get(link, 0) - now)
        own = 0
        copies = [0]
        for index, fault in enumerate(self.faults):
            if not fault.covers(sender, receiver, now):
                continue
            self._seen[index] += 1
            if fault.nth not in (None, self._seen[index]):
                continue
            if fault.chance < 1.0 and self._kernel.rng(f"faults/{self._name}/{sender}>{receiver}").random() >= fault.chance:
                continue
            self.count[index] += 1
            if fault.effect is Effect.DROP:
                return []
            if fault.effect is Effect.CORRUPT:
                data = _inverted(data, fault.amount)
            elif fault.effect is Effect.DUPLICATE:
                copies.append(fault.amount)
            elif fault.effect is Effect.DELAY:
                floor = max(floor, fault.amount)
                self._clear_at[link] = now + floor
            else:
                own += fault.amount
        return [(floor + own + extra, data) for extra in copies]


def _inverted(data: bytes, bit: int) -> bytes:
    if not data:
        return data
    bit %= 8 * len(data)
    octets = bytearray(data)
    octets[bit >> 3] ^= 1 << (bit & 7)
    return bytes(octets)
