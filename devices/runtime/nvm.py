"""Non-volatile memory: atomic transactions on a `Flash`, and counters that never give a number twice.

One bank is a header and a log of records; the other is spare. A record is one transaction: length, CRC-32, MessagePack of what
is set and what is deleted, and last a commit octet. What has its commit octet was acknowledged and must be readable; what has not
is the torn tail of a power cut, and counts for nothing. A full or torn log is written afresh into the spare bank, whose header
is programmed last: until then the old bank is the valid one.

Octets that neither rule explains (rot, another version, a foreign image) are refused with `BadImage`; nothing is ever formatted
but a flash that is wholly erased. Values are plain: None, bool, int of 64 bits, float, str, bytes, list, dict with str keys; `get`
gives a fresh copy. No wear levelling, no encryption.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from struct import Struct
from typing import Any

import msgspec

from devices.runtime.flash import BadImage, Flash
from protocols.core.errors import LocalProtocolError

_MAGIC = b"MBNV"
_VERSION = 1
_HEADER = Struct(">4sBII")
"""Magic, version, generation, bank size; the CRC-32 of these follows."""
_HEADER_LENGTH = _HEADER.size + 4
_RECORD = Struct(">II")
"""Length of the payload (three octets and a check octet), CRC-32 of the payload; the payload and the commit octet follow."""
_LENGTH_OCTETS = 4
_COMMITTED = b"\x00"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_transaction = msgspec.msgpack.Decoder(tuple[dict[str, msgspec.Raw], list[str]]).decode


class Nvm:
    """The store on a flash, mounted. It is mounted again at every power-on; what was not acknowledged is gone then."""

    def __init__(self, flash: Flash) -> None:
        """Raises BadImage."""
        self._flash = flash
        self._values: dict[str, bytes] = {}
        self._counters: dict[str, Counter] = {}
        self._changed: dict[str, bytes | None] | None = None
        """Of the transaction that `together` collects"""
        self._bank = 0
        self._generation = 0
        self._end = _HEADER_LENGTH
        self._mount()

    # --- values ---

    def get(self, key: str, default: Any = None) -> Any:
        """The value last put, a fresh copy; tuples come back as lists."""
        value = self._seen().get(key)
        return default if value is None else _decode(value)

    def __contains__(self, key: str) -> bool:
        return key in self._seen()

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with `prefix`, in the order in which they were first put."""
        return (key for key in tuple(self._seen()) if key.startswith(prefix))

    def put(self, values: Mapping[str, object]) -> None:
        """Set all these values, or, if the power goes before this returns, none of them."""
        self.commit(values)

    def delete(self, *keys: str) -> None:
        """Forget all these keys, or none of them; unknown ones are harmless."""
        self.commit({}, [key for key in keys if key in self])

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is put and deleted in this block is one transaction, written when it ends; nothing is written if it raises.

        The block reads what it has put. Counters do not wait for its end; a block in a block is part of it.
        """
        if self._changed is not None:
            yield
            return
        changed = self._changed = {}
        try:
            yield
        finally:
            self._changed = None
        self._write(
            {key: value for key, value in changed.items() if value is not None},
            [key for key, value in changed.items() if value is None and key in self._values],
        )

    def commit(self, values: Mapping[str, object], deleted: Collection[str] = ()) -> None:
        """One transaction that sets some keys and deletes others. Raises LocalProtocolError when the flash is full."""
        encoded = {key: _encode(value) for key, value in values.items()}
        if self._changed is None:
            self._write(encoded, deleted)
        else:
            self._changed.update(encoded)
            self._changed.update(dict.fromkeys(deleted))

    def _seen(self) -> Mapping[str, bytes]:
        """Values as they are for whoever reads now."""
        if not self._changed:
            return self._values
        return {key: value for key, value in {**self._values, **self._changed}.items() if value is not None}

    def _write(self, encoded: Mapping[str, bytes], deleted: Collection[str]) -> None:
        if not encoded and not deleted:
            return
        record = _record(encoded, deleted)
        if self._end + len(record) > self._flash.bank_size:
            self._rewrite()
            if self._end + len(record) > self._flash.bank_size:
                raise LocalProtocolError(
                    f"flash full: {self._end} of {self._flash.bank_size} octets are live, and {len(record)} more do not fit"
                )
        self._flash.program(self._bank, self._end, record)
        self._end += len(record)
        self._values.update(encoded)
        for key in deleted:
            self._values.pop(key, None)

    def reserve(self, key: str, number: int) -> None:
        """For a counter: written at once, whatever is collected."""
        self._write({key: _encode(number)}, ())

    def purge(self, keep: Mapping[str, object]) -> None:
        """Forget everything but `keep`, counters too, so that neither bank holds an octet of the rest.

        A power cut leaves all of it, or `keep` alone with remains in the other bank: `scrub`, at the next boot, ends that.
        """
        self._values = {key: _encode(value) for key, value in keep.items()}
        self._counters.clear()
        self._rewrite()
        self.scrub()

    def scrub(self) -> None:
        """Erase what the bank that is not in use still holds of before."""
        spare = 1 - self._bank
        if self._flash.used(spare):
            self._flash.erase(spare)

    def counter(self, name: str, step: int = 1024) -> Counter:
        """The counter `name`, the same object while the power lasts. It writes once in `step` numbers."""
        counter = self._counters.get(name)
        if counter is None:
            counter = self._counters[name] = Counter(self, f"counter/{name}", step)
        return counter

    # --- the log ---

    def _mount(self) -> None:
        flash = self._flash
        generations = [self._read_header(bank) for bank in (0, 1)]
        self._generation = max(generations)
        if self._generation == 0:
            if flash.used(0):
                self._check_torn(0, 1)
                flash.erase(0)
            flash.program(0, 0, _header(1, flash.bank_size))
            self._generation = 1
            return
        self._bank = generations.index(self._generation)
        spare = 1 - self._bank
        if generations[spare] == 0:
            self._check_torn(spare, self._generation + 1)
        if self._replay():
            self._rewrite()

    def _read_header(self, bank: int) -> int:
        """The bank's generation; 0 when it holds no whole header."""
        octets = self._flash.read(bank, 0, _HEADER_LENGTH)
        if len(octets) < _HEADER_LENGTH or crc32(octets[: _HEADER.size]) != int.from_bytes(octets[_HEADER.size :], "big"):
            return 0
        magic, version, generation, bank_size = _HEADER.unpack_from(octets)
        if magic != _MAGIC:
            raise BadImage(f"flash bank {bank}: not a store of meterbench")
        if version != _VERSION:
            raise BadImage(f"flash bank {bank}: store version {version}, and this is version {_VERSION}")
        if bank_size != self._flash.bank_size:
            raise BadImage(f"flash bank {bank}: written for banks of {bank_size} octets, and these have {self._flash.bank_size}")
        return int(generation)

    def _check_torn(self, bank: int, generation: int) -> None:
        """A bank without a whole header is a power cut's work only if its header is erased, or a beginning of the one due."""
        found = self._flash.read(bank, 0, _HEADER_LENGTH)
        due = _header(generation, self._flash.bank_size)
        whole = next((at for at in range(_HEADER_LENGTH) if found[at] != due[at]), _HEADER_LENGTH)
        torn = found[whole] & due[whole] == due[whole] and not found[whole + 1 :].strip(b"\xff")
        if not torn or (generation == 1 and (self._flash.used(bank) > _HEADER_LENGTH or self._flash.used(1 - bank))):
            raise BadImage(f"flash bank {bank}: {self._flash.used(bank)} octets without a valid header")

    def _replay(self) -> bool:
        """Read the log. True when it ends in a torn record."""
        octets = self._flash.read(self._bank, 0, self._flash.used(self._bank))
        at = _HEADER_LENGTH
        while at < len(octets):
            word, crc = _RECORD.unpack(octets[at : at + _RECORD.size].ljust(_RECORD.size, b"\xff"))
            start = at + _RECORD.size
            end = start + (word >> 8)
            if octets[end : end + 1] != _COMMITTED or word != _length_word(word >> 8):
                # The tail of a power cut: torn within the length, or else before the end that the length tells.
                if len(octets) <= at + _LENGTH_OCTETS or (word == _length_word(word >> 8) and len(octets) <= end + 1):
                    self._end = at
                    return True
                raise BadImage(f"flash bank {self._bank}: octet {at} begins no record")
            payload = octets[start:end]
            if crc32(payload) != crc:
                raise BadImage(f"flash bank {self._bank}: the record at octet {at} fails its CRC")
            try:
                values, deleted = _transaction(payload)
            except msgspec.DecodeError as reason:
                raise BadImage(f"flash bank {self._bank}: the record at octet {at}: {reason}") from None
            for key, value in values.items():
                self._values[key] = bytes(value)
            for key in deleted:
                self._values.pop(key, None)
            at = end + 1
        self._end = at
        return False

    def _rewrite(self) -> None:
        """Write what is live into the spare bank, as one record, and its header last."""
        flash, spare = self._flash, 1 - self._bank
        record = _record(self._values, ())
        if flash.used(spare):
            flash.erase(spare)
        flash.program(spare, _HEADER_LENGTH, record)
        flash.program(spare, 0, _header(self._generation + 1, flash.bank_size))
        self._bank, self._generation, self._end = spare, self._generation + 1, _HEADER_LENGTH + len(record)


