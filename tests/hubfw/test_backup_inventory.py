"""Every key that a hub keeps has a decision: it goes to a successor, or it stays behind for a reason that is written here."""

from __future__ import annotations

import re

import pytest

from devices.runtime.kernel import MIN, S
from hubfw import backup
from tests.sim.told import Told
from tools.bench import config
from tools.bench.commissioning import commission

CARRIED = (
    "sap/", "sap-gas/", "gas-endpoint/", "name/",
    "mirror/", "mirror-flags/", "mail/", "notices", "events", "events/told", "events/not-told", "message",
    "load-control", "published/", "block-period/", "dwellings", "outage/told", "outage/record", "outage/threshold", "gas/order",
    "gas/samples/",
    "prepay/", "wan/application", "wan/packets", "wan/sleepers", "wan/codes", "joining/timeout", "device-history", "dlms/secret/",
    "joining/window", "device-farewells", "untold", "push/destination", "supply/outside",
    "dlms/users/", "dlms/hidden/", "dlms/keys", "dlms/policy", "dlms/peers",
    "dlms/certificates",  # of other parties alone
    "counter/mbus/messages",  # the meters' keys go over, and no message counter is used twice under one
    "mbus/heard/",  # so that a telegram which the old hub has taken is not taken again
)  # fmt: skip
LEFT = {
    "store/": "the layout of this board's flash; the backup has its own word for it",
    "han/": "network key and frame counters: the successor forms the network with a key of its own",
    "counter/": "no counter is set back by a restore, and these keys are this board's own",
    "tunnel/": "opened anew by the successor",
    "swap/": "what became of this board",
    "image/": "firmware that is on its way: whoever published it does so again; what each device runs, it tells again",
    "supervision/": "this board's restarts",
    "device/": "carried line by line from the log",
    "device-entry/": "carried line by line from the log",
    "device-log/": "what was told of this board's log",
    "outage/state": "this board's supply",
    "ota/": "this board's own firmware",
    "cosem/22/": "when firmware is to be activated, which stays behind",
    "clockwork/": "until when it was done",
}


def row(key):
    """The decision about a key: that of the longest beginning."""
    found = [each for each in (*CARRIED, *LEFT) if key == each or (each.endswith("/") and key.startswith(each)) or
             (key.startswith(each + "/") and each not in ("events", "notices"))]  # fmt: skip
    return max(found, key=len, default=None)


def lived(path):
    """The keys of a hub of a shipped bench that lived for an hour, through an outage."""
    run = Told(config.load(path), None)
    commission(run)
    run.run(for_=35 * MIN)
    run.hub.firmware.log.save()
    run.mains.off(200 * S)
    run.run(for_=10 * MIN)
    return list(run.hub.nvm.keys(""))


@pytest.mark.parametrize("bench", ["home", "wan-module", "gas-by-mbus", "hub-prepayment", "tariffs"])
def test_somebody_has_decided_about_every_key_of_a_hub_that_lived(bench, request):
    keys = lived(request.config.rootpath / "fixtures" / "benches" / f"{bench}.toml")
    assert len(keys) > 8
    assert [key for key in keys if row(key) is None] == []
    assert [key for key in keys if backup._goes(key) is not (row(key) in CARRIED)] == []


def test_what_stays_behind_is_what_the_table_says():
    assert sorted(backup.LEFT) == sorted(LEFT)
    assert all(backup._goes(each) for each in CARRIED)


def test_what_few_hubs_keep_is_decided_about_too(request):
    """Every key that is named in the firmware, lived through or not."""
    named = re.compile(r'^_?[A-Z_]+(?:: Final)? = "([a-z-]+(?:/[a-z/-]*)?)"$', re.MULTILINE)
    modules = sorted((request.config.rootpath / "hubfw").rglob("*.py"))
    told = {module: module.read_text(encoding="utf-8") for module in modules}
    keys = {key for text in told.values() if "nvm" in text for key in named.findall(text)}
    assert {"device-farewells", "joining/window", "untold", "supply/outside"} <= keys
    words = {"dlms", "gateway", "gooo", "electricity", "hub", "wan", "handed-over", "erased"}  # that are no keys
    assert {key for key in keys if row(key) is None and row(f"{key}/x") is None} <= words
