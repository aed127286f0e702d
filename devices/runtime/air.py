"""The radio medium: 802.15.4-2006 transceivers in one place, with positions, range, walls, loss, latency and airtime.

Each (page, channel) is one serial resource: a transmission starts when the last one has ended, so frames never collide and
never overtake each other (`contention.ContendedAir` is the medium where they do). The medium does what radio hardware does within
microseconds: address filter and FCS check (7.5.6.2), acknowledgements and up to three retries (7.5.6.4), frames held for sleepers
until their data request or 7.68 s (7.5.6.3), the frame pending bit. It reads MAC addressing octets (7.2.1) and nothing behind them.

Every frame and acknowledgement on the air is an event of kind "air.frame" (see `OnAir`), logged as it ends. Not modelled:
interference between channels, MAC security, acknowledgements of 802.15.4-2015.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from struct import Struct

from devices.runtime.band import ACK_OCTETS, PHY_OCTETS, exists
from devices.runtime.channel import Channel, Link, Measurement, Transmission
from devices.runtime.faults import Faults
from devices.runtime.kernel import MS, US, Halted, Kernel
from devices.runtime.mac_header import BEACON, BROADCAST, acknowledgement, with_frame_pending
from devices.runtime.propagation import Propagation, link_quality
from devices.runtime.radio import TxStatus
from protocols.core.crc import ends_in_kermit
from protocols.core.errors import LocalProtocolError

MAX_PSDU = 127
MIN_PSDU = 5
RETRIES = 3
"""macMaxFrameRetries."""
PERSISTENCE = 7_680 * MS
"""macTransactionPersistenceTime: 500 base superframes of 15.36 ms."""
SPACING = 640 * US
"""Long interframe spacing, 40 symbols: the least idle time between transactions."""
POLL_WINDOW = 100 * MS
"""How long a sleeper listens when told that a frame is held for it. The standard's 19.5 ms assume that the parent contends for the
channel at once; on this serial channel every other radio may have one transaction before it."""
SCAN_WINDOW = 507 * MS
"""How long a sleeper listens after its beacon request: a scan of exponent 5."""
MAX_QUEUE = 64
MAX_HELD = 32

_ANY_PAN = b"\xff\xff"
_NO_ADDRESS = (0xFFFE, 0xFFFF)
_ON_AIR = Struct(">BBQ")


@dataclass(frozen=True, slots=True)
class OnAir:
    """What an "air.frame" event carries. `start` is ns of the run at which the first bit left; `psdu` includes the FCS."""

    page: int
    channel: int
    start: int
    psdu: bytes

    @classmethod
    def unpack(cls, data: bytes) -> OnAir:
        """Read the data of an event of kind "air.frame"."""
        page, channel, start = _ON_AIR.unpack_from(data)
        return cls(page, channel, start, data[_ON_AIR.size :])


class Air:
    """One radio neighbourhood. `range_m` metres; `loss` 0.0 to 1.0 of any link; `latency` ns on top of the airtime.

    With a `propagation` the link quality is by its path loss and walls, and `range_m` is its own; without one, by distance alone.
    """

    contended = False
    """Whether frames may disturb each other: not on a serial channel."""

    def __init__(
        self,
        kernel: Kernel,
        name: str = "air",
        *,
        range_m: float = 30.0,
        loss: float = 0.0,
        latency: int = 0,
        propagation: Propagation | None = None,
    ) -> None:
        self.kernel = kernel
        self.name = name
        self.range_m = range_m
        self.propagation = propagation
        self.loss = loss
        self.latency = latency
        self.faults: Faults | None = None
        self.radios: dict[str, Transceiver] = {}
        self._channels: dict[tuple[int, int], Channel] = {}
        self._losses: dict[tuple[str, str], float] = {}

    def radio(self, who: str, x: float = 0.0, y: float = 0.0) -> Transceiver:
        """A new radio at (x, y) metres. Raises LocalProtocolError for a name that is taken."""
        if who in self.radios:
            raise LocalProtocolError(f"{self.name} has a radio {who} already")
        radio = self.radios[who] = self._transceiver(who, x, y)
        return radio

    def _transceiver(self, who: str, x: float, y: float) -> Transceiver:
        return Transceiver(self, who, x, y)

    def set_loss(self, sender: str, receiver: str, loss: float) -> None:
        """Loss 0.0 to 1.0 of one link in one direction, in place of the air's own."""
        self._losses[sender, receiver] = loss
        self.radios[sender].links.clear()

    def link(self, sender: Transceiver, receiver: Transceiver) -> Link:
        """How well `receiver` hears `sender`."""
        link = sender.links.get(receiver.who)
        if link is None:
            loss = self._losses.get((sender.who, receiver.who), self.loss)
            margin = 0.0
            if self.propagation is not None:
                margin = self.propagation.margin((sender.x, sender.y), (receiver.x, receiver.y), sender.reach)
                lqi = link_quality(margin)
            else:
                distance = sqrt((sender.x - receiver.x) ** 2 + (sender.y - receiver.y) ** 2) / sender.reach
                lqi = 255 - int(200 * distance / self.range_m) if distance <= self.range_m else 0
            rng = self.kernel.rng(f"{self.name}/{sender.who}>{receiver.who}") if loss else None
            link = sender.links[receiver.who] = Link(lqi, loss, rng, margin)
        return link

    def channel(self, page: int, channel: int) -> Channel:
        """A page and channel. Raises LocalProtocolError for one that there is not."""
        found = self._channels.get((page, channel))
        if found is None:
            if not exists(page, channel):
                raise LocalProtocolError(f"{self.name}: there is no channel {channel} on page {page}")
            found = self._channels[page, channel] = Channel(page, channel)
        return found

    # --- a transmission: arrive, then acknowledged or unanswered ---

    def start(self, frame: Transmission) -> None:
        """Put a frame on its channel, behind whatever is there."""
        channel = frame.channel
        start = frame.start = max(self.kernel.now, channel.free_at)
        end = start + (len(frame.psdu) + PHY_OCTETS) * channel.octet
        channel.free_at = end + SPACING + (channel.reply if frame.header.acknowledge else 0)
        self.kernel.at(end + self.latency, self._arrive, frame, who=frame.sender.who)

    def _arrive(self, frame: Transmission) -> None:
        sender, header, psdu = frame.sender, frame.header, frame.psdu
        if frame.life != sender.life:  # power went in the middle of the frame
            return
        kernel = self.kernel
        kernel.log.emit(sender.who, "air.frame", frame.channel.prefix + frame.start.to_bytes(8, "big") + psdu)
        if frame.channel.measured:
            self._overheard(frame)
        destination = header.destination
        if destination is None or destination == BROADCAST:
            if header.fault:
                kernel.log.emit(sender.who, "air.drop", {"reason": header.fault, "psdu": psdu})
            else:
                self._broadcast(frame)
            if header.beacon_request:
                sender.listen_until = kernel.now + SCAN_WINDOW
            sender.finished(frame, TxStatus.ACKED, False)
            return
        if frame.channel.sniffers:
            self._sniffed(frame)
        answers = None
        pending = False
        for receiver in frame.channel.by_address.get(destination, ()):
            if receiver is sender or not receiver.in_pan(header.pan):
                continue
            held = header.data_request and receiver.holds(header.source)  # as of now: the answer cannot wait for firmware
            if self._offer(frame, receiver):
                receiver.listen_until = 0
                if answers is None:
                    answers, pending = receiver, held
        if not header.acknowledge:
            sender.finished(frame, TxStatus.ACKED, False)
        elif answers is None:
            kernel.at(kernel.now + frame.channel.band.acknowledgement_wait, self._unanswered, frame, who=sender.who)
        else:
            self._answer(frame, answers, pending)

    def _broadcast(self, frame: Transmission) -> None:
        sender, header = frame.sender, frame.header
        for receiver in tuple(frame.channel.radios):
            if receiver is not sender and (header.kind == BEACON or receiver.in_pan(header.pan)):
                self._offer(frame, receiver)

    def _sniffed(self, frame: Transmission) -> None:
        """A frame for one radio is heard by those that hear everything, too."""
        for receiver in tuple(frame.channel.sniffers):
            if receiver is not frame.sender and not (
                frame.header.destination in receiver.addresses and receiver.in_pan(frame.header.pan)
            ):
                self._offer(frame, receiver)

    def _overheard(self, frame: Transmission) -> None:
        """A frame is energy, too, to those who measure it."""
        for listener, measurement in frame.channel.measured:
            if frame.sender is not listener:
                measurement.level = max(measurement.level, self.link(frame.sender, listener).lqi)

    def noise_level(self, radio: Transceiver, measurement: Measurement) -> int:
        """The energy, 0 to 255, of what is no frame. Only a medium with noise sources has any."""
        return 0

    def _offer(self, frame: Transmission, receiver: Transceiver) -> bool:
        """Let one radio hear a frame, if it can. True when it arrived whole."""
        sender, psdu, good = frame.sender, frame.psdu, frame.good
        link = sender.links.get(receiver.who) or self.link(sender, receiver)
        if not link.lqi or not (receiver.rx_on_when_idle or receiver.listen_until > self.kernel.now):
            return False
        if link.rng is not None and link.rng.random() < link.loss:
            return False
        if self.contended and self._disturbed(sender, receiver, frame.channel, frame.start, psdu):
            return False
        if good and self.faults is None:
            receiver.heard(psdu, link.lqi, receiver.life)
            return True
        copies = ((0, psdu),) if self.faults is None else self.faults.apply(sender.who, receiver.who, psdu)
        whole = False
        for delay, copy in copies:
            if not (good if copy is psdu else ends_in_kermit(copy)):
                self.kernel.log.emit(receiver.who, "air.drop", {"reason": "FCS", "psdu": copy})
                continue
            whole = True
            if delay:
                self.kernel.after(delay, receiver.heard, copy, link.lqi, receiver.life, who=receiver.who)
            else:
                receiver.heard(copy, link.lqi, receiver.life)
        return whole

    def _disturbed(self, sender: Transceiver, receiver: Transceiver, channel: Channel, start: int, psdu: bytes) -> bool:
        """Whether something else spoilt at the receiver what was sent from `start` to now. Asked only where radios contend."""
        return False

    def _answer(self, frame: Transmission, receiver: Transceiver, pending: bool) -> None:
        self.kernel.at(self.kernel.now + frame.channel.reply, self._acknowledged, frame, receiver, pending, who=receiver.who)

    def _acknowledged(self, frame: Transmission, receiver: Transceiver, pending: bool) -> None:
        kernel, sender, channel = self.kernel, frame.sender, frame.channel
        if receiver.tuned is not channel:
            self._unanswered(frame)
            return
        psdu = acknowledgement(frame.header.sequence, pending)
        start = kernel.now - ACK_OCTETS * channel.octet
        kernel.log.emit(receiver.who, "air.frame", channel.prefix + start.to_bytes(8, "big") + psdu)
        link = receiver.links.get(sender.who) or self.link(receiver, sender)
        lost = (
            not link.lqi
            or (link.rng is not None and link.rng.random() < link.loss)
            or (self.contended and self._disturbed(receiver, sender, channel, start, psdu))
        )
        if not lost and self.faults is not None:
            lost = all(copy != psdu for _, copy in self.faults.apply(receiver.who, sender.who, psdu))
        if lost:
            kernel.after(channel.band.backoff, self._unanswered, frame, who=sender.who)  # the rest of the wait
        else:
            if pending:
                sender.listen_until = kernel.now + POLL_WINDOW
            sender.finished(frame, TxStatus.ACKED, pending)
        if pending:
            receiver.release(frame.header.source)

    def _unanswered(self, frame: Transmission) -> None:
        sender = frame.sender
        if frame.life != sender.life:
            return
        frame.attempts += 1
        if frame.expiry is not None:
            sender.hold_again(frame)
        elif frame.attempts <= RETRIES:
            self.start(frame)
        else:
            sender.finished(frame, TxStatus.NO_ACK, False)