class Counter:
    """Numbers from 1 on, each given once, whatever the power does: they are reserved in flash ahead of use.

    A restart skips what was left of the reservation.
    """

    __slots__ = ("_key", "_next", "_nvm", "_reserved", "_step")

    def __init__(self, nvm: Nvm, key: str, step: int) -> None:
        if step < 1:
            raise LocalProtocolError(f"{key}: a reservation of {step} numbers")
        self._nvm = nvm
        self._key = key
        self._step = step
        self._next: int = nvm.get(key, 1)
        self._reserved = self._next

    def next(self) -> int:
        """The next number."""
        number = self._next
        if number >= self._reserved:
            reserved = number + self._step
            self._nvm.reserve(self._key, reserved)
            self._reserved = reserved
        self._next = number + 1
        return number


def _header(generation: int, bank_size: int) -> bytes:
    header = _HEADER.pack(_MAGIC, _VERSION, generation, bank_size)
    return header + crc32(header).to_bytes(4, "big")


def _length_word(length: int) -> int:
    """A length that rot in one bit cannot turn into another one."""
    return length << 8 | (length ^ length >> 8 ^ length >> 16 ^ 0x5A) & 0xFF


def _record(values: Mapping[str, bytes], deleted: Collection[str]) -> bytes:
    payload = _encode(({key: msgspec.Raw(value) for key, value in values.items()}, list(deleted)))
    return _RECORD.pack(_length_word(len(payload)), crc32(payload)) + payload + _COMMITTED
