"""Byte links to the world outside: spellings, blocking client streams, servers for `serve`, MQTT, ZEP.

`parse` reads a spelling, `open_stream` opens its client end, `server` makes its serving end.
"""

from __future__ import annotations

from tools.links.channel import Channel, Server
from tools.links.registry import open_stream, server
from tools.links.spec import LinkSpec, parse
from tools.links.stream import Stream

__all__ = ["Channel", "LinkSpec", "Server", "Stream", "open_stream", "parse", "server"]
