"""Many consumer devices paired at once: a street after a sale, each home's hub told of all of them in the same minute."""

from __future__ import annotations

import pytest

from devices.runtime.kernel import MIN, S
from tools.headend.notices import DeviceLogChanged

WANTED = [f"home{home}/cad{number}" for home in (1, 2, 3, 4) for number in (1, 2, 3)]


@pytest.mark.req("S-114")
def test_a_street_pairs_in_minutes_and_everybody_is_in_his_own_hubs_log(build):
    street = build("pairing-weekend")
    street.run(for_=10 * MIN)  # switched on long ago, they try every few minutes
    begin = street.now
    orders = [street.kernel.spawn(street.head_end.pair(name, seconds=3600), who="supplier") for name in WANTED]

    def done():
        return all(street.board(name).firmware.commissioned for name in WANTED)

    while not done():
        assert street.now < begin + 40 * MIN, [name for name in WANTED if not street.board(name).firmware.commissioned]
        street.run(for_=10 * S)
    assert all(task.done for task in orders)
    took = sorted(now - begin for now, who, kind, _ in street.told if kind == "han.joined" and who in WANTED and now > begin)
    assert len(took) == len(WANTED)  # each of them once
    assert took[len(took) // 2] < 16 * MIN
    for home in street.homes.values():
        log = {device.eui64 for device in home.hub.firmware.log if device.joined}
        assert {home.boards[f"cad{number}"].eui64 for number in (1, 2, 3)} <= log
        assert len(log) == 5
    street.run(for_=MIN)
    last = {notice.hub: notice.devices.keys() for notice in street.head_end.notices(DeviceLogChanged)}
    assert sorted(map(len, last.values())) == [5] * 4
    assert all(home.hub.firmware.notifier.waiting == 0 for home in street.homes.values())
