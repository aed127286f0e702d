"""What the hub has heard of each device of its log: firmware, battery, when it last spoke; and who was in it. Objects of SAP 1.

A gas meter's come from the last complete set of its mirror, the others' firmware from their questions for a newer image, which a
restart of the hub forgets. Link quality is that of the last frame that reached the hub from the device itself, through no other.
What nobody has said is null. Nobody is asked for it. Not here: signal strength, which no radio here tells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import InterfaceClass, date_time
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.zcl.cluster import Attribute

if TYPE_CHECKING:
    from hubfw.device_log import DeviceLog
    from hubfw.han.images import Images
    from hubfw.han.mirrors import Mirrors

FACTS: Final = "0-0:128.30.14"
"""array of structure: EUI-64, kind, last heard (date-time), firmware version (eight digits), days that the battery lasts,
link quality (unsigned)."""


HISTORY: Final = "0-0:128.30.16"
"""array of structure: EUI-64, kind, when it was struck off (date-time); the latest at the end."""


def device_facts(
    log: DeviceLog, mirrors: Mirrors, images: Images, link: Callable[[int], int | None]
) -> tuple[InterfaceClass, InterfaceClass]:
    """`FACTS` and `HISTORY`, to be read. `link`: the link quality of a device, by its EUI-64."""

    def reported(eui64: int, attribute: Attribute[object]) -> object:
        mirror = mirrors.of(eui64)
        reading = None if mirror is None else mirror.gas.reading
        value = None if reading is None else reading.get(Metering, attribute)
        return None if value == attribute.type.non_value else value

    def firmware(eui64: int) -> Data:
        version = reported(eui64, Metering.current_meter_id)
        if isinstance(version, bytes):
            return axdr.octets(version)
        asked = images.versions.get(eui64)
        return axdr.null() if asked is None else axdr.octets(f"{asked:08X}".encode())

    def battery(eui64: int) -> Data:
        days = reported(eui64, Metering.remaining_battery_life_in_days)
        return axdr.u16(days) if isinstance(days, int) else axdr.null()

    def quality(eui64: int) -> Data:
        lqi = link(eui64)
        return axdr.null() if lqi is None else axdr.u8(lqi)

    def read() -> Data:
        return axdr.array(
            axdr.structure(
                axdr.octets(device.eui64.to_bytes(8, "big")),
                axdr.visible(device.kind),
                axdr.octets(date_time.encode(device.last_heard)) if device.last_heard else axdr.null(),
                firmware(device.eui64),
                battery(device.eui64),
                quality(device.eui64),
            )
            for device in log
        )

    def was_here() -> Data:
        return axdr.array(
            axdr.structure(
                axdr.octets(past.eui64.to_bytes(8, "big")),
                axdr.visible(past.kind),
                axdr.octets(date_time.encode(past.struck_off)),
            )
            for past in log.history
        )

    return cosem.Data(FACTS, value=read), cosem.Data(HISTORY, value=was_here)
