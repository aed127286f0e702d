"""What a secured Smart Energy frame costs, from MAC to ZCL, beside other people's programs; and what key establishment costs.

    open     a Metering Read Attributes Response: FCS, MAC, NWK and APS headers, both layers of security opened, five attributes
    build    the same the other way
    zigpy    parses and serialises its ZCL part only
    scapy    reads the secured frame's headers (it opens none), reads an unsecured one from MAC to ZCL, builds that again
    aes      of `open` and of `build`, OpenSSL's part alone: two layers, each as long as here
    join     one key establishment, both ends

The others are programs of their own (`make peers`). Run with `python -m tests.bench.zigbee` or through `make bench`. Rounds are
interleaved, figures are medians. Exit status 1 where zigpy's parsing of the ZCL part alone is faster than `open` or `build`.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import perf_counter

from protocols.core import aes, crc
from protocols.core.codec import Frame
from protocols.zigbee import aps, mac, nwk, security
from protocols.zigbee.key_establishment.certificates import SUITE_1, SUITE_2, Authority, Suite, public_key, scalar
from protocols.zigbee.key_establishment.exchange import Established, Exchange, Say
from protocols.zigbee.zcl import foundation
from protocols.zigbee.zcl.foundation import Header, ReadAttributesResponse

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
ROUNDS, LOOPS = 25, 200
NETWORK_KEY, LINK_KEY = bytes(range(1, 17)), bytes.fromhex("86D58AAA998E2FAEFAF9FEF49606543A")
SOURCE = 0x00DB123456789A02
ZCL = bytes.fromhex("1821010000002515CD5B070000070000E20000002D000300300002030022E803000004002AD20400")
"""Read Attributes Response: summation, snapshot time, unit, divisor, demand."""
AIM = 1 / 3


def secured() -> bytes:
    """The frame, made layer by layer."""
    source = SOURCE.to_bytes(8, "little")
    header = aps.DataHeader(0x60, 1, None, 0x0702, 0x0109, 1, 5).build()
    auxiliary = security.Auxiliary(0x20, 77, SOURCE).build()
    inner = security.seal(LINK_KEY, source, header, auxiliary, ZCL)
    header = nwk.Header(0x0248, 0x0000, 0x1234, 30, 10).build()
    auxiliary = security.Auxiliary(0x28, 1001, SOURCE, 0).build()
    outer = security.seal(NETWORK_KEY, source, header, auxiliary, inner)
    return mac.frame(mac.Header(0x8861, 1, destination_pan=0x1ABC, destination=0x0000, source=0x1234), outer)


PSDU = secured()


def opened() -> Frame:
    """From the octets on the air to the attributes."""
    mac.check(PSDU)
    _, at = mac.Header.parse_from(PSDU, 0)
    frame = PSDU[at : -mac.FCS]
    _, at = nwk.Header.parse_from(frame, 0)
    auxiliary, end = security.Auxiliary.parse_from(frame, at)
    assert auxiliary.source is not None
    source = auxiliary.source.to_bytes(8, "little")
    frame = security.unseal(NETWORK_KEY, source, frame, at, end)
    _, at = aps.DataHeader.parse_from(frame, 0)
    _, end = security.Auxiliary.parse_from(frame, at)
    frame = security.unseal(LINK_KEY, source, frame, at, end)
    _, at = Header.parse_from(frame, 0)
    return ReadAttributesResponse.parse(frame[at:])


VALUES = opened()


def built() -> bytes:
    """And back."""
    source = SOURCE.to_bytes(8, "little")
    zcl = foundation.general(0x21, VALUES, to=1, disable_default_response=True)
    header = aps.DataHeader(0x60, 1, None, 0x0702, 0x0109, 1, 5).build()
    inner = security.seal(LINK_KEY, source, header, security.Auxiliary(0x20, 77, SOURCE).build(), zcl)
    header = nwk.Header(0x0248, 0x0000, 0x1234, 30, 10).build()
    outer = security.seal(NETWORK_KEY, source, header, security.Auxiliary(0x28, 1001, SOURCE, 0).build(), inner)
    return mac.frame(mac.Header(0x8861, 1, destination_pan=0x1ABC, destination=0x0000, source=0x1234), outer)


def timed(function: Callable[[], object], loops: int = LOOPS) -> float:
    """us of one call."""
    start = perf_counter()
    for _ in range(loops):
        function()
    return (perf_counter() - start) / loops * 1e6


def join(suite: Suite) -> Callable[[], object]:
    """One key establishment of two devices with certificates of a suite; nothing of an earlier one is remembered."""
    random = Random(suite.bit)
    authority = Authority(suite, 1, scalar(suite.curve, random.getrandbits))
    credentials = {eui64: authority.issue(eui64, random.getrandbits) for eui64 in (1, 2)}

    def run() -> None:
        public_key.cache_clear()
        ends = {eui64: Exchange(eui64, [credentials[eui64]], random.getrandbits) for eui64 in (1, 2)}
        waiting, keys = [(1, effect) for effect in ends[1].start(2, suite.bit, 0)], []
        while waiting:
            speaker, effect = waiting.pop(0)
            if isinstance(effect, Established):
                keys.append(effect.key)
            elif isinstance(effect, Say):
                waiting += [(effect.partner, each) for each in ends[effect.partner].receive(effect.command, speaker, 0)]
        assert len(keys) == 2
        assert keys[0] == keys[1]

    return run


class Peer:
    """A program that times something each time it is asked. `rows` name what it tells."""

    def __init__(self, script: str, rows: tuple[str, ...], *frames: bytes) -> None:
        self.rows = rows
        command = [PEERS, ROOT / "tests" / "bench" / "servers" / script, *(frame.hex() for frame in frames)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self) -> dict[str, float]:
        """us of each row; nothing where the program is not installed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.process.poll() is not None:
            return {}
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {}
        return dict(zip(self.rows, map(float, self.process.stdout.readline().split()), strict=False))


