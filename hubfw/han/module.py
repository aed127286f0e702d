"""The hub's radio that can be taken off at any time: a radio co-processor in a slot, spoken to over Spinel.

The network is the hub's: its keys, counters, children and the EUI-64 that is printed on the hub are kept here and told to whichever
module is in, so a module has nothing to lose and brings nothing with it. While there is none, what is sent counts as not
acknowledged, and the hub goes on. Each change of the module is a line of the hub's swap record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devices.parts.spinel_radio import ModuleRadio
from hubfw import swap_record
from protocols.core.errors import LocalProtocolError

if TYPE_CHECKING:
    from devices.runtime.firmware import Firmware


class RadioModule:
    """Writes down which module is in."""

    def __init__(self, firmware: Firmware) -> None:
        board = firmware.board
        if not isinstance(board.radio, ModuleRadio):
            raise LocalProtocolError(f"{board.name} has no slot for a radio")
        self._board = board
        board.radio.on_identified = self._identified
        board.radio.on_line = lambda there: board.log("han.module-here" if there else "han.module-gone", {})

    def _identified(self, version: str, eui64: int) -> None:
        nvm, serial = self._board.nvm, f"{eui64:016X}".encode()
        version = f"{version}; as {self._board.eui64:016X}"
        changes = [line for line in swap_record.lines(nvm) if line.kind == swap_record.Kind.HAN_MODULE]
        old_type, old = (changes[-1].new_type, changes[-1].new) if changes else ("", b"")
        if (version, serial) != (old_type, old):
            line = swap_record.Line(self._board.rtc.read(), swap_record.Kind.HAN_MODULE, old, old_type, serial, version)
            nvm.put(swap_record.with_line(nvm, line))
            self._board.log("han.module", {"type": version, "serial": serial.decode(), "instead_of": old.decode()})
