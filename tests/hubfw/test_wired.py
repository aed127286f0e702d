"""The electricity meter on the hub's serial port, and the hub's own service port: the same meter software, another way in."""

from __future__ import annotations

import pytest

from devices.parts.dlms_port import DlmsPort
from devices.runtime.board import Board
from devices.runtime.firmware import Firmware
from devices.runtime.kernel import S
from devices.runtime.port import Port, Wire
from devices.runtime.supply import MainsSupply
from protocols.core.effects import Send
from protocols.dlms import axdr, cosem, hdlc
from protocols.dlms.client import Client, Refused, drive
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, open_profile
from protocols.dlms.xdlms import AttributeDescriptor, GetRequestNormal

IMPORT = "1-0:1.8.0"
TEXT = "0-0:96.1.0"
NAME = b"MBE-on-the-wire"


class Meter(Firmware):
    """A COSEM server on its UART."""

    def boot(self, why):
        register = cosem.Register(IMPORT, value=axdr.u32(4711), scaler_unit=(0, cosem.Unit.WATT_HOUR))
        text = cosem.Data(TEXT, value=axdr.octets(bytes(500)))
        self.server = Server({1: LogicalDevice(NAME, [register, text], open_profile(b"12345678"))})
        self.port = DlmsPort(self, self.board.uart("wired"), self.server)


@pytest.fixture
def premises(home):
    """A hub whose electricity meter is on the wire."""
    eui64 = 0x00DB_1234_5678_9A01
    premises = home("esme", "gsme", fitted=["gsme"], wired_meter=eui64)
    premises.boards["esme"] = Board(premises.kernel, "esme", firmware=Meter, supply=MainsSupply(premises.mains, S), eui64=eui64)
    premises.wire = Wire(premises.kernel, premises.hub.uart("wired"), premises.esme.uart("wired"), baud=9600)
    premises.commission()
    return premises


def test_the_head_end_reads_a_wired_meter_at_its_sap(premises):
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get(IMPORT, 3, 2).value == 4711
    assert line.get("0-0:42.0.0", 1, 2).value == NAME


def test_streamed_blocks_are_fetched_from_the_wire(premises):
    """General block transfer: the meter says three blocks in a row, and HDLC lets it speak only when polled."""
    line = premises.head_end.connect(3)
    line.client = Client(16, 3, max_pdu=120)
    line.associate()
    get = GetRequestNormal(0xC1, AttributeDescriptor(1, bytes(Obis(TEXT)), 2)).build()
    first = GeneralBlock.parse(line.exchange(GeneralBlock(0x80 | 3, 1, 0, get).build()))
    premises.run(5)
    blocks = [first, *(GeneralBlock.parse(answer.apdu) for answer in line.answers)]
    assert [(block.number, block.streaming) for block in blocks] == [(1, True), (2, True), (3, False)]


def test_two_clients_share_the_wire(premises):
    reader, writer = premises.head_end.connect(3), premises.head_end.connect(3, 1, b"12345678")
    reader.associate()
    writer.associate()
    assert reader.get("0-0:42.0.0", 1, 2) == writer.get("0-0:42.0.0", 1, 2)
    writer.close()
    assert reader.get("0-0:42.0.0", 1, 2)


def test_an_association_does_not_outlive_its_connection(premises):
    line = premises.head_end.connect(3)
    line.associate()
    line.close()
    premises.run(5)
    with pytest.raises(Refused):
        premises.head_end.connect(3).get(IMPORT, 3, 2)


def test_a_data_link_that_fell_silent_is_set_up_again(premises):
    premises.run(600)  # the meter drops its end after 120 s
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get(IMPORT, 3, 2).value == 4711


def test_a_wire_that_is_pulled_out_costs_answers_and_nothing_else(premises):
    premises.wire.unplug()
    line = premises.head_end.connect(3)
    with pytest.raises(TimeoutError):
        line.associate()
    line.close()
    assert any(kind == "meter.dropped" for kind, _ in premises.told("meter."))
    Wire(premises.kernel, premises.hub.uart("wired"), premises.esme.uart("wired"))
    premises.run(30)
    line = premises.head_end.connect(3)
    line.associate()
    assert line.get(IMPORT, 3, 2).value == 4711


def test_an_outage_is_told_by_the_hubs_own_sense(premises):
    premises.mains.off(200 * S)
    premises.run(400)
    assert [code for code, _ in premises.head_end.bodies()] == [1, 2]


def test_the_service_port_lists_the_premises(premises):
    """As a hand-held terminal does: HDLC, server 1, client 16."""
    port = Port(premises.kernel, "terminal")
    link = hdlc.ClientLink(16, 1)
    answers = []

    def apply(effects):
        for effect in effects:
            if isinstance(effect, Send):
                port.write(effect.data)
            else:
                answers.append(effect)

    port.on_receive = lambda data: apply(link.feed(data, premises.kernel.now))
    Wire(premises.kernel, port, premises.hub.uart("service"))
    apply(link.connect(premises.kernel.now))
    premises.run(1)
    client = Client()

    def exchange(apdu):
        apply(link.request(apdu, premises.kernel.now))
        premises.run(1)
        return answers.pop().data

    drive(client.associate(), exchange)
    directory = drive(client.get("0-0:41.0.0", 17, 2), exchange).python
    assert [sap for sap, _ in directory] == [1, 2, 3]
