"""An engineer's visit: what the terminal reads and shows, whom it keeps out meanwhile, and what is left of it afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from devices import hht
from devices.parts.dlms_port import DlmsPort
from devices.runtime.board import Board
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import MIN, S
from devices.runtime.port import Occupied, Port, Wire
from devices.runtime.rtc import Rtc
from devices.runtime.supply import Battery
from protocols.dlms import axdr, cosem
from protocols.dlms.cosem import date_time
from protocols.dlms.hdlc.frame import Address, Frame, Kind
from protocols.dlms.server import LogicalDevice, Server, open_profile

SERIAL = b"SERIAL-4711"
NAMES = {1: b"MBE-the-hub", 2: b"MBE-gas", 3: b"MBE-electricity"}
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Meter(Firmware):
    """What a terminal asks a meter for, on its optical port."""

    def boot(self, why):
        self.objects = [
            cosem.Clock("0-0:1.0.0", time=lambda: date_time.encode(self.board.rtc.read())),
            cosem.Data("0-0:96.1.0", value=axdr.octets(SERIAL)),
            cosem.Register("1-0:1.8.0", value=axdr.u32(4_711_815), scaler_unit=(0, cosem.Unit.WATT_HOUR)),
        ]
        device = LogicalDevice(b"MBE-meter", self.objects, open_profile(b"12345678"))
        self.port = DlmsPort(self, self.board.uart("optical"), Server({1: device}))


class Hub(Firmware):
    """Logical devices on a service port."""

    def boot(self, why):
        devices = {sap: LogicalDevice(name, associations=open_profile(b"12345678")) for sap, name in NAMES.items()}
        self.port = DlmsPort(self, self.board.uart("service"), Server(devices))


class Visit:
    """The engineer at the meter: head on, lead in, terminal on. `leave` takes all of it away again."""

    def __init__(self, premises, terminal, meter, hub):
        self.premises, self.terminal = premises, terminal
        self.wires = [Wire(premises.kernel, terminal.uart("optical"), meter.uart("optical"), baud=9600)] if meter else []
        self.wires += [Wire(premises.kernel, terminal.uart("service"), hub.uart("service"))] if hub else []
        terminal.supply.insert()

    def report(self, within=2 * MIN):
        self.premises.until(lambda: self.terminal.firmware is not None and self.terminal.firmware.report is not None, within)
        return self.terminal.firmware.report

    def leave(self):
        for wire in self.wires:
            wire.unplug()
        self.terminal.supply.remove()
        self.premises.run(S)


@pytest.fixture
def meter(premises):
    board = premises.put("meter", Meter, 1)
    board.rtc.set(date_time.from_datetime(NOON))
    return board


@pytest.fixture
def hub(premises):
    return premises.put("hub", Hub, 2)


@pytest.fixture
def terminal(premises):
    kernel = premises.kernel
    return Board(
        kernel, "hht", firmware=partial(hht.Firmware, config=hht.Config()), supply=Battery(kernel, inserted=False),
        display=(24, 8), rtc=Rtc(kernel),
    )  # fmt: skip


@pytest.fixture
def visit(premises, terminal, meter, hub):
    """Begin a visit: `visit(hub=None)` leaves the lead in the van."""
    premises.run(S)
    return lambda **places: Visit(premises, terminal, **{"meter": meter, "hub": hub, **places})


def test_the_meter_is_read_and_the_hubs_devices_are_listed(visit, terminal):
    report = visit().report(within=10 * S)
    assert report.keys() == {"meter", "clock", "import", "devices"}
    assert (report["meter"], report["import"]) == ("SERIAL-4711", "4711815 Wh")
    assert abs(datetime.fromisoformat(report["clock"]) - NOON) < timedelta(seconds=5)
    assert report["devices"] == {"1": "MBE-the-hub", "2": "MBE-gas", "3": "MBE-electricity"}
    lines = [line.rstrip() for line in terminal.display.lines]
    assert [lines[0], *lines[2:6]] == [
        "METER        SERIAL-4711",
        "IMPORT        4711815 Wh",
        "1            MBE-the-hub",
        "2                MBE-gas",
        "3        MBE-electricity",
    ]
    assert lines[1].strip().startswith("2026-03-01 12:00:0")


def test_others_are_refused_during_the_visit_and_only_then(premises, visit, meter, hub):
    kernel = premises.kernel
    begun = visit()
    begun.report()
    for port in (meter.uart("optical"), hub.uart("service")):
        with pytest.raises(Occupied):
            Port(kernel, "somebody").attach(port)
    begun.leave()
    for port in (meter.uart("optical"), hub.uart("service")):
        Port(kernel, "somebody").attach(port).unplug()


def image(board):
    return board.flash.image(0) + board.flash.image(1)


@pytest.mark.req("S-026", part=True)
def test_nothing_of_the_visit_is_left_on_the_terminal(visit, terminal):
    """Its flash is compared octet for octet; what was read is searched in it too."""
    before = image(terminal)
    begun = visit()
    begun.report()
    assert "SERIAL-4711" in terminal.display.lines[0]
    begun.leave()
    assert terminal.firmware is None
    assert not any(line.strip() for line in terminal.display.lines)
    after = image(terminal)
    assert after == before
    assert not any(word in after for word in (SERIAL, *NAMES.values(), (4_711_815).to_bytes(4, "big")))


def test_a_second_visit_reads_anew(visit, meter):
    first = visit()
    before = first.report()
    first.leave()
    meter.firmware.objects[2].value = axdr.u32(4_711_999)
    assert before["import"] == "4711815 Wh"
    assert visit().report()["import"] == "4711999 Wh"


def test_a_meter_that_does_not_answer_is_said_and_the_hub_is_listed_all_the_same(visit, meter, terminal):
    meter.power_off()
    report = visit().report()
    assert report.keys() == {"devices", "errors"}
    assert report["errors"].keys() == {"meter"}
    assert "no answer" in report["errors"]["meter"]
    face = "\n".join(line.rstrip() for line in terminal.display.lines)
    assert "METER FAILED: no answer" in face
    assert face.startswith("METER               ----")
    assert "MBE-electricity" in face


def test_a_lead_that_is_not_plugged_in_is_said(visit, terminal):
    report = visit(hub=None).report()
    assert report["errors"].keys() == {"hub"}
    assert report["import"] == "4711815 Wh"
    assert any(line.startswith("HUB FAILED: no answer") for line in terminal.display.lines)


def test_a_wrong_baud_rate_is_no_answer(premises, visit, terminal):
    """What a receiver at another rate sees: every octet a wrong one."""
    begun = visit()
    begun.wires[0].faults = Faults(premises.kernel, "baud", [Fault(Effect.CORRUPT, amount=500)])
    assert begun.report()["errors"].keys() == {"meter"}
    assert any(line.startswith("METER FAILED: no answer") for line in terminal.display.lines)


@pytest.mark.parametrize("ms", [1, 50, 150, 300, 400])
def test_a_head_that_slips_off_ends_in_a_clear_face(premises, visit, terminal, ms):
    begun = visit()
    premises.run(ms * S // 1000)
    begun.wires[0].unplug()
    report = begun.report()
    assert report["errors"].keys() == {"meter"}
    assert any(line.startswith("METER FAILED: ") for line in terminal.display.lines)
    assert report["devices"]


def test_a_meter_that_refuses_is_said(visit, meter):
    meter.firmware.objects[1].value = axdr.u32(1)  # not a serial number
    errors = visit().report()["errors"]
    assert errors.keys() == {"meter"}
    assert "octets expected" in errors["meter"]


def test_a_meter_that_hangs_up_with_its_answer_is_said(visit, meter):
    port = meter.uart("optical")
    write, bye = port.write, Frame.unnumbered(Kind.DM, Address(16), Address(1), poll=True).build()
    port.write = lambda data: write(data + bye)
    report = visit().report()
    assert report["errors"] == {"meter": "the connection was closed"}
    assert report["devices"]


def test_a_terminal_switched_off_in_mid_visit_says_nothing_more(premises, visit, terminal):
    begun = visit()
    premises.run(S // 5)
    begun.leave()
    premises.run(MIN)
    assert terminal.firmware is None
    assert visit().report()["meter"] == "SERIAL-4711"
