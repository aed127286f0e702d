"""A radio whose medium lives in another process: the device's end.

To firmware it is a `radio.Radio` like any other. Every `transmit` is confirmed: by the medium, or, where its word does not
come (the medium is gone, a message was lost), by this end, as not acknowledged. When the medium is back the radio attaches
and tunes in again by itself; what was under way is lost, as on air. Confirms and frames enter through `journal.Inputs`.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.runtime.air import MAX_HELD, MAX_PSDU, MAX_QUEUE, MIN_PSDU, PERSISTENCE
from devices.runtime.band import exists
from devices.runtime.journal import Happening, Inputs
from devices.runtime.kernel import MS, US, S, Timer
from devices.runtime.radio import TxStatus
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from tools.air import messages
from tools.air.messages import Attach, BadMessage, Configure, Confirm, Measure, Receive, Refusal, Refuse, Transmit, Welcome
from tools.bench.bridges import Slot
from tools.capture import tap

PATIENCE = PERSISTENCE + 2 * S
"""How long the medium may take to confirm: the longest it holds a frame, and the carrier's way there and back."""
MEASURED = 4 * S
"""How long the medium may take to tell of a channel, beyond the time that it listens."""
LONGEST = (1 << 32) * US
ATTACH_AGAIN = 1 * S
UNHEARD = 5 * MS
"""Four transmissions that nobody acknowledges."""
LATE = 2 * S
"""A frame that is older when it arrives is dropped."""
_LIVES = 1 << 32


