#!/bin/sh
# Brings an environment up to its lock: runtime and dev share .venv, peers and fuzz have .venv-peers and .venv-fuzz. Quick when
# nothing changed.
#
#   requirements/venv.sh runtime|dev|peers|fuzz
#
# Exit 3: something is missing on this machine, said in one line with the command that installs it.
set -eu
cd "$(dirname "$0")/.."
kind=$1
hint="a package index must be reachable the first time"
case $kind in
    runtime | dev) venv=.venv ;;
    peers) venv=.venv-peers ;;
    fuzz) venv=.venv-fuzz hint="$hint, and atheris must have a wheel for this interpreter and machine" ;;
    *) echo "usage: $0 runtime|dev|peers|fuzz" >&2; exit 2 ;;
esac
lock=requirements/$kind.lock
python=$venv/bin/python
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

missing() { echo "meterbench: $*" >&2; exit 3; }
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# Shims can exist and fail, so a candidate counts only once it has run.
interpreter() {
    for candidate in ${PYTHON:-} python3.14 python3.13 python3.12 python3.11 python3 python; do
        if recent "$candidate"; then echo "$candidate"; return; fi
    done
}

# An environment remembers where it stands (scripts in it hold absolute paths) and what it was filled from.
state() { pwd; cksum pyproject.toml "$1"; }
current() { [ -f "$venv/$1.stamp" ] && [ "$(cat "$venv/$1.stamp")" = "$(state "requirements/$1.lock")" ]; }

if recent "$python"; then
    if current "$kind"; then exit 0; fi
    if [ "$kind" = runtime ] && current dev; then exit 0; fi
    moved=$(cat "$venv"/*.stamp 2>/dev/null | grep '^/' | grep -vxF "$(pwd)" || true)
else
    moved=yes
fi

uv=
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then uv=uv; fi

if [ -n "$moved" ]; then
    base=$(interpreter)
    [ -n "$base" ] || missing "Python 3.11 or later is needed and none that runs was found: apt-get install python3 python3-venv"
    version=$("$base" -c 'import platform; print(platform.python_version())')
    minor=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "meterbench: making $venv with $base ($version); about half a minute, once"
    rm -rf "$venv"
    if [ -n "$uv" ] && uv venv --quiet --python "$base" "$venv" >/dev/null 2>&1 && recent "$python"; then
        :
    else
        uv=
        rm -rf "$venv"
        "$base" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
            missing "$base has no venv module that works: apt-get install python$minor-venv"
        "$base" -m venv "$venv"
    fi
else
    echo "meterbench: bringing $venv up to $lock"
fi

install() {
    if [ -n "$uv" ] && uv pip install --quiet --python "$python" "$@" 2>/dev/null; then return; fi
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null ||
        missing "$python has no pip: apt-get install python3-venv, then remove $venv"
    "$python" -m pip install -qq "$@" ||
        missing "could not install from $lock (see above): $hint"
}

install --require-hashes -r "$lock"
if [ "$kind" != peers ]; then install --no-deps --no-build-isolation -e .; fi
state "$lock" > "$venv/$kind.stamp"
