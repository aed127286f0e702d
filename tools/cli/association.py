"""What `read`, `objects` and `write` share: the options that say who we are to a meter, and the association with it."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from protocols.core.errors import LocalProtocolError, RemoteProtocolError
from protocols.dlms import hdlc
from protocols.dlms.acse import Context, Mechanism
from protocols.dlms.association import CONFORMANCE, Terms
from protocols.dlms.authentication import Authentication, Security
from protocols.dlms.client import LARGEST_PDU, AssociationRefused, Client
from protocols.dlms.cosem.access import AccessError
from protocols.dlms.meter import Meter
from protocols.dlms.requester import Refused
from protocols.dlms.security.context import PLAIN, Kind, Protection
from tools import keyring
from tools.errors import BadInput, CheckFailed, MissingEnvironment
from tools.links import LinkSpec, Stream, open_stream, parse
from tools.links.exchange import Exchange, HdlcExchange, WrapperExchange
from tools.links.sign_on import FASTEST, enter_hdlc

F = TypeVar("F", bound=Callable[..., object])

_MECHANISMS = {
    "none": Mechanism.LOWEST, "lls": Mechanism.LOW, "hls2": Mechanism.HIGH, "hls3": Mechanism.HIGH_MD5,
    "hls4": Mechanism.HIGH_SHA1, "hls5": Mechanism.HIGH_GMAC, "hls6": Mechanism.HIGH_SHA256, "hls7": Mechanism.HIGH_ECDSA,
    "md5": Mechanism.HIGH_MD5, "sha1": Mechanism.HIGH_SHA1, "gmac": Mechanism.HIGH_GMAC, "sha256": Mechanism.HIGH_SHA256,
    "ecdsa": Mechanism.HIGH_ECDSA,
}  # fmt: skip
_WITH_SECRET = (Mechanism.LOW, Mechanism.HIGH, Mechanism.HIGH_MD5, Mechanism.HIGH_SHA1, Mechanism.HIGH_SHA256)
_WITH_KEYS = (Mechanism.HIGH_GMAC, Mechanism.HIGH_SHA256, Mechanism.HIGH_ECDSA)
_PROTECTION = {
    "none": PLAIN,
    "authenticated": Protection(Kind.GLO, authenticated=True),
    "encrypted": Protection(Kind.GLO, encrypted=True),
    "both": Protection(Kind.GLO, authenticated=True, encrypted=True),
}
_WITHOUT_WRAPPER = ("pty", "serial", "rfc2217", "socket")


class Options(msgspec.Struct, frozen=True):
    """Who we are, to whom, and how we prove it: the options of the command line."""

    client: int | None
    server: int
    auth: str
    password: str | None
    keys: Path | None
    suite: int | None
    protection: str | None
    timeout: float
    mode_e: bool
    pre_established: bool


def association_options(command: F) -> F:
    """The options; the command's parameter is `options`."""

    @functools.wraps(command)
    def gathered(**given: Any) -> object:
        return command(options=Options(**{name: given.pop(name) for name in Options.__struct_fields__}), **given)

    decorated: Any = gathered
    for option in (
        click.option("--pre-established", is_flag=True, help="The association is there already: open and release none."),
        click.option("--mode-e", is_flag=True, help="Sign on with 300 baud (IEC 62056-21) before HDLC."),
        click.option(
            "--timeout", type=click.FloatRange(0.1, 300), default=5.0, show_default=True, help="Seconds an answer may take."
        ),
        click.option(
            "--protection", type=click.Choice(list(_PROTECTION)), default=None, help="Of messages. [default: both with --keys]"
        ),
        click.option("--suite", type=click.IntRange(0, 2), default=None, help="Security suite, instead of the key file's."),
        click.option(
            "--keys", type=click.Path(path_type=Path, dir_okay=False), help="TOML file: system titles, keys, suite (docs/dlms.md)."
        ),
        click.option("--password", "--secret", help="For lls, hls2, hls3 (md5), hls4 (sha1) and hls6 (sha256)."),
        click.option("--auth", type=click.Choice(list(_MECHANISMS)), default="none", show_default=True, help="How we prove it."),
        click.option("--server", type=click.IntRange(1, 0x3FFF), default=1, show_default=True, help="The logical device."),
        click.option("--client", type=click.IntRange(1, 0x7F), default=None, help="Our address. [default: 16; with lls 1]"),
    ):
        decorated = option(decorated)
    found: F = decorated
    return found


