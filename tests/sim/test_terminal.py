"""An engineer with a hand-held terminal and no wire: let in by inter-PAN, reading the home's meters, and gone without a trace."""

from __future__ import annotations

from random import Random

import pytest

from devices.runtime.air import OnAir
from devices.runtime.kernel import HOUR, MIN, S
from protocols.zigbee import admission, mac
from protocols.zigbee.key_establishment.certificates import SUITES
from tools.bench.identity import authority

HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "hht"
at = [1, 1]
"""


@pytest.fixture
def home(build):
    return build(HOME)


@pytest.fixture
def visit():
    """A visit by radio from switching on to its report; the visit and the report."""

    def make(home, within=5 * MIN):
        there = home.only.visit(meter=None)
        home.until(lambda: there.report is not None, within)
        return there, there.report

    return make


def test_it_is_let_in_reads_and_leaves(home, visit):
    hub, terminal = home.hub, home.board("hht")
    there, report = visit(home)
    assert "errors" not in report
    assert report["networks"] == [f"{hub.firmware.config.gpf_eui64:016X}"]
    assert report["hub"] == f"{hub.eui64:016X}"
    assert abs(report["clock"] * S - home.kernel.utc) < MIN
    meters = report["meters"]
    litres = home.gsme.firmware.register.reading.litres
    assert meters[f"{hub.eui64:016X}/16"] == [litres, 128]
    (import_wh, kind) = next(value for name, value in meters.items() if name.startswith(f"{home.esme.eui64:016X}"))
    assert (import_wh, kind) == (home.esme.firmware.meter.import_wh, 0)
    assert [(told["eui64"], told["status"]) for told in home.events("hub.visitor")] == [(terminal.eui64, admission.ADMITTED)]
    home.run(for_=MIN)
    assert hub.firmware.log.get(terminal.eui64) is None
    there.end()
    assert terminal.nvm.get("han/network") is None
    home.run(for_=HOUR)
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN


def test_what_is_said_outside_the_network_is_in_no_clear(home, visit):
    psdus = []
    home.log.subscribe(lambda now, who, kind, data: psdus.append(OnAir.unpack(data).psdu), ["air.frame"])
    code = home.only.identities["hht"].install_code
    visit(home)
    assert not any(code in psdu or code[:-2] in psdu for psdu in psdus)
    assert sum(psdu[0] & 7 == 1 and psdu[1] & 0xC0 == 0xC0 and b"\x0b\x00" in psdu for psdu in psdus) >= 10


def test_an_hour_after_power_on_nobody_is_heard_until_it_is_off_and_on_again(home, visit):
    home.run_until(HOUR + MIN)
    there, report = visit(home)
    assert report["errors"] == {"network": "the hub takes no messages from outside its network"}
    assert home.events("hub.visitor") == []
    there.end()
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    assert "errors" not in visit(home)[1]


def test_a_second_visit_is_like_the_first(home, visit):
    there, first = visit(home)
    there.end()
    home.run(for_=MIN)
    _, second = visit(home)
    assert "errors" not in second
    assert set(second["meters"]) == set(first["meters"])


def test_a_visit_that_breaks_off_leaves_nothing_at_the_hub_either(home, visit):
    there = home.only.visit(meter=None)
    home.until(lambda: home.events("hub.visitor"))
    there.end()
    home.run(for_=15 * MIN)
    assert home.hub.firmware.log.get(home.board("hht").eui64) is None
    assert not home.hub.firmware.coordinator.permitting


@pytest.mark.parametrize("breaks_off", [False, True])
@pytest.mark.parametrize(("opened", "left"), [(None, False), (0, False), (20 * 60, True), (5, False)])
def test_joining_is_as_open_after_a_visit_as_before(home, visit, opened, left, breaks_off):
    """By nobody, closed by hand, opened by hand for long or for a moment: a visit changes none of it."""
    coordinator = home.hub.firmware.coordinator
    if opened is not None:
        coordinator.permit(opened)
    before = coordinator._opened
    if breaks_off:
        there = home.only.visit(meter=None)
        home.until(lambda: home.events("hub.visitor"))
        there.end()
        home.run(for_=11 * MIN)
    else:
        visit(home)
        home.run(for_=S)
    assert coordinator._opened == before
    assert coordinator.permitting is left
    assert home.hub.firmware.han.stack._parent.permitted is left


def test_a_terminal_that_was_let_in_before_the_hub_restarted_is_struck_off_as_well(home):
    there = home.only.visit(meter=None)
    home.until(lambda: home.events("hub.visitor"))
    there.end()
    home.hub.restart()
    home.run(for_=MIN)
    assert home.hub.firmware.log.get(home.board("hht").eui64) is not None
    home.run(for_=11 * MIN)
    assert home.hub.firmware.log.get(home.board("hht").eui64) is None
    assert not home.hub.firmware.coordinator.permitting


def test_a_terminal_of_another_issuer_gets_no_key(build, visit):
    other = authority("another bench", SUITES[2]).issue(0x00DB123456789077, Random(1).getrandbits)
    table = {"certificate": other.certificate.hex(), "private_key": f"{other.private_key:x}", "authority": other.authority.hex()}
    home = build(HOME + "".join(f'credentials.{name} = "{value}"\n' for name, value in table.items()))
    _, report = visit(home)
    assert report["errors"] == {"network": "no key was agreed on outside the network"}
    assert "meters" not in report
    assert home.events("hub.visitor") == []


def test_who_asks_without_a_key_is_not_heard(home):
    hub = home.hub
    message = admission.Admit(1, home.only.identities["hht"].install_code).build()
    header = mac.Header(0xCC21, 1, 0xFFFF, destination_eui64=hub.eui64, source_pan=0xFFFF, source_eui64=1)
    frame = mac.frame(header, bytes.fromhex("0B00 03 0DFC 0901") + message)
    radio = home.only.air.radio("stranger", 1.0, 1.0)
    radio.configure(channel=15, pan_id=0xFFFF, short=0xFFFF, eui64=1, rx_on_when_idle=True)
    for psdu in (frame, frame[:-6] + frame[-2:]):
        radio.transmit(1, psdu)
        home.run(for_=S)
    assert home.events("inter-pan.rejected") == [{"reason": "an admission message without security", "payload": message}]
    assert home.events("hub.visitor") == []
    assert hub.firmware.log.get(1) is None
