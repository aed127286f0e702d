"""Demand Response and Load Control cluster 0x0701 (SE 1.4 annex D.2).

Device classes and enrolment groups say who is meant. 0xFFFF, 0x8000 and 0xFF as a temperature, a percentage or a
duty cycle say "not used".
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from protocols.core.codec import Frame, le, octets, trailing
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import uint8, uint16

EVERY_GROUP: Final = 0
NOT_USED: Final = 0xFF
"""As a duty cycle, or an offset of temperature."""
NO_PERCENTAGE: Final = -128
NO_SET_POINT: Final = -32768
NO_SIGNATURE: Final = 0
UNSIGNED: Final = b"\xff" * 42
LONGEST_EVENT: Final = 1440
"""Minutes."""
MANDATORY: Final = range(6, 10)
"""Criticality levels that nobody opts out of."""


class DeviceClass(IntFlag):
    """Which appliances are meant."""

    HVAC = 0x0001
    BASEBOARD_HEATER = 0x0002
    WATER_HEATER = 0x0004
    POOL_PUMP = 0x0008
    SMART_APPLIANCE = 0x0010
    IRRIGATION_PUMP = 0x0020
    MANAGED_LOAD = 0x0040
    SIMPLE_LOAD = 0x0080
    EXTERIOR_LIGHTING = 0x0100
    INTERIOR_LIGHTING = 0x0200
    ELECTRIC_VEHICLE = 0x0400
    GENERATION = 0x0800


class EventControl(IntFlag):
    """Bits of an event."""

    RANDOMISED_START = 0x01
    RANDOMISED_DURATION = 0x02


TERMINATE_WITH_RANDOMISATION: Final = 0x01
"""Bit of a cancellation."""


class EventStatus(IntEnum):
    """What became of an event."""

    RECEIVED = 0x01
    STARTED = 0x02
    COMPLETED = 0x03
    OPTED_OUT = 0x04
    OPTED_IN = 0x05
    CANCELLED = 0x06
    SUPERSEDED = 0x07
    PARTLY_COMPLETED_OPTED_OUT = 0x08
    PARTLY_COMPLETED_OPTED_IN = 0x09
    COMPLETED_WITHOUT_PARTICIPATION = 0x0A
    INVALID_OPT_OUT = 0xF6
    NOT_FOUND = 0xF7
    INVALID_CANCEL = 0xF8
    INVALID_EFFECTIVE_TIME = 0xF9
    EXPIRED = 0xFB
    UNDEFINED_EVENT = 0xFD
    REJECTED = 0xFE


class DemandResponse(Cluster, id=0x0701, name="Demand Response and Load Control"):
    """The server asks for less load, the clients obey, opt out, and report."""

    utility_enrollment_group = attribute(0x0000, uint8, of=CLIENT, writes=True)
    start_randomization_minutes = attribute(0x0001, uint8, of=CLIENT, writes=True, limits=(0, 60))
    duration_randomization_minutes = attribute(0x0002, uint8, of=CLIENT, writes=True, limits=(0, 60))
    device_class_value = attribute(0x0003, uint16, of=CLIENT, writes=True)

    @command(0x00, to=SERVER)
    class ReportEventStatus(Frame):
        """What became of an event here; signed, where a signature type says so."""

        issuer_event_id: le.u32
        event_status: le.u8
        event_status_time: le.u32
        criticality_level_applied: le.u8
        cooling_temperature_set_point_applied: le.u16
        heating_temperature_set_point_applied: le.u16
        average_load_adjustment_percentage_applied: le.i8
        duty_cycle_applied: le.u8
        event_control: le.u8
        signature_type: le.u8
        signature: bytes = octets(42)

    @command(0x01, to=SERVER)
    class GetScheduledEvents(Frame):
        """Ask for events from a time on, at most so many (0: all)."""

        start_time: le.u32
        number_of_events: le.u8
        issuer_event_id: int | None = trailing(le.u32, default=None)

    @command(0x00, to=CLIENT)
    class LoadControlEvent(Frame):
        """Change your load from a time (0: now) for so many minutes."""

        issuer_event_id: le.u32
        device_class: le.u16
        utility_enrollment_group: le.u8
        start_time: le.u32
        duration_in_minutes: le.u16
        criticality_level: le.u8
        cooling_temperature_offset: le.u8
        heating_temperature_offset: le.u8
        cooling_temperature_set_point: le.i16
        heating_temperature_set_point: le.i16
        average_load_adjustment_percentage: le.i8
        duty_cycle: le.u8
        event_control: le.u8

    @command(0x01, to=CLIENT)
    class CancelLoadControlEvent(Frame):
        """An event is off, from a time on (0: now)."""

        issuer_event_id: le.u32
        device_class: le.u16
        utility_enrollment_group: le.u8
        cancel_control: le.u8
        effective_time: le.u32

    @command(0x02, to=CLIENT)
    class CancelAllLoadControlEvents(Frame):
        """All events are off."""

        cancel_control: le.u8
