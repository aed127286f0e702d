"""A hub is exchanged through the head end: backup, hand-over, restore, record, disposal; what holds meanwhile.

Each rule is seen to fail on a story with a fault that was put in."""

from __future__ import annotations

from dataclasses import replace

import pytest

import hubfw
from devices.parts import sealed_backup, swap_client
from devices.parts.swap_client import Disposal, Kind, Order
from devices.runtime.kernel import HOUR, MIN, S
from hubfw.backup import Contents
from hubfw.retired import Retired
from hubfw.sap_table import HUB
from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr
from protocols.dlms.association_object import CURRENT
from protocols.dlms.cosem import AccessError, date_time
from protocols.dlms.cosem.disconnect import ControlState
from tests.compliance.capture import Capture
from tests.sim import swap_rules
from tools.bench.fitting import fit
from tools.headend.swap import pan, restore_pan

REPLACED = "han.trust-centre-replaced"
MESSAGES = [b"first message", b"second message", b"third message"]
PASSWORD, CHANGED = b"12345678", b"another-word"


class Exchange:
    """A home whose hub is exchanged, and what its gas meter was given."""

    def __init__(self, home):
        self.home = home
        self.old = home.hub
        self.given = []
        home.gsme.firmware.inbox.act = lambda message: self.given.append(message) or []

    def ask(self, board, question, **how):
        head_end = self.home.head_end
        return head_end.settle(head_end.ask(board.name, HUB, question, **{"writes": True, **how}))

    def order(self, board, what):
        self.ask(board, lambda client: swap_client.order(client, what))

    def send(self, *messages):
        for message in messages:
            self.home.hub.firmware.deliver(self.home.gsme.eui64, message)

    def backup(self):
        return self.ask(self.old, swap_client.backup)

    def hand_over(self):
        self.order(self.old, Order.HAND_OVER)
        self.home.run(for_=10 * S)
        return self.ask(self.old, swap_client.last_backup)

    def fit(self, name="hub2"):
        board = fit(self.home.only, name)
        self.home.run(for_=5 * S)
        return board

    def restore(self, board, sealed):
        self.ask(board, lambda client: swap_client.restore(client, sealed))
        self.home.run(for_=10 * S)

    def record(self, board):
        return [[cell.value for cell in line.value] for line in self.ask(board, swap_client.record).value]

    def settled(self, board):
        self.home.until(lambda: board.firmware.commissioned and len(self.home.events(REPLACED)) >= 4, within=2 * HOUR)
        self.home.run(for_=35 * MIN)


@pytest.fixture
def exchange(home):
    home.run(for_=HOUR)
    return Exchange(home)


@pytest.mark.req("S-024", "S-025")
def test_a_planned_exchange_through_the_head_end(exchange):
    home, old = exchange.home, exchange.old
    capture = Capture(home)
    listed = [device.eui64 for device in old.firmware.log]
    names, network = home.head_end.meter("hub").names(), old.firmware.han.stack._network.extended_pan_id
    secrets = swap_rules.secrets_of(old)
    exchange.send(*MESSAGES)
    sealed = exchange.hand_over()
    assert isinstance(old.firmware, Retired)
    new = exchange.fit()
    exchange.restore(new, sealed)
    at = home.now
    exchange.settled(new)
    # the head end reads on, under the numbers it knows, and nobody paired anything
    assert new.firmware.han.stack._network.extended_pan_id == network
    now = home.head_end.meter("hub").names()
    assert {sap: name for sap, name in now.items() if sap != HUB} == {sap: name for sap, name in names.items() if sap != HUB}
    assert home.head_end.meter("esme").register("1-0:1.8.0").value > 0
    assert {data["before"] for data in home.events(REPLACED)} == {old.eui64}
    assert all(time - at < 20 * MIN for time in home.times(REPLACED))
    assert home.events("hub.registered") == []
    # supply went on
    assert home.esme.firmware.meter.switch.state is ControlState.CONNECTED
    assert [data["state"] for data in home.events("power", "home1/esme")] == ["on"]
    # rules
    assert swap_rules.log_differs(new, listed) == []  # 22
    assert swap_rules.holders_of_the_network_key({**home.only.boards, "old": old}, new, listed) == []  # 23
    assert swap_rules.not_once_in_order(MESSAGES, exchange.given) == []  # 31
    assert capture.reused == []  # 13, 14
    # record and disposal
    when, kind, before, _, here, configuration, number, disposal, _ = exchange.record(new)[-1]
    assert (kind, before, here) == (Kind.HUB_RESTORED, f"{old.eui64:016X}".encode(), f"{new.eui64:016X}".encode())
    assert (configuration, number, disposal) == (b"hub 01000000: radio; 2.4 GHz", 1, Disposal.UNKNOWN)
    assert abs(date_time.instant(when) - home.kernel.start_ns - at) < MIN
    assert swap_rules.left_behind(old, secrets)
    exchange.order(old, Order.ERASE)
    home.run(for_=10 * S)
    assert swap_rules.left_behind(old, secrets) == []  # 38
    serial = f"{old.eui64:016X}".encode()
    handed_over, erased = exchange.record(old)  # it keeps what became of it, and that alone
    assert handed_over[1:4] == [Kind.HANDED_OVER, serial, b"hub"]
    assert (erased[1], erased[2], erased[7]) == (Kind.ERASED, serial, Disposal.ERASED)
    assert date_time.instant(handed_over[0]) - home.kernel.start_ns < at < date_time.instant(erased[8]) - home.kernel.start_ns
    exchange.ask(new, lambda client: swap_client.dispose(client, f"{old.eui64:016X}", Disposal.ERASED, home.kernel.utc))
    assert exchange.record(new)[-1][7] == Disposal.ERASED
    with pytest.raises(AccessError):
        exchange.order(old, Order.TAKE_UP_AGAIN)


