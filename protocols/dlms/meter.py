"""A meter to talk to in plain words, over anything that exchanges APDUs.

    meter = Meter(exchange)                      # Callable[[bytes], bytes]: send an APDU, give the answer
    with meter:
        print(meter.clock(), meter.register("1-0:1.8.0"))
        for row in meter.profile("1-0:99.1.0").rows(since=yesterday): ...

`AsyncMeter` is the same for tasks: its exchange is awaited, and so are its calls. What each call does stands in
`reading` and `client`, once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from protocols.dlms import reading
from protocols.dlms.client import Client, Procedure, adrive, drive

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


class Meter:
    """A meter over `exchange`: it sends an APDU and gives the next one that arrives; given none, it only waits.

    As a context it is associated on entry and released on exit. Calls raise RemoteProtocolError: AccessError, which is
    one, when the meter refuses.
    """

    def __init__(self, exchange: Callable[[bytes], bytes], client: Client | None = None) -> None:
        self.exchange = exchange
        self.client = client or Client()

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

    associate = _call(Client.associate)
    release = _call(Client.release)
    get = _call(Client.get)
    get_list = _call(Client.get_list)
    set = _call(Client.set)
    set_list = _call(Client.set_list)
    action = _call(Client.action)
    action_list = _call(Client.action_list)
    register = _call(reading.register)
    clock = _call(reading.clock)
    set_clock = _call(reading.set_clock)
    logical_device_name = _call(reading.logical_device_name)
    names = _call(reading.names)
    objects = _call(reading.objects)
    attributes = _call(reading.attributes)
    columns = _call(reading.columns)
    rows = _call(reading.rows)
    entries = _call(reading.entries)


class AsyncMeter:
    """`Meter` over an exchange that is awaited."""

    def __init__(self, exchange: Callable[[bytes], Awaitable[bytes]], client: Client | None = None) -> None:
        self.exchange = exchange
        self.client = client or Client()

    async def __aenter__(self) -> Self:
        await self.associate()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            await self.release()

    def profile(self, name: str | bytes) -> AsyncProfile:
        """A profile of the meter; nothing is read yet."""
        return AsyncProfile(self, name)

    associate = _acall(Client.associate)
    release = _acall(Client.release)
    get = _acall(Client.get)
    get_list = _acall(Client.get_list)
    set = _acall(Client.set)
    set_list = _acall(Client.set_list)
    action = _acall(Client.action)
    action_list = _acall(Client.action_list)
    register = _acall(reading.register)
    clock = _acall(reading.clock)
    set_clock = _acall(reading.set_clock)
    logical_device_name = _acall(reading.logical_device_name)
    names = _acall(reading.names)
    objects = _acall(reading.objects)
    attributes = _acall(reading.attributes)
    columns = _acall(reading.columns)
    rows = _acall(reading.rows)
    entries = _acall(reading.entries)


class Profile:
    """A profile of a `Meter`."""

    def __init__(self, meter: Meter, name: str | bytes) -> None:
        self._meter = meter
        self._name = name

    def columns(self) -> list[reading.ProfileColumn]:
        """What it captures."""
        return self._meter.columns(self._name)

    def rows(
        self, since: reading.Instant | None = None, until: reading.Instant | None = None
    ) -> list[tuple[reading.Value, ...]]:
        """Its rows of a time, both ends inclusive, or all of them."""
        return self._meter.rows(self._name, since, until)

    def entries(self, first: int, last: int = 0) -> list[tuple[reading.Value, ...]]:
        """Its rows by number, from 1; `last` 0: to the end."""
        return self._meter.entries(self._name, first, last)


class AsyncProfile:
    """A profile of an `AsyncMeter`."""

    def __init__(self, meter: AsyncMeter, name: str | bytes) -> None:
        self._meter = meter
        self._name = name

    async def columns(self) -> list[reading.ProfileColumn]:
        """What it captures."""
        return await self._meter.columns(self._name)

    async def rows(
        self, since: reading.Instant | None = None, until: reading.Instant | None = None
    ) -> list[tuple[reading.Value, ...]]:
        """Its rows of a time, both ends inclusive, or all of them."""
        return await self._meter.rows(self._name, since, until)

    async def entries(self, first: int, last: int = 0) -> list[tuple[reading.Value, ...]]:
        """Its rows by number, from 1; `last` 0: to the end."""
        return await self._meter.entries(self._name, first, last)
