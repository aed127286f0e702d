"""Basic cluster 0x0000: what the device is (07-5123 clause 3.2)."""

from __future__ import annotations

from protocols.core.codec import Frame
from protocols.zigbee.zcl.cluster import SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import bitmap8, boolean, char_string, enum8, octet_string, uint8


class Basic(Cluster, id=0x0000, name="Basic"):
    """Every endpoint has the server side."""

    zcl_version = attribute(0x0000, uint8, reports=True)
    application_version = attribute(0x0001, uint8)
    stack_version = attribute(0x0002, uint8)
    hardware_version = attribute(0x0003, uint8, reports=True)
    manufacturer_name = attribute(0x0004, char_string, reports=True)
    model_identifier = attribute(0x0005, char_string, reports=True)
    date_code = attribute(0x0006, char_string)
    power_source = attribute(0x0007, enum8, reports=True)
    """1 mains, 3 battery."""
    generic_device_class = attribute(0x0008, enum8)
    generic_device_type = attribute(0x0009, enum8)
    product_code = attribute(0x000A, octet_string)
    product_url = attribute(0x000B, char_string)
    location_description = attribute(0x0010, char_string, writes=True)
    physical_environment = attribute(0x0011, enum8, writes=True)
    """Smart Energy: bit 0 of an energy services interface says that it has room for mirrors."""
    device_enabled = attribute(0x0012, boolean, writes=True)
    alarm_mask = attribute(0x0013, bitmap8, writes=True)
    disable_local_config = attribute(0x0014, bitmap8, writes=True)

    @command(0x00, to=SERVER)
    class ResetToFactoryDefaults(Frame):
        """Reset all attributes of all clusters; the network stays."""
