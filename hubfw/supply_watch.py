"""The hub's watch over the premises' supply: what the meters report and what the hub itself senses, and what is said of it.

The meters' own reports count (Metering Status, bit 3, from the electricity meters of the device log). The hub's own sense stands in
where no meter has spoken five seconds after the hub lost its supply: a home whose electricity meter is not fitted yet, or is not on
the HAN, or was not heard. Then the loss is counted from the hub's own, and the voltage at the hub decides when it is over.

While a meter that reported a loss is awaited and the hub itself has supply, the hub asks it now and then, so that a report that
was lost or overtaken on the air leaves no outage open, and makes none.

State, record and notifications are stored in one transaction: a power cut leaves all of a decision or none of it. The rules are
`outage`'s; sending is `wan.notifier`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from devices.parts.deadline import Deadline
from devices.parts.han import Han, NoAnswer, Refused
from devices.runtime.board import Reset
from devices.runtime.kernel import MS, S, Timer
from hubfw.config import Config
from hubfw.device_log import DeviceLog
from hubfw.hub_device import OUTAGE, RESTORED, SupplyRecord
from hubfw.outage import FirstBreath, Interruption, LastGasp, Persist, State, Supervisor
from hubfw.supply_reports import SupplyReports
from hubfw.wan.notifier import Notifier
from protocols.core.effects import Effect
from protocols.zigbee.clusters.metering import Metering, Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

STAND_IN: Final = 5 * S
"""How long the meters have to speak before the hub's own sense counts."""
LAST_MOMENT: Final = 50 * MS
"""Before the reserve ends: when the hub writes down that it goes dark."""
ASK: Final = 30 * S
"""How often a meter that is awaited is asked."""
HUB: Final = "hub"
"""The hub's own sense among the sources."""
NOT_WELL: Final = Status.POWER_FAILURE | Status.POWER_QUALITY

TO_SEND: Final = 5 * S
"""Of the reserve, for sending a last gasp that waited for its turn in the street."""

_STATE, _RECORD, _THRESHOLD, _TOLD = "outage/state", "outage/record", "outage/threshold", "outage/told"


