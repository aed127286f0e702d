"""Device Management cluster 0x0708: supplier, tenancy, passwords, and what is done with which event (SE 1.4 annex D.10).

Contact details of proposed suppliers, 0x0114 and 0x0134, have no agreed type and are not declared.
"""

from __future__ import annotations

from protocols.core.codec import Frame, le, rest, to_end, zcl_string
from protocols.zigbee.clusters.event_id import EventId
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import bitmap8, bitmap32, enum8, octet_string, uint32, utc_time


class EventConfigurationPayload(Frame):
    """How one event is handled: bits of logging and of where it is sent."""

    event_id: le.u16
    event_configuration: le.u8


class DeviceManagement(Cluster, id=0x0708, name="Device Management"):
    """The server is the hub, the clients are devices."""

    provider_id = attribute(0x0100, uint32)
    provider_name = attribute(0x0101, octet_string)
    provider_contact_details = attribute(0x0102, octet_string)
    proposed_provider_id = attribute(0x0110, uint32)
    proposed_provider_name = attribute(0x0111, octet_string)
    proposed_provider_change_date_time = attribute(0x0112, utc_time)
    proposed_provider_change_control = attribute(0x0113, bitmap32)
    received_provider_id = attribute(0x0120, uint32)
    received_provider_name = attribute(0x0121, octet_string)
    received_provider_contact_details = attribute(0x0122, octet_string)
    received_proposed_provider_id = attribute(0x0130, uint32)
    received_proposed_provider_name = attribute(0x0131, octet_string)
    received_proposed_provider_change_date_time = attribute(0x0132, utc_time)
    received_proposed_provider_change_control = attribute(0x0133, bitmap32)
    change_of_tenancy_update_date_time = attribute(0x0200, utc_time)
    proposed_tenancy_change_control = attribute(0x0201, bitmap32)
    wan_status = attribute(0x0300, enum8)
    low_medium_threshold = attribute(0x0400, uint32)
    medium_high_threshold = attribute(0x0401, uint32)
    client_provider_id = attribute(0x0000, uint32, of=CLIENT)
    client_received_provider_id = attribute(0x0010, uint32, of=CLIENT)
    event_configuration = {event: attribute(event, bitmap8, of=CLIENT, name=event.name.lower()) for event in EventId}
    """How each event is handled: bits 0 to 2 the log, 3 to 6 push to head end and home."""

    @command(0x00, to=SERVER)
    class GetChangeOfTenancy(Frame):
        """Ask for a change of tenancy."""

    @command(0x01, to=SERVER)
    class GetChangeOfSupplier(Frame):
        """Ask for a change of supplier."""

    @command(0x02, to=SERVER)
    class RequestNewPassword(Frame):
        """Ask for a password of one type."""

        password_type: le.u8

    @command(0x03, to=SERVER)
    class GetSiteId(Frame):
        """Ask for the site identifier."""

    @command(0x04, to=SERVER)
    class ReportEventConfiguration(Frame):
        """How events are handled here, or a part of it."""

        command_index: le.u8
        total_commands: le.u8
        event_configuration_payload: list[EventConfigurationPayload] = to_end(EventConfigurationPayload)

    @command(0x05, to=SERVER)
    class GetCIN(Frame):
        """Ask for the customer identification number."""

    @command(0x00, to=CLIENT)
    class PublishChangeOfTenancy(Frame):
        """The tenant changes: what is to be done with credit, registers and history."""

        provider_id: le.u32
        issuer_event_id: le.u32
        tariff_type: le.u8
        implementation_date_time: le.u32
        proposed_tenancy_change_control: le.u32

    @command(0x01, to=CLIENT)
    class PublishChangeOfSupplier(Frame):
        """The supplier changes."""

        current_provider_id: le.u32
        issuer_event_id: le.u32
        tariff_type: le.u8
        proposed_provider_id: le.u32
        provider_change_implementation_time: le.u32
        provider_change_control: le.u32
        proposed_provider_name: zcl_string
        proposed_provider_contact_details: zcl_string

    @command(0x02, to=CLIENT)
    class RequestNewPasswordResponse(Frame):
        """A password, for so many minutes."""

        issuer_event_id: le.u32
        implementation_date_time: le.u32
        duration_in_minutes: le.u16
        password_type: le.u8
        password: zcl_string

    @command(0x03, to=CLIENT)
    class UpdateSiteId(Frame):
        """A new site identifier from a time on."""

        issuer_event_id: le.u32
        site_id_time: le.u32
        provider_id: le.u32
        site_id: zcl_string

    @command(0x04, to=CLIENT)
    class SetEventConfiguration(Frame):
        """How events are to be handled from a time on; the control says how the payload lists them."""

        issuer_event_id: le.u32
        start_date_time: le.u32
        event_configuration: le.u8
        configuration_control: le.u8
        event_configuration_payload: bytes = rest()

    @command(0x05, to=CLIENT)
    class GetEventConfiguration(Frame):
        """Ask how an event is handled; 0xFFFF: all."""

        event_id: le.u16

    @command(0x06, to=CLIENT)
    class UpdateCIN(Frame):
        """A new customer identification number from a time on."""

        issuer_event_id: le.u32
        implementation_time: le.u32
        provider_id: le.u32
        customer_id_number: zcl_string
