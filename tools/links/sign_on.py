"""The reader's side of IEC 62056-21 over a blocking stream: a data readout, mode E as far as HDLC, mode D overheard.

For one-shot commands; the machines are protocols.iec62056_21, and time is the monotonic clock. Parity is made in software, so a
serial port stands at eight data bits throughout, as HDLC needs it. Not here: programming mode.
"""

from __future__ import annotations

import time
from typing import TypeVar

from protocols.core.effects import Effect, Send
from protocols.iec62056_21 import (
    Baud,
    DataSet,
    Failed,
    HandHeldUnit,
    Handover,
    Identification,
    Identified,
    Listener,
    Purpose,
    ReadOut,
)
from protocols.iec62056_21.rates import INITIAL, PUSHED
from tools.errors import LinkDown
from tools.links.stream import Stream

FASTEST = 19_200
"""Baud: the fastest rate that modes B, C and E know."""
_NS = 1_000_000_000
Wanted = TypeVar("Wanted", bound=Effect)


def read_out(stream: Stream, address: str = "", rate: int = FASTEST) -> tuple[Identification, tuple[DataSet, ...]]:
    """Sign on and have everything read out, at `rate` baud or less. Raises LinkDown."""
    session = _Session(stream, HandHeldUnit(Purpose.READOUT, address, rate))
    found = session.until(ReadOut)
    assert session.identification is not None
    return session.identification, found.data_sets


def enter_hdlc(stream: Stream, address: str = "", rate: int = FASTEST) -> int:
    """Sign on and go over to HDLC (mode E); the rate agreed, to which the stream is set. Raises LinkDown."""
    return _Session(stream, HandHeldUnit(Purpose.HDLC, address, rate)).until(Handover).rate


def overhear(stream: Stream, timeout: float) -> tuple[Identification, tuple[DataSet, ...]]:
    """Wait for what a device of mode D says by itself, for `timeout` seconds. Raises LinkDown."""
    stream.set_rate(PUSHED)
    listener = Listener()
    until = time.monotonic() + timeout
    while (left := until - time.monotonic()) > 0:
        for push in listener.feed(stream.read(left)):
            return push.identification, push.data_sets
    raise LinkDown(f"IEC 62056-21: nothing was said within {timeout:g} s")


class _Session:
    def __init__(self, stream: Stream, unit: HandHeldUnit) -> None:
        self.identification: Identification | None = None
        self._stream = stream
        self._unit = unit

    def until(self, wanted: type[Wanted]) -> Wanted:
        """Move octets until an effect of that kind comes."""
        stream, unit = self._stream, self._unit
        stream.set_rate(INITIAL)
        effects = unit.sign_on(time.monotonic_ns())
        while True:
            found: Wanted | None = None
            for effect in effects:
                match effect:
                    case Send(data=data):
                        stream.write(data)
                    case Baud(rate=rate):
                        stream.set_rate(rate)
                    case Identified(identification=identification):
                        self.identification = identification
                    case Failed(reason=reason):
                        raise LinkDown(f"IEC 62056-21: {reason}")
                    case _ if isinstance(effect, wanted):
                        found = effect
            if found is not None:
                return found
            now = time.monotonic_ns()
            data = stream.read(max((unit.deadline or now) - now, 0) / _NS)
            now = time.monotonic_ns()
            effects = unit.feed(data, now) if data else unit.expire(now)
