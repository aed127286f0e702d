"""Bench files: those we ship, and what is refused with which line, field and hint (bad inputs I5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect

from tools.bench.config import LARGEST_FILE, Bench, load, loads
from tools.bench.identity import identify
from tools.errors import BadInput

BENCHES = Path(__file__).resolve().parents[3] / "fixtures" / "benches"
HUB = '[[home]]\n[[home.device]]\nkind = "hub"\n'


@pytest.mark.parametrize("path", sorted(BENCHES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_bench_we_ship_loads(path: Path) -> None:
    bench = load(path)
    assert bench.name == path.stem
    assert all(endpoint.startswith("home1/") for endpoint, _ in bench.endpoints())
    assert bench.start_ns == 1_768_348_800 * 10**9  # date -ud 2026-01-14 +%s


def test_what_is_left_out_has_the_documented_default() -> None:
    bench = loads(HUB)
    home = bench.home[0]
    assert (bench.access.profile, bench.access.protected, home.name, home.air.channel) == ("open", False, "home1", 15)
    assert [device.label for device in home.device] == ["hub"]


@pytest.mark.parametrize(
    "text, message",
    [
        ('[[home]]\n[[home.device]]\nkind = "hubb"\n', '3: home[0].device[0].kind: no kind of device "hubb", did you mean "hub"?'),
        (HUB + "outage_after = 3\n", '2: home[0].device[0]: no field "outage_after", did you mean "outage_after_s"?'),
        (HUB + 'at = [0, "a"]\n', "4: home[0].device[0].at[1]: expected `float`, got `str`"),
        ('[[home]]\nname = "A 1"\n', "2: home[0].name: expected lower-case letters, digits and dashes, a letter first, 32 at most"),
        (HUB + 'power = "metr"\n', '4: home[0].device[0].power: "metr" is none of mains, meter, did you mean "meter"?'),
        (HUB + "reserve_s = 0\n", "4: home[0].device[0].reserve_s: expected `float` > 0.0"),
        ("[acess]\n" + HUB, '1: bench: no field "acess", did you mean "access"?'),
        ("seed = -1\n" + HUB, "1: seed: expected `int` >= 0"),
        (HUB + '[[home.device]]\nkind = "esme"\n[[home.device]]\nkind = "esme"\n', '1: home[0]: 2 devices are called "esme"'),
        ('[[home]]\n[[home.device]]\nkind = "esme"\n', "0 devices of kind hub"),
        (HUB + 'eui64 = "12"\n', "`eui64` is 16 hexadecimal digits"),
        (HUB + HUB.replace("[[home]]", '[[home]]\nname = "home1"'), '2 homes are called "home1"'),
        (HUB + '[links]\n"hub.wna" = "tcp-listen:0"\n', 'no endpoint "hub.wna", did you mean "hub.wan"?'),
        (HUB + '[links]\n"hub.wan" = "tcp-lisen:0"\n', 'no scheme "tcp-lisen", did you mean "tcp-listen"?'),
        (HUB + '[links]\n"hub.wan" = "pty:/etc/cron.d/x"\n', "a bench names a pty inside its own folder"),
        (HUB + '[links]\n"hub.wan" = "pty:../x"\n', "a bench names a pty inside its own folder"),
        ('start = "yesterday"\n' + HUB, "`start` is a UTC date-time"),
        ("start = 2026-01-14T00:00:00+01:00\n" + HUB, "`start` is a UTC date-time"),
        ("start = 1999-12-31T23:59:59Z\n" + HUB, "`start` is in the years 2000 to 2099"),
        ("start = 2100-01-01T00:00:00Z\n" + HUB, "`start` is in the years 2000 to 2099"),
        ("x =\n", "1: not TOML: invalid value"),
        ("home = " + "[" * 100_000, "not TOML: nested too deeply"),
        ("", '1: bench: the field "home" is missing'),
        ("[notifications]\nto = \"usb:1.2.3.4:5\"\n" + HUB, 'no scheme "usb"'),
    ],
)  # fmt: skip
def test_a_refusal_names_line_field_and_reason(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        loads(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "devices, reason",
    [
        ([f'kind = "ihd"\nname = "display{n}"' for n in range(17)], "17 devices that join, and a hub's log holds 16"),
        ([f'kind = "gsme"\nname = "gas{n}"' for n in range(5)], "5 gas meters, and a hub has mirrors for 4"),
        (['kind = "gsme"', 'kind = "wan-gas"'], '2 gas meters, and "wan-gas" of kind wan-gas is a home\'s only one'),
        (['kind = "gsme"', 'kind = "gsme"'], '2 devices are called "gsme": give each a `name`'),
        ([f'kind = "esme"\nname = "m{n}"\ninterface = "wired"' for n in range(2)], "2 wired electricity meters, and a hub has one"),
    ],
)
def test_what_one_hub_cannot_serve_is_refused(devices: list[str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        loads(HUB + "".join(f"[[home.device]]\n{device}\n" for device in devices))
    loads(HUB + "".join(f"[[home.device]]\n{device}\n" for device in devices[1:]))


@pytest.mark.parametrize(
    "more, reason",
    [
        ('kind = "prepay-gas"\n[[home.device]]\nkind = "prepay-gas"\nname = "other"\n', "2 gas meters of kind prepay-gas"),
        ('kind = "gsme"\n[[home.publish]]\nkind = "bill"\npounds = 1\nmeter = "gsme"\n', "is for gas, and the fuel is electricity"),
        (
            'kind = "gsme"\n[[home.publish]]\nkind = "calorific-value"\nmegajoules = 38\nmeter = "gsm"\n',
            'no gas meter "gsm", did you mean "gsme"',
        ),
    ],
)
def test_what_a_hub_does_for_one_gas_meter_is_for_one_that_is_there(more: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        loads(HUB + "prepay = {}\n[[home.device]]\n" + more)


RCP = '[[home]]\n[[home.device]]\nkind = "rcp"\n'


@pytest.mark.parametrize(
    "text, reason",
    [
        (RCP + '[[home.device]]\nkind = "ihd"\n', '"ihd" needs a device of kind hub'),
        (RCP + '[[home.device]]\nkind = "esme"\ninterface = "wired"\n', '"esme" needs a device of kind hub'),
        (HUB + "[home.air]\ndefault_link_key = true\n", "`default_link_key` is for a home without a hub"),
        (HUB + "elsewhere = true\n", '"hub" cannot be `elsewhere`'),
    ],
)
def test_what_needs_a_hub_and_what_a_hub_forbids_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        loads(text)


def test_meters_with_a_dongle_need_no_hub() -> None:
    (home,) = loads(RCP + '[[home.device]]\nkind = "esme"\n[[home.device]]\nkind = "gsme"\n').home
    assert home.foreign
    assert not home.air.default_link_key


def test_two_devices_with_one_eui64_are_refused_however_it_is_written() -> None:
    text = HUB + 'eui64 = "00-DB-12-34-56-78-90-A0"\n[[home.device]]\nkind = "ihd"\neui64 = "00db1234567890a0"\n'
    with pytest.raises(BadInput, match="home1/hub and home1/ihd have the same `eui64`"):
        loads(text)


def test_install_codes_are_checked_by_their_crc() -> None:
    # Base Device Behavior specification, 10.1: a published example code with its CRC.
    bench = loads(HUB + 'install_code = "83FE D340 7A93 9723 A5C6 39B2 6916 D505 C3B5"\n')
    assert identify(1, "home1", bench.home[0].device[0]).install_code[-2:] == b"\xc3\xb5"
    with pytest.raises(BadInput, match="the CRC in its last two octets does not fit"):
        loads(HUB + 'install_code = "83FED3407A939723A5C639B26916D505C3B6"\n')
    with pytest.raises(BadInput, match="is 6, 8, 12 or 16 octets"):
        loads(HUB + 'install_code = "83FED3407A939723"\n'.replace("9723", "97"))


def test_files_that_are_too_large_missing_or_no_text(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    for content, reason in ((b"#" * (LARGEST_FILE + 1), "larger than"), (b"\xff\xfe", "not UTF-8 at octet 0")):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=reason):
            load(path)
    with pytest.raises(BadInput, match="no such file"):
        load(tmp_path / "none.toml")
    with pytest.raises(BadInput, match="is a directory"):
        load(tmp_path)


@given(st.text(max_size=200) | st.builds(lambda text: HUB + text, st.text(max_size=100)))
def test_any_text_is_a_bench_or_bad_input(text: str) -> None:
    said = ""
    try:
        loads(text)
    except BadInput as error:
        said = str(error)
    assert "\n" not in said


def test_identities_depend_on_seed_home_and_name_alone() -> None:
    few, many = loads(HUB), loads(HUB + '[[home.device]]\nkind = "esme"\n')
    hub = identify(7, "home1", few.home[0].device[0])
    assert hub == identify(7, "home1", many.home[0].device[0])
    others = [identify(8, "home1", few.home[0].device[0]), identify(7, "home2", few.home[0].device[0])]
    assert hub.eui64 not in {other.eui64 for other in others}
    assert hub.key("network") != hub.key("link")
    assert hub.eui64 >> 56 & 0x03 == 0x02  # locally administered, one device


def _patterns(kind: object, described: bool = False) -> Iterator[tuple[str, bool]]:
    """Each pattern that a field of the declarations has, and whether it is told in words."""
    if isinstance(kind, inspect.Metadata):
        yield from _patterns(kind.type, "description" in (kind.extra_json_schema or {}))
    elif isinstance(kind, inspect.StrType):
        if kind.pattern is not None:
            yield kind.pattern, described
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from _patterns(field.type)
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _patterns(one, described)
    elif isinstance(kind, inspect.ListType):
        yield from _patterns(kind.item_type)


def test_what_a_pattern_wants_is_told_in_words() -> None:
    found = set(_patterns(inspect.type_info(Bench)))
    assert len(found) >= 4
    assert [pattern for pattern, described in found if not described] == []
