"""Which code opens which link: one lazy table, so that a command imports only the transport it uses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import cast

from tools.errors import BadInput
from tools.links.channel import Channel, Server
from tools.links.echo import Echoing
from tools.links.spec import LinkSpec
from tools.links.stream import Stream

_CLIENTS: Mapping[str, tuple[str, str]] = {
    "tcp": ("tools.links.tcp", "connect"),
    "pty": ("tools.links.pty", "open_pty"),
    "serial": ("tools.links.serial", "open_serial"),
    "rfc2217": ("tools.links.serial", "open_serial"),
    "socket": ("tools.links.serial", "open_serial"),
    "udp": ("tools.links.udp", "connect"),
}

_SERVERS: Mapping[str, tuple[str, str]] = {
    "tcp-listen": ("tools.links.tcp", "Listener"),
    "udp-listen": ("tools.links.udp", "Listener"),
    "pty": ("tools.links.pty", "Pty"),
    "serial": ("tools.links.serial", "SerialPort"),
    "mqtt": ("tools.links.mqtt_server", "Listener"),
}

_LISTENED: Mapping[str, tuple[str, str]] = {
    "tcp-listen": _SERVERS["tcp-listen"],
    "udp-listen": _SERVERS["udp-listen"],
    "pty": ("tools.links.line_end", "LineEnd"),
    "serial": ("tools.links.line_end", "LineEnd"),
    "rfc2217": ("tools.links.line_end", "LineEnd"),
    "socket": ("tools.links.line_end", "LineEnd"),
    "mqtt": ("tools.links.mqtt_server", "Ear"),
}

_DIALLED: Mapping[str, tuple[str, str]] = {
    "tcp": ("tools.links.tcp", "dial"),
    "udp": ("tools.links.udp", "dial"),
    "mqtt": ("tools.links.mqtt_server", "dial"),
}


def open_stream(spec: LinkSpec, timeout: float = 5.0) -> Stream:
    """Open the client end of a byte link, blocking up to `timeout` seconds. Raises BadInput, LinkDown."""
    opener = cast("Callable[[LinkSpec, float], Stream]", _load(_CLIENTS, spec, "read through"))
    stream = opener(spec, timeout)
    return Echoing(stream) if spec.options.get("echo") else stream


def server(spec: LinkSpec, *, protected: bool = False) -> Server:
    """The serving end of a byte link, not yet started.

    `protected` says that whoever answers asks everybody for a credential; without it only loopback is bound.
    """
    factory = cast("Callable[[LinkSpec, bool], Server]", _load(_SERVERS, spec, "served on"))
    return factory(spec, protected)


def listening(spec: LinkSpec) -> Server:
    """Where what others tell is heard, not yet started: a port, the far end of a line that somebody has opened, a broker."""
    factory = cast("Callable[[LinkSpec], Server]", _load(_LISTENED, spec, "listened at"))
    return factory(spec)


async def dial(spec: LinkSpec, timeout: float = 5.0) -> Channel:
    """The client end of a byte link as a channel, inside an event loop. Raises BadInput, LinkDown."""
    dialling = cast("Callable[[LinkSpec, float], Awaitable[Channel]]", _load(_DIALLED, spec, "dialled"))
    return await dialling(spec, timeout)


def _load(table: Mapping[str, tuple[str, str]], spec: LinkSpec, use: str) -> object:
    if spec.scheme not in table:
        raise BadInput(f'link "{spec}" cannot be {use}; these can: {", ".join(table)}')
    module, name = table[spec.scheme]
    return getattr(import_module(module), name)
