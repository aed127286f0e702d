"""Direct local data exchange: IEC 62056-21, modes A, B, C, D, and E as far as the handover to HDLC.

`TariffDevice` and `HandHeldUnit` are the two machines; `push` is mode D, which needs none. Not here: HDLC, what a data set's
identifier means, wake-up of battery devices.
"""

from __future__ import annotations

from protocols.iec62056_21.data_set import DataSet, Value
from protocols.iec62056_21.hand_held_unit import Denied, Done, Failed, HandHeldUnit, Identified, Opened, Purpose, ReadOut
from protocols.iec62056_21.line import Baud, Discarded, Handover
from protocols.iec62056_21.messages import Block, Identification, OptionSelect, Request
from protocols.iec62056_21.push import Listener, Push
from protocols.iec62056_21.rates import Mode
from protocols.iec62056_21.tariff_device import Fault, Foreign, Refused, Registers, TariffDevice

__all__ = [
    "Baud", "Block", "DataSet", "Denied", "Discarded", "Done", "Failed", "Fault", "Foreign", "HandHeldUnit", "Handover",
    "Identification", "Identified", "Listener", "Mode", "Opened", "OptionSelect", "Purpose", "Push", "ReadOut", "Refused",
    "Registers", "Request", "TariffDevice", "Value",
]  # fmt: skip
