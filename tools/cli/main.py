"""`meterbench`: the group of commands, loaded one by one, and how every command ends.

Exit codes: 0 done, 1 a check failed, 2 wrong use or bad input, 3 something outside is missing, 70 an internal error, which
is ours. Errors are one line on standard error; METERBENCH_TRACEBACK=1 shows the traceback of an internal one.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

from tools.errors import ToolError, suggest

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "capture": "Record what a radio dongle hears, for Wireshark.",
        "demo": "One virtual day of a home: joining, reads, an outage, a visit.",
        "campaign": "New credentials or firmware for all installed homes of a bench, home by home.",
        "chart": "Draw balance, cut-off, volume, time-out and valve of hub prepayment over a run.",
        "check": "Check that a bench's hubs can be served: the WAN part comes off, and nobody is harmed.",
        "compare": "Architectures side by side: time, messages, failure points.",
        "decode": "Show octets or a capture as a tree of layers and fields.",
        "device": "One device of a bench in a process of its own, in real time.",
        "doctor": "Say what is installed, what is missing, and what it would enable.",
        "field": "Homes of a field trial, at a scale: WAN faults against HAN faults.",
        "keys": "Test certificates for key establishment: an authority, what it issues, what is in one.",
        "listen": "Show notifications that meters and hubs send, as they come.",
        "metrics": "Count messages, octets and peaks by type on each leg of a run.",
        "network": "Who is in a home's network: by whose leave, on what power, who depends on whom.",
        "objects": "List a DLMS meter's objects, with classes and rights.",
        "read": "Read attributes of a DLMS meter over TCP, a pty or a serial line.",
        "readout": "Read out a meter's registers over IEC 62056-21.",
        "report": "Availability, time between failures, latency and design life, as figures of a run.",
        "replay": "Repeat a run from its journal and compare the digests.",
        "run": "Run a bench file in virtual time.",
        "serve": "Run a bench file in real time, its links open to other programs.",
        "wireshark": "Put the DLMS dissector into Wireshark.",
        "write": "Write an attribute of a DLMS meter, or call a method.",
    }
)
"""Name and help line; the command is `command` in the module of that name."""

INTERNAL_ERROR = 70
"""EX_SOFTWARE of sysexits.h."""


class _Lazy(click.Group):
    """Imports a command's module when it is asked for, so that `--help` and small commands start at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # what modules hold stays: to look through it for garbage takes a fifteenth of the time to the first frame
        try:
            command = import_module(f"tools.cli.{cmd_name}").command
        finally:
            gc.freeze()
            gc.enable()
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f'no command "{args[0]}"{suggest(args[0], COMMANDS)}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="meterbench")
def cli() -> None:
    """A GB smart-metering home on a bench, in software."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; its exit code."""
    try:
        code = cli.main(arguments, prog_name="meterbench", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.UsageError as error:
        asked = "meterbench" if error.ctx is None else error.ctx.command_path
        click.echo(f"{asked}: {error.format_message().rstrip('.')} (see {asked} --help)", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"meterbench: {error.format_message()}", err=True)
        return 2
    except ToolError as error:
        click.echo(f"meterbench: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        # Who read us has gone (`| head`): nothing is wrong, and the interpreter must not try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _internal(error)


def _internal(error: Exception) -> int:
    """Our own fault: say so, and what reproduces it."""
    notes = "; ".join(getattr(error, "__notes__", ()))
    where = f" ({notes})" if notes else ""
    click.echo(f"meterbench: internal error: {type(error).__name__}: {error}{where}", err=True)
    click.echo("meterbench: this is our fault, not yours: please report it with the line above", err=True)
    if os.environ.get("METERBENCH_TRACEBACK"):
        traceback.print_exception(error)
    return INTERNAL_ERROR
