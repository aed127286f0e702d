"""A hub on the wired meter interface: DLMS or FLAG on it, its feed, its plug, and a module that is changed in mid-life."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest

import hubfw
from devices.runtime.board import Board
from devices.runtime.feed import Feed
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.supply import MainsSupply
from protocols.dlms.cosem import AccessError
from protocols.dlms.xdlms import DataAccessResult
from tests.sim.test_pairing import Equipment
from tools.bench.identity import GPF
from tools.errors import BadInput

IMPORT, LOAD_PROFILE = "1-0:1.8.0", "1-0:99.1.0"
SUCCESSOR = 0x00DB_5749_5245_0001
ONLY = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
interface = "wired"
"""


@pytest.mark.req("S-129")
@pytest.mark.req("S-100", "S-131", part=True)
def test_a_hub_in_the_meters_aperture_speaks_dlms_on_the_wire(build) -> None:
    on_air: set[str] = set()
    home = build("wired", before=lambda run: run.log.subscribe(lambda now, who, kind, data: on_air.add(who), ["air.frame"]))
    home.run(for_=2 * HOUR)
    meter = home.head_end.meter("esme")
    assert meter.register(IMPORT).value == home.esme.firmware.meter.import_wh
    assert len(list(meter.profile(LOAD_PROFILE).rows())) >= 3
    assert "home1/esme" not in on_air  # H2, hub to home, is radio; M, meter to hub, is not
    assert {"home1/hub", "home1/ihd"} <= on_air
    home.run(for_=10 * MIN)
    gas = home.gsme.firmware.register.reading.litres
    assert any(line.startswith("GAS") and f"{gas / 1000:.3f}" in line for line in home.screen("ihd"))
    assert home.events("wire", "home1/hub.wired")
    assert home.only.declared["esme"].wire.form == "aperture"


@pytest.mark.req("S-100", "S-131")
@pytest.mark.parametrize("mode", ["A", "B", "C"])
def test_a_flag_meter_is_read_out_and_its_cosem_objects_are_the_hubs(build, mode: str) -> None:
    home = build(ONLY + f'wire = {{ protocol = "flag", mode = "{mode}", metres = 3 }}\n')
    home.run(for_=10 * MIN)
    meter = home.head_end.meter("esme")
    before = home.esme.firmware.meter.import_wh
    assert before <= meter.register(IMPORT).value <= home.esme.firmware.meter.import_wh
    assert meter.register("1-0:32.7.0").value == 230
    assert meter.get("0-0:96.1.0", 1, 2).value == b"E6 0000001"
    said = b"".join(home.events("wire", "home1/hub.wired"))
    assert b"\x7e" not in said  # no HDLC
    assert bytes(octet & 0x7F for octet in said).startswith(b"/?!\r\n")
    for name, kind, attribute in ((LOAD_PROFILE, 7, 2), ("0-0:96.3.10", 70, 3), ("0-0:1.0.0", 8, 2)):
        with pytest.raises(AccessError) as caught:
            meter.get(name, kind, attribute)
        assert caught.value.result == DataAccessResult.OBJECT_UNAVAILABLE
    # only mode C has programming mode, and so a clock that somebody sets
    assert home.esme.rtc.valid is (mode == "C")


@pytest.mark.req("S-131", part=True)
def test_a_meter_in_mode_d_speaks_by_itself_and_the_hub_says_nothing(build) -> None:
    home = build(ONLY + 'wire = { protocol = "flag", mode = "D" }\n')
    home.run(for_=5 * MIN)
    meter = home.head_end.meter("esme")
    register = meter.register(IMPORT).value
    assert 0 <= home.esme.firmware.meter.import_wh - register < 60
    assert home.events("wire", "home1/hub.wired") == []
    said = b"".join(home.events("wire", "home1/esme.wired"))
    assert bytes(octet & 0x7F for octet in said).startswith(b"/MBE3ESME\r\n\r\n0-0:96.1.0(")
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    assert meter.register(IMPORT).value >= register
    home.only.lead.pull()
    home.run(for_=2 * MIN)
    with pytest.raises(AccessError) as caught:
        meter.register(IMPORT)
    assert caught.value.result == DataAccessResult.TEMPORARY_FAILURE
    home.only.lead.plug()
    home.run(for_=20 * S)
    assert meter.register(IMPORT).value >= register
    assert not home.esme.rtc.valid  # nobody can set it


@pytest.mark.parametrize("mode", ["E", "F"])
def test_other_modes_are_refused(build, mode: str) -> None:
    """E hands over to HDLC, which `protocol = "dlms"` is from the first octet on."""
    with pytest.raises(BadInput, match=f"wire.mode: .*{mode}"):
        build(ONLY + f'wire = {{ protocol = "flag", mode = "{mode}" }}\n')


