"""NOR flash as it fails: programming clears bits, erasing sets a bank, and the power may go in the middle of either.

An operation is one octet programmed or one bank erased. A cut in the middle of an octet leaves some of its bits cleared; a cut
in the middle of an erase leaves half a bank erased. Octets never programmed read FF and take no memory of the host.
No wear, no read disturb, no write-time: code takes no simulated time here either.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.kernel import Halted
from protocols.core.errors import DecodeError, LocalProtocolError

KIB = 1024


class BadImage(DecodeError):
    """A flash image that is not one of ours in good order. One line says what is wrong; nothing was changed."""


class PowerCut(Halted):
    """The power went in the middle of a flash operation."""


class Flash:
    """Two banks of `bank_size` octets, each erased as one. `images` are what `image(bank)` gave of an equal flash.

    Raises BadImage for an image of another size: half an image must not pass for one that ends in a power cut.
    """

    def __init__(self, bank_size: int = 64 * KIB, images: tuple[bytes, bytes] | None = None) -> None:
        for bank, image in enumerate(images or ()):
            if len(image) != bank_size:
                raise BadImage(f"flash bank {bank}: an image of {len(image)} octets for a bank of {bank_size}")
        self.bank_size = bank_size
        self.powered = True
        self.operations = 0
        self.on_cut: Callable[[], object] | None = None
        self._budget: int | None = None
        self._banks = tuple(bytearray(image.rstrip(b"\xff")) for image in images or (b"", b""))

    def read(self, bank: int, address: int, length: int) -> bytes:
        """`length` octets from `address` on, fewer at the end of the bank."""
        length = max(0, min(length, self.bank_size - address))
        return bytes(self._banks[bank][address : address + length]).ljust(length, b"\xff")

    def used(self, bank: int) -> int:
        """Octets up to the last that is not FF."""
        return len(self._banks[bank].rstrip(b"\xff"))

    def image(self, bank: int) -> bytes:
        """All octets of the bank."""
        return self.read(bank, 0, self.bank_size)

    def program(self, bank: int, address: int, data: bytes) -> None:
        """Clear those bits of the octets from `address` on that are clear in `data`. Raises PowerCut when the budget ends."""
        end = address + len(data)
        if address < 0 or end > self.bank_size:
            raise LocalProtocolError(f"programming octets {address} to {end} of a bank of {self.bank_size}")
        budget = self._spend(len(data))
        if budget is None:
            self._clear(bank, address, data)
            return
        self._clear(bank, address, data[:budget] + bytes([data[budget] | 0x0F]))
        raise self._cut()

    def erase(self, bank: int) -> None:
        """Set every bit of the bank. Raises PowerCut when the budget ends."""
        memory = self._banks[bank]
        if self._spend(1) is None:
            memory.clear()
            return
        half = self.bank_size // 2
        memory[:half] = b"\xff" * min(half, len(memory))
        raise self._cut()

    def cut_after(self, operations: int | None) -> None:
        """Fault: let that many more operations through, then cut the power in the middle of the next (None: no fault)."""
        self._budget = operations

    def _spend(self, operations: int) -> int | None:
        """Count operations; the number still whole when the power goes among them, else None."""
        if not self.powered:
            raise PowerCut("flash without power")
        budget = self._budget
        if budget is None or budget >= operations:
            self.operations += operations
            self._budget = None if budget is None else budget - operations
            return None
        self.operations += budget
        return budget

    def _cut(self) -> PowerCut:
        self.powered, self._budget = False, None
        return PowerCut(f"power cut after {self.operations} flash operations", self.on_cut)

    def _clear(self, bank: int, address: int, data: bytes) -> None:
        memory = self._banks[bank]
        missing = address - len(memory)
        if missing >= 0:
            memory += b"\xff" * missing + data
            return
        old = self.read(bank, address, len(data))
        end = address + len(data)
        memory[address:end] = bytes(before & new for before, new in zip(old, data, strict=True))
