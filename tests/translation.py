"""docs/translation.md: the translation between DLMS/COSEM and Smart Energy, row by row, made of the table that the hub goes by.

`python -m tests.translation` writes the page; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from devices.parts.prepaid import (
    ACCOUNT,
    ACCUMULATED,
    BALANCE,
    EMERGENCY,
    GATEWAY,
    LARGEST_BALANCE,
    LARGEST_TOP_UP,
    NEXT_ACCOUNT,
    PAYMENT_DEBT,
    STANDING,
    TARIFF,
    TIME_DEBT_1,
    TIME_DEBT_2,
)
from hubfw.device_facts import FACTS
from hubfw.translation import Row
from hubfw.translation_account import CALLS, CELLS, activations
from hubfw.translation_days import LABELS, SPECIAL_DAYS
from hubfw.translation_home import LOADS, MESSAGE
from hubfw.translation_logs import LOGS
from hubfw.translation_objects import PENDING
from hubfw.translation_orders import METHODS, VALVE
from hubfw.translation_payments import LOGS as PAYMENT_LOGS
from hubfw.translation_payments import RESULTS
from hubfw.translation_prices import PEAK, PRICES
from hubfw.translation_refused import REFUSED
from hubfw.translation_rows import ROWS
from hubfw.translation_samples import NEWEST, SAMPLES
from hubfw.translation_tariffs import CALENDAR, RATES
from protocols.core.codec import Frame
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.cosem.interface import Attribute as Member
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.calendar import Calendar
from protocols.zigbee.clusters.demand_response import DemandResponse
from protocols.zigbee.clusters.messaging import Messaging
from protocols.zigbee.clusters.metering import Metering, SupplyStatus
from protocols.zigbee.clusters.ota import Ota
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.zcl.cluster import Attribute, command_of

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
fetches none (wireless M-Bus); type-unmatched and scope-of-access-violated for a value that the other side cannot say;
temporary-failure for the ninth order of a kind that waits. No row, no translation: the last table says of what, and by which
result it is refused. Tariffs and calendars that begin at a later time come from the supplier (`[[home.publish]]`); a calendar in
UTC is object-unavailable, since COSEM's is in local time.

Prepayment: in the profile `gb` the account is the gas meter's, from the first order on that anybody gives it; a top-up is a UTRN of
20 digits. Where the hub keeps the accounts (`prepay`, of the profile `paper-2011`), it has objects of its own, and this account is
not there.
"""


def page() -> str:
    """The page as it should be."""
    lines = [INTRO.format(pending=PENDING), "## Items of the gas meter (SAP 2)", "", *_table(_items()), ""]
    lines += ["## Tariff of several rates (SAP 2)", "", *_table(_tariffs()), ""]
    lines += ["## Prepayment (SAP 2, classes 111 to 115)", "", *_table(_account()), ""]
    lines += ["## Logs of the account (SAP 2, class 7)", "", *_table(_payment_logs()), ""]
    lines += ["## The valve (SAP 2, class 70)", "", *_table(_valve()), ""]
    lines += ["## Logs of the gas meter (SAP 2, class 7)", "", *_table((*_logs(), *_samples())), ""]
    lines += ["## The home (SAP 1)", "", *_table(_home()), ""]
    lines += ["## Refused (SAP 2)", "", *_refused()]
    return "\n".join(lines).rstrip() + "\n"


def readable() -> Iterator[tuple[int, int, str, int]]:
    """SAP, class, logical name (dotted, six numbers) and attribute of everything that the page says can be read."""
    sap = 0
    for line in page().splitlines():
        if line.startswith("## "):
            sap = int(line.rpartition("SAP ")[2][:1]) if not line.startswith("## Refused") else 0
        cells = [cell.strip() for cell in line.split("|")]
        if sap and len(cells) == 10 and "read" in cells[7].split(", "):
            kind, *numbers = (int(each) for each in re.findall(r"\d+", cells[3].partition("method")[0]))
            name = ".".join(map(str, bytes(Obis(cells[2]))))
            yield from ((sap, kind, name, number) for number in numbers)


def commands() -> set[str]:
    """Commands of Smart Energy that the page names as what is sent for a row, and as what comes back."""
    rows = [[cell.strip() for cell in line.split("|")] for line in page().partition("## Refused")[0].splitlines()]
    return {
        name
        for cells in rows
        if len(cells) == 10
        for name in re.findall(r"\b([A-Z][A-Za-z]+) 0x[0-9A-F]{2}\b(?![0-9A-F])", cells[5])
    }


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
    days, command = "dates with open fields; an index is a place", Calendar.PublishSpecialDays
    yield "special days", SPECIAL_DAYS, "11, 2", _cluster(command), _said([command]), days, "read", "hub"
    for where, access in (("11, 2", "write"), ("11, method 1 insert", "call"), ("11, method 2 delete", "call")):
        yield "special days", SPECIAL_DAYS, where, _cluster(command), _said([command]), days, access, "next wake"
    names, named = "array of structure: tier, name of 12 octets", Price.PublishTierLabels
    for access, freshness in (("read", "hub"), ("write", "next wake")):
        yield "names of tiers", LABELS, "1, 2", _cluster(named), _said([named]), names, access, freshness


