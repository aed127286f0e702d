"""Smart Energy that the head end writes and seals for a meter: the hub passes it on, and can neither read, alter nor repeat it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.kernel import HOUR, MIN, S
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.end_to_end import ENDPOINT, HEAD_END, Seal, Way
from protocols.zigbee.gateway import Packet
from tools.bench.meters import shared_key
from tools.headend.head_end import NoAnswer
from tools.headend.smart_energy import PROFILE, SOURCE, GatewayLine, Refused, SmartEnergy

HOME = """
[[home]]
[[home.device]]
kind = "hub"
wan_application = "gateway"
[[home.device]]
kind = "esme"
at = [0.3, 0]
end_to_end = true
"""
SUMMATION = Metering.current_summation_delivered
KEY = bytes(range(16))
WAY = Way(HEAD_END, 0x00DB_0000_0000_0001, PROFILE, Metering.id, SOURCE, ENDPOINT)


@pytest.fixture
def sealed(build):
    """The home, a line to its hub, and the meter behind it."""
    run = build(HOME)
    line = GatewayLine(run.kernel, run.head_end.host, "home1/hub", b"12345678")
    run.head_end.settle(line.login())
    return run, line, SmartEnergy(line, run.only.sender("esme"))


def read(run, meter):
    return run.head_end.settle(meter.read(run.esme.eui64, 1, Metering, [SUMMATION]))[SUMMATION]


@pytest.mark.req("S-087")
def test_the_head_end_reads_the_meter_and_the_hub_holds_no_key_that_opens_it(sealed):
    run, line, meter = sealed
    assert read(run, meter) == pytest.approx(run.esme.firmware.meter.import_wh, abs=20)
    (payload,) = line.sent
    way = Way(HEAD_END, run.esme.eui64, PROFILE, Metering.id, SOURCE, ENDPOINT)
    key = shared_key(run.only, "esme")
    assert Seal(key).open(way, 0, payload)[0] == 1
    held = [secret for _, secret in run.hub.firmware.han.stack.labelled_keys()]
    assert held
    assert key not in held
    for secret in held:
        with pytest.raises(RemoteProtocolError):
            Seal(secret).open(way, 0, payload)


@pytest.mark.req("S-087")
def test_what_the_hub_alters_sends_elsewhere_or_repeats_is_refused_after_a_power_cut_too(sealed):
    run, line, meter = sealed
    read(run, meter)
    (payload,) = line.sent
    part = run.esme.firmware.sealed
    assert (part.count.opened, part.count.refused) == (1, 0)

    def passed_on(octets, cluster=Metering.id):
        run.head_end.settle(line.send(Packet(run.esme.eui64, PROFILE, cluster, SOURCE, ENDPOINT, octets)))
        run.run(for_=5 * S)
        with pytest.raises(NoAnswer):
            run.head_end.settle(line.receive(run.esme.eui64))

    fresh = Seal(shared_key(run.only, "esme")).close(
        Way(HEAD_END, run.esme.eui64, PROFILE, Metering.id, SOURCE, ENDPOINT), 2, b"\x00\x02\x00\x00\x00"
    )
    passed_on(fresh[:-1] + bytes([fresh[-1] ^ 1]))
    passed_on(fresh, cluster=0x0700)
    passed_on(payload)
    assert (part.count.opened, part.count.refused) == (1, 3)
    run.esme.cut(off_for=MIN)
    run.run(for_=5 * MIN)
    part = run.esme.firmware.sealed
    passed_on(payload)
    assert (part.count.opened, part.count.refused) == (0, 1)
    assert read(run, meter) > 0  # what is new is answered


def test_another_line_of_the_head_end_counts_on(sealed):
    run, line, meter = sealed
    read(run, meter)
    assert read(run, SmartEnergy(line, run.only.sender("esme"))) > 0
    assert [int.from_bytes(payload[:4], "big") for payload in line.sent] == [1, 2]
    assert run.esme.firmware.sealed.count.refused == 0


@pytest.fixture
def gas(build):
    """A home whose gas meter shares a key with the head end, a line to its hub, and what seals for the meter."""
    run = build(HOME.replace('kind = "esme"\nat = [0.3, 0]', 'kind = "gsme"\nat = [6, 2]'))
    line = GatewayLine(run.kernel, run.head_end.host, "home1/hub", b"12345678")
    run.head_end.settle(line.login())
    return run, line, run.only.sender("gsme")


def asked(run, line, sender, sequence):
    """A question for the gas meter, and the payload that goes."""
    payload = sender.close(Way(HEAD_END, run.gsme.eui64, PROFILE, Metering.id, SOURCE, ENDPOINT), bytes((0, sequence, 0, 0, 0)))
    run.head_end.settle(line.send(Packet(run.gsme.eui64, PROFILE, Metering.id, SOURCE, ENDPOINT, payload)))


def answers(run, sender, packets):
    """Sequence numbers of what came back."""
    way = Way(run.gsme.eui64, HEAD_END, PROFILE, Metering.id, SOURCE, ENDPOINT)
    return [sender.open(way, packet.payload)[1] for packet in packets]


@pytest.mark.req("S-087", part=True)
def test_what_is_sealed_for_a_gas_meter_that_sleeps_waits_for_its_wake_also_over_a_power_cut_of_the_hub(gas):
    run, line, sender = gas
    run.run(for_=5 * MIN)
    for sequence in (1, 2, 3):
        asked(run, line, sender, sequence)
    assert run.gsme.firmware.sealed.count.opened == 0
    assert {event["status"] for event in run.events("wan.packet-out")} == {"WAITING"}
    line.close()
    run.hub.cut(off_for=MIN)
    run.run(for_=35 * MIN)
    assert (run.gsme.firmware.sealed.count.opened, run.gsme.firmware.sealed.count.refused) == (3, 0)
    line = GatewayLine(run.kernel, run.head_end.host, "home1/hub", b"12345678")
    run.head_end.settle(line.login())
    came = [run.head_end.settle(line.receive(run.gsme.eui64)) for _ in range(3)]
    assert answers(run, sender, came) == [1, 2, 3]
    spent = run.gsme.firmware.radio_time.total
    run.run(for_=HOUR)
    assert run.gsme.firmware.radio_time.total - spent < 10 * S  # it sleeps again


def test_what_waits_for_a_meter_that_is_struck_off_goes_with_it(gas):
    run, line, sender = gas
    run.run(for_=5 * MIN)
    asked(run, line, sender, 0)
    run.hub.firmware._strike_off(run.gsme.eui64)  # 38: with the meter goes what was for it
    assert run.hub.nvm.get("wan/sleepers") == []


def test_what_waits_too_long_is_dropped_with_an_event_and_no_more_than_eight_wait(gas):
    run, line, sender = gas
    run.run(for_=5 * MIN)
    run.shield("gsme")
    for sequence in range(8):
        asked(run, line, sender, sequence)
    with pytest.raises(Refused, match="NOT_DELIVERED"):
        asked(run, line, sender, 8)
    run.run(for_=26 * HOUR)
    assert [event["code"] for event in run.events("event", run.hub.name)] == [0x809D] * 8
    run.shield("gsme", loss=0.0)
    run.run(for_=2 * HOUR)
    assert run.gsme.firmware.sealed.count.opened == 0


@given(st.binary(max_size=40), st.integers(0, 2**32 - 1))
def test_anything_else_is_refused(octets, last):
    with pytest.raises(RemoteProtocolError):
        Seal(KEY).open(WAY, last, octets)


@given(st.binary(max_size=200), st.data())
def test_what_is_closed_opens_and_no_bit_of_it_may_differ(payload, data):
    octets = Seal(KEY).close(WAY, 7, payload)
    assert Seal(KEY).open(WAY, 6, octets) == (7, payload)
    changed = bytearray(octets)
    changed[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RemoteProtocolError):
        Seal(KEY).open(WAY, 6, bytes(changed))
    for counter in (0, 1 << 32):
        with pytest.raises(LocalProtocolError):
            Seal(KEY).close(WAY, counter, payload)
