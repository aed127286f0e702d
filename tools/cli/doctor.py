"""`meterbench doctor`: what is installed, what is missing, what it would enable."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pty
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from tools.cli.output import json_option, print_json
from tools.errors import CheckFailed

PACKAGES = ("protocols", "devices", "hubfw", "tools")
"""Our top-level packages. The names are ordinary: another distribution in the same environment may hold them too."""

_REQUIRED = {
    "aiomqtt": "devices in several processes over MQTT",
    "click": "this command",
    "construct": "frame declarations",
    "cryptography": "AES for ZigBee and DLMS",
    "msgspec": "bench files, frames",
    "pyserial": "serial ports and RFC 2217",
}
_OPTIONAL = {"amqtt": "an embedded MQTT broker, where mosquitto is missing: pip install 'meterbench[broker]'"}
_PROGRAMS = {
    "mosquitto": "the MQTT broker for devices in several processes",
    "tshark": "looking into captures, and the tests that let Wireshark judge them",
    "socat": "joining two ptys by hand, as a null modem",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at. `required`: without it meterbench does not work here."""

    name: str
    found: str | None
    enables: str
    required: bool = False


@click.command(epilog="Example: meterbench doctor --json")
@click.option("--bench", "bench", type=click.Path(path_type=Path), help="Say which devices of this bench have the padlock.")
@json_option
def command(bench: Path | None, as_json: bool) -> None:
    """Say what is installed, what is missing, and what it would enable. Exit code 1: something required is missing."""
    if bench is not None:
        _padlocks(bench, as_json)
        return
    findings = list(_look())
    if as_json:
        print_json(findings)
    else:
        for finding in findings:
            mark = "ok" if finding.found else "MISSING" if finding.required else "-"
            click.echo(f"{mark:8}{finding.name:28}{finding.found or 'would enable: ' + finding.enables}")
    missing = [finding.name for finding in findings if finding.required and not finding.found]
    if missing:
        raise CheckFailed(f"missing: {', '.join(missing)}")


def _padlocks(path: Path, as_json: bool) -> None:
    """The security state of each device, once the bench is commissioned."""
    from tools.bench import config  # only here: the doctor also looks at environments in which a bench cannot run
    from tools.bench.commissioning import commission
    from tools.bench.padlock import postures
    from tools.bench.run import Run

    run = Run(config.load(path))
    commission(run)
    found = [each for home in run.homes.values() for each in postures(home)]
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo(f"{'padlock' if each.padlock else '-':8}{each.device:28}{each.link_key or ('wire' if each.wired else 'no key')}")


def _look() -> Iterator[Finding]:
    version = sys.version.split()[0]
    yield Finding("Python >= 3.11", version if sys.version_info >= (3, 11) else None, "everything", True)
    for name, use in _REQUIRED.items():
        yield Finding(name, _version(name), use, True)
    for package in PACKAGES:
        others = foreign_owners(package)
        found = None if others else "ours alone"
        yield Finding(f"package {package}", found, f"our own {package}: remove {', '.join(others)}", True)
    for name, use in _OPTIONAL.items():
        yield Finding(name, _version(name), use)
    for name, use in _PROGRAMS.items():
        path = shutil.which(name, path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin")
        yield Finding(name, path, f"{use}: apt-get install {name}")
    yield Finding("ptys", _pty(), "serving meters on pseudo-terminals")


def foreign_owners(package: str) -> list[str]:
    """Other distributions in this environment that hold a top-level package of ours, or files before ours."""
    owners = [
        name
        for name in importlib.metadata.packages_distributions().get(package, [])
        if name.lower().replace("_", "-") != "meterbench"
    ]
    ours = Path(__file__).resolve().parents[2]
    spec = importlib.util.find_spec(package)
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    if origin is None or origin.parents[1] != ours:
        owners.append(str(origin or "nobody"))
    return sorted(set(owners))


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _pty() -> str | None:
    try:
        ours, theirs = pty.openpty()
    except OSError:
        return None
    path = os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)
    return path
