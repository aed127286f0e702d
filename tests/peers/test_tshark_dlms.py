"""The generated dissector in tshark: every field of every APDU as our own decoder reads it, and nothing but words about garbage."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.runtime.kernel import MIN, S
from hubfw.sap_table import FIRST_METER
from protocols.core.codec import Frame, constructs
from protocols.core.errors import DecodeError
from protocols.dlms import axdr, hdlc, wrapper, xdlms
from protocols.dlms.axdr import Data, Tag
from protocols.dlms.general_block import GeneralBlock
from protocols.dlms.reading import register
from protocols.dlms.security.ciphering import Secured
from tools.bench.commissioning import commission
from tools.bench.day import BENCH
from tools.bench.run import Run
from tools.capture import keys, reader
from tools.capture.observer import Capture
from tools.cli.decode import Decoders, captured
from tools.decode import apdus
from tools.decode.tree import Node
from tools.dissector.declarations import snake
from tools.dissector.generate import FILE_NAME, dissector
from tools.testkit.strategies import frames

pytestmark = pytest.mark.needs("tshark")

UDP, TCP, USER0 = ("-u", "4059,4059"), ("-T", "4059,4059"), ("-l", "147")
START = 1_768_348_800 * S
TYPES = {tag: name.lower() for name, tag in vars(Tag).items() if isinstance(tag, int)}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lua") / FILE_NAME
    path.write_text(dissector(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def tshark(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
    """Layers of each packet of some octets, put into a capture by text2pcap: `tshark([octets, ...], UDP)`."""
    folder = tmp_path_factory.mktemp("capture")

    def read(packets: Sequence[bytes], link: Sequence[str]) -> list[dict[str, Any]]:
        dump, capture = folder / "octets.txt", folder / "octets.pcap"
        dump.write_text("".join(line for packet in packets for line in dumped(packet)))
        subprocess.run(["text2pcap", "-q", *link, dump, capture], check=True, capture_output=True, timeout=60)
        return dissected(script, capture)

    return read


def dumped(packet: bytes) -> Iterator[str]:
    for at in range(0, len(packet), 16):
        yield f"{at:06x} {packet[at : at + 16].hex(' ')}\n"


def dissected(script: Path, capture: Path, *options: str, config: Path | None = None) -> list[dict[str, Any]]:
    command = ["tshark", "-n", "-X", f"lua_script:{script}", "-r", str(capture), *options]
    command += ["-T", "json", "--no-duplicate-keys", "-J", "frame mbdlms mbwrapper mbhdlc"]
    environment = os.environ | {"WIRESHARK_CONFIG_DIR": str(config or capture.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=environment)
    assert "Lua Error" not in done.stdout + done.stderr
    assert "lua" not in done.stderr.lower(), done.stderr
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def values(layers: object, prefix: str = "mbdlms.") -> Counter[tuple[str, object]]:
    """Filter names with their values, wherever in the tree they stand."""
    found: Counter[tuple[str, object]] = Counter()
    match layers:
        case dict():
            for name, value in layers.items():
                for one in value if isinstance(value, list) else [value]:
                    if isinstance(one, str) and name.startswith(prefix):
                        found[name, one] += 1
                    found += values(one, prefix)
        case list():
            for one in layers:
                found += values(one, prefix)
    return found


def shown(value: object) -> str:
    """As tshark's JSON writes it."""
    match value:
        case bytes():
            return value.hex(":")
        case bool() | int():
            return str(value)
    return str(value)


def expected(frame: Frame) -> Counter[tuple[str, object]]:
    """What our own decoder says that the octets hold, by filter name. Constants, counts and empty strings are not compared."""
    found: Counter[tuple[str, object]] = Counter()
    for member in type(frame)._fields:
        name, value = member.name, getattr(frame, member.name)
        if isinstance(member.subcon, constructs.Const):
            continue
        for one in value if isinstance(value, list) else [value]:
            match one:
                case Frame():
                    found += expected(one)
                case Data():
                    found += expected_data(one)
                case None | b"":
                    pass
                case _:
                    octets = "_octets" if isinstance(member.subcon, constructs.Switch) and isinstance(one, bytes) else ""
                    found[f"mbdlms.{snake(type(frame).__name__)}.{name}{octets}", shown(one)] += 1
    return found + inner(frame)


def inner(frame: Frame) -> Counter[tuple[str, object]]:
    """What an APDU in one of the fields holds, where it is one and can be read."""
    found: Counter[tuple[str, object]] = Counter()
    for name in frame.__struct_fields__:
        octets, _ = apdus.only(getattr(frame, name))
        if isinstance(octets, bytes) and ((type(frame), name) in apdus.HOLDS_APDU or readable(frame, name, octets)):
            try:
                found += expected(apdus.parse(octets[:-12] if isinstance(frame, Secured) else octets))
            except DecodeError:
                pytest.fail("a frame was drawn whose inner octets are not an APDU")
    return found


