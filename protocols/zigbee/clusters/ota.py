"""Over the Air Bootloading cluster 0x0019: images offered and fetched (07-5123 clause 11).

The image file and the two ends of a download are in `protocols.zigbee.ota`.
"""

from __future__ import annotations

from enum import IntEnum

from protocols.core.codec import Frame, le, prefixed, this, when
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, attribute, command
from protocols.zigbee.zcl.types import enum8, ieee_address, uint16, uint32


class Status(IntEnum):
    """Of OTA answers; the values of the ZCL statuses."""

    SUCCESS = 0x00
    NOT_AUTHORIZED = 0x7E
    MALFORMED_COMMAND = 0x80
    UNSUP_CLUSTER_COMMAND = 0x81
    ABORT = 0x95
    INVALID_IMAGE = 0x96
    WAIT_FOR_DATA = 0x97
    NO_IMAGE_AVAILABLE = 0x98
    REQUIRE_MORE_IMAGE = 0x99


class UpgradeStatus(IntEnum):
    """Image upgrade status: what a client is doing."""

    NORMAL = 0
    DOWNLOAD_IN_PROGRESS = 1
    DOWNLOAD_COMPLETE = 2
    WAITING_TO_UPGRADE = 3
    COUNT_DOWN = 4
    WAIT_FOR_MORE = 5
    WAITING_FOR_EXTERNAL_EVENT = 6


class Ota(Cluster, id=0x0019, name="Over the Air Bootloading"):
    """The server has images, the clients fetch them."""

    upgrade_server_id = attribute(0x0000, ieee_address, of=CLIENT)
    file_offset = attribute(0x0001, uint32, of=CLIENT)
    current_file_version = attribute(0x0002, uint32, of=CLIENT)
    current_stack_version = attribute(0x0003, uint16, of=CLIENT)
    downloaded_file_version = attribute(0x0004, uint32, of=CLIENT)
    downloaded_stack_version = attribute(0x0005, uint16, of=CLIENT)
    upgrade_status = attribute(0x0006, enum8, of=CLIENT)
    manufacturer_id = attribute(0x0007, uint16, of=CLIENT)
    image_type_id = attribute(0x0008, uint16, of=CLIENT)
    minimum_block_request_period = attribute(0x0009, uint16, of=CLIENT)
    image_stamp = attribute(0x000A, uint32, of=CLIENT)
    upgrade_activation_policy = attribute(0x000B, enum8, of=CLIENT)
    upgrade_timeout_policy = attribute(0x000C, enum8, of=CLIENT)

    @command(0x01, to=SERVER)
    class QueryNextImageRequest(Frame):
        """Ask whether there is a newer image."""

        field_control: le.u8
        manufacturer_id: le.u16
        image_type: le.u16
        current_file_version: le.u32
        hardware_version: int | None = when(this.field_control & 0x01, le.u16, default=None)

    @command(0x03, to=SERVER)
    class ImageBlockRequest(Frame):
        """Ask for octets of an image."""

        field_control: le.u8
        manufacturer_id: le.u16
        image_type: le.u16
        file_version: le.u32
        file_offset: le.u32
        max_data_size: le.u8
        request_node_address: int | None = when(this.field_control & 0x01, le.u64, default=None)
        minimum_block_period: int | None = when(this.field_control & 0x02, le.u16, default=None)

    @command(0x04, to=SERVER)
    class ImagePageRequest(Frame):
        """Ask for a page of an image, in as many blocks as it takes."""

        field_control: le.u8
        manufacturer_id: le.u16
        image_type: le.u16
        file_version: le.u32
        file_offset: le.u32
        max_data_size: le.u8
        page_size: le.u16
        response_spacing: le.u16
        request_node_address: int | None = when(this.field_control & 0x01, le.u64, default=None)

    @command(0x06, to=SERVER)
    class UpgradeEndRequest(Frame):
        """The download is over, well or badly."""

        status: le.u8
        manufacturer_id: le.u16
        image_type: le.u16
        file_version: le.u32

    @command(0x08, to=SERVER)
    class QuerySpecificFileRequest(Frame):
        """Ask for a file meant for one device."""

        request_node_address: le.u64
        manufacturer_id: le.u16
        image_type: le.u16
        file_version: le.u32
        current_zigbee_stack_version: le.u16

    @command(0x00, to=CLIENT)
    class ImageNotify(Frame):
        """There may be a new image; the payload type says how many of the fields follow."""

        payload_type: le.u8
        query_jitter: le.u8
        manufacturer_id: int | None = when(this.payload_type >= 1, le.u16, default=None)
        image_type: int | None = when(this.payload_type >= 2, le.u16, default=None)
        new_file_version: int | None = when(this.payload_type >= 3, le.u32, default=None)

    @command(0x02, to=CLIENT)
    class QueryNextImageResponse(Frame):
        """There is, or only a status."""

        status: le.u8
        manufacturer_id: int | None = when(this.status == 0, le.u16, default=None)
        image_type: int | None = when(this.status == 0, le.u16, default=None)
        file_version: int | None = when(this.status == 0, le.u32, default=None)
        image_size: int | None = when(this.status == 0, le.u32, default=None)

    @command(0x05, to=CLIENT)
    class ImageBlockResponse(Frame):
        """Octets of the image; with WAIT_FOR_DATA the times instead; else only a status."""

        status: le.u8
        manufacturer_id: int | None = when(this.status == 0, le.u16, default=None)
        image_type: int | None = when(this.status == 0, le.u16, default=None)
        file_version: int | None = when(this.status == 0, le.u32, default=None)
        file_offset: int | None = when(this.status == 0, le.u32, default=None)
        image_data: bytes | None = when(this.status == 0, prefixed(le.u8), default=None)
        current_time: int | None = when(this.status == 0x97, le.u32, default=None)
        request_time: int | None = when(this.status == 0x97, le.u32, default=None)
        minimum_block_period: int | None = when(this.status == 0x97, le.u16, default=None)

    @command(0x07, to=CLIENT)
    class UpgradeEndResponse(Frame):
        """When to upgrade: the difference of both times counts; 0xFFFFFFFF is not yet."""

        manufacturer_id: le.u16
        image_type: le.u16
        file_version: le.u32
        current_time: le.u32
        upgrade_time: le.u32

    @command(0x09, to=CLIENT)
    class QuerySpecificFileResponse(Frame):
        """There is, or only a status."""

        status: le.u8
        manufacturer_id: int | None = when(this.status == 0, le.u16, default=None)
        image_type: int | None = when(this.status == 0, le.u16, default=None)
        file_version: int | None = when(this.status == 0, le.u32, default=None)
        image_size: int | None = when(this.status == 0, le.u32, default=None)
