"""What it costs to build and parse DLMS APDUs: this codec beside gurux-dlms, pydlms-client and stock construct.

Run with `python -m tests.bench.codec` or through `make bench`. The peers are read from .venv-peers (`make peers`), behind
our own packages; without them only construct is compared. Exit status 1 when a peer is faster anywhere.

    a  GET.request normal, 13 octets                       c  GET.response, profile buffer of 48 x 3, 1,110 octets
    b  GET.response, structure of three values, 27 octets  d  b ciphered: glo-get-response, suite 0

Every codec must give the right octets and values before it is timed. Rounds are interleaved over all codecs, so that
the machine's noise hits all alike; the figure is the median of the rounds. `kept` says what a decode gives back: values
with their types, which can be built again, or bare values.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import construct as c
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocols.dlms import axdr
from protocols.dlms.security import ciphering
from protocols.dlms.xdlms import AttributeDescriptor, GetDataResult, GetRequestNormal, GetResponseNormal

ROUNDS = 31
SLICE = 0.002  # seconds for each codec, case and round
ROOT = Path(__file__).parents[2]

DATE_TIME = bytes.fromhex("07E80A0F02173B3B00FFC400")
GET_REQUEST = bytes.fromhex("C001C100030100010800FF0200")
GET_RESPONSE = b"\xc4\x01\xc1\x00"
TITLE = bytes.fromhex("4D4D4D0000BC614E")
KEYS = ciphering.Keys(bytes(range(16)), bytes.fromhex("D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF"))
COUNTER = 0x01234567
GLO_GET_RESPONSE = 0xCC


def row_octets(number: int) -> bytes:
    return b"\x02\x03\x09\x0c" + DATE_TIME + b"\x11" + bytes((number & 3,)) + b"\x06" + (123456 + number).to_bytes(4, "big")


ONE = GET_RESPONSE + row_octets(1)
PROFILE = GET_RESPONSE + b"\x01\x30" + b"".join(map(row_octets, range(48)))


def ciphered() -> bytes:
    """Case d, made with the general interface of the cryptography package and not with the code that is timed."""
    iv = TITLE + COUNTER.to_bytes(4, "big")
    encryptor = Cipher(algorithms.AES(KEYS.encryption), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(b"\x30" + KEYS.authentication)
    contents = encryptor.update(ONE) + encryptor.finalize() + encryptor.tag[:12]
    return bytes((GLO_GET_RESPONSE, 5 + len(contents))) + b"\x30" + iv[8:] + contents


CIPHERED = ciphered()
CASES = tuple(f"{case} {way}" for case in "abcd" for way in ("enc", "dec"))
OCTETS = {"a enc": GET_REQUEST, "b enc": ONE, "c enc": PROFILE, "d enc": CIPHERED}

Operations = dict[str, Callable[[], object]]


def ours() -> Operations:
    def row(number: int) -> axdr.Data:
        return axdr.structure(axdr.octets(DATE_TIME), axdr.u8(number & 3), axdr.u32(123456 + number))

    request = GetRequestNormal(0xC1, AttributeDescriptor(3, bytes.fromhex("0100010800FF"), 2), None)
    one = GetResponseNormal(0xC1, GetDataResult(0, row(1)))
    profile = GetResponseNormal(0xC1, GetDataResult(0, axdr.array([row(number) for number in range(48)])))

    def decipher() -> GetResponseNormal:
        return GetResponseNormal.parse(ciphering.decipher(CIPHERED, KEYS, TITLE)[0])

    assert GetRequestNormal.parse(GET_REQUEST) == request
    assert GetResponseNormal.parse(ONE) == decipher() == one
    assert GetResponseNormal.parse(PROFILE) == profile
    return {
        "a enc": lambda: request.build(),
        "a dec": lambda: GetRequestNormal.parse(GET_REQUEST),
        "b enc": lambda: one.build(),
        "b dec": lambda: GetResponseNormal.parse(ONE),
        "c enc": lambda: profile.build(),
        "c dec": lambda: GetResponseNormal.parse(PROFILE),
        "d enc": lambda: ciphering.cipher(GLO_GET_RESPONSE, one.build(), KEYS, TITLE, COUNTER),
        "d dec": decipher,
    }


def stock_construct() -> Operations:
    """The same frames from stock constructs only, interpreted: what the declaration costs without generated code."""
    length = c.ExprAdapter(
        c.Struct("first" / c.Byte, "more" / c.If(c.this.first >= 0x80, c.Bytes(c.this.first & 0x7F))),
        lambda found, _: found.first if found.first < 0x80 else int.from_bytes(found.more, "big"),
        lambda number, _: {"first": number, "more": b""},  # the frames here have no longer ones
    )
    items = c.PrefixedArray(length, c.LazyBound(lambda: data))
    data = c.Struct(
        "tag" / c.Byte,
        "value"
        / c.Switch(
            c.this.tag,
            {9: c.Prefixed(length, c.GreedyBytes), 2: items, 17: c.Byte, 6: c.Int32ub, 1: items, 18: c.Int16ub, 0: c.Pass},
            default=c.Error,
        ),
    )
    request = c.Struct(
        "tag" / c.Const(b"\xc0\x01"), "invoke" / c.Byte, "class_id" / c.Int16ub, "instance" / c.Bytes(6),
        "attribute" / c.Int8sb, "selection" / c.Byte,
    )  # fmt: skip
    response = c.Struct("tag" / c.Const(b"\xc4\x01"), "invoke" / c.Byte, "result" / c.Const(b"\0"), "data" / data)
    asked, one, profile = request.parse(GET_REQUEST), response.parse(ONE), response.parse(PROFILE)
    return {
        "a enc": lambda: request.build(asked),
        "a dec": lambda: request.parse(GET_REQUEST),
        "b enc": lambda: response.build(one),
        "b dec": lambda: response.parse(ONE),
        "c enc": lambda: response.build(profile),
        "c dec": lambda: response.parse(PROFILE),
    }


def pydlms_client() -> Operations:
    from pydlms import SecurityContext
    from pydlms.apdu import xdlms
    from pydlms.security import ciphering as theirs

    logging.disable(logging.CRITICAL)  # it warns on every frame when replay protection is off
    asked, one, profile = map(xdlms.decode_apdu, (GET_REQUEST, ONE, PROFILE))
    context = SecurityContext(
        KEYS.encryption,
        KEYS.authentication,
        client_system_title=TITLE,
        server_system_title=TITLE,
        replay_protection=False,
    )
    assert xdlms.decode_apdu(theirs.unwrap(context, CIPHERED).plaintext) == one
    return {
        "a enc": asked.to_bytes,
        "a dec": lambda: xdlms.decode_apdu(GET_REQUEST),
        "b enc": one.to_bytes,
        "b dec": lambda: xdlms.decode_apdu(ONE),
        "c enc": profile.to_bytes,
        "c dec": lambda: xdlms.decode_apdu(PROFILE),
        "d enc": lambda: theirs.wrap(context, one.to_bytes()),  # counts its own counter up: no octets to check
        "d dec": lambda: xdlms.decode_apdu(theirs.unwrap(context, CIPHERED).plaintext),
    }


def gurux_dlms() -> Operations:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints when imported
        from gurux_dlms import GXByteBuffer, GXDLMSClient, GXReplyData, GXUInt8, GXUInt32
        from gurux_dlms.AesGcmParameter import AesGcmParameter
        from gurux_dlms.enums import Authentication, Command, Conformance, DataType, InterfaceType, Security
        from gurux_dlms.GXDLMS import GXDLMS
        from gurux_dlms.GXDLMSChippering import GXDLMSChippering
        from gurux_dlms.GXDLMSLNParameters import GXDLMSLNParameters
        from gurux_dlms.GXDLMSSettings import GXDLMSSettings
        from gurux_dlms.internal._GXCommon import _GXCommon
        from gurux_dlms.objects import GXDLMSRegister
        from gurux_dlms.secure import GXDLMSSecureClient
    client = GXDLMSClient(True, 16, 1, Authentication.NONE, None, InterfaceType.PDU)
    client.negotiatedConformance = Conformance(0x7E1F)
    register = GXDLMSRegister("1.0.1.8.0.255")
    settings = GXDLMSSettings(True, None)
    settings.setUseLogicalNameReferencing(True)
    settings.interfaceType = InterfaceType.PDU
    settings.negotiatedConformance = Conformance(0x7E1F)
    secure = GXDLMSSecureClient(True, 1, 1, Authentication.HIGH_GMAC, None, InterfaceType.PDU)
    secure.ciphering.security = Security.AUTHENTICATION_ENCRYPTION
    secure.ciphering.systemTitle = secure.settings.sourceSystemTitle = TITLE
    secure.ciphering.blockCipherKey, secure.ciphering.authenticationKey = KEYS.encryption, KEYS.authentication

    def row(number: int) -> list[object]:
        return [bytearray(DATE_TIME), GXUInt8(number & 3), GXUInt32(123456 + number)]

    one, profile = row(1), [row(number) for number in range(48)]

    def decode(reader: object, octets: bytes) -> object:
        reply = GXReplyData()
        reader.getData(bytearray(octets), reply)
        return reply.value

    def decipher() -> object:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints while it deciphers
            secure.settings.expectedInvocationCounter = 0
            return decode(secure, CIPHERED)

    def respond(rows: list[object], *, array: bool) -> bytes:
        data, out = GXByteBuffer(), GXByteBuffer()
        if array:
            data.setUInt8(DataType.ARRAY)
            _GXCommon.setObjectCount(len(rows), data)
        for item in rows if array else [rows]:
            _GXCommon.setData(settings, data, DataType.STRUCTURE, item)
        GXDLMS.getLNPdu(GXDLMSLNParameters(settings, 0xC1, Command.GET_RESPONSE, 1, None, data, 0), out)
        return bytes(out.array()[: out.size])

    def encipher() -> bytes:
        parameters = AesGcmParameter(GLO_GET_RESPONSE, TITLE, KEYS.encryption, KEYS.authentication)
        parameters.security, parameters.invocationCounter = Security.AUTHENTICATION_ENCRYPTION, COUNTER
        plain = GXByteBuffer(respond(one, array=False))
        return bytes(GXDLMSChippering.encryptAesGcm(parameters, plain))

    assert bytes(client.read(register, 2)[0])[3:] == GET_REQUEST[3:]  # it counts its invoke-id up
    assert len(decode(client, PROFILE)) == 48
    assert decipher()[2] == 123457
    return {
        "a enc": lambda: client.read(register, 2),
        "b enc": lambda: respond(one, array=False),
        "b dec": lambda: decode(client, ONE),
        "c enc": lambda: respond(profile, array=True),
        "c dec": lambda: decode(client, PROFILE),
        "d enc": encipher,
        "d dec": decipher,
    }


PEERS = (
    ("gurux-dlms", "values", gurux_dlms),
    ("pydlms-client", "types", pydlms_client),
    ("construct, interpreted", "types", stock_construct),
)
UNCHECKED = {("gurux-dlms", "a enc"), ("pydlms-client", "d enc")}


def measure(codecs: dict[str, Operations]) -> dict[tuple[str, str], float]:
    """Median microseconds a call."""
    jobs = []
    for name, operations in codecs.items():
        for case, run in operations.items():
            begin, calls = perf_counter(), 0
            while perf_counter() - begin < SLICE:
                run()
                calls += 1
            jobs.append(((name, case), run, calls))
    rounds: dict[tuple[str, str], list[float]] = {job[0]: [] for job in jobs}
    gc.disable()  # as timeit does
    for _ in range(ROUNDS):
        gc.collect()
        for key, run, calls in jobs:
            begin = perf_counter()
            for _ in range(calls):
                run()
            rounds[key].append((perf_counter() - begin) / calls * 1e6)
    gc.enable()
    return {key: statistics.median(times) for key, times in rounds.items()}


def table(title: str, rows: dict[str, dict[str, float]]) -> None:
    print(f"{title:34s}" + "".join(f"{case:>9s}" for case in CASES))
    for name, figures in rows.items():
        print(f"{name:34s}" + "".join(f"{figures[case]:9.2f}" if case in figures else "        -" for case in CASES))


def main() -> int:
    packages = ROOT / f".venv-peers/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    sys.path.append(str(packages))
    codecs = {"meterbench": ours()}
    titles = {"meterbench": "meterbench (types)"}
    for name, keeps, make in PEERS:
        try:
            codecs[name] = make()
        except ImportError as error:
            print(f"{name}: not measured: {error}; `make peers` installs it")
        titles[name] = f"{name} ({keeps})"
    for name, operations in codecs.items():
        for case, octets in OCTETS.items():
            if case in operations and (name, case) not in UNCHECKED:
                assert operations[case]() == octets, f"{name}: wrong octets in case {case}"
    found = measure(codecs)
    rows = {name: {case: found[name, case] for case in CASES if (name, case) in found} for name in codecs}
    table("microseconds a call (kept)", {titles[name]: figures for name, figures in rows.items()})
    mine = rows["meterbench"]
    ratios = {name: {case: mine[case] / figure for case, figure in figures.items()} for name, figures in rows.items()}
    del ratios["meterbench"]
    table("meterbench's share of the time of", ratios)
    slower = sorted({case for figures in ratios.values() for case, ratio in figures.items() if ratio >= 1})
    if slower:
        print(f"slower than a peer in: {', '.join(slower)}")
    return bool(slower)


if __name__ == "__main__":
    sys.exit(main())
