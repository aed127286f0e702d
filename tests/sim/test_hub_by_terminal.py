"""A hub's backup in an engineer's terminal: fetched, carried sealed, delivered, and gone from it octet for octet (invariant 39).

And what a terminal that joins the network by radio must not be able to do there.
"""

from __future__ import annotations

import pytest

from devices.hht.carrier import CARRIED
from devices.parts import swap_client
from devices.parts.han import HUB, NoAnswer, Refused
from devices.parts.sealed_backup import SealedBackup
from devices.parts.swap_client import ENGINEER
from devices.runtime.kernel import DAY, HOUR, MIN, S
from protocols.core.errors import RemoteProtocolError
from protocols.dlms.client import Client
from protocols.dlms.cosem import AccessError
from protocols.zigbee.clusters.metering import Metering
from protocols.zigbee.clusters.price import Price
from protocols.zigbee.clusters.tunneling import DLMS, GB_HRGP, Tunneling
from protocols.zigbee.zcl.endpoint import Endpoint
from tests.sim import swap_rules
from tests.sim.test_hub_swap import MESSAGES, Exchange


class Engineer:
    """Comes with the terminal, presses a button, and waits for what it says."""

    def __init__(self, home):
        self.home = home
        self.terminal = home.board("hht")

    def come(self):
        self.there = self.home.visit("esme")
        self.home.run(for_=S)

    def press(self, button, within=5 * MIN):
        """The terminal's word on an errand; None where it went out meanwhile."""
        self.home.until(lambda: self.terminal.powered and self.terminal.firmware.report is not None, within)
        self.terminal.firmware.errand = None
        self.terminal.buttons.press(button)
        self.home.until(lambda: not self.terminal.powered or self.terminal.firmware.errand is not None, within)
        return self.terminal.firmware.errand if self.terminal.powered else None

    def leave(self):
        self.there.end()
        self.home.run(for_=S)

    def visit(self, button):
        self.come()
        said = self.press(button)
        self.leave()
        return said

    @property
    def carried(self):
        return swap_rules.image(self.terminal).find(b"MBHU") >= 0


@pytest.fixture
def exchange(home):
    home.run(for_=HOUR)
    return Exchange(home)


@pytest.fixture
def engineer(exchange):
    return Engineer(exchange.home)


@pytest.mark.req("S-026", "S-028")
def test_a_backup_goes_by_terminal_and_nothing_of_it_stays_there(exchange, engineer):
    """The same product that reads the meter over its optical port (the papers' HHD) carries the hub's backup (their HHT)."""
    home, old = exchange.home, exchange.old
    secrets = swap_rules.secrets_of(old)
    listed = [device.eui64 for device in old.firmware.log]
    exchange.send(*MESSAGES)
    assert engineer.visit("fetch") == f"FETCHED {old.eui64:016X}"
    assert engineer.carried
    assert swap_rules.left_behind(engineer.terminal, secrets) == []  # sealed
    sealed = exchange.ask(old, swap_client.last_backup)
    contents = SealedBackup.parse(sealed).contents
    assert swap_rules.left_behind(engineer.terminal, {"contents": contents}) == ["contents"]
    new = exchange.fit()
    assert engineer.visit("deliver") == f"DELIVERED {old.eui64:016X}"
    pieces = {f"octets from {at}": contents[at : at + 16] for at in range(0, len(contents) - 16, 16)}
    assert swap_rules.left_behind(engineer.terminal, {**secrets, **pieces}) == []
    assert len(swap_rules.image(engineer.terminal).replace(b"\xff", b"")) < 40  # a header and an empty record
    exchange.settled(new)
    assert swap_rules.log_differs(new, listed) == []
    assert swap_rules.not_once_in_order(MESSAGES, exchange.given) == []
    assert home.events("hht.erased", "home1/hht") == [{}]


def test_rule_39_sees_a_backup_that_was_deleted_and_not_erased(exchange, engineer):
    engineer.come()
    engineer.press("fetch")
    contents = SealedBackup.parse(engineer.terminal.nvm.get(CARRIED)["sealed"]).contents
    engineer.terminal.nvm.delete(CARRIED)
    assert swap_rules.left_behind(engineer.terminal, {"contents": contents})


