"""Messages of the central company's user interface: one JSON object each, with its type and a transaction's number.

GB's own are XML (DUIS), signed; these carry what a bench needs. A user asks (`Request`) and gets an `Acknowledgement` or a
`Refusal`, after an acknowledgement a `Response` or a `Failure`. An `Alert` comes unasked. A `Ticket` goes to who maintains the part
that failed, who answers with `Mended`; `Closed` or `Reopened` says what the central company then found.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from protocols.core.errors import RemoteProtocolError

LARGEST: Final = 4096
"""Octets of a message."""
Text = Annotated[str, Meta(max_length=512)]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    """`transaction`: the sender's number of a request or a ticket; answers repeat it."""

    transaction: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]


class Request(Message, frozen=True, kw_only=True, tag="request"):
    """`service`: as access control has them. `device`: by name, in full (`home1/esme`). `item`: what of it, an OBIS code."""

    service: Text
    device: Text
    item: Text = ""


class Acknowledgement(Message, frozen=True, kw_only=True, tag="acknowledgement"):
    """It is allowed, and under way."""


class Refusal(Message, frozen=True, kw_only=True, tag="refusal"):
    """It is not allowed, or cannot be."""

    reason: Text


class Response(Message, frozen=True, kw_only=True, tag="response"):
    """Done, and what the device answered."""

    value: Text


class Failure(Message, frozen=True, kw_only=True, tag="failure"):
    """Not done."""

    reason: Text


class Alert(Message, frozen=True, kw_only=True, tag="alert"):
    """A hub or a device has told something by itself. `what`: the notice's kind."""

    premises: Text
    what: Text


class Ticket(Message, frozen=True, kw_only=True, tag="ticket"):
    """A fault, to who maintains what failed. `leg`: HAN or WAN."""

    premises: Text
    leg: Text
    what: Text


class Mended(Message, frozen=True, kw_only=True, tag="mended"):
    """Who maintains it says that the fault is gone."""


class Closed(Message, frozen=True, kw_only=True, tag="closed"):
    """It is: the ticket's end."""


class Reopened(Message, frozen=True, kw_only=True, tag="reopened"):
    """It is not."""

    what: Text


AnyMessage = Request | Acknowledgement | Refusal | Response | Failure | Alert | Ticket | Mended | Closed | Reopened
_decoder = msgspec.json.Decoder(AnyMessage)
_encoder = msgspec.json.Encoder()


def parse(octets: bytes) -> AnyMessage:
    """One message. Raises RemoteProtocolError."""
    if len(octets) > LARGEST:
        raise RemoteProtocolError(f"a message of {len(octets)} octets, and {LARGEST} are possible")
    try:
        message: AnyMessage = _decoder.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"no message: {error}") from None
    return message


def build(message: Message) -> bytes:
    """Its octets."""
    return _encoder.encode(message)


def kind(octets: bytes) -> str:
    """The word for its type; `unread` for octets that are no message."""
    try:
        return str(parse(octets).__struct_config__.tag)
    except RemoteProtocolError:
        return "unread"
