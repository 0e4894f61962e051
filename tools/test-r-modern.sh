#!/bin/sh
# R's tests on Debian 13 (R 4.5, reticulate 1.41, Python 3.13) in a chroot kept in .debian13/.
# reticulate's own download of a Python (py_require) needs the internet beyond the package
# mirrors and is not tested here: only what is declared, and that RETICULATE_PYTHON wins.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
lane=${CYTOLOOM_DEBIAN13:-$root/.debian13}

[ "$(id -u)" = 0 ] || {
    echo "The Debian 13 lane needs root for its chroot. Run: sudo make test-r-modern" >&2
    exit 1
}
command -v debootstrap >/dev/null || {
    echo "The Debian 13 lane needs debootstrap. Run: apt-get install debootstrap" >&2
    exit 1
}

# All mounts are made in a mount namespace of this script's own: they are gone with it, even when
# it is killed, and no later `rm -rf` of this folder can reach the machine's /proc or /dev.
if [ "${CYTOLOOM_OWN_MOUNTS:-}" != yes ]; then
    CYTOLOOM_OWN_MOUNTS=yes exec unshare --mount --propagation private sh "$root/tools/test-r-modern.sh"
fi

# What an earlier version of this script, once killed, may have left mounted.
left=$(cut -d' ' -f5 /proc/self/mountinfo | grep -F "$lane/" || true)
[ -z "$left" ] || {
    echo "Still mounted: $(echo "$left" | tr '\n' ' '). Run umount on each before anything is removed." >&2
    exit 1
}

# debootstrap finds no package that only provides another: knitr's libjs-normalize.css
include=make,r-base-core,python3-venv,python3-pip,libpython3.13,ca-certificates,node-normalize.css
for name in reticulate testthat generics dplyr ggplot2 purrr tidyr readr png tiff knitr future cli progressr; do
    include=$include,r-cran-$name
done
if [ "$(cat "$lane/.made" 2>/dev/null)" != "$include" ]; then
    rm -rf --one-file-system "$lane"
    mkdir -p "$lane"
    debootstrap --variant=minbase --include="$include" trixie "$lane" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} \
        >"$lane.log" 2>&1 || { tail -n 20 "$lane.log" >&2; exit 1; }
    rm -f "$lane.log"
    echo "$include" >"$lane/.made"
fi

# The chroot has the devices debootstrap made there; the machine's own /dev stays outside.
mount -t proc proc "$lane/proc"
cp /etc/resolv.conf "$lane/etc/resolv.conf"
# Behind a proxy with a certificate of its own, pip needs this machine's bundle.
cp /etc/ssl/certs/ca-certificates.crt "$lane/etc/ssl/certs/ca-certificates.crt"

inside() {
    chroot "$lane" /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
}

rm -rf "$lane/cytoloom"
mkdir "$lane/cytoloom"
git ls-files -z |
    xargs -0 sh -c 'for f; do if [ -e "$f" ] || [ -L "$f" ]; then printf "%s\0" "$f"; fi; done' sh |
    tar --null --files-from=- -cf - | tar -C "$lane/cytoloom" -xf -

needs=$(sha256sum pyproject.toml | cut -d' ' -f1)
if [ "$(cat "$lane/venv/.needs" 2>/dev/null)" != "$needs" ]; then
    inside rm -rf /venv
    inside python3 -m venv /venv
    inside /venv/bin/python -m pip --quiet --disable-pip-version-check install "/cytoloom[cpu,export,report,volumes,cells,tracks]"
    echo "$needs" >"$lane/venv/.needs"
fi

inside Rscript -e 'cat(R.version.string, "\n"); cat("reticulate",
    as.character(packageVersion("reticulate")), "\n")'
inside RETICULATE_PYTHON=/venv/bin/python sh /cytoloom/tools/test-r.sh
