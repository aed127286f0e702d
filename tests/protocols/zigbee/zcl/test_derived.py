"""Attributes from a table that endpoints share: read, discovered, reported, never written, and cheap until somebody asks."""

from __future__ import annotations

import pytest

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import Message
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.cluster import SERVER
from protocols.zigbee.zcl.endpoint import Endpoint, Reply
from protocols.zigbee.zcl.foundation import (
    REPORTED_BY_YOU,
    AttributeValue,
    ConfigureReporting,
    DiscoverAttributes,
    Header,
    Intervals,
    ReadAttributes,
    ReportingRecord,
    WriteAttributes,
)
from protocols.zigbee.zcl.status import Status
from protocols.zigbee.zcl.types import Value, uint24

DAY, MONTH, MASK = (
    Metering.current_day_consumption_delivered,
    Metering.current_month_consumption_delivered,
    Metering.generic_alarm_mask,
)
TABLE = {DAY.id: 1, MONTH.id: 2, MASK.id: 3}


@pytest.fixture
def asked():
    return []


@pytest.fixture
def endpoint(asked):
    made = Endpoint(1, 0x0501)

    def read(identifier):
        asked.append(identifier)
        return TABLE[identifier] * 100

    made.serve(Metering, {Metering.divisor: 1000}).derive(TABLE, read)
    return made


def ask(endpoint, command):
    zcl = foundation.general(1, command, to=SERVER, disable_default_response=False)
    (reply,) = endpoint.handle(Message(0x1234, 1, 0x0109, Metering.id, 1, 1, zcl, True, False), 0)
    assert isinstance(reply, Reply)
    header, at = Header.parse_from(reply.payload, 0)
    return foundation.GENERAL[header.command].parse(reply.payload[at:])


def test_a_read_gives_them_and_nothing_else_asks(endpoint, asked):
    answer = ask(endpoint, ReadAttributes([DAY.id, Metering.divisor.id, Metering.previous_day_consumption_delivered.id]))
    assert [(each.status, each.value and each.value.value) for each in answer.records] == [
        (0, 100), (0, 1000), (Status.UNSUPPORTED_ATTRIBUTE, None),
    ]  # fmt: skip
    assert asked == [DAY.id]
    with pytest.raises(KeyError):
        endpoint.server(Metering)[Metering.previous_day_consumption_delivered]


def test_discovery_finds_both_kinds_in_order(endpoint, asked):
    answer = ask(endpoint, DiscoverAttributes(0, 255))
    assert [each.attribute for each in answer.attributes] == sorted([*TABLE, Metering.divisor.id])
    assert asked == []


def test_they_are_read_only_though_declared_writable(endpoint):
    answer = ask(endpoint, WriteAttributes([AttributeValue(MASK.id, Value(MASK.type, 0))]))
    assert [each.status for each in answer.records] == [Status.READ_ONLY]


def test_they_are_reported(endpoint):
    wish = ReportingRecord(REPORTED_BY_YOU, DAY.id, Intervals(uint24, 1, 60, 1))
    answer = ask(endpoint, ConfigureReporting([wish]))
    assert [each.status for each in answer.records] == [Status.SUCCESS]
    (report,) = endpoint.reporting.expire(60 * 1_000_000_000)
    assert report.payload[-3:] == (100).to_bytes(3, "little")
