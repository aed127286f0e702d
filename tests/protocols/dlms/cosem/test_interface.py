"""What every object does: declared attributes and methods, types, hooks, rights; and each class's own rules."""

from __future__ import annotations

import pytest

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Access,
    AccessError,
    ActivityCalendar,
    Clock,
    ControlState,
    DemandRegister,
    DisconnectControl,
    ExtendedRegister,
    IecHdlcSetup,
    IecLocalPortSetup,
    ImageTransfer,
    InterfaceClass,
    ProfileGeneric,
    PushSetup,
    Reference,
    Register,
    RegisterActivation,
    RegisterMonitor,
    Rights,
    SapAssignment,
    Schedule,
    ScriptTable,
    SingleActionSchedule,
    SpecialDaysTable,
    Unit,
    attribute,
    date_time,
    method,
)
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.cosem.association import AssociationLN, object_list
from protocols.dlms.cosem.interface import Attribute
from protocols.dlms.cosem.types import U8
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

NOON = bytes.fromhex("07E70B0EFF0C000000000000")  # 2023-11-14 12:00:00 UTC


def refuse(result: DataAccessResult) -> Data | None:
    raise AccessError(result)


def refusal(thing: InterfaceClass, number: int, value: Data) -> int:
    with pytest.raises(AccessError) as caught:
        thing.write(number, value)
    return caught.value.result


class Lamp(InterfaceClass, id=9999, version=3):
    """A class of our own: one declaration."""

    brightness: Attribute = attribute(2, U8, default=0, access=Access.READ_WRITE)
    colour: Attribute = attribute(3, default=axdr.null())

    @method(1, U8)
    def dim(self, argument: Data) -> Data:
        """Darker by so much."""
        before: int = self.brightness.value
        self.brightness = max(0, before - argument.value)
        return axdr.u8(before)

    blink = method(2)


# (class, id, version, attributes, methods) as the Blue Book numbers them
CLASSES = [
    (DataClass, 1, 0, 2, 0),
    (Register, 3, 0, 3, 1),
    (ExtendedRegister, 4, 0, 5, 1),
    (DemandRegister, 5, 0, 9, 2),
    (RegisterActivation, 6, 0, 4, 3),
    (ProfileGeneric, 7, 1, 8, 2),
    (Clock, 8, 0, 9, 6),
    (ScriptTable, 9, 0, 2, 1),
    (Schedule, 10, 0, 2, 3),
    (SpecialDaysTable, 11, 0, 2, 2),
    (AssociationLN, 15, 1, 9, 4),
    (SapAssignment, 17, 0, 2, 1),
    (ImageTransfer, 18, 0, 7, 4),
    (IecLocalPortSetup, 19, 1, 9, 0),
    (ActivityCalendar, 20, 0, 10, 1),
    (RegisterMonitor, 21, 0, 4, 0),
    (SingleActionSchedule, 22, 0, 4, 0),
    (IecHdlcSetup, 23, 1, 9, 0),
    (PushSetup, 40, 0, 7, 1),
    (DisconnectControl, 70, 0, 4, 2),
]


@pytest.mark.parametrize("kind, class_id, version, attributes, methods", CLASSES)
def test_classes_are_the_blue_books(kind: type[InterfaceClass], class_id: int, version: int, attributes: int, methods: int) -> None:
    assert (kind.class_id, kind.version) == (class_id, version)
    assert sorted(kind.attributes) == list(range(1, attributes + 1))
    assert sorted(kind.methods) == list(range(1, methods + 1))


def test_a_class_is_one_declaration() -> None:
    lamp = Lamp("0-0:96.99.0", brightness=lambda: 7)
    assert lamp.read(1) == axdr.octets(Obis("0-0:96.99.0"))
    assert lamp.brightness == lamp.read(2) == axdr.u8(7)
    lamp.brightness = 200
    assert lamp.dim(axdr.u8(50)) == axdr.u8(200)
    assert lamp.brightness == axdr.u8(150)
    assert (lamp.carries_out(1), lamp.carries_out(2), lamp.carries_out(3)) == (True, False, False)


