"""What a node stores of itself against power loss, and how it takes it up again: the stack's layers to `NetworkState` and back.

Incoming frame counters of link keys are stored as of the last change; what is stored of those of the network key is in
`freshness`. Outgoing counters are the firmware's, in reserve-ahead storage.
"""

from __future__ import annotations

from protocols.zigbee import mac, security
from protocols.zigbee.bindings import Bindings
from protocols.zigbee.delivery import Delivery
from protocols.zigbee.devices import Devices, Relation
from protocols.zigbee.joining import Joining
from protocols.zigbee.network import Network
from protocols.zigbee.node import UNASSIGNED, ChildRecord, LinkKeyRecord, NetworkState
from protocols.zigbee.trust_centre import TrustCentre


def take(
    network: Network, devices: Devices, delivery: Delivery, joining: Joining, centre: TrustCentre | None, bindings: Bindings
) -> NetworkState:
    """The state to store."""
    brokered = {} if centre is None else centre.brokered
    return NetworkState(
        page=network.page,
        second=network.second,
        channel=network.channel,
        pan_id=network.pan_id,
        extended_pan_id=network.extended_pan_id,
        short=network.short,
        parent=network.parent,
        depth=network.depth,
        update_id=network.update_id,
        trust_centre=joining.trust_centre,
        active_key=network.active_key,
        network_keys={str(sequence): key.key for sequence, key in network.keys.items()},
        link_keys=[LinkKeyRecord(eui64, link.key, link.kind, link.incoming) for eui64, link in delivery.link_keys.items()],
        addresses=[(device.eui64, device.short) for device in devices if device.short != UNASSIGNED],
        children=[
            ChildRecord(child.eui64, child.short, child.capability, child.timeout, child.interface) for child in devices.children()
        ],
        brokered=[(one, other, key) for (one, other), key in brokered.items()],
        groups=delivery.groups.plain(),
        bindings=bindings.plain(),
        heard=network.freshness.take(),
    )


def give(
    stored: NetworkState,
    network: Network,
    devices: Devices,
    delivery: Delivery,
    joining: Joining,
    centre: TrustCentre | None,
    bindings: Bindings,
) -> None:
    """Put the layers of a fresh stack into the stored state."""
    network.reset()
    network.page, network.channel, network.pan_id, network.second = stored.page, stored.channel, stored.pan_id, stored.second
    network.extended_pan_id, network.update_id = stored.extended_pan_id, stored.update_id
    network.short, network.parent, network.depth = stored.short, stored.parent, stored.depth
    network.active_key = stored.active_key
    network.keys = {int(sequence): security.NetworkKey(key) for sequence, key in stored.network_keys.items()}
    network.freshness.give(stored.heard)
    joining.trust_centre = stored.trust_centre
    for eui64, short in stored.addresses:
        devices.learn(eui64, short)
    for record in stored.link_keys:
        delivery.link_keys[record.partner] = security.LinkKey(record.key, record.kind, record.incoming)
        partner = devices.get(record.partner)
        if partner is not None:
            partner.partner = True
    delivery.groups.restore(stored.groups)
    bindings.restore(stored.bindings)
    for child in stored.children:
        device = devices.learn(child.eui64, child.short)
        device.relation, device.capability, device.timeout = Relation.CHILD, child.capability, child.timeout
        device.interface = child.interface
    parent = devices.at(stored.parent)
    if parent is not None:
        parent.relation = Relation.PARENT
        parent.capability |= mac.CAPABILITY_ROUTER
    if centre is not None:
        centre.restore([record.partner for record in stored.link_keys], stored.brokered)


def keys(network: Network, delivery: Delivery, centre: TrustCentre | None) -> list[tuple[str, bytes]]:
    """Every key held, labelled, and what the trust centre remembers: the one place where keys leave the stack."""
    held = [(f"network key {sequence}", key.key) for sequence, key in network.keys.items()]
    held += [(f"{link.kind} key {eui64:016X}", link.key) for eui64, link in delivery.link_keys.items()]
    if centre is not None:
        held += [(f"application key {one:016X} {other:016X}", key) for (one, other), key in centre.brokered.items()]
        held += [(f"{security.INSTALL_CODE} key {eui64:016X}", key) for eui64, key in centre.preconfigured.items() if key]
        held += [(f"{security.CERTIFIED} key {eui64:016X}", key) for eui64, key in centre.made]
    return list(dict.fromkeys(held))
