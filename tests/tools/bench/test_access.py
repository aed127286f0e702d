"""Access profiles of bench files: what the lab needs, what is refused, and that hub and meter serve it."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from random import Random

import pytest

from devices.runtime.kernel import MIN
from protocols.core import ecc
from protocols.dlms.acse import Mechanism
from protocols.dlms.authentication import Authentication, Security
from protocols.dlms.client import Client
from protocols.dlms.direct import Direct
from protocols.dlms.meter import Meter
from protocols.dlms.security.material import KeyId, KeySet, SecurityMaterial
from tools.bench.config import loads
from tools.bench.run import Run
from tools.errors import BadInput

LAB = (Path(__file__).resolve().parents[3] / "fixtures" / "benches" / "dlms-lab.toml").read_text()
HOME = '[[home]]\n[[home.device]]\nkind = "hub"\n'


def changed(pattern: str, replacement: str) -> str:
    text, times = re.subn(pattern, replacement, LAB, flags=re.MULTILINE)
    assert times == 1
    return text


def test_the_lab_is_no_protected_profile() -> None:
    """Its client 16 reads without a credential: its links stay on this machine."""
    assert not loads(LAB).access.protected
    assert not loads(HOME).access.protected


@pytest.mark.parametrize(
    "text, reason",
    [
        (HOME.replace("[[home]]", '[access]\nprofile = "lab"\n[[home]]', 1), "`keys` belong to the profile lab, which needs them"),
        (changed('^profile = "lab"', 'profile = "open"'), "`keys` belong to the profile lab"),
        (changed('^profile = "lab"', 'profile = "lap"'), 'access.profile: "lap" is none of lab, open, did you mean "lab"?'),
        (changed("^suite = 0", "suite = 3"), "access.suite: 3 is none of 0, 1, 2"),
        (changed("^suite = 0", "suite = 2"), "`keys.unicast` has 32 octets in suite 2"),
        (changed("^policy = 0", "policy = 3"), "`policy` is a sum of 4, 8, 16, 32, 64 and 128"),
        (changed("^policy = 0", "policy = 256"), "access.policy: expected `int` <= 255"),
        (changed("^client_title = .*", 'client_title = "4D4248"'), "`client_title` has 8 octets"),
        (changed("^client_title = .*", 'client_title = "no digits"'), "`client_title` is written in hexadecimal digits"),
        (changed('^master = "00', 'master = "'), "`keys.master` has 16 octets in suite 0"),
        (changed('^client_signing = "..', 'client_signing = "'), "`keys.client_signing` twice as many"),
        (changed("^unicast", 'authority = "3000"\nunicast'), "`keys.authority` is no certificate"),
        (changed("^unicast", 'authority = "a"\nunicast'), "`authority` is written in hexadecimal digits"),
        (changed("^unicast", "unicats"), 'no field "unicats", did you mean "unicast"?'),
    ],
)
def test_what_a_lab_cannot_be_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=re.escape(reason)):
        loads(text)


def test_test_keys_do_not_show() -> None:
    access = loads(LAB).access
    assert access.keys is not None
    assert access.lab is not None
    for octets in (access.lab.unicast, access.lab.master, access.lab.signing, access.lab.secret):
        for word in (repr(access.keys), repr(access.lab)):
            assert octets.hex() not in word.lower()
            assert repr(octets)[2:-1] not in word


def test_the_files_comments_tell_the_truth() -> None:
    """A client that is set up by what stands in the comments works: the keys there belong to those in the fields."""
    access = loads(LAB).access
    assert access.keys is not None
    (server_public,) = re.findall(r"\(X, Y\) is\n# (\w+)", LAB)
    (client_private,) = re.findall(r"its private key is (\w+)", LAB)
    assert ecc.public_key(bytes.fromhex(access.keys.signing)).hex().upper() == server_public
    assert ecc.public_key(bytes.fromhex(client_private)).hex().upper() == access.keys.client_signing


@pytest.fixture(scope="module")
def run() -> Run:
    run = Run(loads(LAB))
    run.run(for_=MIN)
    return run


@pytest.mark.parametrize("board", ["hub", "esme"])
@pytest.mark.parametrize("mechanism, client", [(Mechanism.HIGH_MD5, 33), (Mechanism.HIGH_GMAC, 35), (Mechanism.HIGH_ECDSA, 37)])
def test_hub_and_meter_serve_the_lab(run: Run, board: str, mechanism: Mechanism, client: int) -> None:
    access, device = loads(LAB).access.lab, run.homes["home1"][board]
    assert access is not None
    title = device.eui64.to_bytes(8, "big")
    (private,) = re.findall(r"its private key is (\w+)", LAB)
    keys = KeySet(
        {KeyId.UNICAST_ENCRYPTION: access.unicast, KeyId.AUTHENTICATION: access.authentication},
        signing=bytes.fromhex(private),
        peer_signing={title: ecc.public_key(access.signing)},
    )
    counters = count(1000 * client)
    material = SecurityMaterial(access.client_title, keys, lambda: next(counters))
    authentication = Authentication(mechanism, access.secret, Random(1))
    session = device.firmware.server.session(client, 1, 2048)
    with Meter(Direct(session), Client(client, 1, authentication=authentication, security=Security(material, title))) as meter:
        assert meter.clock() is not None
        assert {entry.name for entry in meter.objects()} == {thing.name for thing in session.device} | {b"\0\0\x28\0\0\xff"}
