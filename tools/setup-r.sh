#!/bin/sh
# Install what R's side needs, for lint, docs, test and check alike: Debian packages, as root.
set -eu
packages="r-base-core r-cran-reticulate r-cran-testthat r-cran-generics r-cran-codetools
    r-cran-lintr r-cran-rmarkdown r-cran-knitr r-cran-roxygen2 r-cran-lme4 r-cran-sf pandoc"

complete() {
    command -v Rscript >/dev/null && command -v pandoc >/dev/null &&
        Rscript -e 'needed <- commandArgs(TRUE)
            quit(status = !all(vapply(needed, requireNamespace, NA, quietly = TRUE)))' \
            reticulate testthat generics codetools lintr rmarkdown knitr roxygen2 lme4 sf \
            >/dev/null 2>&1
}

complete && exit 0
# shellcheck disable=SC2086  # the list is meant to be split
set -- $packages
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    complete && exit 0
    echo "R's packages were installed, but R does not find all of them." >&2
    exit 1
fi
{
    echo "R or packages of it are missing. On Debian or Ubuntu run:"
    echo "  sudo apt-get install $*"
    echo "Elsewhere, in R: install.packages(c(\"reticulate\", \"testthat\", \"generics\"," \
        "\"codetools\", \"lintr\", \"rmarkdown\", \"knitr\", \"roxygen2\", \"lme4\", \"sf\"))"
} >&2
exit 1
