"""The dongle's firmware: `protocols.spinel.rcp` between the UART `rcp` and the radio.

Of its host it knows what comes down the line. Frames for sleepers wait in the host: while one does, the acknowledgement of the
sleeper's data request says so, by the tables of source matching. A host begins with a reset; unplugging it changes nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from devices.runtime import firmware
from devices.runtime.board import Reset
from devices.runtime.radio import TxStatus
from protocols.core.effects import Effect, Send
from protocols.spinel.message import Status
from protocols.spinel.rcp import Configure, Listen, Measure, Rcp, Transmit

HOST: Final = "rcp"
"""The UART, to which a host is plugged."""
_STATUSES: Final = {
    TxStatus.ACKED: Status.OK,
    TxStatus.NO_ACK: Status.NO_ACK,
    TxStatus.EXPIRED: Status.NO_ACK,
    TxStatus.OVERFLOW: Status.NOMEM,
    TxStatus.BUSY: Status.CCA_FAILURE,
    TxStatus.SUSPENDED: Status.CCA_FAILURE,
}


class Firmware(firmware.Firmware):
    """A board with a radio and a serial line."""

    def boot(self, why: Reset) -> None:
        self._rcp = Rcp(self.board.eui64)
        self.board.uart(HOST).on_receive = lambda data: self._apply(self._rcp.feed(data))
        self._apply(self._rcp.start())

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self.board.uart(HOST).write(data)
                case Configure():
                    self._tune(effect)
                case Transmit(handle=handle, psdu=psdu):
                    self.board.radio.transmit(handle, psdu)
                case Listen(scan=scan, duration=duration):
                    self.after(duration, self._listened, scan)
                case Measure(channel=channel, duration=duration):
                    self.board.radio.measure(channel=channel, duration=duration)

    def _listened(self, scan: int) -> None:
        self._apply(self._rcp.listened(scan))

    def _tune(self, wanted: Configure) -> None:
        radio = self.board.radio
        if wanted.channel is None:
            radio.reset()
            return
        radio.on_receive = lambda psdu, lqi: self._apply(self._rcp.receive(psdu, lqi, self.now))
        radio.on_confirm = self._confirmed
        radio.on_data_request = self._rcp.pending
        radio.on_energy = lambda level: self._apply(self._rcp.measured(level))
        radio.configure(
            channel=wanted.channel,
            pan_id=wanted.pan_id,
            short=wanted.short,
            eui64=wanted.eui64,
            rx_on_when_idle=wanted.rx_on_when_idle,
            promiscuous=wanted.promiscuous,
            alternate=wanted.alternate,
        )

    def _confirmed(self, handle: int, status: TxStatus, frame_pending: bool) -> None:
        self._apply(self._rcp.confirm(handle, _STATUSES[status], frame_pending))
