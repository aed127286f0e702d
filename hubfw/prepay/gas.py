"""The gas account, and the meter that has none: at each report the hub reckons, and answers with a cut-off (paper B, appendix C).

The cut-off is the last volume and what the credit pays for from there at the rate and in the block of the moment; it is written at
every contact, so it follows top-ups, rates and blocks within half an hour. In friendly hours an open valve has none. What else the
meter is to do or to tell (`order`, `ask`) waits for its next report. Half hours without a report are counted, told to displays and
head end when they begin, and given back only in credit.

Everything of one decision is one record in flash. Not here: what people type (`face`), tokens (`purse`), COSEM (`objects`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from devices.parts.han import Han, NoAnswer, Refused
from devices.runtime.kernel import MIN
from hubfw.config import PREPAY_GAS
from hubfw.device_log import DeviceLog
from hubfw.prepay.account import Account
from hubfw.prepay.config import Prepay
from hubfw.prepay.contact import HALF_HOUR, Contact, News
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.cosem.zone import Zone
from protocols.zigbee.clusters.metering import DeviceType, Metering, SupplyStatus, Unit
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.hub_prepayment import codes
from protocols.zigbee.hub_prepayment.cluster import NEVER, HubPrepayment, Valve
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware

SILENT: Final = 3
HEARD: Final = 4
TIME_OUT: Final = 5
LOW: Final = 6
"""Event codes of the hub's notifications."""
TEXTS: Final = {
    SILENT: "Gas meter out of contact. Gas goes on for now.",
    TIME_OUT: "Gas may stop: the meter has been out of contact too long.",
    LOW: "Gas credit is low.",
}
DUE: Final = 2 * MIN
"""After a half hour: when its report is missing. The meter counts it as soon as nobody answers."""
LITRES: Final = 10**8
FORMAT: Final = 0b0_0101_011
CONSTANT: Final[dict[Attribute[object], object]] = {
    Metering.unit_of_measure: Unit.CUBIC_METRES,
    Metering.multiplier: 1,
    Metering.divisor: 1000,
    Metering.summation_formatting: FORMAT,
    Metering.metering_device_type: DeviceType.GAS,
}
"""What the mirror shows of every such meter."""
_GAS, _EXCHANGE = "prepay/gas", "prepay/exchange"
QUESTIONS: Final[tuple[tuple[type[Frame], type[HubPrepayment.Volume | HubPrepayment.CutOff | HubPrepayment.PrepayStatus]], ...]] = (
    (HubPrepayment.ReadVolume, HubPrepayment.Volume),
    (HubPrepayment.ReadCutOff, HubPrepayment.CutOff),
    (HubPrepayment.ReadPrepayStatus, HubPrepayment.PrepayStatus),
)
"""What the meter can be asked, and what answers it: from 1 on."""


