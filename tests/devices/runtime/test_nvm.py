"""The store: transactions, power cuts at every flash operation and again during recovery, images that are refused, counters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.runtime.flash import KIB, BadImage, Flash, PowerCut
from devices.runtime.nvm import Nvm
from protocols.core.errors import LocalProtocolError

BANK = 512


def remount(flash: Flash) -> Nvm:
    flash.powered = True
    return Nvm(flash)


def images(flash: Flash) -> tuple[bytes, bytes]:
    return flash.image(0), flash.image(1)


def full(octets: bytes) -> bytes:
    return octets.ljust(BANK, b"\xff")


def used(image: bytes) -> bytes:
    return image.rstrip(b"\xff")


def good_image() -> tuple[bytes, bytes]:
    flash = Flash(BANK)
    nvm = Nvm(flash)
    for number in range(9):
        nvm.put({"number": number, "octets": bytes(range(number))})
    return images(flash)


def test_values_survive_and_are_fresh_copies() -> None:
    flash = Flash()
    nvm = Nvm(flash)
    value = {"none": None, "int": -5, "wide": 2**63, "list": [1, [2.5, "x"]], "octets": b"\x00\xff", "true": True}
    nvm.put({"a": value, "b": (1, 2)})
    value["int"] = 6
    nvm.get("a")["list"].append("changed")
    for store in (nvm, Nvm(flash)):
        assert store.get("a")["int"] == -5
        assert store.get("a")["list"] == [1, [2.5, "x"]]
        assert store.get("b") == [1, 2]
        assert store.get("absent") is None
        assert store.get("absent", 7) == 7
        assert "a" in store
        assert "absent" not in store


def test_deleted_keys_stay_deleted_and_order_is_that_of_the_first_put() -> None:
    flash = Flash()
    nvm = Nvm(flash)
    for number in (3, 1, 2):
        nvm.put({f"profile/{number}": number, "other": number})
    nvm.put({"profile/3": 33})
    nvm.delete("profile/1", "absent")
    nvm.commit({"new": 1}, ["other"])
    for store in (nvm, Nvm(flash)):
        assert list(store.keys("profile/")) == ["profile/3", "profile/2"]
        assert list(store.keys()) == ["profile/3", "profile/2", "new"]
    operations = flash.operations
    nvm.delete("absent")
    nvm.put({})
    assert flash.operations == operations


def test_a_full_bank_is_compacted_and_a_full_flash_is_our_bug() -> None:
    flash = Flash(BANK)
    nvm = Nvm(flash)
    for number in range(200):
        nvm.put({"count": number, "text": "x" * 40})
    assert Nvm(flash).get("count") == 199
    with pytest.raises(LocalProtocolError, match="flash full: "):
        nvm.put({"large": bytes(BANK)})
    nvm.put({"count": 200})
    assert Nvm(flash).get("count") == 200


def transactions(nvm: Nvm) -> Iterator[dict[str, int]]:
    """A store under work: what is acknowledged before each step. Credit and meter must always move together."""
    counter = nvm.counter("frames", step=4)
    for step in range(40):
        sent = counter.next()
        yield {"credit": step - 1, "sent": sent}
        nvm.put({"credit": step, "meter": -step, "padding": "x" * (step % 23)})


def check(nvm: Nvm, acknowledged: dict[str, int]) -> None:
    """Whole transactions only, nothing acknowledged lost, no number given twice."""
    credit = nvm.get("credit", -1)
    assert credit in (acknowledged.get("credit", -1), acknowledged.get("credit", -1) + 1)
    assert nvm.get("meter", 1) == -credit
    assert nvm.counter("frames").next() > acknowledged.get("sent", 0)


def test_power_cut_at_every_flash_operation_and_again_during_recovery() -> None:
    whole = Flash(BANK)
    for _ in transactions(Nvm(whole)):
        pass
    assert whole.operations > 2000
    compacted = recoveries = torn_recoveries = 0
    for cut in range(whole.operations):
        flash = Flash(BANK)
        steps: list[dict[str, int]] = [{}]
        flash.cut_after(cut)
        with pytest.raises(PowerCut):
            steps.extend(transactions(Nvm(flash)))
        acknowledged = steps[-1]
        after = images(flash)
        compacted += all(map(used, after))
        check(remount(Flash(BANK, after)), acknowledged)
        recoveries += 1
        for again in (0, 3, 16, 17, 40, 200):
            flash = Flash(BANK, after)
            flash.cut_after(again)
            try:
                Nvm(flash)
            except PowerCut:
                torn_recoveries += 1
            flash.cut_after(None)
            check(remount(flash), acknowledged)
            check(remount(flash), acknowledged)
            recoveries += 2
    # the test is worth something only if it met what it is about
    assert compacted > 1000
    assert torn_recoveries > 1000
    assert recoveries > 20_000


def test_what_is_put_together_is_there_whole_or_not_at_all_wherever_the_power_goes() -> None:
    for cut in range(1_000):
        flash = Flash(BANK)
        nvm = Nvm(flash)
        nvm.put({"old": 1, "note": 0, "filler": bytes(180)})
        nvm.put({"filler": bytes(180)})  # so that the transaction needs the other bank
        flash.cut_after(cut)
        try:
            with nvm.together():
                nvm.put({"action": 1})
                with nvm.together():
                    nvm.delete("old")
                number = nvm.counter("frames").next()
                nvm.put({"note": nvm.get("action") + 1, "filler": bytes(100)})
                assert (list(nvm.keys()), "old" in nvm) == (["note", "filler", "counter/frames", "action"], False)
            done = True
        except PowerCut:
            done = False
        flash.cut_after(None)
        nvm = remount(flash)
        assert (nvm.get("action"), nvm.get("old"), nvm.get("note")) == ((1, None, 2) if done else (None, 1, 0))
        if done:
            assert nvm.counter("frames").next() > number
            break
    assert cut > 300


def test_what_raises_leaves_nothing_of_what_it_put_together() -> None:
    nvm = Nvm(Flash())
    nvm.put({"old": 1})
    with pytest.raises(TypeError), nvm.together():
        nvm.commit({"new": nvm.get("old") + nvm.get("absent")}, ["old"])
    assert (nvm.get("new"), nvm.get("old")) == (None, 1)
    nvm.put({"new": 2})
    assert nvm.get("new") == 2


def test_power_cut_while_a_flash_is_formatted_leaves_one_that_can_be_formatted() -> None:
    for cut in range(17):
        flash = Flash(BANK)
        flash.cut_after(cut)
        with pytest.raises(PowerCut):
            Nvm(flash)
        nvm = remount(flash)
        nvm.put({"a": 1})
        assert remount(flash).get("a") == 1


def test_every_single_bit_of_rot_in_what_was_acknowledged_is_refused_or_harmless() -> None:
    """Never another value than the one stored, except where the rot makes the last record one that was never acknowledged."""
    image, spare = good_image()
    image = used(image)
    refused = 0
    for bit in range(8 * len(image)):
        rotten = bytearray(image)
        rotten[bit // 8] ^= 1 << bit % 8
        flash = Flash(BANK, (full(bytes(rotten)), spare))
        before = images(flash)
        try:
            nvm = Nvm(flash)
        except BadImage as reason:
            refused += "\n" not in str(reason)
            assert images(flash) == before  # refused means untouched
        else:
            assert bit >= 8 * (len(image) - 1), "only the last commit octet may look like a torn record"
            assert nvm.get("number") == 7
    assert refused >= 8 * (len(image) - 1)


@pytest.mark.parametrize("octets, reason", [
    (bytes(40), "40 octets without a valid header"),
    (b"SQLite format 3\x00" * 4, "64 octets without a valid header"),
    (good_image()[0][:9] + b"\x99\x99", "11 octets without a valid header"),
    (b"\xff" * 100 + b"x", "101 octets without a valid header"),
    (used(good_image()[0]) + b"\x00\x00\x01\x5b\xff\xff\xff\xff\xff\xff\xff\x00", "begins no record"),
    (used(good_image()[0]) + b"\x00\x00\x01\x5a\x00", "begins no record"),
])  # fmt: skip
def test_foreign_images_are_refused_and_left_alone(octets: bytes, reason: str) -> None:
    flash = Flash(BANK, (full(octets), full(b"")))
    with pytest.raises(BadImage, match=reason):
        Nvm(flash)
    assert flash.image(0) == full(octets)


@pytest.mark.parametrize("length", [0, 9, 100, BANK - 1, BANK + 1])
def test_images_that_are_empty_short_or_long_are_refused(length: int) -> None:
    with pytest.raises(BadImage, match=f"an image of {length} octets for a bank of {BANK}"):
        Flash(BANK, (good_image()[0].ljust(BANK + 1)[:length], full(b"")))


def test_another_version_and_another_size_are_refused_by_name() -> None:
    from devices.runtime import nvm as module

    image = module._header(1, BANK)
    blank = full(b"")
    with pytest.raises(BadImage, match="written for banks of 512 octets, and these have 1024"):
        Nvm(Flash(2 * BANK, (image.ljust(2 * BANK, b"\xff"), 2 * blank)))
    newer = bytearray(image[:-4])
    newer[4] = 9
    newer += module.crc32(newer).to_bytes(4, "big")
    with pytest.raises(BadImage, match="store version 9, and this is version 1"):
        Nvm(Flash(BANK, (full(bytes(newer)), blank)))
    foreign = b"XXXX" + image[4:-4]
    foreign += module.crc32(foreign).to_bytes(4, "big")
    with pytest.raises(BadImage, match="not a store of meterbench"):
        Nvm(Flash(BANK, (full(foreign), blank)))


def test_an_old_bank_never_takes_the_place_of_a_rotten_newer_one() -> None:
    flash = Flash(BANK)
    nvm = Nvm(flash)
    for number in range(60):
        nvm.put({"number": number})
    newer = nvm._bank
    octets = bytearray(flash.image(newer))
    octets[6] ^= 0x40
    pair = (bytes(octets), flash.image(1)) if newer == 0 else (flash.image(0), bytes(octets))
    with pytest.raises(BadImage):
        Nvm(Flash(BANK, pair))


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_no_image_does_anything_but_mount_or_be_refused(one: bytes, two: bytes) -> None:
    try:
        Nvm(Flash(256, (one.ljust(256, b"\xff"), two.ljust(256, b"\xff"))))
    except BadImage:
        pass
    else:
        assert not (one + two).rstrip(b"\xff") or len(one.rstrip(b"\xff")) < 17


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 999), max_size=3),
            st.lists(st.sampled_from("abcdef"), max_size=2),
        ),
        max_size=60,
    )
)
def test_the_store_is_a_dict_with_a_memory(steps: list[tuple[dict[str, int], list[str]]]) -> None:
    flash, model = Flash(256), dict[str, int]()
    nvm = Nvm(flash)
    for values, deleted in steps:
        nvm.commit(values, deleted)
        model.update(values)
        for key in deleted:
            model.pop(key, None)
        assert {key: nvm.get(key) for key in nvm.keys("")} == model
    mounted = Nvm(flash)
    assert [(key, mounted.get(key)) for key in mounted.keys("")] == list(model.items())


def test_counters_begin_at_one_write_rarely_and_skip_at_a_restart() -> None:
    flash = Flash()
    nvm = Nvm(flash)
    counter = nvm.counter("nwk", step=100)
    assert nvm.counter("nwk") is counter
    assert nvm.counter("aps").next() == 1
    operations = flash.operations
    assert [counter.next() for _ in range(100)] == list(range(1, 101))
    one_write = flash.operations - operations
    counter.next()
    assert flash.operations - operations == pytest.approx(2 * one_write, abs=2)
    again = Nvm(flash).counter("nwk", step=100)
    assert again.next() == 201
    with pytest.raises(LocalProtocolError):
        nvm.counter("none", step=0)


def test_a_year_of_half_hours_and_more_fits_a_board_with_a_large_flash() -> None:
    flash = Flash(2048 * KIB)
    nvm = Nvm(flash)
    for row in range(19_056):
        nvm.put({f"profile/{row}": [1_767_225_600 + 1800 * row, 0, 12_345_678 + row], "profile.next": row + 1})
    mounted = Nvm(flash)
    assert mounted.get("profile.next") == 19_056
    assert mounted.get("profile/19055") == [1_767_225_600 + 1800 * 19_055, 0, 12_345_678 + 19_055]
    assert sum(1 for _ in mounted.keys("profile/")) == 19_056
