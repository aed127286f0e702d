"""What the hub publishes, as a device holds it: prices, calendars, what concerns supplier and tenant; electricity and gas apart.

The device keeps the same stores as the hub, in one record of non-volatile memory, and asks for all it may have missed after
joining and after a restart. It acknowledges prices that ask for it. Only the hub is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from devices.parts.han import HUB, Han, NoAnswer, Refused
from devices.parts.network_clock import NetworkClock
from protocols.core.codec import Frame
from protocols.zigbee.calendar.schedule import Zone
from protocols.zigbee.calendar.table import ROWS as CALENDAR
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import EPOCH, Time
from protocols.zigbee.device_management.events import EventConfiguration
from protocols.zigbee.device_management.table import ROWS as DEVICE_MANAGEMENT
from protocols.zigbee.price.current import ACKNOWLEDGE
from protocols.zigbee.price.table import ROWS as PRICE
from protocols.zigbee.publication.store import Store
from protocols.zigbee.publication.table import Row, number
from protocols.zigbee.zcl.cluster import CLIENT, Attribute, Cluster, command_of
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request
from protocols.zigbee.zcl.status import Status

S: Final = 1_000_000_000
KEY: Final = "published"
ELECTRICITY, GAS = 0, 1
"""Commodity types of the hub's Price servers."""
ROWS: Final = PRICE + CALENDAR + DEVICE_MANAGEMENT
ANY_PROVIDER: Final = 0xFFFFFFFF
EVENTS: Final = (
    EventId.CLOCK_ADJ_BACKWARD,
    EventId.CLOCK_ADJ_FORWARD,
    EventId.CLOCK_INVALID,
    EventId.FIRMWARE_READY_FOR_ACTIVATION,
    EventId.FIRMWARE_ACTIVATED,
    EventId.FIRMWARE_ACTIVATION_FAILURE,
)
"""What can happen to a device that can be configured; at first none of it is logged or sent."""


