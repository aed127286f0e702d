"""What a repeater is told when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.zigbee.key_establishment.certificates import Credentials


@dataclass(frozen=True, slots=True)
class Config:
    """One repeater."""

    install_code: bytes = field(repr=False)
    """With its CRC."""
    extended_pan_id: int | None = None
    """The one network it may join; None: any that lets it in."""
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link key of the install code will do for everything."""
    foreign: bool = False
    """Whether somebody outside forms the network: it looks for one all the time, and takes what it is offered."""
    default_link_key: bool = False
    """Whether the well-known default link key will do, too."""
    manufacturer: str = "meterbench"
    model: str = "repeater"
