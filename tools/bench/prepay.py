"""Prepayment in a bench's hub: its table in the file, and what hub and gas meter are told of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from devices.runtime.kernel import HOUR
from protocols.core.errors import LocalProtocolError
from tools.bench.declared import Declared

if TYPE_CHECKING:
    from collections.abc import Callable

    from devices.runtime.board import Board
    from devices.runtime.firmware import Firmware
    from hubfw.prepay.account import Tariff
    from hubfw.prepay.config import Prepay as Config
    from tools.bench.home import Home, Parts

Pence = Annotated[float, Meta(ge=0, le=1_000)]
Clock = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="a time of day, 00:00 to 23:59")]


class RateFrom(Declared, frozen=True, kw_only=True):
    """A price from a time of the day on: one for each block."""

    at: Clock = "00:00"
    """By the clock of the premises (`0-0:1.0.0` of the hub)."""
    pence: Annotated[list[Pence], Meta(min_length=1, max_length=4)]
    """A kilowatt-hour, in the first block of the day, the second, ..."""


class Prices(Declared, frozen=True, kw_only=True):
    """A fuel's tariff."""

    rates: Annotated[list[RateFrom], Meta(min_length=1, max_length=48)]
    blocks_kwh: Annotated[list[Annotated[float, Meta(gt=0, le=10_000)]], Meta(max_length=3)] = []
    """Where the next block begins, of the energy of a day."""
    standing_pence: Pence = 0
    """A day."""

    def __post_init__(self) -> None:
        try:
            self.tariff()
        except LocalProtocolError as error:
            raise ValueError(str(error)) from None

    def tariff(self) -> Tariff:
        """As an account takes it. Raises LocalProtocolError."""
        from hubfw.prepay.account import PENNY, Rate, Tariff

        rates = tuple(Rate(_minute(rate.at), tuple(round(pence * PENNY) for pence in rate.pence)) for rate in self.rates)
        blocks = tuple(round(kwh * 1000) for kwh in self.blocks_kwh)
        return Tariff(rates, blocks, round(self.standing_pence * PENNY))


class TopUp(Declared, frozen=True, kw_only=True):
    """Somebody types a token at the hub."""

    at_hours: Annotated[float, Meta(ge=0, le=8_760)]
    pounds: Annotated[float, Meta(ge=0.01, le=1_310)]
    fuel: Literal["gas", "electricity"] = "gas"

    def __post_init__(self) -> None:
        if abs(self.pounds * 100 - self.pence) > 1e-6:
            raise ValueError(f"a top-up is in whole pence, and {self.pounds:g} pounds are not")

    @property
    def pence(self) -> int:
        """What is bought."""
        return round(self.pounds * 100)


class Press(Declared, frozen=True, kw_only=True):
    """Somebody presses a button at the gas meter."""

    at_hours: Annotated[float, Meta(ge=0, le=8_760)]
    button: Literal["emergency", "wake"] = "emergency"


class Prepay(Declared, frozen=True, kw_only=True):
    """Accounts in the hub (paper B, appendix C)."""

    gas: Prices | None = None
    """None: sixpence a kilowatt-hour."""
    electricity: Prices | None = None
    """None: electricity is not prepaid. It needs an electricity meter with `interface = "wired"`."""
    opening_pounds: Annotated[float, Meta(ge=-1_000, le=1_000)] = 10
    emergency_pounds: Annotated[float, Meta(ge=0, le=100)] = 5
    time_out_hours: Annotated[float, Meta(ge=0.5, le=720)] = 120
    """How long gas flows on without contact between meter and hub."""
    friendly: Annotated[list[tuple[Clock, Clock]], Meta(max_length=8)] = []
    """Hours, by the same clock, in which nobody is cut off for want of credit."""
    top_ups: Annotated[list[TopUp], Meta(max_length=64)] = []
    presses: Annotated[list[Press], Meta(max_length=64)] = []

    def __post_init__(self) -> None:
        if self.electricity is None and any(top_up.fuel == "electricity" for top_up in self.top_ups):
            raise ValueError("a top-up is for electricity, which is not prepaid: say `electricity`, or leave `fuel` out")
        for start, end in self.friendly:
            if start == end:
                raise ValueError(f"friendly hours from {start} to {end} are none, or a whole day: say from 00:00 to 23:59")


def people(home: Home, prepay: Prepay) -> None:
    """Have them do what the file says."""
    from protocols.zigbee.hub_prepayment import codes

    key = home.identities[home.of_kind("hub")[0]].key("prepayment")

    def type_in(what: codes.TopUp) -> None:
        for digit in [*codes.token(key, home.hub.eui64, what), "ok"]:  # bought for the hub that is there by then
            home.hub.buttons.press(digit)

    for number, top_up in enumerate(prepay.top_ups):
        what = codes.TopUp(top_up.pence, number, top_up.fuel == "electricity")
        home.kernel.at(int(top_up.at_hours * HOUR), type_in, what, who=home.hub.name)
    for press in prepay.presses:
        for label in home.of_kind("prepay-gas"):
            board = home[label]
            home.kernel.at(int(press.at_hours * HOUR), board.buttons.press, press.button, who=board.name)


def hub(home: Home, prepay: Prepay) -> Config:
    """What the hub is told."""
    from hubfw.prepay import config
    from hubfw.prepay.account import PENNY

    return config.Prepay(
        home.identities[home.of_kind("hub")[0]].key("prepayment"),
        config.SIX_PENCE if prepay.gas is None else prepay.gas.tariff(),
        electricity=None if prepay.electricity is None else prepay.electricity.tariff(),
        opening=round(prepay.opening_pounds * 100 * PENNY),
        emergency=round(prepay.emergency_pounds * 100 * PENNY),
        delay=int(prepay.time_out_hours * 2),
        friendly=tuple((_minute(start), _minute(end)) for start, end in prepay.friendly),
    )


def meter(parts: Parts, extended_pan_id: int | None) -> Callable[[Board], Firmware]:
    """The gas meter's firmware."""
    from devices import prepay_gas

    home = parts.home
    key = home.identities[home.of_kind("hub")[0]].key("prepayment")
    config = prepay_gas.Config(parts.identity.install_code, extended_pan_id, parts.credentials, code_key=key)
    return partial(prepay_gas.Firmware, config=config)


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
