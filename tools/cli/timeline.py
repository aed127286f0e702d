"""What happens on a bench, told to a person line by line, and how far it has got.

The timeline is made of the event log's rarer events; a run with it has the digest of one without. Times are virtual. A
progress bar is drawn on standard error when that is a terminal, and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import IO

import click

from devices.runtime.kernel import DAY, HOUR, MIN, S
from devices.runtime.log import Data
from tools.bench.run import Run

Line = Callable[[Mapping[str, object]], str | None]
"""An event's fields to the text of its line; None: not worth one."""

BAR = 28
NARROW, WIDE = 10, 18
"""Columns of a device's name: of one home, of several."""


def _address(value: object) -> str:
    return f"{value:#06x}" if isinstance(value, int) else str(value)


def _eui64(value: object) -> str:
    return f"{value:016X}" if isinstance(value, int) else str(value)


def _seconds(ns: object) -> str:
    return f"{ns / S:,.1f} s" if isinstance(ns, int) else str(ns)


def _fuel(event: Mapping[str, object]) -> str:
    return f"{event['fuel']} of {_eui64(event['meter'])}" if "meter" in event else str(event["fuel"])


_PUBLISHED: Mapping[str, str] = MappingProxyType({
    "PublishTariffInformation": "a tariff",
    "PublishCppEvent": "a critical peak",
    "PublishConsolidatedBill": "a bill",
    "PublishCalorificValue": "a calorific value",
    "PublishConversionFactor": "a conversion factor",
    "CancelTariff": "the end of a tariff",
})  # fmt: skip
"""Commands worth a line, and what they are about."""

LINES: Mapping[str, Line] = MappingProxyType({
    "power": lambda e: {"off": "dark", "fail": "has lost its supply"}.get(str(e["state"])),
    "mains": lambda e: f"{e['volts']:.0f} V" if e["volts"] else "off",
    "han.joined": lambda e: (
        f"is back on its network as {_address(e['short'])}" if e["resumed"]
        else f"is on the network as {_address(e['short'])}, channel {e['channel']}"
    ),
    "han.join-failed": lambda e: f"could not join: {e['reason']}",
    "han.refused": lambda e: f"refuses {_eui64(e['eui64'])}: {e['reason']}",
    "han.partner-key": lambda e: f"shares a link key with {_eui64(e['eui64'])}",
    "han.key-establishment": lambda e: (
        f"has made a link key with {_eui64(e['eui64'])}, by certificates"
        if e["outcome"] == "established"
        else f"has made no link key with {_eui64(e['eui64'])} yet: {e['outcome']}"
    ),
    "han.key-kept": lambda e: f"keeps the link key that it joined with: {e['reason']}",
    "han.parent-lost": lambda e: "has lost its parent",
    "outage": lambda e: {
        "dip": f"counts a loss of supply of {_seconds(e['duration'])}: no outage",
        "missed": f"MISSED an outage of {_seconds(e['duration'])}: its reserve had ended before it was one",
    }.get(str(e["what"])),
    "hub.sap": lambda e: f"knows {_eui64(e['eui64'])} as SAP {e['sap']}",
    "tunnel.open": lambda e: f"has a DLMS tunnel to {_eui64(e['eui64'])}, {e['limit']} octets a message",
    "mirror.made": lambda e: f"gives {_eui64(e['eui64'])} a mirror at endpoint {e['endpoint']:#x}",
    "hub.published": lambda e: (
        f"publishes {_PUBLISHED[str(e['command'])]} for {_fuel(e)}"
        if e["result"] == "taken" and e["command"] in _PUBLISHED
        else None
    ),
    "hub.image-refused": lambda e: f"refuses firmware: {e['reason']}",
    "hub.image": lambda e: f"hears that {_eui64(e['eui64'])} {'has' if e['status'] == 0 else 'gives up'} {e['file_version']:08X}",
    "hub.switched": lambda e: f"goes by what was published for {_fuel(e)} from now on",
    "hub.cpp-response": lambda e: f"hears that {_eui64(e['by'])} {'accepts' if e['answer'] == 1 else 'refuses'} a critical peak",
    "prepay.token": lambda e: f"is given a token: {e['outcome']} ({e['what']})",
    "prepay.code-refused": lambda e: f"refuses a code: {e['reason']}",
    "prepay.meter": lambda e: None if e["what"] in ("cut-off", "no contact") else str(e["what"]),
    "prepay.gas": lambda e: {
        "the first half hour without a report": "misses a half hour's report of the gas meter",
        "the time-out has ended": "says that the time-out of the gas meter has ended",
        "low credit": "is warned that gas credit is low",
        "emergency credit": "lends emergency credit for gas",
    }.get(str(e["what"])),
    "isolator": lambda e: f"a hand turns the isolator {'on' if e['on'] else 'off'}",
    "contact.stuck": lambda e: f"the load switch sticks, {'closed' if e['closed'] else 'open'}",
    "neutral": lambda e: "its neutral breaks" if e["broken"] else "its neutral is mended",
    "neutral.detected": lambda e: f"finds that the neutral floats, at the {e['by']}",
    "auxiliary": lambda e: f"switches auxiliary switch {e['switch']} {'on' if e['on'] else 'off'}",
    "offset": lambda e: f"is {e['offset']} s off {e['switches']}, over a change of price" if e["crosses_price"] else None,
    "exchange": lambda e: str(e["step"]),
    "han.trust-centre-replaced": lambda e: f"takes {_eui64(e['eui64'])} for its hub in place of {_eui64(e['before'])}",
    "installation": lambda e: f"visit {e['visit']}: {e['outcome']}{': ' if e['reason'] else ''}{e['reason']}",
    "headend.firmware": lambda e: {
        "handed in": f"has handed in firmware {e['version']} for {e['device']}: it waits for its activation",
        "activated": f"has firmware {e['version']} for {e['device']} activated",
        "runs": f"reads that {e['device']} runs {e['version']}",
        "does not run": f"still does not read that {e['device']} runs {e['version']}",
    }.get(str(e["outcome"]), f"is refused firmware {e['version']} for {e['device']}: {e['reason']}"),
    "headend.prices": lambda e: f"has sent {e['what']} to the hub of {e['home']}: {e['outcome']}",
    "headend.read": lambda e: f"reads {e['register']} of {e['device']} for {e['requester']}: {e.get('value', e.get('failure'))}",
    "headend.notice": lambda e: {
        "LastGasp": f"LAST GASP of {e['hub']}: no supply for over three minutes",
        "Calling": f"{e['hub']} calls, and can be asked for a while",
        "FirstBreath": f"FIRST BREATH of {e['hub']}: supply is back, inside its limits",
    }.get(str(e["kind"]), f"notice of {e['hub']}: {e['kind']}"),
})  # fmt: skip
"""Kind of event to line."""


