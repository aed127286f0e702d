"""A security retrofit over homes that are installed: new credentials, or new firmware, for every device, until each has it.

Homes are worked through, some at once, the devices of one home one after another. A home that cannot be reached waits and comes
again, so often; what a device has already is found and not done twice, also where its answer was lost. In the end each device has a
line: done, unreachable or refused, with the reason. Passwords are drawn for each device and kept by the head end, which uses them
from then on. Not here: who decides that it is needed, certificates. Updates by plan, a device each, are `[[firmware]]`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.client import AssociationRefused, Client, Procedure
from protocols.dlms.cosem import AccessError
from protocols.dlms.cosem.association import CURRENT, AssociationLN
from protocols.dlms.reading import logical_device_name
from protocols.dlms.server import MANAGEMENT_CLIENT
from protocols.dlms.xdlms import DataAccessResult
from tools.bench.home import Home
from tools.headend.bench import BenchHeadEnd

Measure = Literal["password", "firmware"]
METERED: Final = ("hub", "esme", "gsme", "mbus-gas", "prepay-gas")
"""Kinds of device that have a logical device behind a hub's address."""
OF_MEASURE: Final[Mapping[Measure, tuple[str, ...]]] = {"password": METERED, "firmware": ("esme",)}
"""Measures, and the kinds of device that they are for."""
PASSWORD_OCTETS: Final = 16
SETTLE: Final = 30 * S
"""After firmware was activated, until the device is asked for its version."""
RESULT: Final = "campaign"
"""Kind of event: a device's line."""


class Line(msgspec.Struct, kw_only=True):
    """A device's result. `outcome`: waiting, done, unreachable or refused. `at_s`: virtual time of the last attempt."""

    home: str
    device: str
    measure: Measure
    outcome: str = "waiting"
    attempts: int = 0
    at_s: float | None = None
    detail: str = ""


class Campaign:
    """One measure over homes. `attempts` at each home, `retry` ns apart, `at_once` homes together. `version`: of new firmware."""

    def __init__(
        self,
        head_end: BenchHeadEnd,
        homes: Mapping[str, Home],
        measure: Measure,
        *,
        attempts: int = 6,
        retry: int = 30 * MIN,
        at_once: int = 4,
        version: int = 0x02000000,
    ) -> None:
        self.measure: Measure = measure
        self.lines = [
            Line(home=home.name, device=f"{home.name}/{label}", measure=measure)
            for home in homes.values()
            if home.of_kind("hub")
            for label, device in home.declared.items()
            if device.kind in OF_MEASURE[measure]
        ]
        self._head_end = head_end
        self._homes = homes
        self._attempts = attempts
        self._retry = retry
        self._at_once = at_once
        self._version = version
        self._passwords: dict[str, bytes] = {}
        self._images: dict[str, bytes] = {}

    @property
    def over(self) -> bool:
        """Whether nobody waits any more."""
        return not any(line.outcome == "waiting" for line in self.lines)

    def progress(self) -> Iterator[tuple[str, Mapping[str, int]]]:
        """(home, how many of its devices are how far)."""
        for home in dict.fromkeys(line.home for line in self.lines):
            yield home, Counter(line.outcome for line in self.lines if line.home == home)

    async def run(self) -> Sequence[Line]:
        """All of it; the lines."""
        kernel = self._head_end.kernel
        due = deque((kernel.now, name) for name, _ in self.progress())
        tasks = [kernel.spawn(self._work(due), who=self._head_end.host.name) for _ in range(min(self._at_once, len(due)))]
        for task in tasks:
            await task
        return self.lines

    async def _work(self, due: deque[tuple[int, str]]) -> None:
        while due:
            at, home = due.popleft()
            await self._head_end.kernel.sleep(max(at - self._head_end.kernel.now, 0))
            if not await self._visit(home):
                due.append((self._head_end.kernel.now + self._retry, home))

    async def _visit(self, home: str) -> bool:
        """One attempt at all that waits in a home; whether nothing waits any more."""
        waiting = [line for line in self.lines if line.home == home and line.outcome == "waiting"]
        for line in waiting:
            line.attempts += 1
            try:
                await self._measure(line.device)
            except RemoteProtocolError as error:
                refused = isinstance(error, AccessError) and error.result != DataAccessResult.TEMPORARY_FAILURE
                last = line.attempts >= self._attempts
                self._note(line, "refused" if refused else "unreachable" if last else "waiting", str(error))
            else:
                self._note(line, "done", "")
        return all(line.outcome != "waiting" for line in waiting)

    def _note(self, line: Line, outcome: str, detail: str) -> None:
        kernel = self._head_end.kernel
        line.outcome, line.detail, line.at_s = outcome, detail, kernel.now / S
        told = {"device": line.device, "measure": line.measure, "outcome": outcome, "attempts": line.attempts, "detail": detail}
        kernel.log.emit(self._head_end.host.name, RESULT, told)

    async def _measure(self, device: str) -> None:
        act: Callable[[str], Awaitable[None]] = self._new_password if self.measure == "password" else self._new_firmware
        await act(device)

    # --- measures ---

    async def _new_password(self, device: str) -> None:
        """Another password of client 1, written by that client, and tried before it counts."""
        hub, sap = self._homes[device.partition("/")[0]].hub.name, await self._head_end.find(device)
        tried = device in self._passwords
        if not tried:
            random = self._head_end.kernel.rng(f"{device}/campaign")
            self._passwords[device] = bytes(random.getrandbits(8) for _ in range(PASSWORD_OCTETS))
        password = self._passwords[device]
        proof = Client(MANAGEMENT_CLIENT, sap, password)
        if not (tried and await self._taken(proof, hub)):
            await self._head_end.ask(hub, sap, lambda client: _secret(client, password), writes=True)
            await self._head_end.ask_as(proof, hub, logical_device_name)
        self._head_end.secrets[hub, sap] = password

    async def _taken(self, client: Client, hub: str) -> bool:
        try:
            await self._head_end.ask_as(client, hub, logical_device_name)
        except AssociationRefused:
            return False
        return True

    async def _new_firmware(self, device: str) -> None:
        updates, wanted = self._head_end.firmware, f"{self._version:08x}"
        if await updates.version(device) == wanted:
            return
        if device not in self._images:
            from tools.bench.firmware import file  # a campaign for credentials does without

            home, _, label = device.partition("/")
            self._images[device] = file(self._homes[home], label, self._version, bytes(1024))
        await updates.hand_in(device, self._images[device])
        await updates.activate(device)
        await self._head_end.kernel.sleep(SETTLE)
        if (told := await updates.version(device)) != wanted:
            raise RemoteProtocolError(f"it runs {told}")


def _secret(client: Client, password: bytes) -> Procedure[None]:
    return client.set(CURRENT, AssociationLN.class_id, AssociationLN.secret.number, axdr.octets(password))
