"""Days of 23 and 25 hours: a client sets what local time is, and the meter's clockwork switches the tariff by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from devices import esme
from devices.runtime.board import Board
from devices.runtime.flash import KIB, Flash
from devices.runtime.kernel import DAY, MIN, Kernel, S
from devices.runtime.supply import Mains, MainsSupply
from protocols.dlms import axdr
from protocols.dlms.client import Client
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.direct import Direct
from protocols.dlms.meter import Meter
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters.time import EPOCH

CLOCK, CALENDAR, SCRIPTS, TARIFF_LOG = "0-0:1.0.0", "0-0:13.0.0", Obis("0-0:10.0.100"), "call"
SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
LAST_SUNDAY_OF_MARCH, LAST_SUNDAY_OF_OCTOBER = "FFFF03FE07010000008000FF", "FFFF0AFE07020000008000FF"
PASSWORD = b"00000000"


class Wall:
    """A wired meter whose clock was set by hand, and the tariff scripts that it ran: (UTC, rate)."""

    def __init__(self, start: datetime) -> None:
        self.start = date_time.from_datetime(start)
        self.kernel = Kernel(seed=3, start_ns=self.start)
        self.mains = Mains(self.kernel)
        self.board = Board(
            self.kernel, "esme", firmware=partial(esme.Firmware, config=esme.Config(b"", lls_password=PASSWORD, interface="wired")),
            supply=MainsSupply(self.mains, S), eui64=1, flash=Flash(256 * KIB), display=(24, 8), buttons=("a", "b"),
        )  # fmt: skip
        self.board.rtc.set(self.start)
        self.switched: list[tuple[str, int]] = []
        self.kernel.log.subscribe(self._hear)
        self.run(S)

    def _hear(self, now, who, kind, data) -> None:
        if kind == TARIFF_LOG and data["object"] == str(SCRIPTS):
            moment = date_time.to_datetime(self.board.rtc.read())
            self.switched.append((f"{moment:%d %H:%M}", data["argument"]))

    def run(self, for_: int) -> None:
        self.kernel.run_until(self.kernel.now + for_)

    def client(self) -> Meter:
        meter = Meter(Direct(self.board.firmware.server.session(1, 1, 4096)), Client(1, 1, PASSWORD))
        meter.associate()
        return meter

    def tariff(self, *switches: tuple[str, int]) -> None:
        """The same switching times every day, in local time, and the daylight saving of Great Britain."""
        client = self.client()
        actions = [
            axdr.structure(axdr.octets(bytes.fromhex(time.replace(":", "") + "0000")), axdr.octets(SCRIPTS), axdr.u16(rate))
            for time, rate in switches
        ]
        season = axdr.structure(axdr.octets(b"s"), axdr.octets(bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")), axdr.octets(b"w"))
        for name, kind, number, value in (
            (CLOCK, 8, 5, axdr.octets(bytes.fromhex(LAST_SUNDAY_OF_MARCH))),
            (CLOCK, 8, 6, axdr.octets(bytes.fromhex(LAST_SUNDAY_OF_OCTOBER))),
            (CLOCK, 8, 7, axdr.i8(60)),
            (CLOCK, 8, 8, axdr.boolean(True)),
            (CALENDAR, 20, 7, axdr.array([season])),
            (CALENDAR, 20, 8, axdr.array([axdr.structure(axdr.octets(b"w"), *[axdr.u8(1)] * 7)])),
            (CALENDAR, 20, 9, axdr.array([axdr.structure(axdr.u8(1), axdr.array(actions))])),
        ):
            client.set(name, kind, number, value)
        client.action(CALENDAR, 20, 1, axdr.i8(0))


def decimal(time: str) -> str:
    """hh:mm as the hexadecimal octets of a time."""
    return ":".join(f"{int(part):02X}" for part in time.split(":"))


@pytest.mark.req("S-059")
@pytest.mark.parametrize("start, switched", [
    (SPRING, ["28 12:00 3", "29 00:30 1", "29 01:00 2", "29 06:00 3", "29 23:30 1", "30 00:30 2", "30 06:00 3"]),
    (AUTUMN, ["24 12:00 3", "24 23:30 1", "25 00:30 2", "25 07:00 3", "26 00:30 1", "26 01:30 2", "26 07:00 3"]),
], ids=["23 hours", "25 hours"])  # fmt: skip
def test_tariffs_switch_by_local_time_on_days_of_23_and_25_hours(start: datetime, switched: list[str]) -> None:
    # In spring 01:30 is skipped: its rate begins at the change. In autumn it comes twice: its rate begins the first time.
    wall = Wall(start)
    wall.tariff((decimal("00:30"), 1), (decimal("01:30"), 2), (decimal("07:00"), 3))
    wall.run(2 * DAY)
    assert [f"{at} {rate}" for at, rate in wall.switched] == switched


@pytest.mark.req("S-058", part=True)
def test_what_local_time_is_is_set_by_a_client_shown_and_kept() -> None:
    wall = Wall(SPRING)
    assert wall.client().get(CLOCK, 8, 2).value[9:11] == b"\0\0"
    wall.tariff((decimal("07:00"), 3))
    wall.run(DAY)
    wall.mains.off(5 * MIN)
    wall.run(6 * MIN)
    client = wall.client()
    assert client.get(CLOCK, 8, 4).value == 0x80
    octets = client.get(CLOCK, 8, 2).value
    assert (octets[:4], octets[5], octets[9:11], octets[11]) == (bytes.fromhex("07EA031D"), 13, bytes.fromhex("FFC4"), 0x80)
    assert abs(client.clock() - (SPRING + timedelta(days=1, minutes=6))) < timedelta(seconds=5)


def preset(bench, begins: timedelta, ends: timedelta):
    """GB's way to set a clock (ECS70): an interval, and no time."""
    manager = bench.manager()
    now = manager.clock()
    bounds = [date_time.encode(date_time.from_datetime(now + each)) for each in (begins, ends)]
    times = [bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF"), *bounds]
    manager.action(CLOCK, 8, 5, axdr.structure(*(axdr.octets(time) for time in times)))
    manager.action(CLOCK, 8, 4, axdr.i8(0))


def test_a_clock_that_lost_the_time_takes_the_hubs_in_the_interval_that_a_client_gives(meter):
    hour = timedelta(hours=1)
    meter.board.rtc.step(30 * MIN)
    meter.run(DAY + MIN)
    assert not meter.firmware.clock_reliable
    with pytest.raises(AccessError, match="other-reason"):
        preset(meter, hour, 2 * hour)
    meter.run(MIN)
    assert not meter.firmware.clock_reliable
    preset(meter, -hour, hour)
    meter.run(MIN)
    assert meter.firmware.clock_reliable
    assert abs(meter.board.rtc.read() // S - EPOCH - meter.hub.firmware.time()) < 2


def test_a_wired_meter_has_no_hub_to_take_the_time_from() -> None:
    client = Wall(SPRING).client()
    times = [bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF")] * 3
    client.action(CLOCK, 8, 5, axdr.structure(*(axdr.octets(time) for time in times)))
    with pytest.raises(AccessError, match="other-reason"):
        client.action(CLOCK, 8, 4, axdr.i8(0))
