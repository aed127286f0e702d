"""`meterbench objects`: what a DLMS meter has, and what we may do with it."""

from __future__ import annotations

import click

from protocols.dlms.cosem.access import Access
from protocols.dlms.reading import Entry
from tools.cli.association import Options, associated, association_options, link_of
from tools.cli.output import json_option, print_json
from tools.decode import names

_RIGHTS = {Access.NONE: "-", Access.READ: "r", Access.WRITE: "w", Access.READ_WRITE: "rw"}


@click.command(
    epilog="Example: meterbench objects tcp:127.0.0.1:4059 --server 3",
    short_help="List a DLMS meter's objects, with classes and rights.",
)
@click.argument("link")
@association_options
@json_option
def command(link: str, options: Options, as_json: bool) -> None:
    """List the objects of the DLMS meter at LINK that this client finds: name, class, and its rights.

    Attributes as `2r` (read), `2w` (write), `2rw`, `2-` (nothing); methods that may be called as `1!`. Links as for `read`.
    """
    spec = link_of(link)
    with associated(spec, options) as meter:
        entries = meter.objects()
    if as_json:
        print_json([_plain(entry) for entry in entries])
        return
    for entry in entries:
        click.echo(f"{entry.name!s:20}{entry.class_id:5}.{entry.version}  {_class_name(entry):28}{_rights(entry)}".rstrip())


def _class_name(entry: Entry) -> str:
    versions = names.classes().get(entry.class_id, [])
    exact = [version for version in versions if version.version == entry.version]
    return (exact or versions)[-1].__name__ if versions else ""


def _rights(entry: Entry) -> str:
    attributes = [f"{number}{_RIGHTS[access]}" for number, access in sorted(entry.attributes.items())]
    return " ".join([*attributes, *(f"{number}!" for number, callable_ in sorted(entry.methods.items()) if callable_)])


def _plain(entry: Entry) -> dict[str, object]:
    return {
        "name": str(entry.name),
        "class": entry.class_id,
        "version": entry.version,
        "class_name": _class_name(entry),
        "attributes": [
            {"number": number, "name": names.member(entry.class_id, number), "rights": _RIGHTS[access]}
            for number, access in sorted(entry.attributes.items())
        ],
        "methods": [
            {"number": number, "name": names.member(entry.class_id, number, method=True), "allowed": allowed}
            for number, allowed in sorted(entry.methods.items())
        ],
    }
