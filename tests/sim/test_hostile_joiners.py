"""Who may join, and what certificates and codes must be: nothing that is wrong gets in, and the home lives on."""

from __future__ import annotations

from random import Random

import pytest

from devices.parts.han import HUB
from devices.runtime.kernel import MIN, S
from hubfw.config import Entry
from protocols.zigbee import security
from protocols.zigbee.clusters.key_establishment import KeyEstablishment as K
from protocols.zigbee.clusters.key_establishment import TerminateStatus
from protocols.zigbee.key_establishment.agreement import Ephemeral, Party, agree, confirm_initiator, generate
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Authority, public_key, scalar
from protocols.zigbee.key_establishment.curves import InvalidPoint, Point
from protocols.zigbee.trust_centre import LOG_SIZE, DeviceLogFull

CODE = "83FED3407A939723A5C639B26916D505C3B5"
NEW = 0x00DB_0000_0000_1000
CHANCE = Random(21)
ISSUER = 0x464F_5245_4947_4E00
OTHER_SUITE, FOREIGN = (Authority(suite, ISSUER, scalar(suite.curve, CHANCE.getrandbits)) for suite in (SUITE_1, SUITE_2))


@pytest.fixture
def live(home):
    """The home of the bench file after a while; at the end of each test everybody in it still has his keys, and uses them."""
    home.run(for_=5 * MIN)
    before = links(home)
    yield home
    home.run(for_=5 * MIN)
    assert links(home) == before
    assert home.screen("ihd")[1].endswith("kW")
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0


def links(home):
    held = home.hub.firmware.han.stack._delivery.link_keys
    return {device.eui64: (held[device.eui64].kind, held[device.eui64].key) for device in home.hub.firmware.log}


# --- F18, F20: the log -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [CODE[:-1] + "4", "83FED3407A93972B70", CODE[:-1], CODE[:-1] + "G", "", CODE + "00"])
def test_f18_a_wrong_install_code_is_refused_at_entry_and_nothing_is_stored(live, entry):
    coordinator, log = live.hub.firmware.coordinator, live.hub.firmware.log
    flash = {key: live.hub.nvm.get(key) for key in live.hub.nvm.keys("device")}
    with pytest.raises(security.InstallCodeError):
        coordinator.register(Entry(NEW, security.install_code(entry), "ihd"))
    with pytest.raises(security.InstallCodeError):
        coordinator.register(Entry(NEW, bytes.fromhex(entry) if len(entry) % 2 == 0 and "G" not in entry else b"odd", "ihd"))
    assert log.get(NEW) is None
    assert NEW not in coordinator.han.stack.trust_centre.devices
    assert {key: live.hub.nvm.get(key) for key in live.hub.nvm.keys("device")} == flash


@pytest.mark.parametrize("entry", [CODE, CODE.lower(), " ".join(CODE[at : at + 4] for at in range(0, len(CODE), 4)), f" {CODE} "])
def test_f18_spaces_and_case_do_not_matter(live, entry):
    coordinator = live.hub.firmware.coordinator
    coordinator.register(Entry(NEW, security.install_code(entry), "ihd"))
    assert coordinator.han.stack.trust_centre.preconfigured[NEW] == security.preconfigured_link_key(bytes.fromhex(CODE))
    coordinator.unregister(NEW)


def test_f20_the_seventeenth_device_is_refused_with_an_event(live):
    coordinator, log = live.hub.firmware.coordinator, live.hub.firmware.log
    code = bytes.fromhex(CODE)
    added = range(NEW, NEW + LOG_SIZE - len(list(log)))
    for eui64 in added:
        coordinator.register(Entry(eui64, code, "ihd"))
    assert live.events("event", live.hub.name) == []
    flash = {key: live.hub.nvm.get(key) for key in live.hub.nvm.keys("device")}
    with pytest.raises(DeviceLogFull):
        coordinator.register(Entry(NEW + 99, code, "ihd"))
    assert [data["code"] for data in live.events("event", live.hub.name)] == [0x8F48]
    assert {key: live.hub.nvm.get(key) for key in live.hub.nvm.keys("device")} == flash
    coordinator.register(Entry(added[0], code, "ppmid"))  # one of them again
    assert len(list(log)) == LOG_SIZE
    for eui64 in added:
        coordinator.unregister(eui64)


# --- F21, F22: key establishment ---------------------------------------------------------------------------------


class Initiator:
    """A device of the home that begins with the hub what it has no need to, and does it wrong."""

    def __init__(self, home, name="ihd"):
        self.home = home
        self.board = home.board(name)
        self.own = home.only.authority.issue(self.board.eui64, CHANCE.getrandbits)
        self.hub_certificate = b""

    def ask(self, command, expect=K.TerminateKeyEstablishmentByServer):
        """The hub's answer."""
        answers = []

        async def asking():
            answers.append(await self.board.firmware.han.request(HUB, 1, command, expect))

        self.home.kernel.spawn(asking(), who="test")
        self.home.until(lambda: bool(answers), within=30 * S)
        return answers[0]

    def initiate(self, certificate=None, suite=SUITE_2, expect=K.InitiateKeyEstablishmentResponse):
        octets = self.own.certificate if certificate is None else certificate
        return self.ask(K.InitiateKeyEstablishmentRequest(suite.bit, 11, 16, octets), expect)

    def refused(self, command):
        return TerminateStatus(self.ask(command).status_code)

    def refused_at_once(self, certificate, suite=SUITE_2):
        return TerminateStatus(self.initiate(certificate, suite, K.TerminateKeyEstablishmentByServer).status_code)


