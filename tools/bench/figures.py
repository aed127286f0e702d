"""Figures of the system from a run: availability, time between failures, latency, and how long flash and batteries last (S-050).

Availability is the share of time that a device had power and ran, since its first power-on; a failure is each time that it stopped:
its supply gone for longer than it holds out, a fault put in, the watchdog. Latency is from a request of the head end to its answer,
by kind of request and by where it goes. Wear is octets programmed: a bank is erased each time that it is full, and there are two. A
cell lasts as the gas meter's own reckoning has it, at the use of this run. What is measured of a short run is what that run was
like; wear-out is all that is reckoned on to years. Not here: ageing of parts, self-discharge, displays' and capacitors' lives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

import hubfw
from devices import gsme
from devices.gsme.battery import Battery
from devices.runtime.kernel import DAY, HOUR, S
from devices.runtime.log import Data
from hubfw.sap_table import GAS, HUB
from tools.bench.run import Run
from tools.decode.apdus import kind as apdu_kind

DESIGN_LIFE: Final = 20
"""Years, at least (paper A, question 25)."""
ENDURANCE: Final = 100_000
"""Erase cycles of a bank: a common figure of NOR flash's data sheets."""
YEAR: Final = 365.25
PERCENTILES: Final = (50, 95, 99)
_DIRECTED: Final[Mapping[int, str]] = {HUB: "hub", GAS: "gas (mirror)"}


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`availability`: 0 to 1. `mtbf_h`: hours; None where nothing failed. `flash_years`, `battery_years`: None where it has none,
    or where nothing was written."""

    name: str
    availability: float
    failures: int
    mtbf_h: float | None
    mttr_s: float | None
    flash_years: float | None
    battery_years: float | None

    @property
    def life(self) -> float | None:
        """Years until the first of both is used up."""
        return min((years for years in (self.flash_years, self.battery_years) if years is not None), default=None)


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of a kind to a kind of device. `ms`: percentile to milliseconds, of those answered."""

    target: str
    request: str
    asked: int
    answered: int
    ms: Mapping[int, float]


class _Power:
    """Since when a device lives, and how often and how long it did not."""

    def __init__(self, now: int) -> None:
        self.first = now
        self.down_since: int | None = None
        self.down = 0
        self.failures = 0

    def stop(self, now: int) -> None:
        if self.down_since is None:
            self.down_since = now
            self.failures += 1

    def start(self, now: int) -> None:
        if self.down_since is not None:
            self.down += now - self.down_since
            self.down_since = None


class Figures:
    """An observer of a run, from its first instant on. `settled()` once it is commissioned: wear counts from there."""

    def __init__(self, run: Run, endurance: int = ENDURANCE) -> None:
        self._run = run
        self._endurance = endurance
        self._power: dict[str, _Power] = {}
        self._took: dict[tuple[str, str], list[int]] = {}
        self._asked: dict[tuple[str, str], int] = {}
        self._since = 0
        self._octets: dict[str, int] = {}
        self._radio: dict[str, int] = {}
        run.log.subscribe(self._on_power, ["power"])
        run.log.subscribe(self._on_exchange, ["headend.exchange"])

    def settled(self) -> None:
        """What was written and sent until now belongs to the installation, not to the life."""
        self._since = self._run.now
        for home in self._run.homes.values():
            for board in home.boards.values():
                self._octets[board.name] = board.flash.operations
                if isinstance(board.firmware, gsme.Firmware):
                    self._radio[board.name] = board.firmware.radio_time.total

    def devices(self) -> Iterator[Device]:
        """Each that has ever had power, in the order of the bench file."""
        for home in self._run.homes.values():
            for board in home.boards.values():
                power = self._power.get(board.name)
                if power is None:
                    continue
                now = self._run.now
                down = power.down + (now - power.down_since if power.down_since is not None else 0)
                life = max(now - power.first, 1)
                yield Device(
                    name=board.name,
                    availability=1 - down / life,
                    failures=power.failures,
                    mtbf_h=(life - down) / power.failures / HOUR if power.failures else None,
                    mttr_s=down / power.failures / S if power.failures else None,
                    flash_years=self._flash(board.name, board.flash.operations, board.flash.bank_size),
                    battery_years=self._battery(board.name, board.firmware),
                )

    def latencies(self) -> Iterator[Latency]:
        """By target and kind of request."""
        for (target, request), asked in sorted(self._asked.items()):
            took = sorted(self._took.get((target, request), []))
            ms = {each: took[min(len(took) * each // 100, len(took) - 1)] / 1e6 for each in PERCENTILES} if took else {}
            yield Latency(target=target, request=request, asked=asked, answered=len(took), ms=ms)

    def system(self) -> tuple[float, float | None]:
        """Availability (0 to 1) and hours between failures, of all devices together."""
        devices = list(self.devices())
        failures = sum(device.failures for device in devices)
        hours = sum((device.mtbf_h or 0) * device.failures for device in devices)
        running = sum((self._run.now - self._power[device.name].first) for device in devices if not device.failures) / HOUR
        share = sum(device.availability for device in devices) / len(devices) if devices else 1.0
        return share, (hours + running) / failures if failures else None

    def _flash(self, name: str, operations: int, bank: int) -> float | None:
        written, days = operations - self._octets.get(name, 0), (self._run.now - self._since) / DAY
        if written <= 0 or days <= 0:
            return None
        return self._endurance / (written / days / (2 * bank)) / YEAR

    def _battery(self, name: str, firmware: object) -> float | None:
        if not isinstance(firmware, gsme.Firmware) or firmware.config.fed_by_hub:
            return None
        lived = self._run.now - self._since
        if lived <= 0:
            return None
        spent = firmware.radio_time.total - self._radio.get(name, 0)
        return Battery(firmware.config.cell, lambda: DAY, lambda: spent * DAY // lived).days / YEAR

    def _target(self, hub: object, sap: int) -> str:
        if sap in _DIRECTED:
            return _DIRECTED[sap]
        boards = (board for home in self._run.homes.values() for board in home.boards.values() if board.name == hub)
        firmware = next((board.firmware for board in boards), None)
        further = isinstance(firmware, hubfw.Firmware) and sap in firmware.gas.saps
        return _DIRECTED[GAS] if further else "electricity (tunnel)"

    def _on_power(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        power = self._power.get(who)
        if data["state"] == "on":
            if power is None:
                self._power[who] = _Power(now)
            else:
                power.start(now)
        elif data["state"] in ("off", "hang") and power is not None:
            power.stop(now)

    def _on_exchange(self, now: int, who: str, kind: str, data: Data) -> None:
        assert isinstance(data, Mapping)
        octets, sap, ns = data["apdu"], data["sap"], data["ns"]
        assert isinstance(octets, bytes)
        assert isinstance(sap, int)
        assert isinstance(ns, int)
        named = apdu_kind(octets)
        request = self._target(data["hub"], sap), named.__name__ if named is not None else "next block"
        self._asked[request] = self._asked.get(request, 0) + 1
        if data["answered"]:
            self._took.setdefault(request, []).append(ns)
