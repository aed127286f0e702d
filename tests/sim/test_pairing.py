"""Devices that are entered into a hub's log, join, and are struck off again, as GB's CCS01 and CCS02 have it."""

from __future__ import annotations

import json

import pytest

from devices.runtime.board import Reset
from devices.runtime.kernel import HOUR, MIN, S
from devices.runtime.port import Port
from hubfw.device_facts import HISTORY
from hubfw.device_log import HISTORY_SIZE
from hubfw.local_pairing import label
from protocols.core import aes
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.cosem import date_time
from tools.headend.notices import DeviceLogChanged

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
kind = "cad"
at = [3, 3]
listed = false
"""


def order(home, what):
    return home.head_end.settle(what)


def link(home, name):
    return home.hub.firmware.han.stack.trust_centre.held(home.board(name).eui64)


def joins(home, name):
    return len(home.times("han.joined", home.board(name).name))


def typed(home, digits):
    for digit in digits:
        home.hub.buttons.press(digit)
    home.hub.buttons.press("ok")
    home.run(for_=S)


def said(home):
    return [line.strip() for line in home.screen("hub") if line.strip()][-1]


class Ledger:
    """What the log must be: the sum of what was entered and struck off (invariant 22)."""

    def __init__(self, home):
        self.home = home
        self.listed = {device.eui64 for device in home.hub.firmware.log}
        home.log.subscribe(self._hear, ["hub.registered", "hub.unregistered"])

    def _hear(self, now, who, kind, data):
        (self.listed.add if kind == "hub.registered" else self.listed.discard)(data["eui64"])

    def broken(self):
        """The rules that do not hold now."""
        firmware = self.home.hub.firmware
        log = {device.eui64 for device in firmware.log}
        rules = {
            "size": len(log) <= 16 and len(firmware.log.history) <= HISTORY_SIZE,
            "sum": log == self.listed,
            "trust centre": set(firmware.han.stack.trust_centre.devices) <= log,
            "link keys": set(firmware.han.stack._delivery.link_keys) <= log,
        }
        return [rule for rule, holds in rules.items() if not holds]


class Equipment:
    """What a consumer has on the port of his access device."""

    def __init__(self, home, name="cad"):
        self.port = Port(home.kernel, "laptop")
        self.port.attach(home.board(name).uart("lan"))
        self.port.on_receive = self._hear
        self.octets = b""

    def _hear(self, data):
        self.octets += data

    @property
    def lines(self):
        return [json.loads(line) for line in self.octets.splitlines()]


def paired(build, name="cad"):
    """A home whose supplier had the head end let its consumer device in, and what the consumer has on it."""
    home = build(HOME)
    equipment = Equipment(home)
    order(home, home.head_end.pair(name))
    home.until(lambda: home.board(name).firmware.commissioned)
    home.run(for_=6 * MIN)
    return home, equipment


@pytest.mark.req("S-111")
def test_a_consumer_pairs_a_device_by_himself_at_the_hub(build):
    """Option 1: he types what is on its label. Nobody sends an order over the WAN; the head end learns of it afterwards."""
    home = build(HOME.replace('kind = "hub"', 'kind = "hub"\nconsumer_pairing = true', 1))
    equipment, device = Equipment(home), home.only.identities["cad"]
    home.run(for_=MIN)
    number, code = label(device.eui64, device.install_code)
    typed(home, number[::-1])
    assert said(home) == "a digit is wrong"
    typed(home, number)
    assert said(home) == "now its install code"
    typed(home, code)
    assert said(home) == "may join for 30 min"
    home.until(lambda: home.board("cad").firmware.commissioned)
    home.run(for_=6 * MIN)
    assert equipment.lines[-1]["electricity"]["import_kwh"] > 0
    assert equipment.lines[-1]["gas"]["volume_m3"] > 0
    assert device.eui64 in home.head_end.notices(DeviceLogChanged)[-1].devices
    assert home.head_end.traffic == {}
    home.run(for_=30 * MIN)
    assert not home.hub.firmware.coordinator.permitting


def test_at_the_keypad_no_meter_loses_its_place_and_the_rules_of_who_may_join_hold(build):
    rule = 'kind = "hub"\nconsumer_pairing = true'
    home = build(HOME.replace('kind = "hub"', rule, 1))
    gas, cad = home.only.identities["gsme"], home.only.identities["cad"]
    for each in label(gas.eui64, cad.install_code):
        typed(home, each)
    assert said(home) == "belongs to the system"
    assert home.hub.firmware.log.kind(gas.eui64) == "gsme"
    assert home.gsme.eui64 in home.hub.firmware.gas.listed
    core = build(HOME.replace('kind = "hub"', rule + "\ncore_only = true", 1))
    for each in label(cad.eui64, cad.install_code):
        typed(core, each)
    assert said(core) == "may not join here"
    assert core.hub.firmware.log.get(cad.eui64) is None


def test_without_the_option_the_keypad_lets_nobody_in(build):
    home = build(HOME)
    cad = home.only.identities["cad"]
    for each in label(cad.eui64, cad.install_code):
        typed(home, each)
    assert home.hub.firmware.log.get(cad.eui64) is None


@pytest.mark.req("S-111")
@pytest.mark.req("S-045", part=True)
def test_a_supplier_pairs_a_consumer_device_and_readings_come_out(build):
    """Option 2: the consumer asked his supplier, who has the head end order it."""
    home, equipment = paired(build)
    told = equipment.lines[-1]
    register = home.head_end.meter("esme").register("1-0:1.8.0")
    assert told["electricity"]["import_kwh"] == pytest.approx(float(register.value) / 1000, abs=0.1)
    assert told["electricity"]["power_kw"] > 0
    assert told["electricity"]["price"].endswith("p/kWh")
    assert told["gas"]["volume_m3"] > 0
    assert told["gas"]["read_at"] <= told["time"]


def test_a_consumer_device_that_nobody_entered_stays_out(build):
    home = build(HOME)
    equipment = Equipment(home)
    home.run(for_=20 * MIN)
    assert not home.board("cad").firmware.han.stack.joined
    assert {json.dumps(line["electricity"]) for line in equipment.lines} == {
        '{"power_kw": null, "import_kwh": null, "price": null}'
    }


@pytest.mark.req("S-045")
def test_nothing_goes_in_where_readings_come_out(build):
    """The frames on the air are the same, octet for octet, whether the consumer's equipment writes to the device or not."""
    frames = []
    for written in (b"", b'{"electricity": {"supply": "off"}}\n' * 50):
        home, equipment = paired(build)
        heard = []
        home.log.subscribe(lambda now, who, kind, data, heard=heard: heard.append((now, data)), ["air.frame"])
        equipment.port.write(written)
        home.run(for_=2 * MIN)
        assert home.board("cad").firmware.ignored == len(written)
        frames.append(heard)
    assert frames[0]
    assert frames[0] == frames[1]


