"""Ciphered APDUs opened with a key file: published ones, in the clear below their wrapping; wrong keys; associations in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.dlms.security.ciphering import AUTHENTICATED_ENCRYPTED, Ciphered, Keys, secure
from tools.decode import dlms
from tools.decode.opener import Opener
from tools.decode.tree import Node
from tools.keyring import Keyring

# Green Book examples: block cipher key, authentication key, system title.
EK, AK, TITLE = "000102030405060708090A0B0C0D0E0F", "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF", "4D4D4D0000BC614E"
GLO_GET = "C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B"


def opened(keys: Keyring, *octets: str) -> list[Node]:
    """The tree of each APDU, decoded one after the other with one key file."""
    decoder, found = dlms.Decoder(Opener(keys)), []
    for one in octets:
        root = Node("octets", 0, 0)
        decoder.apdu(root, bytes.fromhex(one))
        found.append(root.children[0])
    return found


def plain(node: Node) -> Node:
    (inside,) = [child for child in node.children if child.name == dlms.OPENED]
    return inside


def test_every_published_ciphered_apdu_is_opened(shared_vectors) -> None:
    vectors = [one for one in shared_vectors("dlms")["vectors"] if one["area"] == "ciphering" and "ak" in one["given"]]
    assert len(vectors) == 5
    for vector in vectors:
        given = vector["given"]
        keys = Keyring(given["title"], encryption=given["ek"], authentication=given["ak"])
        (node,) = opened(keys, vector["expect"]["apdu"])
        assert node.good, vector["id"]
        assert plain(node).children[0].found.build().hex().upper() == given["plain"], vector["id"]
        assert f"counter {int(given['ic'], 16)}, from {given['title']}" in plain(node).value


def test_a_published_push_of_suite_one_is_opened(shared_vectors) -> None:
    (vector,) = [one for one in shared_vectors("dlms")["vectors"] if one["id"] == "push-general-glo"]
    (node,) = opened(Keyring("4B464D1010000001", suite=1, encryption=vector["given"]["ek"]), vector["given"]["hex"])
    assert plain(node).children[0].name == "DataNotification"
    assert plain(node).size == len(vector["expect"]["plain"]) // 2


def test_a_key_that_does_not_fit_is_said() -> None:
    (node,) = opened(Keyring(TITLE, encryption=AK, authentication=AK), GLO_GET)
    assert node.error == "not opened: no key fits"
    (node,) = opened(Keyring(TITLE), GLO_GET)
    assert node.error == "not opened: no key fits"


def test_titles_come_from_the_association_that_passed_by() -> None:
    keys = Keyring("0000000000000001", encryption=EK, authentication=AK)
    aarq = f"601F A109060760857405080103 A60A0408{TITLE} BE06 0404 0E010601".replace(" ", "")
    assert opened(keys, GLO_GET)[0].error
    _, node = opened(keys, aarq, GLO_GET)
    assert plain(node).children[0].name == "GetRequestNormal"


def test_dedicated_keys_come_from_the_initiate_request() -> None:
    published = "21303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855"
    dedicated = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    request, pair = bytes.fromhex("C001C100080000010000FF0200"), Keys(dedicated, bytes.fromhex(AK))
    sealed = secure(request, pair, bytes.fromhex(TITLE), 1, AUTHENTICATED_ENCRYPTED)
    ded = Ciphered(0xD0, sealed).build().hex()
    keys = Keyring(TITLE, encryption=EK, authentication=AK)
    assert opened(keys, ded)[0].error
    assert plain(opened(keys, published, ded)[1]).children[0].name == "GetRequestNormal"


def test_gb_messages_are_read_through_their_layers_without_keys(shared_vectors) -> None:
    vectors = [one for one in shared_vectors("dlms")["vectors"] if one["id"].startswith("gbcs-") and "apdu" in one["expect"]]
    assert len(vectors) > 50
    for vector in vectors:
        root = Node("octets", 0, 0)
        dlms.Decoder().apdu(root, bytes.fromhex(vector["given"]["hex"]))
        assert root.good, vector["id"]
        assert vector["expect"]["apdu"].upper() in {octets.upper() for octets in held(root)}, vector["id"]


def held(node: Node) -> list[str]:
    """Every APDU of a tree, built again."""
    found = [node.found.build().hex()] if node.found is not None else []
    return found + [octets for child in node.children for octets in held(child)]


def test_decode_takes_a_key_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tools.cli.main import run

    path = tmp_path / "keys.toml"
    path.write_text(f'title = "{TITLE}"\nencryption = "{EK}"\nauthentication = "{AK}"\n')
    assert run(["decode", GLO_GET, "--keys", str(path), "--xml"]) == 0
    out = capsys.readouterr().out
    assert "<glo_GetRequest" in out
    assert "authenticated, encrypted, counter 19088743" in out
    assert '<ClassId Value="0008" />' in out
    assert run(["decode", GLO_GET]) == 0
    assert "GetRequestNormal" not in capsys.readouterr().out


def test_a_trace_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tools.cli.main import run

    path = tmp_path / "trace.txt"
    path.write_text("# a session\nTX: C0 02 C1 00 00 00 01\n\nRX: 0xC4 0x01 0xC1 0x00 0x11 0x05\nzz\n")
    assert run(["decode", str(path), "--lines"]) == 1
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("---")] == ["--- line 2", "--- line 4", "--- line 5"]
    assert "GetRequestNext" in out
    assert "GetResponseNormal" in out
    assert "! no octets in hexadecimal digits" in out
