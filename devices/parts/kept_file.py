"""A firmware file in the flash of a board, piece by piece as it comes, of which a power cut takes nothing away.

The store of a download's client (`protocols.zigbee.ota.client.Store`), and where a server keeps what it offers. In RAM is where
each piece begins; the octets stay in flash.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from devices.runtime.nvm import Nvm
from protocols.zigbee.ota.image import File


class KeptFile:
    """One file under a name of its own in non-volatile memory. `capacity`: octets that it may have."""

    def __init__(self, nvm: Nvm, name: str, capacity: int) -> None:
        self.capacity = capacity
        self._nvm = nvm
        self._about = f"{name}/file"
        self._piece = f"{name}/at/"
        *names, self.size = nvm.get(self._about, [0])
        self.file = File(*names) if names else None
        self._starts = sorted(int(key.removeprefix(self._piece)) for key in nvm.keys(self._piece))
        self.held = 0 if not self._starts else self._starts[-1] + len(nvm.get(self._key(self._starts[-1])))

    def begin(self, file: File, size: int, *also: str) -> None:
        """Forget what is there, and other keys, in one transaction with the beginning of another file."""
        self._replace({self._about: [*file, size]}, *also)
        self.file, self.size = file, size

    def append(self, octets: bytes) -> None:
        """Put the next octets in flash."""
        self._nvm.put({self._key(self.held): octets})
        self._starts.append(self.held)
        self.held += len(octets)

    def clear(self) -> None:
        """Forget what is there."""
        if self.file is not None:
            self.spend({})

    def spend(self, values: Mapping[str, object]) -> None:
        """Set other values and forget the file, in one transaction."""
        self._replace(values, self._about)
        self.file, self.size = None, 0

    def read(self, offset: int, length: int) -> bytes:
        """Octets of the file, fewer where there are no more."""
        found = b""
        at = max(0, bisect_right(self._starts, offset) - 1)
        for start in self._starts[at:]:
            if start >= offset + length:
                break
            found += self._nvm.get(self._key(start))[max(0, offset - start) : offset + length - start]
        return found

    def _replace(self, values: Mapping[str, object], *also: str) -> None:
        self._nvm.commit(values, [*also, *map(self._key, self._starts)])
        self._starts.clear()
        self.held = 0

    def _key(self, start: int) -> str:
        return f"{self._piece}{start}"
