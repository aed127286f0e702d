"""What a hub's successor needs: the network's identifier, and who is in the device log with a hash of its link key.

Trust centre swap-out of SE 1.4 clause 5.4.2.2.3: the hash (AES-MMO) is the link key under which the successor and a device begin;
from it nobody gets back to the key that the device shares with the hub that is gone. Neither that key nor install codes
nor the network key are in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from protocols.core.errors import LocalProtocolError


@dataclass(frozen=True, slots=True)
class Backup:
    """`devices`: EUI-64 and hash, 16 octets, in the order of the log."""

    extended_pan_id: int
    devices: dict[int, bytes] = field(repr=False)

    def plain(self) -> dict[str, object]:
        """Plain values: int, bytes, list, dict."""
        return {"extended_pan_id": self.extended_pan_id, "devices": [[eui64, key] for eui64, key in self.devices.items()]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, object]) -> Backup:
        """Read what `plain()` gave. Raises LocalProtocolError on anything else."""
        try:
            extended_pan_id = msgspec.convert(plain.get("extended_pan_id"), int)
            devices = dict(msgspec.convert(plain.get("devices"), list[tuple[int, bytes]], builtin_types=(bytes,)))
        except msgspec.ValidationError as reason:
            raise LocalProtocolError(f"backup: {reason}") from None
        if not all(0 < eui64 < 1 << 64 for eui64 in (extended_pan_id, *devices)) or any(len(key) != 16 for key in devices.values()):
            raise LocalProtocolError("backup: an address or a hash of the wrong length")
        return cls(extended_pan_id, devices)
