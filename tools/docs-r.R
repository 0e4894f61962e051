# Make the pages of the R package with pkgdown, examples and articles run: docs-r.R FOLDER
# Nothing is asked of the internet, and the pages load nothing from there (pkgdown/templates).
options(pkgdown.internet = FALSE, warn = 2)
# Where a package is named that is not installed, downlit would ask CRAN for its address.
none <- data.frame(Package = character(), URL = character())
utils::assignInNamespace("CRAN_urls", function() none, "downlit")

out <- commandArgs(TRUE)[[1]]
pkgdown::build_site(
  preview = FALSE, devel = FALSE, new_process = FALSE,
  override = list(destination = normalizePath(out, mustWork = FALSE))
)
# The navigation has no search, which would take scripts from elsewhere.
unlink(file.path(out, c("search.json", "pkgdown.js")))
