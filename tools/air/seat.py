"""The medium's end of a remote radio: a transceiver of its own on the air, moved by messages.

The transceiver is a real one, so acknowledgements, retries and frames held for sleepers happen in the medium's own virtual
time; what a carrier delays is only the news of them. A joining device's first frame follows its short address within
microseconds, so the seat tunes to that address by itself as it passes (association response, 802.15.4 clause 7.3.2), as the
device will tell it to a moment later. All that comes in passes `journal.Inputs`: a run with remote radios can
be replayed. A bad message is noted in the event log and changes nothing. No sockets here: tools.air.carriers.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from devices.runtime.air import MAX_PSDU, MIN_PSDU
from devices.runtime.band import exists
from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import US, S
from devices.runtime.radio import Radio, TxStatus
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee import mac
from tools.air import messages
from tools.air.messages import Attach, BadMessage, Configure, Measure, Refusal, Transmit
from tools.bench.bridges import Slot
from tools.capture import tap

LATE = 2 * S
"""A frame that took longer from one process to the other does not go on the air: in this age its sender has given it up."""
MEASUREMENTS = 4
"""That may wait for each other."""


class Seat:
    """One device's place on the air. `run` names this run, `bench` is the digest that both processes must share."""

    def __init__(self, inputs: Inputs, endpoint: str, radio: Radio, *, bench: bytes, run: int) -> None:
        self.slot = Slot(endpoint)
        self.life: int | None = None
        """The attached radio's; None: none is attached."""
        self.refused = 0
        """Messages that were bad, or of another life."""
        self._kernel = inputs.kernel
        self._radio = radio
        self._bench = bench
        self._run = run
        self._tuning: Configure | None = None
        self._measuring: deque[int] = deque()
        """The handles of what the transceiver shall measure, in its order."""
        inputs.bind(endpoint, self._happen)

    def announce(self, now: int) -> None:
        """Tell an attached radio what time it is (ns of this run). No event of the run."""
        if self.life is not None:
            self.slot.output(messages.Now(self.life, now).build())

    def _happen(self, happening: Happening, data: bytes) -> None:
        if happening is not Happening.DATA:
            self._detach()
            return
        try:
            self._request(messages.request(data))
        except (RemoteProtocolError, LocalProtocolError) as wrong:  # what the transceiver calls our mistake was the peer's
            self.refused += 1
            self._kernel.log.emit(self.slot.endpoint, "air.refused", {"reason": str(wrong)})

    def _request(self, request: messages.Request) -> None:
        if isinstance(request, Attach):
            self._attach(request)
        elif request.life != self.life:
            self.refused += 1
            self._refuse(request.life, Refusal.NOT_ATTACHED)
        elif isinstance(request, Configure):
            self._configure(request)
        elif isinstance(request, Measure):
            self._measure(request)
        else:
            self._transmit(request)

    def _attach(self, request: Attach) -> None:
        kernel, life = self._kernel, request.life
        if request.bench != self._bench:
            self._detach()
            self._refuse(life, Refusal.OTHER_BENCH)
            return
        if life != self.life:  # otherwise it asks again because it has not heard the welcome yet
            self._detach()
            self.life = life
            self._radio.on_receive = partial(self._receive, life)
            self._radio.on_confirm = partial(self._confirm, life)
            self._radio.on_energy = partial(self._measured, life)
        self.slot.output(messages.Welcome(life, kernel.now, self._run, kernel.start_ns).build())

    def _detach(self) -> None:
        self._radio.reset()
        self.life = self._tuning = None
        self._measuring.clear()

    def _refuse(self, life: int, reason: Refusal) -> None:
        self.slot.output(messages.Refuse(life, self._kernel.now, messages.REFUSALS.index(reason)).build())

    def _configure(self, request: Configure) -> None:
        if not exists(request.page, request.channel):
            raise BadMessage(f"there is no channel {request.channel} on page {request.page}")
        self._tuning = request
        self._tune(request.short)

    def _tune(self, short: int) -> None:
        tuning = self._tuning
        assert tuning is not None
        self._radio.configure(
            channel=tuning.channel, pan_id=tuning.pan_id, short=short, eui64=tuning.eui64,
            rx_on_when_idle=bool(tuning.rx_on_when_idle), page=tuning.page,
        )  # fmt: skip

    def _transmit(self, request: Transmit) -> None:
        psdu = tap.Packet.parse(request.packet).psdu
        if not MIN_PSDU <= len(psdu) <= MAX_PSDU:
            raise BadMessage(f"a frame of {len(psdu)} octets")
        if self._kernel.now - request.time > LATE:
            assert self.life is not None
            self._confirm(self.life, request.handle, TxStatus.NO_ACK, False)
        else:
            self._radio.transmit(request.handle, psdu, indirect=bool(request.indirect))

    def _measure(self, request: Measure) -> None:
        if len(self._measuring) >= MEASUREMENTS:
            raise BadMessage("too much to measure at once")
        self._radio.measure(channel=request.channel, duration=request.duration * US, page=request.page)
        self._measuring.append(request.handle)

    def _measured(self, life: int, level: int | None) -> None:
        known = level is not None
        self.slot.output(messages.Measured(life, self._kernel.now, self._measuring.popleft(), known, level or 0).build())

    def _receive(self, life: int, psdu: bytes, lqi: int) -> None:
        tuning = self._tuning
        assert tuning is not None
        if psdu[0] & mac.TYPE == mac.COMMAND and (short := _assigned(psdu, tuning.eui64)) is not None:
            self._tune(short)
        packet = tap.Packet(psdu, tuning.channel, lqi, tuning.page).build()
        self.slot.output(messages.Receive(life, self._kernel.now, packet).build())

    def _confirm(self, life: int, handle: int, status: TxStatus, pending: bool) -> None:
        place = messages.STATUSES.index(status)
        self.slot.output(messages.Confirm(life, self._kernel.now, handle, place, pending).build())


def _assigned(psdu: bytes, eui64: int) -> int | None:
    """The short address that this frame gives to a device, if it gives one."""
    try:
        header, msdu = mac.split(psdu)
        command = mac.commands.parse(msdu)
    except RemoteProtocolError:
        return None
    if not isinstance(command, mac.AssociationResponse) or command.status or header.destination_eui64 != eui64:
        return None
    return command.short
