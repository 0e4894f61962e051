#!/bin/sh
# Run R's tests and examples/*.R against this checkout's Python. No skip for missing Python.
set -eu
cd "$(dirname "$0")/.."
root=$(pwd)
python=${PYTHON:-$root/.venv/bin/python}
case $python in */*) ;; *) python=$(command -v "$python") ;; esac
RETICULATE_PYTHON=${RETICULATE_PYTHON:-$python}
[ -x "$RETICULATE_PYTHON" ] || {
    echo "No Python at $RETICULATE_PYTHON. Run: make test (or set RETICULATE_PYTHON)" >&2
    exit 1
}
command -v Rscript >/dev/null || {
    echo "R is missing. Run: make setup-r" >&2
    exit 1
}
# Without NOT_CRAN snapshots are not compared.
export RETICULATE_PYTHON CYTOLOOM_REQUIRE_PYTHON=1 PYTHONDONTWRITEBYTECODE=1 NOT_CRAN=true

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/library" "$work/tests"
R CMD INSTALL --no-docs --no-test-load --library="$work/library" . >"$work/install.log" 2>&1 || {
    cat "$work/install.log" >&2
    exit 1
}
# A copy: what tests leave behind must not land in the checkout.
cp -R tests/testthat "$work/tests"
export R_LIBS="$work/library${R_LIBS:+:$R_LIBS}"
cd "$work/tests"
Rscript -e '
  library(testthat)
  library(cytoloom)
  test_dir("testthat", package = "cytoloom", load_package = "installed",
           reporter = "summary", stop_on_failure = TRUE, stop_on_warning = TRUE)'

for script in "$root"/examples/*.R; do
    [ -e "$script" ] || continue
    echo "example $(basename "$script")"
    mkdir "$work/$(basename "$script" .R)"
    cd "$work/$(basename "$script" .R)"
    Rscript "$script" >log 2>&1 || {
        cat log >&2
        exit 1
    }
done
