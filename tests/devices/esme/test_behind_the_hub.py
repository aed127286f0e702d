"""The meter behind the real hub on a bench, by radio and by wire: what a head end, an engineer and the mains make of it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from devices.runtime.port import Occupied, Port
from protocols.dlms import axdr, wrapper
from protocols.dlms.association import CONFORMANCE
from protocols.dlms.client import Client
from protocols.dlms.cosem import AccessError
from protocols.dlms.direct import Direct
from protocols.dlms.initiate import Conformance
from protocols.dlms.meter import Meter
from protocols.dlms.session import Session
from tools.bench import config, device_config
from tools.bench.commissioning import commission
from tools.bench.run import Run
from tools.headend.notices import FirstBreath, LastGasp

METER_SAP = 3
OBJECT_LIST = bytes.fromhex("C001C1000F0000280000FF0200")
GET_CLOCK = bytes.fromhex("C001C100080000010000FF0200")
SWITCH = "0-0:96.3.10"
HALF_HOUR = timedelta(minutes=30)
GENERAL = CONFORMANCE & ~(
    Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
)


class Probe:
    """A client on the WAN that keeps octets: what came back to it, and what the meter's server was given and said."""

    def __init__(self, run, monkeypatch):
        self.run = run
        self.served = []  # (client, server address, APDU, answers) at the meter
        self.heard = bytearray()
        self.stream = run.net.host("probe").connect(run.hub.name, 4059)
        self.stream.on_data = self.heard.extend
        receive, name = Session.receive, run.esme.firmware.server.devices[1].name

        def noted(session, data, now):
            answers = receive(session, data, now)
            if session.device.name == name:
                self.served.append((session.client_sap, session.server_sap, data, answers))
            return answers

        monkeypatch.setattr(Session, "receive", noted)

    def ask(self, apdu, client=16):
        """The octets that come back within 20 s of an APDU."""
        self.heard.clear()
        self.stream.send(wrapper.wrap(client, METER_SAP, apdu))
        end = self.run.now + 20 * S
        while not self.heard and self.run.now < end:
            self.run.run(for_=S // 10)
        return bytes(self.heard)


def home(interface, hold_up_s=1.0):
    """A commissioned home of hub, electricity meter and a terminal in the van."""
    devices = [device_config.Hub(), device_config.Esme(at=(0.3, 0), interface=interface, hold_up_s=hold_up_s), device_config.Hht()]
    run = Run(config.Bench(name="home", seed=11, start="2026-01-14T00:00:00Z", home=[config.Home(device=devices)]))
    commission(run)
    run.run(for_=MIN)
    return run


@pytest.fixture(params=["han", "wired"])
def run(request):
    return home(request.param)


@pytest.mark.req("S-012")
def test_apdus_pass_the_tunnel_unchanged_both_ways(monkeypatch):
    """Through the real hub: only the server port is rewritten. Rubbish is carried as well as sense, up to the largest APDU."""
    run = home("han")
    probe = Probe(run, monkeypatch)
    noise = run.kernel.rng("noise")
    requests = [next(Client().associate()), OBJECT_LIST, GET_CLOCK, b"\xc0"]
    requests += [b"\xc0" + noise.randbytes(size) for size in (1, 60, 61, 62, 83, 84, 200, 700, 1400, 1491)]
    for apdu in requests:
        probe.served.clear()
        pdu = probe.ask(apdu)
        ((client, sap, arrived, (answer,)),) = probe.served
        assert (client, sap, arrived) == (16, 1, apdu)
        assert pdu == bytes((0, 1, 0, METER_SAP, 0, 16)) + len(answer).to_bytes(2, "big") + answer
    assert len(probe.ask(OBJECT_LIST)) == 1500  # as much as the tunnel carries: the first of several blocks


def test_the_head_end_reads_and_writes_the_meter(run):
    meter = run.head_end.meter("esme", writes=True)
    assert abs(meter.clock() - run.utc) < timedelta(seconds=2)
    assert meter.logical_device_name() == b"MBE" + f"{run.esme.eui64:016X}"[3:].encode()
    run.run(for_=3 * HOUR)
    rows = meter.profile("1-0:99.1.0").rows()
    assert [later[0] - sooner[0] for sooner, later in pairwise(rows)] == [HALF_HOUR] * 5
    assert rows[-1][2].value <= meter.register("1-0:1.8.0").value
    assert meter.profile("1-0:99.1.0").rows(since=rows[1][0], until=rows[3][0]) == rows[1:4]
    meter.action(SWITCH, 70, 1, axdr.i8(0))
    assert meter.register("1-0:1.7.0").value == 0
    with pytest.raises(AccessError):
        run.head_end.meter("esme").action(SWITCH, 70, 2, axdr.i8(0))
    meter.action(SWITCH, 70, 2, axdr.i8(0))
    assert meter.register("1-0:1.7.0").value == 0  # armed: the profile is the paper's
    run.esme.buttons.press("b")
    run.run(for_=S)
    assert meter.register("1-0:1.7.0").value > 0


def test_long_answers_come_in_streams_of_general_blocks(run):
    """The head end's client takes no other blocks; each of its acknowledgements is followed by several of the meter's."""
    whole = [str(entry) for entry in run.head_end.meter("esme").objects()]
    meter = run.head_end.meter("esme")
    meter.client = Client(meter.client.client_sap, meter.client.server_sap, conformance=GENERAL, max_pdu=300)
    assert [str(entry) for entry in meter.objects()] == whole


def test_the_meter_can_be_reached_again_after_every_power_cut(run):
    """Of the hub, of the meter, of both: the same registers, the same log, the clock kept."""
    before = run.head_end.meter("esme").register("1-0:1.8.0").value
    for cut in ([run.hub], [run.esme], [run.hub, run.esme]):
        for board in cut:
            board.cut(off_for=20 * S)
        run.run(for_=10 * MIN)
        meter = run.head_end.meter("esme")
        now = meter.register("1-0:1.8.0").value
        assert now >= before
        assert abs(meter.clock() - run.utc) < timedelta(seconds=2)
        before = now


@pytest.mark.req("S-001", part=True)
@pytest.mark.parametrize("seconds, notices", [(180, 0), (181, 1)])
def test_a_loss_of_supply_is_an_outage_after_three_minutes(run, seconds, notices):
    run.mains.off(seconds * S)
    run.run(for_=10 * MIN)
    assert len(run.head_end.notices(LastGasp)) == len(run.head_end.notices(FirstBreath)) == notices
    assert run.head_end.meter("esme").register("1-0:32.7.0").value == 230


@pytest.mark.parametrize("hold_up_s", [0.0, 0.001, 0.002, 0.003, 0.004, 0.02])
def test_a_hold_up_too_short_for_the_report_costs_no_notice(hold_up_s):
    """The power goes before, while, or just after the report is on the air: still one outage, and one end of it."""
    run = home("han", hold_up_s)
    run.mains.off(200 * S)
    run.run(for_=10 * MIN)
    assert [len(run.head_end.notices(kind)) for kind in (LastGasp, FirstBreath)] == [1, 1]
    run.mains.off(179 * S)
    run.run(for_=10 * MIN)
    assert [len(run.head_end.notices(kind)) for kind in (LastGasp, FirstBreath)] == [1, 1]


@pytest.mark.req("S-004", "S-081")
@pytest.mark.parametrize("volts", [216.1, 253.1, 140.0])
def test_the_first_breath_waits_for_a_voltage_inside_the_limits(volts):
    run = home("han")
    run.mains.off(200 * S)
    run.kernel.at(run.now + 200 * S - 1, run.mains.on, volts, who="scenario")
    run.run(for_=30 * MIN)
    assert [len(run.head_end.notices(kind)) for kind in (LastGasp, FirstBreath)] == [1, 0]
    run.mains.on(230.0)
    run.run(for_=S)
    assert [len(run.head_end.notices(kind)) for kind in (LastGasp, FirstBreath)] == [1, 1]


def test_the_wired_meters_clock_is_the_hubs():
    run = home("wired")
    run.esme.rtc.step(-40 * S)
    run.run(for_=DAY)
    assert abs(run.esme.rtc.read() - run.kernel.utc) < S
    status = run.head_end.meter("esme").get("0-0:1.0.0", 8, 4)
    assert status.value == 0


def test_the_wire_is_the_only_way_to_a_wired_meter():
    """And pulled out it is none; plugged in again it is one, without anybody's help."""
    run = home("wired")
    frames = []
    run.log.subscribe(lambda now, who, kind, data: frames.append(who) if kind == "air.frame" and who == run.esme.name else None)
    meter = run.head_end.meter("esme")
    wh = meter.register("1-0:1.8.0").value
    assert frames == []
    run.esme.uart("wired").detach()
    with pytest.raises(Exception, match="no answer"):
        run.head_end.meter("esme").register("1-0:1.8.0")
    run.esme.uart("wired").attach(run.hub.uart("wired"), baud=9600)
    run.run(for_=5 * MIN)
    assert run.head_end.meter("esme").register("1-0:1.8.0").value >= wh


def test_an_engineers_visit(run):
    """Meter and hub together; the head end goes on reading meanwhile, another head does not."""
    visit = run.visit()
    with pytest.raises(Occupied):
        Port(run.kernel, "another head").attach(run.esme.uart("optical"))
    over_the_wan = run.head_end.meter("esme").register("1-0:1.8.0")
    run.run(for_=5 * S)
    report = visit.report
    assert report["meter"] == "E6 0000001"
    assert abs(int(report["import"].removesuffix(" Wh")) - int(over_the_wan.value)) <= 5
    own = b"MBE" + f"{run.esme.eui64:016X}"[3:].encode()
    assert report["devices"][str(METER_SAP)] == own.decode()
    visit.end()
    run.run(for_=S)
    Port(run.kernel, "another head").attach(run.esme.uart("optical"))


def test_the_optical_port_and_the_hub_are_told_the_same(run):
    """One server behind both: read through one in the instant that the other has its answer."""
    session = run.esme.firmware.server.session(16, 1, 4096)
    direct = Meter(Direct(session, lambda: run.now))
    direct.associate()
    for _ in range(5):
        run.run(for_=17 * MIN)
        far = run.head_end.meter("esme")
        assert abs(far.register("1-0:1.8.0").value - direct.register("1-0:1.8.0").value) <= 1
