"""The prepayment interface's firmware: whether the supply is on, and the balance, of electricity and of gas.

The button `supply` closes an armed electricity supply, `credit` selects emergency credit, and a code on the keypad (`top_up`) is a
top-up. All three are said to the meter once, which answers yes or no; a code that cannot be one is not said at all. A code goes
to the hub where that has the accounts and no electricity meter is on the network.
`gas` asks for the valve of an armed gas supply: the hub keeps that for the meter, which opens on trial when it wakes. So does
`gas-credit` for emergency credit of gas, and a code that is typed for gas: the meter judges them then, and its balance shows what
came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from devices.parts.consumer_display import ConsumerDisplay
from devices.parts.han import HUB, NoAnswer, Refused
from devices.parts.inbox import Inbox
from devices.parts.message_tunnel import MessageTunnel
from devices.parts.screen import STALE, ago, clock_line, line, money
from devices.parts.subscription import Subscription
from devices.parts.watch import LONGEST_PAUSE, Wanted, Watch, find
from devices.ppmid.config import Config
from devices.runtime.board import Board
from protocols.core.codec import Frame
from protocols.zigbee.clusters.metering import DeviceType, Metering, SupplyStatus
from protocols.zigbee.clusters.prepayment import CreditStatus, Originator, PaymentControl, Prepayment, TopUpResult
from protocols.zigbee.clusters.time import EPOCH, seconds
from protocols.zigbee.zcl.endpoint import Endpoint

S = 1_000_000_000
SUPPLY, GAS, CREDIT, GAS_CREDIT = "supply", "gas", "credit", "gas-credit"
"""Buttons."""
CODE_DIGITS: Final = 20
SHOWN: Final = 30 * S
"""How long an answer is shown."""

_BALANCE = (
    Prepayment.payment_control_configuration,
    Prepayment.credit_remaining,
    Prepayment.currency_scaling_factor,
    Prepayment.currency,
)
_EMERGENCY = (Prepayment.credit_status, Prepayment.emergency_credit_remaining)
_ELECTRICITY: Wanted = ((Metering, (Metering.supply_status,)), (Prepayment, _BALANCE + _EMERGENCY))
_GAS: Wanted = ((Metering, (Metering.supply_status, Metering.reading_snapshot_time)), (Prepayment, _BALANCE))

_RESULTS: Final[Mapping[int, str]] = {
    TopUpResult.ACCEPTED: "top-up accepted",
    TopUpResult.SUPPLY_ON: "top-up accepted",
    TopUpResult.SUPPLY_OFF: "top-up accepted",
    TopUpResult.SUPPLY_ARMED: "accepted: press SUPPLY",
    TopUpResult.DUPLICATE: "code was used already",
    TopUpResult.MAXIMUM_CREDIT: "credit is at its limit",
}

_SUPPLY = {SupplyStatus.OFF: "supply OFF", SupplyStatus.OFF_ARMED: "supply armed", SupplyStatus.ON: "supply ON"}


class Firmware(ConsumerDisplay):
    """Asks meter and hub, shows what they say. The board has a display of 24 x 8 cells, buttons `ok`, `supply` and `credit`."""

    page = 480

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board, config)
        self.config = config
        self.inbox = Inbox(board)
        self._answer = ""
        self._answered = 0

    def watch(self, endpoint: Endpoint) -> Sequence[Watch]:
        if self.config.messages:
            self._tunnel = MessageTunnel(self.han, endpoint, self.inbox)
        endpoint.use(Prepayment)
        self.subscription = Subscription(self.han, endpoint, self.clock, self.show)
        seek = partial(find, self.han, DeviceType.ELECTRIC, dwelling=self.dwelling)
        self.electricity = Watch(self.han, seek, _ELECTRICITY, self.config.electricity_period, self.show)
        seek = partial(find, self.han, DeviceType.MIRRORED_GAS, in_hub=True)
        self.gas = Watch(self.han, seek, _GAS, self.config.gas_period, self.show, LONGEST_PAUSE)
        return self.electricity, self.gas

    def press(self, button: str) -> None:
        if button == SUPPLY:
            self.spawn(self._ask(Metering.LocalChangeSupply(SupplyStatus.ON), "supply"))
        elif button == GAS:
            self.spawn(self._ask_gas(Metering.LocalChangeSupply(SupplyStatus.ON)))
        elif button in (CREDIT, GAS_CREDIT):
            utc = self.clock.utc
            now = 0xFFFFFFFF if utc is None else seconds(utc)
            command = Prepayment.SelectAvailableEmergencyCredit(now, Originator.DISPLAY)
            self.spawn(self._ask(command, "emergency") if button == CREDIT else self._ask_gas(command))
        else:
            super().press(button)

    def top_up(self, code: str, *, gas: bool = False) -> None:
        """Somebody types a code."""
        if len(code) != CODE_DIGITS or not (code.isascii() and code.isdigit()):
            self._tell("code not valid")
            return
        command = Prepayment.ConsumerTopUp(Originator.DISPLAY, code.encode())
        self.spawn(self._ask_gas(command) if gas else self._top_up(command))

    async def _ask(self, command: Frame, what: str) -> None:
        try:
            address, endpoint = await self._meter()
            await self.han.confirm(address, endpoint, command)
            self._tell(f"{what}: done")
        except Refused:
            self._tell(f"{what}: refused")
        except NoAnswer:
            self._lost(what)
        await self._look()

    async def _ask_gas(self, command: Frame) -> None:
        mirror = self.gas.meter
        try:
            if mirror is None:
                raise NoAnswer("no mirror is known")
            await self.han.confirm(await self.han.find(mirror.eui64), mirror.endpoint, command)
            self._tell("gas: when it wakes")
        except Refused:
            self._tell("gas: refused")
        except NoAnswer:
            self._lost("gas")

    async def _top_up(self, command: Prepayment.ConsumerTopUp) -> None:
        try:
            address, endpoint = await self._account()
            answer = await self.han.request(address, endpoint, command, Prepayment.ConsumerTopUpResponse)
            self._tell(_RESULTS.get(answer.result_type, "code refused"))
        except Refused:
            self._tell("top-up: no answer")
        except NoAnswer:
            self._lost("top-up")
        await self._look()

    async def _meter(self) -> tuple[int, int]:
        meter = self.electricity.meter
        if meter is None:
            raise NoAnswer("no meter is known")
        return await self.han.find(meter.eui64), meter.endpoint

    async def _account(self) -> tuple[int, int]:
        """Who takes a code: the electricity meter, or a hub with accounts where no meter is on this network."""
        if self.electricity.meter is not None:
            return await self._meter()
        window = min(await self.han.match([Prepayment.id], destination=HUB), default=None)
        if window is None:
            raise NoAnswer("neither meter nor hub has an account")
        return window

    async def _look(self) -> None:
        with suppress(NoAnswer, Refused):
            await self.electricity.look()

    def _lost(self, what: str) -> None:
        """Nobody has heard what somebody asked for here."""
        self.board.log("ppmid.lost", {"what": what})
        self._tell(f"{what}: no answer")

    def _tell(self, answer: str) -> None:
        """Show it for a while in place of emergency credit."""
        self._answer, self._answered = answer, self.now
        self.board.log("ppmid.answer", {"text": answer})
        self.show()
        self.after(SHOWN, self.show)

    async def refresh(self) -> None:
        await super().refresh()
        await self.subscription.catch_up()

    def _notice(self) -> str:
        """The answer to what was asked, else emergency credit, else the price."""
        if self._answer and self.now < self._answered + SHOWN:
            return line("", self._answer)
        return _emergency(self.electricity) or self._price()

    def _price(self) -> str:
        """Of electricity, where the hub publishes a tariff."""
        store, utc = self.subscription.store(), self.clock.utc
        if store is None or utc is None:
            return ""
        from devices.parts.price_line import price_line

        return price_line(store, utc // S - EPOCH, self.subscription.zone)

    def face(self) -> list[str]:
        snapshot = self.gas.get(Metering.reading_snapshot_time)
        read_at = None if snapshot is None else (snapshot + EPOCH) * S
        known = self.gas.get(Metering.supply_status) is not None
        return [
            clock_line(self.clock.utc),
            line("ELECTRICITY", _supply(self.electricity)),
            line(_mode(self.electricity), _balance(self.electricity)),
            self._notice(),
            line("GAS", _supply(self.gas)),
            line(_mode(self.gas), _balance(self.gas)),
            line("  as of", ago(read_at, self.clock.utc) if known else STALE),
        ]


def _supply(watch: Watch) -> str:
    state = watch.get(Metering.supply_status)
    return STALE if state is None else next((name for known, name in _SUPPLY.items() if known == state), "unknown")


def _mode(watch: Watch) -> str:
    control = watch.get(Prepayment.payment_control_configuration)
    if control is None:
        return "  balance"
    return "  prepaid" if control & PaymentControl.PREPAYMENT else "  account"


def _emergency(watch: Watch) -> str:
    """Emergency credit that can be had or is in use, in prepayment mode; nothing else."""
    control, status = watch.get(Prepayment.payment_control_configuration), watch.get(Prepayment.credit_status)
    if not control or not status or not control & PaymentControl.PREPAYMENT:
        return ""
    if not status & (CreditStatus.EMERGENCY_AVAILABLE | CreditStatus.EMERGENCY_SELECTED):
        return ""
    label = "  emergency" if status & CreditStatus.EMERGENCY_SELECTED else "  press CREDIT"
    return line(label, money(
        watch.get(Prepayment.emergency_credit_remaining),
        watch.get(Prepayment.currency_scaling_factor),
        watch.get(Prepayment.currency),
    ))  # fmt: skip


def _balance(watch: Watch) -> str:
    return money(
        watch.get(Prepayment.credit_remaining),
        watch.get(Prepayment.currency_scaling_factor),
        watch.get(Prepayment.currency),
    )
