"""COSEM interface classes (IEC 62056-6-2, the Blue Book), one module a family.

    from protocols.dlms import axdr, cosem
    cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(energy()), scaler_unit=(0, cosem.Unit.WATT_HOUR))
"""

from __future__ import annotations

from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.activity_calendar import ActivityCalendar
from protocols.dlms.cosem.association import AssociationLN
from protocols.dlms.cosem.clock import Clock, ClockBase
from protocols.dlms.cosem.data import Data
from protocols.dlms.cosem.demand_register import DemandRegister
from protocols.dlms.cosem.disconnect import ControlState, DisconnectControl
from protocols.dlms.cosem.image_transfer import Image, ImageStatus, ImageStore, ImageTransfer
from protocols.dlms.cosem.interface import InterfaceClass, attribute, method
from protocols.dlms.cosem.ports import BaudRate, IecHdlcSetup, IecLocalPortSetup, PortMode, ResponseTime
from protocols.dlms.cosem.profile import Column, ProfileGeneric, SortMethod
from protocols.dlms.cosem.push import PushSetup
from protocols.dlms.cosem.reference import Reference
from protocols.dlms.cosem.register import ExtendedRegister, Register
from protocols.dlms.cosem.register_activation import RegisterActivation
from protocols.dlms.cosem.register_monitor import RegisterMonitor
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.sap import SapAssignment
from protocols.dlms.cosem.schedule import Schedule
from protocols.dlms.cosem.script_table import ScriptTable, Service
from protocols.dlms.cosem.single_action import ScheduleType, SingleActionSchedule
from protocols.dlms.cosem.special_days import SpecialDaysTable
from protocols.dlms.cosem.timetable import Timetable
from protocols.dlms.cosem.units import Unit
from protocols.dlms.cosem.zone import Zone

__all__ = [
    "Access", "AccessError", "ActivityCalendar", "AssociationLN", "BaudRate", "Clock", "ClockBase", "Column", "ControlState",
    "Data", "DemandRegister", "DisconnectControl", "ExtendedRegister", "IecHdlcSetup", "IecLocalPortSetup", "Image",
    "ImageStatus", "ImageStore", "ImageTransfer", "InterfaceClass", "PortMode", "ProfileGeneric", "PushSetup", "Reference",
    "Register", "RegisterActivation", "RegisterMonitor", "ResponseTime", "Rights", "SapAssignment", "Schedule",
    "ScheduleType", "ScriptTable", "Service", "SingleActionSchedule", "SortMethod", "SpecialDaysTable", "Timetable", "Unit",
    "Zone", "attribute", "method",
]  # fmt: skip
