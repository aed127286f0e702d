"""A WAN module's way onto the network: no address of its own, but the one that its hub tells it and the network lets it have.

Registration takes a while. Without coverage there is none, and one there was is lost: then nothing passes from or to the address
until somebody registers it again. One modem at a time has an address. Roaming, bearers and signal strength are not modelled.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.kernel import S, Timer
from devices.runtime.net import Host, Net

Answer = Callable[["Host | None"], object]


class Modem:
    """One module's. `takes`: ns from asking to an answer. `cover` is the world's, the rest the module's firmware's."""

    def __init__(self, net: Net, name: str, takes: int = 3 * S) -> None:
        self.name = name
        self.host: Host | None = None
        """What it is registered as."""
        self.covered = True
        self.on_lost: Callable[[], object] | None = None
        self._net = net
        self._takes = takes
        self._asking: Timer | None = None

    def cover(self, covered: bool) -> None:
        """Have the network there, or not."""
        self.covered = covered
        if not covered and self.host is not None:
            self.host.up = False
            self.host = None
            if self.on_lost is not None:
                self.on_lost()

    def register(self, address: str, answer: Answer) -> None:
        """Ask for an address; `answer(host)`, or `answer(None)` where there is no coverage or another modem has it."""
        self._stop()
        self._asking = self._net.kernel.after(self._takes, self._decide, address, answer, who=self.name)

    def network_time(self) -> int:
        """UTC in ns, as the network tells it to who is registered."""
        return self._net.kernel.utc

    def reset(self) -> None:
        """The power is gone, and the registration and every connection with it."""
        self._stop()
        self.on_lost = None
        if self.host is not None:
            self.host.reset()
            self.host = None

    def _decide(self, address: str, answer: Answer) -> None:
        host = self._net.host(address)
        if self.covered and host.covered and (self.host is host or not host.up):
            self.host = host
            host.up = True
            answer(host)
        else:
            answer(None)

    def _stop(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
