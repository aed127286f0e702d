"""Firmware from the head end: in at the hub's class 18 over the wide area, out over the home network, run when that is ordered."""

from __future__ import annotations

from random import Random

import pytest

from devices.parts.image_store import image as meter_image
from devices.parts.ota import MANUFACTURER, SIGNER
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.han.images import Progress
from hubfw.image_intake import IMAGE_TYPE, TRANSFER
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.cosem import AccessError, ImageStatus
from protocols.zigbee.clusters.ota import UpgradeStatus
from protocols.zigbee.key_establishment.certificates import Authority
from protocols.zigbee.ota.image import File, seal
from tools.bench import firmware as updates
from tools.bench.metrics import HAN, Metrics

DISPLAY, GAS = 0x0502, 0x0501
NEW = 0x02000000
CONTENTS = bytes(Random(1).getrandbits(8) for _ in range(2000))


HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
wake_minutes = 5
[[home.device]]
kind = "ihd"
at = [3, 3]
[[home.device]]
kind = "ppmid"
at = [2, 2]
"""


@pytest.fixture
def home(build):
    return build(HOME)


@pytest.fixture
def sealed(home):
    """An image signed by the bench's maker, or by nobody it knows."""

    def make(type=DISPLAY, version=NEW, contents=CONTENTS, hardware=(1, 1), signer=SIGNER, **more):
        issuer, random = home.only.authority, Random(5).getrandbits
        if signer is None:
            issuer, signer = Authority(issuer.suite, 7, 12345), SIGNER
        file = File(MANUFACTURER, type, version)
        return seal(file, contents, hardware=hardware, signer=issuer.issue(signer, random), random=random, **more)

    return make


def hub_says(home, number):
    return home.head_end.meter("hub").get(TRANSFER, 18, number)


def hand_in(home, name, octets):
    home.head_end.settle(home.head_end.firmware.hand_in(name, octets))


def activate(home, name):
    home.head_end.settle(home.head_end.firmware.activate(name))


def version(home, name):
    return home.head_end.settle(home.head_end.firmware.version(name))


def test_a_display_runs_what_the_head_end_handed_in_once_that_is_ordered(home, sealed):
    octets = sealed()
    assert (version(home, "ihd"), version(home, "ppmid")) == ("01000000", "01000000")
    hand_in(home, "ihd", octets)
    assert hub_says(home, 6).value == ImageStatus.VERIFICATION_SUCCESSFUL
    (told,) = hub_says(home, 7).value
    assert [field.value for field in told.value] == [len(octets), b"FFF1-0502-02000000", octets[-80:]]
    home.run(for_=5 * MIN)
    fetched = home.head_end.settle(home.head_end.firmware.downloads("ihd"))
    assert fetched == {home.board(name).eui64: ("FFF1-0502-02000000", len(octets), Progress.COMPLETE) for name in ("ihd", "ppmid")}
    home.run(for_=HOUR)
    assert home.ihd.firmware.update.client.status is UpgradeStatus.WAITING_TO_UPGRADE
    assert (version(home, "ihd"), version(home, "ppmid")) == ("01000000", "01000000")
    activate(home, "ihd")
    assert hub_says(home, 6).value == ImageStatus.ACTIVATION_SUCCESSFUL
    home.run(for_=2 * MIN)
    assert (version(home, "ihd"), version(home, "ppmid")) == ("02000000", "02000000")
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    assert version(home, "ihd") == "02000000"  # nobody asked the display again
    assert home.head_end.settle(home.head_end.firmware.downloads("ihd")) == {}


def test_a_gas_meter_that_sleeps_waits_for_the_word_too(home, sealed):
    home.run_until(6 * MIN)
    radio = home.gsme.firmware.radio_time
    before = radio.total
    home.run(for_=10 * MIN)
    quiet = radio.total - before
    hand_in(home, "gsme", sealed(GAS, contents=bytes(3000)))
    home.run(for_=12 * MIN)
    assert [data["outcome"] for data in home.events("ota", "home1/gsme")][:1] == ["verified"]
    assert version(home, "gsme") == "01000000"
    before = radio.total
    home.run(for_=10 * MIN)
    assert radio.total - before < quiet + S  # it asks at a wake and sleeps on
    activate(home, "gsme")
    home.run(for_=12 * MIN)
    assert version(home, "gsme") == "02000000"


