"""The central company: users, what they may, the systems that a request passes, alerts, and tickets to who maintains."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from devices.runtime.kernel import MIN, S
from protocols.core.errors import RemoteProtocolError
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.metrics import SIDES, USERS, Metrics
from tools.bench.run import Run
from tools.central import company, messages
from tools.central.interface import CENTRAL, MESSAGE, Refused
from tools.central.messages import Closed, Reopened, Request, Ticket
from tools.errors import BadInput
from tools.headend.fault_report import PROVIDER

DOCS = Path(__file__).resolve().parents[3] / "docs"
HOME = """
[[user]]
name = "volt"
role = "supplier"
[[user]]
name = "flame"
role = "supplier"
[[user]]
name = "wires"
role = "network-operator"
[[home]]
[[home.device]]
kind = "hub"
supplier = "volt"
owner = "supplier"
[[home.device]]
kind = "esme"
at = [0.3, 0]
supplier = "volt"
[[home.device]]
kind = "gsme"
at = [6, 2]
supplier = "flame"
[[home.device]]
kind = "cad"
at = [4, 3]
listed = false
"""


class Traced(Run):
    """A home whose messages at the central company are kept."""

    def __init__(self) -> None:
        super().__init__(config.loads(HOME))
        self.steps: list[tuple[str, str, str]] = []
        self.passed: list[tuple[str, str]] = []
        self.log.subscribe(lambda now, who, kind, data: self.steps.append((data["from"], data["to"], data["what"])), [company.STEP])
        self.log.subscribe(lambda now, who, kind, data: self.passed.append((who, messages.kind(data))), [MESSAGE])

    def ask(self, user: str, service: str, device: str, item: str = "1-0:1.8.0") -> str:
        return self.head_end.settle(self.central.user(user).request(service, device, item))


@pytest.fixture(scope="module")
def home() -> Traced:
    run = Traced()
    run.central.user("volt")
    commission(run)
    return run


@pytest.fixture(autouse=True)
def fresh(home):
    home.steps.clear()
    home.passed.clear()


@pytest.mark.req("S-044")
def test_a_request_passes_each_system_in_turn_and_comes_back(home):
    held = home.head_end.meter("esme").register("1-0:1.8.0")
    assert home.ask("volt", "read", "home1/esme") in (str(held), str(home.head_end.meter("esme").register("1-0:1.8.0")))
    assert home.passed == [
        (f"volt>{CENTRAL}", "request"), (f"{CENTRAL}>volt", "acknowledgement"), (f"{CENTRAL}>volt", "response"),
    ]  # fmt: skip
    assert [(sender, receiver) for sender, receiver, _ in home.steps] == [
        ("users", company.ACCESS), (company.ACCESS, company.ESTATE), (company.ACCESS, "users"), (company.ACCESS, company.REQUESTS),
        (company.REQUESTS, company.CORRELATION), (company.REQUESTS, company.KEYS), (company.REQUESTS, company.WAN),
        (company.WAN, company.CORRELATION), (company.CORRELATION, company.REQUESTS), (company.REQUESTS, "users"),
    ]  # fmt: skip


@pytest.mark.req("S-044")
def test_each_system_is_a_module_behind_an_interface_and_the_page_says_which():
    page = (DOCS / "hub.md").read_text(encoding="utf-8")
    for system, (interface, module) in company.SYSTEMS.items():
        assert import_module(module).__doc__
        assert f"| {system} | {interface} | `{module}` |" in page


@pytest.mark.parametrize(
    ("user", "service", "device", "why"),
    [
        ("flame", "read", "home1/esme", "another supplier's"),
        ("volt", "read", "home1/gsme", "another supplier's"),
        ("wires", "pair", "home1/cad", "not for the role network-operator"),
        ("volt", "read", "home1/esm", 'no device "home1/esm"'),
        ("volt", "switch-off", "home1/esme", "no service"),
    ],
)
@pytest.mark.req("S-044", part=True)
def test_who_may_not_is_refused_and_nothing_reaches_the_wan(home, user, service, device, why):
    booked = {who: each.messages for who, each in home.head_end.traffic.items()}
    with pytest.raises(Refused) as refused:
        home.ask(user, service, device)
    assert why in str(refused.value)
    assert company.WAN not in [receiver for _, receiver, _ in home.steps]
    assert {who: each.messages for who, each in home.head_end.traffic.items()} == booked


def test_a_request_that_is_repeated_is_refused(home):
    volt = home.central.user("volt")
    home.ask("volt", "read", "home1/esme")
    home.passed.clear()
    volt.send(Request(transaction=1, service="read", device="home1/esme", item="1-0:1.8.0"))
    home.run(for_=5 * S)
    assert home.passed == [(f"volt>{CENTRAL}", "request"), (f"{CENTRAL}>volt", "refusal")]


def test_a_device_that_refuses_is_a_failure_and_octets_that_are_none_are_dropped(home):
    with pytest.raises(RemoteProtocolError):
        home.ask("volt", "read", "home1/esme", "1-0:99.99.0")
    assert home.passed[-1] == (f"{CENTRAL}>volt", "failure")
    home.central.interface.send("volt", CENTRAL, b"\xff{")
    home.run(for_=S)
    assert home.passed[-1] == (f"volt>{CENTRAL}", "unread")
    assert home.steps[-1][:2] == ("users", company.ACCESS)


@pytest.mark.req("S-044", part=True)
def test_a_device_is_in_service_once_its_hubs_log_has_it(home):
    estate = home.central.estate
    assert not estate.find("home1/cad").in_service
    assert home.ask("volt", "pair", "home1/cad") == "done"
    home.run(for_=2 * MIN)
    assert estate.find("home1/cad").in_service
    assert (company.CORRELATION, company.ESTATE, "devices") in home.steps
    home.ask("volt", "unpair", "home1/cad")
    home.run(for_=2 * MIN)
    assert not estate.find("home1/cad").in_service


@pytest.mark.req("S-044", part=True)
def test_the_company_and_who_maintains_the_home_network_mend_a_fault_together(home):
    central, volt = home.central, home.central.user("volt")
    assert home.head_end.settle(central.check("home1")) == []
    home.only.air.set_loss("home1/esme", "home1/hub", 1.0)
    home.only.air.set_loss("home1/hub", "home1/esme", 1.0)
    (fault,) = home.head_end.settle(central.check("home1"))
    home.head_end.settle(central.check("home1"))
    assert (fault.leg, fault.answers) == ("HAN", "supplier volt")
    home.run(for_=S)
    ((number, ticket),) = volt.tickets.items()  # two checks, one ticket
    assert isinstance(ticket, Ticket)
    assert (ticket.premises, ticket.leg, ticket.what.partition(":")[0]) == ("home1", "HAN", "esme")
    volt.mended(number)
    home.run(for_=2 * MIN)
    assert isinstance(volt.tickets[number], Reopened)  # said, and not so
    home.only.air.set_loss("home1/esme", "home1/hub", 0.0)
    home.only.air.set_loss("home1/hub", "home1/esme", 0.0)
    home.central.user("flame").mended(number)  # not its ticket
    home.run(for_=2 * MIN)
    assert central.faults.open
    volt.mended(number)
    home.run(for_=2 * MIN)
    assert volt.tickets[number] == Closed(transaction=number)
    assert not central.faults.open


@pytest.mark.req("S-044", part=True)
def test_a_hub_that_does_not_answer_is_the_wans_fault_and_the_providers(home):
    home.net.partition("dcc", "home1/hub")
    (fault,) = home.head_end.settle(home.central.check("home1"))
    home.net.heal("dcc", "home1/hub")
    assert (fault.leg, fault.answers) == ("WAN", PROVIDER)
    provider = home.central.user(PROVIDER)
    home.run(for_=S)
    (number,) = provider.tickets
    provider.mended(number)
    home.run(for_=MIN)
    assert isinstance(provider.tickets[number], Closed)


@pytest.mark.req("S-052")
def test_the_user_interface_is_a_leg_and_its_messages_are_counted_by_type():
    run = Traced()
    metrics = Metrics(run.kernel, run.zigbee_keys)
    sizes = []
    run.log.subscribe(lambda now, who, kind, data: sizes.append((now // S, len(data))), [MESSAGE])
    commission(run)
    for _ in range(2):
        run.ask("volt", "read", "home1/esme")
    with pytest.raises(Refused):
        run.ask("volt", "read", "home1/gsme")
    counted = {kind: traffic.messages for leg, kind, traffic in metrics.rows() if leg == USERS}
    assert counted == {"request": 3, "acknowledgement": 2, "response": 2, "refusal": 1}
    total = dict(metrics.totals())[USERS]
    assert (total.messages, total.octets) == (8, sum(octets for _, octets in sizes))
    seconds = [second for second, _ in sizes]
    assert total.peak_messages == max(seconds.count(second) for second in seconds)
    assert SIDES[USERS] == "central company"
    assert set(dict(metrics.totals())) == {"HAN", "WAN", USERS}
    assert metrics.systems[company.REQUESTS, company.WAN] == 2


def test_supply_that_is_gone_is_told_to_whom_it_concerns_and_is_no_fault(home):
    home.mains.off(4 * MIN)
    home.run(for_=7 * MIN)
    told = {name: [alert.what for alert in home.central.user(name).alerts] for name in ("volt", "wires")}
    assert all(told[name][-2:] == ["LastGasp", "FirstBreath"] for name in told)
    assert (company.CORRELATION, company.FAULTS, "LastGasp") in home.steps
    home.central.faults.supply("home1", lost=True)
    assert home.head_end.settle(home.central.check("home1")) == []
    home.central.faults.supply("home1", lost=False)


def test_alerts_have_numbers_that_rise(home):
    numbers = [alert.transaction for alert in home.central.user("wires").alerts]
    assert all(one < next_ for one, next_ in pairwise(numbers))


def test_a_reader_that_is_no_user_is_refused_with_the_nearest_name():
    text = HOME + '\n[[read]]\nrequester = "vol"\ndevice = "esme"\n'
    with pytest.raises(BadInput, match='no \\[\\[user\\]\\] "vol"'):
        config.loads(text)
    with pytest.raises(BadInput, match="role"):
        config.loads(HOME.replace('"network-operator"', '"operator"'))
