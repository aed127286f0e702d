"""`meterbench keys`, and benches with certificates that others issued."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.run import Run
from tools.errors import BadInput, CheckFailed

# A published test certificate (zsmartsystems' tests): its key, and the public key of Certicom's test authority.
PUBLISHED = "02020882B1D7DF05538F37CDD09A4F6B15368998642B002208000000000154455354534543410109108301234567890A"
PRIVATE_KEY = "0392BA4AFC2453A49EEBE9BCA8DE73210F02479A4A"
AUTHORITY = "0200FDE8A7F3D1084224962A4E7C54E69AC3F04DA6B8"
# Texas Instruments' certificate for a coordinator, of the same authority, is in the vectors; the hub of `HOME` has one of ours.
HOME = """
[[home]]
[[home.device]]
kind = "hub"
{hub}
[[home.device]]
kind = "esme"
{esme}
"""


def table(certificate, private_key, authority):
    return f'credentials = {{certificate = "{certificate}", private_key = "{private_key}", authority = "{authority}"}}'


def test_a_published_certificate_is_shown(meterbench):
    code, out, _ = meterbench("keys", "show", PUBLISHED, "--authority", AUTHORITY, "--private-key", PRIVATE_KEY, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["subject"] == "0022080000000001"
    assert bytes.fromhex(told["issuer"]) == b"TESTSECA"
    assert told["public_key"].upper() == "0207D1CA014786B5E552CFD5F04339A2E856F00EAAEF"  # as published
    assert told["private_key"] == "belongs to it"


def test_another_private_key_is_a_failed_check(meterbench):
    code, _, err = meterbench("keys", "show", PUBLISHED, "--authority", AUTHORITY, "--private-key", "01")
    assert code == 1
    assert "does not belong" in err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("show", "zz"), "hexadecimal"),
        (("show", "0102"), "48 or 74 octets"),
        (("show", PUBLISHED, "--private-key", "01"), "--authority"),
        (("show", "07" + PUBLISHED[2:], "--authority", AUTHORITY), "compressed point"),
        (("show", PUBLISHED, "--authority", "02"), "compressed point"),
        (("issue", "nowhere.toml", "00DB1234567890A0"), "no such file"),
        (("authority", "--issuer", "12"), "no EUI-64"),
        (("authority", "--suite", "3"), "'3' is not one of"),
    ],
)
def test_bad_input_is_one_line(meterbench, arguments, word):
    code, _, err = meterbench("keys", *arguments)
    assert code == 2
    assert word in err


@pytest.mark.parametrize("suite", ["1", "2"])
def test_what_an_authority_issues_joins(meterbench, tmp_path: Path, suite):
    file = tmp_path / "authority.toml"
    assert meterbench("keys", "authority", "--suite", suite, "--out", file, "--seed", "a")[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    names = "00-DB-12-34-56-78-90-A0", "00DB1234567890A1"
    code, out, _ = meterbench("keys", "issue", file, *names, "--json", "--seed", "b")
    assert code == 0
    hub, esme = json.loads(out)
    assert [hub.pop("eui64"), esme.pop("eui64")] == ["00DB1234567890A0", "00DB1234567890A1"]
    run = Run(config.loads(HOME.format(hub=table(**hub), esme=table(**esme))), seed=1)
    commission(run)
    assert run.esme.eui64 == 0x00DB1234567890A1
    assert any("key establishment" in label for label, _ in run.zigbee_keys())


def test_the_same_seed_makes_the_same(meterbench):
    first, again, other = (meterbench("keys", "authority", "--seed", seed, "--json")[1] for seed in "aab")
    assert first == again != other


def test_what_issue_prints_goes_into_a_bench_file(meterbench, tmp_path: Path):
    file = tmp_path / "authority.toml"
    meterbench("keys", "authority", "--out", file)
    printed = meterbench("keys", "issue", file, "00DB1234567890A0")[1]
    bench = config.loads('[[home]]\n[[home.device]]\nkind = "hub"\n' + printed.replace("[home.device.credentials]\n", "").replace(
        "certificate =", "credentials.certificate =").replace("private_key =", "credentials.private_key =").replace(
        "authority =", "credentials.authority ="))  # fmt: skip
    assert bench.home[0].device[0].credentials is not None
    bench = config.loads('[[home]]\n[[home.device]]\nkind = "hub"\n' + printed)
    assert Run(bench, seed=1).hub.eui64 == 0x00DB1234567890A0


def test_a_meter_of_another_authority_does_not_stay():
    run = Run(config.loads(HOME.format(hub="", esme=table(PUBLISHED, PRIVATE_KEY, AUTHORITY))), seed=1)
    outcomes = []
    run.log.subscribe(lambda now, who, kind, data: outcomes.append((who, data["outcome"])), ["han.key-establishment"])
    with pytest.raises(CheckFailed, match="cannot reach its electricity meter"):
        commission(run, limit=60 * 10**9)
    assert ("home1/esme", "unsupported suite") in outcomes  # the bench's own authority is of suite 2, this certificate of suite 1


@pytest.mark.parametrize(
    ("esme", "word"),
    [
        (table(PUBLISHED, "01", AUTHORITY), "does not belong"),
        (table(PUBLISHED[2:], PRIVATE_KEY, AUTHORITY), "47 octets"),
        (table(PUBLISHED, PRIVATE_KEY, AUTHORITY) + '\neui64 = "00DB1234567890A1"', "0022080000000001"),
    ],
)
def test_certificates_that_cannot_be_used_are_refused_with_the_reason(esme, word):
    with pytest.raises(BadInput, match=word):
        config.loads(HOME.format(hub="", esme=esme))