class Published:
    """The client sides on `endpoint`. `changed()`: something holds now or will that did not before."""

    def __init__(
        self, han: Han, endpoint: Endpoint, clock: NetworkClock, changed: Callable[[], object],
        clusters: Sequence[type[Cluster]] = (Price, Calendar, DeviceManagement),
    ) -> None:  # fmt: skip
        self._han = han
        self._endpoint = endpoint
        self._clock = clock
        self._changed = changed
        self._rows = [row for row in ROWS if command_of(row.command).cluster in clusters]
        self._before: Callable[[Frame, Request], Outcome] | None = None
        """Who else hears of prices, from whomever they come."""
        self._nvm = han.board.nvm
        kept = self._nvm.get(KEY, {"fuels": {}, "stores": {}, "zone": [], "events": [(int(event), 0) for event in EVENTS]})
        self._fuels: dict[int, int] = {int(fuel): at for fuel, at in kept["fuels"].items()}
        """Commodity type to the hub's endpoint."""
        self._stores = {int(at): Store(ROWS, plain) for at, plain in kept["stores"].items()}
        self.zone = Zone(*kept["zone"])
        """The premises' time, as the hub has it."""
        self.events = EventConfiguration(dict(kept["events"]))
        """How this device handles its events."""
        for cluster in clusters:
            instance = endpoint.use(cluster)
            self._before = instance.handlers.get(Price.PublishPrice, self._before)
            for command in cluster.commands[CLIENT].values():
                if any(row.command is command for row in ROWS):
                    instance.on(command, self.heard)
        if (DeviceManagement.id, CLIENT) in endpoint.instances:
            management = endpoint.client(DeviceManagement)
            management.on(DeviceManagement.GetEventConfiguration, lambda command, request: self.events.report(command))
        han.add(endpoint)

    @property
    def now(self) -> int | None:
        """Seconds since 2000; None: no reliable time."""
        utc = self._clock.utc
        return None if utc is None else utc // S - EPOCH

    def store(self, fuel: int = ELECTRICITY) -> Store | None:
        """What is published for a fuel; None: nothing ever was."""
        at = self._fuels.get(fuel)
        return None if at is None else self._stores.get(at)

    # --- what comes ---

    def heard(self, command: Frame, request: Request) -> Outcome:
        """A publication of the hub, asked for or not."""
        message = request.message
        if self._before is not None and isinstance(command, Price.PublishPrice):
            self._before(command, request)
        if message.source != HUB:
            return Status.NOT_AUTHORIZED
        return self._take(command, message.source_endpoint)

    def _take(self, command: Frame, at: int) -> Status:
        now = self.now
        if now is None:
            return Status.FAILURE
        store = self._stores.setdefault(at, Store(ROWS))
        self._fuels.setdefault(ELECTRICITY if at == 1 else GAS, at)
        result = store.publish(command, now)
        if result.status:
            self._han.board.log("published.refused", {"command": type(command).__name__, "status": result.status.name})
        if result.changed:
            if isinstance(command, DeviceManagement.SetEventConfiguration):
                self.events.set(command)
            store.expire(now)
            self._keep()
            self._changed()
        if isinstance(command, Price.PublishPrice) and (command.price_control or 0) & ACKNOWLEDGE:
            self._say(at, Price.PriceAcknowledgement(command.provider_id, command.issuer_event_id, now, ACKNOWLEDGE))
        return result.status

    def _keep(self) -> None:
        fuels = {str(fuel): at for fuel, at in self._fuels.items()}
        stores = {str(at): store.plain() for at, store in self._stores.items()}
        zone = [self.zone.standard, self.zone.dst_start, self.zone.dst_end, self.zone.dst_shift]
        self._nvm.put({KEY: {"fuels": fuels, "stores": stores, "zone": zone, "events": list(self.events.held.items())}})

    # --- what is asked and said ---

    def answer_peak(self, event: int, *, accept: bool, fuel: int = ELECTRICITY) -> None:
        """The customer's answer to a critical peak."""
        self._say(self._fuels.get(fuel, 1), Price.CppEventResponse(event, 1 if accept else 2))

    def _say(self, at: int, command: Frame) -> None:
        self._han.firmware.spawn(self._tell(at, command))

    async def _tell(self, at: int, command: Frame) -> None:
        try:
            await self._han.tell(HUB, at, command)
        except NoAnswer as reason:
            self._han.board.log("published.not-told", {"command": type(command).__name__, "reason": str(reason)})

    async def fetch(self) -> None:
        """Ask each of the hub's Price servers for all it has, and for the premises' time. Raises NoAnswer."""
        await self.fetch_zone()
        found: dict[int, int] = {}
        for at in sorted({at for _, at in await self._han.match([Price.id], destination=HUB)}):
            try:
                values = await self._han.read(HUB, at, Price, [Price.commodity_type])
            except Refused:
                continue
            fuel = ELECTRICITY if values.get(Price.commodity_type) != GAS else GAS
            self._fuels[fuel] = found.setdefault(fuel, at)  # of several gas meters it is the first one's that counts
            await self.fetch_from(at)

    async def fetch_zone(self) -> None:
        """Ask what local time is. Raises NoAnswer."""
        wanted: list[Attribute[int]] = [Time.time_zone, Time.dst_start, Time.dst_end, Time.dst_shift]
        try:
            values = await self._han.read(HUB, 1, Time, wanted)
        except Refused:
            return
        told = [values.get(each) for each in wanted]
        zone = Zone(*(each for each in told if each is not None)) if None not in told else Zone()
        if zone != self.zone:
            self.zone = zone
            self._keep()
            if self._stores:
                self._changed()

    async def fetch_from(self, at: int) -> None:
        """Ask a server for all publications of the clusters used, heads before their parts. Raises NoAnswer."""
        for row in self._rows:
            for question in self._questions(row, at):
                try:
                    answer = await self._han.request(HUB, at, question, row.command)
                except Refused:
                    continue
                self._take(answer, at)

    def _questions(self, row: Row, at: int) -> list[Frame]:
        """The Get commands for all of a row: one, or one for each thing that heads it."""
        if row.question is None or row.command is DeviceManagement.RequestNewPasswordResponse:
            return []
        fields = row.question.__struct_fields__
        if not ({"issuer_tariff_id", "issuer_calendar_id"} & set(fields)):
            return [_question(row.question, {})]
        store = self._stores.get(at)
        heads = [] if store is None or row.of is None else [entry.first for entry in store.entries(row.of)]
        return [_question(row.question, {name: number(head, name) for name in _NAMES}) for head in heads]


_NAMES: Final = ("provider_id", "issuer_tariff_id", "issuer_calendar_id", "calendar_type")
_ALL: Final = {"calendar_type": 0xFF, "provider_id": ANY_PROVIDER}
"""Values of a question that ask for everything; 0 does for the rest."""


def _question(kind: type[Frame], known: dict[str, int]) -> Frame:
    make: Callable[..., Frame] = kind
    return make(*(known.get(name, _ALL.get(name, 0)) for name in kind.__struct_fields__))