@pytest.mark.req("S-131", part=True)
def test_the_hub_keeps_a_flag_meters_clock(build) -> None:
    home = build(ONLY + 'clock_ppm = 100\nwire = { protocol = "flag", baud = 2400 }\n')
    home.run(for_=49 * HOUR)
    drift = home.esme.rtc.read() - home.kernel.utc
    assert abs(drift) < 2 * S  # 100 ppm are 17 s in two days
    meter = home.head_end.meter("esme")
    date, time = meter.get("1-0:0.9.2", 1, 2).value, meter.get("1-0:0.9.1", 1, 2).value
    told = datetime.strptime((date + time).decode(), "%y%m%d%H%M%S").replace(tzinfo=UTC)
    assert abs(told - home.utc).total_seconds() < 70


@pytest.mark.req("S-131", part=True)
def test_a_flag_meter_that_falls_silent_is_a_temporary_failure_and_comes_back(build) -> None:
    home = build(ONLY + 'wire = { protocol = "flag" }\n')
    meter = home.head_end.meter("esme")
    before = meter.register(IMPORT).value
    home.only.lead.pull()
    home.run(for_=2 * MIN)
    with pytest.raises(AccessError) as caught:
        meter.register(IMPORT)
    assert caught.value.result == DataAccessResult.TEMPORARY_FAILURE
    home.only.lead.plug()
    home.run(for_=2 * MIN)
    assert meter.register(IMPORT).value >= before


def test_a_flag_meter_that_never_answered_is_not_there(build) -> None:
    home = build(ONLY + 'wire = { protocol = "flag" }\n', commissioned=False, before=lambda run: run.only.lead.pull())
    home.run(for_=2 * MIN)
    assert not home.hub.firmware.commissioned
    assert home.events("meter.dropped")
    home.only.lead.plug()
    home.run(for_=2 * MIN)
    assert home.hub.firmware.commissioned


def test_a_hub_restarts_in_the_middle_of_a_readout(build) -> None:
    home = build(ONLY + 'wire = { protocol = "flag" }\n')
    home.run(for_=2 * MIN)
    for cut in range(0, 2000, 250):
        home.head_end.every(HOUR, "esme", lambda client: client.get(IMPORT, 3, 2), first=home.now)
        home.run(for_=cut * 1_000_000 + 100_000_000)
        home.hub.cut(S)
        home.run(for_=2 * MIN)
        assert home.head_end.meter("esme").register(IMPORT).value > 0


# --- what displays see of it ---


@pytest.mark.req("S-129", "S-100", part=True)
@pytest.mark.parametrize("wire", ['{ form = "aperture" }', '{ protocol = "flag" }', '{ protocol = "flag", mode = "D" }'])
def test_a_display_shows_the_electricity_of_a_wired_meter_from_the_hub(build, wire: str) -> None:
    """M, from meter to hub, is a wire; H2, from hub to home, is radio: a display that has no way to the meter shows it."""
    home = build(ONLY + f'wire = {wire}\n[[home.device]]\nkind = "ihd"\nat = [4, 3]\n[[home.device]]\nkind = "cad"\nat = [2, 3]\n')
    cad = Equipment(home)
    home.run(for_=5 * MIN)

    def shown() -> tuple[str, Decimal]:
        rows = {line.split()[0]: line.split()[-2] for line in home.screen("ihd") if line.startswith(("ELECTRICITY", "total"))}
        return rows["ELECTRICITY"], Decimal(rows["total"])

    power, total = shown()
    assert Decimal(power) * 1000 == home.esme.firmware.meter.watts
    assert 0 <= home.esme.firmware.meter.import_wh - total * 1000 < 30
    assert cad.lines[-1]["electricity"]["import_kwh"] == pytest.approx(float(total), abs=0.03)
    home.only.lead.pull()
    home.run(for_=6 * MIN)
    assert "0." not in next(line for line in home.screen("ihd") if line.startswith("ELECTRICITY"))
    home.only.lead.plug()
    home.run(for_=4 * MIN)
    assert shown()[1] > total


# --- the feed ---


@pytest.mark.req("S-023", "S-132")
def test_a_hub_fed_by_its_meter_lives_on_when_the_prepayment_switch_opens(build) -> None:
    home = build("wired")
    meter = home.head_end.meter("esme", writes=True)
    boots = len(home.events("boot", "home1/hub"))
    meter.action("0-0:96.3.10", 70, 1)
    home.run(for_=HOUR)
    assert not home.esme.firmware.meter.switch.closed
    assert home.hub.supply.live
    assert len(home.events("boot", "home1/hub")) == boots
    assert home.head_end.meter("esme").register(IMPORT).value > 0
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0  # the gas proxy is the hub's


