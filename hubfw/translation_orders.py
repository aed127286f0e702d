"""What a write or a method of the gas proxy becomes: a command that waits in the mirror, or a publication.

A later order of a kind takes the place of one that still waits, so the newest holds; two settings that one command carries are put
together. Numbers that order them (issuer events) are the hub's time, and only grow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from hubfw.translation import Gas, Order
from protocols.core.codec import Frame
from protocols.dlms import cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, ControlState, InterfaceClass
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.clusters.device_management import DeviceManagement
from protocols.zigbee.clusters.metering import Metering, SupplyStatus, Unit
from protocols.zigbee.clusters.mirror import Functional, ManagementCommand
from protocols.zigbee.clusters.price import Price, PriceMatrixEntry
from protocols.zigbee.zcl.cluster import Attribute

F = TypeVar("F", bound=Frame)

PROVIDER: Final = 1
"""The head end orders for whoever supplies."""
NOW: Final = 0
MEGAJOULES_A_CUBIC_METRE: Final = 1
KILOWATT_HOURS: Final = 0
POUND_STERLING: Final = 826
FIVE_DIGITS, ONE_DIGIT = 0x50, 0x10
"""Behind the decimal point, as trailing digit fields have it."""
ONE_TIER: Final = 1
BY_TIER: Final = 1
"""Sub-payload control of a price matrix."""
STABILISATION, MEASUREMENT = 50, 60
"""Of flow: tenths of a second, seconds."""

VALVE: Final = "0-0:96.3.10"
STATES: Final[dict[int, ControlState]] = {
    SupplyStatus.OFF: ControlState.DISCONNECTED,
    SupplyStatus.OFF_ARMED: ControlState.READY_FOR_RECONNECTION,
    SupplyStatus.ON: ControlState.CONNECTED,
}
_OFF_FROM_AFAR_ON_BY_HAND: Final = 1
METHODS: Final = {"remote_disconnect": SupplyStatus.OFF, "remote_reconnect": SupplyStatus.OFF_ARMED}
"""Of the valve's object, and what each proposes."""


def valve(gas: Gas) -> InterfaceClass:
    """The valve as disconnect control (class 70): its state as the mirror has it, its methods as orders for the next wake."""

    def state() -> ControlState:
        status = gas.reading.get(Metering, Metering.supply_status)
        known = STATES.get(status) if isinstance(status, int) else None
        if known is None:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, VALVE)
        gas.translated += 1
        return known

    def order(status: SupplyStatus) -> Callable[[Data], None]:
        def carry(argument: Data) -> None:
            gas.order(Functional.CHANGE_SUPPLY, Metering.ChangeSupply(PROVIDER, gas.event(), gas.now, NOW, status, 0))

        return carry

    return cosem.DisconnectControl(
        VALVE,
        output_state=lambda: state() is ControlState.CONNECTED,
        control_state=state,
        control_mode=_OFF_FROM_AFAR_ON_BY_HAND,
        access={"control_mode": Access.READ},
        on={name: order(status) for name, status in METHODS.items()},
    )


# --- what is published ---


def _calorific_value(value: int, gas: Gas) -> None:
    gas.publish(Price.PublishCalorificValue(gas.event(), NOW, value, MEGAJOULES_A_CUBIC_METRE, ONE_DIGIT))


def _conversion_factor(value: int, gas: Gas) -> None:
    gas.publish(Price.PublishConversionFactor(gas.event(), NOW, value, FIVE_DIGITS))


def _tariff(value: tuple[int, int], gas: Gas) -> None:
    standing_charge, price = value
    event = gas.event()
    gas.publish(Price.PublishTariffInformation(
        PROVIDER, event, event, NOW, 0, b"", ONE_TIER, 0, KILOWATT_HOURS, POUND_STERLING, FIVE_DIGITS, standing_charge, 0xFF, 1, 1,
    ))  # fmt: skip
    gas.publish(Price.PublishPriceMatrix(PROVIDER, event, NOW, event, 0, 1, BY_TIER, [PriceMatrixEntry(ONE_TIER, price)]))


CALORIFIC_VALUE: Final = Order((Price.PublishCalorificValue,), _calorific_value)
CONVERSION_FACTOR: Final = Order((Price.PublishConversionFactor,), _conversion_factor)
TARIFF: Final = Order((Price.PublishTariffInformation, Price.PublishPriceMatrix), _tariff)

# --- what waits in the mirror ---


def _waiting(gas: Gas, kind: type[F]) -> F | None:
    return next((command for command in gas.pending if isinstance(command, kind)), None)


def _flow(value: int, gas: Gas) -> None:
    gas.order(Functional.SET_UNCONTROLLED_FLOW_THRESHOLD, Metering.SetUncontrolledFlowThreshold(
        PROVIDER, gas.event(), value, Unit.CUBIC_METRES, 1, 10_000, STABILISATION, MEASUREMENT,
    ))  # fmt: skip


_POLICY: Final = {
    "supply_tamper_state": Metering.supply_tamper_state,
    "supply_depletion_state": Metering.supply_depletion_state,
    "supply_uncontrolled_flow_state": Metering.supply_uncontrolled_flow_state,
}


def _policy(chosen: Attribute[int]) -> Order:
    """One state of Set Supply Status; the others as they are, or wait to be."""

    def carry(value: int, gas: Gas) -> None:
        waiting = _waiting(gas, Metering.SetSupplyStatus)
        states: dict[str, Any] = {}
        for name, attribute in _POLICY.items():
            known = gas.reading.get(Metering, attribute) if waiting is None else getattr(waiting, name)
            states[name] = value if attribute is chosen else SupplyStatus.UNCHANGED if known is None else known
        command = Metering.SetSupplyStatus(gas.event(), **states, load_limit_supply_state=SupplyStatus.UNCHANGED)
        gas.order(Functional.SET_UNCONTROLLED_FLOW_THRESHOLD, command)

    return Order((Metering.SetSupplyStatus,), carry)


def _site(value: bytes, gas: Gas) -> None:
    gas.order(ManagementCommand.UPDATE_SITE_ID, DeviceManagement.UpdateSiteId(gas.event(), NOW, PROVIDER, value))


def _customer(value: bytes, gas: Gas) -> None:
    gas.order(ManagementCommand.UPDATE_CIN, DeviceManagement.UpdateCIN(gas.event(), NOW, PROVIDER, value))


FLOW: Final = Order((Metering.SetUncontrolledFlowThreshold,), _flow)
TAMPER: Final = _policy(Metering.supply_tamper_state)
DEPLETION: Final = _policy(Metering.supply_depletion_state)
LEAK: Final = _policy(Metering.supply_uncontrolled_flow_state)
SITE: Final = Order((DeviceManagement.UpdateSiteId,), _site)
CUSTOMER: Final = Order((DeviceManagement.UpdateCIN,), _customer)
