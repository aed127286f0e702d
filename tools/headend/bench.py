"""The head end of a bench, for people and tests: devices by the names of the bench file, answers as plain results.

    meter = run.head_end.meter("esme")
    meter.register("1-0:1.8.0")             # runs the bench until the answer is there

At which SAP a device answers it learns as any head end does: from its hub's SAP assignment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Self

from devices.parts.dlms_access import SUPPLIER
from devices.runtime.kernel import MIN, Kernel
from devices.runtime.net import Host
from hubfw.hub_device import device_name
from hubfw.sap_table import GAS, HEAT, HUB
from protocols.dlms import axdr
from protocols.dlms.client import Client, Procedure, drive
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.logical_device import FIRST_SAP
from protocols.dlms.meter import Meter
from protocols.dlms.reading import names
from tools.bench.device_config import WanGas
from tools.bench.gas_meters import gas_meters
from tools.bench.home import Home
from tools.bench.identity import Identity
from tools.errors import BadInput, suggest
from tools.headend.callers import Caller
from tools.headend.firmware import Updates
from tools.headend.head_end import OWN, HeadEnd, Line, NoAnswer, Schedule, T
from tools.headend.head_end import Question as Question
from tools.headend.notices import DeviceLogChanged
from tools.headend.outages import Outage, Premises, correlate
from tools.headend.pairing import DEFAULT_TIME, Pairing, Unpairing
from tools.headend.privacy import Breach, breaches

SERVED = {"hub": HUB, "gsme": GAS, "mbus-gas": GAS, "mbus-heat": HEAT, "prepay-gas": GAS, "wan-gas": FIRST_SAP}
"""Kinds of device whose SAP is fixed; a gas meter's is where it is the only one."""
PATIENCE = 2
"""Periods of a meter that calls, after which nobody waits for it any more."""


