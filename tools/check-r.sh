#!/bin/sh
# R CMD build from the files git knows, then R CMD check --as-cran; any ERROR, WARNING or NOTE fails.
# What CRAN's own machines add is in cran-comments.md.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
python=${PYTHON:-$root/.venv/bin/python}
case $python in */*) ;; *) python=$(command -v "$python") ;; esac
RETICULATE_PYTHON=${RETICULATE_PYTHON:-$python}
[ -x "$RETICULATE_PYTHON" ] || {
    echo "No Python at $RETICULATE_PYTHON. Run: make check-r (or set RETICULATE_PYTHON)" >&2
    exit 1
}
export RETICULATE_PYTHON CYTOLOOM_REQUIRE_PYTHON=1 PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# R CMD build copies all there is before it ignores anything, so it gets only what git tracks.
mkdir "$work/source"
git ls-files -z |
    xargs -0 sh -c 'for f; do if [ -e "$f" ] || [ -L "$f" ]; then printf "%s\0" "$f"; fi; done' sh |
    tar --null --files-from=- -cf - | tar -C "$work/source" -xf -

cd "$work"
R CMD build source
package=$(ls cytoloom_*.tar.gz)

# R drops folders by patterns of its own (names that end in "old"); the core must be whole.
mkdir unpacked
tar -C unpacked -xzf "$package"
diff -r source/python unpacked/cytoloom/inst/python || {
    echo "The package's inst/python is not the Python core." >&2
    exit 1
}

# Nothing is asked of the internet: neither CRAN's list of packages and the addresses of links, nor
# what time it is. With --run-donttest examples run once, not first without and then with \donttest.
export _R_CHECK_FORCE_SUGGESTS_=true _R_CHECK_CRAN_INCOMING_REMOTE_=false
export _R_CHECK_SYSTEM_CLOCK_=false R_DEFAULT_INTERNET_TIMEOUT=5
# Examples take less than 5 s where nothing else runs; no check fails because something else does.
export _R_CHECK_EXAMPLE_TIMING_THRESHOLD_=30
# The Python core is hundreds of small files, of which R counts whole blocks (see cran-comments.md).
export _R_CHECK_PKG_SIZES_THRESHOLD_=8
R CMD check --as-cran --run-donttest --no-manual "$package" || failed=$?
log=cytoloom.Rcheck/00check.log
if [ -n "${failed:-}" ] || grep -Eq '(ERROR|WARNING|NOTE)$|^Status:.*(ERROR|WARNING|NOTE)' "$log"; then
    cat "$log" cytoloom.Rcheck/tests/*.fail cytoloom.Rcheck/00install.out 2>/dev/null >&2
    exit 1
fi
tail -n 3 "$log"
