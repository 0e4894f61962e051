#!/bin/sh
# lintr on all R code, and man/ as roxygen2 makes it from R/.
set -eu
cd "$(dirname "$0")/.."
command -v Rscript >/dev/null || {
    echo "R is missing. Run: make setup-r" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Linted in a copy with the package installed beside: lintr then knows the package's own names.
mkdir "$work/library"
R CMD INSTALL --no-docs --no-test-load --library="$work/library" . >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
R_LIBS="$work/library" Rscript -e '
  folders <- c("R", "tests", "examples", "vignettes")
  files <- list.files(folders, "[.](R|Rmd)$", full.names = TRUE, recursive = TRUE)
  # What tests share is defined in helper files and in the package itself.
  attach(asNamespace("cytoloom"), warn.conflicts = FALSE)
  for (helper in list.files("tests/testthat", "^helper", full.names = TRUE)) source(helper)
  found <- do.call(c, lapply(files, lintr::lint))
  for (one in found) cat(sprintf("%s:%d: %s\n", one$filename, one$line_number, one$message))
  quit(status = length(found) > 0)'

mkdir "$work/cytoloom"
cp -R DESCRIPTION NAMESPACE R man "$work/cytoloom"
mkdir "$work/cytoloom/inst"
(
    cd "$work/cytoloom"
    Rscript -e 'roxygen2::roxygenise()' >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
)
for part in NAMESPACE man; do
    diff -r "$part" "$work/cytoloom/$part" || {
        echo "$part is not what roxygen2 makes. Run: Rscript -e 'roxygen2::roxygenise()'" >&2
        exit 1
    }
done
