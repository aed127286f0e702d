"""A radio that is a radio co-processor on a serial line, driven over Spinel.

To firmware it is a `radio.Radio` like any other. What waits for a sleeper is held here, and sent when its data request is heard:
the co-processor says "frame pending" to all of them. One that was pulled out and is back, or another in its place, is set up as it
shall be, addresses and all; what was under way meanwhile counts as not acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devices.runtime.air import MAX_HELD, MAX_PSDU, MIN_PSDU, PERSISTENCE
from devices.runtime.kernel import Kernel, Timer
from devices.runtime.mac_header import MacHeader
from devices.runtime.radio import TxStatus
from protocols.core.effects import Effect, Send
from protocols.core.errors import LocalProtocolError
from protocols.spinel.host import ANSWER, Confirmed, Heard, Host, Identified, Measured, Refused, Tuning
from protocols.spinel.message import Status
from protocols.spinel.rcp import QUIET, STRONGEST

if TYPE_CHECKING:
    from devices.runtime.port import Port

_STATUSES = {Status.OK: TxStatus.ACKED, Status.NOMEM: TxStatus.OVERFLOW, Status.BUSY: TxStatus.OVERFLOW}


@dataclass(frozen=True, slots=True)
class _Held:
    handle: int
    psdu: bytes
    destination: bytes | None
    expiry: Timer


class SpinelRadio:
    """The radio of one device. `say(octets)`: to the co-processor; what it says comes by `heard`, and `line` tells whether there is
    one. `identify`: ask it who it is."""

    def __init__(self, kernel: Kernel, name: str, say: Callable[[bytes], object], *, identify: bool = False) -> None:
        self.on_receive: Callable[[bytes, int], object] | None = None
        self.on_confirm: Callable[[int, TxStatus, bool], object] | None = None
        self.on_data_request: Callable[[bytes], bool] | None = None
        self.on_energy: Callable[[int | None], object] | None = None
        self.on_identified: Callable[[str, int], object] | None = None
        """Called with the co-processor's version and its own EUI-64, each time that it is set up."""
        self.name = name
        self._kernel = kernel
        self._say = say
        self._identify = identify
        self._host = Host(identify=identify)
        self._tuned = False
        self._open = False
        self._timer: Timer | None = None
        self._held: list[_Held] = []
        self._measurement: Timer | None = None

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
        """See `radio.Radio.configure`. A co-processor knows 2.4 GHz only."""
        if page or alternate is not None:
            raise LocalProtocolError(f"{self.name}: a dongle has no channel page {page}, and no second address here")
        self._tuned = True
        self._apply(self._host.configure(Tuning(channel, pan_id, short, eui64, rx_on_when_idle, promiscuous), self._kernel.now))

    def transmit(self, handle: int, psdu: bytes, *, indirect: bool = False) -> None:
        """See `radio.Radio.transmit`."""
        if not self._tuned or not MIN_PSDU <= len(psdu) <= MAX_PSDU:
            raise LocalProtocolError(f"{self.name}: a PSDU of {len(psdu)} octets, or the radio is not configured")
        if not indirect:
            self._kernel.after(0, self._send, handle, psdu, who=self.name)
        elif len(self._held) >= MAX_HELD:
            self._kernel.after(0, self._confirm, handle, TxStatus.OVERFLOW, False, who=self.name)
        else:
            expiry = self._kernel.after(PERSISTENCE, self._expired, handle, who=self.name)
            self._held.append(_Held(handle, psdu, MacHeader(psdu).destination, expiry))

    def measure(self, *, channel: int, duration: int, page: int = 0) -> None:
        """See `radio.Radio.measure`. A co-processor that does not tell, or is not there, cannot."""
        if page or not self._tuned:
            raise LocalProtocolError(f"{self.name}: no channel page {page}, or the radio is not configured")
        self._forget_measurement()
        self._measurement = self._kernel.after(duration + 2 * ANSWER, self._measured, None, who=self.name)
        self._kernel.after(0, self._measure, channel, duration, who=self.name)

    def reset(self) -> None:
        """See `radio.Radio.reset`."""
        self.on_receive = None
        self.on_confirm = None
        self.on_energy = None
        self.on_identified = None
        self._tuned = False
        self._forget_measurement()
        for held in self._held:
            held.expiry.cancel()
        self._held.clear()
        self._host = Host(identify=self._identify)
        if self._open:
            self._apply(self._host.start(self._kernel.now))

    def _measure(self, channel: int, duration: int) -> None:
        if self._measurement is not None:
            self._apply(self._host.measure(channel, duration, self._kernel.now))

    def _measured(self, rssi: int | None) -> None:
        if self._measurement is not None:
            self._forget_measurement()
            if self.on_energy is not None:
                self.on_energy(None if rssi is None else min(255, max(0, (rssi - QUIET) * 255 // (STRONGEST - QUIET))))

    def _forget_measurement(self) -> None:
        if self._measurement is not None:
            self._measurement.cancel()
            self._measurement = None

    # --- the line's side ---

    def line(self, there: bool) -> None:
        """A co-processor is on the line now, or none is any more."""
        self._open = there
        self._apply(self._host.start(self._kernel.now) if there else self._host.stop(self._kernel.now))

    def heard(self, octets: bytes) -> None:
        """Octets of the co-processor."""
        self._apply(self._host.feed(octets, self._kernel.now))

    def _apply(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(data=data):
                    self._say(data)
                case Heard(psdu=psdu, lqi=lqi):
                    self._hear(psdu, lqi)
                case Confirmed(handle=handle, status=status, frame_pending=pending):
                    known = next((told for code, told in _STATUSES.items() if code == status), TxStatus.NO_ACK)
                    self._confirm(handle, known, pending)
                case Measured(rssi=rssi):
                    self._measured(rssi)
                case Identified(version=version, eui64=eui64):
                    if self.on_identified is not None:
                        self.on_identified(version, eui64)
                case Refused(property=name, status=status):
                    self._kernel.log.emit(self.name, "dongle.refused", {"property": name, "status": status})
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._host.deadline
        self._timer = None if deadline is None else self._kernel.at(deadline, self._expire, who=self.name)

    def _expire(self) -> None:
        self._timer = None
        self._apply(self._host.expire(self._kernel.now))

    def _hear(self, psdu: bytes, lqi: int) -> None:
        if not MIN_PSDU <= len(psdu) <= MAX_PSDU:
            return
        header = MacHeader(psdu)
        if header.data_request:
            held = next((each for each in self._held if each.destination == header.source), None)
            if held is not None:
                self._held.remove(held)
                held.expiry.cancel()
                self._send(held.handle, held.psdu)
        if self.on_receive is not None:
            self.on_receive(psdu, lqi)

    def _send(self, handle: int, psdu: bytes) -> None:
        self._apply(self._host.transmit(handle, psdu, self._kernel.now))

    def _expired(self, handle: int) -> None:
        self._held = [held for held in self._held if held.handle != handle]
        self._confirm(handle, TxStatus.EXPIRED, False)

    def _confirm(self, handle: int, status: TxStatus, pending: bool) -> None:
        if self.on_confirm is not None:
            self.on_confirm(handle, status, pending)


class ModuleRadio(SpinelRadio):
    """The radio of a board with a slot for it: the co-processor is a module at a UART of the board, and may come and go.

    `port()`: that UART. Who drives the radio has it; a module that comes after that is set up as the one before.
    """

    def __init__(self, kernel: Kernel, name: str, port: Callable[[], Port]) -> None:
        super().__init__(kernel, name, lambda octets: self._port().write(octets), identify=True)
        self.on_line: Callable[[bool], object] | None = None
        """Called when a module goes in or out."""
        self._port = port

    def line(self, there: bool) -> None:
        """See `SpinelRadio.line`."""
        super().line(there)
        if self.on_line is not None:
            self.on_line(there)

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
        if not self._tuned:
            port = self._port()
            port.on_receive, port.on_plug = self.heard, self.line
            if port.occupied and not self._open:
                self.line(True)
        super().configure(
            channel=channel, pan_id=pan_id, short=short, eui64=eui64, rx_on_when_idle=rx_on_when_idle, page=page,
            promiscuous=promiscuous, alternate=alternate,
        )  # fmt: skip

    def reset(self) -> None:
        """See `radio.Radio.reset`."""
        port = self._port()
        self.on_line = None
        self._open = port.powered and port.occupied
        super().reset()
