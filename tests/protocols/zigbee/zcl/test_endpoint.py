"""What an endpoint answers, and when it says nothing (07-5123 clause 2.5.12.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.time import Time
from protocols.zigbee.node import Message
from protocols.zigbee.zcl import foundation, types
from protocols.zigbee.zcl.cluster import CLIENT, SERVER
from protocols.zigbee.zcl.endpoint import Endpoint, Rejected, Reply
from protocols.zigbee.zcl.foundation import (
    AttributeValue,
    DefaultResponse,
    DiscoverAttributes,
    DiscoverAttributesResponse,
    Header,
    ReadAttributes,
    ReadAttributesResponse,
    ReadRecord,
    ReportAttributes,
    WriteAttributes,
    WriteAttributesNoResponse,
    WriteAttributesResponse,
    WriteAttributesUndivided,
    WriteRecord,
)
from protocols.zigbee.zcl.status import Status
from protocols.zigbee.zcl.types import Value

PEER = 0x00DB123456789A01


def message(payload, cluster=Metering.id, *, secured=True, broadcast=False):
    return Message(0x1234, PEER, 0x0109, cluster, 1, 1, payload, secured, broadcast)


def answers(endpoint, payload, cluster=Metering.id, **options):
    """The frames that came back, without their headers."""
    found = []
    for effect in endpoint.handle(message(payload, cluster, **options), 0):
        if isinstance(effect, Reply):
            header, position = Header.parse_from(effect.payload, 0)
            table = foundation.GENERAL if header.kind == 0 else Metering.commands[header.to]
            found.append(table[header.command].parse(effect.payload[position:]))
    return found


@pytest.fixture
def register():
    return {"wh": 123_456_789}


@pytest.fixture
def endpoint(register):
    endpoint = Endpoint(1, 0x0501)
    endpoint.serve(Metering, {
        Metering.current_summation_delivered: lambda: register["wh"],
        Metering.multiplier: 1,
        Metering.divisor: 1000,
        Metering.site_id: b"",
        Metering.status: 0,
    })  # fmt: skip
    endpoint.serve(Basic, {Basic.zcl_version: 8, Basic.location_description: "hall", Basic.physical_environment: 0})
    endpoint.serve(Time, {Time.time: 0, Time.time_zone: 0, Time.time_status: 0})
    endpoint.use(Metering)
    return endpoint


def test_read_gives_present_values_and_names_what_is_not_there(endpoint, register):
    request = foundation.general(9, ReadAttributes([0x0000, 0x0302, 0x7777]), to=SERVER)
    register["wh"] += 1
    assert answers(endpoint, request) == [ReadAttributesResponse([
        ReadRecord(0x0000, 0, Value(types.uint48, 123_456_790)),
        ReadRecord(0x0302, 0, Value(types.uint24, 1000)),
        ReadRecord(0x7777, Status.UNSUPPORTED_ATTRIBUTE),
    ])]  # fmt: skip
    (reply,) = endpoint.handle(message(request), 0)
    header, _ = Header.parse_from(reply.payload, 0)
    assert (header.sequence, header.to, header.default_response_disabled) == (9, CLIENT, True)


def write(command, *rows):
    return foundation.general(1, command([AttributeValue(id, Value(*value)) for id, value in rows]), to=SERVER)


GOOD = (0x0011, (types.enum8, 5))
UNKNOWN = (0x0FFF, (types.enum8, 5))
READ_ONLY = (0x0000, (types.uint8, 5))
WRONG_TYPE = (0x0010, (types.octet_string, b"attic"))


def test_writes_are_judged_one_by_one(endpoint):
    request = write(WriteAttributes, GOOD, UNKNOWN, READ_ONLY, WRONG_TYPE)
    assert answers(endpoint, request, Basic.id) == [WriteAttributesResponse([
        WriteRecord(Status.UNSUPPORTED_ATTRIBUTE, 0x0FFF),
        WriteRecord(Status.READ_ONLY, 0x0000),
        WriteRecord(Status.INVALID_DATA_TYPE, 0x0010),
    ])]  # fmt: skip
    basic = endpoint.server(Basic)
    assert (basic[Basic.physical_environment], basic[Basic.location_description]) == (5, "hall")


def test_a_write_out_of_range_is_refused(endpoint):
    request = write(WriteAttributes, (0x0002, (types.int32, 86_401)))
    assert answers(endpoint, request, Time.id) == [WriteAttributesResponse([WriteRecord(Status.INVALID_VALUE, 2)])]
    assert endpoint.server(Time)[Time.time_zone] == 0


def test_undivided_is_all_or_nothing(endpoint):
    basic = endpoint.server(Basic)
    told = []
    basic.on_write(lambda attribute, value: told.append((attribute.name, value)))
    request = write(WriteAttributesUndivided, GOOD, UNKNOWN)
    refused = WriteAttributesResponse([WriteRecord(Status.UNSUPPORTED_ATTRIBUTE, 0x0FFF)])
    assert answers(endpoint, request, Basic.id) == [refused]
    assert (basic[Basic.physical_environment], told) == (0, [])
    request = write(WriteAttributesUndivided, GOOD)
    assert answers(endpoint, request, Basic.id) == [WriteAttributesResponse([WriteRecord(0)])]
    assert told == [("physical_environment", 5)]


def test_a_bound_attribute_is_written_by_its_handler_or_not_at_all(endpoint):
    clock = endpoint.server(Time)
    ticks = [100]
    clock[Time.time] = lambda: ticks[0]
    request = write(WriteAttributes, (0x0000, (types.utc_time, 200)))
    assert answers(endpoint, request, Time.id) == [WriteAttributesResponse([WriteRecord(Status.READ_ONLY, 0)])]
    clock.on_write(lambda attribute, value: ticks.append(ticks.pop() + value))
    assert answers(endpoint, request, Time.id) == [WriteAttributesResponse([WriteRecord(0)])]
    assert clock[Time.time] == 300


def test_who_asks_for_too_much_at_once_is_told_so(endpoint):
    request = foundation.general(1, ReadAttributes([0x0000] * 1000), to=SERVER)
    assert answers(endpoint, request) == [DefaultResponse(0, Status.INSUFFICIENT_SPACE)]
    request = foundation.general(1, ReadAttributes([0x0000] * 100), to=SERVER)
    assert len(answers(endpoint, request)[0].records) == 100


@pytest.mark.parametrize("rows", [[GOOD], [UNKNOWN], [READ_ONLY]])
def test_write_without_response_is_never_answered(endpoint, rows):
    assert answers(endpoint, write(WriteAttributesNoResponse, *rows), Basic.id) == []


def test_a_malformed_write_without_response_changes_nothing_and_is_not_answered(endpoint):
    request = write(WriteAttributesNoResponse, GOOD, GOOD)[:-1]
    effects = endpoint.handle(message(request, Basic.id), 0)
    assert [effect.status for effect in effects if isinstance(effect, Rejected)] == [Status.MALFORMED_COMMAND]
    assert not [effect for effect in effects if isinstance(effect, Reply)]
    assert endpoint.server(Basic)[Basic.physical_environment] == 0


REFUSALS = {
    "cut attribute record": (write(WriteAttributes, GOOD, GOOD)[:-1], Basic.id, Status.MALFORMED_COMMAND),
    "string over the end": (bytes.fromhex("000102 100042 20 61"), Basic.id, Status.MALFORMED_COMMAND),
    "data type unknown": (bytes.fromhex("000102 1000 77 61"), Basic.id, Status.MALFORMED_COMMAND),
    "general command unknown": (bytes.fromhex("00010e"), Basic.id, Status.UNSUP_GENERAL_COMMAND),
    "cluster command unknown": (bytes.fromhex("010155"), Basic.id, Status.UNSUP_CLUSTER_COMMAND),
    "command without a handler": (bytes.fromhex("010100"), Basic.id, Status.UNSUP_CLUSTER_COMMAND),
    "cluster unknown": (bytes.fromhex("000100 0000"), 0x0B04, Status.UNSUPPORTED_CLUSTER),
    "manufacturer's cluster command": (bytes.fromhex("059a100100"), Basic.id, Status.UNSUP_MANUF_CLUSTER_COMMAND),
    "manufacturer's general command": (bytes.fromhex("049a100100"), Basic.id, Status.UNSUP_MANUF_GENERAL_COMMAND),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_told_to_a_unicast_and_not_to_a_broadcast(endpoint, name):
    payload, cluster, status = REFUSALS[name]
    effects = endpoint.handle(message(payload, cluster), 0)
    assert [(effect.status, effect.payload) for effect in effects if isinstance(effect, Rejected)] == [(status, payload)]
    header, _ = Header.parse_from(payload, 0)
    assert answers(endpoint, payload, cluster) == [DefaultResponse(header.command, status)]
    assert answers(endpoint, payload, cluster, broadcast=True) == []
    good = foundation.general(2, ReadAttributes([0x0000]), to=SERVER)
    assert answers(endpoint, good, Basic.id) == [ReadAttributesResponse([ReadRecord(0, 0, Value(types.uint8, 8))])]


def test_an_error_is_told_even_where_success_is_not_to_be_confirmed(endpoint):
    payload = bytes.fromhex("110155")
    assert answers(endpoint, payload, Basic.id) == [DefaultResponse(0x55, Status.UNSUP_CLUSTER_COMMAND)]


@pytest.mark.parametrize("command", sorted(foundation.ANSWERS))
@pytest.mark.parametrize("rest", ["", "00", "0000ff7f", "01ffffffff"])
def test_answers_nobody_asked_for_are_not_answered(endpoint, command, rest):
    payload = bytes((0x08, 1, command)) + bytes.fromhex(rest)
    assert endpoint.handle(message(payload), 0) == []


@pytest.mark.parametrize("payload", ["", "01", "0101", "05010203", "02010000", "03010000"])
def test_what_has_no_proper_header_is_dropped(endpoint, payload):
    effects = endpoint.handle(message(bytes.fromhex(payload)), 0)
    assert [type(effect) for effect in effects] == [Rejected]


def test_a_link_key_cluster_under_the_network_key_fails(endpoint):
    request = foundation.general(1, ReadAttributes([0x0000]), to=SERVER)
    assert answers(endpoint, request, secured=False) == [DefaultResponse(0, Status.FAILURE)]
    assert answers(endpoint, request, Basic.id, secured=False) == [
        ReadAttributesResponse([ReadRecord(0, 0, Value(types.uint8, 8))])
    ]


def test_handlers_answer_with_commands_statuses_or_success(endpoint):
    meter = endpoint.client(Metering)
    request = foundation.cluster(7, Metering.RequestMirror())
    meter.on(Metering.RequestMirror, lambda command, request: Metering.RequestMirrorResponse(0x10))
    assert answers(endpoint, request) == [Metering.RequestMirrorResponse(0x10)]
    meter.on(Metering.RequestMirror, lambda command, request: Status.NOT_AUTHORIZED)
    assert answers(endpoint, request) == [DefaultResponse(1, Status.NOT_AUTHORIZED)]
    meter.on(Metering.RequestMirror, lambda command, request: None)
    assert answers(endpoint, request) == [DefaultResponse(1, Status.SUCCESS)]
    silent = foundation.cluster(7, Metering.RequestMirror(), disable_default_response=True)
    assert answers(endpoint, silent) == []


def test_octets_that_a_later_revision_appended_do_no_harm(endpoint):
    seen = []
    endpoint.client(Metering).on(Metering.ConfigureMirror, lambda command, request: seen.append(command))
    command = Metering.ConfigureMirror(1, 1800, 1, 2)
    endpoint.handle(message(foundation.cluster(1, command) + b"\x99\x98"), 0)
    assert seen == [command]


def test_reports_reach_the_client_side(endpoint):
    seen = []
    endpoint.client(Metering).on_report(lambda values, request: seen.append((values, request.message.source)))
    rows = [AttributeValue(0, Value(types.uint48, 7)), AttributeValue(0x7FFF, Value(types.uint8, 1)),
            AttributeValue(0x0302, Value(types.uint32, 1))]  # fmt: skip
    report = foundation.general(1, ReportAttributes(rows), to=CLIENT)
    assert answers(endpoint, report) == [DefaultResponse(0x0A, Status.SUCCESS)]
    assert seen == [({Metering.current_summation_delivered: 7}, 0x1234)]


def test_discovery_in_pieces(endpoint):
    request = foundation.general(1, DiscoverAttributes(0x0001, 2), to=SERVER)
    (found,) = answers(endpoint, request)
    assert isinstance(found, DiscoverAttributesResponse)
    assert [(row.attribute, row.type) for row in found.attributes] == [(0x0200, 0x18), (0x0301, 0x22)]
    assert found.complete == 0


def test_discovery_of_attributes_with_their_access(endpoint):
    request = foundation.general(1, foundation.DiscoverAttributesExtended(0x0000, 3), to=SERVER)
    (found,) = answers(endpoint, request)
    assert isinstance(found, foundation.DiscoverAttributesExtendedResponse)
    assert [(row.attribute, row.type) for row in found.attributes] == [(0x0000, 0x25), (0x0200, 0x18), (0x0301, 0x22)]
    assert [row.access for row in found.attributes] == [0b101, 0b101, 0b101]  # readable and reportable, none writable
    assert found.complete == 0


def test_discovery_of_commands(endpoint):
    endpoint.client(Metering).on(Metering.ConfigureMirror, lambda command, request: None)
    endpoint.client(Metering).on(Metering.RemoveMirror, lambda command, request: None)
    for start, maximum, complete, commands in ((0, 5, 1, [0x02, 0x08]), (0, 1, 0, [0x02]), (3, 5, 1, [0x08]), (9, 5, 1, [])):
        request = foundation.general(1, foundation.DiscoverCommandsReceived(start, maximum), to=CLIENT)
        (found,) = answers(endpoint, request)
        assert found == foundation.DiscoverCommandsReceivedResponse(complete, bytes(commands))
    request = foundation.general(1, foundation.DiscoverCommandsGenerated(0x00, 255), to=CLIENT)
    (found,) = answers(endpoint, request)
    assert set(found.commands) == set(Metering.commands[SERVER])


def test_reports_keep_the_order_and_the_limit(endpoint):
    wanted = [Metering.current_summation_delivered, Metering.multiplier, Metering.divisor, Metering.site_id]
    frames = endpoint.report(Metering, wanted, limit=20)
    assert all(len(frame) <= 20 for frame in frames)
    ids, sequences = [], []
    for frame in frames:
        header, position = Header.parse_from(frame, 0)
        assert (header.to, header.command) == (CLIENT, 0x0A)
        sequences.append(header.sequence)
        ids += [record.attribute for record in ReportAttributes.parse(frame[position:]).records]
    assert ids == [attribute.id for attribute in wanted]
    assert len(set(sequences)) == len(sequences) == 2


def test_what_a_cluster_does_not_have_is_our_error(endpoint):
    with pytest.raises(LocalProtocolError):
        endpoint.serve(Basic)[Metering.divisor] = 1
    with pytest.raises(LocalProtocolError):
        endpoint.server(Metering).on(Metering.RequestMirror, lambda command, request: None)


@given(st.binary(max_size=80), st.sampled_from([Basic.id, Metering.id, Time.id, 0x1234]))
def test_no_octets_do_harm(payload, cluster):
    endpoint = Endpoint(1, 0x0501)
    endpoint.serve(Metering, {Metering.divisor: 1})
    endpoint.serve(Basic, {Basic.location_description: None})
    endpoint.serve(Time, {Time.time: None, Time.time_zone: 0})
    for effect in endpoint.handle(message(payload, cluster), 0):
        assert isinstance(effect, Reply | Rejected)
