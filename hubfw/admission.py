"""Which kinds of device and which products may join a home's network: the policy, and the list of approved products.

Both are consulted when a device is entered into the log and when the hub starts; who may not join gets no key. What a product says
of itself is compared once it has joined (`han.interviews`). Not here: which single devices may (`device_log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hubfw.config import ESME, GSME, HHT, IHD, PPMID, PREPAY_GAS, Product
from protocols.core.errors import LocalProtocolError

CORE: Final = (ESME, GSME, PREPAY_GAS, IHD, PPMID, HHT)
"""Kinds that belong to the metering system itself; the terminal is its engineer's."""
NOT_CORE: Final = "not a core device"
NOT_APPROVED: Final = "not an approved product"


class NotAdmitted(LocalProtocolError):
    """A device that must not join, whoever enters it."""


class Admission:
    """The rules of one hub."""

    def __init__(self, core_only: bool, approved: Sequence[Product] | None) -> None:
        self._core_only = core_only
        self._approved = approved

    def refusal(self, eui64: int, kind: str) -> str | None:
        """Why a device may not join; None: it may."""
        if self._core_only and kind not in CORE:
            return NOT_CORE
        if self._approved is not None and kind != HHT and not self.products(eui64, kind):
            return NOT_APPROVED
        return None

    def products(self, eui64: int, kind: str) -> list[Product]:
        """The approved products that a device can be."""
        return [row for row in self._approved or () if (row.kind, row.maker) == (kind, eui64 >> 40)]

    def impostor(self, eui64: int, kind: str, manufacturer: str | None, model: str | None) -> bool:
        """Whether what a device says of itself is none of the approved products that it can be."""
        return self._approved is not None and not any(
            row.manufacturer in (None, manufacturer) and row.model in (None, model) for row in self.products(eui64, kind)
        )

    @property
    def asks(self) -> bool:
        """Whether anything depends on what devices say of themselves."""
        return any(row.manufacturer is not None or row.model is not None for row in self._approved or ())
