"""Image transfer (class 18): a firmware image block by block, verified, then activated. Blue Book 4.4.6.

Blocks come in any order and any number of times; what has come is in the store, so that a transfer goes on after a
power failure. What an image is, whether it is a good one, and what it becomes, the store knows. Verification and
activation may take time: until the store has a verdict, calls are answered with temporary-failure, which means "in
progress".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.interface import Attribute, Hook, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import BITS, BOOLEAN, I8, OCTETS, U32, Array, Enumerated, Limited, Structure
from protocols.dlms.xdlms import DataAccessResult

INITIATE: Final = Structure(image_identifier=Limited(Tag.OCTET_STRING, 1, 64), image_size=U32)
BLOCK: Final = Structure(image_block_number=U32, image_block_value=OCTETS)
IMAGE_INFO: Final = Structure(
    image_to_activate_size=U32, image_to_activate_identification=OCTETS, image_to_activate_signature=OCTETS
)


class ImageStatus(IntEnum):
    """image_transfer_status."""

    NOT_INITIATED = 0
    INITIATED = 1
    VERIFICATION_INITIATED = 2
    VERIFICATION_SUCCESSFUL = 3
    VERIFICATION_FAILED = 4
    ACTIVATION_INITIATED = 5
    ACTIVATION_SUCCESSFUL = 6
    ACTIVATION_FAILED = 7


@dataclass(frozen=True, slots=True)
class Image:
    """An image that can be activated: `size` in octets, what it says it is, and what vouches for it."""

    size: int
    identification: bytes
    signature: bytes


class ImageStore(Protocol):
    """Where an image is kept while it comes. Everything it tells outlives the power."""

    @property
    def capacity(self) -> int:
        """Octets of the largest image."""
        ...

    @property
    def size(self) -> int:
        """Octets of the image that is coming; 0: none is."""
        ...

    @property
    def status(self) -> ImageStatus:
        """How far it has come. Who verifies and activates sets it, at once or later."""
        ...

    @property
    def images(self) -> Sequence[Image]:
        """What a verified image holds to activate."""
        ...

    def begin(self, identifier: bytes, size: int) -> None:
        """Forget what is there and make room. Status: initiated."""
        ...

    def has(self, block: int) -> bool:
        """Whether a block is there."""
        ...

    def put(self, block: int, octets: bytes) -> None:
        """Keep a block."""
        ...

    def verify(self) -> None:
        """Begin to verify. Status: verification initiated, or its outcome."""
        ...

    def activate(self) -> None:
        """Begin to activate. Status: activation initiated, or its outcome."""
        ...


class ImageTransfer(InterfaceClass, id=18, version=0):
    """One image into a store, in blocks of `image_block_size` octets."""

    image_block_size: Attribute = attribute(2, U32)
    image_transferred_blocks_status: Attribute = attribute(3, BITS)
    image_first_not_transferred_block_number: Attribute = attribute(4, U32)
    image_transfer_enabled: Attribute = attribute(5, BOOLEAN, access=Access.READ_WRITE)
    image_transfer_status: Attribute = attribute(6, Enumerated(ImageStatus))
    image_to_activate_info: Attribute = attribute(7, Array(IMAGE_INFO))

    def __init__(
        self,
        logical_name: str | bytes,
        *,
        store: ImageStore,
        image_block_size: int,
        image_transfer_enabled: bool = True,
        on: Mapping[str, Hook] | None = None,
        access: Mapping[str, Access] | None = None,
    ) -> None:
        self._store = store
        self._block_size = image_block_size
        super().__init__(
            logical_name,
            on=on or {},
            access=access or {},
            image_block_size=image_block_size,
            image_transferred_blocks_status=self._transferred,
            image_first_not_transferred_block_number=self._first_missing,
            image_transfer_enabled=image_transfer_enabled,
            image_transfer_status=lambda: store.status,
            image_to_activate_info=lambda: [(it.size, it.identification, it.signature) for it in store.images],
        )

    @method(1, INITIATE)
    def image_transfer_initiate(self, argument: Data) -> None:
        """Begin anew with an image of that size."""
        identifier, size = (item.value for item in argument.value)
        self._want_not(ImageStatus.VERIFICATION_INITIATED, ImageStatus.ACTIVATION_INITIATED)
        if not 0 < size <= self._store.capacity:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: no room for {size} octets")
        self._store.begin(identifier, size)

    @method(2, BLOCK)
    def image_block_transfer(self, argument: Data) -> None:
        """Take a block; the last one is as long as what is left."""
        number, octets = (item.value for item in argument.value)
        self._want(ImageStatus.INITIATED)
        if number >= self._blocks() or len(octets) != min(self._block_size, self._store.size - number * self._block_size):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"{self.name}: no such block")
        self._store.put(number, octets)

    @method(3, I8)
    def image_verify(self, argument: Data) -> None:
        """Have the image verified, when all of it is there; asked again it tells how that stands."""
        if self._store.status == ImageStatus.INITIATED:
            if self._first_missing() < self._blocks():
                raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: blocks are missing")
            self._store.verify()
        self._outcome(ImageStatus.VERIFICATION_INITIATED, ImageStatus.VERIFICATION_SUCCESSFUL)

    @method(4, I8)
    def image_activate(self, argument: Data) -> None:
        """Have the image activated, once it is verified; asked again it tells how that stands."""
        if self._store.status == ImageStatus.VERIFICATION_SUCCESSFUL:
            self._store.activate()
        self._outcome(ImageStatus.ACTIVATION_INITIATED, ImageStatus.ACTIVATION_SUCCESSFUL)

    def invoke(self, number: int, argument: Data) -> Data | None:
        """As every method; none while the transfer is not enabled."""
        if number in self.methods and not self.image_transfer_enabled.value:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, f"{self.name} is not enabled")
        return super().invoke(number, argument)

    def _blocks(self) -> int:
        return -(-self._store.size // self._block_size)

    def _transferred(self) -> Data:
        return axdr.bits("".join("1" if self._store.has(block) else "0" for block in range(self._blocks())))

    def _first_missing(self) -> int:
        blocks = self._blocks()
        return next((block for block in range(blocks) if not self._store.has(block)), blocks)

    def _want(self, status: ImageStatus) -> None:
        if self._store.status != status:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{self.name}: {self._store.status.name.lower()}")

    def _want_not(self, *busy: ImageStatus) -> None:
        if self._store.status in busy:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, f"{self.name}: {self._store.status.name.lower()}")

    def _outcome(self, running: ImageStatus, good: ImageStatus) -> None:
        self._want_not(running)
        self._want(good)
