"""The two error families: whose fault it is decides who must act.

A `LocalProtocolError` is a bug of ours (a call that the state does not allow, a value that has no encoding).
A `RemoteProtocolError` is the peer's octets. Nothing else may leave a protocol machine or a parser.
"""

from __future__ import annotations


class LocalProtocolError(Exception):
    """We used a protocol wrongly. Never blamed on the peer."""


class RemoteProtocolError(Exception):
    """The peer broke a protocol. Never a reason to stop the bench."""


class DecodeError(RemoteProtocolError):
    """Octets that are not the frame they should be. The message names the field and the offset in octets."""


class EncodeError(LocalProtocolError):
    """A frame whose values have no encoding. The message names the field."""
