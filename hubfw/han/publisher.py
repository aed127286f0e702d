"""Prices, calendars and what concerns supplier and tenant, as the hub publishes them on one endpoint (SE 1.4 annex D).

What is published is kept in one record of non-volatile memory, served to who asks, pushed to the displays that use the
cluster (how events are handled to the electricity meter, too), and shown in the Price attributes from its start time on. A
display that does not get a push is told thrice; it asks by itself when it is back, and an electricity meter is told later
(`late`). While the hub has no time, nothing is taken and nothing is in force.

Not here: how suppliers' wishes come to the hub (`tariffs`); consumption in each tier, so that a price by tier and block is left
to the meter.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.parts.han import Han, NoAnswer
from devices.runtime.kernel import MIN, S
from hubfw.config import ESME, IHD, PPMID
from hubfw.device_log import DeviceLog
from hubfw.gas_meters import FUEL as GAS
from hubfw.han.late import Late
from hubfw.han.tariffs import ELECTRICITY
from protocols.core.codec import Frame
from protocols.zigbee.calendar.table import ROWS as CALENDAR
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.device_management.attributes import attributes as suppliers
from protocols.zigbee.device_management.table import ROWS as DEVICE_MANAGEMENT
from protocols.zigbee.price.attributes import attributes
from protocols.zigbee.price.current import current_price
from protocols.zigbee.price.table import ROWS as PRICE
from protocols.zigbee.price.tariff import WHOLE
from protocols.zigbee.publication.store import Result, Store
from protocols.zigbee.zcl.cluster import Cluster, command_of
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware
    from devices.runtime.kernel import Timer
    from protocols.zigbee.calendar.schedule import Zone

GATHER: Final = S
"""What is published together goes together."""
ELECTRIC, OF_GAS = 0, 1
"""Commodity types: electricity and gas."""
ROUNDS: Final = 3
PAUSE: Final = MIN
READERS: Final = (IHD, PPMID)
TO_METERS: Final = (DeviceManagement.SetEventConfiguration, DeviceManagement.GetEventConfiguration)
"""What meters are told, too."""
CLUSTERS: Final[tuple[type[Cluster], ...]] = (Price, Calendar, DeviceManagement)

_KEY: Final = "published/"


def stored(fuel: str) -> str:
    """The key of a fuel's record."""
    return _KEY + fuel


