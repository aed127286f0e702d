"""What a bench file's home must be like for the gas meters in it: how many a hub has room for, and what each is named for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tools.bench.device_config import AnyDevice, Gsme, MBusGas, PrepayGas, WanGas
from tools.bench.publications import Publication
from tools.errors import suggest

MIRRORS: Final = 4
"""That a hub has."""


def gas_meters(devices: Iterable[AnyDevice]) -> list[AnyDevice]:
    """The gas meters that a hub answers for, in the order of the file."""
    return [device for device in devices if isinstance(device, Gsme | MBusGas | PrepayGas)]


def check(devices: Iterable[AnyDevice], publish: Iterable[Publication]) -> None:
    """Raises ValueError for more gas meters than there is room for, and for a publication for one that is not there."""
    listed = list(devices)
    mirrored = gas_meters(listed)
    by_themselves = [device for device in listed if isinstance(device, WanGas)]
    if by_themselves and len(mirrored) + len(by_themselves) > 1:
        alone = by_themselves[0].label
        raise ValueError(f'{len(mirrored) + len(by_themselves)} gas meters, and "{alone}" of kind wan-gas is a home\'s only one')
    if len(mirrored) > MIRRORS:
        raise ValueError(f"{len(mirrored)} gas meters, and a hub has mirrors for {MIRRORS}")
    accounted = [device for device in mirrored if isinstance(device, PrepayGas)]
    if len(accounted) > 1:
        raise ValueError(f"{len(accounted)} gas meters of kind prepay-gas, and a hub keeps one account for gas")
    labels = [device.label for device in mirrored]
    for publication in publish:
        if publication.meter is not None and publication.fuel != "gas":
            raise ValueError(f'`publish`: `meter = "{publication.meter}"` is for gas, and the fuel is {publication.fuel}')
        if publication.meter is not None and publication.meter not in labels:
            raise ValueError(f'`publish`: no gas meter "{publication.meter}"{suggest(publication.meter, labels)}')
