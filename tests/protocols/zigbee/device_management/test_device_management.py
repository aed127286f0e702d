"""Changes of supplier and tenancy in attributes; which events a device handles how."""

from __future__ import annotations

import pytest

from protocols.zigbee.clusters.device_management import DeviceManagement, EventConfigurationPayload
from protocols.zigbee.device_management.attributes import attributes
from protocols.zigbee.device_management.events import EventConfiguration
from protocols.zigbee.device_management.table import ROWS
from protocols.zigbee.publication.store import Store
from protocols.zigbee.zcl.status import Status

NOW, DAY = 800_000_000, 86_400


def supplier(event, start, number, name=b"New"):
    return DeviceManagement.PublishChangeOfSupplier(1, event, 0, number, start, 5, name, b"0800 111")


def test_a_proposed_supplier_becomes_the_supplier_at_its_time():
    store = Store(ROWS)
    store.publish(supplier(1, 0, 7, b"Old"), NOW)
    store.publish(supplier(2, NOW + DAY, 8), NOW)
    store.publish(DeviceManagement.PublishChangeOfTenancy(1, 3, 0, NOW + 2 * DAY, 6), NOW)
    before = attributes(store, NOW)
    assert (before[DeviceManagement.provider_id], before[DeviceManagement.provider_name]) == (7, b"Old")
    assert before[DeviceManagement.proposed_provider_id] == 8
    assert before[DeviceManagement.proposed_provider_change_date_time] == NOW + DAY
    assert before[DeviceManagement.proposed_tenancy_change_control] == 6
    store.expire(NOW + DAY)
    after = attributes(store, NOW + DAY)
    assert (after[DeviceManagement.provider_id], after[DeviceManagement.provider_contact_details]) == (8, b"0800 111")
    assert DeviceManagement.proposed_provider_id not in after


def test_a_password_lasts_for_its_minutes():
    store = Store(ROWS)
    store.publish(DeviceManagement.RequestNewPasswordResponse(1, 0, 10, 2, b"1234"), NOW)
    question = DeviceManagement.RequestNewPassword(2)
    assert [each.password for each in store.answer(question, NOW + 599)] == [b"1234"]
    store.expire(NOW + 600)
    assert store.answer(question, NOW + 600) == Status.NOT_FOUND
    assert store.answer(DeviceManagement.RequestNewPassword(1), NOW) == Status.NOT_FOUND


HELD = {0x0101: 1, 0x0102: 2, 0x0203: 1}


def changed(control, payload, held=HELD):
    configuration = EventConfiguration(held)
    status = configuration.set(DeviceManagement.SetEventConfiguration(1, NOW, 0x48, control, bytes.fromhex(payload)))
    return status, [event for event, value in configuration.held.items() if value == 0x48]


@pytest.mark.parametrize(("control", "payload", "events"), [
    (0, "02 0101 0302", [0x0101, 0x0203]),
    (0, "01 9999", []),
    (1, "ff01", [0x0101, 0x0102]),
    (1, "ffff", [0x0101, 0x0102, 0x0203]),
    (2, "01", [0x0101, 0x0203]),
    (3, "02", [0x0102]),
])  # fmt: skip
def test_events_are_chosen_one_by_one_by_group_by_log_and_by_configuration(control, payload, events):
    assert changed(control, payload) == (Status.SUCCESS, events)


@pytest.mark.parametrize(("control", "payload", "status"), [
    (0, "", Status.MALFORMED_COMMAND), (0, "03 0101", Status.MALFORMED_COMMAND), (1, "ff", Status.MALFORMED_COMMAND),
    (2, "0102", Status.MALFORMED_COMMAND), (4, "01", Status.INVALID_FIELD), (255, "", Status.INVALID_FIELD),
])  # fmt: skip
def test_what_makes_no_sense_changes_nothing(control, payload, status):
    assert changed(control, payload) == (status, [])


def test_a_report_is_in_pieces():
    many = EventConfiguration({event: event & 7 for event in range(45)})
    reports = many.report(DeviceManagement.GetEventConfiguration(0xFFFF))
    assert [(each.command_index, each.total_commands, len(each.event_configuration_payload)) for each in reports] == [
        (0, 3, 20), (1, 3, 20), (2, 3, 5)]  # fmt: skip
    (one,) = many.report(DeviceManagement.GetEventConfiguration(12))
    assert one.event_configuration_payload == [EventConfigurationPayload(12, 4)]
    assert many.report(DeviceManagement.GetEventConfiguration(99)) == Status.NOT_FOUND
