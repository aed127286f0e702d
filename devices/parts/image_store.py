"""A firmware image in the flash of a board: kept block by block, judged by its digest, made the running version by a restart.

An image of this bench: `MBFW`, the version (4 octets), what it likes, and the SHA-256 of all that. There is no code in
it: a device whose image was activated runs as before and says another version. Signatures by a maker come with the GB
message layer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from devices.runtime.board import Board
from devices.runtime.flash import KIB
from devices.runtime.kernel import S
from protocols.dlms.cosem import Image, ImageStatus

MAGIC: Final = b"MBFW"
RESTART_AFTER: Final = 5 * S
"""Between activation and restart: the answer is on its way."""
LARGEST: Final = 64 * KIB
_VERSION_LENGTH, _DIGEST_LENGTH = 4, 32
_STATE, _BLOCK, _VERSION = "image/state", "image/block/", "firmware/version"


def image(version: bytes, contents: bytes) -> bytes:
    """An image that a store takes for good."""
    octets = MAGIC + version + contents
    return octets + hashlib.sha256(octets).digest()


def running_version(board: Board, first: bytes) -> bytes:
    """The version that a board runs: that of the last image activated, or `first`."""
    return bytes(board.nvm.get(_VERSION, first))


class NvmImageStore:
    """The store of one board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._nvm = board.nvm
        self.capacity = min(LARGEST, board.flash.bank_size // 8)
        self._identifier, self.size, status = self._nvm.get(_STATE, [b"", 0, ImageStatus.NOT_INITIATED])
        self.status = ImageStatus(status)
        self._blocks = {int(key.removeprefix(_BLOCK)) for key in self._nvm.keys(_BLOCK)}

    @property
    def images(self) -> Sequence[Image]:
        """The image, once it is verified."""
        if self.status not in (ImageStatus.VERIFICATION_SUCCESSFUL, ImageStatus.ACTIVATION_SUCCESSFUL):
            return ()
        return (Image(self.size, self._identifier, self._octets()[-_DIGEST_LENGTH:]),)

    def begin(self, identifier: bytes, size: int) -> None:
        """Forget what is there, in one transaction with the beginning of the new image."""
        self._identifier, self.size, self.status = identifier, size, ImageStatus.INITIATED
        self._nvm.commit(self._state(), [f"{_BLOCK}{block}" for block in sorted(self._blocks)])
        self._blocks.clear()

    def has(self, block: int) -> bool:
        """Whether a block is in flash."""
        return block in self._blocks

    def put(self, block: int, octets: bytes) -> None:
        """Put a block in flash."""
        self._nvm.put({f"{_BLOCK}{block}": octets})
        self._blocks.add(block)

    def verify(self) -> None:
        """Judge the image, at once."""
        octets = self._octets()
        digest = hashlib.sha256(octets[:-_DIGEST_LENGTH]).digest()
        good = octets.startswith(MAGIC) and len(octets) >= len(MAGIC) + _VERSION_LENGTH + _DIGEST_LENGTH
        self._become(ImageStatus.VERIFICATION_SUCCESSFUL if good and octets.endswith(digest) else ImageStatus.VERIFICATION_FAILED)

    def activate(self) -> None:
        """Make it the running version, and restart."""
        version = self._octets()[len(MAGIC) : len(MAGIC) + _VERSION_LENGTH]
        self._become(ImageStatus.ACTIVATION_SUCCESSFUL, {_VERSION: version})
        self._board.scope.after(RESTART_AFTER, self._board.restart)

    def _octets(self) -> bytes:
        return b"".join(self._nvm.get(f"{_BLOCK}{block}") for block in sorted(self._blocks))

    def _become(self, status: ImageStatus, beside: dict[str, object] | None = None) -> None:
        self.status = status
        self._nvm.put({**self._state(), **(beside or {})})

    def _state(self) -> dict[str, object]:
        return {_STATE: [self._identifier, self.size, int(self.status)]}