# --- the log and its memory ---


def test_each_change_of_the_log_is_told_with_its_backup(build):
    home, _ = paired(build)
    cad = home.board("cad").eui64
    order(home, home.head_end.unpair("cad"))
    home.run(for_=MIN)
    entered, joined, struck_off = home.head_end.notices(DeviceLogChanged)
    others = {home.board(name).eui64 for name in ("esme", "gsme")}
    assert entered.devices.keys() == joined.devices.keys() == others | {cad}
    assert struck_off.devices.keys() == others
    code = home.only.identities["cad"].install_code
    assert entered.devices[cad] == aes.mmo(aes.mmo(code))
    assert joined.devices[cad] == aes.mmo(home.hub.firmware.log.known(cad).key)  # of the key that certificates made
    assert entered.extended_pan_id == home.hub.firmware.config.gpf_eui64


def test_who_was_in_the_log_is_read_at_the_hub_until_he_is_back(build):
    home = build(HOME)
    cad = home.board("cad")

    def was_here():
        rows = home.head_end.meter("hub").get(HISTORY, 1, 2).value
        return [(int.from_bytes(row.value[0].value, "big"), row.value[1].value, row.value[2].value) for row in rows]

    assert was_here() == []
    order(home, home.head_end.pair("cad"))
    order(home, home.head_end.unpair("cad"))
    at = home.kernel.utc
    order(home, home.head_end.unpair("gsme"))
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    assert [line[:2] for line in was_here()] == [(cad.eui64, b"cad"), (home.gsme.eui64, b"gsme")]
    assert abs(date_time.instant(was_here()[0][2]) - at) < S
    order(home, home.head_end.pair("cad"))
    assert [line[0] for line in was_here()] == [home.gsme.eui64]


