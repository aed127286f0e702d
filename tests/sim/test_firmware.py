"""New firmware for a display, from the hub through the HAN: fetched over the air, kept, judged, activated, told."""

from __future__ import annotations

from itertools import groupby
from random import Random

import pytest

from devices.parts.ota import FIRST_VERSION, MANUFACTURER, SIGNER
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.core.errors import LocalProtocolError
from protocols.zigbee.clusters.basic import Basic
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.ota import Ota, UpgradeStatus
from protocols.zigbee.clusters.time import EPOCH
from protocols.zigbee.key_establishment.certificates import Authority
from protocols.zigbee.ota.image import File, InvalidImage, element, seal
from protocols.zigbee.ota.server import NOT_YET

DISPLAY = 0x0502
FILE = File(MANUFACTURER, DISPLAY, 0x02000000)
CONTENTS = bytes(Random(1).getrandbits(8) for _ in range(2000))
BASIC = [Basic.application_version]


@pytest.fixture
def versions():
    """The application version that each display tells the hub: a dict by label."""

    def ask(home, *labels):
        told = {}
        hub = home.hub.firmware.han
        for label in labels or ("ihd", "ppmid"):

            async def read(name=label):
                address = await hub.find(home.board(name).eui64)
                told[name] = (await hub.read(address, 1, Basic, BASIC))[Basic.application_version]

            home.hub.firmware.spawn(read())
        home.run(for_=20 * S)
        return told

    return ask


@pytest.fixture
def signed(home):
    """An image signed by the bench's maker, or by another device of the same issuer."""
    issuer, random = home.only.authority, Random(5).getrandbits

    def make(file=FILE, contents=CONTENTS, hardware=(1, 1), signer=SIGNER):
        return seal(file, contents, text="display 2", hardware=hardware, signer=issuer.issue(signer, random), random=random)

    return make


@pytest.fixture
def image(signed):
    return signed()


def outcomes(home, who="home1/ihd"):
    return [data["outcome"] for data in home.events("ota", who)]


@pytest.mark.req("S-063", part=True)
def test_a_display_gets_new_firmware_through_the_hub(home, versions, image):
    assert versions(home) == {"ihd": 1, "ppmid": 1}
    home.hub.firmware.images.offer(image)
    home.until(lambda: "activated" in outcomes(home), 30 * MIN)
    home.run(for_=2 * MIN)
    assert outcomes(home) == ["verified", "activated"]
    assert versions(home) == {"ihd": 2, "ppmid": 2}
    assert [data["status"] for data in home.events("hub.image")] == [0, 0]
    assert home.screen("ihd")[1].endswith("kW")
    update = home.ihd.firmware.update
    assert (update.version, update.store.file, update.client.status) == (FILE.version, None, UpgradeStatus.NORMAL)


