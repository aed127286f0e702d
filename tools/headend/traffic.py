"""A count of messages and octets, with the busiest second."""

from __future__ import annotations

from dataclasses import dataclass

from devices.runtime.kernel import S


@dataclass(slots=True)
class Traffic:
    """Messages of one kind. Peaks are of one second of virtual time, from a whole second on."""

    messages: int = 0
    octets: int = 0
    peak_messages: int = 0
    peak_octets: int = 0
    _second: int = -1
    _messages: int = 0
    _octets: int = 0

    def add(self, octets: int, now: int) -> None:
        """One more, at `now` (ns)."""
        second = now // S
        if second != self._second:
            self._second, self._messages, self._octets = second, 0, 0
        self.messages += 1
        self.octets += octets
        self._messages += 1
        self._octets += octets
        self.peak_messages = max(self.peak_messages, self._messages)
        self.peak_octets = max(self.peak_octets, self._octets)
