"""A server for tests of sessions and services: a meter, what happened to it, and the words to ask it with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protocols.core.codec import Frame
from protocols.dlms import acse, apdu, axdr, initiate, xdlms
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import (
    Access,
    AccessError,
    Clock,
    Column,
    DisconnectControl,
    ProfileGeneric,
    PushSetup,
    Reference,
    Register,
    Unit,
    date_time,
)
from protocols.dlms.cosem import Data as DataClass
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, Session, open_profile
from protocols.dlms.xdlms import AttributeDescriptor, DataAccessResult, Datablock, MethodDescriptor

INVOKE = 0xC1
PASSWORD = b"12345678"
SECOND = 1_000_000_000
FULL = 0x7E1F  # the conformance of the published AARQ: every classic logical-name service

TEXT = AttributeDescriptor(1, Obis("0-0:96.13.0"), 2)
ENERGY = AttributeDescriptor(3, Obis("1-0:1.8.0"), 2)
LONG = AttributeDescriptor(1, Obis("0-0:96.14.0"), 2)
NOT_HERE = AttributeDescriptor(3, Obis("1-0:99.99.99"), 2)
DISCONNECT = MethodDescriptor(70, Obis("0-0:96.3.10"), 1)


@dataclass
class Home:
    """A server with one meter and one gas meter, and what happened to them."""

    happened: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = Clock("0-0:1.0.0", time=lambda: date_time.encode(0), on={"time": self.happened.append})
        energy = Register("1-0:1.8.0", value=lambda: axdr.u32(5009), scaler_unit=(0, Unit.WATT_HOUR))
        self.text = DataClass("0-0:96.13.0", value=axdr.octets(b"old"), access={"value": Access.READ_WRITE})
        self.limit = DataClass("0-0:96.15.0", value=axdr.u8(5), access={"value": Access.READ_WRITE}, on={"value": at_most_9})
        long = DataClass("0-0:96.14.0", value=axdr.octets(bytes(range(256)) * 8))
        profile = ProfileGeneric("1-0:99.1.0", columns=(Column(clock), Column(energy)), profile_entries=48)
        for number in range(48):
            profile.append((axdr.octets(date_time.encode(number * 1800 * SECOND)), axdr.u32(number)))
        self.switch = DisconnectControl("0-0:96.3.10", on={"remote_disconnect": self.happened.append})
        self.push = PushSetup("0-0:25.9.0", push_object_list=[Reference.to(energy, 2).data],
                              send_destination_and_method=(0, b"", 0))  # fmt: skip
        things = [clock, energy, self.text, self.limit, long, profile, self.switch, self.push]
        self.meter = LogicalDevice(b"MBE0000000000001", things, open_profile(PASSWORD))
        self.server = Server({1: self.meter, 2: LogicalDevice(b"MBG0000000000002", (), open_profile(PASSWORD))})

    def session(self, client: int = 1, server: int = 1, path_limit: int = 1024) -> Session:
        session = self.server.session(client, server, path_limit)
        assert session is not None
        return session

    def associated(self, client: int = 1, *, path_limit: int = 1024, conformance: int = FULL, max_pdu: int = 0xFFFF) -> Session:
        session = self.session(client, path_limit=path_limit)
        secured = client == 1
        aare = associate(session, mechanism=Mechanism.LOW if secured else Mechanism.LOWEST,
                         conformance=conformance, max_pdu=max_pdu)  # fmt: skip
        assert aare.result == acse.Result.ACCEPTED
        return session


def at_most_9(value: Data) -> None:
    if value.value > 9:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED)


def aarq(
    *, mechanism: Mechanism = Mechanism.LOW, password: bytes = PASSWORD, context: Context = Context.LOGICAL_NAME,
    version: int = 6, conformance: int = FULL, max_pdu: int = 0xFFFF,
) -> acse.AARQ:  # fmt: skip
    proposal = initiate.InitiateRequest(None, None, None, version, conformance, max_pdu).build()
    return acse.AARQ.propose(context, proposal, mechanism=mechanism, authentication=password)


def associate(session: Session, now: int = 0, **options: Any) -> acse.AARE:
    (answer,) = session.receive(aarq(**options).build(), now)
    return acse.AARE.parse(answer)


def ask(session: Session, request: Frame | str) -> Frame | None:
    answers = session.receive(bytes.fromhex(request) if isinstance(request, str) else request.build(), 0)
    assert len(answers) <= 1
    return apdu.parse(answers[0]) if answers else None


def exception(state: int, service: int) -> xdlms.ExceptionResponse:
    return xdlms.ExceptionResponse(state, service)


def got(session: Session, attribute: AttributeDescriptor, selection: xdlms.SelectiveAccess | None = None) -> Data | int:
    answer = ask(session, xdlms.GetRequestNormal(INVOKE, attribute, selection))
    assert isinstance(answer, xdlms.GetResponseNormal)
    assert answer.invoke == INVOKE
    return answer.result.value


def put(session: Session, attribute: AttributeDescriptor, value: Data) -> int:
    answer = ask(session, xdlms.SetRequestNormal(INVOKE, attribute, None, value))
    assert isinstance(answer, xdlms.SetResponseNormal)
    return answer.result


def set_first(last: int, number: int, raw: bytes) -> xdlms.SetRequestWithFirstDatablock:
    return xdlms.SetRequestWithFirstDatablock(INVOKE, TEXT, None, Datablock(last, number, raw))


def set_next(last: int, number: int, raw: bytes) -> xdlms.SetRequestWithDatablock:
    return xdlms.SetRequestWithDatablock(INVOKE, Datablock(last, number, raw))