def readable(frame: Frame, name: str, octets: bytes) -> bool:
    return isinstance(frame, Secured) and name == "contents" and frame.control & 0x30 == 0x10 and len(octets) > 12


def expected_data(data: Data) -> Counter[tuple[str, object]]:
    name = f"mbdlms.data.{TYPES[data.tag]}"
    match data.tag:
        case Tag.ARRAY | Tag.STRUCTURE:
            return sum((expected_data(item) for item in data.value), Counter())
        case Tag.NULL | Tag.DONT_CARE | Tag.COMPACT_ARRAY:
            return Counter()
        case Tag.BIT_STRING:
            size = (len(data.value) + 7) // 8
            value: object = int(data.value.ljust(8 * size, "0"), 2).to_bytes(size, "big") if size else b""
        case Tag.FLOAT32 | Tag.FLOAT64 | Tag.VISIBLE_STRING | Tag.UTF8_STRING:
            return Counter()
        case _:
            value = data.value
    return Counter({(name, shown(value)): 1}) if value != b"" else Counter()


def numbers(found: Iterable[tuple[tuple[str, object], int]]) -> Counter[tuple[str, object]]:
    """Base 16 and base 10 alike."""
    plain: Counter[tuple[str, object]] = Counter()
    for (name, value), count in found:
        text = str(value)
        plain[name, str(int(text, 16)) if text.startswith("0x") else text] += count
    return plain


def compare(layers: object, frame: Frame) -> None:
    seen, wanted = numbers(values(layers).items()), numbers(expected(frame).items())
    assert not any(name == "mbdlms.malformed" for name, _ in seen), seen
    assert {pair: count for pair, count in wanted.items() if seen[pair] < count} == {}
    names = {name for name, _ in wanted}
    assert {pair: count for pair, count in seen.items() if pair[0] in names and count != wanted[pair]} == {}


def plain_apdus(vectors: Any) -> list[bytes]:
    """Every whole APDU among the published vectors."""
    found = []
    for vector in vectors["vectors"]:
        for octets in (vector["given"].get("hex"), vector["given"].get("apdu"), vector["expect"].get("apdu")):
            if isinstance(octets, str) and vector["area"] not in ("hdlc-frame", "hdlc-fcs", "wrapper", "hdlc-address", "data"):
                found.append(bytes.fromhex(octets))
    return found


def test_every_published_apdu_has_our_fields(tshark, shared_vectors) -> None:
    octets = []
    for one in plain_apdus(shared_vectors("dlms")):
        try:
            if whole(apdus.parse(one)):
                octets.append(one)
        except DecodeError:
            continue
    assert len(octets) > 90
    layers = tshark([wrapper.wrap(1, 16, one) for one in octets], UDP)
    for layer, one in zip(layers, octets, strict=True):
        compare(layer, apdus.parse(one))


def whole(frame: Frame) -> bool:
    """Whether it is an APDU by its octets, and so is everything in it; a block is not that stands for a whole transfer."""
    if isinstance(frame, GeneralBlock) and frame.number == 1 and frame.last:
        return False
    try:
        apdus.parse(frame.build())
        return all(sound(frame))
    except DecodeError:
        return False


def sound(frame: Frame) -> Iterator[bool]:
    for name in frame.__struct_fields__:
        value = getattr(frame, name)
        octets, _ = apdus.only(value)
        if isinstance(octets, bytes) and (type(frame), name) in apdus.HOLDS_APDU:
            yield whole(apdus.parse(octets))
        elif isinstance(octets, bytes) and readable(frame, name, octets):
            yield whole(apdus.parse(octets[:-12]))
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, Frame):
                yield from sound(one)


@settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
@given(drawn=st.lists(st.sampled_from(apdus.frames()).flatmap(frames), min_size=40, max_size=80))
def test_every_declared_apdu_has_our_fields(tshark, drawn: list[Frame]) -> None:
    kept = [frame for frame in drawn if whole(frame)]
    layers = tshark([wrapper.wrap(1, 16, frame.build()) for frame in kept] or [bytes(1)], UDP)
    for layer, frame in zip(layers, kept, strict=False):
        compare(layer, frame)


