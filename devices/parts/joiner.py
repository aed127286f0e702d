"""What every device that joins a home's network is told when it is made, whatever else it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.key_establishment.certificates import Credentials
from protocols.zigbee.node import NodeConfig, NodeType
from protocols.zigbee.zcl.cluster import Attribute


@dataclass(frozen=True, slots=True)
class Joiner:
    """The part of a device's configuration by which it joins. Its EUI-64 is the board's."""

    install_code: bytes = field(repr=False)
    """With its CRC."""
    extended_pan_id: int | None = None
    """The one network it may join; None: any that lets it in."""
    credentials: tuple[Credentials, ...] = ()
    """Its certificates, at most one of a suite; with none, the link key of the install code will do for everything."""
    foreign: bool = False
    """Its network is a home-automation host's: it looks for one all the time, and takes what it is offered."""
    default_link_key: bool = False
    """It joins under the well-known default link key, too."""
    manufacturer: str = "meterbench"
    model: str = ""

    def node(self, eui64: int, type: NodeType) -> NodeConfig:
        """Its place on the network."""
        return NodeConfig(
            eui64,
            type,
            install_code=self.install_code,
            extended_pan_id=self.extended_pan_id,
            certified=bool(self.credentials),
            foreign=self.foreign,
            default_link_key=self.default_link_key,
        )

    def basic(self, power_source: int) -> dict[Attribute[object], object]:
        """What its Basic cluster says of it."""
        return {
            Basic.zcl_version: 8,
            Basic.manufacturer_name: self.manufacturer,
            Basic.model_identifier: self.model,
            Basic.power_source: power_source,
        }
