"""The prepayment interface's firmware: whether the supply is on, and the balance, of electricity and of gas.

Not here: switching the supply on, top-ups, emergency credit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from devices.parts.consumer_display import ConsumerDisplay
from devices.parts.inbox import Inbox
from devices.parts.message_tunnel import MessageTunnel
from devices.parts.screen import STALE, ago, clock_line, line, money
from devices.parts.watch import Wanted, Watch, find
from devices.ppmid.config import Config
from devices.runtime.board import Board
from protocols.zigbee.clusters.metering import DeviceType, Metering, SupplyStatus
from protocols.zigbee.clusters.prepayment import Prepayment
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.zcl.endpoint import Endpoint

S = 1_000_000_000
PREPAYMENT_ENABLED = 0x0002
"""Bit of the payment control configuration."""

_BALANCE = (
    Prepayment.payment_control_configuration,
    Prepayment.credit_remaining,
    Prepayment.currency_scaling_factor,
    Prepayment.currency,
)
_ELECTRICITY: Wanted = ((Metering, (Metering.supply_status,)), (Prepayment, _BALANCE))
_GAS: Wanted = ((Metering, (Metering.supply_status, Metering.reading_snapshot_time)), (Prepayment, _BALANCE))

_SUPPLY = {SupplyStatus.OFF: "supply OFF", SupplyStatus.OFF_ARMED: "supply armed", SupplyStatus.ON: "supply ON"}


class Firmware(ConsumerDisplay):
    """Asks meter and hub, shows what they say. The board has a radio, a display of 24 x 8 cells and a button `ok`."""

    page = 480

    def __init__(self, board: Board, config: Config) -> None:
        super().__init__(board, config.install_code, config.extended_pan_id, config.credentials, config.manufacturer, config.model)
        self.config = config
        self.inbox = Inbox(board)

    def watch(self, endpoint: Endpoint) -> Sequence[Watch]:
        if self.config.messages:
            self._tunnel = MessageTunnel(self.han, endpoint, self.inbox)
        endpoint.use(Prepayment)
        seek = partial(find, self.han, DeviceType.ELECTRIC)
        self.electricity = Watch(self.han, seek, _ELECTRICITY, self.config.electricity_period, self.show)
        seek = partial(find, self.han, DeviceType.MIRRORED_GAS, in_hub=True)
        self.gas = Watch(self.han, seek, _GAS, self.config.gas_period, self.show)
        return self.electricity, self.gas

    def face(self) -> list[str]:
        snapshot = self.gas.get(Metering.reading_snapshot_time)
        read_at = None if snapshot is None else (snapshot + EPOCH) * S
        known = self.gas.get(Metering.supply_status) is not None
        return [
            clock_line(self.clock.utc),
            line("ELECTRICITY", _supply(self.electricity)),
            line(_mode(self.electricity), _balance(self.electricity)),
            "",
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
    return "  prepaid" if control & PREPAYMENT_ENABLED else "  account"


def _balance(watch: Watch) -> str:
    return money(
        watch.get(Prepayment.credit_remaining),
        watch.get(Prepayment.currency_scaling_factor),
        watch.get(Prepayment.currency),
    )
