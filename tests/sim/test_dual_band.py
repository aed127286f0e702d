"""A home on two bands: the gas meter below 1 GHz, everybody else at 2.4 GHz, and one hub for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from devices.runtime.air import OnAir
from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import HOUR, MIN, S
from protocols.core.crc import append_kermit
from protocols.zigbee import enhanced
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.sub_ghz.channels import CHANNELS
from protocols.zigbee.zcl.security import SMART_ENERGY
from tests.compliance.capture import Capture
from tools.bench import config
from tools.errors import BadInput

VOLUME = "7-0:3.0.0"
HOME = '[[home]]\n[home.air]\n{}\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = {}\nband = "{}"\n'


@pytest.fixture
def pages():
    """Counts on which (page, channel) each radio has sent, acknowledgements too, from now on."""

    def listen(home):
        sent = defaultdict(set)

        def heard(now, who, kind, data):
            frame = OnAir.unpack(data)
            sent[who.removeprefix("home1/")].add((frame.page, frame.channel))

        home.log.subscribe(heard, ["air.frame"])
        return sent

    return listen


def _mirrored(home):
    return home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.get(Metering, Metering.current_summation_delivered)


@pytest.mark.req("S-092", part=True)
def test_the_gas_meter_joins_and_reports_below_1_ghz_and_the_others_at_2_4(build, pages):
    sent = []
    home = build("dual-band", before=lambda home: sent.append(pages(home)))
    (sent,) = sent
    assert home.hub.firmware.han.stack.has_link_key(home.gsme.eui64)
    assert len(sent["gsme"]) == 63
    assert {page for page, _ in sent["gsme"]} == {28, 29, 30}
    assert sent["hub.sub-ghz"] == {(28, 5)}
    assert sent["hub"] == {(0, 15)}
    assert {page for page, _ in sent["esme"] | sent["ihd"]} == {0}
    sent.clear()
    home.run_until(3 * HOUR + 10 * MIN)
    assert len(home.times("mirror.complete")) == 7
    assert sent["gsme"] == sent["hub.sub-ghz"] == {(28, 5)}
    litres = home.gsme.firmware.register.reading.litres
    assert _mirrored(home) == litres
    assert home.head_end.meter("gsme").register(VOLUME).value == Decimal(litres) / 1000
    assert any(line.startswith("GAS") and f"{litres / 1000:.3f}" in line for line in home.screen("ihd"))


class _Below1GHz(Capture):
    """What is on pages 28 to 31, opened with the keys of the home."""

    def _frame(self, now, who, kind, data):
        if OnAir.unpack(data).page:
            super()._frame(now, who, kind, data)


@pytest.mark.req("S-130")
def test_gas_comes_by_smart_energy_at_868_mhz(build, pages):
    """The 63 channels of pages 28 to 30 share out 863 to 876 MHz from below, which puts channel 24 at 868."""
    assert sum(map(len, (CHANNELS[28], CHANNELS[29], CHANNELS[30]))) == 63
    assert 868.0 < 863 + (876 - 863) / 63 * (24 + 0.5) < 868.6
    home = build(HOME.format("range_m = 20\nsub_ghz = { page = 28, channel = 24 }", [30, 10], "sub-ghz"))
    sent, capture = pages(home), _Below1GHz(home)
    home.run_until(HOUR + 10 * MIN)
    assert sent["gsme"] == sent["hub.sub-ghz"] == {(28, 24)}
    assert capture.closed == []
    assert capture.profiles == {SMART_ENERGY, 0}  # 0: the ZigBee device objects
    assert Metering.id in capture.clusters
    assert capture.opened_aps > 0
    assert _mirrored(home) == home.gsme.firmware.register.reading.litres
    assert home.head_end.meter("gsme").register(VOLUME).value == Decimal(_mirrored(home)) / 1000


MESHED = """
[[home]]
[home.air]
range_m = 25
sub_ghz = { page = 30, channel = 50 }
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [40, 0]
band = "sub-ghz"
wake_minutes = 10
[[home.device]]
kind = "repeater"
at = [20, 0]
[[home.device]]
kind = "ihd"
at = [40, 0]
"""


@pytest.mark.req("S-092")
def test_bit_errors_on_both_bands_are_found_and_repeated_away_over_hops_too(build, pages):
    """One frame in seven has a wrong bit: the checksum finds each, the frame is sent again, and nobody misses anything.

    Channel 50 of page 30 is at 873 MHz, in the band from 870 to 876 MHz; 868 MHz is above.
    """
    home = build(MESHED)
    assert home.ihd.firmware.han.stack.parent == home.board("repeater").firmware.han.stack.short, "two hops at 2.4 GHz"
    sent, attempts, spoilt = pages(home), Counter(), Counter()

    def heard(now, who, kind, data):
        frame = OnAir.unpack(data)
        attempts[frame.page, who, frame.psdu] += len(frame.psdu) > 5  # acknowledgements of the same number are alike

    home.log.subscribe(heard, ["air.frame"])
    home.log.subscribe(lambda now, who, kind, data: spoilt.update([(who, data["reason"])]), ["air.drop"])
    home.only.air.faults = Faults(home.kernel, "noise", [Fault(Effect.CORRUPT, chance=1 / 7, amount=77)])
    home.run(for_=HOUR)
    home.only.air.faults = None
    assert sent["gsme"] == sent["hub.sub-ghz"] == {(30, 50)}
    assert sent["hub"] == sent["repeater"] == {(0, 15)}
    assert {reason for _, reason in spoilt} == {"FCS"}
    for who in ("hub", "repeater", "gsme", "hub.sub-ghz"):
        assert spoilt[f"home1/{who}", "FCS"] > 0, who
    again = {page for (page, _, _), count in attempts.items() if count > 1}
    assert again == {0, 30}
    assert len(home.times("mirror.complete")) >= 6
    assert _mirrored(home) > 0
    assert home.screen("ihd")[1].endswith("kW")
    assert home.events("han.parent-lost") == []


def test_at_2_4_ghz_it_is_out_of_reach(build):
    near = build(HOME.format("range_m = 20\nsub_ghz = { page = 30, channel = 61 }", [30, 10], "sub-ghz"))
    assert near.gsme.firmware.han.stack.joined
    far = build(HOME.format("range_m = 20", [30, 10], "2.4-ghz"), commissioned=False)
    far.run(for_=30 * MIN)
    assert not far.gsme.firmware.han.stack.joined


def test_both_are_as_they_were_after_a_loss_of_power(build, pages):
    home = build("dual-band")
    home.run_until(HOUR + 10 * MIN)
    joined = len(home.events("han.joined", home.gsme.name))
    home.hub.cut(off_for=MIN)
    home.run(for_=2 * MIN)
    home.gsme.cut(off_for=S)
    sent = pages(home)
    home.run(for_=HOUR)
    assert sent["gsme"] == sent["hub.sub-ghz"] == {(28, 5)}
    assert home.events("han.joined", home.gsme.name)[joined:] == [{**home.events("han.joined", home.gsme.name)[0], "resumed": True}]
    assert _mirrored(home) == home.gsme.firmware.register.reading.litres


def test_a_lost_network_is_asked_for_by_name(build):
    home = build("dual-band")
    asked = []

    def heard(now, who, kind, data):
        psdu = OnAir.unpack(data).psdu
        if enhanced.is_enhanced(psdu) and (question := enhanced.question(enhanced.parse(psdu))) is not None:
            asked.append(question)

    home.log.subscribe(heard, ["air.frame"])
    home.shield("gsme")
    home.run(for_=2 * HOUR)
    home.shield("gsme", loss=0.0)
    home.run(for_=HOUR + 10 * MIN)
    network = home.hub.firmware.config.gpf_eui64
    assert {(q.source, q.joining, q.rejoin.extended_pan_id) for q in asked} == {(home.gsme.eui64, False, network)}
    assert home.times("mirror.complete")[-1] > home.now - 31 * MIN
    assert _mirrored(home) == home.gsme.firmware.register.reading.litres


@pytest.mark.parametrize(
    ("air", "band", "reason"),
    [
        ("", "sub-ghz", "say `sub_ghz` in"),
        ("sub_ghz = { page = 28, channel = 27 }", "sub-ghz", "no channel 27 on page 28, but 0 to 26"),
        ("sub_ghz = { page = 27 }", "sub-ghz", "page"),
        ("", "868", "band"),
    ],
)
def test_a_band_that_cannot_be_is_refused(air, band, reason):
    with pytest.raises(BadInput, match=reason):
        config.loads(HOME.format(air, [1, 1], band))


@pytest.fixture
def shout():
    """Put octets on the air of a home below 1 GHz, as a stranger's radio would; what it hears within a second."""

    def send(home, psdu):
        name = f"stranger {len(home.only.air.radios)}"
        radio = home.only.air.radio(name, 1.0, 1.0)
        radio.configure(channel=5, page=28, pan_id=0xFFFF, short=0xFFFF, eui64=1, rx_on_when_idle=True)
        heard = []
        radio.on_receive = lambda psdu, lqi: heard.append(psdu)
        radio.transmit(1, psdu)
        home.run(for_=S)
        return heard

    return send


