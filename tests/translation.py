"""docs/translation.md: the translation between DLMS/COSEM and Smart Energy, row by row, made of the table that the hub goes by.

`python -m tests.translation` writes the page; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from hubfw.device_facts import FACTS
from hubfw.translation import Row
from hubfw.translation_home import LOADS, MESSAGE
from hubfw.translation_logs import LOGS
from hubfw.translation_objects import PENDING
from hubfw.translation_orders import METHODS, VALVE
from hubfw.translation_rows import ROWS
from hubfw.translation_tariffs import CALENDAR, RATES
from protocols.core.codec import Frame
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.demand_response import DemandResponse
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.zcl.cluster import command_of

PAGE = Path(__file__).resolve().parent.parent / "docs" / "translation.md"

INTRO = """\
# DLMS/COSEM and Smart Energy, row by row

The head end speaks COSEM to everything. Electricity meters do, too: their octets pass unchanged (no translation). The gas meter
sleeps and speaks Smart Energy: its logical device at SAP 2 is this table, and a message to it is translated once. `make
requirements` writes this page from `hubfw/translation_rows.py` and its neighbours; the head end of `meterbench` and any other DLMS
client read it alike. The hub's own device (SAP 1) has what lives in no meter.

Freshness: *mirror*, as the meter's last complete set, whose time registers carry (class 4, attribute 5); *hub*, what was published
through this hub and is in force; *next wake*, an order: success means that it waits, `{pending}` lists what does, and the
item shows it when the meter has reported; *asked*, the method `capture` has the meter asked at its next wake, and then the rows are
there; *now*, the devices are told at once.

