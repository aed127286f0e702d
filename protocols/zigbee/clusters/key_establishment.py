"""Key Establishment cluster 0x0800 (SE 1.4 annex C.3). The exchange itself is in `protocols.zigbee.key_establishment`.

Identity is a certificate, ephemeral data a compressed point: their octets depend on the suite, so they are the frames' rest.
"""

from __future__ import annotations

from enum import IntEnum

from protocols.core.codec import Frame, le, octets, rest
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import enum16


class TerminateStatus(IntEnum):
    """Why key establishment ends without a key."""

    UNKNOWN_ISSUER = 1
    BAD_KEY_CONFIRM = 2
    BAD_MESSAGE = 3
    NO_RESOURCES = 4
    UNSUPPORTED_SUITE = 5
    INVALID_CERTIFICATE = 6


class KeyEstablishment(Cluster, id=0x0800, name="Key Establishment"):
    """The client begins, the server answers; afterwards both have the same link key."""

    key_establishment_suite = attribute(0x0000, enum16)
    """Bitmap of suites: 1 sect163k1, 2 sect283k1."""
    client_key_establishment_suite = attribute(0x0000, enum16, of=CLIENT)
    """The same, of the client."""

    @command(0x00, to=SERVER)
    class InitiateKeyEstablishmentRequest(Frame):
        """Begin. Times in seconds: how long our ephemeral data and our confirmation take to make."""

        key_establishment_suite: le.u16
        ephemeral_data_generate_time: le.u8
        confirm_key_generate_time: le.u8
        identity: bytes = rest()

    @command(0x01, to=SERVER)
    class EphemeralDataRequest(Frame):
        """The initiator's ephemeral public key."""

        ephemeral_data: bytes = rest()

    @command(0x02, to=SERVER)
    class ConfirmKeyDataRequest(Frame):
        """The initiator's proof, MACU."""

        secure_message_authentication_code: bytes = octets(16)

    @command(0x03, to=SERVER)
    class TerminateKeyEstablishmentByClient(Frame):
        """The initiator ends it. `wait_time`: seconds before another attempt."""

        status_code: le.u8
        wait_time: le.u8
        key_establishment_suite: le.u16

    @command(0x00, to=CLIENT)
    class InitiateKeyEstablishmentResponse(Frame):
        """The responder's certificate and times, in seconds."""

        requested_key_establishment_suite: le.u16
        ephemeral_data_generate_time: le.u8
        confirm_key_generate_time: le.u8
        identity: bytes = rest()

    @command(0x01, to=CLIENT)
    class EphemeralDataResponse(Frame):
        """The responder's ephemeral public key."""

        ephemeral_data: bytes = rest()

    @command(0x02, to=CLIENT)
    class ConfirmKeyDataResponse(Frame):
        """The responder's proof, MACV."""

        secure_message_authentication_code: bytes = octets(16)

    @command(0x03, to=CLIENT)
    class TerminateKeyEstablishmentByServer(Frame):
        """The responder ends it. `wait_time`: seconds before another attempt."""

        status_code: le.u8
        wait_time: le.u8
        key_establishment_suite: le.u16
