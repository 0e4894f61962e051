#!/bin/sh
# Install the browser that shows pages in tests: a Debian package, as root.
set -eu
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
    exit 0
fi
echo "Chromium is missing. On Debian or Ubuntu run: sudo apt-get install chromium" >&2
exit 1
