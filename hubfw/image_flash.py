"""Firmware files in the hub's flash, in numbered places: the one that comes in, and those that devices may have.

A file lies in blocks of one size, which come in any order. What names it and when it may run stand in one record, which is there
from the moment when it is judged: a file without one is on its way in, or what a power cut left. All files together have `room`
octets, half a bank, and one has half of that at most: for a new one, those that came first give way, and never the last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from devices.runtime.nvm import Nvm
from protocols.zigbee.ota.image import File

BLOCK: Final = 512
"""Octets of a block, as it comes and as it lies."""
INCOMING: Final = "image/incoming"
OFFER: Final = "image/offer/"
_AT: Final = "image/at/"


class Offered(NamedTuple):
    """A file that devices may have. `upgrade_time`: seconds since 2000, or what `protocols.zigbee.ota.server` says besides."""

    place: int
    file: File
    size: int
    upgrade_time: int


class Kept:
    """The octets of one place, for who reads a file where it lies (`protocols.zigbee.ota.image.Octets`)."""

    def __init__(self, nvm: Nvm, place: int, held: int) -> None:
        self.held = held
        self._nvm = nvm
        self._place = place

    def read(self, offset: int, length: int) -> bytes:
        """Octets of the file, fewer at its end, and none of blocks that are gone."""
        first, end = offset // BLOCK, offset + length
        blocks = range(first, -(-end // BLOCK))
        found = b"".join(self._nvm.get(f"{_AT}{self._place}/{block}", b"") for block in blocks)
        return found[offset - first * BLOCK : end - first * BLOCK]


class ImageFlash:
    """All of them."""

    def __init__(self, nvm: Nvm, bank_size: int) -> None:
        self.room = bank_size // 2
        self.capacity = self.room // 2
        """Octets of the largest file."""
        self._nvm = nvm
        self._blocks: dict[int, set[int]] = {}
        for key in nvm.keys(_AT):
            place, _, block = key.removeprefix(_AT).partition("/")
            self._blocks.setdefault(int(place), set()).add(int(block))
        coming = nvm.get(INCOMING)
        known = {each.place for each in self.offered} | ({int(coming[0])} if coming is not None else set())
        if remains := [place for place in self._blocks if place not in known]:
            self.commit({}, remains)

    @property
    def offered(self) -> list[Offered]:
        """Those that devices may have, in the order in which they came."""
        found = []
        for key in self._nvm.keys(OFFER):
            *names, size, upgrade_time = self._nvm.get(key)
            found.append(Offered(int(key.removeprefix(OFFER)), File(*names), size, upgrade_time))
        return sorted(found)

    def new(self) -> int:
        """A place that nothing was in yet."""
        coming: int = self._nvm.get(INCOMING, [0])[0]
        return 1 + max([coming, *self._blocks, *(each.place for each in self.offered)])

    def in_the_way(self, size: int, but: Collection[int] = ()) -> list[int]:
        """The places that have to be emptied for a file of so many octets, beside those that will be anyway."""
        left = [each for each in self.offered if each.place not in but]
        coming = [len(blocks) for place, blocks in self._blocks.items() if place not in {each.place for each in left} | {*but}]
        gone = []
        while left and size + sum(each.size for each in left) + sum(coming) * BLOCK > self.room:
            gone.append(left.pop(0).place)
        return gone

    def blocks(self, place: int) -> Collection[int]:
        """The numbers of the blocks that are there."""
        return self._blocks.get(place, ())

    def put(self, place: int, block: int, octets: bytes) -> None:
        """Keep a block."""
        self._nvm.put({f"{_AT}{place}/{block}": octets})
        self._blocks.setdefault(place, set()).add(block)

    def octets(self, place: int, size: int) -> Kept:
        """What is in a place."""
        return Kept(self._nvm, place, size)

    @staticmethod
    def record(offered: Offered) -> dict[str, object]:
        """What says that a file may be had, for `commit`."""
        place, file, size, upgrade_time = offered
        return {f"{OFFER}{place}": [*file, size, upgrade_time]}

    def commit(self, values: Mapping[str, object], emptied: Iterable[int] = ()) -> None:
        """Set values and empty places, in one transaction."""
        places = dict.fromkeys(emptied)
        gone = [f"{_AT}{place}/{block}" for place in places for block in sorted(self._blocks.get(place, ()))]
        self._nvm.commit(values, gone + [key for place in places if (key := f"{OFFER}{place}") in self._nvm])
        for place in places:
            self._blocks.pop(place, None)