class BenchHeadEnd(HeadEnd):
    """A `HeadEnd` that knows the bench's homes. Its synchronous calls run the kernel: not from inside the run."""

    def __init__(
        self, kernel: Kernel, host: Host, password: bytes, homes: Mapping[str, Home], feeders: Mapping[str, str | None]
    ) -> None:
        super().__init__(kernel, host, password)
        self._feeders = feeders
        self._homes = homes
        self.firmware = Updates(self, self._place, self._find)
        for home in homes.values():
            for label, device in home.declared.items():
                if isinstance(device, WanGas):
                    who = home.identities[label]
                    patience = PATIENCE * device.call_minutes * MIN
                    self.callers[who.node] = Caller(kernel, device_name(who.eui64), patience)

    def meter(self, name: str = "esme", *, writes: bool = False) -> Meter:
        """A device by name (`esme`; `home2/esme` where there are several homes).

        Each call opens an association and releases it; `with meter:` keeps one for several calls. Raises BadInput for a
        name that is not there, NoAnswer when the hub does not know the device (yet).
        """
        home, label = self._place(name)
        host = _host(home, label)
        return _Meter(self, host, self.client(self._sap(home, label), writes=writes, hub=host))

    def every(
        self, period: int, name: str, question: Question[object], *, first: int | None = None, requester: str = OWN
    ) -> Schedule[object]:
        """`schedule` by the device's name."""
        home, label = self._place(name)
        return self.schedule(period, _host(home, label), self._sap(home, label), question, first=first, requester=requester)

    def supplier(self, supplier: str, name: str) -> Meter:
        """A device as a supplier of the bench comes to it: client 64, with its own password, at its own expense."""
        home, label = self._place(name)
        return _Meter(self, _host(home, label), self._supplier(supplier, home, self._sap(home, label)), supplier)

    async def change_supplier(self, name: str, old: str, new: str) -> None:
        """From now on a meter is the new supplier's: the old one hands over by writing the other's password in place of its own.

        Hub, network and whatever else is in the home stay. Raises RemoteProtocolError where the meter is not the old one's.
        """
        home, label = self._place(name)
        client = self._supplier(old, home, await self._find(home, label, old))
        self._supplier(new, home, client.server_sap)
        secret = axdr.octets(home.bench.access.secret_of(new))

        def hand_over(client: Client) -> Procedure[None]:
            return client.set(CURRENT, AssociationLN.class_id, AssociationLN.secret.number, secret)

        await self.ask_as(client, _host(home, label), hand_over, requester=old)

    def _supplier(self, supplier: str, home: Home, sap: int) -> Client:
        known = home.bench.access.suppliers
        if supplier not in known:
            raise BadInput(f'no supplier "{supplier}" in [access.suppliers]{suggest(supplier, known)}')
        return Client(SUPPLIER, sap, home.bench.access.secret_of(supplier))

    async def request(self, requester: str, name: str, question: Question[T], *, writes: bool = False) -> T:
        """Ask a device by name for somebody else, whose traffic it is. Raises RemoteProtocolError."""
        home, label = self._place(name)
        sap = await self._find(home, label, requester)
        return await self.ask(_host(home, label), sap, question, writes=writes, requester=requester)

    async def find(self, name: str, requester: str = OWN) -> int:
        """The SAP of a device by name. Raises BadInput, RemoteProtocolError."""
        home, label = self._place(name)
        return await self._find(home, label, requester)

    def identity(self, name: str) -> Identity:
        """What is printed on a device. Raises BadInput."""
        home, label = self._place(name)
        return home.identities[label]

    def outages(self) -> list[Outage]:
        """What the notices so far say of outages, by premises and feeder."""
        with_hubs = [home for home in self._homes.values() if not home.foreign]
        known = {device_name(home.hub.eui64): Premises(home.name, self._feeders[home.name]) for home in with_hubs}
        return correlate(self.received, known, self.kernel.utc)

    def breaches(self) -> list[Breach]:
        """Which hubs have told of a device of other premises in their logs."""
        return breaches(self._homes, self.notices(DeviceLogChanged))

    async def pair(self, name: str, *, seconds: int = DEFAULT_TIME) -> None:
        """Have a device's hub let it join within so many seconds. Raises RemoteProtocolError when the hub refuses."""
        home, label = self._place(name)
        who = home.identities[label]
        pairing = Pairing(who.eui64, who.install_code, home.declared[label].kind, seconds)
        await self.ask(home.hub.name, HUB, pairing, writes=True)

    async def unpair(self, name: str) -> None:
        """Have a device's hub strike it off. Raises RemoteProtocolError when the hub does not know it."""
        home, label = self._place(name)
        await self.ask(home.hub.name, HUB, Unpairing(home.identities[label].eui64), writes=True)

    def _place(self, name: str) -> tuple[Home, str]:
        first, _, label = name.rpartition("/")
        if not first and len(self._homes) > 1:
            raise BadInput(f'"{name}" is in which home? This bench has {len(self._homes)} ({", ".join(self._homes)})')
        home = self._homes.get(first) if first else next(iter(self._homes.values()))
        if home is None or label not in home.declared:
            known = [f"{home.name}/{label}" if first else label for home in self._homes.values() for label in home.declared]
            raise BadInput(f'no device "{name}"{suggest(name, known)}')
        return home, label

    def _sap(self, home: Home, label: str) -> int:
        return self.settle(self._find(home, label, OWN))

    async def _find(self, home: Home, label: str, requester: str) -> int:
        kind = home.declared[label].kind
        fixed = SERVED.get(kind)
        if fixed is not None and (fixed != GAS or len(gas_meters(home.declared.values())) == 1):
            return fixed
        serial = f"{home.identities[label].eui64:016X}"[-13:].encode()
        assigned: Mapping[int, bytes] = await self.ask(home.hub.name, HUB, names, requester=requester)
        for sap, name in assigned.items():
            if name.endswith(serial):
                return sap
        raise NoAnswer(f"{home.hub.name} does not know {label}: it has {len(assigned)} logical devices")


def _host(home: Home, label: str) -> str:
    """Where a device is reached: at the hub's address, or at its own."""
    return home.identities[label].node if home.declared[label].kind == "wan-gas" else home.hub.name


class _Meter(Meter):
    """A meter whose every call has an association of its own, in turn with the head end's other questions."""

    def __init__(self, head_end: BenchHeadEnd, hub: str, client: Client, requester: str = OWN) -> None:
        self._requester = requester
        super().__init__(self._exchange, client)
        self._head_end = head_end
        self._hub = hub
        self._line: Line | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        if self._line is not None:  # a call within a call, or inside `with meter:`
            yield
            return
        turn = self._head_end.settle(self._head_end.turn(self._hub, self.client))
        self._line = self._head_end.line(self._hub, self.client, self._requester)
        try:
            drive(self.client.associate(), self._exchange)
            yield
            drive(self.client.release(), self._exchange)
        finally:
            self._line.close()
            self._line = None
            turn.give()

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._open.enter_context(self.turn())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._open.__exit__(kind, error, None)

    def _exchange(self, apdu: bytes) -> bytes:
        assert self._line is not None  # every call is inside a turn
        return self._head_end.settle(self._line.exchange(apdu))
