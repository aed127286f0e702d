"""`meterbench check`: do a bench's hubs conform where a person has to serve them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tools.bench import hub_check
from tools.bench.commissioning import commission
from tools.bench.run import bench
from tools.errors import CheckFailed


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One line of JSON a check.")
def command(file: Path, as_json: bool) -> None:
    """Check the hubs of a bench FILE: does the WAN part come off in a living home, with nobody harmed?

    The checks are done in virtual time. Exit code 1 when one of them fails.

    Example: meterbench check fixtures/benches/wan-module.toml
    """
    with bench(file) as run:
        commission(run)
        findings = list(hub_check.check(run))
    for finding in findings:
        if as_json:
            told = {"hub": finding.hub, "check": finding.check, "passed": finding.passed, "reason": finding.reason}
            click.echo(json.dumps(told))
        else:
            reason = f": {finding.reason}" if finding.reason else ""
            click.echo(f"{'pass' if finding.passed else 'FAIL'}  {finding.hub}  {finding.check}{reason}")
    failed = sum(not finding.passed for finding in findings)
    if failed:
        raise CheckFailed(f"{failed} of {len(findings)} checks failed")