class Publisher:
    """The server sides on `endpoint`. `used()`: consumption since the block period began, in the tariff's unit, None: unknown.

    `fuel`: the word for it; `meter`: of gas, whose it is. `published(command)` hears of each publication that was taken. Who is not
    `shown` the endpoint is not told, and gets no answer to a question.
    """

    def __init__(
        self,
        firmware: Firmware,
        han: Han,
        endpoint: Endpoint,
        log: DeviceLog,
        fuel: str,
        meter: int | None,
        used: Callable[[], Fraction | None],
        published: Callable[[Frame], object],
        zone: Callable[[int], Zone],
        shown: Callable[[int | None, int], bool],
    ) -> None:
        self._firmware = firmware
        self._board = firmware.board
        self._han = han
        self._endpoint = endpoint
        self._log = log
        self._fuel = fuel
        self._used = used
        self._published = published
        self._zone = zone
        self._shown = shown
        self._told: dict[str, object] = {"fuel": GAS, "meter": meter} if fuel not in (GAS, ELECTRICITY) else {"fuel": fuel}
        self.responses: dict[int, dict[int, int]] = {}
        """Critical peak event to who answered what."""
        self._late = Late(firmware, han, log, endpoint.number) if fuel == ELECTRICITY else None
        self._outbox: list[Frame] = []
        self._timer: Timer | None = None
        self.store = Store(PRICE + CALENDAR + DEVICE_MANAGEMENT, self._board.nvm.get(stored(fuel)))
        for cluster in CLUSTERS:
            endpoint.serve(cluster)
        price = endpoint.server(Price)
        self._usual = dict(price.values) | {Price.commodity_type.id: ELECTRIC if fuel == ELECTRICITY else OF_GAS}
        self._usual_price = price.handlers.get(Price.GetCurrentPrice)
        for question in self.store.questions:
            endpoint.server(command_of(question).cluster).on(question, self._asked)
        price.on(Price.GetCurrentPrice, self._current)
        price.on(Price.PriceAcknowledgement, self._acknowledged)
        price.on(Price.CppEventResponse, self._peak_answered)
        endpoint.server(DeviceManagement).on(DeviceManagement.ReportEventConfiguration, self._configured)
        han.add(endpoint)
        self._board.rtc.on_set.append(self._switch)
        self._switch()

    @property
    def endpoint(self) -> int:
        """Its number."""
        return self._endpoint.number

    @property
    def now(self) -> int | None:
        """Seconds since 2000; None: the hub has no time."""
        rtc = self._board.rtc
        return seconds(rtc.read()) if rtc.valid else None

    # --- what comes from suppliers ---

    def publish(self, command: Frame) -> Status:
        """Take a publication, keep it, and tell the displays."""
        now = self.now
        if now is None:
            return Status.FAILURE
        result = self.store.publish(command, now)
        self._note(command, result)
        if result.changed and result.frame is not None:
            self._board.nvm.put({stored(self._fuel): self.store.plain()})
            self._switch()
            self._published(command)
            self._push(result.frame)
        return result.status

    def ask(self, command: DeviceManagement.GetEventConfiguration) -> None:
        """Have the displays say how they handle an event; the answers are in the event log."""
        self._push(command)
        self._published(command)

    def _note(self, command: Frame, result: Result) -> None:
        word = "taken" if result.changed else "ignored" if result.status is Status.SUCCESS else result.status.name
        self._board.log("hub.published", {**self._told, "command": type(command).__name__, "result": word})

    # --- the clock ---

    def _switch(self) -> None:
        """What begins or ends by now; the attributes are as it stands, and the next change is waited for."""
        now = self.now
        if now is None:
            return
        if self.store.expire(now):
            self._board.nvm.put({stored(self._fuel): self.store.plain()})
        price, management = self._endpoint.server(Price), self._endpoint.server(DeviceManagement)
        price.values.clear()
        price.values.update(self._usual)
        for attribute, value in attributes(self.store, now).items():
            price[attribute] = partial(_value, value)  # nobody writes what suppliers publish
        management.values.clear()
        for attribute, value in suppliers(self.store, now).items():
            management[attribute] = value
        if self._timer is not None:
            self._timer.cancel()
        due = self.store.deadline(now)
        self._timer = None if due is None else self._firmware.at(self._board.rtc.when((due + EPOCH) * S), self._due)

    def _due(self) -> None:
        self._timer = None
        self._board.log("hub.switched", self._told)
        self._switch()

    # --- who asks ---

    def _asked(self, question: Frame, request: Request) -> Outcome:
        now = self.now
        if not self._shown(request.message.source_eui64, self.endpoint):
            return Status.NOT_AUTHORIZED
        return Status.NOT_FOUND if now is None else self.store.answer(question, now)

    def _current(self, command: Price.GetCurrentPrice, request: Request) -> Outcome:
        now = self.now
        price = None if now is None else current_price(self.store, now, used=self._consumption, zone=self._zone(now))
        if price is not None:
            return price
        return Status.NOT_FOUND if self._usual_price is None else self._usual_price(command, request)

    def _consumption(self, tier: int) -> Fraction | None:
        return self._used() if tier == WHOLE else None

    # --- what displays say ---

    def _acknowledged(self, command: Price.PriceAcknowledgement, request: Request) -> Outcome:
        told = {"event": command.issuer_event_id, "by": request.message.source_eui64, "at": command.price_ack_time}
        self._board.log("hub.price-acknowledged", told)
        return Status.SUCCESS

    def _peak_answered(self, command: Price.CppEventResponse, request: Request) -> Outcome:
        """A customer accepts or refuses a critical peak; the event is published again as it stands now."""
        by = request.message.source_eui64
        events = self.store.entries(Price.PublishCppEvent)
        event = next((entry.first for entry in events if entry.event == command.issuer_event_id), None)
        if by is None or self._log.kind(by) not in READERS:
            return Status.NOT_AUTHORIZED
        if event is None:
            return Status.NOT_FOUND
        if command.cpp_auth not in (1, 2):
            return Status.INVALID_FIELD
        self._board.log("hub.cpp-response", {"event": command.issuer_event_id, "by": by, "answer": command.cpp_auth})
        self.responses.setdefault(command.issuer_event_id, {})[by] = command.cpp_auth
        assert isinstance(event, Price.PublishCppEvent)
        if event.cpp_auth == 0:
            values = {name: getattr(event, name) for name in event.__struct_fields__}
            self.publish(Price.PublishCppEvent(**{**values, "cpp_auth": command.cpp_auth}))
        return Status.SUCCESS

    def _configured(self, command: DeviceManagement.ReportEventConfiguration, request: Request) -> Outcome:
        held = {f"{each.event_id:#06x}": each.event_configuration for each in command.event_configuration_payload}
        self._board.log("hub.event-configuration", {"by": request.message.source_eui64, "held": held})
        return Status.SUCCESS

    # --- telling displays ---

    def _push(self, command: Frame) -> None:
        self._outbox.append(command)
        if len(self._outbox) == 1:
            self._firmware.spawn(self._tell())

    async def _tell(self) -> None:
        await self._firmware.sleep(GATHER)
        while self._outbox:
            commands = list(self._outbox)
            told: dict[int, int] = {}
            for attempt in range(ROUNDS):
                if attempt:
                    await self._firmware.sleep(PAUSE)
                if await self._round(commands, told):
                    break
            self._lost(commands, told)
            del self._outbox[: len(commands)]
            self._tell_later(commands, told)

    def _tell_later(self, commands: list[Frame], told: dict[int, int]) -> None:
        """Electricity meters don't ask for what they have missed."""
        if self._late is None:
            return
        for device in (each for each in self._log.of(ESME) if each.joined):
            missed = commands[told.get(device.eui64, 0) :]
            wishes = [each for each in missed if isinstance(each, DeviceManagement.SetEventConfiguration)]
            if wishes:
                self._late.put(device.eui64, wishes)

    def _lost(self, commands: list[Frame], told: dict[int, int]) -> None:
        """Displays that were not there in any round did not hear of it; they ask when they are back."""
        for device in self._log.of(*READERS):
            for command in commands[told.get(device.eui64, 0) :] if device.joined else ():
                self._board.log("hub.publication-lost", {"display": device.eui64, "command": type(command).__name__})

    async def _round(self, commands: list[Frame], told: dict[int, int]) -> bool:
        """Tell each display what it has not heard yet, in order. True when all that answer have all."""
        clients: dict[int, dict[int, int]] = {}
        for cluster in dict.fromkeys(command_of(type(command)).cluster.id for command in commands):
            try:
                found = await self._han.match([cluster], served=False)
            except NoAnswer:
                return False
            for address, endpoint in found:
                clients.setdefault(address, {})[cluster] = endpoint
        done = True
        for address, endpoints in clients.items():
            eui64 = self._han.stack.eui64_of(address)
            kind = None if eui64 is None else self._log.kind(eui64)
            if eui64 is None or kind not in (*READERS, ESME) or (self._late is not None and eui64 in self._late):
                continue
            if not self._shown(eui64, self.endpoint):
                continue
            for number in range(told.get(eui64, 0), len(commands)):
                command = commands[number]
                endpoint_of = endpoints.get(command_of(type(command)).cluster.id)
                try:
                    if endpoint_of is not None and (kind in READERS or self._for_meters(command)):
                        await self._han.tell(address, endpoint_of, command, source=self._endpoint.number)
                except NoAnswer:
                    done = False
                    break
                told[eui64] = number + 1
        return done

    def _for_meters(self, command: Frame) -> bool:
        """A meter that goes by published rates uses Price and Calendar; any other has no use for them, and is not told.

        How events are handled is said to the meter of the fuel; the gas meter sleeps, and hears it by itself.
        """
        if isinstance(command, TO_METERS):
            return self._fuel == ELECTRICITY
        return command_of(type(command)).cluster in (Price, Calendar)


def _value(value: object) -> object:
    return value
