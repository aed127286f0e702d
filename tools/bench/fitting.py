"""A new hub for a home whose hub has gone: another board of the same kind, as it comes out of its box.

It has an identity and a certificate of its own, knows no device, and has the key that hubs of the bench seal backups under. The
old hub's board stays whatever it is; people decide when its power goes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import hubfw
from devices.runtime.board import Board
from devices.runtime.flash import Flash
from devices.runtime.rtc import Rtc
from devices.runtime.supply import MainsSupply
from tools.bench import device_config
from tools.bench.home import KINDS, Home, Parts
from tools.bench.hub_settings import hub_config
from tools.bench.identity import GPF, identify


def fit(home: Home, name: str = "hub2", *, at: tuple[float, float] = (0.2, 0.2), reserve: int = 240_000_000_000) -> Board:
    """Fit it and switch it on; it is `home.hub` from now on, on a network host of its own name."""
    label = home.of_kind("hub")[0]
    declared = home.declared[label]
    assert isinstance(declared, device_config.Hub)
    identity = identify(home.kernel.seed, home.name, device_config.Hub(name=name))
    own = home.authority
    credentials = () if own is None else (own.issue(identity.eui64, identity.random("certificate").getrandbits),)
    parts = Parts(home, declared, identity, home.bench.access.password.encode())
    config = replace(hub_config(parts), gpf_eui64=identity.eui64 ^ GPF, credentials=credentials, device_log=())
    board = Board(
        home.kernel,
        identity.node,
        firmware=partial(hubfw.load, config=config),
        supply=MainsSupply(home.mains, reserve),
        eui64=identity.eui64,
        flash=Flash(KINDS["hub"].bank),
        rtc=Rtc(home.kernel),
        radio=home.air.radio(identity.node, home.at[0] + at[0], home.at[1] + at[1]),
        net=home.net.host(identity.node),
        buttons=KINDS["hub"].buttons,
        display=KINDS["hub"].display,
    )
    home.boards[label] = board
    return board
