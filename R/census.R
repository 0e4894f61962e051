#' Count the objects of label images
#'
#' @param folder Where they are.
#' @param pattern Which of its files.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return A data frame with columns file and objects.
#' @export
cl_census <- function(folder, pattern = "*.tif", progress = "auto", ...) {
  no_dots(...)
  run_events("census", list(folder = plain_path(folder), pattern = pattern), progress)$table
}
