#' What a model says of itself
#'
#' For a model that is loaded, [summary()][summary.cl_model] says the same.
#'
#' @param model A `cl_model` of [cl_train()] or [cl_load()], or its folder.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return A list of class `cl_info`: `summary`, a named list of words, and `text`.
#' @export
#' @examplesIf cl_available()
#' cl_info(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
cl_info <- function(model, progress = "auto", ...) {
  no_dots(...)
  structure(run_events("info", list(model = model_path(model)), progress), class = "cl_info")
}

#' @export
print.cl_info <- function(x, ...) {
  no_dots(...)
  cat(x$text, "\n", sep = "")
  invisible(x)
}
