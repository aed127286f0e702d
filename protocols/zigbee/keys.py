"""What a device does with the trust centre's key commands (05-3474 clauses 4.4.2 to 4.4.9).

A key is believed only from the trust centre, under the key derived for that purpose, addressed to us. Everything else is
refused before it is stored. Who joins knows no trust centre: it is whoever has the key of our install code. Who comes back without
the network key may find another trust centre than it left: that one is believed if it has the hash of the link key held with the
one before (swap-out, SE 1.4 clause 5.4.2.2.3). A trust centre of ZigBee 3.0 gives a link key for the one that the node joined with;
it is proved with Verify-Key and kept once confirmed (05-3474-22 clause 4.7.3.8). Not here: what the trust centre itself does
(`trust_centre`), the exchange of certificates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, security
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import CommandOrigin, Delivery
from protocols.zigbee.devices import Devices, Relation
from protocols.zigbee.joining import Joining
from protocols.zigbee.network import TRUST_CENTRE_ADDRESS, Network
from protocols.zigbee.node import UNASSIGNED, PartnerKey, PartnerKeyFailed, S, TrustCentreReplaced
from protocols.zigbee.polling import Poller

PARTNER_WAIT = 5 * S
"""How long the trust centre may take to broker a key (SE 1.4 clause 5.4.7.4)."""

_OWN_REQUESTS = 8
_SECURED_COMMAND = bytes((aps.COMMAND | aps.SECURITY,))


class Keys:
    """The keys of a node that is not the trust centre.

    `changed` asks for the state to be stored, `find` for a partner's address, `remove` to send a child away.
    """

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        delivery: Delivery,
        joining: Joining,
        poller: Poller,
        changed: Callable[[], None],
        remove: Callable[[int], None],
        find: Callable[[int], object],
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._delivery = delivery
        self._joining = joining
        self._poller = poller
        self._changed = changed
        self._remove = remove
        self._find = find
        self._requested: dict[int, None] = {}
        self._joined_with: security.LinkKey | None = None
        delivery.links.alternatives = self._alternatives
        delivery.on(aps.NetworkKeyDescriptor, self._network_key)
        delivery.on(aps.ApplicationKeyDescriptor, self._application_key)
        delivery.on(aps.TrustCentreKeyDescriptor, self._trust_centre_key)
        delivery.on(aps.ConfirmKey, self._confirm_key)
        delivery.on(aps.SwitchKey, self._switch_key)
        delivery.on(aps.RemoveDevice, self._remove_device)
        delivery.on(aps.Tunnel, self._tunnel)

    def request_partner(self, eui64: int) -> None:
        """Ask the trust centre for a key with a partner, or with itself. Raises LocalProtocolError when off the network."""
        if not self._network.joined:
            raise LocalProtocolError("a partner key needs a network")
        if len(self._requested) >= _OWN_REQUESTS:
            raise LocalProtocolError("too many partner keys requested at once")
        self._requested[eui64] = None
        if eui64 == self._joining.trust_centre:
            self._joined_with = None
            request = aps.RequestKey(aps.REQUEST_TRUST_CENTRE)
        else:
            request = aps.RequestKey(aps.REQUEST_APPLICATION, eui64)
        self._delivery.command(TRUST_CENTRE_ADDRESS, self._joining.trust_centre, request, security.DATA_KEY)
        self._context.after(("partner", eui64), PARTNER_WAIT, partial(self._partner_failed, eui64))
        self._poller.want(("partner", eui64))

    def _partner_failed(self, eui64: int) -> None:
        self._requested.pop(eui64, None)
        if eui64 == self._joining.trust_centre and self._joined_with is not None:
            self._delivery.link_keys[eui64] = self._joined_with
            self._joined_with = None
        self._poller.done(("partner", eui64))
        self._context.effects.append(PartnerKeyFailed(eui64))

    def _from_trust_centre(self, origin: CommandOrigin, expected: int) -> bool:
        if origin.sender == self._joining.trust_centre and origin.identifier == expected:
            return True
        self._context.drop("a key command not from the trust centre or under the wrong key")
        return False

    def _alternatives(self, sender: int) -> list[security.LinkKey]:
        """The link keys, besides the one held with the sender, that the awaited network key may come under."""
        config, held = self._context.config, self._delivery.link_keys
        if self._joining.again:
            link = held.get(self._joining.trust_centre)
            return [] if link is None else [security.successor(link)]
        keys = []
        if sender not in held:
            keys.append(security.LinkKey(security.preconfigured_link_key(config.install_code), security.INSTALL_CODE))
        if config.default_link_key:
            keys.append(security.LinkKey(security.DEFAULT_LINK_KEY, security.DEFAULT))
        return keys

    def _awaited_key(self, origin: CommandOrigin, command: aps.NetworkKeyDescriptor) -> None:
        before, sender, links = self._joining.trust_centre, origin.sender, self._delivery.link_keys
        link = None if sender is None else links.get(sender)
        if sender is None or link is None or origin.identifier != security.KEY_TRANSPORT_KEY:
            self._context.drop("a network key under the wrong key")
            return
        swapped = link.kind == security.SWAPPED and self._joining.again
        if command.source != sender or command.destination != self._context.config.eui64:
            self._context.drop("a network key for another device")
        elif sender != before and link.kind == security.APPLICATION:
            self._context.drop("a network key from a device that is not the trust centre")
        else:
            if swapped and sender != before:
                links.pop(before, None)
                self._devices.forget(before)
            self._joining.network_key(sender, command.sequence, command.key)
            if swapped:
                self._context.effects.append(TrustCentreReplaced(sender, before))

    def _network_key(self, origin: CommandOrigin, command: aps.NetworkKeyDescriptor) -> None:
        network = self._network
        if network.awaiting_key:
            self._awaited_key(origin, command)
            return
        if not self._from_trust_centre(origin, security.KEY_TRANSPORT_KEY):
            return
        if command.source != origin.sender or command.destination != self._context.config.eui64:
            self._context.drop("a network key for another device")
        elif command.sequence not in network.keys:
            # The next key: kept beside the active one until Switch-Key.
            network.keys = {
                network.active_key: network.keys[network.active_key],
                command.sequence: security.NetworkKey(command.key),
            }
            self._changed()
        else:
            self._context.ignore("a network key we have")

    def _switch_key(self, origin: CommandOrigin, command: aps.SwitchKey) -> None:
        if origin.source != TRUST_CENTRE_ADDRESS or command.sequence not in self._network.keys:
            self._context.drop("a switch to a key we do not have, or not from the trust centre")
            return
        self._network.active_key = command.sequence
        self._changed()

    def _application_key(self, origin: CommandOrigin, command: aps.ApplicationKeyDescriptor) -> None:
        if not self._from_trust_centre(origin, security.KEY_LOAD_KEY):
            return
        partner = command.partner
        if partner in (self._joining.trust_centre, self._context.config.eui64):
            self._context.drop("an application key with the trust centre or ourselves")
            return
        device = self._devices.get(partner)
        if device is None:
            device = self._devices.learn(partner, UNASSIGNED)
        device.partner = True
        self._delivery.link_keys[partner] = security.LinkKey(command.key, security.APPLICATION)
        self._have(partner)
        if device.short == UNASSIGNED:
            self._find(partner)

    def _have(self, partner: int) -> None:
        self._requested.pop(partner, None)
        self._context.timers.cancel(("partner", partner))
        self._poller.done(("partner", partner))
        self._context.effects.append(PartnerKey(partner))
        self._changed()

    def _trust_centre_key(self, origin: CommandOrigin, command: aps.TrustCentreKeyDescriptor) -> None:
        if not self._from_trust_centre(origin, security.KEY_LOAD_KEY):
            return
        trust_centre, own = self._joining.trust_centre, self._context.config.eui64
        if trust_centre not in self._requested or (command.source, command.destination) != (trust_centre, own):
            self._context.drop("a trust centre link key that nobody asked for, or for another device")
            return
        if self._joined_with is None:
            self._joined_with = self._delivery.link_keys[trust_centre]
        link = self._delivery.link_keys[trust_centre] = security.LinkKey(command.key, security.TRUST_CENTRE)
        link.incoming = self._joined_with.incoming if command.key == self._joined_with.key else -1
        verify = aps.VerifyKey(aps.TRUST_CENTRE_LINK, own, link.verification)
        self._delivery.command(TRUST_CENTRE_ADDRESS, trust_centre, verify, None)

    def _confirm_key(self, origin: CommandOrigin, command: aps.ConfirmKey) -> None:
        if self._joined_with is None or not self._from_trust_centre(origin, security.DATA_KEY):
            self._context.ignore("a confirmation of no key")
        elif command.status or command.type != aps.TRUST_CENTRE_LINK or command.destination != self._context.config.eui64:
            self._context.drop("the trust centre does not confirm its link key")
        else:
            self._joined_with = None
            self._have(self._joining.trust_centre)

    def _remove_device(self, origin: CommandOrigin, command: aps.RemoveDevice) -> None:
        if self._from_trust_centre(origin, security.DATA_KEY):
            self._remove(command.device)

    def _tunnel(self, origin: CommandOrigin, command: aps.Tunnel) -> None:
        """Hand a command to a child without network key; it goes out unsecured by the network, so it must be secured itself."""
        child = self._devices.get(command.destination)
        if origin.source != TRUST_CENTRE_ADDRESS:
            self._context.drop("a tunnel not from the trust centre")
        elif child is None or child.relation is not Relation.CHILD:
            self._context.drop("a tunnel to no child of ours")
        elif command.frame[:1] != _SECURED_COMMAND:
            self._context.drop("a tunnel for a frame that is not a secured command")
        else:
            self._network.unicast(child.short, command.frame, secure=False)
