"""A meter to talk to in plain words, over anything that exchanges APDUs.

    meter = Meter(exchange)                      # Callable[[bytes], bytes]: send an APDU, give the answer
    with meter:
        print(meter.clock(), meter.register("1-0:1.8.0"), meter.switch.state)
        for row in meter.profile("1-0:99.1.0").rows(since=yesterday, columns=["0-0:1.0.0", "1-0:1.8.0"]): ...
        for entry in meter.objects():            # what there is, its class, and what this client may do with it
            print(entry, meter.read(entry.name))

`AsyncMeter` is the same for tasks: its exchange is awaited, and so are its calls. What each call does stands in
`reading` and `client`, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar

from protocols.dlms import reading, rows
from protocols.dlms.client import Client, Procedure, adrive, drive
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.cosem.disconnect import ControlState
from protocols.dlms.obis import Obis
from protocols.dlms.reading import Entry, Instant, Reading
from protocols.dlms.rows import ProfileColumn, Row
from protocols.dlms.xdlms import DataAccessResult

T = TypeVar("T")
P = ParamSpec("P")


def _call(procedure: Callable[Concatenate[Client, P], Procedure[T]]) -> Callable[Concatenate[Meter, P], T]:
    @wraps(procedure)
    def call(self: Meter, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.turn():
            return drive(procedure(self.client, *args, **kwargs), self.exchange)

    return call


def _acall(
    procedure: Callable[Concatenate[Client, P], Procedure[T]],
) -> Callable[Concatenate[AsyncMeter, P], Coroutine[Any, Any, T]]:
    @wraps(procedure)
    async def call(self: AsyncMeter, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await adrive(procedure(self.client, *args, **kwargs), self.exchange)

    return call


def _missing(name: str | bytes, found: Mapping[Obis, Entry]) -> NoReturn:
    what = f"{Obis(name)} is not among the {len(found)} objects that this client finds"
    raise AccessError(DataAccessResult.OBJECT_UNDEFINED, what)


class Meter:
    """A meter over `exchange`: it sends an APDU and gives the next one that arrives; given none, it only waits.

    As a context it is associated on entry and released on exit. Calls raise RemoteProtocolError: AccessError, which is
    one, when the meter refuses.
    """

    def __init__(self, exchange: Callable[[bytes], bytes], client: Client | None = None) -> None:
        self.exchange = exchange
        self.client = client or Client()
        self._found: dict[Obis, Entry] | None = None

    def __enter__(self) -> Self:
        self.associate()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:  # after an error the line may be dead, and the meter drops the association with it
            self.release()

    def turn(self) -> AbstractContextManager[None]:
        """Around each call. Redefine it where the way to the meter is shared, or is opened for each call."""
        return nullcontext()

    def profile(self, name: str | bytes) -> Profile:
        """A profile of the meter; nothing is read yet."""
        return Profile(self, name)

    @property
    def switch(self) -> Switch:
        """The switch of the supply, under its usual name."""
        return Switch(self, reading.SWITCH)

    def read(self, name: str | bytes, attribute: int | str | None = None) -> Reading:
        """What an object says, whatever its class: a quantity, an instant, rows, plain Python, or {attribute: plain Python}.

        `attribute`: one attribute, by number or name. The first call fetches the object list. Raises AccessError when the
        object is not in it.
        """
        if self._found is None:
            self._found = {entry.name: entry for entry in self.objects()}
        entry = self._found.get(Obis(name)) or _missing(name, self._found)
        with self.turn():
            return drive(reading.read(self.client, entry, attribute), self.exchange)

    associate = _call(Client.associate)
    release = _call(Client.release)
    get = _call(Client.get)
    get_list = _call(Client.get_list)
    set = _call(Client.set)
    set_list = _call(Client.set_list)
    action = _call(Client.action)
    action_list = _call(Client.action_list)
    access = _call(Client.access)
    event = _call(Client.event)
    register = _call(reading.register)
    clock = _call(reading.clock)
    set_clock = _call(reading.set_clock)
    logical_device_name = _call(reading.logical_device_name)
    names = _call(reading.names)
    objects = _call(reading.objects)
    attributes = _call(reading.attributes)
    switch_state = _call(reading.switch_state)
    disconnect = _call(reading.disconnect)
    reconnect = _call(reading.reconnect)
    columns = _call(rows.captures)
    entries = _call(rows.entries)
    rows = _call(rows.rows)


class AsyncMeter:
    """`Meter` over an exchange that is awaited."""

    def __init__(self, exchange: Callable[[bytes], Awaitable[bytes]], client: Client | None = None) -> None:
        self.exchange = exchange
        self.client = client or Client()
        self._found: dict[Obis, Entry] | None = None

    async def __aenter__(self) -> Self:
        await self.associate()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            await self.release()

    def profile(self, name: str | bytes) -> AsyncProfile:
        """A profile of the meter; nothing is read yet."""
        return AsyncProfile(self, name)

    async def read(self, name: str | bytes, attribute: int | str | None = None) -> Reading:
        """What an object says, whatever its class: as `Meter.read`."""
        if self._found is None:
            self._found = {entry.name: entry for entry in await self.objects()}
        entry = self._found.get(Obis(name)) or _missing(name, self._found)
        return await adrive(reading.read(self.client, entry, attribute), self.exchange)

    associate = _acall(Client.associate)
    release = _acall(Client.release)
    get = _acall(Client.get)
    get_list = _acall(Client.get_list)
    set = _acall(Client.set)
    set_list = _acall(Client.set_list)
    action = _acall(Client.action)
    action_list = _acall(Client.action_list)
    access = _acall(Client.access)
    event = _acall(Client.event)
    register = _acall(reading.register)
    clock = _acall(reading.clock)
    set_clock = _acall(reading.set_clock)
    logical_device_name = _acall(reading.logical_device_name)
    names = _acall(reading.names)
    objects = _acall(reading.objects)
    attributes = _acall(reading.attributes)
    switch_state = _acall(reading.switch_state)
    disconnect = _acall(reading.disconnect)
    reconnect = _acall(reading.reconnect)
    columns = _acall(rows.captures)
    entries = _acall(rows.entries)
    rows = _acall(rows.rows)


class Profile:
    """A profile of a `Meter`."""

    def __init__(self, meter: Meter, name: str | bytes) -> None:
        self._meter = meter
        self._name = name

    def columns(self) -> list[ProfileColumn]:
        """What it captures."""
        return self._meter.columns(self._name)

    def rows(
        self, since: Instant | None = None, until: Instant | None = None, columns: Sequence[str | int] | None = None
    ) -> list[Row]:
        """Its rows of a time, both ends inclusive, or all of them; all columns, or some by name or by number from 0."""
        return self._meter.rows(self._name, since, until, columns=columns)

    def entries(self, first: int, last: int = 0) -> list[Row]:
        """Its rows by number, from 1; `last` 0: to the end."""
        return self._meter.entries(self._name, first, last)


class AsyncProfile:
    """A profile of an `AsyncMeter`."""

    def __init__(self, meter: AsyncMeter, name: str | bytes) -> None:
        self._meter = meter
        self._name = name

    async def columns(self) -> list[ProfileColumn]:
        """What it captures."""
        return await self._meter.columns(self._name)

    async def rows(
        self, since: Instant | None = None, until: Instant | None = None, columns: Sequence[str | int] | None = None
    ) -> list[Row]:
        """Its rows of a time, both ends inclusive, or all of them; all columns, or some by name or by number from 0."""
        return await self._meter.rows(self._name, since, until, columns=columns)

    async def entries(self, first: int, last: int = 0) -> list[Row]:
        """Its rows by number, from 1; `last` 0: to the end."""
        return await self._meter.entries(self._name, first, last)


class Switch:
    """The switch of a `Meter`'s supply."""

    def __init__(self, meter: Meter, name: str | bytes) -> None:
        self._meter = meter
        self._name = name

    @property
    def state(self) -> ControlState:
        """Connected, disconnected, or ready for the hand that connects."""
        return self._meter.switch_state(self._name)

    def disconnect(self) -> None:
        """Open it."""
        self._meter.disconnect(self._name)

    def reconnect(self) -> None:
        """Close it, or make it ready for the hand that does."""
        self._meter.reconnect(self._name)
