"""Homes as they are met in the field, as a bench: how many prepay, and in how many 2.4 GHz does not carry (paper B).

Shares are kept to the home; which homes they are is drawn from the seed. Where 2.4 GHz fails, the gas meter is out of the hub's
reach at that frequency, and below 1 GHz is not. Not here: walls, flats, a medium that neighbours share (`[neighbourhood]`).
"""

from __future__ import annotations

from random import Random
from typing import Final, Literal

from devices.parts.specification import LATEST, VERSIONS, Version
from tools.bench import config
from tools.bench.device_config import Device, Esme, Gsme, Hub, Ihd, PrepayGas
from tools.bench.medium import Air, SubGhz
from tools.bench.prepay import Prepay
from tools.errors import BadInput

PREPAYMENT: Final = 0.15
"""Share of homes that prepay; the other 85 % do not."""
FAILING: Final = 0.3
"""Share of homes in which 2.4 GHz may fail."""
NEAR, FAR = (6.0, 2.0), (40.0, 10.0)
"""Where the gas meter is, in metres from the hub: within its reach at 2.4 GHz, and beyond it."""
MOST = 256


def population(
    homes: int,
    *,
    seed: int = 1,
    prepayment: float = PREPAYMENT,
    failing: float = 0.0,
    dual_band: bool = False,
    mixed_versions: bool = False,
) -> config.Bench:
    """A bench of so many homes. `failing`: where 2.4 GHz does not reach the gas meter, such as `FAILING`. `dual_band`: hubs there
    and gas meters of homes that do not prepay have a radio below 1 GHz. `mixed_versions`: meters were put in over the years, each
    under the version of its day; those with a radio below 1 GHz under the latest. Raises BadInput for what cannot be.
    """
    if not 1 <= homes <= MOST or not (0 <= prepayment <= 1 and 0 <= failing <= 1):
        raise BadInput(f"a population has 1 to {MOST} homes, and shares are from 0 to 1")
    random = Random(f"{seed}/population")
    prepaying = set(random.sample(range(homes), round(homes * prepayment)))
    lost = set(random.sample(range(homes), round(homes * failing)))
    versions = [[random.choice(VERSIONS) if mixed_versions else LATEST for _ in range(2)] for _ in range(homes)]
    return config.Bench(
        name="population",
        seed=seed,
        home=[_home(n, n in prepaying, n in lost, dual_band and n in lost, *versions[n]) for n in range(homes)],
    )


def prepays(home: config.Home) -> bool:
    """Whether a home of a population prepays."""
    return any(isinstance(device, Hub) and device.prepay is not None for device in home.device)


def _home(number: int, prepaying: bool, lost: bool, dual_band: bool, electricity: Version, fuel: Version) -> config.Home:
    at = FAR if lost else NEAR
    low = dual_band and not prepaying
    band: Literal["2.4-ghz", "sub-ghz"] = "sub-ghz" if low else "2.4-ghz"
    gas: Device = PrepayGas(at=at) if prepaying else Gsme(at=at, band=band, version=LATEST if low else fuel)
    hub, meter = Hub(prepay=Prepay() if prepaying else None), Esme(at=(0.3, 0.0), version=electricity)
    devices: list[Device] = [hub, meter, gas, Ihd(at=(4.0, 3.0))]
    air = Air(sub_ghz=SubGhz(page=28, channel=5)) if low else Air()
    return config.Home(name=f"home{number + 1}", air=air, device=devices)