def _refused() -> Iterator[str]:
    yield "| what | cluster or class | attribute, method or command | result | why |"
    yield "| --- | --- | --- | --- | --- |"
    for row in REFUSED:
        items = ", ".join(f"{item.name} 0x{item.id:04X}" if isinstance(item, Attribute) else _said([item]) for item in row.items)
        result = row.result.name.lower().replace("_", "-")
        yield f"| {row.what} | {row.cluster.name} 0x{row.cluster.id:04X} | {items or 'all of it'} | {result} | {row.why} |"
    for kind, names in _by_kind().items():
        for name in names:
            said = {cell.member.number for cell in CELLS if cell.name == name} | _here(name)
            called = {call.method.number for call in CALLS if call.name == name} | _called(name)
            attributes = ", ".join(f"{number} {each.name}" for number, each in kind.attributes.items() if number not in {1, *said})
            methods = ", ".join(f"{number} {each.name}" for number, each in kind.methods.items() if number not in called)
            where = f"{_OBJECTS[name]} | {_short(name)}, class {kind.class_id}"
            yield f"| {where} | attributes {attributes} | object-unavailable | not in Smart Energy |"
            if methods:
                yield f"| {where} | methods {methods} | read-write-denied | no command |"


def _by_kind() -> dict[type[InterfaceClass], list[Obis]]:
    found: dict[type[InterfaceClass], list[Obis]] = {}
    for cell in CELLS:
        names = found.setdefault(cell.kind, [])
        if cell.name not in names:
            names.append(cell.name)
    return found


def _here(name: Obis) -> set[int]:
    """Attributes that wait here for an activation."""
    return {NEXT_ACCOUNT: {2, 13}, TIME_DEBT_1: {6}, TIME_DEBT_2: {6}}.get(name, set())


def _called(name: Obis) -> set[int]:
    """Likewise methods."""
    return {NEXT_ACCOUNT: {1}, TIME_DEBT_1: {1, 2}, TIME_DEBT_2: {1, 2}}.get(name, set())


def _valve() -> Iterator[tuple[str, ...]]:
    name, cluster = Metering.supply_status.name, _cluster(Metering.ChangeSupply)
    states = "off: disconnected, armed: ready for reconnection, on: connected"
    yield "supply", VALVE, "70, 2 and 3", cluster, f"{name} 0x{Metering.supply_status.id:04X}", states, "read", "mirror"
    for number, (method, status) in enumerate(METHODS.items(), 1):
        words = {SupplyStatus.OFF: "closes", SupplyStatus.OFF_ARMED: "arms; a hand opens"}[status]
        yield "supply", VALVE, f"70, method {number} {method}", cluster, _said([Metering.ChangeSupply]), words, "call", "next wake"
    yield "orders that wait", PENDING, "1, 2", "", "all that the mirror holds", "array of visible-string", "read", "hub"


def _account() -> Iterator[tuple[str, ...]]:
    for cell in CELLS:
        what, where = _words(cell.member.name), f"{cell.kind.class_id}, {cell.member.number}"
        cluster = f"{Prepayment.name} 0x{Prepayment.id:04X}" if cell.items else ""
        items = ", ".join(f"{item.name} 0x{item.id:04X}" for item in cell.items)
        yield _of(cell.name, what), _short(cell.name), where, cluster, items, cell.text, "read", "mirror" if cell.items else "now"
        if cell.write is not None:
            to, commands = _cluster(cell.commands[0]), _said(cell.commands)
            yield _of(cell.name, what), _short(cell.name), where, to, commands, cell.text, "write", "next wake"
    for call in CALLS:
        where, to = f"{call.kind.class_id}, method {call.method.number} {call.method.name}", _cluster(call.commands[0])
        yield _of(call.name, "order"), _short(call.name), where, to, _said(call.commands), call.text, "call", "next wake"
    for name, kind, member, command, words in activations():
        access = "write" if isinstance(member, Member) else "call"
        where = f"{kind.class_id}, {'' if access == 'write' else 'method '}{member.number} {member.name}"
        yield _of(name, "order"), _short(name), where, _cluster(command), _said([command]), words, access, "next wake"
    waits = "kept until it is activated, or the hub restarts"
    yield _of(NEXT_ACCOUNT, "mode"), _short(NEXT_ACCOUNT), "111, 2", "", waits, "", "read, write", "now"
    for name in (TIME_DEBT_1, TIME_DEBT_2):
        where = "113, 6; method 1 update_unit_charge"
        yield _of(name, "prices"), _short(name), where, "", waits, "one price", "read, write, call", "now"
    top_up = Prepayment.ConsumerTopUp, Prepayment.ConsumerTopUpResponse
    entered = "octet-string, 20 digits"
    yield "token", _short(GATEWAY), "115, method 1 enter", _cluster(top_up[0]), _said(top_up[:1]), entered, "call", "next wake"
    yield "token, its time and way", _short(GATEWAY), "115, 2, 3 and 5", "", "what was entered last here", "", "read", "now"
    outcomes = "; ".join(f"{result.name.lower()}: {status.name.lower()}" for result, status in RESULTS.items())
    yield "token's outcome", _short(GATEWAY), "115, 4 and 6", _cluster(top_up[1]), _said(top_up[1:]), outcomes, "read", "asked"


