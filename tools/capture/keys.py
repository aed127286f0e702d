"""The `zigbee_pc_keys` file: Wireshark's table of ZigBee keys, written on one explicit act and read by `decode`.

A line is `"KEY","ORDER","LABEL"` with the key as 32 hexadecimal digits. These are keys of a test bench; the file is for
its owner only (mode 600) all the same.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tools.errors import BadInput

_LARGEST = 1 << 20
_MOST = 4096


def write(path: Path, keys: Iterable[tuple[str, bytes]]) -> int:
    """Write (label, key) pairs, each key once; returns how many. An existing file gets mode 600 too."""
    unique: dict[bytes, str] = {}
    for label, key in keys:
        unique.setdefault(key, label)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as out:
        os.fchmod(fd, 0o600)
        for key, label in unique.items():
            shown = re.sub(r"[^ -~]|[\"\\]", "_", label)
            out.write(f'"{key.hex()}","Normal","{shown}"\n')
    return len(unique)


def read(path: Path) -> list[tuple[str, bytes]]:
    """The (label, key) pairs of a file. Raises BadInput with file and line."""
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f"{path}: larger than {_LARGEST} octets")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: {getattr(error, 'strerror', None) or 'not a text file'}") from error
    keys: list[tuple[str, bytes]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = next(csv.reader([line]))
        digits = re.sub(r"[\s:.-]", "", fields[0])
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", digits) or (len(fields) > 1 and fields[1] not in ("Normal", "Reverse")):
            raise BadInput(f'{path}:{number}: not "KEY OF 32 HEXADECIMAL DIGITS","Normal","LABEL"')
        key = bytes.fromhex(digits)
        keys.append((fields[2] if len(fields) > 2 else "", key[::-1] if fields[1:2] == ["Reverse"] else key))
        if len(keys) > _MOST:
            raise BadInput(f"{path}: more than {_MOST} keys")
    return keys
