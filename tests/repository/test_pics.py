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
