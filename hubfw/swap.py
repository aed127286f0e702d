"""A hub gives its place to another one, or takes another one's: backup, hand-over, restore, record, disposal.

On SAP 1, for client 1 and for the engineer's client, who finds nothing but these and the clock there:

    0-0:128.30.4  class 1   the backup made last, sealed; read block by block
    0-0:128.30.6  class 1   orders: 1 make a backup, 2 hand over, 3 take up again, 4 erase everything (only what has handed over)
    0-0:128.30.7  class 1   what became of an old hub: structure of its identifier, how (enum), when (date-time)
    0-0:128.30.5  class 1   the swap record (`swap_record`)
    0-0:44.0.1    class 18  a sealed backup comes in, is verified, and is activated with a restart

A hub that hands over is silent on the home's network before its last backup is made, so that nothing it still had to deliver is
delivered twice (`Retired` is what it then runs). A backup is taken in once, by a hub that nobody has joined, and only if its seal
and, where this hub has certificates, the certificate of the hub that made it are good. A transfer that a power cut breaks off
begins anew; activation is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from devices.parts import sealed_backup
from devices.parts.sealed_backup import LARGEST, Head
from devices.parts.swap_client import BACKUP, BLOCK, DISPOSAL, ENGINEER, ORDER, RECORD, RESTORE, Order
from devices.runtime.kernel import S
from hubfw import backup, swap_record
from hubfw.backup import Contents
from hubfw.config import Config
from hubfw.swap_record import Disposal, Kind, Line
from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import axdr, cosem
from protocols.dlms.acse import Mechanism
from protocols.dlms.association import Association
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.cosem import Access, AccessError, Image, ImageStatus, InterfaceClass, date_time
from protocols.dlms.cosem.activation import NEVER
from protocols.dlms.cosem.rights import Rights
from protocols.dlms.obis import Obis
from protocols.dlms.server import PUBLIC_CLIENT
from protocols.dlms.xdlms import DataAccessResult
from protocols.zigbee.backup import Backup
from protocols.zigbee.key_establishment.certificates import CertificateError, Credentials, public_key

if TYPE_CHECKING:
    from devices.runtime.board import Board
    from devices.runtime.nvm import Nvm
    from hubfw.device_log import DeviceLog

STATE: Final = "swap/state"
SEALED: Final = "swap/sealed"
HANDED_OVER: Final = "handed-over"
GONE: Final = "erased"
RESTART_AFTER: Final = 5 * S
"""Between an order and the restart that it needs: the answer is on its way."""
_READABLE: Final = (BACKUP, RECORD, ORDER, "0-0:1.0.0")
_ALLOWED: Final = {(Obis(name), 2) for name in _READABLE} | {(Obis(RESTORE), number) for number in range(2, 8)}
_METHODS: Final = {(Obis(RESTORE), number) for number in range(1, 5)}


def associations(granted: Sequence[Association], password: bytes) -> list[Association]:
    """Those of a hub: the public client never sees a backup, and the engineer's sees little else. No password: no engineer."""
    closed = {(Obis(BACKUP), 2): Access.NONE}
    found = [
        replace(one, rights=replace(one.rights, overrides={**one.rights.overrides, **closed}))
        if one.client_sap == PUBLIC_CLIENT else one
        for one in granted
    ]  # fmt: skip
    if password:
        access = {**dict.fromkeys(_ALLOWED, Access.READ), (Obis(ORDER), 2): Access.READ_WRITE}
        rights = Rights(Access.NONE, methods=False, overrides=access, method_overrides=dict.fromkeys(_METHODS, Access.CALL))
        found.append(Association(ENGINEER, Mechanism.LOW, password, rights=rights))
    return found


def objects(board: Board, sealed: Callable[[], bytes], order: Callable[[Order], object]) -> list[InterfaceClass]:
    """Backup, orders and record; `order` is carried out, or raises AccessError. The last one is read back."""
    last = Order.MAKE_BACKUP

    def obey(value: Data) -> None:
        nonlocal last
        if value.tag != Tag.ENUM or value.value not in set(Order):
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, ORDER)
        order(Order(value.value))
        last = Order(value.value)

    return [
        cosem.Data(BACKUP, value=lambda: axdr.octets(sealed())),
        cosem.Data(ORDER, value=lambda: axdr.enum(last), access={"value": Access.READ_WRITE}, on={"value": obey}),
        cosem.Data(RECORD, value=lambda: swap_record.data(board.nvm)),
    ]


