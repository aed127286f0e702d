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