class GasPrepay:
    """The part. `show(eui64, set)`: for the mirror; `warn(text)`: for displays; `notice(code)`: for the head end."""

    def __init__(
        self,
        firmware: Firmware,
        han: Han,
        endpoint: Endpoint,
        config: Prepay,
        log: DeviceLog,
        *,
        show: Callable[[int, dict[tuple[int, int], object]], object],
        warn: Callable[[str], object],
        notice: Callable[[int], object],
        zone: Callable[[], Zone],
    ) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._config = config
        self._log = log
        self._show, self._warn, self._notice = show, warn, notice
        self.account = Account(config.gas, config.energy, config.emergency, config.opening, zone=zone)
        self.contact = Contact(config.delay, config.delay)
        self.valve = Valve.OPEN
        """As last reported."""
        self.volume = 0
        self.closed = False
        """By an order of the head end, until it is taken back."""
        self._orders: list[Frame] = []
        self.question = 0
        """What the meter is asked at its next report: its place in `QUESTIONS`, from 1; 0: nothing."""
        self.answer: tuple[int, Frame] | None = None
        """What it answered last, and when (UTC ns)."""
        stored = self._board.nvm.get(_GAS)
        if stored is not None:
            self._restore(stored)
        client = endpoint.use(HubPrepayment)
        client.on(HubPrepayment.Report, self._reported)
        client.on(HubPrepayment.LowCredit, self._low)

    def start(self) -> None:
        """Begin to count half hours."""
        self._firmware.every(HALF_HOUR, lambda: self._firmware.after(DUE, self._half_hour), align=True)
        self._half_hour()  # those that passed without power

    # --- what the account says ---

    @property
    def cut_off(self) -> int:
        """The volume at which the meter is to close now."""
        self.account.advance(self._utc)
        if self.closed:
            return 0
        if self.valve is Valve.OPEN and self._config.is_friendly(self.account.zone().local(self._utc)):
            return NEVER
        return min(self.volume + self.account.affordable(), NEVER)

    @property
    def _utc(self) -> int:
        return self._board.rtc.read()

    def plain(self) -> dict[str, object]:
        """What goes to flash whenever anything of it changes."""
        return {_GAS: {
            "account": self.account.plain(), "contact": self.contact.plain(), "valve": int(self.valve), "volume": self.volume,
            "closed": self.closed,
        }}  # fmt: skip

    def _restore(self, stored: dict[str, Any]) -> None:
        self.account.restore(stored["account"])
        self.contact.restore(stored["contact"])
        self.valve, self.volume, self.closed = Valve(stored["valve"]), stored["volume"], stored["closed"]

    def changed(self, what: str) -> None:
        """Tell the log how things stand: a chart is made of it."""
        self._board.log("prepay.gas", {
            "what": what, "balance": self.account.balance, "lent": self.account.lent, "volume": self.volume,
            "cut_off": self.cut_off, "left": self.contact.left, "failed": self.contact.failed, "valve": self.valve.name,
        })  # fmt: skip

    # --- the meter ---

    def _reported(self, command: HubPrepayment.Report, request: Request) -> Outcome:
        source = request.message.source_eui64
        if source is None or self._log.kind(source) != PREPAY_GAS:
            return Status.NOT_AUTHORIZED
        if self.account.register is not None and command.volume < self.account.register:
            self._board.log("prepay.register-fell", {"from": self.account.register, "to": command.volume})
            return Status.INVALID_VALUE
        if command.valve not in list(Valve):
            return Status.INVALID_FIELD
        self.account.advance(self._utc)
        self.account.read(command.volume)
        self.volume, self.valve = command.volume, Valve(command.valve)
        due = self._utc % HALF_HOUR < HALF_HOUR // 2
        news = self.contact.report(in_credit=self.account.in_credit, due=due)
        with self._board.nvm.together():
            self._board.nvm.put(self.plain())
            self._show(source, self._set())
            if news is News.RESTORED:
                self._notice(HEARD)
        self.changed("report")
        if self._orders or self.question:
            self._firmware.spawn(self._give(request.message.source, request.message.source_endpoint))
        return HubPrepayment.WriteCutOff(self.cut_off, self.contact.left)

    def _low(self, command: HubPrepayment.LowCredit, request: Request) -> Outcome:
        source = request.message.source_eui64
        if source is None or self._log.kind(source) != PREPAY_GAS:
            return Status.NOT_AUTHORIZED
        self._warn(TEXTS[LOW])
        self.changed("low credit")
        return Status.SUCCESS

    async def _give(self, address: int, endpoint: int) -> None:
        """What waited for the meter, in order; what does not arrive waits on."""
        while self._orders:
            try:
                await self._han.tell(address, endpoint, self._orders[0])
            except (NoAnswer, Refused):
                return
            del self._orders[0]
        if self.question:
            question, answer = QUESTIONS[self.question - 1]
            try:
                self.answer = self._utc, await self._han.request(address, endpoint, question(), answer)
            except (NoAnswer, Refused):
                return
            self.question = 0

    def _half_hour(self) -> None:
        if self.account.register is None or not self._board.rtc.valid:
            return  # the meter has never reported: there is nothing to lose contact with
        number = (self._utc - DUE) // HALF_HOUR
        if number == self.contact.counted:
            return
        self.account.advance(self._utc)
        news = self.contact.half_hour(number)
        code = {News.FAILED: SILENT, News.ENDED: TIME_OUT}.get(news)
        with self._board.nvm.together():  # who has counted it has told it, and the mirror is the account's
            self._board.nvm.put(self.plain())
            if code is not None:
                self._notice(code)
        self.changed(news.value)
        if code is not None:
            self._warn(TEXTS[code])

    def _set(self) -> dict[tuple[int, int], object]:
        values = CONSTANT | {
            Metering.current_summation_delivered: self.volume,
            Metering.reading_snapshot_time: seconds(self._utc),
            Metering.supply_status: SupplyStatus.ON if self.valve is Valve.OPEN else SupplyStatus.OFF,
        }
        return {(Metering.id, attribute.id): value for attribute, value in values.items()}

    # --- head end and people ---

    def order(self, valve: Valve) -> None:
        """Close the valve for good, or take that back: at the meter's next report."""
        self.closed = valve is Valve.CLOSED
        self._orders = [HubPrepayment.CloseValve() if self.closed else HubPrepayment.OpenValve()]
        if not self.closed and not self.account.affordable():
            self._orders = []  # without credit it would only close again
        self._board.nvm.put(self.plain())
        self.changed(f"ordered {valve.name.lower()}")

    def program(self, delay: int) -> None:
        """So many half hours gas flows on without contact, from the next time that the time-out is reset."""
        self.contact.program(delay)
        self._board.nvm.put(self.plain())
        self.changed("time-out programmed")

    def ask(self, question: int) -> None:
        """Have the meter asked at its next report; 0: nothing any more."""
        self.question = question

    def lend(self) -> bool:
        """Emergency credit is taken; whether there was any to have."""
        lent = self.account.lend()
        if lent:
            self._board.nvm.put(self.plain())
            self.changed("emergency credit")
        return lent

    def carried(self, digits: str) -> str:
        """A reading carried from the meter by hand: the code that reopens its valve. Raises RemoteProtocolError with why not,
        in as many letters as a display has columns."""
        known: int = self._board.nvm.get(_EXCHANGE, 0)
        for exchange in (known, known + 1):  # the last code was used, or was not
            try:
                litres = codes.open_reading(self._config.code_key, digits, exchange)
            except RemoteProtocolError:
                if exchange > known:
                    raise
                continue
            break
        register = self.account.register or 0
        full = register // LITRES * LITRES + litres
        if full < register:
            raise RemoteProtocolError("below the last reading")
        self.account.advance(self._utc)
        self.account.read(full)
        self.volume = full
        self._board.nvm.put({_EXCHANGE: exchange, **self.plain()})
        self.changed("reading carried")
        cubic_metres = self.account.affordable() // 1000
        if self.closed:
            raise RemoteProtocolError("closed by the supplier")
        if not cubic_metres:
            raise RemoteProtocolError("no credit for one m3")
        return codes.reopening(self._config.code_key, cubic_metres, litres, exchange)
