"""A run with the links of its bench file open: what answers where, from opening to closing.

Names are as in the bench file. An endpoint's first link bears its name alone, the others the kind of link, too:
`esme.optical`, `esme.optical.tcp`, `esme.optical.tcp2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.runtime.journal import Happening
from tools.bench import config
from tools.bench.bridges import Slot, door
from tools.bench.realtime import Driver
from tools.bench.run import Run
from tools.errors import BadInput
from tools.links import LinkSpec, Server, parse, server

MODEM = ".modem"
"""Of an endpoint that is a socket for a modem: the only link there is plugged in from the beginning, whoever speaks first."""
HANGS_UP: Mapping[str, bool] = {"tcp-listen": True, "udp-listen": True, "pty": False, "serial": False, "mqtt": True}
"""Kinds of link that can be served, and whether they tell when a client goes."""
WORDS: Mapping[str, str] = {"tcp-listen": "tcp", "udp-listen": "udp"}
"""Kind of link to its word in a name, where it is another."""


class Served:
    """The links of a run's bench file, not open yet. Raises BadInput for what may not be opened."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._links: list[tuple[str, str, LinkSpec, Server]] = []
        self._started: list[Server] = []
        self._driver: Driver | None = None
        names: list[str] = []
        for endpoint, spec in run.links():
            if spec.scheme not in HANGS_UP:
                raise BadInput(f'{endpoint}: link "{spec}" cannot be served; these can: {", ".join(HANGS_UP)}')
            short = endpoint.partition("/")[2] if len(run.homes) == 1 else endpoint
            name = _free(short, WORDS.get(spec.scheme, spec.scheme), names)
            names.append(name)
            self._links.append((name, endpoint, spec, server(spec, protected=run.declared.access.protected)))
        self._listener = run.declared.notifications.to
        if run.exit is not None:
            run.exit.on_dial = self._nobody
        if not names and self._listener == config.HEAD_END:
            raise BadInput('the bench file has no links to serve: add [links] and, for one, "hub.wan" = "tcp-listen:0"')

    def _nobody(self, slot: Slot) -> None:
        """Nobody is dialled before the links are open: a hub keeps what it has to tell."""
        self._run.inputs.feed(slot.endpoint, Happening.CLOSE, at=self._run.kernel.now)

    async def open(self, driver: Driver) -> dict[str, str]:
        """Open all; what a client types to reach each. Raises LinkDown."""
        self._driver = driver
        if self._run.exit is not None:
            driver.dial_out(self._run.exit, parse(self._listener))
        spellings: dict[str, str] = {}
        ends = [endpoint for _, endpoint, _, _ in self._links]
        for name, endpoint, spec, link in self._links:
            stays = HANGS_UP[spec.scheme] or plugged_in(endpoint, ends)
            await driver.serve(link, self._run.endpoints[door(endpoint, spec.scheme)].slots, hangs_up=stays)
            self._started.append(link)
            spellings[name] = link.spelling
        return spellings

    async def close(self) -> None:
        """Close what is open."""
        if self._driver is not None:
            self._driver.hang_up()
        while self._started:
            await self._started.pop().stop()


def plugged_in(endpoint: str, served: Sequence[str]) -> bool:
    """Whether a line to this endpoint, of all that are served, is plugged in for good."""
    return endpoint.endswith(MODEM) and served.count(endpoint) == 1


def _free(name: str, kind: str, taken: list[str]) -> str:
    if name not in taken:
        return name
    number, first = 1, f"{name}.{kind}"
    while (candidate := first if number == 1 else f"{first}{number}") in taken:
        number += 1
    return candidate
