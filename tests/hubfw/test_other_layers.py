"""Application layers that the hub has never heard of go in where ADR 0013 says: one on the WAN side, one on the HAN side.

The one here stands for Smart Energy 2.0 with what is typical of it: resources with a path, asked for by GET, with CIM's names.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from devices.runtime.kernel import MS, S
from devices.runtime.net import Closed
from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.cosem import AccessError
from protocols.dlms.server import LogicalDevice, Server, open_profile
from protocols.zigbee.clusters.metering import Metering

GSME, WIRED = 0x00DB_1234_5678_9A02, 0x00DB_1234_5678_9A77
PORT, DLMS_PORT = 8080, 4059
RLRE = b"\x63"
SETTING, IMPORT, VOLUME = "0-0:128.40.0", "1-0:1.8.0", "7-0:3.0.0"
GAS, METER = 2, 3
SET = {
    (Metering.id, attribute.id): value
    for attribute, value in {
        Metering.current_summation_delivered: 12_345, Metering.unit_of_measure: 1, Metering.multiplier: 1, Metering.divisor: 1000,
    }.items()
}  # fmt: skip
VOLUME_ID = Metering.id, Metering.current_summation_delivered.id


class Resources:
    """WAN side: what the mirrors hold, a resource a meter. No DLMS is answered."""

    endpoint = None

    def __init__(self, firmware):
        self.firmware = firmware
        self.streams = []
        firmware.network.listen(PORT, self._accept)

    def close(self):
        self.firmware.network.unlisten(PORT)
        for stream in self.streams:
            stream.close()

    def notice(self, apdu):
        return None

    def _accept(self, stream):
        self.streams.append(stream)
        stream.on_data = lambda data: stream.send(self._answer(data))

    def _answer(self, data):
        method, _, path = data.decode().strip().partition(" ")
        name = path.removeprefix("/mr/")
        mirror = self.firmware.mirrors.of(int(name, 16)) if method == "GET" and name != path else None
        return b"404\n" if mirror is None else b"200 %d\n" % mirror.gas.reading.values[VOLUME_ID]


class Way:
    """HAN side: a meter of CIM readings on a carrier of its own, as the COSEM objects that the hub's other meters have."""

    def __init__(self, firmware, meter):
        self.firmware, self.meter = firmware, meter
        self.readings = {"ReadingType.energy.import": 4_321}
        self.mute = False
        objects = [
            cosem.Register(
                IMPORT, value=lambda: axdr.u32(self.readings["ReadingType.energy.import"]), scaler_unit=(0, cosem.Unit.WATT_HOUR)
            ),
        ]
        self.server = Server({1: LogicalDevice(b"CIM0000000000077", objects, open_profile(b"12345678"))})
        self.sessions = {}

    def send(self, client, apdu):
        if not self.mute:
            self.firmware.after(50 * MS, self._answer, client, apdu)

    def _answer(self, client, apdu):
        if client not in self.sessions:
            self.sessions[client] = self.server.session(client, 1, wrapper.LARGEST_APDU)
        for answer in self.sessions[client].receive(apdu, self.firmware.now):
            self.meter.received(client, answer)
            if answer[:1] == RLRE:
                self.sessions.pop(client).close()


@pytest.fixture
def ask():
    """What a layer on the port answers; why it closed, where it did."""

    def get(premises, line, port=PORT):
        heard, ends = [], []
        stream = premises.head_end.host.connect("hub", port)
        stream.on_data, stream.on_close = heard.append, ends.append
        stream.send(line)
        premises.run(5)
        stream.close()
        return ends[0] if ends else b"".join(heard)

    return get


