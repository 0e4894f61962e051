#!/bin/sh
# Make a virtual environment with a pip that knows dependency groups: setup-venv.sh PYTHON FOLDER
set -eu
python=$1
venv=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "cytoloom needs Python 3.11 or newer. Run: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
}
# Debian keeps ensurepip in a package of its own.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
    else
        echo "Python's venv is missing. Run: sudo apt-get install python3-venv" >&2
        exit 1
    fi
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check --quiet install --upgrade "pip>=25.1"
