"""The central company as a system of systems: what stands behind each of its interfaces, and what passes between.

    users --- access control --- request handling --- WAN access --- hubs
                                  |     |      \\________ parse and correlate (answers, notices)
                             estate  key infrastructure          |
    maintainers of home networks, and of the WAN --- fault desk --+

Each message between two of them is an event `central.message` (from, to, what), and each message of the user interface an event
`user.message`, so that any request can be traced from user to meter and back. Services and roles are access control's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.reading import register
from tools.bench.home import Home
from tools.bench.identity import Identity
from tools.bench.users import OPERATOR, Role
from tools.central.access_control import AccessControl
from tools.central.correlation import Correlation
from tools.central.estate import Entry, Estate
from tools.central.fault_desk import FaultDesk
from tools.central.interface import CENTRAL, User, UserInterface
from tools.central.key_infrastructure import KeyInfrastructure
from tools.central.messages import Acknowledgement, Alert, Failure, Mended, Message, Refusal, Request, build, parse
from tools.errors import BadInput
from tools.headend.bench import BenchHeadEnd
from tools.headend.fault_report import PROVIDER, Fault
from tools.headend.notices import DeviceLogChanged, FirstBreath, LastGasp, Notice
from tools.headend.pairing import Pairing, Unpairing

ACCESS, REQUESTS, ESTATE, KEYS = "access control", "request handling", "device estate", "key infrastructure"
WAN, CORRELATION, FAULTS = "WAN access", "parse and correlate", "fault desk"
SYSTEMS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType({
    ACCESS: ("users", "tools.central.access_control"),
    REQUESTS: ("users", "tools.central.company"),
    ESTATE: ("inside", "tools.central.estate"),
    KEYS: ("inside", "tools.central.key_infrastructure"),
    WAN: ("WAN", "tools.headend.head_end"),
    CORRELATION: ("WAN", "tools.central.correlation"),
    FAULTS: ("maintainers", "tools.central.fault_desk"),
})  # fmt: skip
"""Logical system: the interface that it stands behind, and its module."""
GATEWAY: Final = "0-0:19.40.0"
"""Where a meter's proxy takes top-up numbers."""
STEP: Final = "central.message"
FAULT_NOTICES: Final = (LastGasp, FirstBreath)
"""What the fault desk hears of."""


