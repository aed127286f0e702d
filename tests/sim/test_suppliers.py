"""Several suppliers in one home: each with its own meter and credential, on one hub and one home network, also after a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.client import AssociationRefused
from tools.bench import config
from tools.errors import BadInput

TEXT = (Path(__file__).resolve().parents[2] / "fixtures" / "benches" / "two-suppliers.toml").read_text(encoding="utf-8")
ELECTRICITY, GAS = "1-0:1.8.0", "7-0:3.0.0"


@pytest.fixture
def home(build):
    return build(TEXT)


def network(home):
    """What a change of supplier must not touch."""
    stack = home.hub.firmware.han.stack
    return home.hub.eui64, stack.labelled_keys(), [(device.eui64, device.joined) for device in home.hub.firmware.log]


@pytest.mark.req("S-034")
def test_each_supplier_comes_to_its_own_meter_and_the_others_credential_is_refused(home):
    suppliers = home.head_end.supplier
    assert suppliers("volt", "esme").register(ELECTRICITY).value > 0
    assert suppliers("flame", "gsme").register(GAS).value > 0
    for wrong, meter, name in (("flame", "esme", ELECTRICITY), ("volt", "gsme", GAS), ("newcomer", "esme", ELECTRICITY)):
        with pytest.raises(AssociationRefused, match="authentication-failure"):
            suppliers(wrong, meter).register(name)
    assert {"volt", "flame"} <= home.head_end.traffic.keys()


@pytest.mark.req("S-041")
def test_a_change_of_supplier_keeps_hub_and_network_and_refuses_the_old_one_after(home):
    before, joins = network(home), len(home.times("han.joined"))
    home.head_end.settle(home.head_end.change_supplier("esme", "volt", "newcomer"))
    home.head_end.settle(home.head_end.change_supplier("gsme", "flame", "volt"))
    for _ in range(2):
        assert home.head_end.supplier("newcomer", "esme").register(ELECTRICITY).value > 0
        assert home.head_end.supplier("volt", "gsme").register(GAS).value > 0
        for old, meter in (("volt", "esme"), ("flame", "gsme")):
            with pytest.raises(AssociationRefused):
                home.head_end.supplier(old, meter).names()
        assert network(home) == before
        assert len(home.times("han.joined")) == joins
        home.esme.cut(off_for=S)  # and all of it outlives a restart
        home.hub.cut(off_for=S)
        home.run(for_=5 * MIN)
        joins += 2
    assert all(event["resumed"] for event in home.events("han.joined")[-4:])


@pytest.mark.req("S-041", part=True)
def test_only_whose_meter_it_is_can_hand_it_over(home):
    with pytest.raises(RemoteProtocolError):
        home.head_end.settle(home.head_end.change_supplier("esme", "flame", "newcomer"))
    assert home.head_end.supplier("volt", "esme").register(ELECTRICITY).value > 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [('"flame-password"', '"volt-password"', "each has a password of its own"), ('"flame-password"', '""', "length >= 1")],
)
def test_credentials_that_cannot_be_are_refused_in_a_line(old, new, said):
    with pytest.raises(BadInput) as error:
        config.loads(TEXT.replace(old, new))
    assert said in str(error.value)


def test_a_supplier_that_is_not_there_is_met_with_the_nearest(home):
    with pytest.raises(BadInput, match=r'no supplier "vol" in .*did you mean "volt"'):
        home.head_end.supplier("vol", "esme")