@pytest.mark.parametrize("number, value, result", [
    (2, axdr.u16(1), DataAccessResult.TYPE_UNMATCHED),
    (2, axdr.octets(b"\x01"), DataAccessResult.TYPE_UNMATCHED),
    (4, axdr.u8(1), DataAccessResult.READ_WRITE_DENIED),
    (0, axdr.u8(1), DataAccessResult.READ_WRITE_DENIED),
    (-56, axdr.u8(1), DataAccessResult.READ_WRITE_DENIED),
])  # fmt: skip
def test_writes_that_are_refused_change_nothing(number: int, value: Data, result: DataAccessResult) -> None:
    lamp = Lamp("0-0:96.99.0", brightness=5)
    assert refusal(lamp, number, value) == result
    assert lamp.brightness == axdr.u8(5)


def test_an_open_type_keeps_the_type_it_has() -> None:
    thing = DataClass("0-0:96.1.0", value=axdr.structure(axdr.u8(1), axdr.array([axdr.u8(1)])))
    wanted = axdr.structure(axdr.u8(9), axdr.array([axdr.u8(1), axdr.u8(2)]))
    thing.write(2, wanted)
    assert thing.value == wanted
    for other in (axdr.u8(9), axdr.structure(axdr.u8(9)), axdr.structure(axdr.u8(9), axdr.array([axdr.u16(1)]))):
        assert refusal(thing, 2, other) == DataAccessResult.TYPE_UNMATCHED
    assert thing.value == wanted


def test_a_hook_may_refuse_and_sees_only_what_has_the_type() -> None:
    seen: list[Data] = []

    def low(value: Data) -> None:
        seen.append(value)
        if value.value > 100:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)

    lamp = Lamp("0-0:96.99.0", brightness=5, on={"brightness": low})
    assert refusal(lamp, 2, axdr.u8(101)) == DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    assert refusal(lamp, 2, axdr.u16(1)) == DataAccessResult.TYPE_UNMATCHED
    lamp.write(2, axdr.u8(100))
    assert (lamp.brightness, seen) == (axdr.u8(100), [axdr.u8(101), axdr.u8(100)])


def test_a_bound_attribute_is_written_by_its_hook_or_not_at_all() -> None:
    assert refusal(Lamp("0-0:96.99.0", brightness=lambda: 7), 2, axdr.u8(1)) == DataAccessResult.READ_WRITE_DENIED
    written: list[Data] = []
    lamp = Lamp("0-0:96.99.0", brightness=lambda: 7, on={"brightness": written.append})
    lamp.write(2, axdr.u8(1))
    assert (written, lamp.brightness) == ([axdr.u8(1)], axdr.u8(7))


def test_methods_check_their_argument_and_their_hook_first() -> None:
    lamp = Lamp("0-0:96.99.0", brightness=5, on={"dim": lambda _: refuse(DataAccessResult.TEMPORARY_FAILURE)})
    for argument, result in ((axdr.null(), DataAccessResult.TYPE_UNMATCHED), (axdr.u8(1), DataAccessResult.TEMPORARY_FAILURE)):
        with pytest.raises(AccessError) as caught:
            lamp.invoke(1, argument)
        assert caught.value.result == result
    assert lamp.brightness == axdr.u8(5)
    assert Lamp("0-0:96.99.0", on={"blink": lambda _: axdr.u8(1)}).invoke(2, axdr.null()) == axdr.u8(1)


def test_our_own_mistakes_are_named() -> None:
    with pytest.raises(LocalProtocolError, match="blnk"):
        Lamp("0-0:96.99.0", on={"blnk": lambda _: None})
    with pytest.raises(LocalProtocolError, match="value"):
        DataClass("0-0:96.1.0")  # type: ignore[call-arg]  # the point of the test
    with pytest.raises(LocalProtocolError, match="tag"):
        DataClass("0-0:96.1.0", value=5)
    with pytest.raises(LocalProtocolError, match="structure of 2"):
        Register("1-0:1.8.0", value=axdr.u8(1), scaler_unit=(0,))


