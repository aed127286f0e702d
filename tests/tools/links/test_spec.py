"""Link spellings: what parses, what is refused and in which words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.errors import BadInput
from tools.links import parse
from tools.links.spec import SCHEMES


def test_a_serial_spelling_has_path_and_typed_options() -> None:
    spec = parse("serial:/dev/ttyUSB0?baud=19200&frame=7e1")
    assert (spec.scheme, spec.path, spec.integer("baud"), spec.text("frame")) == (
        "serial", "/dev/ttyUSB0", 19200, "7E1",
    )  # fmt: skip


@pytest.mark.parametrize(
    "text, host, port",
    [
        ("tcp:meter.example:4059", "meter.example", 4059),
        ("tcp:[::1]:4059?framing=hdlc", "::1", 4059),
        ("tcp-listen:0", "127.0.0.1", 0),
        ("tcp-listen:0.0.0.0:4059?insecure=yes", "0.0.0.0", 4059),
        ("zep:127.0.0.1", "127.0.0.1", 17754),
        ("mqtt://broker.example/bench/one", "broker.example", 1883),
        ("rfc2217://127.0.0.1:2217?baud=300&frame=7E1", "127.0.0.1", 2217),
        ("socket://127.0.0.1:4000", "127.0.0.1", 4000),
    ],
)
def test_network_spellings(text: str, host: str, port: int) -> None:
    spec = parse(text)
    assert (spec.host, spec.port) == (host, port)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_example_in_the_table_parses_and_spells_itself(scheme: str) -> None:
    spec = parse(SCHEMES[scheme].example)
    assert spec.scheme == scheme
    assert parse(str(spec)) == spec


@pytest.mark.parametrize("text", ["pty:/dev/pts/3", "serial:/dev/ttyUSB0", "rfc2217://127.0.0.1:2217", "socket://127.0.0.1:4000"])
def test_a_line_may_echo(text: str) -> None:
    assert not parse(text).flag("echo")
    assert parse(f"{text}?echo=yes").flag("echo")


def test_a_broker_password_is_read_but_never_shown() -> None:
    spec = parse("mqtt://ann:s%40cret@broker.example:1884/bench")
    assert (spec.user, spec.password, spec.path) == ("ann", "s@cret", "bench")
    assert "cret" not in str(spec) + repr(spec)


@pytest.mark.parametrize(
    "text, words",
    [
        ("seriel:/dev/ttyUSB0", 'no scheme "seriel", did you mean "serial"?'),
        ("serial:/dev/ttyUSB0?buad=9600", 'no option "buad", did you mean "baud"?'),
        ("serial:/dev/ttyUSB0?baud=fast", "baud is a number from 50 to 4000000"),
        ("serial:/dev/ttyUSB0?frame=9N1", "frame is data bits, parity and stop bits"),
        ("serial:/dev/ttyUSB0?baud=300&baud=9600", 'option "baud" is given twice'),
        ("tcp:127.0.0.1", "needs HOST:PORT"),
        ("tcp:127.0.0.1:70000", 'port "70000" is not a number from 1 to 65535'),
        ("tcp:::1:4059", "IPv6 address stands in brackets"),
        ("tcp:h:1?framing=hldc", 'did you mean "hdlc"?'),
        ("mqtt://broker.example", "needs a topic"),
        ("mqtt://broker.example/a/+/b", "without + and #"),
        ("alt:///dev/ttyS0?class=Evil", 'no scheme "alt"'),
        ("spy:///dev/ttyS0?file=/etc/passwd", 'no scheme "spy"'),
        ("", "no scheme"),
        ("tcp:h:1\n", "printable"),
        ("tcp:" + "h" * 2000, "at most"),
    ],
)
def test_a_wrong_spelling_is_one_line_that_says_what_is_wanted(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_spelling_does_not_show_its_password() -> None:
    with pytest.raises(BadInput) as caught:
        parse("mqtt://ann:secret@broker.example")
    assert "secret" not in str(caught.value)


@given(st.text(max_size=80) | st.builds(str.__add__, st.sampled_from([f"{name}:" for name in SCHEMES]), st.text()))
def test_any_text_parses_or_is_bad_input(text: str) -> None:
    try:
        spec = parse(text)
    except BadInput:
        return
    assert spec.scheme in SCHEMES
