"""A radio dongle as a sniffer: a co-processor in promiscuous mode, over Spinel.

It hears whatever is on its channel, as far as its radio does; it acknowledges nothing and sends nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from protocols.core.effects import Effect, Send
from protocols.spinel.host import ANSWER, Heard, Host, Refused, Tuning
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
    host = Host()
    started = time.monotonic_ns()
    host.configure(Tuning(channel, _EVERY_PAN, _NOBODY, 0, True, promiscuous=True), started)
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


def _carry_out(stream: Stream, effects: list[Effect]) -> Iterator[Heard]:
    for effect in effects:
        match effect:
            case Send(data=data):
                stream.write(data)
            case Heard():
                yield effect
            case Refused(property=name, status=status):
                told = next((known.name for known in Status if known == status), str(status))
                raise LinkDown(f"the co-processor refuses property {name:#04x}: {told}")