def clock(now: int) -> str:
    """Virtual time as `d hh:mm:ss.mmm`, the day only from the second on."""
    day = f"{now // DAY}d " if now >= DAY else ""
    return f"{day}{now // HOUR % 24:02}:{now // MIN % 60:02}:{now // S % 60:02}.{now // 1_000_000 % 1000:03}"


class Timeline:
    """Prints lines as they happen. `write` None keeps quiet (`--json`); `lines` has all of them in any case.

    `run`: tells who is who; of several homes, each device is called by its home too.
    """

    def __init__(self, run: Run, write: Callable[[str], object] | None) -> None:
        self.lines: list[tuple[int, str, str]] = []
        self._kernel = kernel = run.kernel
        self._names = run.names()
        self._full = len(run.homes) > 1
        self._write = write
        kernel.log.subscribe(self._event, list(LINES))

    def say(self, who: str, what: str) -> None:
        """A line of the story itself."""
        self.lines.append((self._kernel.now, who, what))
        if self._write is not None:
            self._write(f"{clock(self._kernel.now)}  {who:<{WIDE if self._full else NARROW}} {what}")

    def _event(self, now: int, who: str, kind: str, data: Data) -> None:
        text = LINES[kind](data) if isinstance(data, Mapping) else None
        if text is not None:
            for eui64, name in self._names.items():
                text = text.replace(eui64, name)
            self.say(who if self._full else who.rpartition("/")[2], text)


class Progress:
    """A bar for virtual time on a terminal; nothing elsewhere. Use as a context around the run."""

    def __init__(self, until: int, stream: IO[str] | None = None) -> None:
        self._until = until
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()

    def at(self, now: int) -> None:
        """Draw it for this virtual time."""
        if self._shown:
            share = now / self._until if self._until else 1.0
            done = int(BAR * share)
            click.echo(f"\r{'#' * done}{'.' * (BAR - done)} {share:4.0%} {clock(now)} ", file=self._stream, nl=False)

    def clear(self) -> None:
        """Wipe it, so that a line can be printed."""
        if self._shown:
            click.echo("\r\x1b[2K", file=self._stream, nl=False)