def test_an_electricity_meter_takes_its_own_through_the_tunnel(home):
    octets = meter_image(bytes.fromhex("02000000"), bytes(range(256)) * 8)
    assert version(home, "esme") == "01000000"
    hand_in(home, "esme", octets)
    home.run(for_=5 * MIN)
    assert version(home, "esme") == "01000000"
    activate(home, "esme")
    home.run(for_=2 * MIN)
    assert version(home, "esme") == "02000000"


def test_the_hub_updates_itself_and_the_home_lives_on(home, sealed):
    home.run_until(12 * MIN)
    before = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.values
    hand_in(home, "hub", sealed(IMAGE_TYPE, contents=bytes(20_000)))
    home.run(for_=MIN)
    assert version(home, "hub") == "01000000"
    activate(home, "hub")
    home.run(for_=20 * S)
    assert version(home, "hub") == "02000000"
    assert [data for data in home.events("power", home.hub.name) if data["state"] == "off"] == [{"state": "off"}]
    assert hub_says(home, 6).value == ImageStatus.ACTIVATION_SUCCESSFUL
    assert home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.values == before
    assert list(home.hub.nvm.keys("image/at/")) == []
    home.run(for_=MIN)
    assert home.hub.firmware.commissioned
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    joins = home.events("han.joined")
    home.run(for_=10 * MIN)
    assert home.events("han.joined") == joins
    assert home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading.values != before


@pytest.mark.parametrize(("bad", "reason"), [
    ("octet", "the signature is wrong"), ("unsigned", "not signed"), ("stranger", "the signature is wrong"), ("cut", "octets, and"),
    ("text", "header"), ("nobody", "not in the device log"),
])  # fmt: skip
def test_g19_what_is_not_good_is_refused_by_the_hub_and_no_device_hears_of_it(home, sealed, bad, reason):
    good = sealed()
    octets = {
        "octet": good[:300] + b"\x01" + good[301:],
        "unsigned": seal(File(MANUFACTURER, DISPLAY, NEW), CONTENTS),
        "stranger": sealed(signer=None),
        "cut": good[:-60],
        "text": b"no firmware at all" * 20,
        "nobody": sealed(destination=0x1234),
    }[bad]
    with pytest.raises(AccessError, match="other-reason"):
        hand_in(home, "ihd", octets)
    assert hub_says(home, 6).value == ImageStatus.VERIFICATION_FAILED
    assert hub_says(home, 7) == axdr.array([])
    assert reason in home.events("hub.image-refused")[0]["reason"]
    with pytest.raises(RemoteProtocolError):
        activate(home, "ihd")
    home.run(for_=10 * MIN)
    assert home.events("ota") == []
    hand_in(home, "ihd", good)
    assert hub_says(home, 6).value == ImageStatus.VERIFICATION_SUCCESSFUL


def test_a_second_one_begins_anew_and_the_first_never_runs(home, sealed):
    """Not the one that was verified, though the display holds all of it and waits for the word."""
    hand_in(home, "ihd", sealed())
    home.run(for_=5 * MIN)
    assert home.ihd.firmware.update.client.status is UpgradeStatus.WAITING_TO_UPGRADE
    third = sealed(version=0x03000000, contents=CONTENTS[:900])
    hand_in(home, "ihd", third)
    assert [each.file.version for each in home.hub.firmware.images.flash.offered] == [0x03000000]
    with pytest.raises(RemoteProtocolError):
        home.head_end.settle(home.head_end.firmware.activate("ppmid"))
    home.run(for_=5 * MIN)
    assert home.ihd.firmware.update.store.file.version == 0x03000000
    activate(home, "ihd")
    home.run(for_=2 * MIN)
    assert (version(home, "ihd"), version(home, "ppmid")) == ("03000000", "03000000")
    assert [data["file_version"] for data in home.events("ota") if data["outcome"] == "activated"] == [0x03000000] * 2


def test_what_was_activated_stays_for_those_who_come_late_while_others_come_in(home, sealed):
    home.shield("ppmid")
    hand_in(home, "ihd", sealed())
    activate(home, "ihd")
    home.run(for_=5 * MIN)
    assert home.ihd.firmware.update.version == NEW
    hand_in(home, "gsme", sealed(GAS, contents=bytes(30_000)))
    activate(home, "gsme")
    home.hub.cut(off_for=S)
    home.run(for_=MIN)
    hand_in(home, "hub", sealed(IMAGE_TYPE, contents=bytes(30_000)))
    types = [each.file.image_type for each in home.hub.firmware.images.flash.offered]
    assert types == [DISPLAY, GAS]  # of 64 KiB, the display's two are left
    home.shield("ppmid", loss=0.0)
    home.run(for_=5 * MIN)
    home.hub.cut(off_for=S)  # it tells them again then; otherwise they ask once a day
    home.until(lambda: home.ppmid.firmware.update.version == NEW, 10 * MIN)


