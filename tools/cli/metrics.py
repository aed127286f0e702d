"""`meterbench metrics`: what crosses each leg of a run, by type of message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from devices.runtime.kernel import S
from protocols.core.errors import LocalProtocolError
from tools.bench import config, journal
from tools.bench.metrics import SIDES, Metrics, prometheus
from tools.bench.run import Run
from tools.cli.duration import duration
from tools.cli.kept import LARGEST_SEED
from tools.cli.output import print_json
from tools.cli.replay import rebuild
from tools.cli.run import SLICE
from tools.cli.timeline import Progress, clock
from tools.errors import BadInput
from tools.headend.traffic import Traffic

BENCH = ".toml"


@click.command(
    epilog="Example: meterbench metrics fixtures/benches/home.toml --until 2h",
    short_help="Count messages, octets and peaks by type on each leg of a run.",
)
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--bench", type=click.Path(path_type=Path), metavar="BENCH.toml", help="A journal's bench.  [default: the demo's]")
@click.option("--until", type=duration, default=None, metavar="TIME", help="Virtual time of a bench file's run.  [default: 24h]")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Root of all chance of a bench file's run.")
@click.option("--json", "form", flag_value="json", help="Print one JSON value instead of a table.")
@click.option("--prometheus", "form", flag_value="prometheus", help="Print Prometheus' text format instead of a table.")
def command(path: Path, bench: Path | None, until: int | None, seed: int | None, form: str | None) -> None:
    """Run a bench file, or repeat the run of a journal, and count what was sent: by leg (HAN, WAN, optical port, ...) and type of
    message, with octets on the medium and the busiest second.
    """
    run, end = _bench(path, bench, until, seed) if path.suffix == BENCH else _journal(path, bench, until, seed)
    metrics, progress = Metrics(run.kernel, run.zigbee_keys), Progress(end)
    for at in [*range(SLICE, end, SLICE), end]:
        run.run_until(at)
        progress.at(at)
    progress.clear()
    if form == "prometheus":
        click.echo("\n".join(prometheus(metrics, run.now, run.head_end.traffic)))
    elif form == "json":
        print_json(
            {
                "bench": run.declared.name,
                "seed": run.kernel.seed,
                "virtual_seconds": run.now / S,
                "legs": [{"leg": leg, "side": SIDES[leg]} | _plain(traffic) for leg, traffic in metrics.totals()],
                "messages": [{"leg": leg, "type": kind} | _plain(traffic) for leg, kind, traffic in metrics.rows()],
                "requesters": [{"requester": who} | _plain(traffic) for who, traffic in sorted(run.head_end.traffic.items())],
                "lost": [
                    {"hub": hub, "display": f"{display:016X}", "messages": count}
                    for (hub, display), count in sorted(metrics.lost.items())
                ],
                "unheard": [
                    {"device": device, "what": what, "times": count} for (device, what), count in sorted(metrics.unheard.items())
                ],
                "paths": [
                    {"hub": hub, "to": where, "translations": levels, "requests": count}
                    for (hub, where, levels), count in sorted(metrics.paths.items())
                ],
                "systems": [{"from": way[0], "to": way[1], "messages": count} for way, count in metrics.systems.items()],
            }
        )
    else:
        below = [*_requesters(run.head_end.traffic), *_paths(metrics), *_systems(metrics.systems), *_lost(metrics)]
        click.echo("\n".join([*_table(metrics), *below]))
        click.echo(f"\n{clock(run.now)} of {run.declared.name}, seed {run.kernel.seed}")


def _bench(path: Path, bench: Path | None, until: int | None, seed: int | None) -> tuple[Run, int]:
    if bench is not None:
        raise BadInput(f"--bench is for a journal, and {path} is a bench file")
    return Run(config.load(path), seed), duration("24h") if until is None else until


def _journal(path: Path, bench: Path | None, until: int | None, seed: int | None) -> tuple[Run, int]:
    if until is not None or seed is not None:
        raise BadInput(f"--until and --seed are for a bench file: the journal {path} says how long its run was, and its seed")
    replayer = journal.read(path)
    run = rebuild(replayer, path, bench)
    try:
        replayer.load(run.inputs)
    except LocalProtocolError as error:
        raise BadInput(f"{path}: damaged: {error}") from error
    return run, replayer.until


def _plain(traffic: Traffic) -> dict[str, object]:
    return {
        "messages": traffic.messages,
        "octets": traffic.octets,
        "peak_messages_per_second": traffic.peak_messages,
        "peak_octets_per_second": traffic.peak_octets,
    }


def _table(metrics: Metrics) -> list[str]:
    """Legs with their types below, the busiest first."""
    head = f"{'':<48}{'messages':>10}{'octets':>14}{'peak/s':>8}{'octets/s':>10}"
    rows = list(metrics.rows())
    lines = [head]
    for leg, total in metrics.totals():
        lines.append(_line(f"{leg} ({SIDES[leg]})", total))
        below = sorted((row for row in rows if row[0] == leg), key=lambda row: (-row[2].octets, row[1]))
        lines += [_line(f"  {kind}", traffic) for _, kind, traffic in below]
    return lines


def _requesters(traffic: Mapping[str, Traffic]) -> list[str]:
    """Whom the head end's questions and their answers were for."""
    lines = [_line(f"  {who}", each) for who, each in sorted(traffic.items())]
    return ["of the WAN, asked and answered for", *lines] if lines else []


def _paths(metrics: Metrics) -> list[str]:
    """How often what the WAN asked for was translated on its way."""
    lines = [
        f"  {hub} to {where}, translations: {levels}".ljust(48) + f"{count:>10,}"
        for (hub, where, levels), count in sorted(metrics.paths.items())
    ]
    return ["requests by path", *lines] if lines else []


def _lost(metrics: Metrics) -> list[str]:
    """Messages that were over before a display had them."""
    lines = [f"  {hub} to {display:016X}:".ljust(48) + f"{count:>10,}" for (hub, display), count in sorted(metrics.lost.items())]
    asked = [f"  {device}, {what}:".ljust(48) + f"{count:>10,}" for (device, what), count in sorted(metrics.unheard.items())]
    return [
        *(["lost: messages for displays out of reach", *lines] if lines else []),
        *(["lost: asked for at a prepayment interface out of reach", *asked] if asked else []),
    ]


def _systems(counts: Mapping[tuple[str, str], int]) -> list[str]:
    """What passed between the central company's logical systems, in the order of the first message."""
    lines = [f"  {sender} > {receiver}".ljust(48) + f"{count:>10,}" for (sender, receiver), count in counts.items()]
    return ["inside the central company", *lines] if lines else []


def _line(name: str, traffic: Traffic) -> str:
    return f"{name:<48}{traffic.messages:>10,}{traffic.octets:>14,}{traffic.peak_messages:>8,}{traffic.peak_octets:>10,}"