@pytest.mark.req("S-015", "S-090")
def test_a_wan_layer_of_somebody_elses_is_chosen_answers_alone_and_stays(home, ask):
    premises = home("gsme", fitted=(), wan_layers={"resources": Resources})
    premises.hub.firmware.mirrors.take(GSME, SET)
    question = b"GET /mr/%016X\n" % GSME
    assert ask(premises, question) is Closed.REFUSED  # it is there, and another one is active
    line = premises.head_end.connect(1, 1, b"12345678")
    line.associate()
    with pytest.raises(AccessError):
        line.set(SETTING, 1, 2, axdr.visible("resource"))
    line.set(SETTING, 1, 2, axdr.visible("resources"))
    premises.run(5)
    assert ask(premises, question) == b"200 12345\n"
    assert ask(premises, b"GET /mr/0\n") == b"404\n"
    assert ask(premises, question, DLMS_PORT) is Closed.REFUSED
    premises.hub.cut(S)
    premises.run(5)
    premises.hub.firmware.mirrors.take(GSME, SET)
    assert (premises.hub.firmware.application.active, ask(premises, question)) == ("resources", b"200 12345\n")
    premises.hub.firmware.application.choose("dlms")
    premises.run(5)
    assert ask(premises, question) is Closed.REFUSED
    line = premises.head_end.connect(GAS)
    line.associate()
    assert line.get(VOLUME, 4, 2).python == 12_345


def test_a_hub_whose_next_firmware_has_the_layer_no_more_is_reached_as_before(home, ask):
    premises = home(wan_layers={"resources": Resources})
    premises.hub.firmware.application.choose("resources")
    premises.run(5)
    premises.config = replace(premises.config, wan_layers={})
    premises.hub.cut(S)
    premises.run(5)
    assert premises.hub.firmware.application.active == "dlms"
    assert ask(premises, b"", DLMS_PORT) == b""


@pytest.mark.parametrize("word", ["dlms", "gateway", "gbcs"])
def test_a_word_that_is_taken_is_refused(home, word):
    with pytest.raises(LocalProtocolError, match=f'"{word}" is there already'):
        home(wan_layers={word: Resources})


@pytest.fixture
def way(home):
    """Premises whose electricity meter is reached by somebody else's application layer, and that layer."""
    made = []

    def begin(firmware, meter):
        made.append(Way(firmware, meter))
        return made[-1]

    premises = home("gsme", "ihd", fitted=("ihd",), wired_meter=WIRED, meter_path=begin)
    premises.hub.firmware.mirrors.take(GSME, SET)
    premises.run(60)
    return premises, made[-1]


@pytest.mark.req("S-015", "S-090")
def test_a_meter_behind_another_han_layer_is_read_as_any_other(way):
    """ADR 0013: `hubfw.meter.Path` for who is awake, `Mirrors.take` for who sleeps; WAN, translation and mirror are unchanged."""
    premises, cim = way
    firmware = premises.hub.firmware
    assert firmware.reaches(WIRED)
    assert firmware.tunnels.of(WIRED) is None  # one way to a meter
    line = premises.head_end.connect(METER)
    line.associate()
    assert line.get("0-0:42.0.0", 1, 2).value == b"CIM0000000000077"
    assert line.get(IMPORT, 3, 2).python == 4_321
    cim.readings["ReadingType.energy.import"] = 4_400
    assert line.get(IMPORT, 3, 2).python == 4_400
    gas = premises.head_end.connect(GAS)
    gas.associate()
    assert gas.get(VOLUME, 4, 2).python == 12_345
    assert premises.ihd.firmware.joined is not None  # ZigBee goes on for who speaks it


@pytest.mark.req("S-015", "S-090")
def test_what_the_hub_promises_a_way_and_what_it_survives(way):
    premises, cim = way
    line = premises.head_end.connect(METER)
    line.associate()
    assert set(cim.sessions) == {16}
    line.close()  # a client that goes without a word: the hub ends its association at the meter
    premises.run(5)
    assert cim.sessions == {}
    cim.mute = True
    line = premises.head_end.connect(METER)
    with pytest.raises(TimeoutError):
        line.associate()
    line.close()
    cim.mute = False
    premises.run(60)
    line = premises.head_end.connect(METER)
    line.associate()
    assert line.get(IMPORT, 3, 2).python == 4_321
    cim.meter.received(99, b"\xc4\x01\xc1\x00\x00")  # for nobody
    cim.meter.received(16, b"")
    assert cim.meter.unclaimed == 2
