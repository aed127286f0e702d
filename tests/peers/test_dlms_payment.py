"""Third-party clients at objects of payment, limiting, internet and M-Bus: what they understand of our attributes is what we hold.

Gurux has a class of its own for each of them; pydlms reads what Gurux has not (compact data, ZigBee control, extended data, the
arbitrator) and makes shortened profiles out.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from protocols.core.errors import RemoteProtocolError
from protocols.dlms import axdr, cosem, wrapper
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Column, Compression, Unit, date_time
from protocols.dlms.cosem.account import AccountStatus, CurrencyUnit, PaymentMode
from protocols.dlms.cosem.charge import ChargeType
from protocols.dlms.cosem.credit import CreditStatus, CreditType
from protocols.dlms.cosem.mbus import EncryptionKeyStatus
from protocols.dlms.cosem.token import Judgement, TokenStatus
from protocols.dlms.cosem.zigbee import backup, devices_and_keys
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice, Server, open_profile

pytestmark = pytest.mark.needs("peers")

JUDGES = Path(__file__).resolve().parent / "judges"
PASSWORD = "12345678"
NOW = date_time.from_datetime(datetime(2024, 5, 5, 12, 7, 30, tzinfo=UTC))
SHOWN = "2024-05-05 day 7 12:07:30"
SCRIPTS, BALANCE, EMERGENCY, ENERGY = Obis("0-0:10.0.106"), Obis("0-0:19.10.0"), Obis("0-0:19.10.1"), Obis("1-0:1.8.0")
TARIFF, DEBT = Obis("0-0:19.20.0"), Obis("0-0:19.20.3")
REST_OF_THE_NETWORK = (
    "unregister_all_devices", "identify_device", "remove_mirror", "update_network_key", "update_link_key", "create_pan",
    "remove_pan",
)  # fmt: skip
EXTENDED = Obis("0-0:94.44.128.7")
AT = date_time.encode(NOW)


class Lab:
    """A logical device with such objects, and what their hooks were told."""

    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []
        self.device = LogicalDevice(b"LAB0000000000002", associations=open_profile(PASSWORD.encode()))
        for thing in self.objects():
            self.device.add(thing)

    def told(self, name: str) -> Callable[[Data], None]:
        return lambda argument: self.done.append((name, argument.python))

    def objects(self) -> Iterator[cosem.InterfaceClass]:
        self.credits = [
            cosem.Credit(
                BALANCE, current_credit_amount=123_456, credit_type=CreditType.TOKEN_CREDIT, priority=1, warning_threshold=500,
                limit=-700, credit_configuration="00001", period=AT,
            ),
            cosem.Credit(
                EMERGENCY, credit_type=CreditType.EMERGENCY_CREDIT, priority=2, credit_configuration="01100",
                preset_credit_amount=500_000, credit_available_threshold=200_000,
            ),
        ]  # fmt: skip
        self.charges = [
            cosem.Charge(
                TARIFF, charge_type=ChargeType.CONSUMPTION_BASED_COLLECTION, priority=1, period=86_400,
                unit_charge_active=((3, -5), (3, ENERGY, 2), [(b"\1", 2121), (b"\2", -1)]),
                unit_charge_passive=((3, -4), (3, ENERGY, 2), [(b"\1", 300)]), unit_charge_activation_time=AT,
            ),
            cosem.Charge(
                DEBT, charge_type=ChargeType.PAYMENT_EVENT_BASED_COLLECTION, priority=9, charge_configuration="10",
                proportion=2_500, total_amount_remaining=60_000, on={"collect": self.told("collect")},
            ),
        ]  # fmt: skip
        self.account = cosem.Account(
            "0-0:19.0.0", account_mode_and_status=(PaymentMode.PREPAYMENT, AccountStatus.ACTIVE), clearance_threshold=5,
            credit_charge_configuration=[(BALANCE, TARIFF, "111"), (BALANCE, DEBT, "001")],
            token_gateway_configuration=[(BALANCE, 100)], account_activation_time=AT, account_closure_time=AT,
            currency=("GBP", -5, CurrencyUnit.MONETARY), max_provision=30_000, max_provision_period=604_800,
        )  # fmt: skip
        self.payment = cosem.Payment(self.account, self.credits, self.charges)
        yield from (self.account, *self.credits, *self.charges)
        yield cosem.TokenGateway("0-0:19.40.0", accept=self.accept, time=lambda: AT)
        yield cosem.Limiter(
            "0-0:17.0.0", monitored_value=(3, Obis("1-0:1.7.0"), 2), threshold_normal=axdr.u32(5_000),
            threshold_emergency=axdr.u32(1_000), min_over_threshold_duration=60, min_under_threshold_duration=30,
            emergency_profile=(7, AT, 3_600), emergency_profile_group_id_list=[7, 8],
            actions=((SCRIPTS, 52), (SCRIPTS, 54)),
        )  # fmt: skip
        yield cosem.TcpUdpSetup("0-0:25.0.0", ip_reference=Obis("0-0:25.1.0"), mss=1_460, nb_of_sim_conn=8, inactivity_time_out=120)
        yield cosem.IPv4Setup(
            "0-0:25.1.0", dl_reference=Obis("0-0:25.2.0"), ip_address=0x7F000001, multicast_ip_address=[0xE0000001],
            ip_options=[(131, 3, b"\1\2\3")], subnet_mask=0xFF000000, gateway_ip_address=0x7F0000FE, use_dhcp_flag=True,
            primary_dns_address=0x08080808, secondary_dns_address=0x08080404,
        )  # fmt: skip
        names = (
            "slave_install", "slave_deinstall", "capture", "reset_alarm", "synchronize_clock", "data_send", "set_encryption_key",
            "transfer_key",
        )  # fmt: skip
        yield cosem.MBusClient(
            "0-1:24.1.0", mbus_port_reference=Obis("0-0:24.6.0"), capture_definition=[(b"\x0c", b"\x13")], capture_period=3_600,
            primary_address=5, identification_number=12_345_678, manufacturer_id=0x1234, device_version=2, device_type=3,
            access_number=77, status=4, alarm=6, configuration=0x0500, encryption_key_status=EncryptionKeyStatus.SET,
            on={name: self.told(name) for name in names},
        )  # fmt: skip
        yield from self.raw()

    def raw(self) -> Iterator[cosem.InterfaceClass]:
        """What only pydlms reads."""
        yield cosem.Arbitrator(
            "0-0:96.3.20", actions=[(SCRIPTS, 1), (SCRIPTS, 2)], permissions_table=["11", "01"], weightings_table=[[4, 4], [0, 3]],
            execute=lambda table, number: self.done.append(("script", number)),
        )  # fmt: skip
        yield cosem.ZigBeeNetworkControl(
            "0-0:30.3.0", enable_disable_joining=True, join_timeout=254,
            active_devices=[(bytes(7) + b"\x42", "11000000", -35, -50, -100, 39, 2, 1, AT, 1, 0, 100, 1, 1)],
            on={
                "register_device": self.told("register"), "unregister_device": self.told("unregister"),
                "backup_pan": lambda argument: backup(AT, 0x140, {0x42: bytes(range(16))}), "restore_pan": self.restored,
                **{name: self.told(name) for name in REST_OF_THE_NETWORK},
            },
        )  # fmt: skip
        yield cosem.ExtendedData(
            EXTENDED, value_active=axdr.u32(6_900), value_passive=axdr.u32(6_901), on={"reset": self.told("reset")}
        )
        yield cosem.Iec62055Attributes(
            "0-0:19.50.0", meter_pan=(600727, b"00000000000", 9), token_carrier_types=[1, 2], encryption_algorithm=7,
            supply_group_code=123_456, tariff_index=1, sts_certificate_no="STS-1",
        )  # fmt: skip
        yield cosem.ExtendedRegister(
            "1-0:1.6.0", value=axdr.u32(3_000), scaler_unit=(0, Unit.WATT), status=axdr.u8(3), capture_time=AT,
            on={"reset": self.told("reset register")},
        )  # fmt: skip
        yield cosem.DisconnectControl(
            "0-0:96.3.10", on={"remote_disconnect": self.told("open"), "remote_reconnect": self.told("close")}
        )
        energy = cosem.Register(ENERGY, value=axdr.u32(4_711), scaler_unit=(0, Unit.WATT_HOUR))
        events = cosem.Data("0-0:96.11.0", value=axdr.array([axdr.u16(7), axdr.u16(8)]))
        clock = cosem.Clock("0-0:1.0.0", time=AT)
        yield from (energy, events, clock)
        yield cosem.CompactData("0-0:66.0.0", columns=[Column(energy), Column(events)], template_id=9)
        rows = [(n, 1_000 + 7 * n if n < 4 else 1_021) for n in range(6)]
        for name, options in (("1-0:99.1.0", {"compression": Compression.DELTA}), ("1-0:99.2.0", {"compact": True})):
            profile = cosem.ProfileGeneric(
                name, columns=[Column(clock), Column(energy)], profile_entries=9, capture_period=1800, **options
            )
            for number, value in rows:
                profile.append([axdr.octets(date_time.encode(NOW + number * 1_800_000_000_000)), axdr.u32(value)])
            yield profile

    def accept(self, token: bytes) -> Judgement:
        if not token.isdigit():
            return Judgement(TokenStatus.FORMAT_FAILURE)
        self.payment.paid(int(token), NOW)
        return Judgement(TokenStatus.EXECUTION_OK, (b"paid", b"in"), "10")

    def restored(self, argument: Data) -> None:
        self.done.append(("restore", devices_and_keys(argument.value[1])))

    def __getitem__(self, name: str) -> Any:
        return self.device.find(Obis(name))


class Wrapped(threading.Thread):
    """The lab behind a socket: connections one after another, until it is closed."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(daemon=True)
        self.server = Server({1: lab.device})
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def run(self) -> None:
        with suppress(OSError):
            while True:
                self.serve(self.listener.accept()[0])

    def serve(self, link: socket.socket) -> None:
        splitter, sessions = wrapper.Splitter(), {}
        with link, suppress(RemoteProtocolError):
            while data := link.recv(4096):
                for pdu in splitter.feed(data):
                    way = pdu.source, pdu.destination
                    if way not in sessions:
                        sessions[way] = self.server.session(*way, 1024)
                    for answer in sessions[way].receive(pdu.apdu, NOW):
                        link.sendall(wrapper.wrap(pdu.destination, pdu.source, answer))


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def ask(lab: Lab, peers_python: Path) -> Iterator[Callable[..., list[Any]]]:
    """What a judge answers to each question: `ask("gurux_classes.py", ["read", ...], ...)`."""
    served = Wrapped(lab)
    served.start()

    def put(judge: str, *questions: list[Any]) -> list[Any]:
        order = json.dumps({"port": served.port, "password": PASSWORD, "ask": questions})
        done = subprocess.run([str(peers_python), str(JUDGES / judge), order], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        answers: list[Any] = json.loads(done.stdout)
        return answers

    yield put
    served.listener.close()


GURUX, PYDLMS = "gurux_classes.py", "pydlms_classes.py"


def dotted(name: Obis) -> str:
    return ".".join(map(str, bytes(name)))


def unit_charge(scale: int, *prices: tuple[str, int]) -> dict[str, Any]:
    """As Gurux holds it; the commodity's object it only has when it is one of its own list."""
    return {
        "chargePerUnitScaling": {"commodityScale": 3, "priceScale": scale},
        "commodity": {"target": None, "index": 2},
        "chargeTables": [{"index": index, "chargePerUnit": price} for index, price in prices],
    }


READINGS: list[tuple[str, str, int, dict[str, Any]]] = [
    ("GXDLMSAccount", "0.0.19.0.0.255", 19, {
        "paymentMode": 2, "accountStatus": 2, "currency": {"name": "GBP", "scale": -5, "unit": 2},
        "creditReferences": [dotted(BALANCE), dotted(EMERGENCY)], "chargeReferences": [dotted(TARIFF), dotted(DEBT)],
        "creditChargeConfigurations": [
            {"creditReference": dotted(BALANCE), "chargeReference": dotted(TARIFF), "collectionConfiguration": 1 | 2 | 4},
            {"creditReference": dotted(BALANCE), "chargeReference": dotted(DEBT), "collectionConfiguration": 4},
        ],
        "tokenGatewayConfigurations": [{"creditReference": dotted(BALANCE), "tokenProportion": 100}],
        "currentCreditInUse": 1, "currentCreditStatus": 1 | 8,  # in credit; the next credit is selectable
        "availableCredit": 123_456, "amountToClear": 0, "clearanceThreshold": 5, "aggregatedDebt": 60_000,
        "accountActivationTime": SHOWN, "accountClosureTime": SHOWN, "lowCreditThreshold": 500,
        "nextCreditAvailableThreshold": 200_000, "maxProvision": 30_000, "maxProvisionPeriod": 604_800,
    }),
    ("GXDLMSCredit", dotted(BALANCE), 11, {
        "currentCreditAmount": 123_456, "type_": CreditType.TOKEN_CREDIT, "priority": 1, "warningThreshold": 500, "limit": -700,
        "creditConfiguration": 16, "status": CreditStatus.IN_USE, "presetCreditAmount": 0, "creditAvailableThreshold": 0,
        "period": SHOWN,
    }),
    ("GXDLMSCharge", dotted(TARIFF), 13, {
        "totalAmountPaid": 0, "chargeType": ChargeType.CONSUMPTION_BASED_COLLECTION, "priority": 1, "period": 86_400,
        "unitChargeActive": unit_charge(-5, ("01", 2121), ("02", -1)), "unitChargePassive": unit_charge(-4, ("01", 300)),
        "unitChargeActivationTime": SHOWN, "chargeConfiguration": 0, "lastCollectionTime": "*-*-* *:*:*",
        "lastCollectionAmount": 0, "totalAmountRemaining": 0, "proportion": 0,
    }),
    ("GXDLMSCharge", dotted(DEBT), 13, {
        "chargeType": ChargeType.PAYMENT_EVENT_BASED_COLLECTION, "priority": 9, "chargeConfiguration": 1, "proportion": 2_500,
        "totalAmountRemaining": 60_000,
    }),
    ("GXDLMSLimiter", "0.0.17.0.0.255", 11, {
        "monitoredAttributeIndex": 2, "thresholdActive": 5_000, "thresholdNormal": 5_000, "thresholdEmergency": 1_000,
        "minOverThresholdDuration": 60, "minUnderThresholdDuration": 30, "emergencyProfileActive": False,
        "emergencyProfile": {"id": 7, "activationTime": SHOWN, "duration": 3_600}, "emergencyProfileGroupIDs": [7, 8],
        "actionOverThreshold": {"logicalName": dotted(SCRIPTS), "scriptSelector": 52},
        "actionUnderThreshold": {"logicalName": dotted(SCRIPTS), "scriptSelector": 54},
    }),
    ("GXDLMSTcpUdpSetup", "0.0.25.0.0.255", 6, {
        "port": 4059, "ipReference": "0.0.25.1.0.255", "maximumSegmentSize": 1_460, "maximumSimultaneousConnections": 8,
        "inactivityTimeout": 120,
    }),
    ("GXDLMSIp4Setup", "0.0.25.1.0.255", 10, {
        "dataLinkLayerReference": "0.0.25.2.0.255", "ipAddress": "127.0.0.1", "multicastIPAddress": ["224.0.0.1"],
        "ipOptions": [{"type_": 131, "length": 3, "data": "010203"}], "subnetMask": "255.0.0.0",
        "gatewayIPAddress": "127.0.0.254", "useDHCP": True, "primaryDNSAddress": "8.8.8.8", "secondaryDNSAddress": "8.8.4.4",
    }),
    ("GXDLMSData", "0.0.96.11.0.255", 2, {"value": [7, 8]}),
    ("GXDLMSRegister", dotted(ENERGY), 3, {"value": 4_711, "scaler": 1, "unit": Unit.WATT_HOUR}),
    ("GXDLMSExtendedRegister", "1.0.1.6.0.255", 5, {
        "value": 3_000, "scaler": 1, "unit": Unit.WATT, "status": 3, "captureTime": SHOWN,
    }),
    ("GXDLMSSapAssignment", "0.0.41.0.0.255", 2, {"sapAssignmentList": [[1, b"LAB0000000000002".decode()]]}),
    ("GXDLMSDisconnectControl", "0.0.96.3.10.255", 4, {"outputState": True, "controlState": 1, "controlMode": 4}),
    ("GXDLMSMBusClient", "0.1.24.1.0.255", 14, {
        "mBusPortReference": "0.0.24.6.0.255", "capturePeriod": 3_600, "primaryAddress": 5, "identificationNumber": 12_345_678,
        "manufacturerID": 0x1234, "dataHeaderVersion": 2, "deviceType": 3, "accessNumber": 77, "status": 4, "alarm": 6,
        "configuration": 0x0500, "encryptionKeyStatus": EncryptionKeyStatus.SET,
    }),
]  # fmt: skip
"""Gurux's object, its name, how many attributes it has, and what Gurux's fields must hold once they are read."""


@pytest.mark.dlms(
    *[f"class 41 attribute {n}" for n in range(1, 7)],
    *[f"class 42 attribute {n}" for n in range(1, 11)],
    *[f"class 71 attribute {n}" for n in range(1, 12)],
    *[f"class 72 attribute {n}" for n in range(1, 15)],
    *[f"class 111 attribute {n}" for n in range(1, 20)],
    *[f"class 112 attribute {n}" for n in range(1, 12)],
    *[f"class 113 attribute {n}" for n in range(1, 14)],
    *[f"class 1 attribute {n}" for n in range(1, 3)],
    *[f"class 3 attribute {n}" for n in range(1, 4)],
    *[f"class 4 attribute {n}" for n in range(1, 6)],
    *[f"class 17 attribute {n}" for n in range(1, 3)],
    *[f"class 70 attribute {n}" for n in range(1, 5)],
)
@pytest.mark.req("S-010", part=True)
def test_gurux_reads_every_attribute(ask) -> None:
    found = ask(GURUX, *(["read", kind, name, list(range(1, most + 1)), None] for kind, name, most, _ in READINGS))
    for (kind, logical_name, _, expected), fields in zip(READINGS, found, strict=True):
        assert {name: fields[name] for name in expected} == expected, kind
        assert fields["logicalName"] == logical_name
        if kind == "GXDLMSMBusClient":
            assert [[part["_data"] for part in pair] for pair in fields["captureDefinition"]] == [["0c", "13"]]


@pytest.mark.dlms(*[f"class 115 attribute {n}" for n in range(1, 7)], "class 115 method 1")
def test_pydlms_enters_tokens_and_gurux_sees_what_became_of_them(ask, lab: Lab) -> None:
    read = ["read", "GXDLMSTokenGateway", "0.0.19.40.0.255", [1, 2, 3, 4, 5, 6], None]
    states, answers = ask(GURUX, read), []
    for text in ("100000", "nonsense"):
        answers += ask(PYDLMS, ["action", 115, "0.0.19.40.0.255", 1, ["octet_string", text.encode().hex()]])
        states += ask(GURUX, read)
    fresh, then, last = states
    assert answers == [None, {"refused": 250}]
    assert (fresh["statusCode"], fresh["token"]) == (TokenStatus.NOT_PROCESSED, "")
    expected = {
        "token": b"100000".hex(), "time": SHOWN, "descriptions": [b"paid".hex(), b"in".hex()], "deliveryMethod": 0,
        "statusCode": TokenStatus.EXECUTION_OK, "dataValue": "10",
    }  # fmt: skip
    assert {name: then[name] for name in expected} == expected
    assert (last["statusCode"], last["token"]) == (TokenStatus.FORMAT_FAILURE, b"nonsense".hex())
    # a quarter of the payment went to the debt
    assert (lab.credits[0].amount, lab.charges[1].remaining) == (123_456 + 75_000, 35_000)


@pytest.mark.dlms(
    *[f"class 112 method {n}" for n in range(1, 4)],
    *[f"class 113 method {n}" for n in (1, 2, 4, 5)],
    *[f"class 111 method {n}" for n in range(1, 4)],
)
def test_methods_of_payment(ask, lab: Lab) -> None:
    """Gurux has helpers for those of credits and accounts; pydlms calls the others, and selects a credit as GB does."""
    credit, account = "GXDLMSCredit", ("GXDLMSAccount", "0.0.19.0.0.255")
    charged = ask(
        PYDLMS,
        ["action", 113, dotted(TARIFF), 1, ["array", [["structure", [["octet_string", "01"], ["int16", 250]]]]]],
        ["action", 113, dotted(TARIFF), 2, ["int8", 0]],
        ["action", 113, dotted(DEBT), 5, ["int32", 70_000]],
        ["action", 113, dotted(DEBT), 4, ["int32", -20_000]],
        ["action", 113, dotted(DEBT), 4, ["int16", -20_000]],
    )
    assert charged == [None, None, None, None, {"refused": 12}]
    assert lab.charges[0].prices() == {b"\1": 250}
    assert ask(GURUX, ["call", credit, dotted(BALANCE), "updateAmount", [-23_456]]) == ["done"]
    selection = ["action", 112, dotted(EMERGENCY), 3, ["int8", 0]]
    assert ask(PYDLMS, selection, selection) == [None, {"refused": 250}]
    done = ask(
        GURUX,
        ["read", *account, [5], None],
        ["call", credit, dotted(BALANCE), "setAmountToValue", [300_000]],
        ["read", *account, [8], None],
        ["call", *account, "activate", []],
        ["call", *account, "close", []],
        ["call", *account, "reset", []],
    )
    available, amount, debt, *account_methods = done
    assert available["availableCredit"] == 100_000 + 500_000
    assert debt["aggregatedDebt"] == 50_000
    assert [amount, *account_methods] == ["done", {"refused": 2}, "done", "done"]
    assert lab.account.status == AccountStatus.NEW
    assert (lab.credits[0].amount, lab.charges[1].remaining) == (0, 0)


@pytest.mark.dlms(*[f"class 72 method {n}" for n in (1, 2, 3, 4, 5, 7, 8)])
def test_methods_of_mbus(ask, lab: Lab) -> None:
    """Gurux has no address to give when it installs a device, and fails over keys: pydlms does that."""
    client = "GXDLMSMBusClient", "0.1.24.1.0.255"
    install = ["action", 72, client[1], 1, ["uint8", 9]]
    key = ["octet_string", "000102030405060708090A0B0C0D0E0F"]
    done = ask(GURUX, *(["call", *client, name, []] for name in ("capture", "resetAlarm", "synchronizeClock")))
    assert done == ["done"] * 3
    assert ask(PYDLMS, *(["action", 72, client[1], number, key] for number in (7, 8))) == [None, None]
    (keys,) = ask(GURUX, ["read", *client, [12, 14], None])
    assert (keys["alarm"], keys["encryptionKeyStatus"]) == (0, EncryptionKeyStatus.SET_AND_TRANSFERRED)
    assert ask(PYDLMS, install) == [{"refused": 2}]
    assert ask(GURUX, ["call", *client, "slaveDeInstall", []]) == ["done"]
    assert ask(PYDLMS, install) == [None]
    (now,) = ask(GURUX, ["read", *client, [5, 6], None])
    assert (now["primaryAddress"], now["identificationNumber"]) == (9, 0)
    assert [name for name, _ in lab.done] == [
        "capture", "reset_alarm", "synchronize_clock", "set_encryption_key", "transfer_key", "slave_deinstall", "slave_install",
    ]  # fmt: skip


# --- pydlms


def bits(*texts: str) -> list[list[bool]]:
    return [[bit == "1" for bit in text] for text in texts]


@pytest.mark.dlms(*[f"class 62 attribute {n}" for n in range(1, 7)], "class 62 method 1", "class 62 method 2")
def test_pydlms_makes_compact_data_out(ask) -> None:
    compact = "0.0.66.0.0.255"
    zero = ["int8", 0]
    empty, captured, held, method, written, implicit, reset = ask(
        PYDLMS, ["compact", compact], ["action", 62, compact, 2, zero], ["compact", compact], ["get", 62, compact, 6],
        ["set", 62, compact, 6, ["enum", 1]], ["get", 62, compact, 2], ["action", 62, compact, 1, zero],
    )  # fmt: skip
    assert (empty["values"], captured, reset, written) == ([], None, None, "written")
    assert held == {"template": 9, "values": [9, 4_711, [7, 8]], "columns": 3}
    assert method == 0
    assert implicit == "09" + "00001267" + "02" + "0007" + "0008"


@pytest.mark.dlms(*[f"class 68 attribute {n}" for n in range(1, 7)], "class 68 method 1", "class 68 method 2")
def test_pydlms_reads_an_arbitrator(ask, lab: Lab) -> None:
    name = "0.0.96.3.20.255"
    *values, reset = ask(PYDLMS, *(["get", 68, name, number] for number in range(2, 7)), ["action", 68, name, 2, ["int8", 0]])
    scripts = bytes(SCRIPTS).hex()
    assert values == [[[scripts, 1], [scripts, 2]], bits("11", "01"), [[4, 4], [0, 3]], bits("00", "00"), 0]
    assert reset is None


@pytest.mark.dlms(*[f"class 104 attribute {n}" for n in range(1, 5)], *[f"class 104 method {n}" for n in (1, 2, 4, 5)])
def test_pydlms_manages_a_device_log(ask, lab: Lab) -> None:
    log, device, key = "0.0.30.3.0.255", ["octet_string", "00DB1234567890A0"], ["octet_string", "30313233343536373839414243444546"]
    joining, timeout, devices, *done = ask(
        PYDLMS, *(["get", 104, log, number] for number in (2, 3, 4)),
        ["action", 104, log, 1, ["structure", [device, ["enum", 1], key, ["enum", 0]]]],
        ["action", 104, log, 2, device],
        ["action", 104, log, 4, ["null"]],
        ["action", 104, log, 5, ["structure", [device, ["array", [["structure", [device, key]]]]]]],
    )  # fmt: skip
    assert (joining, timeout) == (True, 254)
    ((address, state, *strengths, last, hops, failures, successes, _, _),) = devices
    assert (address, state, strengths) == ("0000000000000042", bits("11000000")[0], [-35, -50, -100, 39, 2, 1])
    assert (last, hops, failures, successes) == (AT.hex(), 1, 0, 100)
    assert done[2] == [AT.hex(), "0000000000000140", [["0000000000000042", bytes(range(16)).hex()]]]
    assert [done[n] for n in (0, 1, 3)] == [None, None, None]
    assert [name for name, _ in lab.done] == ["register", "unregister", "restore"]


@pytest.mark.dlms(*[f"class 9000 attribute {n}" for n in range(1, 7)], "class 9000 method 2")
def test_pydlms_reads_and_activates_a_value_to_come(ask) -> None:
    name = dotted(EXTENDED)
    values = ask(
        PYDLMS, *(["get", 9000, name, number] for number in range(2, 7)), ["set", 9000, name, 4, ["uint32", 5_000]],
        ["set", 9000, name, 4, ["uint16", 5_000]], ["action", 9000, name, 2, ["int8", 0]], ["get", 9000, name, 2],
    )  # fmt: skip
    assert values == [
        6_900, [0, 255], 6_901, [0, 255], "ffffffffffffffffff8000ff", "written", {"refused": 12}, None, 5_000,
    ]  # fmt: skip


@pytest.mark.dlms(*[f"class 7 attribute {n}" for n in (1, 3, 4, 5, 6, 7, 8)], "class 7 method 1", "class 7 method 2")
def test_the_shape_of_a_profile_and_its_methods(ask) -> None:
    name = "1.0.99.2.0.255"
    read = ["read", "GXDLMSProfileGeneric", name, [1, 3, 4, 5, 6, 7, 8], None]
    (before,) = ask(GURUX, read)
    expected = {"capturePeriod": 1800, "sortMethod": 1, "entriesInUse": 6, "profileEntries": 9, "logicalName": name}
    assert {field: before[field] for field in expected} == expected
    captured = [[thing, column["attributeIndex"]] for thing, column in before["captureObjects"]]
    assert captured == [["0.0.1.0.0.255", 2], [dotted(ENERGY), 2]]
    assert ask(PYDLMS, ["action", 7, name, 2, ["int8", 0]]) == [None]
    assert ask(GURUX, read)[0]["entriesInUse"] == 7
    assert ask(PYDLMS, ["action", 7, name, 1, ["int8", 0]]) == [None]
    assert ask(GURUX, read)[0]["entriesInUse"] == 0


@pytest.mark.dlms(*[f"class 116 attribute {n}" for n in range(1, 13)])
def test_pydlms_reads_the_parameters_of_tokens(ask) -> None:
    values = ask(PYDLMS, *(["get", 116, "0.0.19.50.0.255", number] for number in range(1, 13)))
    assert values == [
        bytes(Obis("0-0:19.50.0")).hex(), [600727, b"00000000000".hex(), 9], "ELECTRICITY", [1, 2], 7, 123_456, 1, 1, 0, 255, 2,
        "STS-1",
    ]  # fmt: skip


@pytest.mark.dlms(
    *[f"class 104 method {n}" for n in (3, 6, 7, 8, 9, 10, 11)], *[f"class 42 method {n}" for n in (1, 2, 3)],
    *[f"class 70 method {n}" for n in (1, 2)], "class 72 method 6", "class 113 method 3", "class 9000 method 1", "class 4 method 1",
)  # fmt: skip
def test_pydlms_calls_the_other_methods(ask, lab: Lab) -> None:
    zero, device = ["int8", 0], ["octet_string", "00DB1234567890A0"]
    log, ip, switch = "0.0.30.3.0.255", "0.0.25.1.0.255", "0.0.96.3.10.255"
    blocks = [["octet_string", "01"], ["octet_string", "02"], ["uint8", 3]]
    done = ask(
        PYDLMS,
        *(["action", 104, log, number, zero] for number in (3, 8, 10, 11)),
        *(["action", 104, log, number, device] for number in (6, 9)),
        ["action", 42, ip, 1, ["uint32", 0xE0000002]],
        ["action", 42, ip, 2, ["uint32", 0xE0000001]],
        ["action", 42, ip, 3, zero],
        ["get", 42, ip, 4],
        *(["action", 70, switch, number, zero] for number in (1, 2)),
        ["action", 72, "0.1.24.1.0.255", 6, ["array", [["structure", blocks]]]],
        ["action", 113, dotted(DEBT), 3, zero],
        ["action", 9000, dotted(EXTENDED), 1, zero],
        ["action", 4, "1.0.1.6.0.255", 1, zero],
    )
    assert done == [*[None] * 8, 1, [0xE0000002], *[None] * 6]
    assert [name for name, _ in lab.done] == [
        "unregister_all_devices", "update_network_key", "create_pan", "remove_pan", "identify_device", "update_link_key",
        "open", "close", "data_send", "collect", "reset", "reset register",
    ]  # fmt: skip


@pytest.mark.dlms("class 7 attribute 2", "server null-data compression", "server compact array")
def test_pydlms_makes_shortened_profiles_out(ask) -> None:
    """Null-data and deltas in one, a compact array in the other: the same rows."""
    shortened, compact = ask(PYDLMS, ["rows", "1.0.99.1.0.255"], ["get", 7, "1.0.99.2.0.255", 2])
    values = [1_000, 1_007, 1_014, 1_021, 1_021, 1_021]
    assert [row[1] for row in shortened] == [row[1] for row in compact] == values
    times = [datetime.fromisoformat(row[0]) for row in shortened]
    assert times == [date_time.to_datetime(NOW + number * 1_800_000_000_000) for number in range(6)]
    assert [row[0] for row in compact] == [date_time.encode(NOW + number * 1_800_000_000_000).hex() for number in range(6)]