class Swap:
    """The hub that is in place. `pan()`: its network as a successor needs it; `hush()`: its node is silent until the restart."""

    def __init__(
        self, board: Board, config: Config, log: DeviceLog, version: bytes, pan: Callable[[], Backup], hush: Callable[[], object]
    ) -> None:
        self._board = board
        self._hush = hush
        self._config = config
        self._log = log
        self._pan = pan
        self._sealed = b""
        interface = "wired" if config.wired_meter is not None else "radio"
        networks = "2.4 GHz" + (", sub-GHz" if config.sub_ghz else "") + (", wireless M-Bus" if config.mbus else "")
        self.about = {"type": "hub", "firmware": version.decode(), "configuration": f"{interface}; {networks}"}

    def objects(self) -> list[InterfaceClass]:
        """None where the hub has no key to seal with."""
        if not self._config.backup_key:
            return []
        return [
            *objects(self._board, lambda: self._sealed, self._obey),
            cosem.Data(
                DISPOSAL,
                value=axdr.structure(axdr.octets(b""), axdr.enum(Disposal.UNKNOWN), axdr.octets(NEVER)),
                access={"value": Access.READ_WRITE},
                on={"value": self._old_one_is_gone},
            ),
            cosem.ImageTransfer(
                RESTORE, store=Incoming(self._board, self._config, self._log, self.about, self._hush), image_block_size=BLOCK
            ),
        ]

    def note(self, kind: Kind, old: bytes, old_type: str, new: bytes, new_type: str) -> None:
        """Write down that a module was exchanged, identified by what is printed on it."""
        line = Line(self._board.rtc.read(), kind, old, old_type, new, new_type)
        self._board.nvm.put(swap_record.with_line(self._board.nvm, line))

    def restore_network(self, known: Backup) -> None:
        """Take another hub's network, with devices of this log, from the start on that follows. Raises RemoteProtocolError."""
        board = self._board
        refuse_where_lived_in(board.nvm, self._log, b"the other hub", 0)
        line = Line(board.rtc.read(), Kind.NETWORK_RESTORED, new=_serial(board.eui64), new_type=_described(self.about))
        changed = {backup.PAN: known.plain(), **swap_record.with_line(board.nvm, line)}
        board.nvm.commit(changed, [key for key in ("han/network",) if key in board.nvm])
        silence(board, self._hush)
        board.scope.after(RESTART_AFTER, board.restart)

    def seal(self) -> bytes:
        """A backup of the hub as it is now."""
        board, credentials = self._board, self._config.credentials
        contents = backup.take(board.nvm, board.eui64, list(self._log), self._pan(), self.about).build()
        number = board.nvm.counter("backup", step=1).next()
        certificate = credentials[0].certificate if credentials else b""
        head = Head(board.eui64, number, board.rtc.read() // S, certificate)
        sealed = sealed_backup.seal(self._config.backup_key, head, contents)
        if len(sealed) > LARGEST:
            raise AccessError(DataAccessResult.OTHER_REASON, f"a backup of {len(sealed)} octets")
        board.log("hub.backup", {"number": number, "octets": len(sealed)})
        return sealed

    def _obey(self, order: Order) -> None:
        if order is Order.MAKE_BACKUP:
            self._log.save()
            self._sealed = self.seal()
        elif order is Order.HAND_OVER:
            self._hand_over()
        else:
            raise AccessError(DataAccessResult.OTHER_REASON, f"{order.name}: it has not handed over")

    def _hand_over(self) -> None:
        board = self._board
        silence(board, self._hush)  # from here on nobody is given anything
        self._log.save()
        self._sealed = self.seal()
        line = Line(board.rtc.read(), Kind.HANDED_OVER, _serial(board.eui64), self.about["type"])
        board.nvm.put({STATE: HANDED_OVER, SEALED: self._sealed, **swap_record.with_line(board.nvm, line)})
        board.log("hub.handed-over", {})
        board.scope.after(RESTART_AFTER, board.restart)

    def _old_one_is_gone(self, value: Data) -> None:
        try:
            identifier, how, at = value.value
            if (identifier.tag, how.tag, at.tag) != (Tag.OCTET_STRING, Tag.ENUM, Tag.OCTET_STRING):
                raise ValueError
            instant = date_time.instant(at.value)
            changed = swap_record.disposed(self._board.nvm, identifier.value, Disposal(how.value), instant or 0)
        except (ValueError, TypeError, RemoteProtocolError):
            raise AccessError(DataAccessResult.TYPE_UNMATCHED, DISPOSAL) from None
        if changed is None or not instant:
            raise AccessError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, DISPOSAL)
        self._board.nvm.put(changed)


