"""docs/pics.md says what the devices offer."""

from __future__ import annotations

import pytest

from tests import pics


@pytest.fixture(scope="module")
def page() -> str:
    return pics.page()


@pytest.mark.req("S-091", part=True)
def test_the_page_is_what_the_devices_offer(page: str) -> None:
    assert pics.PAGE.read_text(encoding="utf-8") == page, "run `make requirements`, or .venv/bin/python -m tests.pics"


@pytest.mark.req("S-091", part=True)
def test_every_device_and_both_protocols_are_there(page: str) -> None:
    zigbee, _, dlms = page.partition("## DLMS/COSEM")
    for device in ("hub", "esme", "gsme", "ihd", "ppmid"):
        assert f"### {device}, endpoint 1" in zigbee
    assert "### esme, logical device at SAP 1" in dlms
    for row in ("| Metering 0x0702 | server |", "| Key Establishment 0x0800 | client |", "RequestMirror"):
        assert row in zigbee
    assert "| 1-0:1.8.0.255 | ExtendedRegister" in dlms or "| 1-0:1.8.0.255 | Register" in dlms


@pytest.mark.req("S-091")
def test_what_is_optional_is_told_from_what_is_mandatory_and_lacks_are_named(page: str) -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    time = next(attributes for cluster, side, attributes, _ in rows if (cluster, side) == ("Time 0x000A", "server"))
    assert "**time**, **time_status**, time_zone" in time  # of ZCL 8's ten attributes two are mandatory
    metering = [attributes for cluster, side, attributes, _ in rows if (cluster, side) == ("Metering 0x0702", "server")]
    assert all("**current_summation_delivered**" in told and "reading_snapshot_time**" not in told for told in metering)
    tunnels = next(commands for cluster, side, _, commands in rows if (cluster, side) == ("Tunneling 0x0704", "server"))
    assert "**RequestTunnel**" in tunnels
    assert ", GetSupportedTunnelProtocols" in tunnels
    lacks = {(row[0], row[1], part.partition("; not there: ")[2]) for row in rows for part in row[2:4] if "; not there: " in part}
    assert lacks == set()
