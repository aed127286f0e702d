"""Keep-Alive cluster 0x0025: how often a device asks whether its trust centre is there (SE 1.4 annex A.3).

The interval is base minutes and up to jitter seconds. What follows when nobody answers is in `devices.parts`.
"""

from __future__ import annotations

from protocols.zigbee.zcl.cluster import Cluster, attribute
from protocols.zigbee.zcl.types import uint8, uint16


class KeepAlive(Cluster, id=0x0025, name="Keep-Alive"):
    """The server is the trust centre, the clients are all others."""

    keep_alive_base = attribute(0x0000, uint8)
    keep_alive_jitter = attribute(0x0001, uint16)
