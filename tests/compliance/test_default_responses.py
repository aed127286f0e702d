"""When a Default Response is due (07-5123 2.5.12.2), for every command of every cluster that a home's devices serve or use.

G2, G3 and G5 in full: records one by one, all or nothing, and in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from devices.parts.han import Han
from devices.runtime.kernel import S
from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee.clusters.identify import Identify
from protocols.zigbee.clusters.power_configuration import PowerConfiguration
from protocols.zigbee.node import Message
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER, Side
from protocols.zigbee.zcl.endpoint import Endpoint, Instance, Reply
from protocols.zigbee.zcl.foundation import DefaultResponse, Header
from protocols.zigbee.zcl.status import Status
from tools.bench.commissioning import commission
from tools.bench.config import load
from tools.bench.run import Run

BENCHES = Path(__file__).resolve().parents[2] / "fixtures" / "benches"
SPECIFIC, NO_DEFAULT = 0x01, 0x10
UNICAST, BROADCAST = False, True


@pytest.fixture(scope="module")
def runs() -> Iterator[list[Run]]:
    """The homes whose devices are asked; nothing that they answer leaves the test. They live on afterwards."""
    made = []
    for name in ("home", "load-control"):
        run = Run(load(BENCHES / f"{name}.toml"))
        commission(run)
        run.run(for_=60 * S)
        made.append(run)
    yield made
    for run in made:
        run.run(for_=5 * S)


def endpoints(run: Run) -> list[Endpoint]:
    found = []
    for home in run.homes.values():
        for board in home.boards.values():
            han = getattr(board.firmware, "han", None)
            if isinstance(han, Han):
                found += han.endpoints.values()
    return found


def answers(endpoint: Endpoint, cluster: int, payload: bytes, *, broadcast: bool = UNICAST) -> list[bytes]:
    """What an endpoint says to a frame of a stranger (nobody's short address) under a link key."""
    message = Message(
        source=0x1234, source_eui64=0x0011223344556677, profile=endpoint.profile, cluster=cluster, source_endpoint=1,
        destination_endpoint=endpoint.number, payload=payload, secured=True, broadcast=broadcast,
    )  # fmt: skip
    return [effect.payload for effect in endpoint.handle(message, 0) if isinstance(effect, Reply)]


def default(answer: bytes) -> DefaultResponse | None:
    header, at = Header.parse_from(answer, 0)
    if header.kind or header.command != foundation.GENERAL_IDS[DefaultResponse]:
        return None
    return DefaultResponse.parse(answer[at:])


def commands(instance: Instance) -> list[tuple[int, type[Frame]]]:
    return list(instance.cluster.commands[instance.side].items())


def sample(frame: type[Frame], random: Random) -> bytes:
    """Octets that the declaration reads."""
    for _ in range(2000):
        octets = bytes(random.choice((random.getrandbits(8), 0, 0xFF)) for _ in range(random.randrange(70)))
        try:
            frame.parse(octets)
        except RemoteProtocolError:
            continue
        return octets
    return b""


def control(side: Side, *, quiet: bool) -> int:
    return SPECIFIC | side << 3 | NO_DEFAULT * quiet


def test_every_command_is_answered_once_or_by_its_answers_and_broadcasts_never(runs: list[Run]) -> None:
    random, seen = Random(4), 0
    for run in runs:
        for endpoint in endpoints(run):
            for (cluster, side), instance in list(endpoint.instances.items()):
                for number, frame in commands(instance):
                    payload = sample(frame, random)
                    seen += 1
                    said = answers(endpoint, cluster, bytes((control(side, quiet=False), 7, number)) + payload)
                    defaults = [each for each in map(default, said) if each is not None]
                    assert len(defaults) <= 1
                    assert not defaults or len(said) == 1, f"{frame.__qualname__}: an answer and a Default Response"
                    if frame not in instance.handlers:
                        assert [each.status for each in defaults] == [Status.UNSUP_CLUSTER_COMMAND]
                    assert all(each.command == number for each in defaults)
                    assert all(Header.parse_from(each, 0)[0].sequence == 7 for each in said)
                    quiet = answers(endpoint, cluster, bytes((control(side, quiet=True), 8, number)) + payload)
                    assert all(each is None or each.status != Status.SUCCESS for each in map(default, quiet))
                    octets = bytes((control(side, quiet=False), 9, number)) + payload
                    assert answers(endpoint, cluster, octets, broadcast=BROADCAST) == []
    assert seen > 150


def test_every_command_cut_short_is_malformed_in_unicast_only(runs: list[Run]) -> None:
    seen = 0
    for run in runs:
        for endpoint in endpoints(run):
            for (cluster, side), instance in list(endpoint.instances.items()):
                for number, frame in commands(instance):
                    if frame not in instance.handlers:
                        continue
                    try:
                        frame.parse(b"")
                    except RemoteProtocolError:
                        pass
                    else:
                        continue  # it may be empty
                    seen += 1
                    for quiet in (False, True):
                        said = answers(endpoint, cluster, bytes((control(side, quiet=quiet), 7, number)))
                        assert [each.status for each in map(default, said) if each] == [Status.MALFORMED_COMMAND], frame
                    octets = bytes((control(side, quiet=False), 7, number))
                    assert answers(endpoint, cluster, octets, broadcast=BROADCAST) == []
    assert seen > 50


@pytest.mark.parametrize(
    ("cluster", "octets", "status"),
    [
        (0x0ABC, "01 07 00", Status.UNSUPPORTED_CLUSTER),
        (0x0003, "01 07 77", Status.UNSUP_CLUSTER_COMMAND),
        (0x0003, "00 07 77", Status.UNSUP_GENERAL_COMMAND),
        (0x0003, "05 34 12 07 00", Status.UNSUP_MANUF_CLUSTER_COMMAND),
        (0x0003, "04 34 12 07 00", Status.UNSUP_MANUF_GENERAL_COMMAND),
        (0x0003, "02 07 00", None),
    ],
)
def test_g3_what_nobody_knows_is_refused_in_unicast_only(runs: list[Run], cluster: int, octets: str, status: Status | None) -> None:
    for endpoint in endpoints(runs[0]):
        if (0x0003, SERVER) not in endpoint.instances:
            continue
        said = answers(endpoint, cluster, bytes.fromhex(octets))
        assert [each.status for each in map(default, said) if each] == ([] if status is None else [status])
        assert answers(endpoint, cluster, bytes.fromhex(octets), broadcast=BROADCAST) == []


# --- G2, G5: a write of three records, one of them bad ---

POWER = PowerConfiguration.id
LOWEST, HIGHEST, DWELL = "11 00 21 34 08", "12 00 21 C4 09", "13 00 21 1E 00"
BAD = {
    "unknown attribute": ("99 00 21 00 00", Status.UNSUPPORTED_ATTRIBUTE),
    "another type": ("13 00 20 05", Status.INVALID_DATA_TYPE),
    "read-only": ("00 00 21 00 09", Status.READ_ONLY),
}


@pytest.fixture
def power(runs: list[Run]) -> tuple[Endpoint, Instance]:
    endpoint = runs[0].esme.firmware.han.endpoints[1]
    instance = endpoint.server(PowerConfiguration)
    for attribute in (PowerConfiguration.mains_voltage_min_threshold, PowerConfiguration.mains_voltage_max_threshold):
        instance[attribute] = 0
    instance[PowerConfiguration.mains_voltage_dwell_trip] = 0
    return endpoint, instance


def held(instance: Instance) -> list[object]:
    return [instance.values[number] for number in (0x0011, 0x0012, 0x0013)]


@pytest.mark.parametrize(("bad", "status"), BAD.values(), ids=BAD.keys())
def test_g2_undivided_is_all_or_nothing_and_divided_is_each_on_its_own(
    power: tuple[Endpoint, Instance], bad: str, status: Status
) -> None:
    endpoint, instance = power
    response = bytes((0x18, 7, 0x04, status)) + bytes.fromhex(bad)[:2]
    records = f"{LOWEST} {bad} {HIGHEST}"
    assert answers(endpoint, POWER, bytes.fromhex(f"00 07 03 {records}")) == [response]
    assert held(instance) == [0, 0, 0]
    assert answers(endpoint, POWER, bytes.fromhex(f"00 07 02 {records}")) == [response]
    assert held(instance) == [0x0834, 0x09C4, 0]
    assert answers(endpoint, POWER, bytes.fromhex(f"00 07 03 {LOWEST} {HIGHEST} {DWELL}")) == [bytes((0x18, 7, 0x04, 0))]
    assert held(instance) == [0x0834, 0x09C4, 30]


def test_g2_a_value_out_of_range(runs: list[Run]) -> None:
    endpoint = next(
        each for each in endpoints(runs[1]) if any(cluster == 0x0706 for cluster, side in each.instances if side is SERVER)
    )
    assert answers(endpoint, 0x0706, bytes.fromhex("00 07 03 03 00 20 08 04 00 21 00 00")) == [bytes.fromhex("18 07 04 87 03 00")]


@pytest.mark.parametrize(
    "records", [f"{LOWEST} 12 00 21 C4", f"{LOWEST} 12 00", f"{LOWEST} 12 00 99 00"], ids=["cut value", "cut type", "no such type"]
)
def test_g1_g5_what_cannot_be_read_is_not_applied_in_part(power: tuple[Endpoint, Instance], records: str) -> None:
    endpoint, instance = power
    assert answers(endpoint, POWER, bytes.fromhex(f"00 07 05 {records}")) == []
    assert held(instance) == [0, 0, 0]
    for command in ("02", "03"):
        said = answers(endpoint, POWER, bytes.fromhex(f"00 07 {command} {records}"))
        assert [each.status for each in map(default, said) if each] == [Status.MALFORMED_COMMAND]
        assert held(instance) == [0, 0, 0]


def test_g5_a_write_without_response_applies_what_it_may_and_says_nothing(power: tuple[Endpoint, Instance]) -> None:
    endpoint, instance = power
    assert answers(endpoint, POWER, bytes.fromhex(f"00 07 05 {LOWEST} 99 00 21 00 00 {DWELL}")) == []
    assert held(instance) == [0x0834, 0, 30]
    assert endpoint.server(Identify)[Identify.identify_time] in range(0x10000)