class RemoteRadio:
    """The radio of device `eui64`. `life` is any number that this device's last process did not use."""

    def __init__(self, inputs: Inputs, endpoint: str, *, eui64: int, bench: bytes, life: int) -> None:
        self.slot = Slot(endpoint)
        self.on_receive: Callable[[bytes, int], object] | None = None
        self.on_confirm: Callable[[int, TxStatus, bool], object] | None = None
        self.on_data_request: Callable[[bytes], bool] | None = None
        self.on_energy: Callable[[int | None], object] | None = None
        self.attached = False
        self.refused = 0
        """Messages that were bad, late, or of another life."""
        self._kernel = inputs.kernel
        self._eui64 = eui64
        self._bench = bench
        self._life = life % _LIVES
        self._open = False
        self._tuning: Callable[[], Configure] | None = None
        self._page, self._channel = 0, 0
        self._waiting: dict[int, Timer] = {}
        self._again: Timer | None = None
        self._measurements = 0
        self._measurement: Timer | None = None
        """Of the last one, while it is under way."""
        inputs.bind(endpoint, self._happen)

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
        if promiscuous or alternate is not None:
            raise LocalProtocolError(f"{self.slot.endpoint}: a remote radio hears what is meant for it, and nothing else")
        self._page, self._channel = page, channel
        self._tuning = lambda: Configure(self._life, self._kernel.now, page, channel, pan_id, short, eui64, rx_on_when_idle)
        if self.attached:
            self._say(self._tuning())

    def transmit(self, handle: int, psdu: bytes, *, indirect: bool = False) -> None:
        """See `radio.Radio.transmit`."""
        if self._tuning is None:
            raise LocalProtocolError(f"{self.slot.endpoint}: the radio is not configured")
        if not MIN_PSDU <= len(psdu) <= MAX_PSDU:
            raise LocalProtocolError(f"{self.slot.endpoint}: a PSDU of {len(psdu)} octets")
        if not self.attached:
            self._await(handle, UNHEARD, TxStatus.NO_ACK)
        elif len(self._waiting) >= MAX_QUEUE + MAX_HELD:
            self._await(handle, 0, TxStatus.OVERFLOW)
        else:
            self._await(handle, PATIENCE, TxStatus.NO_ACK)
            packet = tap.Packet(psdu, self._channel, page=self._page).build()
            self._say(Transmit(self._life, self._kernel.now, handle, indirect, packet))

    def measure(self, *, channel: int, duration: int, page: int = 0) -> None:
        """See `radio.Radio.measure`. One under way is forgotten; a medium that is not there, or does not tell, cannot."""
        if self._tuning is None or not exists(page, channel) or duration >= LONGEST:
            raise LocalProtocolError(f"{self.slot.endpoint}: no channel {channel} on page {page}, or the radio is not configured")
        self._forget_measurement()
        self._measurements = (self._measurements + 1) % _LIVES
        patience = MEASURED if self.attached else 0
        self._measurement = self._kernel.after(duration + patience, self._energy, None, who=self.slot.endpoint)
        if self.attached:
            self._say(Measure(self._life, self._kernel.now, self._measurements, page, channel, -(-duration // US)))

    def reset(self) -> None:
        """See `radio.Radio.reset`."""
        self.on_receive = None
        self.on_confirm = None
        self.on_energy = None
        self._tuning = None
        self._forget()
        self._forget_measurement()
        self._attach()

    def _energy(self, level: int | None) -> None:
        self._forget_measurement()
        if self.on_energy is not None:
            self.on_energy(level)

    def _forget_measurement(self) -> None:
        if self._measurement is not None:
            self._measurement.cancel()
            self._measurement = None

    # --- the medium's side ---

    def _happen(self, happening: Happening, data: bytes) -> None:
        if happening is Happening.DATA:
            try:
                self._indication(messages.indication(data))
            except RemoteProtocolError as wrong:
                self._refuse(str(wrong))
        elif happening is Happening.OPEN:
            self._open, self.attached = True, False
            self._attach()
        else:
            self._lost()
            self._open = False

    def _indication(self, indication: messages.Indication) -> None:
        if indication.life != self._life:
            self._refuse("of another life")
        elif isinstance(indication, Confirm):
            if indication.status >= len(messages.STATUSES):
                raise BadMessage(f"a confirm of status {indication.status}")
            self._confirm(indication.handle, messages.STATUSES[indication.status], bool(indication.pending))
        elif isinstance(indication, Receive):
            self._receive(indication)
        elif isinstance(indication, messages.Measured):
            if self._measurement is not None and indication.handle == self._measurements:
                self._energy(indication.level if indication.known else None)
        elif isinstance(indication, Welcome):
            self._welcome()
        elif isinstance(indication, Refuse):
            self._lost()
            if indication.reason == messages.REFUSALS.index(Refusal.NOT_ATTACHED):
                self._attach()

    def _receive(self, indication: Receive) -> None:
        packet = tap.Packet.parse(indication.packet)
        if self._kernel.now - indication.time > LATE:
            self._refuse("late")
        elif self.on_receive is not None:
            self.on_receive(packet.psdu, packet.lqi)

    def _welcome(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self.attached = True
        if self._tuning is not None:
            self._say(self._tuning())

    def _attach(self) -> None:
        """A new life, which the medium is told of until it says welcome."""
        if self._again is not None:
            self._again.cancel()
        self._life = (self._life + 1) % _LIVES
        self._knock()

    def _knock(self) -> None:
        if self._open:
            self._say(Attach(self._life, self._kernel.now, self._eui64, self._bench))
            self._again = self._kernel.after(ATTACH_AGAIN, self._knock, who=self.slot.endpoint)

    def _lost(self) -> None:
        """The medium is gone: what was under way gets no acknowledgement."""
        self.attached = False
        if self._again is not None:
            self._again.cancel()
        for handle in tuple(self._waiting):
            self._confirm(handle, TxStatus.NO_ACK, False)

    def _say(self, message: messages.Request) -> None:
        self.slot.output(message.build())

    def _refuse(self, why: str) -> None:
        self.refused += 1
        self._kernel.log.emit(self.slot.endpoint, "air.refused", {"reason": why})

    # --- confirms ---

    def _await(self, handle: int, delay: int, otherwise: TxStatus) -> None:
        self._waiting[handle] = self._kernel.after(delay, self._confirm, handle, otherwise, False, who=self.slot.endpoint)

    def _confirm(self, handle: int, status: TxStatus, pending: bool) -> None:
        timer = self._waiting.pop(handle, None)
        if timer is None:
            return  # it was given up
        timer.cancel()
        if self.on_confirm is not None:
            self.on_confirm(handle, status, pending)

    def _forget(self) -> None:
        for timer in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
