"""The wired meter interface: its limits, and the words with which a bench beyond them is refused."""

from __future__ import annotations

import pytest

from devices.parts.meter_interface import LONGEST, Wire
from tools.bench.config import loads
from tools.errors import BadInput

HUB = '[[home]]\n[[home.device]]\nkind = "hub"\n'
ESME = '[[home.device]]\nkind = "esme"\ninterface = "wired"\n'


@pytest.mark.req("S-131", part=True)
@pytest.mark.parametrize(
    "text, line, reason",
    [
        (HUB + ESME + "wire = { metres = 15.1 }\n", 7, "15.1 m of wire, and at 9600 baud the meter interface carries 15 m"),
        (HUB + ESME + "wire = { metres = 61, baud = 2400 }\n", 7, "at 2400 baud the meter interface carries 60 m"),
        (HUB + ESME + "wire = { baud = 115200 }\n", 7, "115200 is none of 300, "),
        (HUB + ESME + 'wire = { connector = "RJ45" }\n', 7, '"RJ45" is none of RJ11'),
        (HUB + ESME + 'wire = { form = "aperture", metres = 1 }\n', 7, "a hub in an aperture has no cable"),
        (HUB + ESME + 'wire = { protocl = "flag" }\n', 7, 'no field "protocl", did you mean "protocol"?'),
        (HUB + 'power = "meter"\nmilliamps = 501\n' + ESME, 1, "501 mA, and the meter interface feeds 500 mA"),
        (
            HUB + 'power = "meter"\n' + ESME + "wire = { metres = 60, baud = 2400 }\n", 1,
            "250 mA over 60 m leave 8.7 V of 12 V, and a hub needs 9 V",
        ),
        (HUB + 'power = "meter"\n' + ESME.replace("wired", "han"), 1, 'a hub with `power = "meter"` needs an electricity meter'),
    ],
)  # fmt: skip
def test_a_wire_beyond_the_interface_is_refused(text: str, line: int, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        loads(text)
    assert str(caught.value).startswith(f"{line}: home[0]")
    assert reason in str(caught.value)


@pytest.mark.req("S-131", part=True)
@pytest.mark.parametrize("baud, metres", LONGEST.items())
def test_the_longest_wire_is_good_and_ten_centimetres_more_are_not(baud: int, metres: float) -> None:
    Wire(metres, baud).check()
    with pytest.raises(ValueError, match="m of wire"):
        Wire(metres + 0.1, baud).check()


def test_a_rate_that_the_interface_does_not_have() -> None:
    with pytest.raises(ValueError, match="115200 baud is no rate"):
        Wire(1, 115_200).check()


def test_a_hub_with_a_supply_of_its_own_may_hang_on_a_long_wire() -> None:
    assert loads(HUB + ESME + "wire = { metres = 60, baud = 2400 }\n")
