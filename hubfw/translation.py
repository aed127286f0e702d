"""COSEM objects of the gas proxy and what they are in Smart Energy: rows of one table, an item each (`translation_rows`).

The one translation of the system: the head end speaks COSEM to gas and electricity alike. A row says in which object an item is,
which attribute of which cluster it comes from, by which coding, how fresh it is, and what a write or a method becomes. Values come
from the last complete set of the meter's mirror (MIRROR), from what is published through this hub (HUB), or from the meter's answer
to a question that waited for its wake (ASKED); never from a meter that is asleep. A write or a method is an order for the next
wake: success means that it waits in the mirror, and the object PENDING shows what does. Registers carry the time at which their
set arrived.

Refusals: temporary-failure before the first complete set and without time; object-unavailable for what the meter does not report,
or nobody has published; read-write-denied where a meter has no such orders; scope-of-access-violated for a value that the other
side cannot say. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from hubfw.gas_mirror import Reading
from protocols.core.codec import Frame
from protocols.dlms import cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, Unit, date_time
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters import metering
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import FLAG_WORDS, WORD
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import seconds
from protocols.zigbee.zcl.cluster import Attribute, Cluster
from protocols.zigbee.zcl.status import Status

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from hubfw.han.mirrors import Mirrors
    from hubfw.han.publisher import Publisher
    from hubfw.han.tariffs import Tariffs
    from protocols.zigbee.clusters.mirror import Flag
    from protocols.zigbee.publication.store import Store

MOST_WAITING: Final = 8
"""Orders of a kind, where several wait beside each other (`mirror.notification`)."""
_EVENT: Final = "gas/order"


class Freshness(Enum):
    """How old a value may be."""

    MIRROR = "mirror"
    """As the meter's last complete set."""
    HUB = "hub"
    """What was published through this hub, and is in force."""
    NEXT_WAKE = "next wake"
    """It is an order: carried out when the meter wakes."""
    ASKED = "asked"
    """The method `capture` has the meter asked at its next wake; then it is there."""
    NOW = "now"
    """The hub tells the devices at once."""


class Gas:
    """One gas meter as its proxy knows it. `fuel`: the word under which something is published for it."""

    def __init__(self, board: Board, eui64: int, mirrors: Mirrors, tariffs: Tariffs, fuel: str = "gas") -> None:
        self.eui64 = eui64
        self.translated = 0
        """Translations so far: of a path through this proxy each item counts one."""
        self._board = board
        self._mirrors = mirrors
        self._tariffs = tariffs
        self._fuel = fuel

    @property
    def reading(self) -> Reading:
        """The last complete set. Raises AccessError before the first."""
        mirror = self._mirrors.of(self.eui64)
        reading = None if mirror is None else mirror.gas.reading
        if reading is None:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "no complete set yet")
        return reading

    @property
    def captured(self) -> bytes:
        """When that arrived, as a date-time."""
        return date_time.encode(self.reading.at)

    @property
    def now(self) -> int:
        """Seconds since 2000. Raises AccessError."""
        if not self._board.rtc.valid:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "no time yet")
        return seconds(self._board.rtc.read())

    @property
    def store(self) -> Store:
        """What is published for it. Raises AccessError where nothing is."""
        publisher = self._tariffs.of(self._fuel)
        if publisher is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "nothing is published")
        return publisher.store

    @property
    def pending(self) -> list[Frame]:
        """Orders and questions that wait for the next wake."""
        return self._mirrors.held(self.eui64)

    def event(self) -> int:
        """A new issuer event identifier: the time, and later than the last."""
        number: int = max(self.now, self._board.nvm.get(_EVENT, 0) + 1)
        self._board.nvm.put({_EVENT: number})
        return number

    def has(self, cluster: type[Cluster], attribute: Attribute[Any]) -> None:
        """Raises AccessError where the meter reports no such thing: whoever orders it would wait for ever."""
        mirror = self._mirrors.of(self.eui64)
        if mirror is not None and mirror.scheme is not None and self.reading.get(cluster, attribute) is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, attribute.name)

    def kept(self, key: str, otherwise: Any) -> Any:
        """What is in flash for this meter."""
        return self._board.nvm.get(f"{key}/{self.eui64:016X}", otherwise)

    def keep(self, key: str, value: Any) -> None:
        """Put it there."""
        self._board.nvm.put({f"{key}/{self.eui64:016X}": value})

    def order(self, flag: Flag, command: Frame) -> None:
        """Have the meter fetch a command at its next wake. Raises AccessError where it fetches none."""
        mirror = self._mirrors.of(self.eui64)
        if mirror is None:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "no mirror yet")
        if mirror.scheme is None or WORD[type(flag)] >= FLAG_WORDS[mirror.scheme]:
            raise AccessError(DataAccessResult.READ_WRITE_DENIED, "this meter fetches no such orders")
        if sum(type(each) is type(command) for each in self.pending) >= MOST_WAITING:
            raise AccessError(DataAccessResult.TEMPORARY_FAILURE, "too many wait")
        self._mirrors.hold(self.eui64, flag, command)
        self._count(command)

    def publish(self, command: Frame) -> None:
        """Publish for it. Raises AccessError."""
        taken(self._tariffs.publish(command, self._fuel))
        self._count(command)

    def publish_all(self, commands: Iterable[Frame]) -> None:
        """Publish what belongs together: all of it, or, where one would be refused, nothing. Raises AccessError."""
        wanted = list(commands)
        tried(self._tariffs.of(self._fuel), wanted, self.now)
        for command in wanted:
            self.publish(command)

    def _count(self, command: Frame) -> None:
        self.translated += 1
        self._board.log("hub.translated", {"eui64": self.eui64, "command": type(command).__name__})


