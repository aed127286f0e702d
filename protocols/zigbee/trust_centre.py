"""The trust centre: the log of devices that may join, the network key, partner link keys (05-3474 clause 4.6; SE 1.4 clause 5.4).

Only devices in the log get a key, and each under its own link key: a stranger, or a device with another one's install code,
cannot open what it is sent. A device joins with the link key of its install code; `Stack.establish` puts the key that both
agreed on by certificates in its place, until the device joins anew. A device that lost the network key comes back by that key
alone. A trust centre that takes another one's place (`take_over`) knows devices by the hash of their link keys. Where no
certificates are asked for, it gives a link key for the install code's on request, and believes in it once the device has verified
it. Not here: the exchange of certificates (`key_establishment`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from hmac import compare_digest
from types import MappingProxyType

from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, security
from protocols.zigbee.backup import Backup
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import CommandOrigin, Delivery
from protocols.zigbee.devices import Device, Devices, Relation
from protocols.zigbee.network import Network
from protocols.zigbee.node import RX_ON_DEVICES, DeviceJoined, DeviceLeft, JoinRefused, S, TxStatus

LOG_SIZE = 16
"""Devices a GB communications hub's log holds."""
SWITCH_DELAY = 10 * S
"""Between handing out a new network key and using it: sleepers that poll meanwhile have it, others get it when they do."""

ANEW = 60 * S
"""How long who joins anew may take to make a key, before the one it had counts again."""
ASK_AGAIN = S
"""Between two attempts to hand the network key to a device that polls."""

_KEY = 16


class DeviceLogFull(LocalProtocolError):
    """The log holds 16 devices already (GB event 0x8F48)."""