def test_it_is_activated_when_the_hub_says(home, versions, image):
    at = home.kernel.utc // S - EPOCH + 2 * 3600
    home.hub.firmware.images.offer(image, at)
    home.run(for_=HOUR)
    assert outcomes(home) == ["verified"]
    assert versions(home)["ihd"] == 1
    home.run(for_=HOUR + 2 * MIN)
    assert versions(home)["ihd"] == 2
    (activated,) = [now for now, data in zip(home.times("ota", "home1/ihd"), home.events("ota", "home1/ihd"), strict=True)
                    if data["outcome"] == "activated"]  # fmt: skip
    assert abs((home.kernel.start_ns + activated) // S - EPOCH - at) <= 1


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_g18_a_bad_radio_makes_it_slower(home, versions, image, loss):
    for label in ("ihd", "ppmid"):
        home.shield(label, loss=loss)
    home.hub.firmware.images.offer(image)
    home.run(for_=2 * HOUR)
    for label in ("ihd", "ppmid"):
        home.shield(label, loss=0.0)
    home.until(lambda: versions(home) == {"ihd": 2, "ppmid": 2}, DAY)
    assert versions(home) == {"ihd": 2, "ppmid": 2}


def test_g20_power_cuts_at_every_block_of_it(home, versions, image):
    """The display's power goes after each piece it stores, and the hub's in between; what was stored is not fetched again."""
    home.hub.firmware.images.offer(image)
    held, cuts = 0, 0
    while home.ihd.firmware.update.version == FIRST_VERSION:
        home.until(lambda held=held: home.ihd.firmware.update.store.held > held or outcomes(home)[-1:] == ["activated"], 40 * MIN)
        now = home.ihd.firmware.update.store.held
        if outcomes(home)[-1:] == ["activated"]:
            break
        assert now == held + min(48, len(image) - held)
        held, cuts = now, cuts + 1
        home.ihd.cut(off_for=S)
        if cuts % 10 == 0:
            home.hub.cut(off_for=S)
        home.run(for_=2 * S)
        assert home.ihd.firmware.update.store.held == held
        assert home.ihd.firmware.update.store.read(0, held) == image[:held]
    assert cuts == -(-len(image) // 48)
    home.run(for_=MIN)
    assert versions(home, "ihd") == {"ihd": 2}


@pytest.mark.parametrize("operation", [0, 25, 49, 50, 51, 300, 628, 629, 700])
def test_g20_power_cut_in_the_activation_boots_old_or_new(home, versions, image, operation):
    """At an operation of the flash: 50 store the last piece, the 579 after them are the activation."""
    home.hub.firmware.images.offer(image)
    home.until(lambda: home.ihd.firmware.update.store.held >= len(image) - 48, 30 * MIN)
    home.ihd.cut_at_flash_operation(operation, off_for=S)
    home.run(for_=20 * S)
    home.ihd.flash.cut_after(None)
    home.run(for_=10 * S)
    update = home.ihd.firmware.update
    assert update.version in (FIRST_VERSION, FILE.version)
    assert update.version == FILE.version or update.store.file == FILE
    home.run(for_=30 * MIN)
    assert versions(home, "ihd") == {"ihd": 2}


@pytest.mark.parametrize("bad", ["octet", "cut"])
def test_g18_what_is_not_whole_leaves_the_display_as_it_was(home, versions, signed, bad):
    is_left_alone(home, versions, signed, bad)


@pytest.mark.parametrize("bad", ["unsigned", "signer", "stranger", "hardware", "older", "type"])
def test_g19_what_is_not_for_it_leaves_the_display_as_it_was(home, versions, signed, bad):
    is_left_alone(home, versions, signed, bad)


def is_left_alone(home, versions, signed, bad):
    """The hub is no judge of signatures, and where it would see more, octets in its flash turn bad."""
    images = home.hub.firmware.images
    contents = bytes(600)
    random = Random(6).getrandbits
    stranger = Authority(home.only.authority.suite, 7, 12345).issue(SIGNER, random)
    octets = {
        "unsigned": lambda: seal(FILE, contents),
        "signer": lambda: signed(contents=contents, signer=home.esme.eui64),
        "stranger": lambda: seal(FILE, contents, signer=stranger, random=random),
        "older": lambda: signed(FILE._replace(version=FIRST_VERSION - 1), contents),
        "hardware": lambda: signed(contents=contents, hardware=(2, 9)),
        "type": lambda: signed(FILE._replace(image_type=0x0777), contents),
    }.get(bad, lambda: signed(contents=contents))()
    if bad == "octet":
        octets = octets[:300] + b"\x01" + octets[301:]
    images.offer(octets)
    if bad == "cut":
        images._server._offers[FILE].source.held = 500
    home.run(for_=2 * HOUR)
    assert versions(home) == {"ihd": 1, "ppmid": 1}
    assert "activated" not in outcomes(home)
    reasons = [data["reason"] for data in home.events("ota", "home1/ihd")]
    wrong = "the signature is wrong"
    assert reasons == {"octet": [wrong], "unsigned": ["not signed"], "signer": [wrong], "stranger": [wrong]}.get(bad, [])
    codes = [data["code"] for data in home.events("event", "home1/ihd") if "file_version" in data]
    assert codes == [0x8F1C] * len(reasons)
    assert home.screen("ihd")[1].endswith("kW")


def test_g18_the_hub_takes_no_bad_file(home, image):
    for octets in (b"", image[:-1], element(0, image), seal(FILE, CONTENTS)[:-1] + b"\0"):
        with pytest.raises(InvalidImage):
            home.hub.firmware.images.offer(octets)
    home.run(for_=MIN)
    assert home.events("ota") == []


@pytest.mark.req("S-063")
def test_increments_that_are_too_big_or_out_of_order_are_refused(home, versions, signed, image):
    """At the hub a file beyond its room; at the display octets that are not the next ones, or go beyond the file's end."""
    room = home.hub.flash.bank_size // 4
    with pytest.raises(LocalProtocolError, match="there is room for"):
        home.hub.firmware.images.offer(signed(contents=bytes(room)))
    home.hub.firmware.images.offer(image)
    update = home.ihd.firmware.update
    home.until(lambda: update.store.held > 500, 30 * MIN)
    held = update.store.held
    hub, address = home.hub.firmware.han, home.hub.firmware.han.stack.address_of(home.ihd.eui64)
    strange = (held + 48, image[held + 48 : held + 96]), (0, b"\xff" * 48), (len(image) - 8, bytes(48)), (held, bytes(200))
    for offset, octets in strange:
        hub.command(address, 1, Ota.ImageBlockResponse(0, *FILE, offset, octets))
        home.run(for_=S // 20)
        assert update.store.read(0, update.store.held) == image[: update.store.held]
    home.until(lambda: "activated" in outcomes(home), 30 * MIN)
    home.run(for_=2 * MIN)
    assert versions(home) == {"ihd": 2, "ppmid": 2}


@pytest.mark.req("S-063", part=True)
def test_the_hub_gives_a_file_to_whom_it_is_for(home, versions):
    issuer, random = home.only.authority, Random(5).getrandbits
    home.hub.firmware.images.offer(
        seal(FILE, bytes(400), destination=home.ppmid.eui64, signer=issuer.issue(SIGNER, random), random=random)
    )
    home.run(for_=30 * MIN)
    assert versions(home) == {"ihd": 1, "ppmid": 2}
    assert [data["eui64"] for data in home.events("hub.image")] == [home.ppmid.eui64]


def test_the_display_tells_how_far_it_is(home, image):
    home.hub.firmware.images.offer(image, home.kernel.utc // S - EPOCH + 3600)
    home.run(for_=10 * MIN)
    side = home.ihd.firmware.han.endpoints[1].client(Ota)
    assert side[Ota.current_file_version] == FIRST_VERSION
    assert side[Ota.downloaded_file_version] == FILE.version
    assert side[Ota.upgrade_status] == UpgradeStatus.COUNT_DOWN
    assert side[Ota.file_offset] == len(image)


GAS_METER = File(MANUFACTURER, 0x0501, 0x02000000)


def test_a_gas_meter_that_sleeps_learns_of_new_firmware_by_its_mirror(home, signed):
    home.run_until(HOUR + 10 * MIN)
    before = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    home.hub.firmware.images.offer(signed(GAS_METER, bytes(6000)))
    home.run(for_=15 * MIN)
    assert outcomes(home, "home1/gsme") == []
    home.until(lambda: "activated" in outcomes(home, "home1/gsme"), 20 * MIN)
    litres = home.gsme.firmware.register.total
    home.run(for_=40 * MIN)
    assert outcomes(home, "home1/gsme") == ["verified", "activated"]
    reading = home.hub.firmware.mirrors.of(home.gsme.eui64).gas.reading
    version, volume = Metering.current_meter_id, Metering.current_summation_delivered
    assert (before.get(Metering, version), reading.get(Metering, version)) == (b"01000000", b"02000000")
    assert reading.get(Metering, volume) >= litres >= before.get(Metering, volume)


def test_g20_a_gas_meters_download_goes_on_after_its_battery_was_changed(home, signed):
    home.run_until(HOUR + 10 * MIN)
    home.hub.firmware.images.offer(signed(GAS_METER, bytes(20_000)))
    home.until(lambda: home.gsme.firmware.update.client.store.held > 5_000, 40 * MIN)
    home.gsme.supply.remove()
    home.run(for_=MIN)
    home.gsme.supply.insert()
    home.run(for_=S)
    assert home.gsme.firmware.update.client.store.held > 5_000
    home.until(lambda: "activated" in outcomes(home, "home1/gsme"), 45 * MIN)


def test_g19_a_file_for_another_device_costs_a_gas_meter_one_question(home, image):
    home.run_until(HOUR + 10 * MIN)
    radio = home.gsme.firmware.radio_time
    home.run(for_=30 * MIN)
    before = radio.total
    home.run(for_=30 * MIN)
    quiet, before = radio.total - before, radio.total
    home.hub.firmware.images.offer(image)
    home.run(for_=30 * MIN)
    assert radio.total - before < quiet + S
    assert outcomes(home, "home1/gsme") == []


def test_power_cuts_all_along_an_offer_leave_the_one_whole_file_or_the_other(home, signed):
    """Cuts at each 17th octet: the file that was there, then the new one; halves are cleared at the start."""
    hub = home.hub
    first, second = signed(), signed(File(MANUFACTURER, DISPLAY, 0x03000000))
    found, place, cut = [], 0, True
    while cut:
        hub.firmware.images.offer(first, NOT_YET)
        lived = hub.firmware
        hub.cut_at_flash_operation(place, S)
        home.kernel.at(home.now, lambda: hub.firmware.images.offer(second, NOT_YET), who=hub.name)
        home.run(for_=3 * S)
        cut, place, flash = hub.firmware is not lived, place + 17, hub.firmware.images.flash
        (kept,) = flash.offered
        assert flash.octets(kept.place, kept.size).read(0, kept.size) == (first if kept.file == FILE else second)
        assert {key.split("/")[2] for key in hub.nvm.keys("image/at/")} == {str(kept.place)}
        found.append(kept.file.version)
    assert len(found) > 8
    assert [version for version, _ in groupby(found)] == [0x02000000, 0x03000000]
