"""SAP 1: the hub as a logical device. Clock, device log, push setup, supply record, and the directory that its server adds.

The device log is a manufacturer's object (class 1) that any client can read; GB's own, which manages it, is `network_control`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from devices.parts.dlms_access import Clients
from devices.parts.kept_objects import keep
from devices.parts.ota import running_version
from devices.runtime.kernel import S
from hubfw import swap
from hubfw.config import Config
from hubfw.device_log import DeviceLog
from hubfw.han.local_time import SAVING, SUMMER_BEGINS, SUMMER_ENDS
from hubfw.wan.endpoint import CONNECTIONS, IDLE, PORT
from protocols.dlms import axdr, cosem
from protocols.dlms.axdr import Data
from protocols.dlms.cosem import Access, AccessError, InterfaceClass, Unit, date_time
from protocols.dlms.cosem.date_time import ClockStatus
from protocols.dlms.cosem.push import Message, PushSetup, TransportService, push_objects
from protocols.dlms.obis import Obis
from protocols.dlms.server import LogicalDevice
from protocols.dlms.xdlms import DataAccessResult

if TYPE_CHECKING:
    from devices.runtime.board import Board

MAKER: Final = b"MBE"
"""FLAG identifier that logical device names of this bench begin with."""

DEVICE_LOG: Final = "0-0:128.30.3"
PUSH_SETUP: Final = "0-0:25.9.0"
EVENT_CODE: Final = "0-0:96.11.0"
FAILURES: Final = "0-0:96.7.0"
LONG_FAILURES: Final = "0-0:96.7.5"
TIME_OF_FAILURE: Final = "0-0:96.7.10"
DURATION: Final = "0-0:96.7.15"
THRESHOLD: Final = "0-0:96.7.20"

IP_SETUP: Final = Obis("0-0:25.1.0")
NO_ADDRESS: Final = 0
"""The network knows its hosts by name."""

OUTAGE: Final = 1
RESTORED: Final = 2
"""Event codes."""

LONGEST_THRESHOLD: Final = 0xFFFF
NETWORKS: Final = (TransportService.TCP, TransportService.UDP)
"""What notifications go by to a host and port."""
LINES: Final = (TransportService.HDLC, TransportService.SERIAL_WRAPPER)
"""What they go by to whoever is at the other end of the serial modem's line."""
_DESTINATION_KEY = "push/destination"
_DESTINATION = re.compile(r"([A-Za-z0-9._-]{1,64}):(\d{1,5})", re.ASCII)
_KEEPS_TRYING = 255
_DEVICE: Final = "hub"


def _spelled(service: int, host: str, port: int) -> bytes:
    return b"" if service in LINES else f"{host}:{port}".encode()


@dataclass(slots=True)
class SupplyRecord:
    """What the hub knows of the premises' last interruption: times in UTC ns, counts since the hub was made."""

    event: int = 0
    lost: int = 0
    duration: int = 0
    failures: int = 0
    long_failures: int = 0

    def plain(self) -> dict[str, int]:
        """For non-volatile memory."""
        return asdict(self)


def firmware_version(board: Board) -> bytes:
    """What the hub runs, eight digits."""
    return f"{running_version(board):08X}".encode()


def device_name(eui64: int) -> bytes:
    """A logical device name: the maker and the last 13 digits of the EUI-64."""
    return MAKER + f"{eui64:016X}"[3:].encode()


def clock(board: Board) -> cosem.Clock:
    """The hub's clock, which the network sets. What local time is in the premises, a client sets; a new hub has Great Britain's."""

    def time() -> bytes:
        return made.zone.encode(board.rtc.read(), status()) if board.rtc.valid else date_time.encode(board.rtc.read(), status())

    def status() -> int:
        if not board.rtc.valid:
            return ClockStatus.INVALID
        return ClockStatus.DAYLIGHT_SAVING if made.zone.saving(board.rtc.read()) else 0

    settable = [cosem.Clock.attributes[number] for number in (3, 5, 6, 7, 8)]
    access = {"time": Access.READ, **{member.name: Access.READ_WRITE for member in settable}}
    made = cosem.Clock(
        "0-0:1.0.0", time=time, status=status, access=access, daylight_savings_begin=SUMMER_BEGINS,
        daylight_savings_end=SUMMER_ENDS, daylight_savings_deviation=SAVING, daylight_savings_enabled=True,
    )  # fmt: skip
    keep(board.nvm, made, *settable)
    return made


