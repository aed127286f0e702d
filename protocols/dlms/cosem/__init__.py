"""COSEM interface classes (IEC 62056-6-2, the Blue Book), one module a family.

from protocols.dlms import axdr, cosem
cosem.Register("1-0:1.8.0", value=lambda: axdr.u32(energy()), scaler_unit=(0, cosem.Unit.WATT_HOUR))
"""

from __future__ import annotations

from protocols.dlms.cosem.access import Access, AccessError
from protocols.dlms.cosem.account import Account
from protocols.dlms.cosem.activity_calendar import ActivityCalendar
from protocols.dlms.cosem.arbitrator import Arbitrator
from protocols.dlms.cosem.association import AssociationLN
from protocols.dlms.cosem.charge import Charge
from protocols.dlms.cosem.clock import Clock, ClockBase
from protocols.dlms.cosem.compact_data import CompactData
from protocols.dlms.cosem.compression import Compression
from protocols.dlms.cosem.credit import Credit
from protocols.dlms.cosem.data import Data
from protocols.dlms.cosem.data_protection import DataProtection
from protocols.dlms.cosem.demand_register import DemandRegister
from protocols.dlms.cosem.disconnect import ControlState, DisconnectControl
from protocols.dlms.cosem.extended_data import ExtendedData
from protocols.dlms.cosem.image_transfer import Image, ImageStatus, ImageStore, ImageTransfer
from protocols.dlms.cosem.interface import InterfaceClass, attribute, method
from protocols.dlms.cosem.internet import IPv4Setup, TcpUdpSetup
from protocols.dlms.cosem.limiter import Limiter
from protocols.dlms.cosem.mbus import MBusClient
from protocols.dlms.cosem.payment import Payment
from protocols.dlms.cosem.ports import BaudRate, IecHdlcSetup, IecLocalPortSetup, PortMode, ResponseTime
from protocols.dlms.cosem.profile import ProfileGeneric, SortMethod
from protocols.dlms.cosem.push import PushSetup
from protocols.dlms.cosem.reference import Column, Reference
from protocols.dlms.cosem.register import ExtendedRegister, Register
from protocols.dlms.cosem.register_activation import RegisterActivation
from protocols.dlms.cosem.register_monitor import RegisterMonitor
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.cosem.sap import SapAssignment
from protocols.dlms.cosem.schedule import Schedule
from protocols.dlms.cosem.script_table import ScriptTable, Service
from protocols.dlms.cosem.security_setup import SecuritySetup, SecuritySetupV0
from protocols.dlms.cosem.single_action import ScheduleType, SingleActionSchedule
from protocols.dlms.cosem.special_days import SpecialDaysTable
from protocols.dlms.cosem.timetable import Timetable
from protocols.dlms.cosem.token import Iec62055Attributes, TokenGateway
from protocols.dlms.cosem.units import Unit
from protocols.dlms.cosem.zigbee import ZigBeeNetworkControl
from protocols.dlms.cosem.zone import Zone

__all__ = [
    "Access", "AccessError", "Account", "ActivityCalendar", "Arbitrator", "AssociationLN", "BaudRate", "Charge", "Clock",
    "ClockBase", "Column", "CompactData", "Compression", "ControlState", "Credit", "Data", "DataProtection",
    "DemandRegister", "DisconnectControl", "ExtendedData", "ExtendedRegister", "IPv4Setup", "Iec62055Attributes",
    "IecHdlcSetup", "IecLocalPortSetup", "Image", "ImageStatus", "ImageStore", "ImageTransfer", "InterfaceClass",
    "Limiter", "MBusClient", "Payment", "PortMode", "ProfileGeneric", "PushSetup", "Reference", "Register",
    "RegisterActivation", "RegisterMonitor", "ResponseTime", "Rights", "SapAssignment", "Schedule", "ScheduleType",
    "ScriptTable", "SecuritySetup", "SecuritySetupV0", "Service", "SingleActionSchedule", "SortMethod",
    "SpecialDaysTable", "TcpUdpSetup", "Timetable", "TokenGateway", "Unit", "ZigBeeNetworkControl", "Zone", "attribute",
    "method",
]  # fmt: skip