def test_rights_are_the_declared_ones_within_a_ceiling() -> None:
    lamp = Lamp("0-0:96.99.0", access={"colour": Access.READ_WRITE})
    everything, reading = Rights(), Rights(Access.READ, methods=False)
    assert [everything.attribute(lamp, number) for number in (1, 2, 3, 4)] == [1, 3, 3, 0]
    assert [reading.attribute(lamp, number) for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert [everything.method(lamp, number) for number in (1, 2, 3)] == [True, False, False]
    assert not reading.method(lamp, 1)
    granted = Rights(Access.READ, methods=False, overrides={(lamp.name, 2): Access.WRITE}, method_overrides={(lamp.name, 1): True})
    assert (granted.attribute(lamp, 2), granted.attribute(lamp, 3)) == (Access.WRITE, Access.READ)
    assert granted.method(lamp, 1)


@pytest.mark.dlms("class 15 attribute 2")
def test_the_object_list_tells_the_rights() -> None:
    lamp = Lamp("0-0:96.99.0")
    attributes = axdr.array(
        axdr.structure(axdr.i8(number), axdr.enum(mode), axdr.null()) for number, mode in ((1, 1), (2, 3), (3, 1))
    )
    methods = axdr.array(axdr.structure(axdr.i8(number), axdr.enum(mode)) for number, mode in ((1, 1), (2, 0)))
    rights = axdr.structure(attributes, methods)
    line = axdr.structure(axdr.u16(9999), axdr.u8(3), axdr.octets(lamp.name), rights)
    assert object_list([lamp], Rights()) == axdr.array([line])


class TestClock:
    def clock(self) -> tuple[Clock, list[str]]:
        """A clock at 2023-11-14 12:07:31, and what it was set to."""
        settings: list[str] = []
        now = date_time.instant(NOON[:6] + bytes((7, 31)) + NOON[8:])
        assert now is not None
        clock = Clock(
            "0-0:1.0.0",
            time=lambda: date_time.encode(now),
            on={"time": lambda value: settings.append(value.value[5:8].hex())},
        )
        return clock, settings

    @pytest.mark.parametrize("octets, result", [
        (NOON[:11], DataAccessResult.TYPE_UNMATCHED),
        (NOON + b"\x00", DataAccessResult.TYPE_UNMATCHED),
        (NOON[:2] + b"\x0d" + NOON[3:], DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (NOON[:9] + b"\x80\x00" + NOON[11:], DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (b"\xff" * 12, DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
    ], ids=["11 octets", "13 octets", "month 13", "no deviation", "all FF"])  # fmt: skip
    def test_is_set_to_an_instant_only(self, octets: bytes, result: DataAccessResult) -> None:
        clock, settings = self.clock()
        assert refusal(clock, 2, axdr.octets(octets)) == result
        assert settings == []
        clock.write(2, axdr.octets(NOON))
        assert settings == ["0c0000"]

    def test_is_adjusted(self) -> None:
        clock, settings = self.clock()
        clock.adjust_to_quarter()
        clock.adjust_to_minute()
        clock.shift_time(axdr.i16(-900))
        assert settings == ["0c0f00", "0c0800", "0b341f"]
        with pytest.raises(AccessError):
            clock.shift_time(axdr.i16(901))

    def test_that_nothing_can_set_offers_no_adjustment(self) -> None:
        clock = Clock("0-0:1.0.0", time=lambda: NOON)
        assert not any(clock.carries_out(number) for number in clock.methods)

    def test_that_knows_no_time_is_read_but_not_adjusted(self) -> None:
        clock = Clock("0-0:1.0.0", time=lambda: b"\xff" * 9 + b"\x80\x00\xff", on={"time": lambda _: None})
        assert clock.time == axdr.octets(b"\xff" * 9 + b"\x80\x00\xff")
        with pytest.raises(AccessError):
            clock.adjust_to_minute()


class TestDisconnectControl:
    @pytest.mark.parametrize("mode, state, output", [
        (1, ControlState.READY_FOR_RECONNECTION, False),
        (2, ControlState.CONNECTED, True),
        (3, ControlState.READY_FOR_RECONNECTION, False),
        (4, ControlState.CONNECTED, True),
        (5, ControlState.READY_FOR_RECONNECTION, False),
        (6, ControlState.READY_FOR_RECONNECTION, False),
    ])  # fmt: skip
    def test_follows_its_mode(self, mode: int, state: ControlState, output: bool) -> None:
        switch = DisconnectControl("0-0:96.3.10", control_mode=mode)
        switch.remote_disconnect()
        assert (switch.control_state.python, switch.output_state.python) == (ControlState.DISCONNECTED, False)
        switch.remote_reconnect()
        assert (switch.control_state.python, switch.output_state.python) == (state, output)
        switch.remote_disconnect()
        assert switch.control_state.python == ControlState.DISCONNECTED

    def test_in_mode_0_never_disconnects(self) -> None:
        switch = DisconnectControl("0-0:96.3.10", control_mode=0)
        with pytest.raises(AccessError):
            switch.remote_disconnect()
        assert switch.output_state.python is True

    def test_stays_when_the_metal_refuses(self) -> None:
        switch = DisconnectControl("0-0:96.3.10", on={"remote_disconnect": lambda _: refuse(DataAccessResult.HARDWARE_FAULT)})
        with pytest.raises(AccessError):
            switch.remote_disconnect()
        assert switch.control_state.python == ControlState.CONNECTED

    def test_leaves_bound_state_to_the_firmware(self) -> None:
        moved: list[str] = []
        switch = DisconnectControl(
            "0-0:96.3.10",
            output_state=lambda: not moved,
            control_state=lambda: ControlState.DISCONNECTED if moved else ControlState.CONNECTED,
            on={"remote_disconnect": lambda _: moved.append("open")},
        )
        switch.remote_disconnect()
        assert (switch.control_state.python, switch.output_state.python) == (ControlState.DISCONNECTED, False)


class TestPushSetup:
    def test_makes_the_body_of_its_notification(self) -> None:
        energy = Register("1-0:1.8.0", value=lambda: axdr.u32(5), scaler_unit=(0, Unit.WATT_HOUR))
        broken = DataClass("0-0:96.1.0", value=lambda: refuse(DataAccessResult.HARDWARE_FAULT))
        things = {thing.name: thing for thing in (energy, broken)}
        references = [
            Reference.to(energy, 2),
            Reference.to(energy, 3, 2),
            Reference.to(broken, 2),
            Reference(1, Obis("0-0:96.9.9"), 2),
        ]
        push = PushSetup(
            "0-0:25.9.0",
            push_object_list=[reference.data for reference in references],
            send_destination_and_method=(0, b"head.end:4059", 0),
        )
        assert push.references() == references
        body = push.body(things.get)
        assert body == axdr.structure(axdr.u32(5), axdr.enum(Unit.WATT_HOUR), axdr.null(), axdr.null())

    def test_a_reference_is_four_things(self) -> None:
        with pytest.raises(RemoteProtocolError, match="reference"):
            Reference.parse(axdr.structure(axdr.u16(1), axdr.octets(b"short"), axdr.i8(2), axdr.u16(0)))


def test_units_have_symbols() -> None:
    assert [unit.symbol for unit in (Unit.WATT_HOUR, Unit.CUBIC_METRE, Unit.VOLT, Unit.PERCENT, Unit.COUNT)] == [
        "Wh", "m³", "V", "%", "",
    ]  # fmt: skip
    assert (Unit.WATT, Unit.WATT_HOUR, Unit.VAR_HOUR, Unit.VOLT, Unit.COUNT) == (27, 30, 32, 35, 255)


@pytest.mark.dlms("class 3 method 1")
def test_a_register_is_reset_where_the_firmware_resets_it() -> None:
    calls: list[int] = []
    hooks = {"reset": lambda argument: calls.append(argument.value)}
    register = Register("1-0:1.8.0", value=axdr.u32(7), scaler_unit=(0, Unit.WATT_HOUR), on=hooks)
    assert register.invoke(1, axdr.i8(0)) is None
    assert calls == [0]
    with pytest.raises(AccessError):
        register.invoke(1, axdr.u32(0))
    with pytest.raises(AccessError):
        Register("1-0:1.8.0", value=axdr.u32(7), scaler_unit=(0, Unit.WATT_HOUR)).invoke(1, axdr.i8(0))
    assert calls == [0]


@pytest.mark.dlms("class 17 method 1")
def test_a_logical_device_is_connected_where_somebody_connects_it() -> None:
    made: list[tuple[int, bytes]] = []
    directory = SapAssignment(
        "0-0:41.0.0",
        sap_assignment_list=lambda: made,
        on={"connect_logical_device": lambda argument: made.append((argument.value[0].value, argument.value[1].value))},
    )
    directory.invoke(1, axdr.structure(axdr.u16(5), axdr.octets(b"MBE0000000000005")))
    assert [[item.value for item in row.value] for row in directory.read(2).value] == [[5, b"MBE0000000000005"]]
    with pytest.raises(AccessError):
        directory.invoke(1, axdr.u16(5))