Refusals: temporary-failure before the first complete set; object-unavailable for what the meter does not report (or reports as
unknown), and what nobody has published; read-write-denied for writing what is the meter's own, and for orders to a meter that
fetches none (wireless M-Bus); type-unmatched and scope-of-access-violated for a value that the other side cannot say. No row, no
translation: a prepayment account (COSEM's classes 111 to 115) is read attribute by attribute and neither written nor topped up
here; special days, critical peaks, thresholds of each tier's own, and tariffs and calendars that begin at a later time come from
the supplier (`[[home.publish]]`), as do labels of tiers; link quality is in no object of the hub's; a calendar in UTC
is object-unavailable, since COSEM's is in local time.
"""


def page() -> str:
    """The page as it should be."""
    lines = [INTRO.format(pending=PENDING), "## Items of the gas meter (SAP 2)", "", *_table(_items()), ""]
    lines += ["## Tariff of several rates (SAP 2)", "", *_table(_tariffs()), ""]
    lines += ["## The valve (SAP 2, class 70)", "", *_table(_valve()), ""]
    lines += ["## Logs of the gas meter (SAP 2, class 7)", "", *_table(_logs()), ""]
    lines += ["## The home (SAP 1)", "", *_table(_home())]
    return "\n".join(lines).rstrip() + "\n"


def _table(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    heads = (
        "item", "OBIS", "class, attribute or method", "cluster", "attribute or command", "coding and scale", "access", "freshness",
    )  # fmt: skip
    for number, cells in enumerate((heads, ("---",) * len(heads), *rows)):
        yield "| " + " | ".join(cell if number == 1 else cell.replace("|", "\\|") for cell in cells) + " |"


def _said(commands: Iterable[type[Frame]]) -> str:
    return ", ".join(f"{each.__name__} 0x{command_of(each).id:02X}" for each in commands)


def _cluster(command: type[Frame]) -> str:
    cluster = command_of(command).cluster
    return f"{cluster.name} 0x{cluster.id:04X}"


def _items() -> Iterator[tuple[str, ...]]:
    for row in ROWS:
        scale = row.coding.text if row.scale is None else f"{row.coding.text}; {row.scale.text}"
        cluster = f"{row.cluster.name} 0x{row.cluster.id:04X}"
        yield row.what, row.name, f"{row.class_id}, 2", cluster, _attribute(row), scale, "read", row.freshness.value
        if row.order is not None:
            to, commands = _cluster(row.order.commands[0]), _said(row.order.commands)
            yield row.what, row.name, f"{row.class_id}, 2", to, commands, scale, "write", row.order.freshness.value


def _attribute(row: Row) -> str:
    return f"{row.attribute.name} 0x{row.attribute.id:04X}" + (" (not by every meter)" if row.optional else "")


def _tariffs() -> Iterator[tuple[str, ...]]:
    prices = Price.PublishTariffInformation, Price.PublishPriceMatrix, Price.PublishBlockThresholds, Price.PublishBlockPeriod
    words = "structure: standing charge of a day, prices by tier and block, thresholds in kWh, days of a block period"
    yield "prices and thresholds", RATES, "1, 2", _cluster(prices[0]), _said(prices), words, "read", "hub"
    yield "prices and thresholds", RATES, "1, 2", _cluster(prices[0]), _said(prices), words, "write", "next wake"
    whole: dict[str, type[Frame]] = {
        "name": Calendar.PublishCalendar, "seasons": Calendar.PublishSeasons, "weeks": Calendar.PublishWeekProfile,
        "days": Calendar.PublishDayProfile,
    }  # fmt: skip
    waits = "kept until it is activated, or the hub restarts"
    for number, (what, command) in enumerate(whole.items()):
        words = "names are numbers, a selector is a tier" if number else "octet-string, 12 octets"
        active, passive = f"20, {2 + number}", f"20, {6 + number}"
        yield f"calendar in force: {what}", CALENDAR, active, _cluster(command), _said([command]), words, "read", "hub"
        yield f"passive calendar: {what}", CALENDAR, passive, "", waits, words, "read, write", "now"
    name = "20, method 1 activate_passive_calendar"
    yield "calendar", CALENDAR, name, _cluster(Calendar.PublishCalendar), _said(whole.values()), "from now on", "call", "next wake"


def _valve() -> Iterator[tuple[str, ...]]:
    name, cluster = Metering.supply_status.name, _cluster(Metering.ChangeSupply)
    states = "off: disconnected, armed: ready for reconnection, on: connected"
    yield "supply", VALVE, "70, 2 and 3", cluster, f"{name} 0x{Metering.supply_status.id:04X}", states, "read", "mirror"
    for number, (method, status) in enumerate(METHODS.items(), 1):
        words = {SupplyStatus.OFF: "closes", SupplyStatus.OFF_ARMED: "arms; a hand opens"}[status]
        yield "supply", VALVE, f"70, method {number} {method}", cluster, _said([Metering.ChangeSupply]), words, "call", "next wake"
    yield "orders that wait", PENDING, "1, 2", "", "all that the mirror holds", "array of visible-string", "read", "hub"


def _logs() -> Iterator[tuple[str, ...]]:
    for log in LOGS:
        columns = "time, litres"
        yield log.what, log.name, "7, method 2 capture", _cluster(log.question), _said([log.question]), columns, "call", "next wake"
        yield log.what, log.name, "7, 2", _cluster(log.answer), _said([log.answer]), columns, "read", "asked"
        newest = f"newest of the {log.what}"
        yield newest, log.value, "3, 2", _cluster(log.answer), _said([log.answer]), "10^-3, m3", "read", "asked"


def _home() -> Iterator[tuple[str, ...]]:
    text = Messaging.DisplayMessage, Messaging.CancelAllMessages
    words = "octet-string: UTF-8, 116 octets"
    yield "text on the displays", MESSAGE, "1, 2", _cluster(text[0]), _said(text), words, "read, write", "now"
    words = "array of structure: EUI-64, kind, last heard, version, days of battery; null: nobody said"
    told = f"current_meter_id 0x{Metering.current_meter_id.id:04X}, remaining_battery_life_in_days"
    heard = f"{_said([Ota.QueryNextImageRequest])}; of a gas meter {told}"
    yield "firmware and battery of each device", FACTS, "1, 2", _cluster(Ota.QueryNextImageRequest), heard, words, "read", "hub"
    loads = DemandResponse.LoadControlEvent, DemandResponse.CancelAllLoadControlEvents
    words = "structure: minutes, criticality, duty cycle"
    yield "load event", LOADS, "1, 2", _cluster(loads[0]), _said(loads), words, "read, write", "now"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
