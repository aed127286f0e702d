"""Bad inputs G1 to G5, G8, G9 and F14 on a living home, and every command of every cluster that nobody asked for.

A display says what no display should, to hub and meter, as octets. After each the next good frame is answered, attributes are as
they were, and nobody has restarted.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from random import Random

import pytest

from devices.parts.han import HUB, Han
from devices.runtime.kernel import S
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import clusters
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.mirror import MIRROR_REFUSED
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.node import Message, NodeType
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import Cluster, command_of
from protocols.zigbee.zcl.foundation import DefaultResponse, Header
from protocols.zigbee.zcl.security import needs_link_key
from tools.bench.commissioning import commission
from tools.bench.config import load, loads
from tools.bench.run import Run

BENCH = Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "home.toml"
TO_SERVER, TO_CLIENT = 0x00, 0x08
SPECIFIC = 0x01
NO_DEFAULT = 0x10
PATIENCE = 3 * S


class Live:
    """A commissioned home; its PPMID does not behave."""

    def __init__(self, more: str = "") -> None:
        self.run = Run(loads(BENCH.read_text("utf-8") + more))
        commission(self.run)
        self.run.run(for_=30 * S)
        firmware = self.run.ppmid.firmware
        self.han: Han = firmware.han
        self.esme = self.han.stack.address_of(self.run.esme.eui64)
        self.heard: list[Message] = []
        self.han.on(Message, self.heard.append)
        self.restarts: list[object] = []
        self.run.log.subscribe(lambda now, who, kind, data: self.restarts.append((who, data)), ["power"])

    def say(self, address: int, cluster: int, payload: str | bytes, endpoint: int = 1, *, link_key: bool = True) -> list[bytes]:
        """Send a ZCL frame; the ZCL frames of that cluster and sequence number that come back."""
        octets = bytes.fromhex(payload) if isinstance(payload, str) else payload
        self.heard.clear()
        _, effects = self.han.stack.send(address, 0x0109, cluster, 1, endpoint, octets, link_key=link_key, now=self.run.kernel.now)
        self.han.apply(effects)
        self.run.run(for_=PATIENCE)
        return [
            each.payload
            for each in self.heard
            if each.source == address and each.cluster == cluster and each.payload[1:2] == octets[1:2]
        ]

    def fine(self) -> bool:
        """The next good frames are answered, by hub and meter."""
        read = bytes((0x10, 0xEE, 0x00)) + (0x0000).to_bytes(2, "little")
        answers = [self.say(HUB, Time.id, read), self.say(self.esme, Metering.id, read)]
        return all(len(each) == 1 and each[0][2] == 0x01 and each[0][5] == 0x00 for each in answers) and not self.restarts


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.fixture(autouse=True)
def next_good_frame(live: Live) -> Iterator[None]:
    yield
    assert live.fine()


def status(answers: list[bytes]) -> int:
    """Of the one Default Response."""
    (answer,) = answers
    header, at = Header.parse_from(answer, 0)
    assert header.command == foundation.GENERAL_IDS[DefaultResponse], answer.hex()
    return DefaultResponse.parse(answer[at:]).status


# --- G1 to G3: general commands ---

CUT = {
    "an attribute identifier of one octet": "00 21 00 00",
    "a write without its value": "00 22 02 11 00 30",
    "a string longer than the frame": "00 23 02 05 00 42 20 61 62",
    "a report cut in its value": "00 24 0A 00 00 25 01 02",
    "reporting intervals cut": "00 25 06 00 00 00 25 01",
    "half a ZCL header": "00 26",
}


@pytest.mark.parametrize("payload", CUT.values(), ids=CUT.keys())
def test_g1_what_is_cut_is_malformed_and_nothing_is_applied(live: Live, payload: str) -> None:
    answers = live.say(HUB, Basic.id, payload)
    if len(bytes.fromhex(payload)) < 3:
        assert answers == []
    else:
        assert status(answers) == 0x80


WRITES = {
    "unknown attribute": ("34 12 20 01", 0x86),
    "read-only": ("00 00 20 08", 0x88),
}


@pytest.mark.parametrize(("record", "expected"), WRITES.values(), ids=WRITES.keys())
def test_g2_each_record_has_its_status(live: Live, record: str, expected: int) -> None:
    cluster = Basic.id
    (answer,) = live.say(live.esme, cluster, "10 31 02" + record)
    assert answer[2] == 0x04  # Write Attributes Response
    assert answer[3] == expected
    assert answer[4:6] == bytes.fromhex(record)[:2]


def test_g3_unknown_clusters_and_commands(live: Live) -> None:
    assert status(live.say(live.esme, 0x0ABC, "01 41 00")) in (0xC3, 0x81)
    assert status(live.say(live.esme, Metering.id, "01 42 7F")) == 0x81
    assert status(live.say(live.esme, Metering.id, "00 44 7E 00")) == 0x82


def test_g3_commands_of_a_manufacturer(live: Live) -> None:
    live.heard.clear()
    payload = bytes.fromhex("053412 51 00")
    _, effects = live.han.stack.send(live.esme, 0x0109, Metering.id, 1, 1, payload, link_key=True, now=live.run.kernel.now)
    live.han.apply(effects)
    live.run.run(for_=PATIENCE)
    (answer,) = [each.payload for each in live.heard if each.cluster == Metering.id and each.payload[1:3] == bytes.fromhex("3412")]
    assert answer[-1] == 0x83


# --- G4, G5: what is not answered ---

UNASKED = {
    "Read Attributes Response": "08 61 01 00 00 00 25 01 02 03 04 05 06",
    "Write Attributes Response": "08 62 04 00",
    "Configure Reporting Response": "08 63 07 00",
    "Read Reporting Configuration Response": "08 64 09 00 00 00 00 25 01 00 02 00 01 00 00 00 00 00",
    "one cut short": "08 65 09 00 00 00",
    "Default Response": "08 66 0B 00 80",
    "Discover Attributes Response": "08 67 0D 01 00 00 20",
    "Discover Commands Received Response": "08 68 12 01 00 01 02",
    "Discover Commands Generated Response": "08 69 14 01 00 01 02",
    "Discover Attributes Extended Response": "08 6A 16 01 00 00 20 03",
    "the same, for the server": "00 6B 12 01",
}


@pytest.mark.parametrize("payload", UNASKED.values(), ids=UNASKED.keys())
def test_g4_answers_nobody_asked_for_are_ignored(live: Live, payload: str) -> None:
    assert live.say(live.esme, Metering.id, payload) == []
    assert live.say(HUB, Time.id, payload) == []


def test_g5_a_malformed_write_without_response_is_neither_answered_nor_applied(live: Live) -> None:
    held = dict(live.run.esme.firmware.han.endpoints[1].server(Basic).values)
    assert live.say(live.esme, Basic.id, "00 71 05 00 00 20 63 10 00 42 20 61") == []
    assert live.run.esme.firmware.han.endpoints[1].server(Basic).values == held


# --- G8: reporting ---

REPORTING = {
    "least interval beyond the most": ("00 00 00 25 64 00 0A 00 01 00 00 00 00 00", (0x87,)),
    "an attribute that is not there": ("00 34 12 25 01 00 0A 00 01 00 00 00 00 00", (0x86,)),
    "another type": ("00 00 00 20 01 00 0A 00 01", (0x8D,)),
    "an attribute that is not reported": ("00 05 00 21 01 00 0A 00 01 00", (0x8C, 0x86)),
}


@pytest.mark.parametrize(("record", "expected"), REPORTING.values(), ids=REPORTING.keys())
def test_g8_reporting_that_cannot_be(live: Live, record: str, expected: tuple[int, ...]) -> None:
    (answer,) = live.say(live.esme, Metering.id, "10 81 06" + record)
    assert answer[2] == 0x07  # Configure Reporting Response
    assert answer[3] in expected


def test_g8_a_change_for_what_has_no_amount_is_no_record_and_configures_nothing(live: Live) -> None:
    """Supply status is discrete: the octet behind its intervals begins another record, and that one is cut."""
    before = live.run.esme.firmware.han.endpoints[1].server(Metering).values
    assert status(live.say(live.esme, Metering.id, "10 83 06 00 14 00 30 01 00 0A 00 01")) == 0x80
    (answer,) = live.say(live.esme, Metering.id, "10 84 08 00 14 00")  # Read Reporting Configuration
    assert (answer[2], answer[3]) != (0x09, 0x00), "nothing was configured"
    assert live.run.esme.firmware.han.endpoints[1].server(Metering).values == before


def test_g8_more_records_than_there_is_room_for(live: Live) -> None:
    many = b"".join(bytes.fromhex(f"00{number:02X}0025 0100 0A00 010000000000".replace(" ", "")) for number in range(100))
    (answer,) = live.say(live.esme, Metering.id, bytes.fromhex("10 82 06") + many)
    assert answer[2] in (0x07, 0x0B)


# --- G9: mirrors ---


def test_g9_a_display_gets_no_mirror_and_reports_into_nobodys(live: Live) -> None:
    mirror = next(number for number in live.run.hub.firmware.han.endpoints if number >= 0x10)
    before = live.run.hub.firmware.mirrors.of(live.run.gsme.eui64).gas.reading
    answers = live.say(HUB, Metering.id, "09 91 01")
    assert len(answers) == 1
    assert answers[0][2] != 0x01 or answers[0][3:5] == MIRROR_REFUSED.to_bytes(2, "little")
    assert status(live.say(HUB, Metering.id, "08 92 0A 00 00 25 01 00 00 00 00 00", mirror)) == 0x7E
    assert live.run.hub.firmware.mirrors.of(live.run.gsme.eui64).gas.reading == before


# --- F14 ---


@pytest.mark.parametrize("cluster", [Metering.id, Price.id, Time.id])
def test_f14_smart_energy_under_the_network_key_alone_fails(live: Live, cluster: int) -> None:
    """SE 1.4 5.4.6: Default Response FAILURE, under the network key."""
    assert status(live.say(HUB, cluster, "00 A1 00 00 00", link_key=False)) == 0x01
    assert live.heard[0].secured is False


# --- every command of every cluster, out of the blue ---


def commands() -> list[type[Frame]]:
    for module in pkgutil.iter_modules(clusters.__path__):
        import_module(f"{clusters.__name__}.{module.name}")
    declared = sorted(Cluster.__subclasses__(), key=lambda cluster: cluster.id)
    # A real tunnel of this display, a real mirror or a real message would change the home, and rightly so.
    return [frame for cluster in declared for side in cluster.commands.values() for frame in side.values()]


def drawn(kind: type[Frame], random: Random) -> bytes:
    """Random octets that the declaration can read, or some that it cannot."""
    for _ in range(400):
        octets = bytes(random.choice((random.getrandbits(8), random.randrange(8))) for _ in range(random.randrange(60)))
        try:
            kind.parse(octets)
        except RemoteProtocolError:
            continue
        return octets
    return bytes(random.getrandbits(8) for _ in range(20))


SPEAKERS = {
    "hub": "ppmid", "mirror": "ppmid", "esme": "ppmid", "gsme": "hub", "ihd": "esme", "ppmid": "esme",
    "load-controller": "hub", "repeater": "hub", "cad": "hub",
}  # fmt: skip
"""Who says it to each kind of device, and to the mirror at the hub."""
OTHERS = {
    "consumer-module": ("consumer-network", "cad"), "consumer's cad": ("consumer-network", "consumer-module"),
    "prepay-gas": ("hub-prepayment", "hub"), "prepayment hub": ("hub-prepayment", "prepay-gas"),
}  # fmt: skip
"""Products of other homes: the bench, and who says it."""
LABELS = {"mirror": "hub", "consumer's cad": "cad", "prepayment hub": "hub"}


@pytest.fixture(scope="module")
def larger() -> Live:
    """The home, and every other product that a hub has a place for."""
    return Live("".join(f'\n[[home.device]]\nkind = "{kind}"\n' for kind in ("load-controller", "repeater", "cad")))


@pytest.fixture(scope="module")
def homes() -> Callable[[str], Run]:
    """Other commissioned homes, by bench."""
    made: dict[str, Run] = {}

    def home(name: str) -> Run:
        if name not in made:
            made[name] = Run(load(BENCH.with_name(f"{name}.toml")))
            commission(made[name])
            made[name].run(for_=60 * S)
        return made[name]

    return home


def out_of_the_blue(run: Run, speaking: str, hearing: str, endpoint: int, gap: int = S // 5) -> None:
    """Say every command of every cluster, well formed and not, to an endpoint: each arrives."""
    random = Random(21)
    speaker: Han = run.board(speaking).firmware.han
    board = run.board(hearing)
    han: Han = board.firmware.han
    address = speaker.stack.address_of(board.eui64)
    assert address is not None
    arrived: list[Message] = []
    han.on(Message, arrived.append)
    said = 0
    for kind in commands():
        declared = command_of(kind)
        for payload in (drawn(kind, random), bytes(random.getrandbits(8) for _ in range(random.randrange(30)))):
            zcl = bytes((SPECIFIC | declared.to << 3 | NO_DEFAULT, said & 0xFF, declared.id)) + payload
            for each in (han, speaker):
                if each.config.type is NodeType.SLEEPY_END_DEVICE:
                    each.apply(each.stack.stay_awake(run.kernel.now + 10 * S, run.kernel.now))
            _, effects = speaker.stack.send(
                address, 0x0109, declared.cluster.id, 1, endpoint, zcl, link_key=needs_link_key(declared.cluster.id),
                now=run.kernel.now,
            )  # fmt: skip
            speaker.apply(effects)
            run.run(for_=gap)
            said += 1
    run.run(for_=300 * gap)
    heard = {(each.cluster, each.payload[2], each.payload[0] >> 3 & 1) for each in arrived if each.destination_endpoint == endpoint}
    assert said == 2 * len(commands()) > 300
    assert heard >= {(command.cluster.id, command.id, int(command.to)) for command in map(command_of, commands())}


@pytest.mark.parametrize("hearer", SPEAKERS)
def test_every_command_out_of_the_blue(larger: Live, hearer: str) -> None:
    """Well formed and not: each arrives, and none stops, restarts, or answers an answer with an error."""
    run, label = larger.run, LABELS.get(hearer, hearer)
    endpoint = next(number for number in run.board(label).firmware.han.endpoints if number >= 0x10) if hearer == "mirror" else 1
    out_of_the_blue(run, SPEAKERS[hearer], label, endpoint)
    assert larger.fine()


@pytest.mark.parametrize("hearer", OTHERS)
def test_every_command_out_of_the_blue_at_products_of_other_homes(homes: Callable[[str], Run], hearer: str) -> None:
    bench, speaking = OTHERS[hearer]
    run, label = homes(bench), LABELS.get(hearer, hearer)
    board = run.board(label)
    life = board.firmware
    restarts: list[object] = []
    forget = run.log.subscribe(lambda now, who, kind, data: restarts.append((who, data)), ["power"])
    endpoint = next(number for number in sorted(life.han.endpoints) if number)
    out_of_the_blue(run, speaking, label, endpoint)
    forget()
    assert board.firmware is life
    assert restarts == []
    speaker: Han = run.board(speaking).firmware.han
    answer: list[Message] = []
    speaker.on(Message, answer.append)
    for han in (speaker, life.han):
        if han.config.type is NodeType.SLEEPY_END_DEVICE:
            han.apply(han.stack.stay_awake(run.kernel.now + 10 * S, run.kernel.now))
    read = bytes((0x10, 0xEE, 0x00)) + (0x0000).to_bytes(2, "little")
    short = speaker.stack.address_of(board.eui64)
    speaker.apply(speaker.stack.send(short, 0x0109, Basic.id, 1, endpoint, read, link_key=False, now=run.kernel.now)[1])
    run.run(for_=5 * S)
    assert [each.payload[2] for each in answer if each.cluster == Basic.id and each.payload[1] == 0xEE]


def test_every_command_out_of_the_blue_at_a_terminal_on_its_visit() -> None:
    """The hand-held terminal is on the network for as long as it reads; whatever it hears meanwhile, it reads all the same."""
    run, random = Run(load(BENCH)), Random(22)
    commission(run)
    hub: Han = run.hub.firmware.han
    visit = run.homes["home1"].visit(meter=None)
    terminal = run.board("hht")
    while terminal.firmware is None or terminal.firmware.han is None or not terminal.firmware.han.stack.joined:
        run.run(for_=S // 10)
    arrived: list[Message] = []
    terminal.firmware.han.on(Message, arrived.append)
    kinds = iter(commands() * 2)
    while terminal.firmware.han.stack.joined and (kind := next(kinds, None)) is not None:
        declared = command_of(kind)
        zcl = bytes((SPECIFIC | declared.to << 3 | NO_DEFAULT, random.getrandbits(8), declared.id)) + drawn(kind, random)[:60]
        hub.apply(
            hub.stack.send(
                hub.stack.address_of(terminal.eui64), 0x0109, declared.cluster.id, 1, 1, zcl,
                link_key=needs_link_key(declared.cluster.id), now=run.kernel.now,
            )[1]
        )  # fmt: skip
        run.run(for_=S // 100)
    run.run(for_=120 * S)
    assert len({(each.cluster, each.payload[2]) for each in arrived}) > 50
    assert visit.report is not None
    assert len(visit.report["meters"]) >= 2, visit.report
