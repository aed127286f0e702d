#!/bin/sh
# Writes the lock files from pyproject.toml. Needs uv. The output names no address of any index; uv.lock and
# pylock.toml do, which is why they are not used here.
set -eu
cd "$(dirname "$0")/.."
UV=${UV:-$(command -v uv || echo .venv/bin/uv)}

lock() {
    out=requirements/$1.lock
    shift
    "$UV" pip compile "$@" --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --quiet -o "$out"
    echo "$out: $(grep -c == "$out") packages"
}

lock runtime pyproject.toml --group build
lock dev pyproject.toml --extra broker --group dev -c requirements/runtime.lock
lock peers --group pyproject.toml:peers -c requirements/runtime.lock
lock fuzz pyproject.toml --group fuzz -c requirements/runtime.lock
