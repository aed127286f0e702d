"""What a consumer module is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.zigbee.key_establishment.certificates import Credentials


@dataclass(frozen=True, slots=True)
class Guest:
    """A consumer device that may join. `install_code` is with its CRC."""

    eui64: int
    install_code: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Config:
    """One module. Its EUI-64 is its network's extended PAN identifier."""

    guests: tuple[Guest, ...] = ()
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link keys of the install codes will do for everything."""
    channel: int = 20
