"""Frame counters that were used with a key by a sender: each is for one frame, which may come again as it is, soon after."""

from __future__ import annotations

from collections import OrderedDict

RECENT = 4096
"""Frames remembered whole: a repetition of an older one counts as a reuse."""


class Nonces:
    """Counters seen, a bit each: a month of a home fits."""

    def __init__(self) -> None:
        self._used: dict[tuple[bytes, bytes], bytearray] = {}
        self._recent: OrderedDict[tuple[bytes, bytes, int], bytes] = OrderedDict()

    def reused(self, key: bytes, sender: bytes, counter: int, frame: bytes) -> bool:
        """Note that `frame` was secured with this counter; whether another one was before."""
        used = self._used.setdefault((key, sender), bytearray())
        octet, bit = counter >> 3, 1 << (counter & 7)
        used.extend(bytes(max(0, octet + 1 - len(used))))
        again = bool(used[octet] & bit) and self._recent.get((key, sender, counter)) != frame
        used[octet] |= bit
        self._recent[key, sender, counter] = frame
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return again
