"""One channel of the air: who is tuned in, what is sent on it, and how loud it is (802.15.4-2006 clauses 6.9.7, 7.5.2.1.1).

A measurement tells the loudest that a radio heard of a channel, on the scale of link qualities: 0 nothing, 1 at the edge of the
range, 255 near by. Acknowledgements are not counted: they follow a frame of the same conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from devices.runtime.band import BANDS
from devices.runtime.mac_header import MacHeader
from protocols.core.crc import ends_in_kermit

if TYPE_CHECKING:
    from devices.runtime.air import Transceiver
    from devices.runtime.kernel import Timer


@dataclass(slots=True)
class Link:
    """One direction between two radios: link quality 1 to 255 (0: out of range), loss, and the stream it is drawn from, if any."""

    lqi: int
    loss: float
    rng: Random | None
    margin: float
    """dB above the receiver's sensitivity, where the air has a propagation."""


class Channel:
    """One (page, channel): who is tuned in, and until when it is taken."""

    __slots__ = ("band", "by_address", "free_at", "measured", "number", "octet", "page", "prefix", "radios", "reply", "sniffers")

    def __init__(self, page: int, channel: int) -> None:
        self.page = page
        self.number = channel
        self.band = BANDS[page]
        self.octet = self.band.octet
        self.reply = self.band.reply
        self.prefix = bytes((page, channel))
        self.free_at = 0
        self.radios: list[Transceiver] = []
        self.sniffers: list[Transceiver] = []
        self.by_address: dict[bytes, list[Transceiver]] = {}
        self.measured: list[tuple[Transceiver, Measurement]] = []

    def enter(self, radio: Transceiver) -> None:
        self.radios.append(radio)
        if radio.promiscuous:
            self.sniffers.append(radio)
        for address in radio.addresses:
            self.by_address.setdefault(address, []).append(radio)

    def leave(self, radio: Transceiver) -> None:
        self.radios.remove(radio)
        if radio in self.sniffers:
            self.sniffers.remove(radio)
        for address in radio.addresses:
            self.by_address[address].remove(radio)
            if not self.by_address[address]:
                del self.by_address[address]


class Transmission:
    """One frame's, over all its attempts. `expiry` is set on a held one."""

    __slots__ = ("attempts", "channel", "expiry", "good", "handle", "header", "life", "psdu", "sender", "start")

    def __init__(self, sender: Transceiver, channel: Channel, handle: int, psdu: bytes) -> None:
        self.sender = sender
        self.channel = channel
        self.handle = handle
        self.psdu = psdu
        self.header = MacHeader(psdu)
        self.good = ends_in_kermit(psdu)
        self.life = sender.life
        self.start = 0
        self.attempts = 0
        self.expiry: Timer | None = None


class Measurement:
    """How loud a channel is for one radio, for `duration` ns from `start`."""

    __slots__ = ("channel", "duration", "level", "start")

    def __init__(self, channel: Channel, duration: int) -> None:
        self.channel = channel
        self.duration = duration
        self.start = 0
        self.level = 0

    def begin(self, radio: Transceiver, now: int) -> None:
        """The radio listens to the channel from now on."""
        self.start = now
        self.channel.measured.append((radio, self))

    def end(self) -> None:
        """It does so no longer."""
        self.channel.measured = [each for each in self.channel.measured if each[1] is not self]
