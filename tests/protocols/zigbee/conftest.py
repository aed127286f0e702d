"""Fixtures of the ZigBee tests."""

from __future__ import annotations

import pytest

from tests.protocols.zigbee.cell import Cell, Station


@pytest.fixture
def cell() -> Cell:
    return Cell()


@pytest.fixture
def home(cell: Cell) -> dict[str, Station]:
    """A hub, a meter, a display and a sleepy gas meter on one network, and nothing on the air."""
    stations = cell.home()
    for station in stations.values():
        station.effects.clear()
    return stations
