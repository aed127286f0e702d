"""`meterbench keys`: a test certificate authority for key establishment, the certificates it issues, and what is in one.

Everything here is for tests: whoever has the file of an authority can make devices of it. Files are for their owner only.
"""

from __future__ import annotations

import os
import random
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click

from protocols.core.errors import LocalProtocolError
from protocols.zigbee.key_establishment import certificates
from protocols.zigbee.key_establishment.certificates import (
    SUITES,
    Authority,
    Certificate,
    Certificate283,
    CertificateError,
    Credentials,
    Suite,
    public_key,
    scalar,
)
from tools.cli.output import json_option, print_json
from tools.errors import BadInput, CheckFailed

_LARGEST = 4096
_NAMES = {1: "sect163k1", 2: "sect283k1"}
_SEED = click.option("--seed", help="Make the same again: all chance comes from this text. By default from the system.")


@click.group(
    short_help="Test certificates for key establishment: an authority, what it issues, what is in one.",
    epilog="Example: meterbench keys authority --out authority.toml && meterbench keys issue authority.toml 00DB1234567890A0",
)
def command() -> None:
    """Test certificates of ZigBee Smart Energy, suites 1 and 2. Bench files take what `issue` prints."""


@command.command(epilog="Example: meterbench keys authority --suite 2 --out authority.toml")
@click.option("--suite", type=click.Choice(["1", "2"]), default="2", show_default=True, help="1: sect163k1, 2: sect283k1.")
@click.option("--issuer", default="4D42544553544341", show_default=True, help="Its identifier, 16 hexadecimal digits.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file, mode 600. [default: print it]")
@_SEED
@json_option
def authority(suite: str, issuer: str, out: Path | None, seed: str | None, as_json: bool) -> None:
    """Make a certificate authority: its identifier and its key pair."""
    chosen = SUITES[int(suite)]
    made = Authority(chosen, _eui64(issuer), scalar(chosen.curve, _chance(seed).getrandbits))
    private = made.private_key.to_bytes(chosen.curve.scalar_octets, "big").hex()
    values = {"suite": chosen.bit, "issuer": f"{made.issuer:016X}", "private_key": private, "public_key": made.public_key.hex()}
    if out is not None:
        _write(out, "# A test certificate authority: never use it for a real device.\n" + _toml(values))
        values = {"file": str(out), "issuer": values["issuer"], "public_key": values["public_key"]}
    print_json(values) if as_json else click.echo(_toml(values), nl=False)


@command.command(epilog="Example: meterbench keys issue authority.toml 00DB1234567890A0 00-DB-12-34-56-78-90-A1")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("eui64", nargs=-1, required=True)
@_SEED
@json_option
def issue(file: Path, eui64: tuple[str, ...], seed: str | None, as_json: bool) -> None:
    """Issue a certificate and its private key for each EUI-64, as a bench file takes them."""
    made = _authority(file)
    chance = _chance(seed)
    issued = [made.issue(number, chance.getrandbits, serial_number=number) for number in map(_eui64, eui64)]
    tables = [
        {
            "certificate": each.certificate.hex(),
            "private_key": each.private_key.to_bytes(each.suite.curve.scalar_octets, "big").hex(),
            "authority": each.authority.hex(),
        }
        for each in issued
    ]
    if as_json:
        print_json([{"eui64": f"{each.subject:016X}"} | table for each, table in zip(issued, tables, strict=True)])
        return
    for each, table in zip(issued, tables, strict=True):
        click.echo(f"# {each.subject:016X}\n[home.device.credentials]\n{_toml(table)}")


@command.command(
    epilog="Example: meterbench keys show "
    "02020882B1D7DF05538F37CDD09A4F6B15368998642B002208000000000154455354534543410109108301234567890A"
)
@click.argument("certificate")
@click.option("--authority", "issuer_key", metavar="HEX", help="The issuer's public key: shows the device's.")
@click.option("--private-key", metavar="HEX", help="Check that this private key belongs to it.")
@json_option
def show(certificate: str, issuer_key: str | None, private_key: str | None, as_json: bool) -> None:
    """Say what is in an implicit certificate of 48 octets (suite 1) or 74 (suite 2). Exit code 1: the private key is another's."""
    data = _octets(certificate, "the certificate")
    suite = next((each for each in SUITES.values() if each.size == len(data)), None)
    if suite is None:
        raise BadInput(f"a certificate has 48 or 74 octets, this one {len(data)}")
    if private_key is not None and issuer_key is None:
        raise click.UsageError("--private-key is checked with --authority")
    try:
        told = _told(suite, suite.parse(data))
        if issuer_key is not None:
            told["public_key"] = suite.curve.encode(public_key(suite, data, _octets(issuer_key, "--authority"))).hex()
    except CertificateError as error:
        raise BadInput(f"certificate: {error}") from None
    if private_key is not None and issuer_key is not None:
        secret = int.from_bytes(_octets(private_key, "--private-key"), "big")
        try:
            Credentials(suite, data, secret, _octets(issuer_key, "--authority")).check()
        except LocalProtocolError as error:
            raise CheckFailed(str(error)) from None
        told["private_key"] = "belongs to it"
    print_json(told) if as_json else click.echo("\n".join(f"{name.replace('_', ' '):14}{value}" for name, value in told.items()))


def _told(suite: Suite, frame: Certificate) -> dict[str, object]:
    told: dict[str, object] = {
        "suite": f"{suite.bit} ({_NAMES[suite.bit]})",
        "subject": f"{frame.subject:016X}",
        "issuer": f"{frame.issuer:016X}",
    }
    if isinstance(frame, Certificate283):
        ends = "never" if frame.valid_for == certificates.NEVER_ENDS else f"after {frame.valid_for} s"
        told |= {"serial_number": f"{frame.serial_number:016X}", "valid_from": frame.valid_from, "ends": ends}
        told["key_usage"] = f"{frame.key_usage:02X}"
    else:
        told["attributes"] = frame.profile_attribute_data.hex()
    return told


def _authority(path: Path) -> Authority:
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path}: larger than {_LARGEST} octets")
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or 'not a TOML file'}".lower()) from None
    suite = SUITES.get(values.get("suite", 0))
    if suite is None or not all(isinstance(values.get(name), str) for name in ("issuer", "private_key")):
        raise BadInput(
            f"{path}: an authority has `suite` (1 or 2), `issuer` and `private_key`: make one with `meterbench keys authority`"
        )
    secret = int.from_bytes(_octets(values["private_key"], f"{path}: private_key"), "big")
    try:
        return Authority(suite, _eui64(values["issuer"]), secret)
    except LocalProtocolError as error:
        raise BadInput(f"{path}: {error}") from None


def _chance(seed: str | None) -> random.Random:
    return random.SystemRandom() if seed is None else random.Random(f"meterbench keys/{seed}")


def _octets(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(re.sub(r"[\s:-]", "", text))
    except ValueError:
        raise BadInput(f"{what}: pairs of hexadecimal digits are wanted") from None


def _eui64(text: str) -> int:
    digits = re.sub(r"[\s:-]", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]{16}", digits):
        raise BadInput(f'"{text}" is no EUI-64: 16 hexadecimal digits, such as 00-DB-12-34-56-78-90-A0')
    return int(digits, 16)


def _toml(values: Mapping[str, object]) -> str:
    return "".join(f"{name} = {value}\n" if isinstance(value, int) else f'{name} = "{value}"\n' for name, value in values.items())


def _write(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        os.fchmod(descriptor, 0o600)
        out.write(text)