@pytest.mark.req("S-027")
def test_what_it_may_do_at_the_hub_is_little_and_what_it_holds_is_sealed_and_for_a_while(exchange, engineer):
    home, old = exchange.home, exchange.old
    password = old.firmware.config.engineer_password
    session = old.firmware.server.session(ENGINEER, 1, 4096)
    client = Client(ENGINEER, 1, password)

    def ask(procedure):
        request = next(procedure)
        while True:
            try:
                request = procedure.send(b"".join(session.receive(request, 0)))
            except StopIteration as done:
                return done.value

    ask(client.associate())
    for name, class_id, attribute in (("0-0:128.30.3", 1, 2), ("0-0:30.3.0", 104, 4), ("0-0:25.9.0", 40, 3), ("0-0:96.1.4", 1, 2)):
        with pytest.raises(AccessError):
            ask(client.get(name, class_id, attribute))
    with pytest.raises(AccessError):
        ask(client.action("0-0:30.3.0", 104, 4))
    with pytest.raises(RemoteProtocolError):
        ask(Client(ENGINEER, 1, b"guessed").associate())
    # three days, also while it is switched off; and without a clock nothing is kept
    assert engineer.visit("fetch").startswith("FETCHED")
    home.mains.off(3 * DAY - 2 * HOUR)  # an empty house, and nothing on its air
    home.run(for_=3 * DAY - HOUR)
    engineer.come()
    assert engineer.carried
    assert engineer.press("fetch").startswith("FAILED: a backup is carried already")
    engineer.leave()
    home.run(for_=2 * HOUR)
    engineer.come()
    assert not engineer.carried
    assert engineer.press("deliver") == "FAILED: no backup is carried"
    assert engineer.press("fetch").startswith("FETCHED")
    engineer.leave()
    engineer.terminal.rtc.lose()
    engineer.come()
    assert not engineer.carried


@pytest.mark.parametrize("place", [0, 1, 900, 2000])
def test_power_cuts_of_the_terminal_while_it_stores(exchange, engineer, place):
    """Either it has all of it, or the old hub has it still."""
    old = exchange.old
    engineer.terminal.cut_at_flash_operation(place, 10 * S)
    engineer.come()
    engineer.press("fetch")
    exchange.home.run(for_=MIN)
    engineer.leave()
    if not engineer.carried or CARRIED not in engineer.terminal.nvm:
        assert engineer.visit("fetch").startswith("FETCHED")
    assert exchange.ask(old, swap_client.last_backup)


@pytest.mark.parametrize("place", [0, 15, 28, 29])
def test_power_cuts_of_the_terminal_while_it_erases(exchange, engineer, place):
    assert engineer.visit("fetch").startswith("FETCHED")
    new = exchange.fit()
    engineer.terminal.cut_at_flash_operation(place, 10 * S)
    engineer.come()
    engineer.press("deliver")
    exchange.home.run(for_=MIN)
    engineer.leave()
    engineer.visit("deliver")  # it sees that it is done, and lets go
    assert not engineer.carried
    assert len(exchange.record(new)) == 1
    assert len(swap_rules.image(engineer.terminal).replace(b"\xff", b"")) < 80


HOME = """
[[home]]
[[home.device]]
kind = "hub"
[[home.device]]
kind = "esme"
at = [0.3, 0]
[[home.device]]
kind = "gsme"
at = [6, 2]
[[home.device]]
kind = "hht"
at = [1, 1]
"""


@pytest.mark.req("S-030")
def test_a_terminal_on_the_network_opens_no_door(build):
    """It reads clocks and registers. It gets no mirror, no place among the meters and no way to the backup; and it goes."""
    home = build(HOME)
    hub = home.hub
    visit = home.only.visit(meter=None)
    terminal = home.board("hht")
    home.until(lambda: terminal.powered and terminal.firmware.han is not None and terminal.firmware.han.shares_key(HUB))
    han = terminal.firmware.han
    refused = []
    endpoint = han.endpoints.get(1) or Endpoint(1, 0x0509)
    for cluster in (Tunneling, Price):
        endpoint.use(cluster)
    han.add(endpoint)

    async def attempts():
        for command, answer in (
            (Tunneling.RequestTunnel(DLMS, 0xFFFF, False, 1500), Tunneling.RequestTunnelResponse),
            (Tunneling.RequestTunnel(GB_HRGP, 0xFFFF, False, 1500), Tunneling.RequestTunnelResponse),
            (Metering.RequestMirror(), Metering.RequestMirrorResponse),
        ):
            try:
                got = await han.request(HUB, 1, command, answer)
                refused.append(got.endpoint_id if isinstance(got, Metering.RequestMirrorResponse) else got.tunnel_status)
            except (NoAnswer, Refused) as reason:
                refused.append(str(reason))

    task = home.kernel.spawn(attempts(), who="test")
    home.until(lambda: task.done and visit.report is not None, 5 * MIN)
    assert 0 not in refused[:2]
    assert refused[2] == 0xFFFF
    assert hub.firmware.mirrors.of(terminal.eui64) is None
    assert terminal.eui64 not in [device.eui64 for device in hub.firmware.log.of("esme", "gsme")]
    home.run(for_=11 * MIN)
    assert hub.firmware.log.get(terminal.eui64) is None
    assert not hub.firmware.coordinator.permitting
    assert hub.firmware.device.opened == []
    assert "carried" not in terminal.nvm