class Transceiver:
    """A `radio.Radio` on an `Air`. `life` is raised at each reset: what belongs to an earlier one is void."""

    def __init__(self, air: Air, who: str, x: float, y: float) -> None:
        self.air = air
        self.who = who
        self.x, self.y = x, y
        self.on_receive: Callable[[bytes, int], object] | None = None
        self.on_confirm: Callable[[int, TxStatus, bool], object] | None = None
        self.on_data_request: Callable[[bytes], bool] | None = None
        self.on_energy: Callable[[int | None], object] | None = None
        self.promiscuous = False
        self.tuned: Channel | None = None
        self.reach = 1.0
        self.addresses: tuple[bytes, ...] = ()
        self.rx_on_when_idle = False
        self.listen_until = 0
        self.life = 0
        self.links: dict[str, Link] = {}
        self.held: dict[bytes, deque[Transmission]] = {}
        self._pan = _ANY_PAN
        self._queue: deque[Transmission | Measurement] = deque()
        self._current: Transmission | Measurement | None = None
        """What the radio is at; while it measures it is tuned to its own channel only in name."""

    def move(self, x: float, y: float) -> None:
        """Carry the radio to (x, y) metres."""
        self.x, self.y = x, y
        for radio in self.air.radios.values():
            radio.links.pop(self.who, None)
        self.links.clear()

    def in_pan(self, pan: bytes) -> bool:
        """True when a frame for this PAN identifier (two octets) is for this radio's."""
        return pan == self._pan or pan == _ANY_PAN or self._pan == _ANY_PAN

    # --- the firmware's side ---

    def configure(
        self,
        *,
        channel: int,
        pan_id: int,
        short: int,
        eui64: int,
        rx_on_when_idle: bool,
        page: int = 0,
        promiscuous: bool = False,
        alternate: int | None = None,
    ) -> None:
        """See `radio.Radio.configure`."""
        if self.tuned is not None and not self._away:
            self.tuned.leave(self)
        extended = eui64.to_bytes(8, "little")
        self.addresses = (extended,) if short in _NO_ADDRESS else (extended, short.to_bytes(2, "little"))
        if alternate is not None and alternate not in _NO_ADDRESS:
            self.addresses += (alternate.to_bytes(2, "little"),)
        self._pan = pan_id.to_bytes(2, "little")
        self.rx_on_when_idle = rx_on_when_idle
        self.promiscuous = promiscuous
        self.tuned = self.air.channel(page, channel)
        if not self._away:
            self.tuned.enter(self)
        if self.reach != self.tuned.band.reach:
            self.reach = self.tuned.band.reach
            self.links.clear()

    def transmit(self, handle: int, psdu: bytes, *, indirect: bool = False) -> None:
        """See `radio.Radio.transmit`."""
        if self.tuned is None:
            raise LocalProtocolError(f"{self.who}: the radio is not configured")
        if not MIN_PSDU <= len(psdu) <= MAX_PSDU:
            raise LocalProtocolError(f"{self.who}: a PSDU of {len(psdu)} octets")
        frame = Transmission(self, self.tuned, handle, psdu)
        if indirect:
            self._hold(frame)
        elif self._current is None:
            self._begin(frame)
        elif len(self._queue) < MAX_QUEUE:
            self._queue.append(frame)
        else:
            self._refuse(frame)

    def measure(self, *, channel: int, duration: int, page: int = 0) -> None:
        """See `radio.Radio.measure`."""
        if self.tuned is None:
            raise LocalProtocolError(f"{self.who}: the radio is not configured")
        self._queue.append(Measurement(self.air.channel(page, channel), duration))
        if self._current is None:
            self._go_on()

    def reset(self) -> None:
        """See `radio.Radio.reset`."""
        self.life += 1
        self.on_receive = None
        self.on_confirm = None
        self.on_data_request = None
        self.on_energy = None
        if self.tuned is not None:
            if not self._away:
                self.tuned.leave(self)
            self.tuned = None
        self.listen_until = 0
        self._queue.clear()
        self._current = None
        for frames in self.held.values():
            for frame in frames:
                if frame.expiry is not None:
                    frame.expiry.cancel()
        self.held.clear()

    # --- the medium's side ---

    def heard(self, psdu: bytes, lqi: int, life: int) -> None:
        """A frame for this radio has arrived. A board that stops in the middle of it stops alone: the medium goes on."""
        if life == self.life and self.on_receive is not None:
            try:
                self.on_receive(psdu, lqi)
            except Halted as halted:
                if halted.settle is None:
                    raise
                halted.settle()

    def finished(self, frame: Transmission, status: TxStatus, pending: bool) -> None:
        """The medium is done with a frame: go on to the next, and tell."""
        if frame.life != self.life:
            return
        if frame.expiry is not None:
            frame.expiry.cancel()
        self._go_on()
        self._confirm(frame, status, pending)

    def holds(self, source: bytes) -> bool:
        """Whether a frame for this sleeper waits here, or with whoever drives this radio."""
        return source in self.held or (self.on_data_request is not None and self.on_data_request(source))

    def release(self, source: bytes) -> None:
        """A sleeper has asked: what was held for it goes next."""
        frames = self.held.get(source)
        if not frames:
            return
        frame = frames.popleft()
        if frames:
            frame.psdu = with_frame_pending(frame.psdu)
        else:
            del self.held[source]
        self._queue.appendleft(frame)
        if self._current is None:
            self._go_on()

    def hold_again(self, frame: Transmission) -> None:
        """A released frame was not acknowledged: it waits for the next data request, or has expired meanwhile."""
        destination = frame.header.destination
        if frame.expiry is not None and frame.expiry.pending and destination is not None:
            self.held.setdefault(destination, deque()).appendleft(frame)
            self._go_on()
        else:
            self.finished(frame, TxStatus.EXPIRED, False)

    def _go_on(self) -> None:
        self._current = None
        if self._queue:
            self._begin(self._queue.popleft())

    def _begin(self, item: Transmission | Measurement) -> None:
        self._current = item
        if isinstance(item, Transmission):
            self.air.start(item)
        elif self.tuned is not None:
            self.tuned.leave(self)
            item.begin(self, self.air.kernel.now)
            self.air.kernel.after(item.duration, self._measured, item, self.life, who=self.who)

    @property
    def _away(self) -> bool:
        return isinstance(self._current, Measurement)

    def _measured(self, item: Measurement, life: int) -> None:
        item.end()
        if life == self.life and self.tuned is not None:
            level = max(item.level, self.air.noise_level(self, item))
            self.tuned.enter(self)
            self._go_on()
            if self.on_energy is not None:
                self.on_energy(level)

    def _hold(self, frame: Transmission) -> None:
        destination = frame.header.destination
        if destination is None or destination == BROADCAST:
            raise LocalProtocolError(f"{self.who}: only a frame for one destination can be held")
        if sum(map(len, self.held.values())) >= MAX_HELD:
            self._refuse(frame)
            return
        frame.expiry = self.air.kernel.after(PERSISTENCE, self._expire, frame, destination, who=self.who)
        self.held.setdefault(destination, deque()).append(frame)

    def _expire(self, frame: Transmission, destination: bytes) -> None:
        frames = self.held.get(destination)
        if frames is not None and frame in frames:  # otherwise it is on the air right now: `hold_again` decides
            frames.remove(frame)
            if not frames:
                del self.held[destination]
            self._confirm(frame, TxStatus.EXPIRED, False)

    def _refuse(self, frame: Transmission) -> None:
        kernel = self.air.kernel
        kernel.at(kernel.now, self._confirm, frame, TxStatus.OVERFLOW, False, who=self.who)

    def _confirm(self, frame: Transmission, status: TxStatus, pending: bool) -> None:
        if frame.life == self.life and self.on_confirm is not None:
            self.on_confirm(frame.handle, status, pending)
