"""`meterbench network`: who is in a home's network, by whose leave and specification, on what power, and who depends on whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

import hubfw
from devices.runtime.kernel import MIN
from hubfw.han.survey import Line, survey
from tools.bench import config
from tools.bench.commissioning import commission
from tools.bench.home import Home
from tools.bench.run import Run
from tools.cli.duration import duration
from tools.cli.kept import LARGEST_SEED
from tools.cli.output import json_option, print_json
from tools.errors import BadInput

LONGEST = 30 * MIN
"""A survey of sixteen devices of which none answers takes less."""
COLUMNS = (("device", 16), ("in the log by", 14), ("specification", 27), ("power", 9), ("through", 12), ("carries", 7))


@click.command(
    epilog="Example: meterbench network fixtures/benches/mesh.toml --until 30m",
    short_help="Who is in a home's network: by whose leave, on what power, who depends on whom.",
)
@click.argument("bench", metavar="BENCH.toml", type=click.Path(path_type=Path))
@click.option("--until", type=duration, metavar="TIME", help="Ask then, in virtual time; once the home is complete by default.")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance; the bench's own by default.")
@json_option
def command(bench: Path, until: int | None, seed: int | None, as_json: bool) -> None:
    """Run a bench file and have each home's hub ask its network: who may be there, because the configuration or somebody's order
    says so; what each device says it is and runs on; which router it is behind, and how many devices are behind it.
    """
    declared = config.load(bench)
    if all(home.foreign for home in declared.home):
        raise BadInput(f"{bench}: no home has a hub, whom this is asked")
    run = Run(declared, seed)
    homes = [home for home in run.homes.values() if not home.foreign]
    if until is None:
        commission(run)
    else:
        run.run_until(until)
    for home in homes:
        names = {identity.eui64: label for label, identity in home.identities.items()}
        lines = _survey(run, home)
        if as_json:
            print_json({"home": home.name, "devices": [_plain(line, names) for line in lines]})
        else:
            click.echo("\n".join((home.name, *_table(lines, names))))


def _survey(run: Run, home: Home) -> list[Line]:
    hub = home.hub.firmware
    if not isinstance(hub, hubfw.Firmware):
        raise BadInput(f"{home.hub.name} has no power then")
    task = hub.spawn(survey(hub.han, hub.log, hub.mirrors))
    end = run.now + LONGEST
    while not task.done and run.now < end:
        run.run(for_=MIN // 10)
    return task.result()


def _plain(line: Line, names: Mapping[int, str]) -> dict[str, object]:
    return {
        "device": names.get(line.eui64, f"{line.eui64:016X}"), "kind": line.kind, "there": line.there, "entered": line.entered,
        "profile": line.profile, "device_id": line.device, "revision": line.revision, "conforms": line.conforms,
        "power": line.power, "router": line.router, "through": None if line.parent is None else names[line.parent],
        "dependants": [names[each] for each in line.dependants],
    }  # fmt: skip


def _table(lines: list[Line], names: Mapping[int, str]) -> list[str]:
    rows = ["  " + "  ".join(name.ljust(width) for name, width in COLUMNS).rstrip()]
    for line in lines:
        said = "" if line.profile is None else f"{line.profile:04X}/{line.device:04X}, revision {line.revision or 'none'}"
        through = "not there" if not line.there else "hub" if line.parent is None else names[line.parent]
        shown = (
            names.get(line.eui64, f"{line.eui64:016X}"), line.entered, said, line.power or "", through, str(len(line.dependants))
        )  # fmt: skip
        rows.append("  " + "  ".join(each.ljust(width) for each, (_, width) in zip(shown, COLUMNS, strict=True)).rstrip())
    return rows
