"""A board: what firmware sees of the world. UARTs, radio, network host, RTC, flash, buttons, display, supply.

The board outlives its firmware. At power-on a firmware object is built and booted; at power-off it dies with its timers,
tasks and callbacks (RAM), while flash and RTC go on. Code takes no simulated time; a device model that needs processing
time says so with `Firmware.after`.

Faults reach a board from outside: `cut`, `hang`, the flash budget (`flash.cut_after`), `rtc.step`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from random import Random
from typing import TYPE_CHECKING

from devices.runtime.display import Buttons, Display
from devices.runtime.flash import Flash
from devices.runtime.kernel import Kernel, Scope
from devices.runtime.log import Data
from devices.runtime.nvm import Nvm
from devices.runtime.port import Port
from devices.runtime.rtc import Rtc
from devices.runtime.watchdog import Watchdog
from protocols.core.errors import LocalProtocolError

if TYPE_CHECKING:
    from devices.runtime.ether import Transceiver
    from devices.runtime.firmware import Firmware
    from devices.runtime.modem import Modem
    from devices.runtime.net import Host
    from devices.runtime.radio import Radio
    from devices.runtime.supply import Supply


class Reset(Enum):
    """Why firmware boots."""

    POWER_ON = "power on"
    SOFTWARE = "software"
    WATCHDOG = "watchdog"


class Board:
    """One node of the home, named like `home1/esme`. It boots, at the run's next instant, when its supply is live.

    `flash` defaults to 128 KiB; give one with an image to restore a device (a bad image raises `flash.BadImage`).
    `display` is (columns, rows).
    """

    def __init__(
        self,
        kernel: Kernel,
        name: str,
        *,
        firmware: Callable[[Board], Firmware],
        supply: Supply,
        eui64: int = 0,
        flash: Flash | None = None,
        rtc: Rtc | None = None,
        radio: Radio | None = None,
        sub_ghz: Radio | None = None,
        ether: Transceiver | None = None,
        net: Host | None = None,
        modem: Modem | None = None,
        buttons: Iterable[str] = (),
        display: tuple[int, int] = (20, 4),
    ) -> None:
        self.kernel = kernel
        self.name = name
        self.eui64 = eui64
        self.supply = supply
        self.rtc = Rtc(kernel) if rtc is None else rtc
        self.flash = Flash() if flash is None else flash
        self.flash.on_cut = self._halted
        self.nvm = Nvm(self.flash)
        self.buttons = Buttons(self, buttons)
        self.display = Display(self, *display)
        self.powered = False
        self.firmware: Firmware | None = None
        self.scope = Scope(kernel, name)
        self.scope.close()
        self._build = firmware
        self._radio = radio
        self._sub_ghz = sub_ghz
        self._ether = ether
        self._net = net
        self._modem = modem
        self._uarts: dict[str, Port] = {}
        self._cut_for: int | None = None
        self.watchdog = Watchdog(kernel, name, self._bitten)
        supply.connect(self)

    @property
    def radios(self) -> list[Radio | Transceiver]:
        """Every radio it has. One that is reset hears and sends nothing until it is configured again."""
        return [radio for radio in (self._radio, self._sub_ghz, self._ether) if radio is not None]

    @property
    def radio(self) -> Radio:
        """Raises LocalProtocolError on a board without one."""
        if self._radio is None:
            raise LocalProtocolError(f"{self.name} has no radio")
        return self._radio

    @property
    def sub_ghz(self) -> Radio:
        """The second radio of a dual-band board. Raises LocalProtocolError on any other."""
        if self._sub_ghz is None:
            raise LocalProtocolError(f"{self.name} has no radio below 1 GHz")
        return self._sub_ghz

    @property
    def ether(self) -> Transceiver:
        """The narrowband radio. Raises LocalProtocolError on a board without one."""
        if self._ether is None:
            raise LocalProtocolError(f"{self.name} has no narrowband radio")
        return self._ether

    @property
    def net(self) -> Host:
        """The WAN host. Raises LocalProtocolError on a board without one."""
        if self._net is None:
            raise LocalProtocolError(f"{self.name} has no network")
        return self._net

    @property
    def modem(self) -> Modem:
        """A WAN module's. Raises LocalProtocolError on any other board."""
        if self._modem is None:
            raise LocalProtocolError(f"{self.name} has no modem")
        return self._modem

    def uart(self, name: str) -> Port:
        """The serial port `name`, made when first asked for."""
        port = self._uarts.get(name)
        if port is None:
            port = self._uarts[name] = Port(self.kernel, f"{self.name}.{name}")
            port.powered = self.powered
        return port

    def rng(self, purpose: str) -> Random:
        """The board's random stream for a purpose. It goes on over power-off, as a noise source would."""
        return self.kernel.rng(f"{self.name}/{purpose}")

    def chance(self, purpose: str) -> Callable[[], float]:
        """`rng(purpose).random`, whose 2.5 KiB of state are there from the first draw on: many a device never draws."""
        return lambda: self.rng(purpose).random()

    def log(self, kind: str, data: Data) -> None:
        """Emit an event of this node."""
        self.kernel.log.emit(self.name, kind, data)

    def note(self, kind: str, data: Data) -> None:
        """Tell who measures; no part of the run."""
        self.kernel.log.note(self.name, kind, data)

    # --- power: called by the supply, as events of the kernel ---

    def power_on(self, why: Reset = Reset.POWER_ON) -> None:
        """Mount the flash and boot. Nothing happens when the board runs already."""
        if self.powered:
            return
        self.powered = True
        self.flash.powered = True
        self.scope = Scope(self.kernel, self.name)
        self.log("power", {"state": "on", "why": why.value})
        for port in self._uarts.values():
            port.powered = True
        if self._net is not None:
            self._net.up = True
        self.nvm = Nvm(self.flash)
        self.firmware = self._build(self)
        self.firmware.boot(why)

    def power_off(self) -> None:
        """RAM is gone: firmware, timers, tasks, callbacks, sockets and the radio's queues. Not from the firmware's own call."""
        if not self.powered:
            return
        self.powered = False
        self.flash.powered = False
        self.log("power", {"state": "off"})
        self.watchdog.stop()
        self._forget()

    def _forget(self) -> None:
        for port in self._uarts.values():
            port.reset()
        for radio in self.radios:
            radio.reset()
        if self._net is not None:
            self._net.reset()
        if self._modem is not None:
            self._modem.reset()
        self.rtc.reset()
        self.buttons.reset()
        self.display.reset()
        self.scope.close()
        self.firmware = None

    def power_fail(self) -> None:
        """The supply is gone and the hold-up runs: the moment for a last gasp."""
        if self.firmware is not None:
            self.log("power", {"state": "fail"})
            self.firmware.on_power_fail()

    def power_return(self) -> None:
        """The supply is back before the hold-up ran out; a board that was cut off meanwhile boots."""
        if self.firmware is None:
            self.power_on()
        else:
            self.log("power", {"state": "return"})
            self.firmware.on_power_return()

    def voltage_changed(self) -> None:
        """The supply's voltage is another one: see `supply.volts`."""
        if self.firmware is not None:
            self.firmware.on_voltage()

    def restart(self) -> None:
        """Software reset, as the next event of this instant. Firmware may call it."""
        self.kernel.at(self.kernel.now, self._restart, who=self.name)

    def cut(self, off_for: int | None = None) -> None:
        """Fault: the power goes without a warning, and comes back after `off_for` ns if the supply is live then (None: never)."""
        self.power_off()
        if off_for is not None:
            self.kernel.after(off_for, self._recover, who=self.name)

    def hang(self) -> None:
        """Fault: the firmware stops where it is, with the power on. Nothing but its watchdog, or a loss of power, ends that."""
        if self.powered:
            self.log("power", {"state": "hang"})
            self._forget()

    def cut_at_flash_operation(self, operations: int, off_for: int | None = None) -> None:
        """Fault: as `cut`, in the middle of the flash operation (octet or erase) that follows `operations` whole ones."""
        self._cut_for = off_for
        self.flash.cut_after(operations)

    def _restart(self) -> None:
        if self.powered:
            self.power_off()
            self.power_on(Reset.SOFTWARE)

    def _bitten(self) -> None:
        self.log("watchdog", {})
        self.power_off()
        self.power_on(Reset.WATCHDOG)

    def _recover(self) -> None:
        if self.supply.live:
            self.power_on()

    def _halted(self) -> None:
        self.cut(self._cut_for)
