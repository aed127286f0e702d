"""The hub's network under the hand of a DLMS client: class 104, `0-0:30.3.0` (GB: CCS01, CCS02, CCS06, CCS07).

A registered device's key is its install code of 16 octets without the CRC. Joining stays open for as long as `join_timeout` says,
an hour at most. The backup is of the link keys that the devices have now. Each change of the log, and each join of a device that
was entered here, is told to the head end with the backup that it makes (GB: CS14, alert 0x8F12), in one transaction with the memory
of having told it: a power cut neither loses nor doubles it. Visiting terminals do not count. Another hub's network is restored into
one that nobody has joined yet, for devices that are in its log by then; all else of that hub comes by `swap`. Making and removing
the network are not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from hubfw.admission import NotAdmitted
from hubfw.config import CAD, ESME, GSME, HHT, IHD, LOAD_CONTROLLER, PPMID, REPEATER, Config, Entry
from hubfw.device_log import Device, DeviceLog
from protocols.core import crc
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.cosem.activation import NEVER
from protocols.dlms.cosem.types import Plain
from protocols.dlms.cosem.zigbee import Registration, backup, devices_and_keys
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.backup import Backup
from protocols.zigbee.trust_centre import DeviceLogFull

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from hubfw.han.coordinator import Coordinator

NETWORK_CONTROL: Final = "0-0:30.3.0"
LONGEST_JOINING: Final = 3600
DEFAULT_JOINING: Final = 254
"""Seconds."""
KINDS: Final = {0: GSME, 1: ESME, 4: LOAD_CONTROLLER, 5: PPMID, 6: IHD, 100: CAD, 101: REPEATER}
"""GB's device types, as far as such devices exist here; from 100 on what GB has no number for, or one with others."""
LOG_CHANGED: Final = 0x8F12
"""GB's alert."""
_TIMEOUT = "joining/timeout"
_TOLD = "device-log/told"
_JOINED, _EXPECTED = "11000000", "10000000"
"""Status of a device that is authorised, and active or not."""
_UNMEASURED = 0


class NetworkControl:
    """The object, over the coordinator and its log. `come(eui64)` is called for each device entered, `gone` for each struck off.

    `tell(code, body)`: what to store for the head end to be told; it is told once that is stored, and `start` is called.
    `restore`: take another hub's network, or raise RemoteProtocolError.
    """

    def __init__(
        self,
        board: Board,
        coordinator: Coordinator,
        config: Config,
        log: DeviceLog,
        come: Callable[[int], object],
        gone: Callable[[int], object],
        tell: Callable[[int, Data], Mapping[str, object]],
        start: Callable[[], object],
        restore: Callable[[Backup], object],
    ) -> None:
        self._board = board
        self._coordinator = coordinator
        self._log = log
        self._come = come
        self._gone = gone
        self._tell = tell
        self._start = start
        self._take_network = restore
        self._first: Plain = [[entry.eui64, False] for entry in config.device_log]
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
                "restore_pan": self._restore,
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
            self._enter(Entry(device.eui64, crc.append_x25(device.key), kind))
        except (DeviceLogFull, NotAdmitted) as reason:
            raise AccessError(DataAccessResult.OTHER_REASON, str(reason)) from None

    def _enter(self, entry: Entry) -> None:
        self._coordinator.register(entry)
        self._come(entry.eui64)
        self._board.log("hub.registered", {"eui64": entry.eui64, "kind": entry.kind})
        self.changed()

    def let_in(self, entry: Entry, seconds: int) -> None:
        """As who is here in person asks: enter a device, and let it join for so long. Raises DeviceLogFull, NotAdmitted."""
        self._enter(entry)
        self._coordinator.permit(seconds)

    def _unregister(self, devices: Iterable[int]) -> None:
        listed = list(devices)
        for eui64 in listed:
            if self._log.get(eui64) is None:
                raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, f"{eui64:016X} is not in the device log")
        for eui64 in listed:
            self._coordinator.unregister(eui64)
            self._gone(eui64)
            self._board.log("hub.unregistered", {"eui64": eui64})
        self.changed()

    def changed(self) -> None:
        """The log may be another one than the head end was told of last: then it is told."""
        now = [[device.eui64, device.joined and device.managed] for device in self._log if device.kind != HHT]
        if self._board.nvm.get(_TOLD, self._first) != now:
            self._board.nvm.put({_TOLD: now, **self._tell(LOG_CHANGED, self._backup(axdr.null()))})
            self._start()

    def _restore(self, argument: Data) -> None:
        network, devices = argument.value
        known = devices_and_keys(devices)
        strangers = [eui64 for eui64 in known if self._log.get(eui64) is None]
        if strangers:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, f"{strangers[0]:016X} is not in the device log")
        try:
            self._take_network(Backup(int.from_bytes(network.value, "big"), known))
        except RemoteProtocolError as reason:
            raise AccessError(DataAccessResult.OTHER_REASON, str(reason)) from None

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
