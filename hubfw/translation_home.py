"""What lives only in Smart Energy, as objects of the hub's own device: the text on the displays, the load controllers' event.

The hub tells the devices at once, and goes on telling those that do not hear. Zero minutes call every event off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from protocols.core.errors import LocalProtocolError
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, InterfaceClass
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from hubfw.han.load_control import LoadControl
    from hubfw.han.messages import Messages

MESSAGE: Final = "0-0:96.13.0"
"""Consumer message text (Blue Book): what the displays show; an empty one withdraws it."""
LOADS: Final = "0-0:128.70.1"
"""structure: minutes (long-unsigned), criticality and duty cycle in percent (unsigned; 255: not used) of the last event."""
_NOT_USED: Final = 0xFF


def home_objects(messages: Messages, load_control: LoadControl) -> list[InterfaceClass]:
    """Both."""
    loads = Loads(load_control)
    return [
        cosem.Data(
            MESSAGE, value=lambda: axdr.octets(_text(messages)), access={"value": Access.READ_WRITE},
            on={"value": lambda data: _say(messages, data)},
        ),
        cosem.Data(LOADS, value=loads.read, access={"value": Access.READ_WRITE}, on={"value": loads.write}),
    ]  # fmt: skip


def _text(messages: Messages) -> bytes:
    message = messages.in_force
    return b"" if message is None else bytes(message.message or b"")


def _say(messages: Messages, data: Data) -> None:
    try:
        if data.value:
            messages.display(data.value.decode())
        else:
            messages.cancel_all()
    except UnicodeDecodeError as error:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None
    except LocalProtocolError as error:
        raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None


class Loads:
    """The last event that was ordered here; a restart forgets what it was, not that it lasts."""

    def __init__(self, control: LoadControl) -> None:
        self._control = control
        self._last = (0, 0, _NOT_USED)

    def read(self) -> Data:
        """As `LOADS` says."""
        minutes, criticality, duty_cycle = self._last
        return axdr.structure(axdr.u16(minutes), axdr.u8(criticality), axdr.u8(duty_cycle))

    def write(self, data: Data) -> None:
        """Begin an event now, or call all off. Raises AccessError."""
        if [item.tag for item in data.value] != [Tag.LONG_UNSIGNED, Tag.UNSIGNED, Tag.UNSIGNED]:
            raise AccessError(DataAccessResult.TYPE_UNMATCHED)
        minutes, criticality, duty_cycle = (item.value for item in data.value)
        try:
            if minutes:
                self._control.issue(minutes, criticality=criticality, duty_cycle=duty_cycle)
            else:
                self._control.cancel_all()
        except LocalProtocolError as error:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, str(error)) from None
        self._last = minutes, criticality, duty_cycle
