"""Configured reporting: intervals, changes, refusals (07-5123 clause 2.5.7)."""

from __future__ import annotations

import pytest

from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.node import Message
from protocols.zigbee.zcl import foundation, types
from protocols.zigbee.zcl.cluster import SERVER
from protocols.zigbee.zcl.endpoint import Endpoint, Reply
from protocols.zigbee.zcl.foundation import (
    ConfigureReporting,
    ConfigureReportingResponse,
    Header,
    Intervals,
    ReadReportingConfiguration,
    ReadReportingConfigurationResponse,
    ReportAttributes,
    ReportingOutcome,
    ReportingQuery,
    ReportingRecord,
    ReportingState,
)
from protocols.zigbee.zcl.status import Status

S = 1_000_000_000
SUM = Metering.current_summation_delivered
PEER = (0x0000, 1)


@pytest.fixture
def endpoint():
    endpoint = Endpoint(1, 0x0501)
    endpoint.serve(Metering, {SUM: 0, Metering.status: 0, Metering.divisor: 1000, Metering.reading_snapshot_time: 0})
    return endpoint


def ask(endpoint, command, now=0):
    payload = foundation.general(1, command, to=SERVER)
    (reply,) = [
        effect for effect in endpoint.handle(Message(*PEER[:1], None, 0x0109, Metering.id, 1, 1, payload, True, False), now)
        if isinstance(effect, Reply)
    ]  # fmt: skip
    header, position = Header.parse_from(reply.payload, 0)
    return foundation.GENERAL[header.command].parse(reply.payload[position:])


def configure(endpoint, *rows, now=0):
    return ask(endpoint, ConfigureReporting([ReportingRecord(0, id, Intervals(*row)) for id, *row in rows]), now)


def values(report):
    _, position = Header.parse_from(report.payload, 0)
    return [(row.attribute, row.value.value) for row in ReportAttributes.parse(report.payload[position:]).records]


def test_maximum_interval(endpoint):
    done = configure(endpoint, (0, types.uint48, 10, 60, 5), (0x0200, types.bitmap8, 0, 60))
    assert done == ConfigureReportingResponse([ReportingOutcome(Status.SUCCESS)])
    assert endpoint.reporting.deadline == 60 * S
    assert endpoint.reporting.expire(60 * S - 1) == []
    (report,) = endpoint.reporting.expire(60 * S)
    assert (report.destination, report.cluster) == (PEER, Metering.id)
    assert values(report) == [(0x0000, 0), (0x0200, 0)]
    assert endpoint.reporting.deadline == 120 * S


def test_a_change_waits_for_the_minimum_interval_and_for_its_size(endpoint):
    configure(endpoint, (0, types.uint48, 10, 0, 5))
    metering, reporting = endpoint.server(Metering), endpoint.reporting
    assert reporting.deadline is None
    metering[SUM] = 4
    reporting.changed(metering, SUM)
    assert reporting.deadline is None
    metering[SUM] = 5
    reporting.changed(metering, SUM)
    assert reporting.deadline == 10 * S
    assert [values(report) for report in reporting.expire(20 * S)] == [[(0, 5)]]
    metering[SUM] = 50
    reporting.changed(metering, SUM)
    assert reporting.deadline == 30 * S
    assert reporting.expire(29 * S) == []
    assert [values(report) for report in reporting.expire(30 * S)] == [[(0, 50)]]
    assert reporting.deadline is None


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ((0x7777, types.uint8, 0, 60, 0), Status.UNSUPPORTED_ATTRIBUTE),
        ((0x0007, types.utc_time, 0, 60, 0), Status.UNREPORTABLE_ATTRIBUTE),
        ((0x0000, types.uint32, 0, 60, 0), Status.INVALID_DATA_TYPE),
        ((0x0000, types.uint48, 61, 60, 0), Status.INVALID_VALUE),
    ],
)
def test_refused(endpoint, row, status):
    done = configure(endpoint, row)
    assert done == ConfigureReportingResponse([ReportingOutcome(status, 0, row[0])])
    assert endpoint.reporting.deadline is None


def test_the_table_is_bounded(endpoint):
    metering = endpoint.server(Metering)
    tiers = list(Metering.current_tier_summation_delivered)
    for tier in tiers:
        metering[tier] = 0
    done = configure(endpoint, *[(tier.id, types.uint48, 0, 60, 0) for tier in tiers])
    assert {(row.status, row.attribute) for row in done.records} == {(Status.INSUFFICIENT_SPACE, tier.id) for tier in tiers[32:]}
    assert len(endpoint.reporting.entries) == 32


def test_cancelled_and_read_back(endpoint):
    configure(endpoint, (0, types.uint48, 10, 60, 5))
    query = ReadReportingConfiguration([ReportingQuery(0, 0), ReportingQuery(0, 0x0200), ReportingQuery(0, 0x7777)])
    assert ask(endpoint, query) == ReadReportingConfigurationResponse([
        ReportingState(Status.SUCCESS, 0, 0, Intervals(types.uint48, 10, 60, 5)),
        ReportingState(Status.NOT_FOUND, 0, 0x0200),
        ReportingState(Status.UNSUPPORTED_ATTRIBUTE, 0, 0x7777),
    ])  # fmt: skip
    configure(endpoint, (0, types.uint48, 10, 0xFFFF, 5))
    assert endpoint.reporting.deadline is None