def tried(publisher: Publisher | None, commands: Iterable[Frame], now: int) -> None:
    """Raises AccessError where one of these, published one after the other, would be refused."""
    from protocols.zigbee.calendar.table import ROWS as CALENDAR
    from protocols.zigbee.price.table import ROWS as PRICE
    from protocols.zigbee.publication.store import Store

    trial = Store((*PRICE, *CALENDAR))
    if publisher is not None:
        trial = Store(publisher.store.rows.values(), publisher.store.plain())
    for command in commands:
        taken(trial.publish(command, now).status)


def taken(status: Status) -> None:
    """Raises AccessError where a publication was refused."""
    if status is not Status.SUCCESS:
        later = status in (Status.FAILURE, Status.INSUFFICIENT_SPACE)
        result = DataAccessResult.TEMPORARY_FAILURE if later else DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
        raise AccessError(result, status.name)


# --- codings: the value of one side as the other's ---


@dataclass(frozen=True, slots=True)
class Coding:
    """`of` makes data of a value, `back` the value of data (AccessError for what there is no value for); `text` for the page."""

    text: str
    of: Callable[[Any, Gas], Data]
    back: Callable[[Data, Gas], Any]


@dataclass(frozen=True, slots=True)
class Scale:
    """Of a register: `exponent` and `unit` of the number; `text` for the page."""

    text: str
    exponent: Callable[[Reading], int]
    unit: Callable[[Reading], Unit]


@dataclass(frozen=True, slots=True)
class Order:
    """What a write becomes: `carry` gives the command to the meter or publishes it; `commands` for the page."""

    commands: tuple[type[Frame], ...]
    carry: Callable[[Any, Gas], None]
    freshness: Freshness = Freshness.NEXT_WAKE


@dataclass(frozen=True, slots=True)
class Row:
    """An item. `scale`: it is a register of class 4; without, data of class 1."""

    name: str
    what: str
    cluster: type[Cluster]
    attribute: Attribute[Any]
    coding: Coding
    scale: Scale | None = None
    order: Order | None = None
    freshness: Freshness = Freshness.MIRROR
    source: Callable[[Gas], Any] | None = None
    """Where the value is, if not in the mirror under `attribute`; None: nowhere."""
    optional: bool = False
    """Meters report it only once somebody has set it."""

    @property
    def class_id(self) -> int:
        """Of the object."""
        return cosem.Data.class_id if self.scale is None else cosem.ExtendedRegister.class_id

    def value(self, gas: Gas) -> Any:
        """The value in Smart Energy. Raises AccessError."""
        if self.source is not None:
            value = self.source(gas)
        else:
            value = gas.reading.get(self.cluster, self.attribute)
            if value == self.attribute.type.non_value:  # as ZigBee says that there is none
                value = None
        if value is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, self.name)
        return value

    def read(self, gas: Gas) -> Data:
        """The object's value. Raises AccessError."""
        data = self.coding.of(self.value(gas), gas)
        gas.translated += 1
        return data

    def build(self, gas: Gas) -> InterfaceClass:
        """The COSEM object."""
        access = {"value": Access.READ_WRITE} if self.order is not None else {}
        on = {"value": lambda data: self._write(data, gas)} if self.order is not None else {}
        if self.scale is None:
            return Written(self.name, value=lambda: self.read(gas), access=access, on=on)
        scale = self.scale
        return _Register(
            self.name,
            value=lambda: self.read(gas),
            scaler_unit=lambda: (scale.exponent(_last(gas, self)), scale.unit(_last(gas, self))),
            capture_time=lambda: gas.captured,
            access=access,
            on=on,
        )

    def _write(self, data: Data, gas: Gas) -> None:
        assert self.order is not None
        value = self.coding.back(data, gas)
        if self.freshness is Freshness.MIRROR and not self.optional:
            gas.has(self.cluster, self.attribute)
        self.order.carry(value, gas)


