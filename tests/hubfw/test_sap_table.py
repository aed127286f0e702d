from __future__ import annotations

import pytest

from devices.runtime.flash import Flash
from devices.runtime.nvm import Nvm
from hubfw.sap_table import SapTable


@pytest.mark.req("S-018", part=True)
def test_a_sap_is_given_at_first_join_kept_over_restarts_and_never_given_again() -> None:
    flash = Flash()
    table = SapTable(Nvm(flash))
    assert [table.assign(eui64) for eui64 in (0xA, 0xB, 0xA)] == [3, 4, 3]
    again = SapTable(Nvm(flash))
    assert again.assign(0xC) == 5
    assert again.meters() == [(3, 0xA), (4, 0xB), (5, 0xC)]
    assert (again.eui64(4), again.eui64(1), again.eui64(2)) == (0xB, None, None)


@pytest.mark.req("S-018", part=True)
def test_the_only_gas_meter_is_sap_2_unwritten_and_of_several_each_keeps_its_number() -> None:
    flash = Flash()
    table = SapTable(Nvm(flash))
    table.assign(0xA)
    assert table.gas() == []
    assert [table.assign_gas(each, 0xF) for each in (0x10, 0xF, 0x10)] == [4, 2, 4]
    again = SapTable(Nvm(flash))
    assert [again.assign(0xB), again.assign_gas(0x11, 0xF)] == [5, 6]
    assert again.gas() == [(2, 0xF), (4, 0x10), (6, 0x11)]
    assert again.meters() == [(3, 0xA), (5, 0xB)]
