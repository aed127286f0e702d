"""The hub's second radio: its airtime, the Sub-GHz cluster on the energy services interface, and changes of its channel.

Every frame of ours counts once when it is handed to the radio, and every acknowledgement; what the radio repeats does not. A
device whose silence is kept is not heard: it is told so again instead.

A change of channel has six steps (GBCS): the meters are told that a scan is coming; once they have read that, or a wake has passed,
the channel is taken; a second flag and the attribute say so; half a minute after the attribute was read, or after two wakes, the
hub goes there. Who missed it finds the network by its extended PAN id. Not here: measuring channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.runtime.band import BANDS
from devices.runtime.kernel import MIN, S
from hubfw.config import GSME
from hubfw.device_log import DeviceLog
from hubfw.han.mirrors import Mirrors
from protocols.zigbee import mac
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.sub_ghz import SubGhz
from protocols.zigbee.node import Message, Transmit
from protocols.zigbee.sub_ghz.channels import CHANNELS, mask
from protocols.zigbee.sub_ghz.server import DutyState, Limits, Server, Suspend
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

WAKE: Final = 30 * MIN
"""How often a GB gas meter wakes."""
LOOK: Final = 10 * S
AFTER_READ: Final = 30 * S
CLIENT_ENDPOINT: Final = 1
"""Of a device that has not yet spoken."""

_ACKNOWLEDGEMENT = 5
_ACK_REQUEST = 0x20


class SecondRadio:
    """What the hub does about its radio below 1 GHz."""

    def __init__(self, firmware: Firmware, han: Han, endpoint: Endpoint, log: DeviceLog, mirrors: Mirrors, limits: Limits) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._log = log
        self._mirrors = mirrors
        self._account = Server(limits)
        self._endpoints: dict[int, int] = {}
        """EUI-64 of a device to the endpoint from which it spoke."""
        self._next: tuple[int, int] | None = None
        self._read = False
        side = endpoint.serve(SubGhz, {
            SubGhz.sub_ghz_channel_change: self._channel_change,
            **{attribute: mask(page) for page, attribute in zip(CHANNELS, SubGhz.sub_ghz_page_channel_mask, strict=True)},
        })  # fmt: skip
        side.on(SubGhz.GetSuspendZclMessagesStatus, self._asked)
        han.on(Transmit, self._sent)
        self._listed, han.heeds = han.heeds, self._heeds
        radio = self._board.sub_ghz
        assert radio.on_receive is not None  # the node is on the radio already
        self._receive = radio.on_receive
        radio.on_receive = self._received

    @property
    def state(self) -> DutyState:
        """What the airtime of the last hour allows."""
        return self._account.state

    @property
    def share(self) -> float:
        """Of the last hour, 0..1, spent sending."""
        return self._account.share(self._han.now)

    # --- airtime ---

    def _sent(self, transmit: Transmit) -> None:
        if transmit.interface:
            addresses = mac.short_data(transmit.psdu)
            eui64 = None if addresses is None else self._han.stack.eui64_of(addresses[1])
            self.spend(eui64, len(transmit.psdu))

    def _received(self, psdu: bytes, lqi: int) -> None:
        if psdu[0] & _ACK_REQUEST:
            addresses = mac.short_data(psdu)
            self.spend(None if addresses is None else self._han.stack.eui64_of(addresses[2]), _ACKNOWLEDGEMENT)
        self._receive(psdu, lqi)

    def spend(self, eui64: int | None, octets: int) -> None:
        """A frame of so many octets is sent to a device, or (None) to everybody."""
        before = self._account.state
        for suspend in self._account.spend(eui64, BANDS[28].airtime(octets), self._han.now):
            self._tell(suspend)
        if self._account.state is not before:
            self._board.log("hub.duty-cycle", {"state": self._account.state.name, "share": round(self.share, 4)})

    # --- silence ---

    def _heeds(self, message: Message) -> bool:
        """Whether a message may be answered; where not, its sender is told that silence is kept."""
        if self._listed is not None and not self._listed(message):
            return False
        eui64 = message.source_eui64
        if eui64 is None or message.cluster == SubGhz.id:
            return True
        self._endpoints[eui64] = message.source_endpoint
        minutes = self._account.heard(eui64, self._han.now)
        if not minutes or (message.cluster == Ota.id and self.state is not DutyState.CRITICAL):
            return True
        self._tell(Suspend(eui64, minutes))
        return False

    def _tell(self, suspend: Suspend) -> None:
        address = self._han.stack.address_of(suspend.eui64)
        if address is None:
            return
        self._board.log("hub.suspended", {"eui64": suspend.eui64, "minutes": suspend.minutes})
        try:
            command = SubGhz.SuspendZclMessages(suspend.minutes)
            self._han.command(address, self._endpoints.get(suspend.eui64, CLIENT_ENDPOINT), command)
        except NoAnswer:
            return  # no link key yet: it has nothing to say but key establishment

    def _asked(self, command: SubGhz.GetSuspendZclMessagesStatus, request: Request) -> Outcome:
        eui64 = request.message.source_eui64
        if eui64 is None:
            return Status.NOT_AUTHORIZED
        return SubGhz.SuspendZclMessages(self._account.minutes(eui64, self._han.now))

    # --- another channel ---

    async def change_channel(self, page: int, channel: int) -> None:
        """Take the network to another channel, and the sleeping meters along; it takes up to three of their wakes."""
        self._mirrors.notify(Functional.ENERGY_SCAN_PENDING)
        await self._until(self._told_of_scan, WAKE + MIN)
        self._next, self._read = (page, channel), False
        self._mirrors.notify(Functional.CHANNEL_CHANGE_PENDING)
        self._board.log("hub.channel-change", {"page": page, "channel": channel})
        if await self._until(lambda: self._read, 2 * (WAKE + MIN)):
            await self._firmware.sleep(AFTER_READ)
        self._mirrors.withdraw(Functional.CHANNEL_CHANGE_PENDING)
        self._next = None
        self._han.apply(self._han.stack.tune(page, channel, self._han.now))

    def _channel_change(self) -> int:
        """The attribute; a read while a change is coming is what the change waits for."""
        if self._next is None:
            return 0
        self._read = True
        return mask(self._next[0], self._next[1])

    def _told_of_scan(self) -> bool:
        mirrors = [self._mirrors.of(device.eui64) for device in self._log.of(GSME)]
        return not any(mirror.notifications.words[0] & Functional.ENERGY_SCAN_PENDING for mirror in mirrors if mirror is not None)

    async def _until(self, happened: Callable[[], bool], within: int) -> bool:
        end = self._han.now + within
        while not happened() and self._han.now < end:
            await self._firmware.sleep(LOOK)
        return happened()