class Incoming:
    """Another hub's backup on its way in: the store of the image transfer. It is in memory until it is activated."""

    capacity: Final = LARGEST

    def __init__(self, board: Board, config: Config, log: DeviceLog, about: dict[str, str], hush: Callable[[], object]) -> None:
        self.size = 0
        self.status = ImageStatus.NOT_INITIATED
        self.images: Sequence[Image] = ()
        self._board = board
        self._config = config
        self._log = log
        self._about = about
        self._hush = hush
        self._blocks: dict[int, bytes] = {}
        self._opened: tuple[Head, Contents] | None = None

    def begin(self, identifier: bytes, size: int) -> None:
        """Begin anew."""
        self.size, self.status, self.images, self._opened = size, ImageStatus.INITIATED, (), None
        self._blocks.clear()

    def has(self, block: int) -> bool:
        """Whether a block has come."""
        return block in self._blocks

    def put(self, block: int, octets: bytes) -> None:
        """A block."""
        self._blocks[block] = octets

    def verify(self) -> None:
        """Judge it, at once."""
        octets = b"".join(self._blocks[block] for block in sorted(self._blocks))
        try:
            head, contents = admit(self._config, octets)
            self._opened = head, contents
            refuse_where_lived_in(self._board.nvm, self._log, _serial(head.hub), head.number)
        except RemoteProtocolError as reason:
            self.status = ImageStatus.VERIFICATION_FAILED
            self._board.log("hub.restore-refused", {"reason": str(reason)})
            return
        self.status = ImageStatus.VERIFICATION_SUCCESSFUL
        self.images = (Image(self.size, _serial(head.hub), head.number.to_bytes(4, "big")),)

    def activate(self) -> None:
        """Be that hub from the next start on, which follows."""
        assert self._opened is not None  # what was verified was opened
        head, contents = self._opened
        board, about = self._board, contents.about
        line = Line(
            board.rtc.read(), Kind.HUB_RESTORED, _serial(head.hub), _described(about), _serial(board.eui64),
            _described(self._about), head.number,
        )  # fmt: skip
        try:
            backup.give(board.nvm, contents, swap_record.with_line(board.nvm, line))
        except (RemoteProtocolError, LocalProtocolError) as reason:
            self.status = ImageStatus.ACTIVATION_FAILED
            board.log("hub.restore-refused", {"reason": str(reason)})
            return
        self.status = ImageStatus.ACTIVATION_SUCCESSFUL
        board.log("hub.restored", {"hub": head.hub, "number": head.number})
        silence(board, self._hush)
        board.scope.after(RESTART_AFTER, board.restart)


def silence(board: Board, hush: Callable[[], object]) -> None:
    """Nothing is sent or heard on the home's networks any more, until the board restarts."""
    hush()
    for radio in board.radios:
        radio.reset()


def admit(config: Config, octets: bytes) -> tuple[Head, Contents]:
    """A backup opened, of a hub whose certificate is good where there are certificates. Raises RemoteProtocolError."""
    head, plain = sealed_backup.unseal(config.backup_key, octets)
    if config.credentials:
        _check_certificate(config.credentials, head)
    return head, Contents.parse(plain)


def refuse_where_lived_in(nvm: Nvm, log: DeviceLog, old: bytes, number: int) -> None:
    """Raises RemoteProtocolError at a hub that has a home, or took in this backup or a later one already."""
    if any(device.joined for device in log):
        raise RemoteProtocolError("devices have joined this hub")
    if any(line.kind == Kind.HUB_RESTORED for line in swap_record.lines(nvm)):
        raise RemoteProtocolError(f"this hub took another one's place before, and {old.decode()}'s backup {number} comes too late")


def _check_certificate(own: Sequence[Credentials], head: Head) -> None:
    for each in own:
        if len(head.certificate) != each.suite.size:
            continue
        certificate = each.suite.parse(head.certificate)
        if certificate.issuer != each.issuer:
            raise CertificateError(f"backup: the hub's certificate is of {certificate.issuer:016X}, and ours of {each.issuer:016X}")
        if certificate.subject != head.hub:
            raise CertificateError(f"backup: of {head.hub:016X}, with the certificate of {certificate.subject:016X}")
        public_key(each.suite, head.certificate, each.authority)
        return
    raise CertificateError("backup: no certificate of a suite that this hub has")


def _serial(eui64: int) -> bytes:
    return f"{eui64:016X}".encode()


def _described(about: dict[str, str]) -> str:
    return f"{about.get('type', '?')} {about.get('firmware', '?')}: {about.get('configuration', '?')}"
