"""Energy Management cluster 0x0706: what a load control device is doing, and overrides of it (SE 1.4 annex D.8)."""

from __future__ import annotations

from enum import IntFlag
from typing import Final

from protocols.core.codec import Frame, le
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import bitmap8, uint8, uint16, uint32

NO_EVENT: Final = 0xFFFFFFFF
"""As an event to manage: the one that runs."""


class LoadControlState(IntFlag):
    """Bits of `load_control_state`."""

    RELAY_OPEN = 0x01
    EVENT_IN_PROGRESS = 0x02
    POWER_STABILISING = 0x04
    OTHER_REDUCTION = 0x08
    CONSUMING = 0x10
    LOAD_CALL = 0x20


class CurrentEventStatus(IntFlag):
    """Bits of `current_event_status`."""

    RANDOMISED_START = 0x01
    RANDOMISED_DURATION = 0x02
    EXTENDED_BITS = 0x04
    ACTIVE = 0x08
    PARTICIPATING = 0x10
    REDUCING = 0x20
    ON_AT_END = 0x40


class Action(IntFlag):
    """What is to be done with an event."""

    OPT_OUT = 0x01
    OPT_IN = 0x02
    DISABLE_DUTY_CYCLING = 0x04
    ENABLE_DUTY_CYCLING = 0x08


class EnergyManagement(Cluster, id=0x0706, name="Energy Management"):
    """The server is a device that obeys load control events, the client an energy manager of the home."""

    load_control_state = attribute(0x0000, bitmap8)
    current_event_id = attribute(0x0001, uint32)
    current_event_status = attribute(0x0002, bitmap8)
    conformance_level = attribute(0x0003, uint8, writes=True, limits=(0, 7))
    minimum_off_time = attribute(0x0004, uint16, writes=True)
    minimum_on_time = attribute(0x0005, uint16, writes=True)
    minimum_cycle_period = attribute(0x0006, uint16, writes=True)

    @command(0x00, to=SERVER)
    class ManageEvent(Frame):
        """Opt in to an event, opt out of it, or stop its randomisation."""

        issuer_event_id: le.u32
        device_class: le.u16
        utility_enrollment_group: le.u8
        action_required: le.u8

    @command(0x00, to=CLIENT)
    class ReportEventStatus(Frame):
        """What became of an event here."""

        issuer_event_id: le.u32
        event_status: le.u8
        event_status_time: le.u32
        criticality_level_applied: le.u8
        cooling_temperature_set_point_applied: le.u16
        heating_temperature_set_point_applied: le.u16
        average_load_adjustment_percentage_applied: le.i8
        duty_cycle_applied: le.u8
        event_control: le.u8
