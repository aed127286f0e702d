"""`meterbench replay`: a journal's run once more, in virtual time, compared by its digest."""

from __future__ import annotations

from pathlib import Path

import click

from devices.runtime.journal import DigestMismatch, Replayer
from devices.runtime.kernel import S
from protocols.core.errors import LocalProtocolError
from tools.bench import config, journal
from tools.bench.day import BENCH, Day
from tools.bench.run import Run
from tools.cli.output import json_option, print_json
from tools.cli.timeline import clock
from tools.errors import BadInput, CheckFailed


@click.command(
    epilog="Example: meterbench replay out/journal.jsonl",
    short_help="Repeat a run from its journal and compare the digests.",
)
@click.argument("path", metavar="JOURNAL", type=click.Path(path_type=Path))
@click.option(
    "--bench", type=click.Path(path_type=Path), metavar="BENCH.toml", help="The bench of that run.  [default: the demo's]"
)
@json_option
def command(path: Path, bench: Path | None, as_json: bool) -> None:
    """Rebuild the run that JOURNAL is of, feed it what came from outside then, and compare the digests.

    A journal names its bench by digest only, so the bench file is given. Exit code 1: the run took another course, or the
    journal has no end to compare with, because that run was killed.
    """
    replayer = journal.read(path)
    run = rebuild(replayer, path, bench)
    try:
        replayer.load(run.inputs)
    except LocalProtocolError as error:
        raise BadInput(f"{path}: damaged: {error}") from error
    run.run_until(replayer.until)
    try:
        replayer.check(run.kernel)
    except DigestMismatch as error:
        raise CheckFailed(f"{path}: {error}") from error
    same = {"virtual_seconds": run.now / S, "seed": run.kernel.seed, "events": run.log.count, "digest": run.digest()}
    if as_json:
        print_json(same | {"compared": replayer.complete})
    else:
        click.echo(f"{clock(run.now)}, seed {run.kernel.seed}: {run.log.count:,} events, digest {run.digest()}")
    if not replayer.complete:
        raise CheckFailed(f"{path}: the journal has no end, so that run was killed: repeated up to its last input, not compared")
    if not as_json:
        click.echo("the same run: its digest is the journal's")


def rebuild(replayer: Replayer, path: Path, bench: Path | None) -> Run:
    """The run as it was before anything happened. Raises BadInput when the bench is another one."""
    declared = BENCH if bench is None else config.load(bench)
    run = Run(declared, replayer.seed, replayer.start)
    if run.meaning != replayer.bench:
        if bench is None:
            raise BadInput(f"{path}: not a journal of the demo: give the bench file of that run with --bench")
        raise BadInput(f"{path}: {bench} is not the bench of that run, or has changed since (comments and layout do not count)")
    if bench is None:
        Day(run, lambda who, what: None).start()
    return run
