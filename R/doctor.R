#' What this machine offers, and what is missing
#'
#' Looks at R, reticulate and Python, and starts the backend in a process of its own to be sure
#' that it computes. Python is not started in this session.
#'
#' @return A named character vector of class `cl_doctor`, one line per subject, printed in two
#'   columns; its attribute `problem` is `NULL` or a sentence that says what to run.
#' @export
#' @examples
#' \donttest{
#' cl_doctor()
#' }
cl_doctor <- function() {
  problem <- tryCatch(python_problem(), cytoloom_error = conditionMessage)
  found <- c(
    R = R.version.string,
    reticulate = as.character(utils::packageVersion("reticulate")),
    cytoloom = as.character(utils::packageVersion("cytoloom")),
    python_facts(find_python())
  )
  structure(found[!duplicated(names(found))], problem = problem, class = "cl_doctor")
}

python_facts <- function(python) {
  if (is.null(python)) {
    return(c(Python = "not found"))
  }
  code <- paste(
    "from cytoloom import doctor",
    "for item in doctor.report().items(): print(*item, sep='\\t')",
    sep = "\n"
  )
  out <- run_python(python, c("-c", code))
  lines <- strsplit(enc2utf8(as.character(out)), "\t", fixed = TRUE)
  lines <- lines[lengths(lines) == 2]
  if (length(lines) == 0) {
    return(c(Python = paste(python, "(does not run cytoloom)")))
  }
  stats::setNames(vapply(lines, `[`, "", 2L), vapply(lines, `[`, "", 1L))
}

#' @export
print.cl_doctor <- function(x, ...) {
  no_dots(...)
  cat(paste0(format(names(x)), "  ", x, "\n"), sep = "")
  problem <- attr(x, "problem")
  cat("\n", if (is.null(problem)) "Ready." else problem, "\n", sep = "")
  invisible(x)
}
