"""A gas meter as a logical device, answered from its mirror while the meter sleeps; orders wait there for its wake.

Its objects are the table's (`translation_rows`), made when somebody first asks for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from devices.parts.dlms_access import Clients
from protocols.dlms.cosem import InterfaceClass
from protocols.dlms.logical_device import LogicalDevice

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from hubfw.han.mirrors import Mirrors
    from hubfw.han.tariffs import Tariffs
    from hubfw.translation import Gas
    from hubfw.translation_logs import Logs


class GasDevice(LogicalDevice):
    """The device. `clock`: the hub's, because the proxy's time is the hub's. `clients`: whom it talks to, and the meter's supplier
    with `secret`. `fuel`: the word under which something is published for this meter, and kept of its clients.

    `more`: objects besides, in place of rows of the same name.
    """

    _more: list[InterfaceClass] | None = None
    """None: all objects are there, or not even this device."""

    def __init__(
        self, name: bytes, board: Board, eui64: int, mirrors: Mirrors, tariffs: Tariffs, fuel: str, clock: InterfaceClass,
        clients: Clients, secret: bytes = b"", more: Iterable[InterfaceClass] = (),
    ) -> None:  # fmt: skip
        super().__init__(
            name,
            [clock, *clients.objects()],
            clients.associations(fuel, secret),
            security=clients.security,
            rng=clients.rng,
            on_change=clients.remember(fuel),
        )
        self.gas: Gas | None = None
        self.logs: Logs | None = None
        self._parts = board, eui64, mirrors, tariffs, fuel
        self._clock = clock
        self._more = list(more)

    def __iter__(self) -> Iterator[InterfaceClass]:
        self._fill()
        return super().__iter__()

    def find(self, name: bytes) -> InterfaceClass | None:
        self._fill()
        return super().find(name)

    def _fill(self) -> None:
        more, self._more = self._more, None
        if more is None:
            return
        from devices.parts.prepaid import GATEWAY
        from hubfw.translation import Gas  # a home whose gas nobody reads does not wait for the table
        from hubfw.translation_account import account_objects
        from hubfw.translation_logs import Logs
        from hubfw.translation_objects import objects
        from hubfw.translation_payments import Payments
        from hubfw.translation_samples import FastSamples

        _, eui64, mirrors, *_ = self._parts
        self.gas = Gas(*self._parts)
        self.logs = Logs(self.gas, self._clock)
        samples = FastSamples(self.gas, self._clock)
        listeners = [self.logs.answered, samples.answered]
        made = [*objects(self.gas), *self.logs.objects, *samples.objects]
        if GATEWAY not in {thing.name for thing in more}:  # else the account is in the hub
            payments = Payments(self.gas, self._clock)
            listeners.append(payments.answered)
            made += [*account_objects(self.gas), *payments.objects]
        mirrors.on_answer[eui64] = lambda frame: [listen(frame) for listen in listeners]
        named = {thing.name for thing in more}
        for thing in (*more, *(each for each in made if each.name not in named)):
            self.add(thing)
