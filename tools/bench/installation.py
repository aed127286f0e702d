"""How a home's hub is put in: the table `[home.installation]` of a bench file, and what must hold before anybody begins.

Papers A, questions 1, 13 and 14. A stand-alone hub is fed from the network's side of the meter, so that no switch of the consumer's
turns it off; only who is authorised there may connect it. A hub that is fed by its meter (`power = "meter"`) needs neither.
The visits themselves are tools.bench.installer's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from tools.bench.declared import Declared
from tools.bench.device_config import AnyDevice, Hub

Hours = Annotated[float, Meta(ge=0, le=8_760)]


class Installation(Declared, frozen=True, kw_only=True):
    """The installer comes at virtual time zero, and again where the first visit did not do."""

    authorised: bool
    """The installer may work on the network's side of the meter."""
    feed: Literal["ahead-of-meter", "consumer-side"]
    """Where the hub's own supply is taken from."""
    without_wan: Literal["abort", "complete"] = "abort"
    """Where the head end cannot be reached on the day: all is taken away again, or left in place as "no WAN"."""
    wan_from_h: Hours = 0
    """Hours after the first visit from which the WAN reaches the premises."""
    next_visit_h: Annotated[float, Meta(ge=1, le=8_760)] = 24
    """Hours from the end of a visit to the next."""
    visits: Annotated[int, Meta(ge=1, le=10)] = 3
    """At most so many."""

    def refusal(self, hub: Hub) -> str | None:
        """Why nobody may begin; None: somebody may."""
        if hub.power == "meter":
            return None
        if not self.authorised:
            return "a stand-alone hub is connected ahead of the meter, and this installer is not authorised there"
        if self.feed != "ahead-of-meter":
            return f"a stand-alone hub needs a secure feed from ahead of the meter, and this one is {self.feed}"
        return None


def check(installation: Installation | None, devices: Iterable[AnyDevice]) -> None:
    """Raises ValueError where there is no hub to install, or none that the head end can ask."""
    if installation is None:
        return
    hub = hub_of(devices)
    if hub is None:
        raise ValueError("`installation` needs a device of kind hub: it is what is installed")
    if hub.wan_application != "dlms":
        raise ValueError(f'`installation` ends with a read by DLMS, and the hub has `wan_application = "{hub.wan_application}"`')


def volts(installation: Installation | None, devices: Iterable[AnyDevice]) -> float:
    """What devices find at first: nothing is connected where the installation is refused."""
    hub = hub_of(devices)
    refused = installation is not None and hub is not None and installation.refusal(hub) is not None
    return 0.0 if refused else 230.0


def hub_of(devices: Iterable[AnyDevice]) -> Hub | None:
    """The home's hub."""
    return next((device for device in devices if isinstance(device, Hub)), None)
