"""The network's part of a hub's backup alone, by class 104; the rest is devices.parts.swap_client's."""

from __future__ import annotations

from hubfw.network_control import NETWORK_CONTROL
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client, Procedure
from protocols.dlms.cosem.zigbee import RESTORE_PAN


def pan(client: Client) -> Procedure[Data]:
    """The network's part of a backup alone, by class 104: identifier and hashes."""
    returned = yield from client.action(NETWORK_CONTROL, 104, 4, axdr.null())
    if returned is None:
        raise RemoteProtocolError("backup_pan returned nothing")
    return returned


def restore_pan(client: Client, known: Data) -> Procedure[None]:
    """What `pan` gave, into a hub whose log has those devices."""
    _, *network = known.value
    argument = axdr.structure(*network)
    RESTORE_PAN.admit(argument)
    yield from client.action(NETWORK_CONTROL, 104, 5, argument)
