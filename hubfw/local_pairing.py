"""A consumer lets his own consumer access device in, at the hub's keypad: one way to pair, a supplier's order being the other.

He types two numbers from the device's label, `ok` after each: the device number (the EUI-64 in 20 decimal digits) and the install
code (its octets without CRC, in as many digits as they can need), each with a check digit at its end that finds every wrong digit
and every swap of neighbours. Then the device may join for `OPEN`. Nothing but a consumer access device gets in so: whatever the
numbers are of, it is entered as one, and what is in the log as anything else stays what it is. `clear` forgets what is typed.

The head end is told as of every change of the log. The papers give no way and no format, so these are the bench's. Not here:
striking a device off.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from devices.parts.screen import COLUMNS, line
from devices.runtime.kernel import MIN, S
from hubfw.admission import NotAdmitted
from hubfw.config import CAD, Entry
from hubfw.device_log import DeviceLog
from protocols.core import crc
from protocols.core.errors import DecodeError
from protocols.zigbee.hub_prepayment.codes import check_digit
from protocols.zigbee.trust_centre import DeviceLogFull

if TYPE_CHECKING:
    from devices.runtime.board import Board

OPEN: Final = 30 * MIN
EUI64_DIGITS: Final = 20
CODE_DIGITS: Final = MappingProxyType({6: 15, 8: 20, 12: 29, 16: 39})
"""Octets of an install code to decimal digits."""
_OCTETS: Final = MappingProxyType({digits: octets for octets, digits in CODE_DIGITS.items()})
_LONGEST: Final = max(CODE_DIGITS.values()) + 1


def label(eui64: int, install_code: bytes) -> tuple[str, str]:
    """What is printed on a device: its number and its install code (given with CRC), with their check digits."""
    octets = install_code[:-2]
    numbers = f"{eui64:0{EUI64_DIGITS}}", f"{int.from_bytes(octets, 'big'):0{CODE_DIGITS[len(octets)]}}"
    number, code = (digits + str(check_digit(digits)) for digits in numbers)
    return number, code


def device_number(typed: str) -> int:
    """The EUI-64. Raises DecodeError."""
    number = _checked(typed, (EUI64_DIGITS,))
    if number >> 64:
        raise DecodeError("no device number")
    return number


def install_code(typed: str) -> bytes:
    """With its CRC. Raises DecodeError."""
    number, octets = _checked(typed, tuple(_OCTETS)), _OCTETS[len(typed) - 1]
    if number >> 8 * octets:
        raise DecodeError("no install code")
    return crc.append_x25(number.to_bytes(octets, "big"))


def _checked(typed: str, lengths: tuple[int, ...]) -> int:
    if not typed.isascii() or not typed.isdigit() or len(typed) - 1 not in lengths:
        raise DecodeError(f"{len(typed)} digits")
    if check_digit(typed):
        raise DecodeError("a digit is wrong")
    return int(typed[:-1])


class LocalPairing:
    """Keypad and display of the hub. `enter(entry, seconds)`: have the device in the log, and joining open."""

    def __init__(self, board: Board, log: DeviceLog, enter: Callable[[Entry, int], object]) -> None:
        self._board = board
        self._log = log
        self._enter = enter
        self._typed = ""
        self._device: int | None = None
        self._told = ""
        board.buttons.on_press = self._pressed
        self._show()

    def _pressed(self, button: str) -> None:
        if button == "ok":
            try:
                self._told = self._done(self._typed)
            except DecodeError as error:
                self._told = str(error)
            self._typed = ""
        elif button == "clear":
            self._typed = self._told = ""
            self._device = None
        elif button.isdigit():
            self._typed = (self._typed + button)[-_LONGEST:]
        self._show()

    def _done(self, typed: str) -> str:
        if self._device is None:
            self._device = device_number(typed)
            return "now its install code"
        code = install_code(typed)
        device, self._device = self._device, None
        there = self._log.get(device)
        if there is not None and there.kind != CAD:
            return "belongs to the system"
        try:
            self._enter(Entry(device, code, CAD), OPEN // S)
        except DeviceLogFull:
            return "no room for a device"
        except NotAdmitted:
            return "may not join here"
        return f"may join for {OPEN // MIN} min"

    def _show(self) -> None:
        asked = "device number" if self._device is None else "install code"
        typed = [self._typed[at : at + COLUMNS] for at in range(0, len(self._typed), COLUMNS)]
        self._board.display.show([line("PAIR", asked), *typed, self._told])
