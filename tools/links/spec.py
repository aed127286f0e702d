"""Link spellings: one grammar for the command line, bench files and code.

    tcp:HOST:PORT  tcp-listen:[HOST:]PORT  pty:[PATH]  serial:/dev/ttyUSB0?baud=9600&frame=8N1
    mqtt://[USER:PASSWORD@]HOST[:PORT]/TOPIC  zep:HOST[:PORT]  air:NAME?x=3&y=4  wire:DEVICE.PORT
    rfc2217://HOST:PORT  socket://HOST:PORT  udp:HOST:PORT  udp-listen:[HOST:]PORT  spinel:LINK

A spelling is parsed once into a `LinkSpec`; every wrong one is a `BadInput` of one line. Nothing is opened here:
tools.links.registry does that. pyserial's `spy://` and `alt://` are refused on purpose: they name files and classes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from tools.errors import BadInput, suggest

_LINE_FRAME = re.compile(r"([78])([NEO])([12])")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_LONGEST = 1024

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """One parsed link spelling. `options` holds every option of the scheme, defaults filled in."""

    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    options: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    user: str = ""
    password: str = field(default="", repr=False)

    def text(self, name: str) -> str:
        """Option `name` as text."""
        return str(self.options[name])

    def integer(self, name: str) -> int:
        """Option `name` as an integer."""
        return int(self.options[name])

    def number(self, name: str) -> float:
        """Option `name` as a number (seconds, metres)."""
        return float(self.options[name])

    def flag(self, name: str) -> bool:
        """Option `name` as yes or no."""
        return bool(self.options[name])

    def __str__(self) -> str:
        """The shortest spelling that parses to this again; a password is never shown."""
        scheme = SCHEMES[self.scheme]
        changed = [(name, value) for name, value in self.options.items() if scheme.options[name].default != value]
        query = "&".join(f"{name}={_spell(value)}" for name, value in changed)
        return scheme.spell(self) + (f"?{query}" if query else "")


def _spell(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Option:
    """One `?name=value`: its default, and how the text becomes the value (ValueError says what is wrong)."""

    default: Value
    read: Callable[[str], Value]


def _integer(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"is a number from {low} to {high}")
        return int(text)

    return read


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        if not re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise ValueError(f"is a number from {low:g} to {high:g}")
        return float(text)

    return read


def _choice(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"is one of {', '.join(words)}{suggest(text, words)}")
        return text

    return read


def _yes(text: str) -> bool:
    return _choice("yes", "no")(text) == "yes"


def _frame(text: str) -> str:
    if not _LINE_FRAME.fullmatch(text.upper()):
        raise ValueError("is data bits, parity and stop bits, such as 8N1 or 7E1")
    return text.upper()


_FRAMING = {"framing": Option("wrapper", _choice("wrapper", "hdlc"))}
_ECHO = {"echo": Option(False, _yes)}
_LINE = {"baud": Option(9600, _integer(50, 4_000_000)), "frame": Option("8N1", _frame)} | _ECHO
_SERVED = {
    "connections": Option(8, _integer(1, 64)),
    "idle": Option(300.0, _number(0.05, 86_400)),
    "insecure": Option(False, _yes),
}


@dataclass(frozen=True, slots=True)
class _Target:
    """What stands between scheme and options."""

    host: str = ""
    port: int = 0
    path: str = ""
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Scheme:
    """One row of the table: an example for error messages, the target's shape, the options, and how to spell it."""

    example: str
    target: Callable[[str], _Target]
    spell: Callable[[LinkSpec], str]
    options: Mapping[str, Option] = field(default_factory=dict)
    nested: bool = False
    """What follows is a link itself, with its own options."""


def _port(text: str, low: int = 1) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not low <= int(text) <= 65535:
        raise ValueError(f'port "{text}" is not a number from {low} to 65535')
    return int(text)


def _split_host(text: str) -> tuple[str, str]:
    """`[::1]:4059` or `host:4059` to host and the rest after the colon (empty when there is none)."""
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.%]+)\](?::(.*))?", text)
    if bracketed:
        return bracketed[1], bracketed[2] or ""
    host, _, port = text.rpartition(":") if ":" in text else (text, "", "")
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, such as [::1]")
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,253}", host):
        raise ValueError(f'"{host}" is not a host name')
    return host, port


def _host_port(text: str) -> _Target:
    host, port = _split_host(text)
    if not host or not port:
        raise ValueError("needs HOST:PORT")
    return _Target(host=host, port=_port(port))


def _listen(text: str) -> _Target:
    if re.fullmatch(r"[0-9]+", text):
        return _Target(host="127.0.0.1", port=_port(text, 0))
    host, port = _split_host(text)
    if not host or not port:
        raise ValueError("needs PORT or HOST:PORT")
    return _Target(host=host, port=_port(port, 0))


def _host_default(default: int) -> Callable[[str], _Target]:
    def read(text: str) -> _Target:
        host, port = _split_host(text)
        if not host:
            raise ValueError("needs HOST or HOST:PORT")
        return _Target(host=host, port=_port(port) if port else default)

    return read


def _path(text: str) -> _Target:
    if not text or "\0" in text:
        raise ValueError("needs a path")
    return _Target(path=text)


def _optional_path(text: str) -> _Target:
    return _path(text) if text else _Target()


