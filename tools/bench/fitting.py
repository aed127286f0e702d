"""A new hub for a home whose hub has gone: another board of the same kind, as it comes out of its box.

It has an identity and a certificate of its own, knows no device, and has the key that hubs of the bench seal backups under. The
old hub's board stays whatever it is; people decide when its power goes. Where hub and meter are on a wire, it is the new hub's now;
one that was fed by its meter lives on a lead of the engineer's until he takes it away.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import hubfw
from devices.runtime.board import Board
from devices.runtime.feed import Feed
from devices.runtime.flash import Flash
from devices.runtime.rtc import Rtc
from tools.bench import device_config
from tools.bench.home import KINDS, Home, Parts
from tools.bench.hub_settings import hub_config
from tools.bench.identity import GPF, identify
from tools.bench.wire import UNPLUGGED


def fit(home: Home, name: str = "hub2", *, at: tuple[float, float] = (0.2, 0.2)) -> Board:
    """Fit it and switch it on; it is `home.hub` from now on, on a network host of its own name."""
    label = home.of_kind("hub")[0]
    declared = home.declared[label]
    assert isinstance(declared, device_config.Hub)
    identity = identify(home.kernel.seed, home.name, device_config.Hub(name=name))
    own = home.authority
    credentials = () if own is None else (own.issue(identity.eui64, identity.random("certificate").getrandbits),)
    parts = Parts(home, declared, identity, home.bench.access.password.encode())
    config = replace(hub_config(parts), gpf_eui64=identity.eui64 ^ GPF, credentials=credentials, device_log=())
    fed_before = _pull(home, name)
    kind = KINDS["hub"]
    board = Board(
        home.kernel,
        identity.node,
        firmware=partial(hubfw.load, config=config),
        supply=kind.supply(parts),
        eui64=identity.eui64,
        flash=Flash(kind.bank),
        rtc=Rtc(home.kernel),
        radio=home.air.radio(identity.node, home.at[0] + at[0], home.at[1] + at[1]),
        net=home.net.host(identity.node),
        buttons=kind.buttons,
        display=kind.display,
    )
    home.boards[label] = board
    if home.lead is not None:
        home.lead.plug(board.uart("wired"), home.feed)
    if fed_before is not None:
        fed_before.mend(UNPLUGGED)
    return board


def _pull(home: Home, name: str) -> Feed | None:
    """Take the hub off its meter; the feed it had, where there was one. The next one has an end of its own."""
    before = home.feed
    if home.lead is not None:
        home.lead.pull()
    if before is not None:
        home.feed = Feed(home.mains, f"{home.name}/{name}.feed")
        home.feed.cut(UNPLUGGED)
    return before