@pytest.mark.req("S-025", part=True)
def test_a_hub_that_dies_is_replaced_from_its_last_backup(exchange):
    """What it delivered after that backup is in the backup once more, and the meter takes none of it twice."""
    home, old = exchange.home, exchange.old
    exchange.send(*MESSAGES)
    sealed = exchange.backup()
    home.run(for_=31 * MIN)
    assert exchange.given == MESSAGES
    old.cut()
    home.run(for_=MIN)
    new = exchange.fit()
    exchange.restore(new, sealed)
    exchange.settled(new)
    assert swap_rules.not_once_in_order(MESSAGES, exchange.given) == []
    assert len(home.events("gsme.message-repeated")) == 3
    assert new.firmware.mailbox.waiting(home.gsme.eui64) == 0
    assert home.esme.firmware.meter.switch.state is ControlState.CONNECTED


@pytest.mark.req("S-025", part=True)
def test_notices_that_were_not_sent_are_sent_by_the_successor_once(exchange):
    home, old = exchange.home, exchange.old
    home.net.partition(old.name, "dcc")
    home.mains.off(190 * S)
    home.run(for_=200 * S)
    assert old.firmware.notifier.waiting >= 1
    home.net.partition("dcc", old.name)
    waiting = old.firmware.notifier.waiting
    sealed = old.firmware.swap.seal()  # as an engineer would fetch it: no WAN
    old.cut()
    new = exchange.fit()
    assert home.notices().count("LastGasp") == 0
    exchange.restore(new, sealed)
    home.run(for_=5 * MIN)
    assert waiting >= 1
    told = [notice for notice in home.head_end.received if notice.hub.endswith(f"{old.eui64:016X}"[-13:].encode())]
    assert [type(notice).__name__ for notice in told].count("LastGasp") == 1
    assert new.firmware.notifier.waiting == 0


@pytest.mark.req("S-025", part=True)
def test_the_network_alone_goes_by_class_104(exchange):
    home, old = exchange.home, exchange.old
    known = exchange.ask(old, pan)
    listed = tuple(hubfw.Entry(device.eui64, b"", device.kind) for device in old.firmware.log)
    old.cut()
    new = exchange.fit()
    with pytest.raises(AccessError, match="unavailable"):
        exchange.ask(new, lambda client: restore_pan(client, known))  # its log is empty
    for entry in listed:
        new.firmware.log.add(entry)
    exchange.ask(new, lambda client: restore_pan(client, known))
    home.run(for_=10 * S)
    exchange.settled(new)
    assert {data["before"] for data in home.events(REPLACED)} == {old.eui64}
    assert exchange.record(new)[-1][1] == Kind.NETWORK_RESTORED
    with pytest.raises(AccessError, match="other-reason"):
        exchange.ask(new, lambda client: restore_pan(client, known))  # devices have joined