def _name(text: str) -> _Target:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,63}", text):
        raise ValueError(f'"{text}" is not a name (letters, digits, ".", "_", "-", "/")')
    return _Target(path=text)


def _broker(text: str) -> _Target:
    try:
        url = urlsplit("mqtt:" + text)
        host, port = url.hostname or "", url.port or 1883
    except ValueError as error:
        raise ValueError(str(error).lower()) from error
    if not text.startswith("//") or not host:
        raise ValueError("needs //HOST[:PORT]/TOPIC")
    topic = url.path.strip("/")
    if not topic or re.search(r"[+#\0]", topic):
        raise ValueError("needs a topic without + and # after the host")
    return _Target(host, port, topic, unquote(url.username or ""), unquote(url.password or ""))


def _network(text: str) -> _Target:
    if not text.startswith("//"):
        raise ValueError("needs //HOST:PORT")
    return _host_port(text[2:].rstrip("/"))


def _at(spec: LinkSpec) -> str:
    host = f"[{spec.host}]" if ":" in spec.host else spec.host
    return f"{host}:{spec.port}"


def _carrier(text: str) -> _Target:
    inner = parse(text)
    if inner.scheme not in ("tcp", "pty", "serial"):
        raise ValueError("needs a link with octets behind it: tcp, pty or serial")
    return _Target(path=str(inner))


def _spell_host(spec: LinkSpec) -> str:
    return f"{spec.scheme}:{_at(spec)}"


def _spell_path(spec: LinkSpec) -> str:
    return f"{spec.scheme}:{spec.path}"


def _spell_network(spec: LinkSpec) -> str:
    return f"{spec.scheme}://{_at(spec)}"


def _spell_broker(spec: LinkSpec) -> str:
    user = f"{spec.user}@" if spec.user else ""
    return f"mqtt://{user}{_at(spec)}/{spec.path}"


SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "tcp": Scheme("tcp:127.0.0.1:4059", _host_port, _spell_host, _FRAMING),
        "tcp-listen": Scheme(
            "tcp-listen:4059",
            _listen,
            _spell_host,
            _FRAMING | _SERVED,
        ),
        "udp": Scheme("udp:127.0.0.1:4059", _host_port, _spell_host),
        "udp-listen": Scheme("udp-listen:4059", _listen, _spell_host, _SERVED),
        "pty": Scheme("pty:/dev/pts/3", _optional_path, _spell_path, _ECHO),
        "serial": Scheme("serial:/dev/ttyUSB0?baud=9600&frame=8N1", _path, _spell_path, _LINE),
        "mqtt": Scheme(
            "mqtt://127.0.0.1:1883/bench",
            _broker,
            _spell_broker,
            {"tls": Option(False, _yes), "insecure": Option(False, _yes)},
        ),
        "zep": Scheme("zep:127.0.0.1", _host_default(17754), _spell_host),
        "air": Scheme(
            "air:home?x=3&y=4",
            _name,
            _spell_path,
            {"x": Option(0.0, _number(-10_000, 10_000)), "y": Option(0.0, _number(-10_000, 10_000))},
        ),
        "wire": Scheme("wire:hht.optical", _name, _spell_path),
        "rfc2217": Scheme("rfc2217://127.0.0.1:2217", _network, _spell_network, _LINE),
        "spinel": Scheme("spinel:serial:/dev/ttyACM0?baud=460800", _carrier, _spell_path, nested=True),
        "socket": Scheme("socket://127.0.0.1:4059", _network, _spell_network, _ECHO),
    }
)


def parse(text: str) -> LinkSpec:
    """Parse one link spelling. Raises BadInput with one line that quotes the spelling and says what it needs."""
    if len(text) > _LONGEST or not text.isprintable():
        raise BadInput(f"a link is at most {_LONGEST} printable characters")
    match = _SCHEME.fullmatch(text)
    if match is None or match[1].lower() not in SCHEMES:
        word = match[1] if match else text
        known = ", ".join(SCHEMES)
        raise BadInput(f'link "{_shown(text)}": no scheme "{word}"{suggest(word, SCHEMES) or f" (known: {known})"}')
    name = match[1].lower()
    scheme = SCHEMES[name]
    where, _, query = (match[2], "", "") if scheme.nested else match[2].partition("?")
    try:
        target = scheme.target(where)
        options = _options(scheme, query)
    except ValueError as error:
        raise BadInput(f'link "{_shown(text)}": {error} (example: {scheme.example})') from error
    return LinkSpec(name, target.host, target.port, target.path, MappingProxyType(options), target.user, target.password)


def _options(scheme: Scheme, query: str) -> dict[str, Value]:
    options = {name: option.default for name, option in scheme.options.items()}
    seen: list[str] = []
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=16):
        option = scheme.options.get(name)
        if option is None:
            known = ", ".join(scheme.options) or "none"
            raise ValueError(f'no option "{name}"{suggest(name, scheme.options) or f" (options: {known})"}')
        if name in seen:
            raise ValueError(f'option "{name}" is given twice')
        seen.append(name)
        try:
            options[name] = option.read(value)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error
    return options


def _shown(text: str) -> str:
    """The spelling for a message: any password between `:` and `@` is hidden."""
    return re.sub(r"(//[^:@/]*):[^@/]*@", r"\1:***@", text)


def is_loopback(host: str) -> bool:
    """Whether an address or name stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