class HubDevice(LogicalDevice):
    """The device. `threshold`, `set_threshold`: of what counts as an outage, in ns."""

    def __init__(
        self,
        board: Board,
        config: Config,
        clock: InterfaceClass,
        log: DeviceLog,
        record: SupplyRecord,
        threshold: Callable[[], int],
        set_threshold: Callable[[int], object],
        clients: Clients,
    ) -> None:
        self._board = board
        self._log = log
        self._set_threshold = set_threshold
        event = cosem.Data(EVENT_CODE, value=lambda: axdr.u16(record.event))
        lost = cosem.Data(TIME_OF_FAILURE, value=lambda: axdr.octets(date_time.encode(record.lost)))
        duration = cosem.Register(
            DURATION, value=lambda: axdr.u32(min(record.duration // S, 0xFFFFFFFF)), scaler_unit=(0, Unit.SECOND)
        )
        name = cosem.Data("0-0:42.0.0", value=axdr.octets(device_name(board.eui64)))
        host, port, service = board.nvm.get(_DESTINATION_KEY, (*config.push_destination, config.push_service))
        self.push = PushSetup(
            PUSH_SETUP,
            push_object_list=push_objects([(name, 2), (event, 2), (lost, 2), (duration, 2)]),
            send_destination_and_method=(TransportService(service), _spelled(service, host, port), Message.A_XDR),
            number_of_retries=_KEEPS_TRYING,
            repetition_delay=1,
            access={"send_destination_and_method": Access.READ_WRITE},
            on={"send_destination_and_method": self._redirect},
        )
        super().__init__(device_name(board.eui64), [
            clock,
            cosem.Data("0-0:0.2.1", value=axdr.octets(firmware_version(board))),
            cosem.Data("0-0:96.1.0", value=axdr.octets(f"{board.eui64:016X}".encode())),
            cosem.Data("0-0:96.1.4", value=axdr.octets(b"hub")),
            cosem.Data("0-0:96.1.6", value=axdr.octets(MAKER)),
            cosem.Data(DEVICE_LOG, value=self._devices),
            self.push,
            event,
            cosem.Data(FAILURES, value=lambda: axdr.u32(record.failures)),
            cosem.Data(LONG_FAILURES, value=lambda: axdr.u32(record.long_failures)),
            lost,
            duration,
            cosem.Register(
                THRESHOLD,
                value=lambda: axdr.u16(threshold() // S),
                scaler_unit=(0, Unit.SECOND),
                access={"value": Access.READ_WRITE},
                on={"value": self._threshold},
            ),
            cosem.TcpUdpSetup(
                "0-0:25.0.0", tcp_udp_port=PORT, ip_reference=IP_SETUP, nb_of_sim_conn=CONNECTIONS, inactivity_time_out=IDLE // S
            ),
            cosem.IPv4Setup(IP_SETUP, ip_address=NO_ADDRESS, use_dhcp_flag=True),
            *clients.objects(),
        ], swap.associations(clients.associations(_DEVICE), config.engineer_password),
            security=clients.security, rng=clients.rng, on_change=clients.remember(_DEVICE),
        )  # fmt: skip

    @property
    def destination(self) -> tuple[str, int]:
        """Where notifications go."""
        _, octets, _ = self.push.send_destination_and_method.value
        host, _, port = octets.value.decode().rpartition(":")
        return host, int(port)

    @property
    def service(self) -> TransportService:
        """What notifications go by; `destination` is of TCP and UDP."""
        service, _, _ = self.push.send_destination_and_method.value
        return TransportService(service.value)

    def _devices(self) -> Data:
        """array of structure: EUI-64, kind, joined, last heard (a date-time, or null-data for never)."""
        return axdr.array(
            axdr.structure(
                axdr.octets(device.eui64.to_bytes(8, "big")),
                axdr.visible(device.kind),
                axdr.boolean(device.joined),
                axdr.octets(date_time.encode(device.last_heard)) if device.last_heard else axdr.null(),
            )
            for device in self._log
        )

    def _redirect(self, value: Data) -> None:
        service, octets, message = value.value
        host, port = "", 0
        found = _DESTINATION.fullmatch(octets.value.decode("ascii", "replace"))
        if found:
            host, port = found[1], int(found[2])
        known = not octets.value if service.value in LINES else service.value in NETWORKS and 0 < port <= 0xFFFF
        if message.value != Message.A_XDR or not known:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, PUSH_SETUP)
        self._board.nvm.put({_DESTINATION_KEY: [host, port, service.value]})

    def _threshold(self, value: Data) -> None:
        if not value.value:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, THRESHOLD)
        self._set_threshold(value.value * S)
