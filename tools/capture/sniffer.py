"""A radio dongle as a sniffer: a co-processor in promiscuous mode, over Spinel.

It hears whatever is on its channel, as far as its radio does; it acknowledges nothing and sends nothing but the beacon
requests of `networks`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from protocols.core.effects import Effect, Send
from protocols.spinel.beacon import ScanBeacon
from protocols.spinel.host import ANSWER, Found, Heard, Host, Refused, Scanned, Tuning
from protocols.spinel.message import Status
from tools.errors import LinkDown
from tools.links.stream import Stream

SLICE = 0.2
"""Seconds between two looks at whether to go on."""
_NOBODY = 0xFFFE
_EVERY_PAN = 0xFFFF
_PATIENCE = 3 * ANSWER


def sniff(stream: Stream, channel: int) -> Iterator[Heard | None]:
    """What the dongle hears, and None at least every `SLICE` seconds, from when it is tuned in on. Raises LinkDown."""
    for effect in _drive(stream, Host(), Tuning(channel, _EVERY_PAN, _NOBODY, 0, True, promiscuous=True)):
        if effect is None or isinstance(effect, Heard):
            yield effect


def networks(stream: Stream, channels: Iterable[int], period_ns: int) -> Iterator[ScanBeacon | None]:
    """The networks that answer on these channels, `period_ns` on each; None at least every `SLICE` seconds. Raises LinkDown."""
    host, asked, wanted = Host(), False, tuple(channels)
    for effect in _drive(stream, host, Tuning(wanted[0], _EVERY_PAN, _NOBODY, 0, True)):
        if effect is None:
            if not asked:
                asked = True
                for _ in _carry_out(stream, host.scan(wanted, period_ns, time.monotonic_ns())):
                    raise LinkDown("the co-processor does not scan")
            yield None
        elif isinstance(effect, Found):
            yield effect.beacon
        elif isinstance(effect, Scanned):
            if not effect.whole:
                raise LinkDown("the co-processor has broken off its scan")
            return


def _drive(stream: Stream, host: Host, tuning: Tuning) -> Iterator[Effect | None]:
    """What the co-processor tells, and None at least every `SLICE` seconds once it is tuned in."""
    started = time.monotonic_ns()
    host.configure(tuning, started)
    yield from _carry_out(stream, host.start(started))
    while True:
        data = stream.read(SLICE)
        now = time.monotonic_ns()
        effects = host.feed(data, now)
        if host.deadline is not None and now >= host.deadline:
            effects += host.expire(now)
        yield from _carry_out(stream, effects)
        if host.tuned:
            yield None
        elif now - started > _PATIENCE:
            raise LinkDown("no radio co-processor answers there")


def _carry_out(stream: Stream, effects: list[Effect]) -> Iterator[Effect]:
    for effect in effects:
        match effect:
            case Send(data=data):
                stream.write(data)
            case Refused(property=name, status=status):
                told = next((known.name for known in Status if known == status), str(status))
                raise LinkDown(f"the co-processor refuses property {name:#04x}: {told}")
            case _:
                yield effect
