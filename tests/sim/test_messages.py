"""Messages of remote parties in a live home: in at the hub, through tunnel or queue to the device, and the answer out again."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.mirror import Functional
from protocols.zigbee.mirror.queue import CAPACITY
from protocols.zigbee.mirror.transfer import LONGEST_MESSAGE

GB = """
profile = "gb"
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
kind = "ppmid"
at = [5, -4]
"""
GAS = '[[home]]\n[[home.device]]\nkind = "hub"\n[[home.device]]\nkind = "gsme"\nat = [6, 2]\nwake_minutes = 30\n'
WAKE = 30 * MIN


class Party:
    """A remote party behind a hub: what came back to it, and what each device was given. Devices answer what they got, reversed."""

    def __init__(self, home, *devices):
        self.home = home
        self.heard = []
        self.given = {name: [] for name in devices}
        home.hub.firmware.on_message = self.hear
        for name in devices:
            home.board(name).firmware.inbox.act = self.answer(self.given[name])

    def hear(self, eui64, message):
        self.heard.append((eui64, message))

    def answer(self, given):
        def act(message):
            given.append(message)
            return [message[::-1]]

        return act

    def send(self, device, *messages):
        for message in messages:
            self.home.hub.firmware.deliver(self.home.board(device).eui64, message)


@pytest.fixture
def gas(build):
    home = build(GAS)
    home.run_until(HOUR + 10 * MIN)
    return home


def flags(home):
    return Functional(home.hub.firmware.mirrors.of(home.gsme.eui64).notifications.words[0])


def codes(home, name):
    return [event["code"] for event in home.events("event", home.board(name).name)]


def test_messages_wait_for_the_gas_meter_arrive_in_order_and_are_answered(gas):
    party = Party(gas, "gsme")
    party.send("gsme", b"first message", b"second message", b"third")
    assert flags(gas) == Functional.TUNNEL_MESSAGE_PENDING
    gas.run(for_=19 * MIN)
    assert party.given["gsme"] == []
    gas.run(for_=3 * MIN)
    assert party.given["gsme"] == [b"first message", b"second message", b"third"]
    assert party.heard == [(gas.gsme.eui64, message[::-1]) for message in party.given["gsme"]]
    assert flags(gas) == 0
    assert gas.hub.firmware.mailbox.waiting(gas.gsme.eui64) == 0
    gas.run(for_=DAY)
    assert len(party.given["gsme"]) == len(party.heard) == 3
    assert codes(gas, "gsme") == [0x8054] * 3


def test_a_message_that_nobody_understands_is_logged_with_its_code_and_not_answered(gas, shared_vectors):
    published = next(each for each in shared_vectors("gbcs")["messages"] if len(each["hex"]) < 1000)
    message = bytes.fromhex(published["hex"])
    gas.hub.firmware.deliver(gas.gsme.eui64, message)
    gas.run(for_=WAKE)
    told = {"code": 0x8055, "message": int(published["message_code"], 16), "octets": len(message)}
    assert gas.events("event", gas.gsme.name) == [told]
    assert gas.events("hub.message") == []


def test_the_longest_message_goes_through_and_a_longer_one_is_refused(gas):
    party = Party(gas, "gsme")
    with pytest.raises(LocalProtocolError):
        party.send("gsme", bytes(LONGEST_MESSAGE + 1))
    party.send("gsme", bytes(range(256)) * 5 + bytes(LONGEST_MESSAGE - 1280))
    gas.run(for_=WAKE)
    assert [len(message) for message in party.given["gsme"]] == [LONGEST_MESSAGE]
    assert [len(message) for _, message in party.heard] == [LONGEST_MESSAGE]


def test_the_queue_is_bounded_and_needs_a_mirror(gas):
    party = Party(gas, "gsme")
    party.send("gsme", *(bytes([number]) for number in range(CAPACITY)))
    with pytest.raises(LocalProtocolError):
        party.send("gsme", b"one more")
    gas.run(for_=WAKE)
    assert party.given["gsme"] == [bytes([number]) for number in range(CAPACITY)]
    gas.hub.firmware.mirrors.remove(gas.gsme.eui64)
    with pytest.raises(LocalProtocolError):
        party.send("gsme", b"x")


def test_a_message_that_is_not_fetched_in_a_day_is_dropped_with_an_event(gas):
    party = Party(gas, "gsme")
    gas.shield("gsme")
    party.send("gsme", b"early")
    gas.run(for_=HOUR)
    party.send("gsme", b"later")
    gas.run(for_=23 * HOUR - MIN)
    assert codes(gas, "hub") == []
    gas.run(for_=2 * MIN)
    assert codes(gas, "hub") == [0x809D]
    gas.shield("gsme", loss=0.0)
    gas.run(for_=50 * MIN)
    assert party.given["gsme"] == [b"later"]


def test_messages_outlive_a_loss_of_power_at_the_hub(gas):
    party = Party(gas, "gsme")
    party.send("gsme", b"one", b"two")
    gas.hub.cut(5 * S)
    gas.run(for_=MIN)
    assert gas.hub.firmware.mailbox.waiting(gas.gsme.eui64) == 2
    gas.hub.firmware.on_message = party.hear
    gas.run(for_=WAKE)
    assert party.given["gsme"] == [b"one", b"two"]
    assert [message for _, message in party.heard] == [b"eno", b"owt"]


@pytest.mark.parametrize("operations", range(0, 5_000, 127))
def test_what_the_hub_accepted_arrives_once_over_a_cut_at_any_flash_operation(gas, operations):
    """Octets are flash operations: three records of messages, the flags, a whole set of the mirror, and what is deleted."""
    party, accepted = Party(gas, "gsme"), []

    def send(message):
        party.send("gsme", message)
        accepted.append(message)  # not reached when the power goes within

    def listen(now, who, kind, data):
        if (who, kind) == (gas.hub.name, "power") and data["state"] == "on":
            gas.kernel.at(now, lambda: setattr(gas.hub.firmware, "on_message", party.hear), who=gas.hub.name)

    gas.log.subscribe(listen)
    gas.hub.cut_at_flash_operation(operations, off_for=30 * S)
    for number in range(3):
        gas.kernel.at(gas.now + number * 40 * S, send, f"message {number}".encode() * 9, who=gas.hub.name)
    gas.run(for_=2 * HOUR)
    assert party.given["gsme"] == accepted
    assert len(accepted) >= 2
    assert gas.hub.firmware.mailbox.waiting(gas.gsme.eui64) == 0
    assert not flags(gas) & Functional.TUNNEL_MESSAGE_PENDING
    assert [message[::-1] for _, message in party.heard] == accepted


def test_g13_a_gas_meter_whose_tunnel_is_gone_opens_it_anew(gas):
    """Idle for 65,535 s, and after a power cut at either end."""
    party = Party(gas, "gsme")
    opened = len(gas.events("gsme.tunnel-open"))
    gas.run(for_=65_535 * S + HOUR)
    assert gas.events("mailbox.tunnel-closed")
    party.send("gsme", b"after a long silence")
    gas.run(for_=WAKE)
    assert len(gas.events("gsme.tunnel-open")) == opened + 1
    gas.hub.cut(5 * S)
    gas.run(for_=MIN)
    gas.hub.firmware.on_message = party.hear
    party.send("gsme", b"after the hub's cut")
    gas.run(for_=WAKE)
    assert len(gas.events("gsme.tunnel-open")) == opened + 2
    gas.gsme.supply.remove()
    gas.run(for_=MIN)
    gas.gsme.supply.insert()
    gas.run(for_=S)
    gas.gsme.firmware.inbox.act = party.answer(party.given["gsme"])
    party.send("gsme", b"after the meter's")
    gas.run(for_=WAKE)
    assert party.given["gsme"] == [b"after a long silence", b"after the hub's cut", b"after the meter's"]
    assert len(party.heard) == 3


def test_over_a_bad_radio_each_message_comes_once_and_in_order(build):
    home = build(GAS.replace("[[home]]\n", "[[home]]\n[home.air]\nloss = 0.2\n"))
    home.run_until(HOUR + 10 * MIN)
    party = Party(home, "gsme")
    sent = []
    for number in range(12):
        message = f"message {number} ".encode() * 20
        sent.append(message)
        party.send("gsme", message)
        home.run(for_=17 * MIN)
    home.run(for_=3 * HOUR)
    assert party.given["gsme"] == sent
    assert [message[::-1] for _, message in party.heard] == sent


def test_an_awake_device_gets_bare_messages_at_once(build):
    home = build(GB)
    home.run_until(HOUR)
    party = Party(home, "esme", "ppmid")
    party.send("esme", b"\xdd to the meter")
    party.send("ppmid", b"\xdf to the display")
    home.run(for_=5 * S)
    assert party.given == {"esme": [b"\xdd to the meter"], "ppmid": [b"\xdf to the display"]}
    assert sorted(party.heard) == sorted((home.board(name).eui64, given[0][::-1]) for name, given in party.given.items())
    assert str(home.head_end.meter("esme").register("1-0:1.8.0").unit)  # DLMS goes the same way


def test_where_the_tunnel_carries_dlms_no_message_goes_in(home):
    with pytest.raises(LocalProtocolError):
        home.hub.firmware.deliver(home.esme.eui64, b"message")
    with pytest.raises(LocalProtocolError):
        home.hub.firmware.deliver(home.board("ihd").eui64, b"message")


def test_g13_a_busy_hub_is_asked_again_at_the_gas_meters_next_wake(gas):
    """The hub believes that the meter has a tunnel, which has carried something, and the meter has forgotten which."""
    party = Party(gas, "gsme")
    party.send("gsme", b"first")
    gas.run(for_=WAKE)
    assert party.given["gsme"].pop() == b"first"
    gas.gsme.nvm.delete("gas/tunnel")
    gas.gsme.supply.remove()
    gas.run(for_=S)
    before = len(gas.events("gsme.tunnel-closed"))
    gas.gsme.supply.insert()
    gas.run(for_=5 * MIN)
    gas.gsme.firmware.inbox.act = party.answer(party.given["gsme"])
    busy = gas.times("gsme.tunnel-closed")[before:]
    assert [told["reason"] for told in gas.events("gsme.tunnel-closed")[before:]] == ["busy"]
    assert 0x81BA in codes(gas, "hub")
    gas.run(for_=40 * MIN)
    assert len(gas.times("gsme.tunnel-closed")) == len(busy) + before + 1  # once at each wake
    gas.hub.cut(5 * S)  # and the hub has forgotten, too
    party.home.run(for_=MIN)
    gas.hub.firmware.on_message = party.hear
    party.send("gsme", b"at last")
    gas.run(for_=2 * WAKE)
    assert party.given["gsme"] == [b"at last"]


def test_g13_a_meter_that_joins_anew_has_a_new_tunnel(gas):
    party = Party(gas, "gsme")
    han, opened = gas.gsme.firmware.han, len(gas.events("mailbox.tunnel-open"))
    gas.hub.firmware.coordinator.permit(3600)
    han.apply(han.stack.leave(han.now))
    gas.run(for_=2 * WAKE)
    assert len(gas.events("mailbox.tunnel-open")) == opened + 1
    party.send("gsme", b"again")
    gas.run(for_=WAKE)
    assert party.given["gsme"] == [b"again"]


def test_g13_a_busy_meter_is_asked_again_by_the_hub_after_180_seconds_and_not_at_once(build):
    home = build(GB)
    home.run_until(HOUR)
    esme = home.esme.firmware
    busy = home.times("event", home.esme.name)
    address = esme.han.stack.address_of(home.hub.eui64)
    (tunnel,) = esme._tunnel.tunnels.tunnels.values()
    client = home.hub.firmware.tunnels.of(home.esme.eui64).client
    client.tunnel, client.last = 0x4242, None  # so that the meter does not know it, and the hub not what to close
    assert tunnel.peer.address == address == 0
    home.hub.firmware.deliver(home.esme.eui64, b"\xdd lost")
    home.run(for_=179 * S)
    refused = home.times("event", home.esme.name)[len(busy) :]
    assert len(refused) == 1
    home.run(for_=5 * S)
    second = home.times("event", home.esme.name)[len(busy) :]
    assert len(second) == 2
    assert 180 * S <= second[1] - refused[0] < 181 * S
    home.esme.cut(S)  # it forgets, and the hub's next attempt succeeds
    home.run(for_=200 * S)
    party = Party(home, "esme")
    party.send("esme", b"\xdd arrives")
    home.run(for_=5 * S)
    assert party.given["esme"][-1] == b"\xdd arrives"


def test_g13_after_a_rejoin_the_hub_has_forgotten_the_tunnel_and_the_meter_opens_another(gas):
    party = Party(gas, "gsme")
    opened = len(gas.events("mailbox.tunnel-open"))
    gas.gsme.firmware.spawn(gas.gsme.firmware.han.rejoin())
    gas.run(for_=WAKE)
    assert len(gas.events("mailbox.tunnel-open")) == opened + 1
    assert len(gas.hub.firmware.mailbox.tunnels) == 1
    assert [told["reason"] for told in gas.events("gsme.tunnel-closed")] == []
    party.send("gsme", b"after the rejoin")
    gas.run(for_=WAKE)
    assert party.given["gsme"] == [b"after the rejoin"]
