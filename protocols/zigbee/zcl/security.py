"""Which clusters travel under an APS link key: the one table (SE 1.4 clause 5.4.6, table 5-12).

Where `NodeConfig.certified` is not set, the key of the install code stands where the one of key establishment would stand, and
nothing else changes.

Sources differ on Keep-Alive (required by one stack, exempt in another); it is held to be required here.
"""

from __future__ import annotations

SMART_ENERGY = 0x0109

NETWORK_KEY_CLUSTERS = {
    0x0000: "Basic",
    0x0001: "Power Configuration",
    0x0003: "Identify",
    0x0009: "Alarms",
    0x0800: "Key Establishment",
}
"""What a Smart Energy endpoint may say under the network key alone."""


def needs_link_key(cluster: int) -> bool:
    """Whether a unicast of this cluster on a Smart Energy endpoint must be protected by a link key."""
    return cluster not in NETWORK_KEY_CLUSTERS