class Company:
    """The central company of a bench: a head end on the WAN, users on their interface, and the systems between."""

    def __init__(self, head_end: BenchHeadEnd, homes: Mapping[str, Home], users: Mapping[str, Role]) -> None:
        self.head_end = head_end
        self.interface = UserInterface(head_end.kernel)
        self.access = AccessControl(users)
        self.estate = Estate(homes)
        self.keys = KeyInfrastructure(head_end)
        self.correlation = Correlation()
        self.faults = FaultDesk(head_end, homes)
        self._alerts = 0
        self._roles = users
        self._users: dict[str, User] = {}
        self.interface.connect(CENTRAL, self._received)
        for name in users:
            self.user(name)
        self._before = head_end.on_notice
        head_end.on_notice = self._noticed

    def user(self, name: str) -> User:
        """A user's end of the interface. Raises BadInput where the bench names its users and this is none of them."""
        if self._roles and name not in self._roles and name != PROVIDER:
            raise BadInput(f'no [[user]] "{name}" (users: {", ".join(self._roles)})')
        return self._end(name)

    def _end(self, name: str) -> User:
        if name not in self._users:
            self._users[name] = User(self.interface, name)
        return self._users[name]

    # --- users' interface ---

    def _received(self, sender: str, octets: bytes) -> None:
        try:
            message = parse(octets)
        except RemoteProtocolError as error:
            self._pass("users", ACCESS, f"unread: {error}")
            return
        work = None
        if isinstance(message, Request):
            work = self._serve(sender, message)
        elif isinstance(message, Mended):
            work = self._mended(sender, message)
        if work is not None:
            self.head_end.kernel.spawn(work, who=self.head_end.host.name)

    async def _serve(self, user: str, request: Request) -> None:
        self._pass("users", ACCESS, request.service)
        self._pass(ACCESS, ESTATE, "whose is it")
        entry = self.estate.find(request.device)
        refusal = self.access.refusal(user, request, entry)
        if refusal or entry is None:
            self._answer(ACCESS, user, Refusal(transaction=request.transaction, reason=refusal + self._hint(request, entry)))
            return
        self._answer(ACCESS, user, Acknowledgement(transaction=request.transaction))
        self._pass(ACCESS, REQUESTS, request.service)
        self._pass(REQUESTS, CORRELATION, "expect")
        self.correlation.expect(user, request.transaction, entry.name)
        try:
            value = await self._carry_out(user, request, entry)
        except RemoteProtocolError as error:
            self._pass(WAN, REQUESTS, "failure")
            self.correlation.given_up(user, request.transaction)
            self._answer(REQUESTS, user, Failure(transaction=request.transaction, reason=str(error)[:512]))
            return
        self._pass(WAN, CORRELATION, "answer")
        response = self.correlation.answered(user, request.transaction, entry.name, value)
        if response is not None:
            self._pass(CORRELATION, REQUESTS, "response")
            self._answer(REQUESTS, user, response)

    async def _carry_out(self, user: str, request: Request, entry: Entry) -> object:
        self._pass(REQUESTS, KEYS, "credential")
        self._pass(REQUESTS, WAN, request.service)
        host = self.estate.host(entry)
        if request.service == "read":
            sap = await self.head_end.find(entry.name, user)
            client = self.keys.client("read", host, sap)
            return await self.head_end.ask_as(client, host, lambda asking: register(asking, request.item), requester=user)
        identity = self.head_end.identity(entry.name)
        if request.service == "top-up":
            return await self._top_up(user, request, entry, identity)
        question = Pairing(entry.eui64, identity.install_code, entry.kind) if request.service == "pair" else Unpairing(entry.eui64)
        return await self.head_end.ask_as(self.keys.client(request.service, host), host, question, requester=user)

    async def _top_up(self, user: str, request: Request, entry: Entry, identity: Identity) -> str:
        """The number: the user's to compute, the meter's to verify at its next wake."""
        try:
            sale = self.keys.seller(user).sell(entry.name, identity, entry.supplier, int(request.item))
        except (ValueError, LocalProtocolError) as error:
            raise RemoteProtocolError(f'no top-up of "{request.item}" pence: {error}') from None
        host, token = self.estate.host(entry), axdr.octets(sale.code.encode())
        client = self.keys.client("top-up", host, await self.head_end.find(entry.name, user))
        await self.head_end.ask_as(client, host, lambda asking: asking.action(GATEWAY, 115, 1, token), requester=user)
        return sale.code

    def _hint(self, request: Request, entry: Entry | None) -> str:
        return self.estate.nearest(request.device) if entry is None else ""

    def _answer(self, system: str, user: str, message: Message) -> None:
        self._pass(system, "users", str(message.__struct_config__.tag))
        self.interface.send(CENTRAL, user, build(message))

    def _pass(self, sender: str, receiver: str, what: str) -> None:
        self.head_end.kernel.log.emit(self.head_end.host.name, STEP, {"from": sender, "to": receiver, "what": what})

    # --- WAN ---

    def _noticed(self, notice: Notice) -> None:
        if self._before is not None:
            self._before(notice)
        self._pass(WAN, CORRELATION, type(notice).__name__)
        premises = self.estate.premises(notice.hub)
        if premises is None:
            return
        if isinstance(notice, DeviceLogChanged):
            self._pass(CORRELATION, ESTATE, "devices")
            self.estate.learn(notice)
        if isinstance(notice, FAULT_NOTICES):
            self._pass(CORRELATION, FAULTS, type(notice).__name__)
            self.faults.supply(premises, lost=isinstance(notice, LastGasp))
        suppliers = list(dict.fromkeys(entry.supplier for entry in self.estate.at(premises) if entry.supplier in self._users))
        operators = [name for name, role in self._roles.items() if role == OPERATOR]
        for user in self.correlation.concerned(notice, [each for each in suppliers if each is not None], operators):
            self._alerts += 1
            self._answer(CORRELATION, user, Alert(transaction=self._alerts, premises=premises, what=type(notice).__name__))

    # --- maintainers ---

    async def check(self, premises: str) -> list[Fault]:
        """Have the fault desk look: its tickets go to who answers. The faults that it finds."""
        self._pass(FAULTS, WAN, "check")
        found = await self.faults.check(premises)
        for fault in found:
            ticket = self.faults.ticket(fault)
            if ticket is not None:
                self._answer(FAULTS, self._end(self._maintainer(fault)).name, ticket)
        return found

    async def _mended(self, sender: str, message: Mended) -> None:
        self._pass("users", FAULTS, "mended")
        fault = self.faults.open.get(message.transaction)
        if fault is None or self._maintainer(fault) != sender:
            reason = f"ticket {message.transaction} is not open at {sender}"
            self._answer(FAULTS, sender, Refusal(transaction=message.transaction, reason=reason))
            return
        self._pass(FAULTS, WAN, "check")
        self._answer(FAULTS, sender, await self.faults.judge(message.transaction))

    @staticmethod
    def _maintainer(fault: Fault) -> str:
        return fault.answers.removeprefix("supplier ")
