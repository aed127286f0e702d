"""Meters that are on the network for a while only, and call when they are: who wants to ask one waits for its next call."""

from __future__ import annotations

from typing import Final

from devices.runtime.kernel import Kernel, S
from devices.runtime.tasks import Event

MARGIN: Final = 2 * S
"""Before the end of what a meter said that it listens: a question has to get there."""


class Caller:
    """One meter. `name`: its logical device name. `patience`: how long (ns) anybody waits for a call."""

    def __init__(self, kernel: Kernel, name: bytes, patience: int) -> None:
        self.name = name
        self.patience = patience
        self._kernel = kernel
        self._listens = 0
        self._until = 0
        self._called = Event()

    def called(self, seconds: int) -> None:
        """It listens until nobody has said anything for so long."""
        self._listens = seconds * S
        self.heard()
        self._called.set()
        self._called.clear()

    def heard(self) -> None:
        """It has answered."""
        self._until = self._kernel.now + self._listens - MARGIN

    async def present(self) -> bool:
        """True once it can be asked, False when it has not called for too long."""
        if self._kernel.now < self._until:
            return True
        try:
            with self._kernel.timeout(self.patience):
                await self._called.wait()
        except TimeoutError:
            return False
        return True
