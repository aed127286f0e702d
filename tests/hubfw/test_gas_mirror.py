from __future__ import annotations

import pytest

from hubfw.gas_mirror import PATIENCE, GasMirror, S
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.zcl.cluster import Attribute

Values = dict[Attribute[object], object]
COMPLETE: Values = {Metering.attribute_reporting_status: 1}
VOLUME: Values = {Metering.current_summation_delivered: 12_345}
LATER: Values = {Metering.current_summation_delivered: 99}
UNIT: Values = {Metering.unit_of_measure: 1}
STATUS: Values = {Metering.status: 0}
SITE: Values = {Metering.site_id: b"site"}
VERSION: Values = {Basic.zcl_version: 3}
MODEL: Values = {Basic.model_identifier: b"\xffA".decode("utf-8", "surrogateescape")}
UTC = 1_767_225_600 * S


def volume(mirror: GasMirror) -> object:
    return None if mirror.reading is None else mirror.reading.get(Metering, Metering.current_summation_delivered)


@pytest.mark.req("S-142", part=True)
def test_a_set_is_seen_when_its_last_piece_has_come_and_not_before() -> None:
    mirror = GasMirror(1)
    assert not mirror.report(Basic, VERSION, 0, UTC)
    assert not mirror.report(Metering, VOLUME, 1 * S, UTC)
    assert volume(mirror) is None
    assert mirror.report(Metering, UNIT | COMPLETE, 2 * S, UTC + 2 * S)
    assert volume(mirror) == 12_345
    assert mirror.reading is not None
    assert mirror.reading.at == UTC + 2 * S


def test_a_set_broken_off_leaves_the_last_complete_one_with_its_time() -> None:
    mirror = GasMirror(1)
    mirror.report(Metering, VOLUME | COMPLETE, 0, UTC)
    mirror.report(Metering, LATER, 1800 * S, UTC + 1800 * S)
    assert volume(mirror) == 12_345
    assert mirror.reading is not None
    assert mirror.reading.at == UTC


def test_pieces_of_two_wake_ups_are_never_one_set() -> None:
    mirror = GasMirror(1)
    mirror.report(Metering, VOLUME | UNIT | COMPLETE, 0, UTC)
    mirror.report(Metering, LATER, 1800 * S, UTC)  # broken off here
    assert not mirror.report(Metering, UNIT | COMPLETE, 1800 * S + PATIENCE + 1, UTC)
    assert volume(mirror) == 12_345
    assert mirror.refused == 1


def test_a_lost_piece_keeps_the_old_set_until_the_mirror_is_configured_anew() -> None:
    mirror = GasMirror(1)
    mirror.report(Metering, VOLUME | STATUS | COMPLETE, 0, UTC)
    assert not mirror.report(Metering, LATER | COMPLETE, 1800 * S, UTC)
    assert volume(mirror) == 12_345
    mirror.configure()
    assert mirror.report(Metering, LATER | COMPLETE, 3600 * S, UTC)
    assert volume(mirror) == 99


def test_the_mirror_survives_a_restart() -> None:
    mirror = GasMirror(7)
    mirror.report(Metering, VOLUME | SITE | COMPLETE, 0, UTC)
    again = GasMirror.from_plain(mirror.plain())
    assert again.reading == mirror.reading
    assert not again.report(Metering, VOLUME | COMPLETE, 1, UTC)  # still lacks the site id


def test_a_text_that_is_not_utf8_can_be_stored() -> None:
    mirror = GasMirror(1)
    mirror.report(Basic, MODEL | COMPLETE, 0, UTC)
    assert mirror.reading is not None
    assert mirror.reading.get(Basic, Basic.model_identifier) == "\ufffdA"
    str(mirror.plain()).encode()
