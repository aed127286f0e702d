"""What the meter does with the commands of Metering, and its attributes that are read from elsewhere (SE 1.4 annex D.3).

Profiles are COSEM's half-hour log. Demand is read when it is asked for: fast poll mode tells displays how often they may ask.
Supply, snapshots and samples are `orders`', which are made with the first command for them, or at boot where some are in flash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from devices.esme.history import DERIVED, History
from devices.esme.limits import Limits
from devices.esme.meter import Meter
from devices.parts.han import Han
from devices.parts.metrology import POWER_FACTOR
from devices.runtime.rtc import Rtc
from protocols.core.codec import Frame
from protocols.dlms.cosem import ControlState, InterfaceClass
from protocols.dlms.logical_device import LogicalDevice
from protocols.dlms.obis import Obis
from protocols.zigbee.clusters import time as zigbee_time
from protocols.zigbee.clusters.metering import ExtendedStatus, Metering, SupplyStatus
from protocols.zigbee.metering.fast_poll import FastPoll
from protocols.zigbee.metering.profile import LARGEST, MOST, Period, profile
from protocols.zigbee.zcl.cluster import Attribute
from protocols.zigbee.zcl.endpoint import Endpoint, Outcome, Request

if TYPE_CHECKING:
    from devices.esme.orders import Orders
    from devices.runtime.firmware import Firmware

DEFAULT_UPDATE, LEAST_UPDATE = 10, 2
"""Seconds between two readings of demand by a display, as a rule and in fast poll mode."""
TARIFF_CALENDAR, TARIFF_CHARGE = Obis("0-0:13.0.0"), Obis("0-0:19.20.0")
SUPPLY_STATES: Final = {
    ControlState.DISCONNECTED: SupplyStatus.OFF,
    ControlState.READY_FOR_RECONNECTION: SupplyStatus.OFF_ARMED,
    ControlState.CONNECTED: SupplyStatus.ON,
}
ORDERS, SAMPLING = "metering/", "sampling/"
"""How the keys begin under which orders are in flash."""
_NONE_PENDING: Final = 0xFFFFFFFF
_ORDERED: Final = (
    Metering.TakeSnapshot, Metering.GetSnapshot, Metering.ScheduleSnapshot, Metering.StartSampling, Metering.GetSampledData,
    Metering.ChangeSupply, Metering.LocalChangeSupply, Metering.SetSupplyStatus, Metering.ResetLoadLimitCounter,
)  # fmt: skip
_CALENDAR, _PRICES = 0x100, 0x018
"""Causes of snapshots: another calendar; other tariff information and another price matrix."""
_CHANGES: Final = (
    (TARIFF_CALENDAR, "activate_passive_calendar", _CALENDAR), (TARIFF_CHARGE, "activate_passive_unit_charge", _PRICES),
)  # fmt: skip
"""Methods of COSEM objects that a snapshot is taken for, and its cause."""


class Commands:
    """The Metering server on an endpoint."""

    __slots__ = ("_history", "_limits", "_make", "_meter", "_orders", "_rtc", "fast_poll")

    def __init__(
        self, firmware: Firmware, han: Han, endpoint: Endpoint, meter: Meter, limits: Limits, device: LogicalDevice
    ) -> None:
        self._meter = meter
        self._limits = limits
        self._rtc = firmware.board.rtc
        self._history = History(meter, self._rtc)
        self._orders: Orders | None = None
        self._make: Callable[[], Orders] = partial(_orders, firmware, han, meter, limits, device)
        self.fast_poll = FastPoll(DEFAULT_UPDATE, LEAST_UPDATE)
        server = endpoint.server(Metering)
        server.derive(TABLE, self._read)
        server.on(Metering.GetProfile, lambda command, request: profile(command, self._history.profile))
        server.on(Metering.RequestFastPollMode, self._fast_poll)
        order = self._order
        for kind in _ORDERED:
            server.on(kind, order)
        limits.on_exceeded = lambda: self.orders.exceeded()
        for name, method, cause in _CHANGES:
            thing = device.find(name)
            if thing is not None:
                thing.watch(self._watcher(method, cause))
        nvm = firmware.board.nvm
        if next(nvm.keys(ORDERS), None) or next(nvm.keys(SAMPLING), None):
            self._orders = self._make()

    @property
    def orders(self) -> Orders:
        """Made when they are first needed."""
        if self._orders is None:
            self._orders = self._make()
        return self._orders

    def _order(self, command: Frame, request: Request) -> Outcome:
        return self.orders.obey(command, request)

    def _fast_poll(self, command: Metering.RequestFastPollMode, request: Request) -> Outcome:
        return self.fast_poll.request(command, request.now, seconds(self._rtc))

    def _watcher(self, method: str, cause: int) -> Callable[[InterfaceClass, object], None]:
        def changed(_: InterfaceClass, member: object) -> None:
            if getattr(member, "name", "") == method:
                self.orders.changed(cause)

        return changed

    # --- attributes ---

    def _read(self, identifier: int) -> object:
        derived = DERIVED.get(identifier)
        return derived(self._history) if derived is not None else _OWN[identifier](self)

    @property
    def extended_status(self) -> ExtendedStatus:
        """What is wrong with clock and voltage."""
        voltage = self._meter.voltage
        status = ExtendedStatus(0) if self._rtc.valid else ExtendedStatus.CLOCK_INVALID
        if voltage.decivolts and not voltage.inside:
            status |= ExtendedStatus.OVER_VOLTAGE if voltage.decivolts > _NOMINAL else ExtendedStatus.UNDER_VOLTAGE
        return status

    @property
    def load_limit_state(self) -> SupplyStatus:
        """What a load above its limit does to the supply."""
        return SupplyStatus.OFF if self._limits.opens else SupplyStatus.UNCHANGED

    @property
    def load_limit(self) -> int:
        """Watts; LARGEST + 1: no limit."""
        return min(self._limits.threshold, LARGEST + 1)

    @property
    def load_limit_counter(self) -> int:
        """How often the load was above it, since it was reset."""
        return 0 if self._orders is None else self._orders.supply.counter

    def state(self, number: int) -> int:
        """What the supply does on tamper (0), depletion (1) and uncontrolled flow (2)."""
        if self._orders is None:
            return SupplyStatus.UNCHANGED
        policy = self._orders.supply.policy
        return (policy.tamper, policy.depletion, policy.uncontrolled_flow)[number]

    @property
    def pending(self) -> tuple[int, int | None]:
        """When the order that waits is due, and what for."""
        order = None if self._orders is None else self._orders.supply.pending
        return (_NONE_PENDING, None) if order is None else (order.time, order.status)

    @property
    def delivered(self) -> int:
        """Wh in the first tier: all that was delivered, until there are more."""
        return self._meter.tiers()[0]


def seconds(rtc: Rtc) -> int | None:
    """Since 2000, UTC; None: the clock has no time."""
    return zigbee_time.seconds(rtc.read()) if rtc.valid else None


def _orders(firmware: Firmware, han: Han, meter: Meter, limits: Limits, device: LogicalDevice) -> Orders:
    from devices.esme.orders import Orders  # most homes never ask: they don't wait for it

    return Orders(firmware, han, meter, limits, device)


_NOMINAL: Final = 2_300
"""Decivolts."""
_M: Final = Metering
_ROWS: Final[tuple[tuple[Attribute[int], Callable[[Commands], object]], ...]] = (
    (_M.extended_status, lambda commands: commands.extended_status),
    (_M.power_factor, lambda commands: POWER_FACTOR),
    (_M.daily_freeze_time, lambda commands: 0),
    (_M.historical_freeze_time, lambda commands: 0),
    (_M.default_update_period, lambda commands: commands.fast_poll.default),
    (_M.fast_poll_update_period, lambda commands: commands.fast_poll.least),
    (_M.profile_interval_period, lambda commands: Period.MINUTES_30),
    (_M.max_number_of_periods_delivered, lambda commands: MOST),
    (_M.active_register_tier_delivered, lambda commands: 1),
    (_M.current_tier_summation_delivered[1], lambda commands: commands.delivered),
    (_M.demand_limit, lambda commands: commands.load_limit),
    (_M.demand_integration_period, lambda commands: 30),
    (_M.number_of_demand_subintervals, lambda commands: 1),
    (_M.load_limit_supply_state, lambda commands: commands.load_limit_state),
    (_M.load_limit_counter, lambda commands: commands.load_limit_counter),
    (_M.supply_tamper_state, lambda commands: commands.state(0)),
    (_M.supply_depletion_state, lambda commands: commands.state(1)),
    (_M.supply_uncontrolled_flow_state, lambda commands: commands.state(2)),
    (_M.proposed_change_supply_implementation_time, lambda commands: commands.pending[0]),
    (_M.proposed_change_supply_status, lambda commands: commands.pending[1]),
)
_OWN: Final = {attribute.id: read for attribute, read in _ROWS}
TABLE: Final[Mapping[int, object]] = {**DERIVED, **_OWN}
"""Attributes of the cluster beside those of `zcl`."""
