"""Messaging cluster 0x0703: texts for a display (SE 1.4 annex D.5).

Texts are octets: who shows them decides what to do with those that are not UTF-8 or longer than GB's 116.
"""

from __future__ import annotations

from protocols.core.codec import Frame, le, trailing, zcl_string
from protocols.zigbee.zcl.cluster import CLIENT, SERVER, Cluster, command

LONGEST_MESSAGE = 116
"""Octets of a supplier's message in GB."""
UNTIL_CHANGED = 0xFFFF
"""As a duration."""
CONFIRMATION_WANTED = 0x80
ENHANCED_CONFIRMATION_WANTED = 0x20
"""Bits of a message's control: a person is to confirm it, with yes or no."""
ANSWER_NO, ANSWER_YES = 0x01, 0x02
"""Bits of a confirmation's control."""


class Messaging(Cluster, id=0x0703, name="Messaging"):
    """The server is the hub, the client a display. It has no attributes of its own."""

    @command(0x00, to=SERVER)
    class GetLastMessage(Frame):
        """Ask for the message in force. Answered by DisplayMessage, or NOT_FOUND."""

    @command(0x01, to=SERVER)
    class MessageConfirmation(Frame):
        """A person confirmed a message that asked for it."""

        message_id: le.u32
        confirmation_time: le.u32
        message_confirmation_control: int | None = trailing(le.u8, default=None)
        message_response: bytes | None = trailing(zcl_string, default=None)

    @command(0x02, to=SERVER)
    class GetMessageCancellation(Frame):
        """Ask for a cancellation that was missed. Answered by CancelAllMessages."""

        earliest_implementation_time: le.u32

    @command(0x00, to=CLIENT)
    class DisplayMessage(Frame):
        """Show a text from a time (0: now) for so many minutes (0xFFFF: until changed)."""

        message_id: le.u32
        message_control: le.u8
        start_time: le.u32
        duration_in_minutes: le.u16
        message: zcl_string
        optional_extended_message_control: int | None = trailing(le.u8, default=None)

    @command(0x01, to=CLIENT)
    class CancelMessage(Frame):
        """Withdraw a message."""

        message_id: le.u32
        message_control: le.u8

    @command(0x02, to=CLIENT)
    class DisplayProtectedMessage(Frame):
        """A text to be shown behind a password only."""

        message_id: le.u32
        message_control: le.u8
        start_time: le.u32
        duration_in_minutes: le.u16
        message: zcl_string
        optional_extended_message_control: int | None = trailing(le.u8, default=None)

    @command(0x03, to=CLIENT)
    class CancelAllMessages(Frame):
        """Withdraw every message at a time."""

        implementation_date_time: le.u32