def link_of(text: str) -> LinkSpec:
    """A link of the command line."""
    return parse(text)


@contextmanager
def associated(spec: LinkSpec, options: Options) -> Iterator[Meter]:
    """An open association with the meter at a link. What it refuses is CheckFailed, what it does wrong MissingEnvironment."""
    with ExitStack() as stack:
        client = _client(options, stack)
        try:
            exchange = stack.enter_context(_exchange(spec, client, options))
            if options.pre_established:
                context = Context.LOGICAL_NAME if options.keys is None else Context.LOGICAL_NAME_CIPHERED
                client.assume(Terms(CONFORMANCE, LARGEST_PDU, context, _MECHANISMS[options.auth]))
                yield Meter(exchange, client)
            else:
                with Meter(exchange, client) as meter:
                    yield meter
        except (AccessError, AssociationRefused, Refused) as error:
            raise CheckFailed(f"{spec}: {error}") from error
        except RemoteProtocolError as error:
            raise MissingEnvironment(f"{spec}: {error}") from error


def _client(options: Options, stack: ExitStack) -> Client:
    mechanism = _MECHANISMS[options.auth]
    if (mechanism in _WITH_SECRET) != (options.password is not None):
        raise click.UsageError(f"--auth {options.auth} and --password go together" if mechanism in _WITH_SECRET
                               else f"--auth {options.auth} takes no --password")  # fmt: skip
    if mechanism in _WITH_KEYS and options.keys is None:
        raise click.UsageError(f"--auth {options.auth} needs --keys")
    if options.keys is None and (options.suite is not None or options.protection is not None):
        raise click.UsageError("--suite and --protection need --keys")
    authentication = Authentication(mechanism, (options.password or "").encode(), random.SystemRandom())
    sap = options.client or (1 if mechanism is Mechanism.LOW else 16)
    return Client(sap, options.server, authentication=authentication, security=_security(options, stack))


def _security(options: Options, stack: ExitStack) -> Security | None:
    if options.keys is None:
        return None
    keys = keyring.read(options.keys)
    next_counter = stack.enter_context(keyring.counting(options.keys, keys.counter))
    protection = options.protection or ("both" if keys.encryption else "none")
    if protection != "none" and not keys.encryption:
        raise BadInput(f"{options.keys}: --protection {protection} needs `encryption`")
    try:
        return Security(
            keys.material(next_counter, options.suite),
            bytes.fromhex(keys.server_title),
            _PROTECTION[protection],
            bytes.fromhex(keys.dedicated),
        )
    except LocalProtocolError as error:
        raise BadInput(f"{options.keys}: {error}") from error


def _exchange(spec: LinkSpec, client: Client, options: Options) -> Exchange:
    over_hdlc = spec.scheme in _WITHOUT_WRAPPER or spec.options.get("framing") == "hdlc"
    if options.mode_e and not over_hdlc:
        raise BadInput(f'link "{spec}": --mode-e goes with HDLC, such as pty:, serial: or tcp:HOST:PORT?framing=hdlc')
    stream = open_stream(spec, options.timeout)
    if options.mode_e:
        _sign_on(stream, spec)
    if over_hdlc:
        address = hdlc.Address(client.server_sap) if client.server_sap < 0x80 else hdlc.Address(client.server_sap, 0)
        return HdlcExchange(stream, client.client_sap, address, options.timeout)
    return WrapperExchange(stream, client.client_sap, client.server_sap, options.timeout)


def _sign_on(stream: Stream, spec: LinkSpec) -> None:
    """Mode E; a serial link's own rate is the fastest to agree to."""
    rate = spec.options.get("baud", FASTEST)
    try:
        enter_hdlc(stream, rate=int(rate))
    except BaseException:
        stream.close()
        raise