def plain() -> bytes:
    """The frame without security, and without FCS."""
    frame = nwk.Header(0x0048, 0x0000, 0x1234, 30, 10).build() + aps.DataHeader(0x40, 1, None, 0x0702, 0x0109, 1, 5).build() + ZCL
    return mac.frame(mac.Header(0x8861, 1, destination_pan=0x1ABC, destination=0x0000, source=0x1234), frame)[: -mac.FCS]


def ciphers() -> object:
    """Both layers of encryption, and nothing else."""
    aes.ccm_seal(LINK_KEY, bytes(13), bytes(21), ZCL)
    return aes.ccm_seal(NETWORK_KEY, bytes(13), bytes(22), PSDU[31:-6])


def main() -> int:
    assert built() == PSDU
    assert crc.ends_in_kermit(PSDU)
    peers = []
    if PEERS.exists():
        peers.append(Peer("zigpy_zcl.py", ("zigpy parses", "zigpy serialises"), ZCL))
        names = "scapy reads headers", "scapy reads unsecured", "scapy rebuilds unsecured"
        peers.append(Peer("scapy_layers.py", names, PSDU[: -mac.FCS], plain()))
    rows: dict[str, list[float]] = {"open": [], "build": [], "aes": []}
    gc.disable()
    for _ in range(ROUNDS):
        for name, function in (("open", opened), ("build", built), ("aes", ciphers)):
            rows[name].append(timed(function))
        for peer in peers:
            for name, figure in peer.ask().items():
                rows.setdefault(name, []).append(figure)
    gc.enable()
    for peer in peers:
        peer.process.communicate()
    medians = {name: statistics.median(figures) for name, figures in rows.items()}
    failed = False
    rival = medians.get("zigpy parses")
    print(f"a secured Metering frame of {len(PSDU)} octets, five attributes; us, medians of {ROUNDS} rounds")
    for name, figure in medians.items():
        ratio = "" if rival is None else f"{figure / rival:8.2f} of zigpy's parsing of the ZCL part alone"
        if rival is not None and name in ("open", "build"):
            ratio += f", aim {AIM:.2f}"
            failed |= figure > rival
        print(f"  {name:26s}{figure:8.1f}{ratio}")
    if rival is None:
        print("  zigpy is not here: make peers")
    for suite in (SUITE_1, SUITE_2):
        figure = statistics.median(timed(join(suite), 1) for _ in range(7)) / 1000
        print(f"key establishment, suite {suite.bit}, both ends: {figure:.0f} ms")
    return failed


if __name__ == "__main__":
    sys.exit(main())
