"""Cutting long APS payloads into fragments and putting them together again (05-3474 clause 2.2.8.4.5).

Blocks go in windows, each acknowledged before the next is sent: of one block, as SE 1.4 clause 5.3.8 sets it, or of up to 8 where
both ends are configured so. Memory is bounded by the octets that arrived, never by a declared count. Not here: acknowledging,
repeating, time (`delivery`).
"""

from __future__ import annotations

from protocols.core.errors import RemoteProtocolError

MAX_PAYLOAD = 4096
"""Octets of the longest payload, either way."""
MAX_BLOCKS = 96
LARGEST_WINDOW = 8
TRANSFERS = 8
TRANSFERS_OF_PEER = 2

Key = tuple[int, int]
"""Source short address and APS counter."""


def cut(payload: bytes, size: int) -> list[bytes]:
    """Blocks of at most `size` octets; one, empty, for an empty payload."""
    return [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]


class Transfer:
    """One payload being put together. `context` is what every block must agree on."""

    __slots__ = ("blocks", "context", "octets", "total")

    def __init__(self, context: tuple[object, ...], total: int) -> None:
        self.context = context
        self.total = total
        self.blocks: dict[int, bytes] = {}
        self.octets = 0


class Assembler:
    """The payloads being put together, by source and counter."""

    def __init__(self) -> None:
        self._transfers: dict[Key, Transfer] = {}

    def __len__(self) -> int:
        return len(self._transfers)

    def discard(self, key: Key) -> None:
        """Give up a transfer."""
        self._transfers.pop(key, None)

    def clear(self) -> None:
        """Give up all transfers."""
        self._transfers.clear()

    def start(self, key: Key, context: tuple[object, ...], total: int, block: bytes) -> bytes | None:
        """Take the first block, which says how many there are; the payload when that is all.

        Raises RemoteProtocolError on an impossible count, a contradiction, or too many transfers at once.
        """
        if not 1 <= total <= MAX_BLOCKS:
            raise RemoteProtocolError(f"{total} fragments")
        transfer = self._transfers.get(key)
        if transfer is None:
            peers = sum(source == key[0] for source, _ in self._transfers)
            if len(self._transfers) >= TRANSFERS or peers >= TRANSFERS_OF_PEER:
                raise RemoteProtocolError("too many fragmented transfers at once")
            transfer = self._transfers[key] = Transfer(context, total)
        elif transfer.total != total or transfer.context != context:
            raise RemoteProtocolError("a first fragment that contradicts the one before")
        return self._add(key, transfer, 0, block)

    def add(self, key: Key, context: tuple[object, ...], number: int, block: bytes) -> bytes | None:
        """Take a later block; the payload when it was the last one missing. Raises RemoteProtocolError."""
        transfer = self._transfers.get(key)
        if transfer is None:
            raise RemoteProtocolError("a fragment without the first one")
        if transfer.context != context:
            raise RemoteProtocolError("a fragment of something else")
        if not 1 <= number < transfer.total:
            raise RemoteProtocolError(f"fragment {number} of {transfer.total}")
        return self._add(key, transfer, number, block)

    def received(self, key: Key, block: int, window: int) -> int | None:
        """The blocks of `block`'s window that are there, by bits, if they are to be acknowledged now; bits not used are 1.

        That is so when the window's last block came, or the last one that was missing.
        """
        transfer = self._transfers[key]
        start = block - block % window
        end = min(start + window, transfer.total)
        missing = sum(1 << place - start for place in range(start, end) if place not in transfer.blocks)
        return None if missing and block != end - 1 else 0xFF & ~missing

    def _add(self, key: Key, transfer: Transfer, number: int, block: bytes) -> bytes | None:
        if number not in transfer.blocks:
            if transfer.octets + len(block) > MAX_PAYLOAD:
                raise RemoteProtocolError(f"fragments of more than {MAX_PAYLOAD} octets")
            transfer.blocks[number] = block
            transfer.octets += len(block)
        if len(transfer.blocks) < transfer.total:
            return None
        del self._transfers[key]
        return b"".join(transfer.blocks[number] for number in range(transfer.total))
