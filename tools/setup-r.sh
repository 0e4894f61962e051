#!/bin/sh
# Install what R's side needs, for lint, docs, test and check alike: Debian packages, as root.
set -eu
of_r="reticulate testthat generics codetools lintr rmarkdown knitr roxygen2 tibble dplyr ggplot2
    purrr lme4 survival sf tidyr readr png tiff magick future cli progressr vdiffr pkgdown"

complete() {
    # shellcheck disable=SC2086  # the list is meant to be split
    command -v Rscript >/dev/null && command -v pandoc >/dev/null &&
        command -v qpdf >/dev/null &&
        Rscript -e 'needed <- commandArgs(TRUE)
            quit(status = !all(vapply(needed, requireNamespace, NA, quietly = TRUE)))' \
            $of_r >/dev/null 2>&1
}

complete && exit 0
set -- r-base-core pandoc qpdf
for name in $of_r; do
    set -- "$@" "r-cran-$name"
done
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
    # shellcheck disable=SC2086
    echo "Elsewhere, in R: install.packages(c($(printf '"%s", ' $of_r | sed 's/, $//')))"
} >&2
exit 1
