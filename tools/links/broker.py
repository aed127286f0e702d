"""A small MQTT broker inside this process: amqtt, of the extra `broker`, for where no mosquitto is installed.

MQTT 3.1.1, no persistence, everybody welcome: so it binds to this machine only.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from tools.errors import BadInput, LinkDown, MissingEnvironment
from tools.links.spec import LinkSpec, is_loopback

_PATIENCE = 3.0
"""Seconds in which the broker may end by itself."""


@asynccontextmanager
async def embedded(spec: LinkSpec) -> AsyncIterator[None]:
    """A broker at the address of an `mqtt://` link while the block runs. Raises BadInput, LinkDown, MissingEnvironment."""
    if spec.scheme != "mqtt" or not is_loopback(spec.host):
        raise BadInput(f'link "{spec}": the built-in broker serves mqtt:// on this machine only, such as mqtt://127.0.0.1/bench')
    if importlib.util.find_spec("amqtt") is None:
        raise MissingEnvironment("the built-in broker is not installed: pip install 'meterbench[broker]', or run mosquitto")
    from amqtt.broker import Broker
    from amqtt.errors import AMQTTError, BrokerError

    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{spec.host}:{spec.port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    try:
        await broker.start()
    except (AMQTTError, BrokerError) as error:
        raise LinkDown(f"{spec}: the built-in broker does not start: {error}") from error
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_heard)
    try:
        yield
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await broker.shutdown()
        loop.set_exception_handler(None)


def _heard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """amqtt stumbles over its own tables when clients leave together; only the leaving client's connection is concerned."""
    if context.get("message") != "Unhandled exception in client_connected_cb":
        loop.default_exception_handler(context)
