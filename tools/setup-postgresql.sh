#!/bin/sh
# Install the server that stores of runs are tested with: a Debian package, as root.
set -eu
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql
    exit 0
fi
echo "PostgreSQL is missing. On Debian or Ubuntu run: sudo apt-get install postgresql" >&2
exit 1
