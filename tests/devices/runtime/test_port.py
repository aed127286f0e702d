"""Ports and wires: one plug a port, order, baud rate, what is lost when a plug is pulled or the power goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.faults import Effect, Fault, Faults
from devices.runtime.kernel import MS, Kernel, S
from devices.runtime.port import Occupied, Port, Wire
from devices.runtime.uart import heard


class Ends:
    """Two ports and what they receive."""

    def __init__(self) -> None:
        self.kernel = Kernel(seed=3)
        self.near = Port(self.kernel, "esme.optical")
        self.far = Port(self.kernel, "hht.optical")
        self.received: list[tuple[int, bytes]] = []
        self.near.on_receive = lambda data: self.received.append((self.kernel.now, data))


@pytest.fixture
def ends() -> Ends:
    return Ends()


def test_octets_arrive_in_order_as_events(ends: Ends) -> None:
    ends.far.attach(ends.near, latency=2 * MS)
    ends.far.write(b"first")
    ends.far.write(b"second")
    ends.far.write(b"")
    assert ends.received == []
    ends.kernel.run_until(1 * S)
    assert ends.received == [(2 * MS, b"first"), (2 * MS, b"second")]


def test_both_directions_carry(ends: Ends) -> None:
    echo: list[bytes] = []
    ends.far.on_receive = echo.append
    ends.near.on_receive = ends.near.write
    ends.near.attach(ends.far)
    ends.far.write(b"ping")
    ends.kernel.run_until(0)
    assert echo == [b"ping"]


def test_a_baud_rate_takes_ten_bits_an_octet_and_is_one_line(ends: Ends) -> None:
    wire = ends.far.attach(ends.near, baud=9600)
    ends.far.write(bytes(96))
    ends.far.write(b"x")
    ends.kernel.run_until(1 * S)
    assert [(round(when / MS), len(data)) for when, data in ends.received] == [(33, 32), (67, 32), (100, 32), (101, 1)]
    wire.baud = 300
    ends.far.write(b"y")
    ends.kernel.run_until(2 * S)
    assert ends.received[-1][0] == 1 * S + 10 * S // 300


def test_each_end_has_its_own_rate_and_only_the_same_is_understood(ends: Ends) -> None:
    ends.far.attach(ends.near, baud=9600)
    ends.far.baud = 300
    ends.far.write(b"/?!")  # the other end follows: autobaud
    ends.kernel.run_until(1 * S)
    assert ends.received == [(3 * 10 * S // 300, b"/?!")]
    ends.near.baud = 9600
    ends.far.write(b"/?!")
    ends.kernel.run_until(2 * S)
    garbage = b"".join(data for _, data in ends.received[1:])
    assert garbage != b"/?!"
    ends.near.baud = 300
    ends.far.write(b"/?!")
    ends.kernel.run_until(3 * S)
    assert ends.received[-1][1] == b"/?!"


def test_a_rate_changed_behind_an_octet_does_not_touch_it(ends: Ends) -> None:
    ends.far.attach(ends.near, baud=300)
    ends.far.baud = ends.near.baud = 300
    ends.far.write(b"ok")
    ends.far.baud = 9600
    ends.kernel.run_until(1 * S)
    assert [data for _, data in ends.received] == [b"ok"]


def test_a_wire_without_rate_carries_at_once_whatever_the_ends_say(ends: Ends) -> None:
    told: list[int | None] = []
    ends.far.on_rate = told.append
    ends.far.attach(ends.near)
    ends.near.baud = 300
    ends.far.baud = 9600
    ends.far.write(b"/?!")
    ends.kernel.run_until(0)
    assert ends.received == [(0, b"/?!")]
    ends.near.baud = None
    ends.near.reset()
    assert told == [300, None]


@pytest.mark.parametrize(
    "octets, sent, listened, received",
    [
        # a long low of the slow sender is a row of noughts, ended by the missing stop bit
        (b"\x00", 300, 9600, b"\x00"),
        (b"\xff", 300, 9600, b"\x00"),
        (b"\x55", 300, 9600, bytes(5)),
        # of what is twice as fast every second bit is seen, from the middle of the start bit on; a start alone is too short
        (b"\xfe", 19200, 9600, b"\xff"),
        (b"\xff", 19200, 9600, b""),
        (b"/?!\r\n", 9600, 9600, b"/?!\r\n"),
    ],
)
def test_what_a_uart_hears_at_another_rate(octets: bytes, sent: int, listened: int, received: bytes) -> None:
    assert heard(octets, sent, listened) == received


@given(st.binary(max_size=40), st.sampled_from([300, 600, 2400, 9600, 19200]), st.sampled_from([300, 1200, 9600, 115200]))
def test_garbage_is_bounded_by_the_edges_sent(octets: bytes, sent: int, listened: int) -> None:
    assert len(heard(octets, sent, listened)) <= 5 * len(octets)


def test_a_port_takes_one_plug(ends: Ends) -> None:
    told: list[bool] = []
    ends.near.on_plug = told.append
    assert not ends.near.occupied
    ends.far.attach(ends.near)
    other = Port(ends.kernel, "laptop")
    with pytest.raises(Occupied, match=r"esme\.optical is occupied"):
        other.attach(ends.near)
    assert not other.occupied
    ends.near.detach()
    ends.near.detach()
    assert not ends.far.occupied
    other.attach(ends.near)
    ends.kernel.run_until(0)
    assert told == [True, False, True]


def test_what_is_on_the_wire_is_lost_when_it_is_pulled(ends: Ends) -> None:
    wire = ends.far.attach(ends.near, baud=9600)
    ends.far.write(bytes(96))
    ends.kernel.run_until(50 * MS)
    wire.unplug()
    again = Wire(ends.kernel, ends.far, ends.near)
    wire.unplug()  # an old wire does not pull out a new one
    assert ends.near.wire is again
    ends.far.write(b"new")
    ends.kernel.run_until(1 * S)
    assert [data for _, data in ends.received] == [bytes(32), b"new"]


def test_without_wire_or_power_octets_go_nowhere(ends: Ends) -> None:
    ends.far.write(b"no wire")
    ends.far.attach(ends.near, latency=1 * S)
    ends.far.write(b"sender dies")
    ends.far.reset()
    ends.far.write(b"sender is dead")
    ends.kernel.run_until(2 * S)
    ends.far.powered = True
    ends.far.write(b"receiver dies")
    ends.near.reset()
    ends.kernel.run_until(9 * S)
    assert ends.received == []
    assert ends.near.occupied  # the head stays on the meter


def test_every_write_is_in_the_event_log(ends: Ends) -> None:
    seen: list[object] = []
    ends.kernel.log.subscribe(lambda now, who, kind, data: seen.append((who, kind, data)))
    ends.far.attach(ends.near)
    ends.far.write(b"~")
    ends.far.detach()
    assert seen == [
        ("hht.optical", "wire.plug", b""), ("esme.optical", "wire.plug", b""), ("hht.optical", "wire", b"~"),
        ("hht.optical", "wire.unplug", b""), ("esme.optical", "wire.unplug", b""),
    ]  # fmt: skip


def test_faults_strike_writes(ends: Ends) -> None:
    wire = ends.far.attach(ends.near)
    wire.faults = Faults(ends.kernel, "noise", [Fault(Effect.DROP, nth=1), Fault(Effect.CORRUPT, nth=1, amount=9)])
    for data in (b"one", b"two", b"three"):
        ends.far.write(data)
    ends.kernel.run_until(1)
    assert [data for _, data in ends.received] == [b"t\x75o", b"three"]
    assert wire.faults.count == [1, 1]
