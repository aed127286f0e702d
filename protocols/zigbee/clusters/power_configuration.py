"""Power Configuration cluster 0x0001: mains and batteries (07-5123 clause 3.3).

Battery voltages in tenths of a volt, percentages in halves.
"""

from __future__ import annotations

from protocols.zigbee.zcl.cluster import Cluster, attribute, attributes
from protocols.zigbee.zcl.types import bitmap8, bitmap32, char_string, enum8, uint8, uint16


class PowerConfiguration(Cluster, id=0x0001, name="Power Configuration"):
    """Every device may have the server side."""

    mains_voltage = attribute(0x0000, uint16)
    mains_frequency = attribute(0x0001, uint8)
    mains_alarm_mask = attribute(0x0010, bitmap8, writes=True)
    mains_voltage_min_threshold = attribute(0x0011, uint16, writes=True)
    mains_voltage_max_threshold = attribute(0x0012, uint16, writes=True)
    mains_voltage_dwell_trip = attribute(0x0013, uint16, writes=True)
    battery_voltage = attribute(0x0020, uint8)
    battery_percentage_remaining = attribute(0x0021, uint8)
    battery_manufacturer = attribute(0x0030, char_string, writes=True)
    battery_size = attribute(0x0031, enum8, writes=True)
    battery_ahr_rating = attribute(0x0032, uint16, writes=True)
    battery_quantity = attribute(0x0033, uint8, writes=True)
    battery_rated_voltage = attribute(0x0034, uint8, writes=True)
    battery_alarm_mask = attribute(0x0035, bitmap8, writes=True)
    battery_voltage_min_threshold = attribute(0x0036, uint8, writes=True)
    battery_voltage_threshold = attributes("battery_voltage_threshold_{}", 0x0037, uint8, 3, writes=True)
    battery_percentage_min_threshold = attribute(0x003A, uint8, writes=True)
    battery_percentage_threshold = attributes("battery_percentage_threshold_{}", 0x003B, uint8, 3, writes=True)
    battery_alarm_state = attribute(0x003E, bitmap32)
    battery_2_voltage = attribute(0x0040, uint8)
    battery_2_percentage_remaining = attribute(0x0041, uint8)
    battery_2_manufacturer = attribute(0x0050, char_string, writes=True)
    battery_2_size = attribute(0x0051, enum8, writes=True)
    battery_2_ahr_rating = attribute(0x0052, uint16, writes=True)
    battery_2_quantity = attribute(0x0053, uint8, writes=True)
    battery_2_rated_voltage = attribute(0x0054, uint8, writes=True)
    battery_2_alarm_mask = attribute(0x0055, bitmap8, writes=True)
    battery_2_voltage_min_threshold = attribute(0x0056, uint8, writes=True)
    battery_2_voltage_threshold_1 = attribute(0x0057, uint8, writes=True)
    battery_2_voltage_threshold_2 = attribute(0x0058, uint8, writes=True)
    battery_2_voltage_threshold_3 = attribute(0x0059, uint8, writes=True)
    battery_2_percentage_min_threshold = attribute(0x005A, uint8, writes=True)
    battery_2_percentage_threshold_1 = attribute(0x005B, uint8, writes=True)
    battery_2_percentage_threshold_2 = attribute(0x005C, uint8, writes=True)
    battery_2_percentage_threshold_3 = attribute(0x005D, uint8, writes=True)
    battery_2_alarm_state = attribute(0x005E, bitmap32)
    battery_3_voltage = attribute(0x0060, uint8)
    battery_3_percentage_remaining = attribute(0x0061, uint8)
    battery_3_manufacturer = attribute(0x0070, char_string, writes=True)
    battery_3_size = attribute(0x0071, enum8, writes=True)
    battery_3_ahr_rating = attribute(0x0072, uint16, writes=True)
    battery_3_quantity = attribute(0x0073, uint8, writes=True)
    battery_3_rated_voltage = attribute(0x0074, uint8, writes=True)
    battery_3_alarm_mask = attribute(0x0075, bitmap8, writes=True)
    battery_3_voltage_min_threshold = attribute(0x0076, uint8, writes=True)
    battery_3_voltage_threshold_1 = attribute(0x0077, uint8, writes=True)
    battery_3_voltage_threshold_2 = attribute(0x0078, uint8, writes=True)
    battery_3_voltage_threshold_3 = attribute(0x0079, uint8, writes=True)
    battery_3_percentage_min_threshold = attribute(0x007A, uint8, writes=True)
    battery_3_percentage_threshold_1 = attribute(0x007B, uint8, writes=True)
    battery_3_percentage_threshold_2 = attribute(0x007C, uint8, writes=True)
    battery_3_percentage_threshold_3 = attribute(0x007D, uint8, writes=True)
    battery_3_alarm_state = attribute(0x007E, bitmap32)