@pytest.mark.parametrize(("how", "reason"), [
    ({"version": 0x01000000}, "version 01000000 is not newer than 01000000"), ({"hardware": (2, 9)}, "not for hardware version 1"),
    ({"destination": 0x1234}, "for 0000000000001234"),
])  # fmt: skip
def test_the_hub_refuses_what_it_cannot_run(home, sealed, how, reason):
    with pytest.raises(AccessError, match="other-reason"):
        hand_in(home, "hub", sealed(IMAGE_TYPE, **how))
    assert [data["reason"] for data in home.events("hub.image-refused")] == [reason]
    assert version(home, "hub") == "01000000"


@pytest.mark.req("S-063", part=True)
def test_what_is_larger_than_its_room_is_refused_before_it_is_sent(home):
    before = home.head_end.traffic["head end"].octets if "head end" in home.head_end.traffic else 0
    with pytest.raises(AccessError, match="scope-of-access-violated"):
        hand_in(home, "ihd", bytes(32 * 1024 + 1))
    assert hub_says(home, 6).value == ImageStatus.NOT_INITIATED
    assert home.head_end.traffic["head end"].octets - before < 2000


def test_activation_at_a_time_is_the_hubs_to_keep_over_a_power_cut_and_another_images_transfer_clears_it(home, sealed):
    hand_in(home, "ihd", sealed())
    at = home.kernel.utc + 15 * MIN
    home.head_end.settle(home.head_end.firmware.activate("ihd", at))
    home.run(for_=5 * MIN)
    home.hub.cut(off_for=S)
    home.run(for_=9 * MIN)
    assert (home.ihd.firmware.update.version, hub_says(home, 6).value) == (0x01000000, ImageStatus.VERIFICATION_SUCCESSFUL)
    home.run(for_=2 * MIN)
    assert hub_says(home, 6).value == ImageStatus.ACTIVATION_SUCCESSFUL
    (activated,) = home.times("hub.image-activated")
    assert abs(home.kernel.start_ns + activated - at) < S
    hand_in(home, "ihd", sealed(version=0x03000000))
    home.head_end.settle(home.head_end.firmware.activate("ihd", home.kernel.utc + 10 * MIN))
    hand_in(home, "ihd", sealed(version=0x04000000))
    home.run(for_=15 * MIN)
    assert hub_says(home, 6).value == ImageStatus.VERIFICATION_SUCCESSFUL
    assert len(home.times("hub.image-activated")) == 1


def test_a_time_that_passed_while_the_hub_had_no_power_is_made_up_for(home, sealed):
    hand_in(home, "hub", sealed(IMAGE_TYPE))
    home.head_end.settle(home.head_end.firmware.activate("hub", home.kernel.utc + 5 * MIN))
    home.run(for_=4 * MIN)
    home.hub.cut(off_for=3 * MIN)
    home.run(for_=4 * MIN)
    assert version(home, "hub") == "02000000"


@pytest.mark.req("S-063", part=True)
@pytest.mark.parametrize(("block", "pause_ms"), [(16, 0), (48, 500)])
def test_increments_are_no_larger_and_no_faster_than_the_hub_is_told(build, block, pause_ms):
    """Displays ask for more: what is on the air is the hub's block, as often as its pause lets it."""
    home = build(HOME.replace('kind = "hub"\n', f'kind = "hub"\nfirmware_block = {block}\nfirmware_block_ms = {pause_ms}\n'))
    metrics, begun = Metrics(home.kernel, home.zigbee_keys), home.now
    octets = updates.file(home.only, "ihd", NEW, CONTENTS[:600], alone=True)
    hand_in(home, "ihd", octets)
    home.until(lambda: home.ihd.firmware.update.client.status is UpgradeStatus.WAITING_TO_UPGRADE, 10 * MIN)
    (blocks,) = (traffic for leg, kind, traffic in metrics.rows() if leg == HAN and kind.endswith("ImageBlockResponse"))
    needed = -(-len(octets) // block)
    assert needed <= blocks.messages <= needed + 2
    assert blocks.octets <= blocks.messages * (block + 80)
    if pause_ms:
        assert home.now - begun > needed * pause_ms * S // 1000
        assert blocks.peak_messages <= 1000 // pause_ms