def test_a_device_that_was_here_comes_back_by_its_key_in_the_first_half(build):
    home, _ = paired(build)
    ledger = Ledger(home)
    cad = home.board("cad")
    key = link(home, "cad").key
    cad.cut()
    home.run(for_=S)
    order(home, home.head_end.unpair("cad"))
    home.run(for_=MIN)
    assert ledger.broken() == []
    assert link(home, "cad") is None
    order(home, home.head_end.pair("cad", seconds=3600))
    cad.power_on(Reset.POWER_ON)  # it never heard that it was sent away
    home.until(lambda: home.hub.firmware.log.get(cad.eui64).joined, within=29 * MIN)
    assert home.times("hub.second-half") == []
    assert link(home, "cad").key == key
    home.until(lambda: cad.firmware.snapshot["electricity"]["power_kw"] is not None)
    assert ledger.broken() == []


def test_a_device_that_forgot_its_key_joins_by_its_code_in_the_second_half_only(build):
    home, _ = paired(build)
    cad, before = home.board("cad"), link(home, "cad").key
    order(home, home.head_end.unpair("cad"))  # it hears that it is to go, and forgets the network
    home.run(for_=MIN)
    assert not cad.firmware.han.stack.joined
    order(home, home.head_end.pair("cad", seconds=3600))
    ordered = home.now
    home.until(lambda: link(home, "cad") is not None and link(home, "cad").key != before, within=HOUR)
    assert 30 * MIN <= home.now - ordered <= 46 * MIN  # it tries every quarter of an hour by then
    assert home.times("hub.second-half") == [pytest.approx(ordered + 30 * MIN, abs=5 * S)]


def test_a_power_cut_neither_opens_joining_anew_nor_makes_it_longer(build):
    """Its device does not come: joining ends when it was to end, and what has ended, or was closed by hand, stays closed."""
    home = build(HOME)
    home.shield("cad")
    order(home, home.head_end.pair("cad", seconds=1800))
    ordered = home.now
    home.run(for_=10 * MIN)
    home.hub.cut(off_for=MIN)
    home.run_until(ordered + 29 * MIN)
    assert home.hub.firmware.coordinator.permitting
    home.run_until(ordered + 30 * MIN + 2 * S)
    assert not home.hub.firmware.coordinator.permitting
    for closed in (lambda: None, lambda: home.hub.firmware.coordinator.permit(0)):
        closed()
        home.hub.cut(off_for=S)
        home.shield("cad", loss=0.0)
        home.run(for_=40 * MIN)
        assert not home.hub.firmware.coordinator.permitting
        assert not home.hub.firmware.han.stack._parent.permitted
        assert not home.board("cad").firmware.han.stack.joined
    order(home, home.head_end.pair("cad"))
    home.until(lambda: home.board("cad").firmware.commissioned, within=20 * MIN)


def test_the_halves_of_the_time_are_the_same_over_a_power_cut(build):
    home, _ = paired(build)
    cad, before = home.board("cad"), link(home, "cad").key
    order(home, home.head_end.unpair("cad"))
    home.run(for_=MIN)
    order(home, home.head_end.pair("cad", seconds=3600))
    ordered = home.now
    home.run(for_=5 * MIN)
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    home.until(lambda: link(home, "cad") is not None and link(home, "cad").key != before, within=HOUR)
    assert home.times("hub.second-half") == [pytest.approx(ordered + 30 * MIN, abs=5 * S)]
    assert home.now > ordered + 30 * MIN
    assert cad.firmware.han.stack.joined


def test_an_order_for_more_than_an_hour_is_refused(build):
    home = build(HOME)
    with pytest.raises(RemoteProtocolError):
        order(home, home.head_end.pair("cad", seconds=3601))
    assert not home.hub.firmware.coordinator.permitting
