"""TCP-UDP setup (class 41) and IPv4 setup (class 42). Blue Book 4.9.1, 4.9.2.

What a new setting does to a socket is the firmware's, by hooks. Multicast addresses are kept here.
"""

from __future__ import annotations

from typing import Final

from protocols.dlms import axdr
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.interface import Attribute, InterfaceClass, attribute, method
from protocols.dlms.cosem.types import BOOLEAN, I8, LOGICAL_NAME, OCTETS, U8, U16, U32, Array, Limited, Structure
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataAccessResult

DLMS_PORT: Final = 4059
"""The port registered for DLMS/COSEM."""
SMALLEST_MSS: Final = 40
MOST_MULTICAST: Final = 64
MULTICAST = Limited(Tag.DOUBLE_LONG_UNSIGNED, 0xE0000000, 0xEFFFFFFF)
"""An address of 224.0.0.0/4."""
IP_OPTION = Structure(ip_option_type=U8, ip_option_length=U8, ip_option_data=OCTETS)


class TcpUdpSetup(InterfaceClass, id=41, version=0):
    """The TCP or UDP side of a COSEM server. `inactivity_time_out` in seconds, 0: never."""

    tcp_udp_port: Attribute = attribute(2, Limited(Tag.LONG_UNSIGNED, 1), default=DLMS_PORT)
    ip_reference: Attribute = attribute(3, LOGICAL_NAME)
    mss: Attribute = attribute(4, Limited(Tag.LONG_UNSIGNED, SMALLEST_MSS), default=576)
    nb_of_sim_conn: Attribute = attribute(5, Limited(Tag.UNSIGNED, 1), default=1)
    inactivity_time_out: Attribute = attribute(6, U16, default=180)


class IPv4Setup(InterfaceClass, id=42, version=0):
    """An IPv4 interface. Addresses are numbers: 127.0.0.1 is 0x7F000001."""

    dl_reference: Attribute = attribute(2, LOGICAL_NAME, default=Obis(bytes(6)))
    ip_address: Attribute = attribute(3, U32)
    multicast_ip_address: Attribute = attribute(4, Array(MULTICAST, MOST_MULTICAST), default=())
    ip_options: Attribute = attribute(5, Array(IP_OPTION), default=())
    subnet_mask: Attribute = attribute(6, U32, default=0)
    gateway_ip_address: Attribute = attribute(7, U32, default=0)
    use_dhcp_flag: Attribute = attribute(8, BOOLEAN, default=False)
    primary_dns_address: Attribute = attribute(9, U32, default=0)
    secondary_dns_address: Attribute = attribute(10, U32, default=0)

    @method(1, MULTICAST)
    def add_mc_ip_address(self, argument: Data) -> None:
        """Take an address into the list; one that is there stays."""
        addresses = self.multicast_ip_address.value
        if argument in addresses:
            return
        if len(addresses) == MOST_MULTICAST:
            raise AccessError(DataAccessResult.OTHER_REASON, "the list of multicast addresses is full")
        self.multicast_ip_address = axdr.array([*addresses, argument])

    @method(2, MULTICAST)
    def delete_mc_ip_address(self, argument: Data) -> None:
        """Take an address out of the list."""
        addresses = self.multicast_ip_address.value
        if argument not in addresses:
            raise AccessError(DataAccessResult.OBJECT_UNAVAILABLE, "no such multicast address")
        self.multicast_ip_address = axdr.array(address for address in addresses if address != argument)

    @method(3, I8)
    def get_nbof_mc_ip_addresses(self, argument: Data) -> Data:
        """How many multicast addresses there are."""
        return axdr.u16(len(self.multicast_ip_address.value))
