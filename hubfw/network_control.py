"""The hub's network under the hand of a DLMS client: class 104, `0-0:30.3.0` (GB: CCS01, CCS02, CCS06, CCS07).

A registered device's key is its install code of 16 octets without the CRC. Joining stays open for as long as `join_timeout` says,
an hour at most. The backup is of the link keys that the devices have now. Restoring another hub's is not offered here (a hub is
made with it, `hubfw.Config.restore`), and neither are making and removing the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from hubfw.config import ESME, GSME, IHD, LOAD_CONTROLLER, PPMID, Entry
from hubfw.device_log import Device, DeviceLog
from protocols.core import crc
from protocols.dlms import cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.cosem.activation import NEVER
from protocols.dlms.cosem.types import Plain
from protocols.dlms.cosem.zigbee import Registration, backup
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.trust_centre import DeviceLogFull

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from hubfw.han.coordinator import Coordinator

NETWORK_CONTROL: Final = "0-0:30.3.0"
LONGEST_JOINING: Final = 3600
DEFAULT_JOINING: Final = 254
"""Seconds."""
KINDS: Final = {0: GSME, 1: ESME, 4: LOAD_CONTROLLER, 5: PPMID, 6: IHD}
"""GB's device types, as far as such devices exist here."""
_TIMEOUT = "joining/timeout"
_JOINED, _EXPECTED = "11000000", "10000000"
"""Status of a device that is authorised, and active or not."""
_UNMEASURED = 0


class NetworkControl:
    """The object, over the coordinator and its log. `come(eui64)` is called for each device entered, `gone` for each struck off."""

    def __init__(
        self,
        board: Board,
        coordinator: Coordinator,
        log: DeviceLog,
        come: Callable[[int], object],
        gone: Callable[[int], object],
    ) -> None:
        self._board = board
        self._coordinator = coordinator
        self._log = log
        self._come = come
        self._gone = gone
        self.thing = cosem.ZigBeeNetworkControl(
            NETWORK_CONTROL,
            enable_disable_joining=lambda: coordinator.permitting,
            join_timeout=lambda: self._timeout,
            active_devices=self._devices,
            on={
                "enable_disable_joining": self._enable,
                "join_timeout": self._set_timeout,
                "register_device": self._register,
                "unregister_device": lambda argument: self._unregister([int.from_bytes(argument.value, "big")]),
                "unregister_all_devices": lambda argument: self._unregister([device.eui64 for device in log]),
                "backup_pan": self._backup,
                "update_network_key": self._replace_key,
            },
        )

    @property
    def _timeout(self) -> int:
        seconds: int = self._board.nvm.get(_TIMEOUT, DEFAULT_JOINING)
        return seconds

    def _enable(self, value: Data) -> None:
        self._coordinator.permit(self._timeout if value.value else 0)

    def _set_timeout(self, value: Data) -> None:
        if not 1 <= value.value <= LONGEST_JOINING:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"joining for {value.value} s")
        self._board.nvm.put({_TIMEOUT: value.value})

    def _register(self, argument: Data) -> None:
        device = Registration.parse(argument)
        kind = KINDS.get(device.device_type)
        if kind is None:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, f"device type {device.device_type}")
        try:
            self._coordinator.register(Entry(device.eui64, crc.append_x25(device.key), kind))
        except DeviceLogFull as reason:
            raise AccessError(DataAccessResult.OTHER_REASON, str(reason)) from None
        self._come(device.eui64)
        self._board.log("hub.registered", {"eui64": device.eui64, "kind": kind})

    def _unregister(self, devices: Iterable[int]) -> None:
        listed = list(devices)
        for eui64 in listed:
            if self._log.get(eui64) is None:
                raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, f"{eui64:016X} is not in the device log")
        for eui64 in listed:
            self._coordinator.unregister(eui64)
            self._gone(eui64)
            self._board.log("hub.unregistered", {"eui64": eui64})

    def _backup(self, argument: Data) -> Data:
        """The log, with a hash of each device's link key: the key itself never leaves the hub."""
        known = self._coordinator.backup()
        return backup(date_time.encode(self._board.rtc.read()), known.extended_pan_id, known.devices)

    def _replace_key(self, argument: Data) -> None:
        self._coordinator.replace_network_key()

    def _devices(self) -> Plain:
        return [self._line(device) for device in self._log]

    def _line(self, device: Device) -> Plain:
        """Signal strengths and counts of transmissions are not measured."""
        strength = [_UNMEASURED] * 6
        last = date_time.encode(device.last_heard) if device.last_heard else NEVER
        counts = [1 if device.joined else 0, 0, 0, 0, 0]
        return [device.eui64.to_bytes(8, "big"), _JOINED if device.joined else _EXPECTED, *strength, last, *counts]
