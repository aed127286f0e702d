"""Logical device: a named set of COSEM objects, and the clients it talks to. Blue Book 4.1.7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr
from protocols.dlms.association import Association, Throttle
from protocols.dlms.cosem.association import CURRENT
from protocols.dlms.cosem.data import Data
from protocols.dlms.cosem.interface import InterfaceClass
from protocols.dlms.cosem.push import PushSetup
from protocols.dlms.obis import Obis
from protocols.dlms.xdlms import DataNotification

LOGICAL_DEVICE_NAME: Final = Obis("0-0:42.0.0")


class LogicalDevice:
    """A named set of objects, and the clients it talks to. The object of its own name comes with it.

    `name`: logical device name, 1 to 16 octets, unique in the world.
    """

    def __init__(
        self, name: bytes, objects: Iterable[InterfaceClass] = (), associations: Iterable[Association] = ()
    ) -> None:
        if not 1 <= len(name) <= 16:
            raise LocalProtocolError(f"a logical device name has 1 to 16 octets, not {name!r}")
        self.name = bytes(name)
        self.associations: Mapping[int, Association] = {one.client_sap: one for one in associations}
        self.throttles = {client: Throttle() for client in self.associations}
        self._objects: dict[bytes, InterfaceClass] = {}
        self.add(Data(LOGICAL_DEVICE_NAME, value=axdr.octets(self.name)))
        for thing in objects:
            self.add(thing)

    def __repr__(self) -> str:
        return f"LogicalDevice({self.name!r})"

    def __iter__(self) -> Iterator[InterfaceClass]:
        return iter(self._objects.values())

    def add(self, thing: InterfaceClass) -> None:
        """Take in an object; logical names are unique, and that of the current association is the sessions'."""
        if thing.name in self._objects or thing.name == CURRENT:
            raise LocalProtocolError(f"{self!r} already has {thing.name}")
        self._objects[thing.name] = thing

    def find(self, name: bytes) -> InterfaceClass | None:
        """The object of a logical name."""
        return self._objects.get(name)

    def notification(self, push: PushSetup, long_invoke: int, date_time: bytes = b"") -> bytes:
        """The data notification of a push: values of this moment. `date_time`: 12 octets, or none."""
        return DataNotification(long_invoke, date_time, push.body(self.find)).build()
