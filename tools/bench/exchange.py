"""A hub that is exchanged at a named time: the table `[home.exchange]` of a bench file.

What people do then is tools.bench.exchanger's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from tools.bench.declared import Declared
from tools.bench.device_config import AnyDevice, ConsumerModule, Hub, MBusGas, MBusHeat

SUCCESSOR = "hub2"
"""What the new hub is called."""


class Exchange(Declared, frozen=True, kw_only=True):
    """The home's hub gives its place to another one."""

    at_h: Annotated[float, Meta(ge=0.1, le=87_600)]
    """Hours from virtual time zero; the home network stands by then."""
    by: Literal["head-end", "terminal"] = "head-end"
    """Which way the backup goes: over the WAN, or in the engineer's hand-held terminal."""
    site: Literal["opts-in", "opts-out"] | None = None
    """A site outside the central company that comes in, or one that leaves: the new hub is of the other kind, and its owner's."""


def check(exchange: Exchange | None, devices: Iterable[AnyDevice], sub_ghz: bool) -> None:
    """Raises ValueError where there is no hub, or one that is more than a box by itself: what hangs on it goes with it."""
    if exchange is None:
        return
    listed = list(devices)
    hub = next((device for device in listed if isinstance(device, Hub)), None)
    if hub is None:
        raise ValueError("`exchange` needs a device of kind hub: it is what is exchanged")
    if exchange.site is not None and hub.central is (exchange.site == "opts-in"):
        inside = "inside" if hub.central else "outside"
        raise ValueError(f'`exchange` has `site = "{exchange.site}"`, and the hub is {inside} the central company (`central`)')
    if exchange.site == "opts-out" and hub.supplier is None:
        raise ValueError("`exchange`: outside the central company a hub is its supplier's: say `supplier` at the hub")
    if hub.wan_application != "dlms":
        raise ValueError(f'`exchange` goes by DLMS, and the hub has `wan_application = "{hub.wan_application}"`')
    fast = [each.label for each in listed if isinstance(each, MBusGas | MBusHeat | ConsumerModule)]
    modular = "module" in (hub.wan, hub.han)
    if fast or sub_ghz or modular:
        reason = f'"{fast[0]}" hangs on it' if fast else "it has `sub_ghz`" if sub_ghz else "it has a slot for a module"
        raise ValueError(f"`exchange` is of a hub with one radio and nothing on wires but its electricity meter: {reason}")
    if exchange.by == "terminal" and not {"hht", "esme"} <= {device.kind for device in listed}:
        raise ValueError('`exchange` with `by = "terminal"` needs a device of kind hht, and an esme to put its head on')
    if SUCCESSOR in [device.label for device in listed]:
        raise ValueError(f'`exchange` calls the new hub "{SUCCESSOR}": call that device something else')