@pytest.mark.req("S-132", part=True)
@pytest.mark.parametrize("what", ["feed", "cable", "mains"])
def test_a_hub_fed_by_its_meter_dies_with_the_feed_or_the_cable(build, what: str) -> None:
    home = build("wired")
    feed, lead = home.only.feed, home.only.lead
    fail = {"feed": lambda: feed.cut("broken"), "cable": lead.pull, "mains": home.mains.off}[what]
    mend = {"feed": lambda: feed.mend("broken"), "cable": lead.plug, "mains": home.mains.on}[what]
    fail()
    home.run(for_=239 * S)
    assert home.hub.firmware is not None  # its own reserve
    home.run(for_=2 * S)
    assert home.hub.firmware is None
    assert (home.esme.firmware is None) is (what == "mains")
    mend()
    home.run(for_=5 * MIN)
    assert home.hub.firmware.commissioned
    assert home.head_end.meter("esme").register(IMPORT).value > 0


def test_a_feed_that_is_cut_for_two_reasons_wants_both_mended(build) -> None:
    home = build("wired")
    feed = home.only.feed
    feed.cut("broken")
    feed.cut("unplugged")
    feed.mend("broken")
    assert not feed.live
    home.mains.off(S)
    home.run(for_=2 * S)
    assert not feed.live
    feed.mend("unplugged")
    assert feed.live
    assert feed.volts == home.mains.volts


@pytest.mark.req("S-133")
@pytest.mark.req("S-102", part=True)
def test_another_module_in_the_aperture_reads_the_same_meter_and_nobody_loses_supply(build) -> None:
    home = build("wired")
    home.run(for_=HOUR)
    old, declared = home.hub, home.hub.firmware.config
    backup, switch = old.firmware.coordinator.backup(), home.esme.firmware.meter.switch
    before = home.head_end.meter("esme").register(IMPORT).value
    home.only.lead.pull()
    old.cut()
    log = tuple(hubfw.Entry(device.eui64, b"", device.kind) for device in declared.device_log)
    issuer = home.only.authority
    own = (issuer.issue(SUCCESSOR, home.only.identities["hub"].random("successor").getrandbits),)
    config = replace(declared, gpf_eui64=SUCCESSOR ^ GPF, device_log=log, credentials=own, restore=backup)
    name = "home1/hub2"
    feed = Feed(home.mains, "home1/feed2")
    feed.cut("unplugged")
    new = Board(
        home.kernel, name, firmware=partial(hubfw.Firmware, config=config), eui64=SUCCESSOR, supply=MainsSupply(feed),
        radio=home.only.air.radio(name, 0.5, 0.5), net=home.net.host(name),
    )  # fmt: skip
    home.only.boards["hub"] = new
    home.only.lead.plug(new.uart("wired"), feed)
    boots = len(home.events("boot", "home1/esme"))
    home.run(for_=2 * HOUR)
    assert new.firmware.commissioned
    assert home.head_end.meter("esme").register(IMPORT).value >= before
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
    assert switch.closed
    assert len(home.events("boot", "home1/esme")) == boots


@pytest.mark.req("S-133")
def test_the_module_of_an_aperture_gives_its_place_to_another_by_its_backup(build) -> None:
    """As the bench file has it: nobody is paired anew, and the meter's supply and the home's are as they were."""
    home = build("aperture-swap")
    home.run(for_=10 * MIN)
    old, before = home.hub, home.head_end.meter("esme").register(IMPORT).value
    boots = len(home.events("boot", "home1/esme"))
    home.run_until(HOUR)
    assert home.exchanges["home1"].outcome == "complete"
    assert home.hub is not old
    assert not old.powered
    assert home.head_end.meter("esme").register(IMPORT).value > before
    assert len(list(home.head_end.meter("esme").profile(LOAD_PROFILE).rows())) >= 1
    assert home.head_end.meter("gsme").register("7-0:3.0.0").value > 0
    assert home.esme.firmware.meter.switch.closed
    assert len(home.events("boot", "home1/esme")) == boots
    assert home.times("mains", "home1/mains") == []
    home.only.lead.pull()  # the new one has its feed from the meter, and no other
    home.run(for_=241 * S)
    assert home.hub.firmware is None


@pytest.mark.parametrize("wire", ['{ protocol = "flag" }', "{}"], ids=["FLAG", "DLMS"])
def test_a_hub_on_a_cable_with_a_supply_of_its_own_is_exchanged_too(build, wire: str) -> None:
    home = build(ONLY.replace("[[home]]", "[[home]]\n[home.exchange]\nat_h = 0.2") + f"wire = {wire}\n")
    home.run_until(HOUR)
    assert home.exchanges["home1"].outcome == "complete"
    assert home.head_end.meter("esme").register(IMPORT).value > 0