@settings(max_examples=8, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    packets=st.lists(
        st.one_of(st.binary(min_size=1, max_size=60), st.sampled_from(apdus.frames()).flatmap(frames).map(Frame.build)),
        min_size=20, max_size=80,
    ),
    cut=st.integers(0, 40), link=st.sampled_from([UDP, TCP, USER0]),
)  # fmt: skip
def test_garbage_gets_words_and_no_error_of_lua(tshark, packets: list[bytes], cut: int, link: Sequence[str]) -> None:
    hdlc_line = [b"\x7e\xa0" + packet for packet in packets]
    wrapped = [struct.pack(">HHHH", 1, 1, 16, len(one)) + one[: max(len(one) - cut, 0)] for one in packets]
    tshark(hdlc_line if link is USER0 else wrapped, link)


def test_what_we_refuse_is_marked(tshark) -> None:
    bad = [
        "C001C100080000", "C401C1000203060000000106 01", "FE", "C401C10002FF", "C401C100" + "0101" * 30 + "00",
        "C001C1000801000001000000FF020000",
    ]  # fmt: skip
    for octets, layer in zip(bad, tshark([wrapper.wrap(1, 16, bytes.fromhex(one)) for one in bad], UDP), strict=True):
        assert "mbdlms.malformed" in json.dumps(layer), octets


def test_wrapper_pdus_are_put_together_over_tcp(tshark) -> None:
    first = wrapper.wrap(1, 16, bytes.fromhex("C401C100 0904 01020304"))
    stream = first + wrapper.wrap(16, 1, bytes.fromhex("C001C100080000010000FF0200"))
    for cuts in ((5, 11), (len(first) + 3, len(first) + 9)):
        pieces = [stream[a:b] for a, b in zip((0, *cuts), (*cuts, len(stream)), strict=True)]
        found = values(tshark(pieces, TCP))
        assert found["mbdlms.data.octet_string", "01:02:03:04"] == 1, cuts
        assert found["mbdlms.attribute_descriptor.class_id", "8"] == 1, cuts


def test_published_hdlc_frames(tshark, shared_vectors) -> None:
    vectors = [one for one in shared_vectors("dlms")["vectors"] if one["area"] == "hdlc-frame" and one["given"]["hex"][:2] == "7E"]
    assert len(vectors) >= 6
    for vector, layer in zip(vectors, tshark([bytes.fromhex(one["given"]["hex"]) for one in vectors], USER0), strict=True):
        frame = hdlc.Frame.parse(bytes.fromhex(vector["given"]["hex"]))
        found = dict(values(layer, "mbhdlc.").keys())
        assert found["mbhdlc.destination"] == str(frame.destination)
        assert found["mbhdlc.source"] == str(frame.source)
        assert int(str(found["mbhdlc.control"]), 16) == frame.control
        assert "mbhdlc.malformed" not in found


def test_segments_of_hdlc_are_put_together(tshark) -> None:
    client, server = hdlc.Address(16), hdlc.Address(1)
    apdu = bytes.fromhex("E6E700C401C1000904") + b"abcd"
    line = [
        hdlc.Frame.numbered(hdlc.Kind.I, client, server, receive=0, poll=False, send=n, information=part, segmented=n < 2).build()
        for n, part in enumerate((apdu[:5], apdu[5:9], apdu[9:]))
    ]
    assert values(tshark([b"".join(line)], USER0))["mbdlms.data.octet_string", "61:62:63:64"] == 1
    assert values(tshark(line, USER0))["mbdlms.data.octet_string", "61:62:63:64"] == 1


def test_hdlc_over_tcp_by_decode_as(script: Path, tmp_path: Path, shared_vectors) -> None:
    frames_ = [bytes.fromhex(one["given"]["hex"]) for one in shared_vectors("dlms")["vectors"] if one["id"].startswith("hdlc-i-")]
    line = b"".join(frames_)
    dump, capture = tmp_path / "octets.txt", tmp_path / "octets.pcap"
    for cut in (1, 7, len(frames_[0]) - 1, len(frames_[0]) + 2):
        dump.write_text("".join(text for piece in (line[:cut], line[cut:]) for text in dumped(piece)))
        subprocess.run(["text2pcap", "-q", "-T", "5000,5000", dump, capture], check=True, capture_output=True, timeout=60)
        layers = dissected(script, capture, "-d", "tcp.port==5000,mbhdlc")
        found = values(layers, "mb")
        assert sum(count for (name, _), count in found.items() if name == "mbhdlc.frame_check") == len(frames_), cut
        assert {name for name, _ in found} >= {"mbdlms.aarq.tag", "mbdlms.aare.tag"}
        assert "malformed" not in json.dumps(layers)


