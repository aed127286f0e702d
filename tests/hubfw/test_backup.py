"""A hub's backup: what is in it, who can open it, what is refused, and that it is taken in as a whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hubfw
from devices.parts import sealed_backup
from devices.parts.sealed_backup import Head, SealedBackup
from devices.runtime.flash import Flash, PowerCut
from devices.runtime.nvm import Nvm
from hubfw import backup, store
from hubfw.backup import AHEAD, LEFT, MBUS_MESSAGES, PEERS, Contents
from hubfw.device_log import DeviceLog
from hubfw.swap import admit
from protocols.core.ecc import Curve, generate, public_key
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.security import authority as x509_authority
from protocols.dlms.security.certificates import CertificateType
from protocols.zigbee.backup import Backup
from protocols.zigbee.key_establishment.certificates import SUITES, Authority, scalar
from tests.sim.swap_rules import accepted_again

KEY = bytes(range(32))
OLD, NEW = 0x00DB_1234_5678_9A00, 0x00DB_1234_5678_9A01
METER, DISPLAY = OLD + 2, OLD + 3
HASH = b"hash of link key"
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")
TITLE = b"CLIENT01"
OLD_TITLE = OLD.to_bytes(8, "big")
SIGNATURE = CertificateType.DIGITAL_SIGNATURE
SUITE = SUITES[2]


def authority(name):
    return Authority(SUITE, int.from_bytes(name, "big"), scalar(SUITE.curve, Random(name.decode()).getrandbits))


OURS, THEIRS = authority(b"BENCHECA"), authority(b"SOMEBODY")


def certificate(eui64, issuer=OURS):
    return issuer.issue(eui64, Random(eui64).getrandbits)


@pytest.fixture(scope="module")
def lived():
    """Flash of a hub with a home: one device that has joined, one that has not."""
    nvm = Nvm(Flash())
    store.prepare(nvm)
    nvm.put({
        "sap/" + f"{METER:016X}": 3, "mirror/00": {"litres": 4711}, "mail/00DB/1": [b"message", 5], "notices": [b"notice"],
        "han/network": {"network_keys": {"0": b"network key 1234"}}, "counter/han/counter/nwk": 4096,
        "dlms/secret/hub/1": b"changed", PEERS: [[TITLE, 0, 700]], "device-history": [[OLD + 9, "ihd", 7, b"key of long ago.", 12]],
    })  # fmt: skip
    log = DeviceLog(nvm, [hubfw.Entry(METER, CODE, "esme")])
    log.join(METER, 99)
    log.add(hubfw.Entry(DISPLAY, CODE, "ihd"))
    return nvm, log


@pytest.fixture(scope="module")
def contents(lived):
    nvm, log = lived
    return backup.take(nvm, OLD, list(log), Backup(OLD ^ 1 << 56, {METER: HASH, DISPLAY: HASH}), {"type": "hub"})


def sealed(contents, **changes):
    head = Head(**{"hub": OLD, "number": 1, "made": 1_800_000_000, "certificate": b""} | changes)
    return sealed_backup.seal(KEY, head, contents.build())


def taken_in(contents, before=None, beside=None):
    nvm = Nvm(Flash())
    nvm.put({"han/network": {}, "counter/han/counter/nwk": 77, **(before or {})})
    backup.give(nvm, contents, beside or {})
    return nvm


@pytest.mark.req("S-025", part=True)
def test_everything_comes_over_but_counters_and_keys_of_the_network(lived, contents):
    nvm = taken_in(contents)
    for key in ("mirror/00", "mail/00DB/1", "notices", "dlms/secret/hub/1", f"sap/{METER:016X}"):
        assert nvm.get(key) == lived[0].get(key), key
    assert nvm.get("counter/han/counter/nwk") == 77
    assert "han/network" not in nvm
    log = DeviceLog(nvm, ())
    assert [(each.eui64, each.kind, each.joined, each.entry.install_code) for each in log] == [
        (METER, "esme", False, b""), (DISPLAY, "ihd", False, CODE),
    ]  # fmt: skip
    assert backup.pan(nvm) == Backup(OLD ^ 1 << 56, {METER: HASH})
    octets = contents.build()
    assert not any(secret in octets for secret in (b"network key 1234", b"key of long ago."))


@pytest.mark.req("S-025", part=True)
def test_only_hubs_with_the_key_read_it_and_a_changed_octet_is_seen(contents):
    octets = sealed(contents)
    head, plain = sealed_backup.unseal(KEY, octets)
    assert (head.hub, head.number, plain) == (OLD, 1, contents.build())
    assert not any(secret in octets for secret in (b"message", b"changed", HASH, CODE))
    with pytest.raises(RemoteProtocolError):
        sealed_backup.unseal(bytes(32), octets)
    for place in range(0, len(octets)):
        with pytest.raises(RemoteProtocolError):
            sealed_backup.unseal(KEY, octets[:place] + bytes([octets[place] ^ 1]) + octets[place + 1 :])


def test_two_backups_never_share_key_and_nonce(contents):
    first, second, other = sealed(contents), sealed(contents, number=2), sealed(contents, hub=NEW)
    bodies = {SealedBackup.parse(each).contents for each in (first, second, other)}
    assert len(bodies) == 3


def imported(**changes):
    """What a security setup keeps."""
    return {"certificates": [], "pending": {}, "own": {}, "revoked": []} | changes


@pytest.mark.req("S-025", part=True)
def test_of_certificates_those_of_others_go_and_what_was_revoked_stays_so(lived):
    root = x509_authority.Authority("Root", Curve.P256, Random("root"), (0, 2**62))
    of = {title: root.certify(title, public_key(generate(Curve.P256, Random(title))), SIGNATURE) for title in (TITLE, OLD_TITLE)}
    nvm, log = Nvm(Flash()), lived[1]
    gone, theirs = (b"issuer", b"\x07"), (b"issuer", b"\x08")
    kept = imported(certificates=list(of.values()), own={0: b"old private"}, pending={1: b"x"}, revoked=[gone])
    nvm.put({backup.CERTIFICATES: kept})
    contents = Contents.parse(backup.take(nvm, OLD, list(log), Backup(OLD, {}), {}).build())
    assert contents.kept[backup.CERTIFICATES] == imported(certificates=[of[TITLE]], revoked=[list(gone)])
    for before, after in (
        ({}, imported(certificates=[of[TITLE]], revoked=[list(gone)])),
        (
            {backup.CERTIFICATES: imported(own={0: b"private"}, revoked=[theirs])},
            imported(certificates=[of[TITLE]], own={0: b"private"}, revoked=[list(theirs), list(gone)]),
        ),
    ):
        assert taken_in(contents, before).get(backup.CERTIFICATES) == after
    without = replace(contents, kept={key: value for key, value in contents.kept.items() if key != backup.CERTIFICATES})
    assert taken_in(without, {backup.CERTIFICATES: kept}).get(backup.CERTIFICATES)["own"] == {0: b"old private"}


@given(st.binary(max_size=300))
def test_octets_that_are_no_backup_are_refused(octets):
    with pytest.raises(RemoteProtocolError):
        sealed_backup.unseal(KEY, octets)
    with pytest.raises(RemoteProtocolError):
        Contents.parse(octets)


@pytest.mark.parametrize("change", [
    lambda about, layout, pan, kept: [about, layout, pan, {**kept, "han/network": {}}],
    lambda about, layout, pan, kept: [about, layout, pan, {**kept, "counter/x": 1}],
    lambda about, layout, pan, kept: [about, layout, {**pan, "devices": [[METER, b"short"]]}, kept],
    lambda about, layout, pan, kept: [about, layout, pan, {**kept, "dlms/certificates": imported(own={0: bytes(32)})}],
    lambda about, layout, pan, kept: [about, layout, pan, {**kept, "dlms/certificates": imported(pending={1: bytes(32)})}],
    lambda about, layout, pan, kept: [about, layout, pan, {**kept, "dlms/certificates": imported(certificates=[b"none"])}],
    lambda about, layout, pan, kept: [about, layout, pan, {**kept, "dlms/certificates": [1]}],
    lambda about, layout, pan, kept: [about, layout, pan],
    lambda about, layout, pan, kept: [about, layout, pan, {f"x{n}": 0 for n in range(2000)}],
])  # fmt: skip
def test_contents_that_no_hub_makes_are_refused(contents, change):
    plain = msgspec.msgpack.decode(contents.build())
    with pytest.raises(RemoteProtocolError):
        Contents.parse(msgspec.msgpack.encode(change(*plain)))


@pytest.mark.req("S-025", part=True)
def test_certificates_are_checked_where_there_are_any(contents):
    ours = hubfw.Config(0, (), backup_key=KEY, credentials=(certificate(NEW),))
    good = sealed(contents, certificate=certificate(OLD).certificate)
    assert admit(ours, good)[0].hub == OLD
    for wrong in (
        sealed(contents),
        sealed(contents, certificate=certificate(OLD, THEIRS).certificate),
        sealed(contents, certificate=certificate(METER).certificate),
        sealed(contents, certificate=bytes(74)),
        sealed(contents, certificate=bytes(48)),
    ):
        with pytest.raises(RemoteProtocolError):
            admit(ours, wrong)
    assert admit(replace(ours, credentials=()), good)[0].hub == OLD


def test_a_backup_of_a_newer_firmware_is_refused_and_changes_nothing(contents):
    nvm = Nvm(Flash())
    nvm.put({"mirror/00": 1})
    with pytest.raises(RemoteProtocolError):
        backup.give(nvm, replace(contents, layout=store.PRESENT + 1), {})
    assert list(nvm.keys()) == ["mirror/00"]


@pytest.mark.req("S-025", part=True)
def test_a_power_cut_anywhere_leaves_the_hub_as_it_was_or_as_it_will_be(contents):
    """Every flash operation, the rewriting of a full bank among them."""
    before = {"han/network": {"network_keys": {}}, "mirror/99": {"own": 1}, "counter/backup": 3}

    def lived_in():
        flash = Flash(2048)
        nvm = Nvm(flash)
        nvm.put(before)
        for _ in range(24):  # so that the transaction does not fit behind what is there
            nvm.put({"mirror/99": {"own": 1}})
        return flash, nvm

    def held(nvm):
        return {key: nvm.get(key) for key in nvm.keys("")}

    flash, nvm = lived_in()
    assert held(nvm) == before
    start = flash.operations
    backup.give(nvm, contents, {"swap/record": [1]})
    after = held(nvm)
    assert "mirror/99" not in after
    outcomes = set()
    for place in range(flash.operations - start):
        cut, again = lived_in()
        cut.cut_after(place)
        with pytest.raises(PowerCut):
            backup.give(again, contents, {"swap/record": [1]})
        cut.powered = True
        found = Nvm(cut)
        assert held(found) in (before, after), place
        outcomes.add(held(found) == after)
        backup.give(found, contents, {"swap/record": [1]})
        assert held(found) == after, place
    assert outcomes == {False}  # nothing of it counts before the last octet does


def test_an_erasure_that_is_cut_anywhere_ends_at_the_next_start():
    """Every flash operation: all is there, or nothing but what stays, and nothing of the rest in either bank."""
    secret, stays = b"a secret in flash", {"swap/state": "erased"}

    def filled():
        flash = Flash(1024)
        nvm = Nvm(flash)
        for n in range(100):  # old generations in the other bank
            nvm.put({f"key{n % 4}": secret + bytes([n])})
        return flash, nvm

    flash, nvm = filled()
    start = flash.operations
    nvm.purge(stays)
    for place in range(flash.operations - start):
        cut, again = filled()
        cut.cut_after(place)
        with pytest.raises(PowerCut):
            again.purge(stays)
        cut.powered = True
        found = Nvm(cut)
        if "swap/state" in found:
            found.scrub()
            assert secret not in cut.image(0) + cut.image(1), place
            assert list(found.keys()) == ["swap/state"]
        else:
            assert len(list(found.keys())) == 4, place
            found.purge(stays)
            assert secret not in cut.image(0) + cut.image(1)


@pytest.mark.req("S-025", part=True)
def test_what_a_client_counted_is_not_believed_again(contents):
    """Invariant 15, with what came between the backup and the hub's end; and the rule sees a backup that forgets."""
    accepted = [(TITLE, 0, counter) for counter in (1, 700, 700 + 50)]
    kept = taken_in(contents).get(PEERS)
    assert accepted_again(kept, accepted) == []
    assert kept == [[TITLE, 0, 700 + AHEAD]]
    ahead = taken_in(contents, {PEERS: [[TITLE, 0, 9000]]}).get(PEERS)
    assert accepted_again(ahead, [(TITLE, 0, 9000)]) == []
    forgetful = replace(contents, kept={key: value for key, value in contents.kept.items() if key != PEERS})
    assert accepted_again(taken_in(forgetful).get(PEERS, []), accepted) == accepted


@pytest.mark.parametrize(("told", "own", "after"), [(65, None, 65 + AHEAD), (65, 9000, 9000), (None, 129, 129), (None, None, None)])
def test_messages_to_wireless_m_bus_meters_are_counted_on(contents, told, own, after):
    carried = contents.kept if told is None else {**contents.kept, MBUS_MESSAGES: told}
    before = {} if own is None else {MBUS_MESSAGES: own}
    assert taken_in(replace(contents, kept=carried), before).get(MBUS_MESSAGES) == after


def test_what_stays_behind_is_named_once():
    assert len(set(LEFT)) == len(LEFT)
    assert not any(one != other and one.startswith(other) for one in LEFT for other in LEFT)
