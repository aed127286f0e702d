"""Whatever a client writes or calls, an object takes all of it or nothing: of every class, with values at random and near misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import EncodeError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, Column, InterfaceClass, Unit, date_time
from protocols.dlms.cosem.account import AccountStatus, CurrencyUnit, PaymentMode
from protocols.dlms.cosem.charge import ChargeType
from protocols.dlms.cosem.credit import CreditType
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.cosem.zone import UTC
from protocols.dlms.obis import Obis

NOW = 1_700_000_000_000_000_000
AT = date_time.encode(NOW)
SCRIPTS = Obis("0-0:10.0.106")
BALANCE, EMERGENCY, TARIFF = Obis("0-0:19.10.0"), Obis("0-0:19.10.1"), Obis("0-0:19.20.0")


def exhibits() -> list[InterfaceClass]:
    """One object of each class, each attribute writable."""
    energy = cosem.Register("1-0:1.8.0", value=axdr.u32(1), scaler_unit=(0, Unit.WATT_HOUR))
    clock = cosem.Clock("0-0:1.0.0", time=AT)
    credits = [
        cosem.Credit(
            BALANCE, current_credit_amount=9, credit_type=CreditType.TOKEN_CREDIT, priority=1, credit_configuration="00001"
        ),
        cosem.Credit(EMERGENCY, credit_type=CreditType.EMERGENCY_CREDIT, priority=2, credit_configuration="01100"),
    ]
    charge = cosem.Charge(TARIFF, charge_type=ChargeType.CONSUMPTION_BASED_COLLECTION)
    account = cosem.Account(
        "0-0:19.0.0",
        account_mode_and_status=(PaymentMode.CREDIT, AccountStatus.ACTIVE),
        currency=("GBP", -5, CurrencyUnit.MONETARY),
        credit_charge_configuration=[(BALANCE, TARIFF, "111")],
        token_gateway_configuration=[(BALANCE, 100)],
    )
    cosem.Payment(account, credits, [charge])
    things: list[InterfaceClass] = [energy, clock, *credits, charge, account]
    profile = cosem.ProfileGeneric(
        "1-0:99.1.0", columns=[Column(clock), Column(energy)], profile_entries=9, find={energy.name: energy, clock.name: clock}.get
    )
    profile.capture()
    things += [
        profile,
        cosem.TcpUdpSetup("0-0:25.0.0", ip_reference=Obis("0-0:25.1.0")),
        cosem.IPv4Setup("0-0:25.1.0", ip_address=1, multicast_ip_address=[0xE0000001]),
        cosem.CompactData("0-0:66.0.0", columns=[Column(energy)], template_id=1),
        cosem.Arbitrator(
            "0-0:96.3.20", actions=[(SCRIPTS, 1), (SCRIPTS, 2)], permissions_table=["11", "01"], weightings_table=[[4, 4], [0, 3]],
            execute=lambda table, number: None,
        ),
        cosem.Limiter(
            "0-0:17.0.0", monitored_value=(3, energy.name, 2), threshold_normal=axdr.u32(1), threshold_emergency=axdr.u32(1),
            emergency_profile=(7, AT, 1), emergency_profile_group_id_list=[7],
        ),
        cosem.MBusClient(
            "0-1:24.1.0", mbus_port_reference=bytes(6), capture_definition=[(b"\1", b"\2")],
            on={name: lambda argument: None for name in ("slave_install", "slave_deinstall", "set_encryption_key", "transfer_key")},
        ),
        cosem.ZigBeeNetworkControl("0-0:30.3.0", enable_disable_joining=False, join_timeout=1, active_devices=()),
        cosem.ExtendedData("0-0:94.44.128.7", value_active=axdr.u32(1), value_passive=axdr.u32(2)),
        cosem.TokenGateway("0-0:19.40.0", accept=lambda token: Judgement(TokenStatus.EXECUTION_OK), time=lambda: AT),
    ]  # fmt: skip
    return things


KINDS = [type(thing) for thing in exhibits()]
LEAVES = st.one_of(
    st.builds(Data, st.sampled_from([Tag.UNSIGNED, Tag.ENUM, Tag.BOOLEAN]), st.integers(0, 255)),
    st.builds(axdr.i8, st.integers(-128, 127)), st.builds(axdr.u16, st.integers(0, 2**16 - 1)),
    st.builds(axdr.i16, st.integers(-(2**15), 2**15 - 1)), st.builds(axdr.u32, st.integers(0, 2**32 - 1)),
    st.builds(axdr.i32, st.integers(-(2**31), 2**31 - 1)), st.builds(axdr.octets, st.binary(max_size=20)),
    st.builds(axdr.bits, st.text("01", max_size=9)), st.just(axdr.null()), st.sampled_from([axdr.octets(AT), axdr.octets(BALANCE)]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.builds(Data, st.sampled_from([Tag.ARRAY, Tag.STRUCTURE]), st.lists(inner, max_size=4)), max_leaves=12
)


@st.composite
def near(draw: st.DrawFn, value: Data) -> Data:
    """A value with one part of it replaced, doubled or taken away."""
    if value.tag not in (Tag.ARRAY, Tag.STRUCTURE) or not value.value:
        return draw(LEAVES)
    items = list(value.value)
    where = draw(st.integers(0, len(items) - 1))
    items[where : where + 1] = draw(st.sampled_from([[draw(near(items[where]))], [], [items[where]] * 2]))
    return Data(value.tag, items)


def state(things: list[InterfaceClass]) -> list[list[Data]]:
    return [[thing.read(number) for number in thing.attributes] for thing in things]


def check(things: list[InterfaceClass], act: Callable[[], object]) -> None:
    before = state(things)
    try:
        act()
    except AccessError:
        assert state(things) == before
    for attributes in state(things):
        for value in attributes:
            assert Data.parse(value.build()) == value


@given(st.data(), st.integers(0, len(KINDS) - 1))
def test_writes(data: st.DataObject, which: int) -> None:
    things = exhibits()
    thing = things[which]
    thing.access = {member.name: Access.READ_WRITE for member in thing.attributes.values()}
    number = data.draw(st.sampled_from(sorted(thing.attributes)))
    value = data.draw(VALUES | near(thing.read(number)))
    check(things, lambda: thing.write(number, value))


def parameters(thing: InterfaceClass, number: int) -> Iterator[Data]:
    """Some that fit, to miss nearly."""
    yield axdr.i8(0)
    match type(thing), number:
        case cosem.Arbitrator, 1:
            yield axdr.structure(axdr.u8(1), axdr.bits("10"))
        case cosem.Charge, 1:
            yield axdr.array([axdr.structure(axdr.octets(b""), axdr.i16(1))])
        case ((cosem.Charge | cosem.Credit), _):
            yield axdr.i32(5)


@given(st.data(), st.integers(0, len(KINDS) - 1))
def test_methods(data: st.DataObject, which: int) -> None:
    things = exhibits()
    thing = things[which]
    number = data.draw(st.sampled_from([*sorted(thing.methods), 99]))
    argument = data.draw(
        VALUES | st.sampled_from(list(parameters(thing, number))).flatmap(lambda near_it: st.just(near_it) | near(near_it))
    )
    check(things, lambda: thing.invoke(number, argument))


@given(st.data())
def test_what_is_pending_is_always_an_instant(data: st.DataObject) -> None:
    """Whatever was accepted as a time of activation, the timetable can work with."""
    thing = next(each for each in exhibits() if isinstance(each, cosem.ExtendedData))
    value = data.draw(st.builds(axdr.octets, st.binary(min_size=12, max_size=12)) | near(thing.read(6)))
    try:
        thing.write(6, value)
    except (AccessError, EncodeError):
        return
    due = thing.due(NOW, UTC)
    assert due is None or due > NOW
