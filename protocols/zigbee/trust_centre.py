"""The trust centre: the log of devices that may join, the network key, partner link keys (05-3474 clause 4.6; SE 1.4 clause 5.4).

Only devices in the log get a key, and each under its own link key: a stranger, or a device with another one's install code,
cannot open what it is sent. A device joins with the link key of its install code; `Stack.establish` puts the key that both
agreed on by certificates in its place, until the device joins anew. Not here: that exchange (`key_establishment`), trust
centre swap-out, trust centre rejoin, link keys for devices that are not smart energy.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from protocols.core.errors import LocalProtocolError
from protocols.zigbee import aps, security
from protocols.zigbee.context import Context
from protocols.zigbee.delivery import CommandOrigin, Delivery
from protocols.zigbee.devices import Device, Devices
from protocols.zigbee.network import Network
from protocols.zigbee.node import RX_ON_DEVICES, DeviceJoined, DeviceLeft, JoinRefused, S

LOG_SIZE = 16
"""Devices a GB communications hub's log holds."""
SWITCH_DELAY = 10 * S
"""Between handing out a new network key and using it: sleepers that poll meanwhile have it."""

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
        self.brokered: dict[tuple[int, int], bytes] = {}
        self.made: deque[tuple[int, bytes]] = deque(maxlen=8 * LOG_SIZE)
        """Keys of key establishment since the start, the latest at the end: kept for captures only."""
        delivery.on(aps.RequestKey, self._request_key)
        delivery.on(aps.UpdateDevice, self._update_device)

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

    def remove(self, eui64: int) -> None:
        """Take a device out of the log and forget its key. It stays on the network until it is told to leave."""
        self._log.pop(eui64, None)
        self._delivery.link_keys.pop(eui64, None)
        device = self._devices.get(eui64)
        if device is not None:
            device.partner = False

    def restore(self, log: list[int], brokered: list[tuple[int, int, bytes]]) -> None:
        """After a restart: the devices (`add` brings their install codes), and the partner keys handed out (for captures only)."""
        self._log = dict.fromkeys(log, b"")
        self.brokered = {(one, other): key for one, other, key in brokered}

    def new_network_key(self) -> bytes:
        """A fresh network key."""
        return self._context.rng.getrandbits(8 * _KEY).to_bytes(_KEY, "big")

    def associated(self, device: Device) -> None:
        """A device has an address: send it the network key, if it is in the log."""
        if device.eui64 not in self._log:
            self._context.effects.append(JoinRefused(device.eui64, "not in the device log"))
            return
        device.partner = True
        # The joiner begins anew with its install code, and with its frame counter: what it sent before no longer counts.
        self._delivery.link_keys[device.eui64] = security.LinkKey(self._log[device.eui64], security.INSTALL_CODE)
        self._send_network_key(device, self._network.active_key, secure_network=False)
        self._context.effects.append(DeviceJoined(device.eui64, device.short))
        self._changed()

    def _send_network_key(self, device: Device, sequence: int, *, secure_network: bool) -> None:
        key = self._network.keys[sequence].key
        descriptor = aps.NetworkKeyDescriptor(key, sequence, device.eui64, self._context.config.eui64)
        self._delivery.command(device.short, device.eui64, descriptor, security.KEY_TRANSPORT_KEY, secure_network=secure_network)

    def replace_network_key(self) -> None:
        """Hand a new network key to every device in the log that has an address; use it 10 s later."""
        network = self._network
        sequence = network.active_key + 1 & 0xFF
        network.keys = {
            network.active_key: network.keys[network.active_key],
            sequence: security.NetworkKey(self.new_network_key()),
        }
        for eui64 in self._log:
            device = self._devices.get(eui64)
            if device is not None and device.short < RX_ON_DEVICES:
                self._send_network_key(device, sequence, secure_network=True)
        self._context.after("switch key", SWITCH_DELAY, partial(self._switch, sequence))
        self._changed()

    def _switch(self, sequence: int) -> None:
        self._delivery.broadcast_command(RX_ON_DEVICES, aps.SwitchKey(sequence))
        self._network.active_key = sequence
        self._changed()

    def _request_key(self, origin: CommandOrigin, command: aps.RequestKey) -> None:
        context = self._context
        sender = origin.sender
        if (
            sender is None
            or sender not in self._log
            or origin.identifier != security.DATA_KEY
            or not self._delivery.trusts(sender)
        ):
            context.drop("a key request from a stranger or under the wrong key")
            return
        partner = command.partner
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

    def _send_application_key(self, device: Device, descriptor: aps.ApplicationKeyDescriptor) -> None:
        self._delivery.command(device.short, device.eui64, descriptor, security.KEY_LOAD_KEY)

    def _update_device(self, origin: CommandOrigin, command: aps.UpdateDevice) -> None:
        if origin.sender not in self._log or origin.identifier != security.DATA_KEY:
            self._context.drop("an update of a device from a stranger or under the wrong key")
        elif command.status == aps.DEVICE_LEFT:
            self._context.effects.append(DeviceLeft(command.device, command.short))
        elif command.status == aps.SECURED_REJOIN:
            self._devices.learn(command.device, command.short)
        else:
            self._context.ignore("a device that joined at a router: it gets no key there")