def test_f21_another_suite_is_refused(live):
    ours = OTHER_SUITE.issue(live.ihd.eui64, CHANCE.getrandbits).certificate
    assert Initiator(live).refused_at_once(ours, SUITE_1) is TerminateStatus.UNSUPPORTED_SUITE


def test_f21_an_unknown_issuer_is_refused(live):
    ours = FOREIGN.issue(live.ihd.eui64, CHANCE.getrandbits).certificate
    assert Initiator(live).refused_at_once(ours) is TerminateStatus.UNKNOWN_ISSUER


def test_f21_anothers_certificate_is_refused(live):
    ours = live.only.authority.issue(live.ppmid.eui64, CHANCE.getrandbits).certificate
    assert Initiator(live).refused_at_once(ours) is TerminateStatus.INVALID_CERTIFICATE


def test_f21_half_a_certificate_is_a_bad_message(live):
    assert Initiator(live).refused_at_once(Initiator(live).own.certificate[:40]) is TerminateStatus.BAD_MESSAGE


def test_f21_out_of_order_is_a_bad_message(live):
    one = Initiator(live)
    assert one.refused(K.ConfirmKeyDataRequest(bytes(16))) is TerminateStatus.BAD_MESSAGE
    assert one.refused(K.EphemeralDataRequest(bytes(37))) is TerminateStatus.BAD_MESSAGE
    one.initiate()
    assert one.refused(K.ConfirmKeyDataRequest(bytes(16))) is TerminateStatus.BAD_MESSAGE


def test_f21_a_second_partner_waits_and_the_first_goes_on(live):
    first, second = Initiator(live), Initiator(live, "ppmid")
    response = first.initiate()
    assert second.refused_at_once(second.own.certificate) is TerminateStatus.NO_RESOURCES
    ephemeral = generate(SUITE_2.curve, CHANCE.getrandbits)
    octets = SUITE_2.curve.encode(ephemeral.public)
    assert first.ask(K.EphemeralDataRequest(octets), K.EphemeralDataResponse).ephemeral_data
    assert response.requested_key_establishment_suite == SUITE_2.bit


def test_f21_a_wrong_confirmation_gives_no_key(live):
    one = Initiator(live)
    theirs = one.initiate().identity
    ephemeral = generate(SUITE_2.curve, CHANCE.getrandbits)
    octets = SUITE_2.curve.encode(ephemeral.public)
    answer = one.ask(K.EphemeralDataRequest(octets), K.EphemeralDataResponse).ephemeral_data
    public = public_key(SUITE_2, theirs, live.only.authority.public_key)
    keys = agree(one.own, ephemeral, public, SUITE_2.point(answer))
    proof = confirm_initiator(keys, Party(live.ihd.eui64, octets), Party(live.hub.eui64, answer))
    wrong = proof[:-1] + bytes((proof[-1] ^ 1,))
    assert one.refused(K.ConfirmKeyDataRequest(wrong)) is TerminateStatus.BAD_KEY_CONFIRM


SMALL = SUITE_2.curve.encode(Point(1, 0))
"""Of order four."""


@pytest.mark.parametrize(
    "point",
    [SMALL, bytes(37), b"\x02" + bytes(36), b"\x02" + b"\xff" * 36, b"\x04" + bytes(36), b"\x02\x01"],
    ids=["order four", "infinity", "order two", "too many bits", "uncompressed", "short"],
)
def test_f22_a_point_that_is_none_gives_no_key(live, point):
    one = Initiator(live)
    one.initiate()
    assert one.refused(K.EphemeralDataRequest(point)) is TerminateStatus.BAD_MESSAGE


def test_f22_a_point_off_the_curve_gives_no_key(live):
    """About half of all coordinates have no point."""
    one = Initiator(live)
    octets = next(octets for x in range(3, 40) if off_the_curve(octets := b"\x02" + x.to_bytes(36, "big")))
    one.initiate()
    assert one.refused(K.EphemeralDataRequest(octets)) is TerminateStatus.BAD_MESSAGE


def off_the_curve(octets):
    try:
        SUITE_2.curve.decode(octets)
    except InvalidPoint:
        return True
    return False


def test_f22_an_ephemeral_key_of_nought_is_never_made():
    draws = iter([0, 0, 5])
    ephemeral = generate(SUITE_2.curve, lambda bits: next(draws))
    assert isinstance(ephemeral, Ephemeral)
    assert ephemeral.private == 5
