"""The medium with contention: unslotted CSMA-CA, collisions, hidden nodes, noise, and duty cycles (802.15.4-2006 clause 7.5.1.4).

A radio listens before it sends: after 0..2^BE-1 unit back-off periods, drawn from a random stream of its own, it assesses the
channel. It is busy when a radio or a noise source is heard there at `CLEAR` dB or more above sensitivity; after five busy
assessments the frame ends in `TxStatus.BUSY`. Nobody hears a hidden node, and acknowledgements are sent without listening:
frames overlap. One of them survives at a receiver where it arrives `CAPTURE` dB stronger than each of the others.

Several homes may share one such medium: each radio has its place, and only radios on the same channel meet. Not modelled: sums of
interferers, neighbouring channels, a receiver that locks on to the first preamble, interframe spacing besides the back-off.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from devices.runtime.air import Air, Transceiver
from devices.runtime.band import TURNAROUND
from devices.runtime.channel import Channel, Measurement, Transmission
from devices.runtime.kernel import MS, Kernel
from devices.runtime.propagation import Place, Propagation, link_quality
from devices.runtime.radio import TxStatus
from protocols.zigbee.sub_ghz.duty_cycle import DutyCycle

MIN_BE, MAX_BE = 3, 5
"""macMinBE, macMaxBE."""
MAX_BACKOFFS = 4
"""macMaxCSMABackoffs."""
CLEAR = 10.0
"""Energy detection threshold, dB above sensitivity: the highest that the standard allows (6.9.9)."""
CAPTURE = 3.0
"""Co-channel rejection of an O-QPSK receiver, dB, as data sheets have it."""

_LONGEST = 11 * MS  # a frame of 127 octets at 100 kb/s: an older burst overlaps nothing that is still in the air


@dataclass(frozen=True, slots=True)
class Noise:
    """A source that speaks no 802.15.4: it covers its channels for the `duty` (0..1) share of each `period` (ns), `offset` ns late.

    `db` is how much stronger it is than a radio at the same place. A microwave oven is on for half of each 20 ms of the mains;
    a Wi-Fi access point at work for some ms of each ten.
    """

    place: Place
    channels: frozenset[int]
    period: int
    duty: float
    db: float
    page: int = 0
    offset: int = 0

    def on(self, start: int, end: int) -> bool:
        """Whether it sends at any instant of [start, end)."""
        since = (start - self.offset) % self.period
        return bool(self.duty) and (since < self.duty * self.period or since + end - start > self.period)


@dataclass(slots=True)
class Service:
    """What a radio got from the medium. Frames held for sleepers are counted by how they ended, and not timed."""

    ended: Counter[TxStatus] = field(default_factory=Counter)
    timed: int = 0
    waited: int = 0
    """ns from hand-over to confirm, of all `timed` frames."""

    @property
    def delivery(self) -> float:
        """Share of frames that were acknowledged, or sent where no acknowledgement was asked for; 1.0 when there were none."""
        total = self.ended.total()
        return self.ended[TxStatus.ACKED] / total if total else 1.0

    @property
    def latency(self) -> float:
        """Mean ns from hand-over to confirm."""
        return self.waited / self.timed if self.timed else 0.0

    def __sub__(self, before: Service) -> Service:
        """What has been since then."""
        return Service(self.ended - before.ended, self.timed - before.timed, self.waited - before.waited)

    def __add__(self, other: Service) -> Service:
        return Service(self.ended + other.ended, self.timed + other.timed, self.waited + other.waited)


class _Burst(NamedTuple):
    sender: Transceiver
    start: int
    end: int


class ContendedAir(Air):
    """An `Air` whose radios contend. `duty`: by channel page, the share of an hour (0..1) for which a radio may send."""

    contended = True

    def __init__(
        self,
        kernel: Kernel,
        name: str = "air",
        *,
        propagation: Propagation,
        loss: float = 0.0,
        noise: Iterable[Noise] = (),
        duty: Mapping[int, float] | None = None,
    ) -> None:
        super().__init__(kernel, name, range_m=propagation.range_m, loss=loss, propagation=propagation)
        self.path = propagation
        self.noise = tuple(noise)
        self.duty = dict(duty or {})
        self.services: dict[str, Service] = {}
        self._bursts: dict[Channel, deque[_Burst]] = {}

    def radio(self, who: str, x: float = 0.0, y: float = 0.0) -> Contender:
        """See `Air.radio`."""
        radio = super().radio(who, x, y)
        assert isinstance(radio, Contender)
        return radio

    def _transceiver(self, who: str, x: float, y: float) -> Contender:
        service = self.services[who] = Service()
        return Contender(self, who, x, y, service, {page: DutyCycle(share) for page, share in self.duty.items()})

    # --- before a frame ---

    def start(self, frame: Transmission) -> None:
        """Back off, and send when the channel is clear."""
        self._back_off(frame, 0, MIN_BE)

    def _back_off(self, frame: Transmission, busy: int, exponent: int) -> None:
        band, sender = frame.channel.band, frame.sender
        rng = self.kernel.rng(f"{self.name}/{sender.who} back-off")
        wait = rng.getrandbits(exponent) * band.backoff + band.assessment
        self.kernel.at(self.kernel.now + wait, self._assess, frame, busy, exponent, who=sender.who)

    def _assess(self, frame: Transmission, busy: int, exponent: int) -> None:
        sender, channel, now = frame.sender, frame.channel, self.kernel.now
        if frame.life != sender.life:
            return
        if not self._clear(sender, channel):
            if busy < MAX_BACKOFFS:
                self._back_off(frame, busy + 1, min(exponent + 1, MAX_BE))
            else:
                self._gave_up(frame, TxStatus.BUSY)
            return
        start = frame.start = now + TURNAROUND
        end = start + channel.band.airtime(len(frame.psdu))
        if not self._send(sender, channel, start, end):
            self._gave_up(frame, TxStatus.SUSPENDED)
            return
        self.kernel.at(end, self._arrive, frame, who=sender.who)

    def _gave_up(self, frame: Transmission, status: TxStatus) -> None:
        if frame.expiry is not None:
            frame.sender.hold_again(frame)
        else:
            frame.sender.finished(frame, status, False)

    def _clear(self, radio: Transceiver, channel: Channel) -> bool:
        now = self.kernel.now
        since = now - channel.band.assessment
        for burst in self._bursts.get(channel, ()):
            if burst.end <= since:
                continue
            if burst.sender is radio or (burst.start < now and self.link(burst.sender, radio).margin >= CLEAR):
                return False
        return not any(noise.on(since, now) and self._loudness(noise, radio) >= CLEAR for noise in self._noise(channel))

    # --- on the air ---

    def _send(self, sender: Transceiver, channel: Channel, start: int, end: int) -> bool:
        """Take the air from start to end. False when the radio's duty cycle does not allow it."""
        assert isinstance(sender, Contender)
        duty = sender.duty.get(channel.page)
        if duty is not None and not duty.spend(start, end - start):
            self.kernel.log.emit(sender.who, "air.suspended", {"page": channel.page, "seconds": duty.resumes(start) // (1000 * MS)})
            return False
        bursts = self._bursts.setdefault(channel, deque())
        while bursts and bursts[0].end < self.kernel.now - _LONGEST:
            bursts.popleft()
        bursts.append(_Burst(sender, start, end))
        return True

    def _answer(self, frame: Transmission, receiver: Transceiver, pending: bool) -> None:
        """An acknowledgement begins a turnaround after its frame, whether the channel is clear or not."""
        now, channel = self.kernel.now, frame.channel
        if self._send(receiver, channel, now + TURNAROUND, now + channel.reply):
            super()._answer(frame, receiver, pending)
        else:
            self.kernel.at(now + channel.band.acknowledgement_wait, self._unanswered, frame, who=frame.sender.who)

    def _disturbed(self, sender: Transceiver, receiver: Transceiver, channel: Channel, start: int, psdu: bytes) -> bool:
        reason = self._spoiler(sender, receiver, channel, start, self.kernel.now)
        if reason:
            self.kernel.log.emit(receiver.who, "air.drop", {"reason": reason, "psdu": psdu})
        return bool(reason)

    def _spoiler(self, sender: Transceiver, receiver: Transceiver, channel: Channel, start: int, end: int) -> str:
        bearable = self.link(sender, receiver).margin - CAPTURE
        for burst in self._bursts.get(channel, ()):
            if burst.end <= start or burst.start >= end or burst.sender is sender:
                continue
            if burst.sender is receiver or self.link(burst.sender, receiver).margin > bearable:
                return "collision"
        if any(noise.on(start, end) and self._loudness(noise, receiver) > bearable for noise in self._noise(channel)):
            return "noise"
        return ""

    def noise_level(self, radio: Transceiver, measurement: Measurement) -> int:
        """See `Air.noise_level`."""
        start, end = measurement.start, self.kernel.now
        heard = (self._loudness(noise, radio) for noise in self._noise(measurement.channel) if noise.on(start, end))
        return max(map(link_quality, heard), default=0)

    def _noise(self, channel: Channel) -> list[Noise]:
        return [noise for noise in self.noise if noise.page == channel.page and channel.number in noise.channels]

    def _loudness(self, noise: Noise, radio: Transceiver) -> float:
        return self.path.margin(noise.place, (radio.x, radio.y), radio.reach) + noise.db


class Contender(Transceiver):
    """A radio on a `ContendedAir`. `service` counts; `duty` is the airtime it may still use, by page."""

    def __init__(self, air: Air, who: str, x: float, y: float, service: Service, duty: Mapping[int, DutyCycle]) -> None:
        super().__init__(air, who, x, y)
        self.service = service
        self.duty = duty
        self._handed: dict[int, int] = {}

    def transmit(self, handle: int, psdu: bytes, *, indirect: bool = False) -> None:
        """See `radio.Radio.transmit`."""
        if not indirect:
            self._handed[handle] = self.air.kernel.now
        super().transmit(handle, psdu, indirect=indirect)

    def reset(self) -> None:
        """See `radio.Radio.reset`. What the duty cycle has used stays used: the regulation knows no reset."""
        super().reset()
        self._handed.clear()

    def _confirm(self, frame: Transmission, status: TxStatus, pending: bool) -> None:
        if frame.life == self.life:
            self.service.ended[status] += 1
            handed = self._handed.pop(frame.handle, None)
            if handed is not None:
                self.service.timed += 1
                self.service.waited += self.air.kernel.now - handed
        super()._confirm(frame, status, pending)