class SupplyWatch:
    """One premises. `notification()`: the APDU that tells what the record says at this moment; `reports`: what is told of it."""

    def __init__(
        self,
        firmware: Firmware,
        config: Config,
        log: DeviceLog,
        han: Han,
        record: SupplyRecord,
        notifier: Notifier,
        notification: Callable[[], bytes],
        reports: SupplyReports,
    ) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._config = config
        self._log = log
        self._han = han
        self._record = record
        self._notifier = notifier
        self._notification = notification
        self._reports = reports
        store = self._board.nvm
        for name, value in store.get(_RECORD, {}).items():
            setattr(record, name, value)
        self.supervisor = Supervisor(
            firmware.now, self._utc, store.get(_STATE),
            threshold=store.get(_THRESHOLD, config.outage_after_ns), grace=config.decide_ns,
        )  # fmt: skip
        self._deadline = Deadline(
            firmware,
            lambda: self.supervisor.deadline,
            lambda: self._apply(self.supervisor.expire(firmware.now, self._utc)),
        )
        self._own_loss: tuple[int, int] | None = None
        self._timers: list[Timer] = []
        self._asking = False
        self._endpoints: dict[str, int] = {}

    @property
    def _utc(self) -> int:
        return self._board.rtc.read()

    @property
    def threshold(self) -> int:
        """A loss strictly longer than this is an outage, ns."""
        return self.supervisor.threshold

    @threshold.setter
    def threshold(self, ns: int) -> None:
        self.supervisor.threshold = ns
        self._board.nvm.put({_THRESHOLD: ns})

    # --- the hub's own supply ---

    def boot(self, why: Reset) -> None:
        """After the clock is set and the network is up."""
        supervisor = self.supervisor
        if why is Reset.POWER_ON and supervisor.state is State.DIP:
            self._apply(supervisor.reserve_empty(self._firmware.now, self._utc))  # it ended before it could be written down
        for source in supervisor.waiting:
            if source != HUB and self._log.get(int(source, 16)) is None:
                self._apply(supervisor.restored(source, self._firmware.now, self._utc))
        if why is Reset.POWER_ON:
            self._take_turn()
        if self._board.supply.live:
            self.on_power_return()
        else:
            self.on_power_fail()
        self._notifier.start()
        self._deadline.arm()

    def on_power_fail(self) -> None:
        """The hub runs on its reserve."""
        self._forget_timers()
        self._own_loss = self._firmware.now, self._utc
        left = self._board.supply.hold_up_left
        self._timers = [self._firmware.after(STAND_IN, self._stand_in)]
        if left > LAST_MOMENT:
            self._timers.append(self._firmware.after(left - LAST_MOMENT, self._reserve_ends))

    def on_power_return(self) -> None:
        """The hub has supply."""
        self._forget_timers()
        if self._own_loss is not None:
            self._take_turn()
        self._own_loss = None
        self._apply(self.supervisor.returned(self._firmware.now, self._utc))
        self.on_voltage()

    def on_voltage(self) -> None:
        """The hub's supply has another voltage."""
        lowest, highest = self._config.voltage_limits
        if HUB in self.supervisor.waiting and lowest <= self._board.supply.volts <= highest:
            self._apply(self.supervisor.restored(HUB, self._firmware.now, self._utc))

    def _take_turn(self, at_most: int | None = None) -> None:
        """A whole street lost its supply, or has it again: do not all talk at once."""
        spread = self._config.restart_spread_ns
        if spread:
            wait = int(self._board.rng("restart spread").random() * spread)
            self._notifier.hold(wait if at_most is None else max(0, min(wait, at_most)))

    def _stand_in(self) -> None:
        if self._own_loss is not None and self.supervisor.state is State.ON:
            self._board.log("outage.own-sense", {})
            self._apply(self.supervisor.lost(HUB, *self._own_loss))

    def _reserve_ends(self) -> None:
        self._log.save()
        self._apply(self.supervisor.reserve_empty(self._firmware.now, self._utc))

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []

    # --- the meters ---

    def reported(self, eui64: int, endpoint: int, status: int) -> None:
        """An electricity meter's Metering Status."""
        self._reports.heard(eui64, status)
        source = f"{eui64:016X}"
        self._endpoints[source] = endpoint
        if status & Status.POWER_FAILURE:
            self._board.log("outage.lost", {"eui64": eui64})
            self._apply(self.supervisor.lost(source, self._firmware.now, self._utc))
        elif not status & NOT_WELL and self.supervisor.waiting:
            self._board.log("outage.restored", {"eui64": eui64})
            self._apply(self.supervisor.restored(source, self._firmware.now, self._utc))

    def _awaited(self) -> list[str]:
        if not self._board.supply.live or self.supervisor.state is State.ON:
            return []
        return [source for source in self.supervisor.waiting if source != HUB]

    async def _ask(self) -> None:
        while self._awaited():
            await self._firmware.sleep(ASK)
            for source in self._awaited():
                address = self._han.stack.address_of(int(source, 16))
                if address is None:
                    continue
                endpoint = self._endpoints.get(source, 1)
                try:
                    values = await self._han.read(address, endpoint, Metering, [Metering.status])
                except (NoAnswer, Refused):
                    continue
                status = values.get(Metering.status)
                if status is not None:
                    self.reported(int(source, 16), endpoint, status)
        self._asking = False

    # --- what comes of it ---

    def _apply(self, effects: Iterable[Effect]) -> None:
        stored: dict[str, object] = {}
        record = self._record
        for effect in effects:
            match effect:
                case LastGasp(lost=lost):
                    record.event, record.lost, record.duration = OUTAGE, lost, self._utc - lost
                    record.failures += 1
                    record.long_failures += 1
                    stored[_TOLD] = self._reports.outage(self.supervisor.waiting)
                    if not self._board.supply.live:
                        self._take_turn(self._board.supply.hold_up_left - TO_SEND)
                    self._tell("outage", lost, record.duration, stored)
                case FirstBreath(lost=lost, restored=restored):
                    record.event, record.lost, record.duration = RESTORED, lost, restored - lost
                    self._tell("restored", lost, record.duration, stored)
                case Interruption(kind=kind, lost=lost, ended=ended):
                    record.lost, record.duration = lost, ended - lost
                    record.failures += 1
                    record.long_failures += kind == "missed"
                    stored[_RECORD] = record.plain()
                    self._board.log("outage", {"what": kind, "lost": lost, "duration": ended - lost})
                case Persist(state=state):
                    stored[_STATE] = state
        self._board.nvm.put(stored)
        self._notifier.start()
        self._deadline.arm()
        if not self._asking and self._awaited():
            self._asking = True
            self._firmware.spawn(self._ask())

    def _tell(self, what: str, lost: int, duration: int, stored: dict[str, object]) -> None:
        self._board.log("outage", {"what": what, "lost": lost, "duration": duration})
        stored[_RECORD] = self._record.plain()
        if stored.get(_TOLD, self._board.nvm.get(_TOLD, True)):  # whose loss was told, its return is, whatever is chosen since
            stored.update(self._notifier.add(self._notification()))
