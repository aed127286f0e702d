"""Exactly one application layer on the hub's WAN side, as a setting of the hub: `dlms`, `gateway`, `gooo`; `gbcs` is reserved.

    dlms     COSEM over the wrapper: the hub, the gas meter translated once, the electricity meters through their tunnels unchanged
    gateway  ZigBee packets over TCP, unread (`wan.gateway`); no DLMS is answered, and notices are Smart Energy
    gooo     COSEM over the wrapper, the hub alone; ZigBee packets as objects, unread (`wan.foreign`)

The setting is `0-0:128.40.0` (class 1, visible-string): the management client writes it in the layers that speak DLMS, and
`gateway` has a message for it. It is kept in NVM before it counts; the change comes `SWITCH` later, so that whoever asked has
the answer, and closes every connection of the layer before. Two at once there are never: what is not the active layer is not
listening.

A layer more is a row of `Config.wan_layers`: a word, and what begins the layer. What was kept under a word that this hub does not
have counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from devices.runtime.kernel import S, Timer
from hubfw.sap_table import HUB
from hubfw.wan.endpoint import Endpoint
from hubfw.wan.notifier import CLIENT
from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from hubfw.firmware import Firmware

DLMS: Final = "dlms"
GATEWAY: Final = "gateway"
GOOO: Final = "gooo"
RESERVED: Final = ("gbcs",)
SETTING: Final = "0-0:128.40.0"
CONFIGURATION: Final = "0-0:128.40.1"
SWITCH: Final = 1 * S
_KEY: Final = "wan/application"


class Layer(Protocol):
    """What answers on the WAN side. `endpoint`: where it speaks DLMS."""

    @property
    def endpoint(self) -> Endpoint | None: ...

    def close(self) -> None:
        """Answer nobody any more."""
        ...

    def notice(self, apdu: bytes) -> tuple[int, bytes] | None:
        """A notification as it goes over the network in this layer: port (0: where notices go) and octets; None: not at all."""
        ...


class WanApplication:
    """The setting and the layer that it says."""

    def __init__(self, firmware: Firmware, first: str, more: Mapping[str, Callable[[Firmware], Layer]]) -> None:
        """`more`: layers beside `LAYERS`. Raises LocalProtocolError for a word of `more` that is taken."""
        taken = [word for word in more if word in LAYERS or word in RESERVED]
        if taken:
            raise LocalProtocolError(f'application layer "{taken[0]}" is there already')
        self.layer: Layer | None = None
        self._firmware = firmware
        self._nvm = firmware.board.nvm
        self._first = first
        self._layers = {**LAYERS, **more}
        self._name = ""
        self._switching: Timer | None = None

    @property
    def name(self) -> str:
        """The layer that is set."""
        name: str = self._nvm.get(_KEY, self._first)
        return name if name in self._layers else self._first

    @property
    def active(self) -> str:
        """The layer that answers; empty before `start`."""
        return self._name

    @property
    def endpoint(self) -> Endpoint | None:
        """Where DLMS is answered; None: nowhere."""
        return None if self.layer is None else self.layer.endpoint

    def notice(self, apdu: bytes) -> tuple[int, bytes] | None:
        """A notification as it goes over the network: see `Layer`."""
        return None if self.layer is None else self.layer.notice(apdu)

    def objects(self) -> list[cosem.InterfaceClass]:
        """The setting, and which of the three configurations this hub is."""
        return [
            cosem.Data(
                SETTING, value=lambda: axdr.visible(self.name), access={"value": Access.READ_WRITE}, on={"value": self._written}
            ),
            cosem.Data(CONFIGURATION, value=axdr.visible(configuration(self._firmware))),
        ]

    def start(self) -> None:
        """Have the layer that is set. Raises LocalProtocolError while another one is active."""
        if self.layer is not None:
            raise LocalProtocolError(f"{self._name} is active, and a hub has one application layer on its WAN side")
        self._name = self.name
        self.layer = self._layers[self._name](self._firmware)
        self._firmware.board.log("wan.application", {"name": self._name})

    def choose(self, name: str) -> None:
        """Have another layer soon. Raises ValueError, which says why not."""
        if name in RESERVED:
            raise ValueError(f'"{name}" is reserved, and not made yet')
        if name not in self._layers:
            raise ValueError(f'no application layer "{name}": one of {", ".join(self._layers)}')
        if name != self.name:
            self._nvm.put({_KEY: name})
        if self._switching is None and name != self._name:
            self._switching = self._firmware.after(SWITCH, self._switch)

    def _switch(self) -> None:
        self._switching = None
        if self.layer is not None and self.name != self._name:
            self.layer.close()
            self.layer = None
            self.start()

    def _written(self, value: Data) -> None:
        name = value.python
        if not isinstance(name, str):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED, SETTING)
        try:
            self.choose(name)
        except ValueError as reason:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(reason)) from None


def configuration(firmware: Firmware) -> str:
    """One of the three that hubs come in (paper A): its parts apart, one with the meter, or with a WAN part that comes off."""
    if firmware.config.wan_address is not None:
        return "replaceable-wan"
    return "separate" if firmware.config.wired_meter is None else "closely-integrated"


class _Speaking:
    """A layer that speaks DLMS: notices are DataNotifications behind the wrapper."""

    def notice(self, apdu: bytes) -> tuple[int, bytes]:
        return 0, wrapper.wrap(HUB, CLIENT, apdu)


class _Dlms(_Speaking):
    """Every device behind the hub at its SAP."""

    def __init__(self, firmware: Firmware) -> None:
        self.endpoint = Endpoint(firmware.board, firmware.targets, firmware.network)

    def close(self) -> None:
        self.endpoint.close()


def _gateway(firmware: Firmware) -> Layer:
    from hubfw.wan.gateway import Gateway  # few hubs have these: the others don't wait for them
    from hubfw.wan.packets import Packets

    packets = Packets(firmware, firmware.han, firmware.log, firmware.mirrors)
    application = firmware.application
    return Gateway(
        firmware, firmware.network, packets, firmware.config.lls_password, lambda: application.active, application.choose
    )


class _Gooo(_Speaking):
    """The hub at its SAP, with the objects of foreign packets."""

    def __init__(self, firmware: Firmware) -> None:
        from hubfw.wan.foreign import Foreign
        from hubfw.wan.packets import Packets

        self._device = firmware.device
        self._packets = Packets(firmware, firmware.han, firmware.log, firmware.mirrors)
        self._objects = Foreign(firmware, self._packets, firmware.log).objects
        for thing in self._objects:
            self._device.add(thing)
        self.endpoint = Endpoint(firmware.board, {HUB: firmware.targets[HUB]}, firmware.network)

    def close(self) -> None:
        self.endpoint.close()
        self._packets.close()
        for thing in self._objects:
            self._device.remove(thing)


LAYERS: Mapping[str, Callable[[Firmware], Layer]] = MappingProxyType({DLMS: _Dlms, GATEWAY: _gateway, GOOO: _Gooo})
"""Those that every hub has: word of the setting to what begins the layer."""
