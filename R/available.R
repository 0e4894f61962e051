#' Is there a Python that can run cytoloom?
#'
#' Looks for Python as reticulate would and asks it, in a process of its own, for the packages
#' that cytoloom needs. Python is not started in this session.
#'
#' @return `TRUE` or `FALSE`. [cl_doctor()] says why.
#' @seealso [cl_install()] makes it `TRUE`.
#' @export
#' @examples
#' cl_available()
cl_available <- function() {
  if (!isTRUE(session$available)) {
    session$available <- is.null(tryCatch(python_problem(), cytoloom_error = conditionMessage))
  }
  session$available
}