class TrustCentre:
    """The coordinator's trust centre. `changed` asks for the state to be stored."""

    def __init__(
        self,
        context: Context,
        network: Network,
        devices: Devices,
        delivery: Delivery,
        changed: Callable[[], None],
    ) -> None:
        self._context = context
        self._network = network
        self._devices = devices
        self._delivery = delivery
        self._changed = changed
        self._log: dict[int, bytes] = {}
        self._offered: dict[int, security.LinkKey] = {}
        self.without_key: dict[int, int] = {}
        """Devices that the present network key has not reached: EUI-64, and the sequence number of the key they have."""
        self.routers: dict[int, int] = {}
        """Devices that are not our children: EUI-64 of device and of the router that told of it."""
        self.brokered: dict[tuple[int, int], bytes] = {}
        self.made: deque[tuple[int, bytes]] = deque(maxlen=8 * LOG_SIZE)
        """Keys of key establishment since the start, the latest at the end: kept for captures only."""
        delivery.on(aps.RequestKey, self._request_key)
        delivery.on(aps.UpdateDevice, self._update_device)
        delivery.on(aps.VerifyKey, self._verify_key)

    @property
    def preconfigured(self) -> Mapping[int, bytes]:
        """The link keys of the install codes in the log, by EUI-64."""
        return MappingProxyType(self._log)

    @property
    def devices(self) -> tuple[int, ...]:
        """EUI-64 of the devices in the log, in order of adding."""
        return tuple(self._log)

    def add(self, eui64: int, install_code: bytes) -> None:
        """Enter a device into the log; adding it again with the same code changes nothing.

        Raises DeviceLogFull, or InstallCodeError when the code's length or CRC is wrong; then nothing is stored.
        """
        key = security.preconfigured_link_key(install_code)
        if eui64 not in self._log and len(self._log) >= LOG_SIZE:
            raise DeviceLogFull(f"the device log holds {LOG_SIZE} devices")
        self._log[eui64] = key
        known = self._delivery.link_keys.get(eui64)
        if known is None or (known.kind == security.INSTALL_CODE and known.key != key):
            self._delivery.link_keys[eui64] = security.LinkKey(key, security.INSTALL_CODE)

    def held(self, eui64: int) -> security.LinkKey | None:
        """The link key that certificates made with a device; None: there is none."""
        link = self._delivery.link_keys.get(eui64)
        return link if link is not None and link.kind == security.CERTIFIED else None

    def link_quality(self, eui64: int) -> int | None:
        """Of the last frame that a device sent us itself; None: it has sent none since we started."""
        device = self._devices.get(eui64)
        return None if device is None else device.link

    def recall(self, eui64: int, link: security.LinkKey) -> None:
        """Know a device of the log by the link key it had (`held`): it may come back by that, and by no code until `add`."""
        self._log[eui64] = b""
        self._delivery.link_keys[eui64] = link
        self._changed()

    def remove(self, eui64: int) -> None:
        """Take a device out of the log and forget its key. It stays on the network until it is told to leave."""
        self._log.pop(eui64, None)
        self.without_key.pop(eui64, None)
        self._delivery.link_keys.pop(eui64, None)
        device = self._devices.get(eui64)
        if device is not None:
            device.partner = False

    def restore(self, log: list[int], brokered: list[tuple[int, int, bytes]]) -> None:
        """After a restart: the devices (`add` brings their install codes), and the partner keys handed out (for captures only)."""
        self._log = dict.fromkeys(log, b"")
        self.brokered = {(one, other): key for one, other, key in brokered}
        network = self._network
        if network.active_key - 1 & 0xFF in network.keys:  # whom the present one reached nobody wrote down
            self.without_key = dict.fromkeys(log, network.active_key - 1 & 0xFF)

    def new_network_key(self) -> bytes:
        """A fresh network key."""
        return self._context.rng.getrandbits(8 * _KEY).to_bytes(_KEY, "big")

    # --- a hub that takes another one's place

    def export(self) -> Backup:
        """What a successor needs: the hash of each link key as the device holds it now."""
        links, proved = self._delivery.link_keys, self._network.keys[self._network.active_key].incoming
        devices = {}
        for eui64 in self._log:
            link = links[eui64]
            # A device that has not come back since the last swap-out still has the key whose hash this is.
            waiting = link.kind == security.SWAPPED and link.incoming < 0 and eui64 not in proved
            devices[eui64] = link.key if waiting else security.successor(link).key
        return Backup(self._network.extended_pan_id, devices)

    def take_over(self, backup: Backup) -> None:
        """Know the devices of another trust centre by the hashes of their link keys. Raises DeviceLogFull, with nothing changed."""
        if len(self._log.keys() | backup.devices.keys()) > LOG_SIZE:
            raise DeviceLogFull(f"the device log holds {LOG_SIZE} devices")
        for eui64, key in backup.devices.items():
            self._log.setdefault(eui64, b"")
            self._delivery.link_keys[eui64] = security.LinkKey(key, security.SWAPPED)

    # --- who joins, who comes back

    def associated(self, device: Device) -> None:
        """A device of ours has an address: send it the network key, if it is in the log."""
        if self._begins(device.eui64):
            self.routers.pop(device.eui64, None)
            self._admit(device)

    def admits(self, eui64: int) -> bool:
        """Whether a device may come back without the network key: by a link key that certificates made, or its hash."""
        link = self._delivery.link_keys.get(eui64)
        if eui64 not in self._log or link is None:
            self._refuse(eui64, "not in the device log")
        elif link.kind == security.SWAPPED or self._delivery.trusts(eui64):
            return True
        else:
            self._refuse(eui64, "not certified")
        return False

    def rejoined(self, device: Device) -> None:
        """A device of ours is back without the network key: send it."""
        self.routers.pop(device.eui64, None)
        self._admit(device)

    def _refuse(self, eui64: int, reason: str) -> None:
        self._context.effects.append(JoinRefused(eui64, reason))

    def _begins(self, eui64: int) -> bool:
        """Whether a device that joins anew may: then it begins with its install code, and with its frame counter."""
        code_key = self._log.get(eui64)
        if not code_key:
            self._refuse(eui64, "not in the device log" if code_key is None else "known by a backup, and not by its install code")
            return False
        links = self._delivery.link_keys
        held, fresh = links.get(eui64), security.LinkKey(code_key, security.INSTALL_CODE)
        links[eui64] = fresh
        if held is not None and held.kind == security.CERTIFIED and self._context.config.certified:
            self._context.after(("anew", eui64), ANEW, partial(self._fall_back, eui64, held, fresh))
        return True

    def _fall_back(self, eui64: int, held: security.LinkKey, fresh: security.LinkKey) -> None:
        """Nobody made a key with us after all: it was not the device that began anew, which has the old one still."""
        if self._delivery.link_keys.get(eui64) is fresh and fresh.incoming < 0:
            self._delivery.link_keys[eui64] = held
            self._changed()

    def _admit(self, device: Device, router: int | None = None) -> None:
        device.partner = True
        descriptor = self._descriptor(device.eui64, self._network.active_key)
        if router is None:
            self._delivery.command(device.short, device.eui64, descriptor, security.KEY_TRANSPORT_KEY, secure_network=False)
        else:
            self._delivery.tunnel(router, device.eui64, descriptor, security.KEY_TRANSPORT_KEY)
        self.without_key.pop(device.eui64, None)
        self._context.effects.append(DeviceJoined(device.eui64, device.short))
        self._changed()

    def _descriptor(self, eui64: int, sequence: int) -> aps.NetworkKeyDescriptor:
        return aps.NetworkKeyDescriptor(self._network.keys[sequence].key, sequence, eui64, self._context.config.eui64)

    # --- a new network key

    def replace_network_key(self) -> None:
        """Hand a new network key to every device in the log that has an address; use it 10 s later.

        A device that did not take it is sent it when it polls or says something under the old key, which is kept until
        the next replacement; one that missed two of them has to come back by its link key.
        """
        network = self._network
        old, sequence = network.active_key, network.active_key + 1 & 0xFF
        network.keys = {old: network.keys[old], sequence: security.NetworkKey(self.new_network_key())}
        self.without_key.clear()
        for eui64 in self._log:
            device = self._devices.get(eui64)
            if device is not None and device.short < RX_ON_DEVICES:
                self._send_network_key(device, sequence, old)
        self._context.after("switch key", SWITCH_DELAY, partial(self._switch, sequence))
        self._changed()

    def _send_network_key(self, device: Device, sequence: int, old: int) -> None:
        eui64 = device.eui64
        self.without_key[eui64] = old
        self._delivery.command(
            device.short, eui64, self._descriptor(eui64, sequence), security.KEY_TRANSPORT_KEY,
            network_key=old, confirm=partial(self._handed_over, device, sequence, old),
        )  # fmt: skip

    def _handed_over(self, device: Device, sequence: int, old: int, status: TxStatus, frame_pending: bool) -> None:
        if status is not TxStatus.ACKED or self._network.keys.get(old) is None or self.without_key.pop(device.eui64, None) is None:
            return
        if self._network.active_key == sequence:
            self._delivery.command(device.short, device.eui64, aps.SwitchKey(sequence), None, network_key=old)

    def heard(self, device: Device) -> None:
        """A device polled or said something: send it the network key that has not reached it."""
        old = self.without_key.get(device.eui64)
        network = self._network
        if old is not None and network.active_key != old and old in network.keys:
            name = "network key", device.eui64
            if not self._context.timers.running(name):
                self._context.after(name, ASK_AGAIN, _nothing)
                self._send_network_key(device, network.active_key, old)

    def _switch(self, sequence: int) -> None:
        self._delivery.broadcast_command(RX_ON_DEVICES, aps.SwitchKey(sequence))
        self._network.active_key = sequence
        self._changed()

    # --- link keys

    def _request_key(self, origin: CommandOrigin, command: aps.RequestKey) -> None:
        context = self._context
        sender = origin.sender
        if sender is None or sender not in self._log or origin.identifier != security.DATA_KEY or not self._delivery.trusts(sender):
            context.drop("a key request from a stranger or under the wrong key")
            return
        partner = command.partner
        if command.type == aps.REQUEST_TRUST_CENTRE and not context.config.certified:
            self._offer(sender, origin.source)
            return
        if command.type != aps.REQUEST_APPLICATION or partner is None:
            context.ignore("a request for a trust centre link key, which comes from key establishment")
            return
        one, other = self._devices.get(sender), self._devices.get(partner)
        if partner not in self._log or partner == sender or one is None or other is None or other.short >= RX_ON_DEVICES:
            context.ignore("a key request with a partner not on the network")
            return
        key = context.rng.getrandbits(8 * _KEY).to_bytes(_KEY, "big")
        self.brokered[min(sender, partner), max(sender, partner)] = key
        self._send_application_key(one, aps.ApplicationKeyDescriptor(key, partner, 1))
        self._send_application_key(other, aps.ApplicationKeyDescriptor(key, sender, 0))
        self._changed()

    def _offer(self, eui64: int, short: int) -> None:
        key = self._context.rng.getrandbits(8 * _KEY).to_bytes(_KEY, "big")
        self._offered.pop(eui64, None)
        self._offered[eui64] = security.LinkKey(key, security.TRUST_CENTRE)
        descriptor = aps.TrustCentreKeyDescriptor(key, eui64, self._context.config.eui64)
        self._delivery.command(short, eui64, descriptor, security.KEY_LOAD_KEY)

    def _verify_key(self, origin: CommandOrigin, command: aps.VerifyKey) -> None:
        eui64 = command.source
        link = self._offered.get(eui64)
        if (
            link is None
            or origin.sender != eui64
            or command.type != aps.TRUST_CENTRE_LINK
            or not compare_digest(command.verification, link.verification)
        ):
            self._context.drop("the proof of a link key that was not offered, or of another one")
            return
        del self._offered[eui64]
        self._delivery.link_keys[eui64] = link
        confirm = aps.ConfirmKey(0, aps.TRUST_CENTRE_LINK, eui64)
        self._delivery.command(origin.source, eui64, confirm, security.DATA_KEY)
        self._changed()

    def _send_application_key(self, device: Device, descriptor: aps.ApplicationKeyDescriptor) -> None:
        self._delivery.command(device.short, device.eui64, descriptor, security.KEY_LOAD_KEY)

    def _update_device(self, origin: CommandOrigin, command: aps.UpdateDevice) -> None:
        if origin.sender is None or origin.sender not in self._log or origin.identifier != security.DATA_KEY:
            self._context.drop("an update of a device from a stranger or under the wrong key")
            return
        if len(self.routers) < LOG_SIZE or command.device in self.routers:
            self.routers[command.device] = origin.sender
        if command.status == aps.DEVICE_LEFT:
            self.routers.pop(command.device, None)
            self._context.effects.append(DeviceLeft(command.device, command.short))
        elif command.status == aps.SECURED_REJOIN:
            self._devices.learn(command.device, command.short)
        elif command.status in (aps.UNSECURED_JOIN, aps.UNSECURED_REJOIN):
            self._at_router(origin.source, origin.sender, command)
        else:
            self._context.ignore("an update of unknown status")

    def _at_router(self, router: int, eui64: int, command: aps.UpdateDevice) -> None:
        """A device without network key is at a router: the key goes by way of that, or the router is to send it away."""
        joins = command.status == aps.UNSECURED_JOIN
        if self._begins(command.device) if joins else self.admits(command.device):
            device = self._devices.learn(command.device, command.short)
            device.relation = Relation.NONE
            self._admit(device, router)
        else:
            self._delivery.command(router, eui64, aps.RemoveDevice(command.device), security.DATA_KEY)


def _nothing() -> None:
    """The end of a pause."""