_NONE: Final = Reading({}, 0)


def _last(gas: Gas, row: Row) -> Reading:
    """What the hub has published needs no mirror to be scaled."""
    return gas.reading if row.source is None else _NONE


class Written(cosem.Data, id=1, version=0):
    """Whose type the row's coding judges, as nothing may be readable before the first write."""

    def write(self, number: int, value: Data, selection: Any = None) -> None:
        _write(self, number, value, selection)


class _Register(cosem.ExtendedRegister, id=4, version=0):
    """Likewise."""

    def write(self, number: int, value: Data, selection: Any = None) -> None:
        _write(self, number, value, selection)


def _write(thing: InterfaceClass, number: int, value: Data, selection: object) -> None:
    member, hook = thing.attributes.get(number), thing.on.get("value")
    if selection is not None or hook is None or member is None or member.name != "value":
        raise AccessError(DataAccessResult.READ_WRITE_DENIED, str(thing.name))
    hook(value)
    thing.changed(member)


# --- scales of the meter's own formatting ---

UNITS: Final[dict[int, Unit]] = {metering.Unit.CUBIC_METRES: Unit.CUBIC_METRE, metering.Unit.KILOWATT_HOURS: Unit.WATT_HOUR}
KILO: Final = 3
"""Kilowatt-hours are watt-hours here."""
_LITRES: Final = 3


@dataclass(frozen=True, slots=True)
class Formatting:
    """Multiplier and divisor that consumption goes by."""

    multiplier: int
    divisor: int

    @classmethod
    def of(cls, reading: Reading) -> Formatting:
        """As reported, one where it is not."""
        multiplier, divisor = (reading.get(Metering, each) for each in (Metering.multiplier, Metering.divisor))
        return cls(multiplier if isinstance(multiplier, int) else 1, divisor if isinstance(divisor, int) else 1)

    @property
    def exponent(self) -> int:
        """Exact where the divisor is a power of ten, else thousandths."""
        digits = str(self.divisor)
        return 1 - len(digits) if digits.strip("0") in ("1", "") else -_LITRES

    def scaled(self, raw: int) -> int:
        """By the exponent, rounded down. A divisor or multiplier of zero makes no value (bad input G6): a read is refused."""
        if not self.divisor or not self.multiplier:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "no formatting")
        value = raw * self.multiplier * 10**-self.exponent // self.divisor
        if value >= 1 << 64:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)
        return int(value)

    def raw(self, scaled: int) -> int:
        """Back again."""
        if not self.divisor or not self.multiplier:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "no formatting")
        raw: int = -(-scaled * self.divisor // (self.multiplier * 10**-self.exponent))
        return raw


def unit_of(reading: Reading, attribute: Attribute[int]) -> Unit:
    """COSEM's unit for what a formatting attribute says."""
    unit = reading.get(Metering, attribute)
    return UNITS.get(unit, Unit.OTHER) if isinstance(unit, int) else Unit.OTHER


def money_exponent(reading: Reading) -> int:
    """Of the currency: `currency_scaling_factor` n means 10^(n-6) (SE 1.4 annex D.7). Raises AccessError without one."""
    scaling = reading.get(Prepayment, Prepayment.currency_scaling_factor)
    if not isinstance(scaling, int) or not 0 <= scaling <= 12:
        raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "no currency scaling factor")
    return scaling - 6


def trailing_digits(attribute: Attribute[int]) -> Callable[[Reading], int]:
    """The exponent that a trailing digit attribute of Metering says. Raises AccessError without one."""

    def exponent(reading: Reading) -> int:
        digits = reading.get(Metering, attribute)
        if not isinstance(digits, int):
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, attribute.name)
        return -(digits >> 4)

    return exponent