def test_numbers_have_their_words(script: Path, tmp_path: Path) -> None:
    dump, capture = tmp_path / "octets.txt", tmp_path / "octets.pcap"
    said = ("C001C100030100010800FF0200", "C301C100460000600310FF0100", "C401C10103", "D80102", "0800065F1F040000501F01F40007")
    dump.write_text("".join(line for one in said for line in dumped(wrapper.wrap(1, 16, bytes.fromhex(one)))))
    subprocess.run(["text2pcap", "-q", *UDP, dump, capture], check=True, capture_output=True, timeout=60)
    command = ["tshark", "-n", "-X", f"lua_script:{script}", "-r", str(capture), "-V"]
    shown_ = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    for words in (
        "class id: Register (3)", "(1-0:1.8.0.255)", "attribute id: 2 (value)", "class id: DisconnectControl (70)",
        "method id: 1 (remote_disconnect)", "value: read-write-denied (3)", "service error: service-not-supported (2)",
        "selective-access, event-notification, action",
    ):  # fmt: skip
        assert words in shown_, words


def test_blocks_are_put_together(tshark) -> None:
    value = axdr.structure(axdr.u32(5009), axdr.octets(b"a long value"))
    octets = value.build()
    cut = [octets[:5], octets[5:9], octets[9:]]
    answers = [
        xdlms.GetResponseWithDatablock(0xC1, xdlms.GetDatablock(int(number == 3), number, 0, part)).build()
        for number, part in enumerate(cut, 1)
    ]
    whole_apdu = xdlms.GetResponseNormal(0xC1, xdlms.GetDataResult(0, value)).build()
    general = [
        GeneralBlock(0xC1 if number == 2 else 0x41, number, 0, part).build()
        for number, part in enumerate((whole_apdu[:9], whole_apdu[9:]), 1)
    ]
    for sent in (answers, [answers[0], answers[0], answers[1], answers[1], answers[2]], general):
        layers = tshark([wrapper.wrap(1, 16, one) for one in sent], UDP)
        found = values(layers)
        assert found["mbdlms.data.double_long_unsigned", "5009"] == 1
        assert found["mbdlms.data.octet_string", b"a long value".hex(":")] == 1
        assert "mbdlms.malformed" not in json.dumps(layers)
    lost = values(tshark([wrapper.wrap(1, 16, one) for one in (answers[0], answers[2])], UDP))
    assert not any(name.startswith("mbdlms.data") for name, _ in lost)


def test_a_wrong_check_is_marked(tshark) -> None:
    (layer,) = tshark([bytes.fromhex("7ea00a0002002321931871 00 7e".replace(" ", ""))], USER0)
    assert "mbhdlc.malformed" in json.dumps(layer)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a capture of the demo's home, and its keys: reads through WAN and tunnel, an engineer at the optical port."""
    folder = tmp_path_factory.mktemp("evening")
    run = Run(BENCH, start_ns=START)
    with Capture(folder / "home.pcapng", run.kernel, "test"):
        commission(run)
        reads = run.head_end.schedule(5 * MIN, run.hub.name, FIRST_METER, lambda client: register(client, "1-0:1.8.0"))
        run.visit()
        run.run(for_=11 * MIN)
    assert len(reads.answers) == 2
    keys.write(folder / "zigbee_pc_keys", run.zigbee_keys())
    return folder


def found_in(node: Node) -> Iterator[Frame]:
    """APDUs of a decoded packet, the outermost of each."""
    if isinstance(node.found, Frame) and not isinstance(node.found, wrapper.Header):
        yield node.found
        return
    for child in node.children:
        yield from found_in(child)


def test_the_home_is_read_on_every_link(evening: Path, script: Path) -> None:
    capture = evening / "home.pcapng"
    decoders = Decoders([evening / "zigbee_pc_keys"])
    ours: dict[str, list[Frame]] = {}
    for packet in reader.read(capture):
        _, root = captured(packet, decoders)
        if apdus_here := list(found_in(root)):
            ours[str(packet.number)] = apdus_here
    layers = dissected(script, capture, "-Y", "mbdlms", config=evening)
    theirs = {layer["frame"]["frame.number"]: layer for layer in layers if values(layer)}
    assert ours.keys() <= theirs.keys()
    for number, frames_here in ours.items():
        seen = numbers(values(theirs[number]).items())
        wanted = numbers(sum((expected(frame) for frame in frames_here), Counter()).items())
        assert {pair: count for pair, count in wanted.items() if seen[pair] < count} == {}, number
    links = Counter(str(name) for layer in theirs.values() for _, name in values(layer["frame"], "frame.interface_name"))
    assert {"net", "home1/air", "home1/esme.optical", "home1/hht.optical"} <= {link for link, count in links.items() if count >= 4}
    assert not [number for number, layer in theirs.items() if "mbdlms.malformed" in json.dumps(layer)]