_OBJECTS = {
    ACCOUNT: "account", NEXT_ACCOUNT: "account to come", BALANCE: "balance", EMERGENCY: "emergency credit",
    ACCUMULATED: "accumulated debt", TARIFF: "tariff", TIME_DEBT_1: "time debt 1", TIME_DEBT_2: "time debt 2",
    PAYMENT_DEBT: "payment debt", STANDING: "standing charge", LARGEST_TOP_UP: "largest top-up", LARGEST_BALANCE: "largest balance",
}  # fmt: skip


def _of(name: Obis, what: str) -> str:
    return f"{_OBJECTS[name]}: {what}"


def _short(name: Obis) -> str:
    return str(name).removesuffix(".255")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _payment_logs() -> Iterator[tuple[str, ...]]:
    for log in PAYMENT_LOGS:
        columns = ", ".join(("time", *(value.what for value in log.values)))
        question = type(log.question)
        yield log.what, log.name, "7, method 2 capture", _cluster(question), _said([question]), "", "call", "next wake"
        yield log.what, log.name, "7, 2", _cluster(log.answer), _said([log.answer]), columns, "read", "asked"
        for value in log.values:
            newest, kind = f"newest of the {log.what}: {value.what}", "3, 2" if value.money else "1, 2"
            scale = "10^(currency scaling factor - 6), currency" if value.money else ""
            yield newest, value.name, kind, _cluster(log.answer), _said([log.answer]), scale, "read", "asked"


def _logs() -> Iterator[tuple[str, ...]]:
    for log in LOGS:
        columns = "time, litres"
        yield log.what, log.name, "7, method 2 capture", _cluster(log.question), _said([log.question]), columns, "call", "next wake"
        yield log.what, log.name, "7, 2", _cluster(log.answer), _said([log.answer]), columns, "read", "asked"
        newest = f"newest of the {log.what}"
        yield newest, log.value, "3, 2", _cluster(log.answer), _said([log.answer]), "10^-3, m3", "read", "asked"


def _samples() -> Iterator[tuple[str, ...]]:
    what, begin, ask = "fast samples", Metering.StartSampling, Metering.GetSampledData
    answer, cluster = Metering.GetSampledDataResponse, _cluster(ask)
    yield what, SAMPLES, "7, 4 capture_period", cluster, _said([begin]), "seconds, 60 to 3,600", "read, write", "next wake"
    yield what, SAMPLES, "7, method 2 capture", cluster, _said([ask]), "time, litres", "call", "next wake"
    yield what, SAMPLES, "7, 2", cluster, _said([answer]), "time, litres", "read", "asked"
    yield f"newest of the {what}", NEWEST, "3, 2", cluster, _said([answer]), "10^-3, m3", "read", "asked"


def _home() -> Iterator[tuple[str, ...]]:
    text = Messaging.DisplayMessage, Messaging.CancelAllMessages
    words = "octet-string: UTF-8, 116 octets"
    yield "text on the displays", MESSAGE, "1, 2", _cluster(text[0]), _said(text), words, "read, write", "now"
    words = "array of structure: EUI-64, kind, last heard, version, days of battery, link quality; null: nobody said"
    told = f"current_meter_id 0x{Metering.current_meter_id.id:04X}, remaining_battery_life_in_days"
    heard = f"{_said([Ota.QueryNextImageRequest])}; of a gas meter {told}"
    heard += "; of each frame its link quality (IEEE 802.15.4)"
    what, asks = "firmware, battery and link of each device", _cluster(Ota.QueryNextImageRequest)
    yield what, FACTS, "1, 2", asks, heard, words, "read", "hub"
    loads = DemandResponse.LoadControlEvent, DemandResponse.CancelAllLoadControlEvents
    words = "structure: minutes, criticality, duty cycle"
    yield "load event", LOADS, "1, 2", _cluster(loads[0]), _said(loads), words, "read, write", "now"
    peak, answer = Price.PublishCppEvent, Price.CppEventResponse
    words = "structure: begin, minutes, tier (1, 2), how it stands (0 asked, 1 accepted, 2 refused, 3 decided)"
    yield "critical peak", PEAK, "1, 2", _cluster(peak), _said([peak, answer]), words, "read, write", "now"
    words = "array of structure: begin, minutes, 10^-5 pounds a kWh"
    yield "prices by the half hour", PRICES, "1, 2", _cluster(peak), _said([Price.PublishPrice]), words, "read, write", "now"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
