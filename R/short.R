# format() and str() of what cytoloom returns: a line, and the parts without what is in them.

#' @export
format.cl_model <- function(x, ...) {
  paste0("<cl_model> ", x$info$facts$task, ", in ", shown_path(x$path))
}

#' @export
format.cl_scores <- function(x, ...) {
  best <- utils::head(x$summary, 3)
  means <- sprintf("%s %.3f", best$metric, best$value)
  paste0("<cl_scores> ", counted(nrow(x$per_image), "image"), ": ", toString(means))
}

#' @export
format.cl_data <- function(x, ...) paste("<cl_data>", where_from(x))

#' @export
format.cl_report <- function(x, ...) {
  paste0("<cl_report> ", counted(nrow(x$table), "image"), ", ", if (x$ok) "fit" else "unfit")
}

#' @export
format.cl_plan <- function(x, ...) paste0("<cl_plan> ", counted(nrow(x$table), "decision"))

#' @export
format.cl_info <- function(x, ...) paste0("<cl_info> of ", counted(length(x$summary), "fact"))

#' @export
format.cl_doctor <- function(x, ...) {
  paste("<cl_doctor>", if (is.null(attr(x, "problem"))) "ready" else attr(x, "problem"))
}

#' @export
format.cl_component <- function(x, ...) {
  paste0("<", class(x)[1], "> ", counted(length(x) - 1, "setting"))
}

#' @export
str.cl_model <- function(object, ...) {
  cat(" ", format(object), "\n", sep = "")
  parts <- unclass(object)
  attributes(parts) <- list(names = names(parts))
  utils::str(parts, max.level = 1, give.attr = FALSE, no.list = TRUE)
}

#' @export
str.cl_scores <- str.cl_model

#' @export
str.cl_data <- str.cl_model

#' @export
str.cl_report <- str.cl_model

#' @export
str.cl_plan <- str.cl_model

#' @export
str.cl_info <- str.cl_model

#' @export
str.cl_doctor <- str.cl_model

#' @export
str.cl_component <- function(object, ...) cat(" ", format(object), "\n", sep = "")

# What goes with the session has no path worth showing, in a document least of all.
shown_path <- function(path) {
  plain <- normalizePath(c(tempdir(), path), "/", mustWork = FALSE)
  path[startsWith(paste0(plain[-1], "/"), paste0(plain[1], "/"))] <- "a temporary folder"
  # what lies in the working directory is called as people call it
  here <- paste0(normalizePath(getwd(), "/"), "/")
  inside <- startsWith(path, here)
  path[inside] <- substring(path[inside], nchar(here) + 1)
  path
}

# The same of paths in what is said on the way.
shown_text <- function(text) {
  for (folder in unique(c(tempdir(), normalizePath(tempdir(), "/", mustWork = FALSE)))) {
    place <- paste0("\\Q", folder, "\\E[^[:space:],;:]*[^[:space:],;:.]")
    text <- gsub(paste0(", written to ", place), "", text, perl = TRUE)
    text <- gsub(place, "a temporary folder", text, perl = TRUE)
  }
  text
}
