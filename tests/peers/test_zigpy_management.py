"""zigpy reads our network management: neighbours, routes, bindings, children, changes of channel; the same values."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from protocols.core.codec import Frame
from protocols.zigbee import zdo

pytestmark = pytest.mark.needs("peers")

ROOT = Path(__file__).resolve().parents[2]
EXTENDED_PAN, EUI64 = 0x0011223344556677, 0x00DB123456789A01


def octets(eui64: int) -> list[int]:
    """As zigpy keeps it."""
    return [*eui64.to_bytes(8, "little")]


ANSWERS: dict[str, tuple[int, Frame, dict[str, Any]]] = {
    "neighbours": (
        zdo.RESPONSE | zdo.NEIGHBOURS,
        zdo.NeighboursResponse(7, 0, 5, 2, 2, [
            zdo.Neighbour(EXTENDED_PAN, EUI64, 0x1234, 1 | 1 << 2 | 2 << 4, zdo.Neighbour.PERMIT_UNKNOWN, 3, 200),
            zdo.Neighbour(EXTENDED_PAN, EUI64 + 1, 0x5678, 2 | 0 << 2 | 1 << 4, zdo.Neighbour.PERMIT_UNKNOWN, 4, 100),
        ]),
        {"Status": 0, "Neighbors": {"Entries": 5, "StartIndex": 2, "NeighborTableList": [
            {"extended_pan_id": octets(EXTENDED_PAN), "ieee": octets(EUI64), "nwk": 0x1234, "device_type": 1, "rx_on_when_idle": 1,
             "relationship": 2, "reserved1": 0, "permit_joining": 2, "reserved2": 0, "depth": 3, "lqi": 200},
            {"extended_pan_id": octets(EXTENDED_PAN), "ieee": octets(EUI64 + 1), "nwk": 0x5678, "device_type": 2,
             "rx_on_when_idle": 0, "relationship": 1, "reserved1": 0, "permit_joining": 2, "reserved2": 0, "depth": 4, "lqi": 100},
        ]}},
    ),
    "routes": (
        zdo.RESPONSE | zdo.ROUTES,
        zdo.RoutesResponse(7, 0, 2, 0, 2, [
            zdo.Route(0x0000, zdo.Route.MANY_TO_ONE | zdo.Route.RECORD_REQUIRED, 0x1234), zdo.Route(0x5678, 0, 0x9ABC),
        ]),
        {"Status": 0, "Routes": {"Entries": 2, "StartIndex": 0, "RoutingTableList": [
            {"DstNWK": 0, "RouteStatus": 0, "MemoryConstrained": 0, "ManyToOne": 1, "RouteRecordRequired": 1, "Reserved": 0,
             "NextHop": 0x1234},
            {"DstNWK": 0x5678, "RouteStatus": 0, "MemoryConstrained": 0, "ManyToOne": 0, "RouteRecordRequired": 0, "Reserved": 0,
             "NextHop": 0x9ABC},
        ]}},
    ),
    "bindings": (
        zdo.RESPONSE | zdo.BINDINGS,
        zdo.BindingsResponse(7, 0, 1, 0, 1, [zdo.Binding(EUI64, 1, 0x0702, EUI64 + 1, 2)]),
        {"Status": 0, "BindingTableEntries": 1, "StartIndex": 0, "BindingTableList": [
            {"SrcAddress": octets(EUI64), "SrcEndpoint": 1, "ClusterId": 0x0702,
             "DstAddress": {"addrmode": 3, "ieee": octets(EUI64 + 1), "endpoint": 2}},
        ]},
    ),
    "children": (
        zdo.RESPONSE | zdo.IEEE_ADDRESS,
        zdo.AddressResponse(7, 0, EUI64, 0x1234, zdo.AssociatedDevices(2, 0, [0x5678, 0x9ABC]).build()),
        {"Status": 0, "IEEEAddr": octets(EUI64), "NWKAddr": 0x1234, "NumAssocDev": 2, "StartIndex": 0,
         "NWKAddrAssocDevList": [0x5678, 0x9ABC]},
    ),
    "channel": (
        zdo.NETWORK_UPDATE,
        zdo.NetworkUpdateRequest(7, 1 << 20, 0xFE, update_id=3),
        {"NwkUpdate": {"ScanChannels": 1 << 20, "ScanDuration": 0xFE, "nwkUpdateId": 3}},
    ),
    "scan": (
        zdo.NETWORK_UPDATE,
        zdo.NetworkUpdateRequest(7, 0x07FFF800, 3, count=2),
        {"NwkUpdate": {"ScanChannels": 0x07FFF800, "ScanDuration": 3, "ScanCount": 2}},
    ),
    "no scan": (
        zdo.RESPONSE | zdo.NETWORK_UPDATE,
        zdo.NetworkUpdateNotify(7, zdo.NOT_SUPPORTED),
        {"Status": 0x84, "ScannedChannels": 0, "TotalTransmissions": 0, "TransmissionFailures": 0, "EnergyValues": []},
    ),
    "scanned": (
        zdo.RESPONSE | zdo.NETWORK_UPDATE,
        zdo.NetworkUpdateNotify(7, 0, 1 << 15 | 1 << 20, 258, 3, 2, bytes((17, 255))),
        {"Status": 0, "ScannedChannels": 1 << 15 | 1 << 20, "TotalTransmissions": 258, "TransmissionFailures": 3,
         "EnergyValues": [17, 255]},
    ),
    "leave": (zdo.LEAVE, zdo.LeaveRequest(7, EUI64, 0xC0), {"DeviceAddress": octets(EUI64), "Options": 0xC0}),
    "permit": (zdo.PERMIT_JOINING, zdo.PermitJoiningRequest(7, 240, 1), {"PermitDuration": 240, "TC_Significant": 1}),
}  # fmt: skip


@pytest.fixture(scope="module")
def told(peers_python: Path) -> dict[str, dict[str, Any]]:
    """What zigpy says of each."""
    asked = [json.dumps({"zdo": frame.build().hex(), "cluster": cluster}) for cluster, frame, _ in ANSWERS.values()]
    program = [peers_python, ROOT / "tests" / "peers" / "judges" / "zigpy_reader.py"]
    answered = subprocess.run(program, input="\n".join(asked) + "\n", capture_output=True, text=True, check=True, timeout=60)
    return {name: json.loads(line) for name, line in zip(ANSWERS, answered.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize("name", ANSWERS)
def test_zigpy_finds_what_we_put_in(name: str, told: dict[str, dict[str, Any]]) -> None:
    answer = told[name]
    assert "error" not in answer, answer
    assert (answer["left"], answer["sequence"]) == ("", 7)
    assert answer["values"] == ANSWERS[name][2]
