"""The wired meter interface of a bench file, and the wire in a home: data, and the feed of a hub without a supply of its own.

Limits are the interface's (`devices.parts.meter_interface`). A lead with its plug, or a hub that sits in an opening of the meter
(`form = "aperture"`): the same contacts, without a cable.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from devices.parts import meter_interface
from devices.runtime.feed import Feed
from devices.runtime.port import Port
from tools.bench.declared import Declared

UNPLUGGED = "unplugged"
"""Why a feed is cut."""
LEAD: float = 0.3
"""Metres of the lead that comes with a hub."""


class Wire(Declared, frozen=True, kw_only=True):
    """Between an electricity meter and its hub."""

    protocol: Literal["dlms", "flag"] = "dlms"
    """DLMS over HDLC, or IEC 62056-21 alone."""
    mode: Literal["A", "B", "C", "D"] = "C"
    """Of IEC 62056-21. In D the meter speaks by itself, at 2400 baud. What E leads to is `protocol = "dlms"`."""
    form: Literal["cable", "aperture"] = "cable"
    connector: Literal["RJ11"] = "RJ11"
    metres: Annotated[float, Meta(ge=0, le=10_000)] | None = None
    """Default: 0.3, and 0 in an aperture."""
    baud: Literal[300, 600, 1200, 2400, 4800, 9600, 19200] = 9600
    """The fastest rate."""

    def __post_init__(self) -> None:
        if self.form == "aperture" and self.metres:
            raise ValueError("a hub in an aperture has no cable: leave `metres` out")
        self.electrical(0).check()

    def electrical(self, milliamps: int) -> meter_interface.Wire:
        """With what a hub draws from it."""
        metres = (LEAD if self.form == "cable" else 0.0) if self.metres is None else self.metres
        return meter_interface.Wire(metres, self.baud, milliamps)


class Lead:
    """The wire in a home, which people pull out and put in: a plug, or the whole module of an aperture."""

    def __init__(self, meter: Port, hub: Port, declared: Wire, feed: Feed | None) -> None:
        self.feed = feed
        """What comes with it, where the hub has no supply of its own."""
        self._meter = meter
        self._hub = hub
        self._baud = declared.baud
        self.plug()

    def plug(self, hub: Port | None = None, feed: Feed | None = None) -> None:
        """Put it in; into another hub where one is given, with that one's end of the feed."""
        self._hub, self.feed = hub or self._hub, feed or self.feed
        self._meter.attach(self._hub, baud=self._baud)
        if self.feed is not None:
            self.feed.mend(UNPLUGGED)

    def pull(self) -> None:
        """Take it out."""
        self._meter.detach()
        if self.feed is not None:
            self.feed.cut(UNPLUGGED)
