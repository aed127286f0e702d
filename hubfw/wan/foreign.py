"""Application layer `gooo` (general objects over OBIS): foreign packets are objects of the DLMS network, with OBIS codes.

Each utility device of the log has an object at `0-n:128.40.0`, of a class of this project's own (no public text says what such
an object is like). n is given to an EUI-64 at its first appearance and never to another. The head end sends a ZigBee packet by
method `send` and fetches from `waiting` what came back; the hub reads neither, and translates nothing. A client that may only
read can fetch and not send.

    class 32769, version 0    1 logical_name  2 device (octet-string, EUI-64)  3 endpoint of the hub (unsigned)
                              4 waiting: array of structure (double-long-unsigned number, octet-string packet)
                              5 last_result (enum, `gateway.Status`; 255: none yet)
                              methods 1 send (octet-string)  2 acknowledge (double-long-unsigned)

A packet is profile, cluster (two octets each), source and destination endpoint (one each), payload.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from hubfw.wan.packets import ENDPOINT, UTILITY, Packets
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import ENUM, OCTETS, U8, U32
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.gateway import Packet

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from hubfw.device_log import DeviceLog

NO_RESULT: Final = 255
SENDING: Final = 8
_KEY: Final = "wan/codes"
_EUI64: Final = 8


class PacketObject(InterfaceClass, id=32769, version=0):
    """Packets of one device."""

    device: Attribute = attribute(2, OCTETS)
    endpoint: Attribute = attribute(3, U8)
    waiting: Attribute = attribute(4)
    last_result: Attribute = attribute(5, ENUM)

    send = method(1, OCTETS)
    acknowledge = method(2, U32)


class Foreign:
    """The objects of the devices that are in the log when the layer begins."""

    def __init__(self, firmware: Firmware, packets: Packets, log: DeviceLog) -> None:
        self._firmware = firmware
        self._packets = packets
        self._results: dict[int, int] = {}
        self._sending = 0
        codes: dict[str, int] = firmware.board.nvm.get(_KEY, {})
        known = len(codes)
        for device in log.of(*UTILITY):
            codes.setdefault(f"{device.eui64:016X}", max(codes.values(), default=0) + 1)
        if len(codes) > known:
            firmware.board.nvm.put({_KEY: codes})
        self.objects: list[cosem.InterfaceClass] = [
            self._object(codes[f"{device.eui64:016X}"], device.eui64) for device in log.of(*UTILITY)
        ]

    def _object(self, code: int, eui64: int) -> PacketObject:
        return PacketObject(
            f"0-{code}:128.40.0",
            device=axdr.octets(eui64.to_bytes(_EUI64, "big")),
            endpoint=axdr.u8(ENDPOINT),
            waiting=partial(self._waiting, eui64),
            last_result=lambda: axdr.enum(self._results.get(eui64, NO_RESULT)),
            on={
                "send": partial(self._send, eui64),
                "acknowledge": lambda number: self._packets.acknowledge(number.value, eui64),
            },
        )

    def _waiting(self, eui64: int) -> Data:
        """Those of this device, without the address, which the object stands for."""
        own = eui64.to_bytes(_EUI64, "big")
        return axdr.array(
            axdr.structure(axdr.u32(number), axdr.octets(packet[_EUI64:]))
            for number, packet in self._packets.waiting
            if packet[:_EUI64] == own
        )

    def _send(self, eui64: int, argument: Data) -> None:
        try:
            packet = Packet.parse(eui64.to_bytes(_EUI64, "big") + argument.value)
        except RemoteProtocolError as error:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED, str(error)) from None
        if self._sending >= SENDING:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "too many packets are under way")
        self._sending += 1
        self._results[eui64] = NO_RESULT
        self._firmware.spawn(self._deliver(packet))

    async def _deliver(self, packet: Packet) -> None:
        self._results[packet.eui64] = await self._packets.send(packet)
        self._sending -= 1
