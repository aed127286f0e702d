"""zigpy reads what we build: attributes of Metering in every type, general commands, Metering's own commands, ZDO, install codes.

It runs as a program of its own (GPL-3). Agreement: it takes exactly our octets, leaves none, and makes the same ones of its values.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from protocols.core.codec import Frame
from protocols.core.errors import RemoteProtocolError
from protocols.zigbee import security, zdo
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, command_of
from protocols.zigbee.zcl.types import octet_string
from tests.peers.metering_day import Heard, live

pytestmark = pytest.mark.needs("peers")

ROOT = Path(__file__).resolve().parents[2]
Ask = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def ask(peers_python: Path) -> Iterator[Ask]:
    program = subprocess.Popen(
        [peers_python, ROOT / "tests" / "peers" / "judges" / "zigpy_reader.py"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip

    def question(asked: dict[str, Any]) -> dict[str, Any]:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write(json.dumps(asked) + "\n")
        program.stdin.flush()
        return json.loads(program.stdout.readline())

    yield question
    program.communicate()


def agrees(ask: Ask, zcl: bytes, *, to_server: bool) -> dict[str, Any]:
    told = ask({"zcl": zcl.hex(), "cluster": Metering.id, "to_server": to_server})
    assert "error" not in told, (told, zcl.hex())
    assert (told["again"], told["left"]) == (zcl.hex(), "")
    return told


def drawn(kind: type[Frame], random: Random) -> Frame:
    """A frame with random values."""
    for _ in range(20_000):
        octets = bytes(random.choice((random.getrandbits(8), random.randrange(4))) for _ in range(random.randrange(60)))
        try:
            frame = kind.parse(octets)
        except RemoteProtocolError:
            continue
        if frame.build() == octets:
            return frame
    raise AssertionError(f"no octets make a {kind.__name__}")


def test_every_attribute_of_metering(ask: Ask) -> None:
    random = Random(1)
    attributes = [each for id, each in Metering.attributes[SERVER].items() if id < 0xFFFD]
    assert len(attributes) > 850
    for attribute in attributes:
        size = len(attribute.type.build(b"12345" if attribute.type is octet_string else 0))
        octets = b"\x05hello" if attribute.type is octet_string else bytes(random.getrandbits(7) for _ in range(size))
        record = attribute.id.to_bytes(2, "little") + b"\x00" + bytes((attribute.type.id,)) + octets
        response = foundation.ReadAttributesResponse.parse(record)
        zcl = foundation.general(random.getrandbits(8), response, to=CLIENT, disable_default_response=True)
        (told,) = agrees(ask, zcl, to_server=False)["values"]
        shown = str(response.records[0].value.value)
        assert shown in str(told) or attribute.type is octet_string, (attribute, shown, told)


@pytest.mark.parametrize("kind", foundation.GENERAL.values(), ids=lambda kind: kind.__name__)
def test_general_commands(kind: type[Frame], ask: Ask) -> None:
    random = Random(2)
    good = 0
    refused = [foundation.WriteRecord(status, attribute) for status, attribute in ((0x86, 1), (0x88, 2), (0x8D, 3))]
    for _ in range(5):
        # zigpy knows the statuses of the standard only, and a lone success without its attribute
        frame = foundation.WriteAttributesResponse(refused) if kind is foundation.WriteAttributesResponse else drawn(kind, random)
        zcl = foundation.general(random.getrandbits(8), frame, to=SERVER, disable_default_response=False)
        told = ask({"zcl": zcl.hex(), "cluster": Metering.id, "to_server": True})
        good += told.get("again") == zcl.hex() and told["left"] == ""
    assert good, told


def test_meterings_own_commands(ask: Ask) -> None:
    """zigpy declares them all; where it disagrees on one stands here."""
    random = Random(4)
    other = {}
    for side in (SERVER, CLIENT):
        for kind in Metering.commands[side].values():
            declared = command_of(kind)
            zcl = foundation.cluster(random.getrandbits(8), drawn(kind, random), disable_default_response=True)
            told = ask({"zcl": zcl.hex(), "cluster": Metering.id, "to_server": side is SERVER})
            if told.get("again") != zcl.hex() or told["left"]:
                other[f"{declared.id:02X} {kind.__name__}"] = told.get("error", f"left {told.get('left')}")
    assert other == {}


ZDO = {
    "address": (zdo.NWK_ADDRESS, zdo.NetworkAddressRequest),
    "announcement": (zdo.DEVICE_ANNOUNCE, zdo.DeviceAnnounce),
    "parent": (zdo.PARENT_ANNOUNCE, zdo.ParentAnnounce),
    "other parent": (zdo.PARENT_ANNOUNCE | zdo.RESPONSE, zdo.ParentAnnounceResponse),
    "match": (zdo.MATCH_DESCRIPTOR, zdo.MatchDescriptorRequest),
    "endpoints": (zdo.ACTIVE_ENDPOINTS | zdo.RESPONSE, zdo.ActiveEndpointsResponse),
    "leave": (zdo.LEAVE, zdo.LeaveRequest),
    "permit": (zdo.PERMIT_JOINING, zdo.PermitJoiningRequest),
}


@pytest.mark.parametrize("name", ZDO)
def test_device_objects(name: str, ask: Ask) -> None:
    cluster, kind = ZDO[name]
    random = Random(5)
    for _ in range(5):
        octets = drawn(kind, random).build()
        told = ask({"zdo": octets.hex(), "cluster": cluster})
        assert "error" not in told, (told, octets.hex())
        assert told["left"] == ""
        assert told["sequence"] == octets[0]


@pytest.mark.parametrize("code", ["83FED3407A939723A5C639B26916D505C3B5", "83FED3407A932B70"])
def test_install_codes(code: str, ask: Ask) -> None:
    told = ask({"install_code": code})
    assert told.get("key") == security.preconfigured_link_key(bytes.fromhex(code)).hex()


# --- a living home


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return live(tmp_path_factory.mktemp("metering"))


def test_what_a_living_home_says_about_metering(heard: Heard, ask: Ask) -> None:
    """Both meters' answers to every question that the hub can ask, as they came over the air."""
    named = Counter()
    for zcl in heard.questions:
        named[agrees(ask, zcl, to_server=True)["name"]] += 1
    for zcl in heard.answers:
        named[agrees(ask, zcl, to_server=False)["name"]] += 1
    assert {name.removesuffix("Schema").replace("_", "").lower() for name in named} >= {
        "getprofile", "getprofileresponse", "requestfastpollmode", "requestfastpollmoderesponse", "schedulesnapshot",
        "schedulesnapshotresponse", "takesnapshot", "takesnapshotresponse", "getsnapshot", "publishsnapshot", "startsampling",
        "startsamplingresponse", "getsampleddata", "getsampleddataresponse", "changesupply", "supplystatusresponse",
        "localchangesupply", "setsupplystatus", "resetloadlimitcounter", "getnotifiedmessage", "defaultresponse",
    }, named  # fmt: skip


def test_zigpy_reads_the_numbers_of_a_profile(heard: Heard, ask: Ask) -> None:
    (zcl,) = [zcl for zcl in heard.answers if zcl[0] & 3 == 1 and zcl[2] == command_of(Metering.GetProfileResponse).id]
    told = agrees(ask, zcl, to_server=False)["values"]
    intervals = Metering.GetProfileResponse.parse(zcl[3:]).intervals
    assert told[-1] == intervals
    assert len(intervals) == 24
    assert sum(intervals) > 1000
