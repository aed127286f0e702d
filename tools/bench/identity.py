"""Identities of a bench: EUI-64s, install codes and test keys, derived from seed, home and device.

Two runs of one bench have the same ones, and adding a device changes no other's. They are test keys: whoever knows the
seed knows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from protocols.core.crc import x25
from protocols.zigbee.key_establishment.certificates import Authority, Suite, scalar
from tools.bench.device_config import Device

ISSUER = b"BENCHECA"
"""Identifier of the certificate authority."""
GPF = 1 << 56
"""The bit by which the gas proxy's EUI-64 differs from its hub's."""
_LOCAL, _GROUP = 0x02, 0x01
"""Bits of an EUI-64's first octet: locally administered, and not one device."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who one device of one bench is. `node` is its id, such as `home1/esme`."""

    seed: int | str
    node: str
    eui64: int
    install_code: bytes
    """With its CRC in the last two octets."""

    def key(self, purpose: str) -> bytes:
        """A 16-octet test key of this device for one purpose."""
        return derive(self.seed, self.node, purpose, 16)

    def random(self, purpose: str) -> Random:
        """A random stream of this device for one purpose of its making."""
        return Random(f"meterbench test key/{self.seed}/{self.node}/{purpose}")


def authority(seed: int | str, suite: Suite) -> Authority:
    """The bench's own test certificate authority for a suite."""
    random = Random(f"meterbench test key/{seed}/certificate authority {suite.bit}")
    return Authority(suite, int.from_bytes(ISSUER, "big"), scalar(suite.curve, random.getrandbits))


def derive(seed: int | str, node: str, purpose: str, octets: int) -> bytes:
    """Up to 32 octets that depend on nothing else."""
    return sha256(f"meterbench test key/{seed}/{node}/{purpose}".encode()).digest()[:octets]


def identify(seed: int | str, home: str, device: Device) -> Identity:
    """The identity that the bench file gives, or the derived one."""
    node = f"{home}/{device.label}"
    if device.credentials is not None:
        eui64 = device.credentials.credentials.subject
    elif device.eui64 is None:
        first, *rest = derive(seed, node, "eui64", 8)
        eui64 = int.from_bytes(bytes([(first | _LOCAL) & ~_GROUP, *rest]), "big")
    else:
        eui64 = int(re.sub("[-:]", "", device.eui64), 16)
    if device.install_code is None:
        code = derive(seed, node, "install code", 16)
        code += x25(code).to_bytes(2, "little")
    else:
        code = bytes.fromhex(re.sub(r"[\s:-]", "", device.install_code))
    return Identity(seed, node, eui64, code)