def test_who_may_not_have_a_backup_does_not_get_one(exchange):
    exchange.backup()
    old = exchange.old
    with pytest.raises(AccessError):
        exchange.ask(old, swap_client.last_backup, writes=False)
    with pytest.raises(AccessError):
        exchange.order(old, Order.ERASE)
    with pytest.raises(AccessError):
        exchange.ask(old, lambda client: client.set(swap_client.ORDER, 1, 2, axdr.enum(9)))


def test_a_hub_with_a_home_takes_no_backup_and_another_hub_takes_it_once(exchange):
    home, old = exchange.home, exchange.old
    sealed = exchange.backup()
    with pytest.raises(AccessError):
        exchange.restore(old, sealed)
    assert "have joined" in home.events("hub.restore-refused")[-1]["reason"]
    old.cut()
    new = exchange.fit()
    with pytest.raises(AccessError):
        exchange.restore(new, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    exchange.restore(new, sealed)
    with pytest.raises(AccessError):
        exchange.restore(new, sealed)
    assert "too late" in home.events("hub.restore-refused")[-1]["reason"]


def test_between_the_hand_over_and_the_restart_a_hub_sends_nothing_whatever_comes_due(exchange):
    home, old, sent = exchange.home, exchange.old, []
    exchange.order(old, Order.HAND_OVER)
    firmware = old.firmware
    home.log.subscribe(lambda now, who, kind, data: sent.append(who), ["air.frame"])
    firmware.coordinator.permit(60)
    firmware.coordinator.replace_network_key()
    home.run(for_=4 * S)
    assert old.firmware is firmware  # not restarted yet
    assert old.name not in sent


def test_a_hub_that_handed_over_can_take_up_again(exchange):
    home, old = exchange.home, exchange.old
    exchange.send(*MESSAGES)
    exchange.hand_over()
    home.run(for_=40 * MIN)
    assert exchange.given == []
    exchange.order(old, Order.TAKE_UP_AGAIN)
    home.run(for_=HOUR)
    assert old.firmware.commissioned
    assert swap_rules.not_once_in_order(MESSAGES, exchange.given) == []
    assert [line[1] for line in exchange.record(old)] == [Kind.HANDED_OVER, Kind.TAKEN_UP_AGAIN]


@pytest.mark.parametrize("place", [0, 700, 1990, 2400, 4000])
def test_power_cuts_anywhere_in_the_restore(exchange, place):
    """The head end tries again until the record says that it is done; all is as without a cut."""
    home = exchange.home
    exchange.send(*MESSAGES)
    sealed = exchange.hand_over()
    new = exchange.fit()
    capture = Capture(home)
    listed = [device.eui64 for device in backup_contents(home, sealed)[1]]
    new.cut_at_flash_operation(place, 2 * S)
    for _ in range(4):
        try:
            exchange.restore(new, sealed)
        except (RemoteProtocolError, AccessError):
            home.run(for_=10 * S)
        try:
            if [line for line in exchange.record(new) if line[1] == Kind.HUB_RESTORED]:
                break
        except RemoteProtocolError:  # the power went while it was read
            home.run(for_=10 * S)
    assert len(exchange.record(new)) == 1
    exchange.settled(new)
    assert swap_rules.log_differs(new, listed) == []
    assert swap_rules.not_once_in_order(MESSAGES, exchange.given) == []
    assert capture.reused == []


def backup_contents(home, sealed):
    """A backup, open, and the devices in it."""
    contents = Contents.parse(sealed_backup.unseal(home.only.boards["hub"].firmware.config.backup_key, sealed)[1])
    devices = [hubfw.Entry(int(key[13:], 16), *line) for key, line in contents.kept.items() if key.startswith("device-entry/")]
    return contents, devices


# --- credentials ---


def password_works(exchange, board, password):
    """Whether client 1 gets in with a password."""
    head_end = exchange.home.head_end
    before, head_end._password = head_end._password, password
    try:
        return bool(exchange.ask(board, lambda client: client.get("0-0:96.1.0", 1, 2)))
    except RemoteProtocolError:
        return False
    finally:
        head_end._password = before


def credentials_broken(exchange, board):
    """Invariant 37: of two passwords, the one that was changed away works, or the one it was changed to does not."""
    return [word for word, due in ((PASSWORD, False), (CHANGED, True)) if password_works(exchange, board, word) is not due]


def test_a_password_that_was_changed_stays_changed(exchange):
    exchange.ask(exchange.old, lambda client: client.set(CURRENT, 15, 7, axdr.octets(CHANGED)))
    assert credentials_broken(exchange, exchange.old) == []
    exchange.home.head_end._password = CHANGED
    sealed = exchange.backup()
    exchange.old.cut()
    new = exchange.fit()
    exchange.home.head_end._password = PASSWORD
    exchange.restore(new, sealed)
    assert credentials_broken(exchange, new) == []


# --- the rules can fail: each on a story with a fault that was put in ---


def resealed(home, sealed, change):
    """A backup as a faulty hub would make it."""
    key = home.hub.firmware.config.backup_key
    head, plain = sealed_backup.unseal(key, sealed)
    return sealed_backup.seal(key, head, change(Contents.parse(plain)).build())


def without(*beginnings):
    return lambda contents: replace(
        contents, kept={key: value for key, value in contents.kept.items() if not key.startswith(beginnings)}
    )


def test_rule_22_sees_a_device_that_a_backup_forgets(exchange):
    home, old = exchange.home, exchange.old
    listed = [device.eui64 for device in old.firmware.log]
    sealed = resealed(home, exchange.backup(), without(f"device-entry/{home.ihd.eui64:016X}", f"device/{home.ihd.eui64:016X}"))
    old.cut()
    new = exchange.fit()
    exchange.restore(new, sealed)
    assert swap_rules.log_differs(new, listed) == [home.ihd.eui64]


def test_rules_13_and_23_see_a_hub_that_is_a_copy_of_the_old_one(exchange):
    """Its network key and its counters as they were: whoever had the key has it, and numbers come again."""
    home, old = exchange.home, exchange.old
    capture = Capture(home)
    home.run(for_=10 * MIN)
    listed = [device.eui64 for device in old.firmware.log if device.eui64 != home.ihd.eui64]
    images = [old.flash.image(bank) for bank in (0, 1)]
    home.run(for_=10 * MIN)
    old.cut()
    old.flash.powered = True
    for bank, octets in enumerate(images):
        old.flash.erase(bank)
        old.flash.program(bank, 0, octets.rstrip(b"\xff"))
    old.power_on()
    home.run(for_=10 * MIN)
    assert capture.reused
    assert swap_rules.holders_of_the_network_key(home.only.boards, old, listed) == ["ihd"]


def test_rule_31_sees_a_meter_that_forgets_what_it_took(exchange):
    home, old = exchange.home, exchange.old
    exchange.send(*MESSAGES)
    sealed = exchange.backup()
    home.run(for_=31 * MIN)
    home.gsme.firmware.messages._taken.clear()
    old.cut()
    new = exchange.fit()
    exchange.restore(new, sealed)
    exchange.settled(new)
    assert swap_rules.not_once_in_order(MESSAGES, exchange.given)


def test_rule_37_sees_a_backup_without_secrets(exchange):
    exchange.ask(exchange.old, lambda client: client.set(CURRENT, 15, 7, axdr.octets(CHANGED)))
    exchange.home.head_end._password = CHANGED
    sealed = resealed(exchange.home, exchange.backup(), without("dlms/secret/"))
    exchange.old.cut()
    new = exchange.fit()
    exchange.home.head_end._password = PASSWORD
    exchange.restore(new, sealed)
    assert credentials_broken(exchange, new) == [PASSWORD, CHANGED]


def test_rule_38_sees_keys_that_were_deleted_and_not_erased(exchange):
    old = exchange.old
    secrets = swap_rules.secrets_of(old)
    exchange.hand_over()
    old.nvm.delete(*old.nvm.keys())
    assert swap_rules.left_behind(old, secrets)


def test_a_client_sees_no_secret_in_the_record(exchange):
    secrets = swap_rules.secrets_of(exchange.old)
    exchange.hand_over()
    octets = exchange.ask(exchange.old, swap_client.record).build()
    assert not [name for name, secret in secrets.items() if name.startswith("key") and secret in octets]