def _beacons(heard):
    return [told for psdu in heard if enhanced.is_enhanced(psdu) and (told := enhanced.answer(enhanced.parse(psdu))) is not None]


def test_the_hub_answers_whom_it_would_let_in_or_who_is_its_own(build, shout):
    home = build("dual-band")
    network = home.hub.firmware.config.gpf_eui64
    assert _beacons(shout(home, enhanced.beacon_request(1, 1))) == []  # everybody is there, so joining is closed
    assert _beacons(shout(home, enhanced.beacon_request(1, 1, enhanced.Rejoin(network + 1, 2)))) == []
    (told,) = _beacons(shout(home, enhanced.beacon_request(1, 1, enhanced.Rejoin(network, 2))))
    assert (told.payload.extended_pan_id, told.source, bool(told.superframe & 0x8000)) == (network, 0, False)
    home.hub.firmware.coordinator.permit(60)
    (told,) = _beacons(shout(home, enhanced.beacon_request(1, 1)))
    assert (told.payload.extended_pan_id, told.eui64, bool(told.superframe & 0x8000)) == (network, home.hub.eui64, True)


@pytest.mark.parametrize("at", range(9, 34))
def test_f3_elements_that_end_too_early_are_dropped_and_the_meter_goes_on(build, shout, at):
    home = build(HOME.format("sub_ghz = { page = 28, channel = 5 }", [3, 0], "sub-ghz"))
    whole = enhanced.beacon_request(1, 1)
    assert shout(home, append_kermit(whole[:at])) == []
    before = len(home.times("mirror.complete"))
    home.run(for_=31 * MIN)
    assert len(home.times("mirror.complete")) == before + 1
