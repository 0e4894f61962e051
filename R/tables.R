# Results as tables for the packages that R's users know: methods that are registered when these
# are loaded, so that none of them is needed.

#' Results as tables and ggplots
#'
#' [cl_found], [cl_scores] and [cl_model] objects are taken as their tables (the objects, the scores
#' per image, the history) by `data.frame()`, `write.csv()`, `tibble::as_tibble()`, by `ggplot()`,
#' and by dplyr's verbs, joins among them.
#'
#' `tidy()` and `glance()` (of generics, broom) give a table of estimates and a table of one row.
#' `autoplot()` (of ggplot2) draws what `plot()` draws, as a ggplot to which layers can be added.
#'
#' @param x,object A `cl_found`, `cl_scores` or `cl_model`.
#' @param i Name or number of an image.
#' @param images Where the images are, where `object` does not know, as one of [cl_results()].
#' @param ... What the generic function takes.
#' @return `tidy()` of scores: a data frame of term, estimate, conf.low, conf.high (bounds of the
#'   95 % interval) and n; else the table. `glance()`: a data frame of one row. `autoplot()`: a
#'   `ggplot`.
#' @name cl_tables
NULL

# nolint start: object_name_linter. The linter knows the generics of installed imports alone.
#' @rdname cl_tables
#' @exportS3Method tibble::as_tibble
as_tibble.cl_found <- function(x, ...) tibble::as_tibble(as.data.frame(x), ...)

#' @exportS3Method tibble::as_tibble
as_tibble.cl_scores <- as_tibble.cl_found

#' @exportS3Method tibble::as_tibble
as_tibble.cl_model <- as_tibble.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_found <- function(model, data, ...) as.data.frame(model)

#' @exportS3Method ggplot2::fortify
fortify.cl_scores <- fortify.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_model <- fortify.cl_found

#' @rdname cl_tables
#' @exportS3Method generics::tidy
tidy.cl_scores <- function(x, ...) {
  table <- x$summary
  data.frame(
    term = table$metric, estimate = table$value, conf.low = table$low, conf.high = table$high,
    n = table$n
  )
}

#' @exportS3Method generics::tidy
tidy.cl_model <- function(x, ...) as.data.frame(x)

#' @exportS3Method generics::tidy
tidy.cl_found <- function(x, ...) as.data.frame(x)

#' @rdname cl_tables
#' @exportS3Method generics::glance
glance.cl_scores <- function(x, ...) {
  values <- as.list(stats::setNames(x$summary$value, x$summary$metric))
  data.frame(images = nrow(x$per_image), values, check.names = FALSE)
}

#' @exportS3Method generics::glance
glance.cl_found <- function(x, ...) {
  files <- x$files
  data.frame(
    images = length(x), failed = sum(files$status != "ok"), objects = sum(files$objects),
    median_area_px = stats::median(x$objects$area_px)
  )
}

#' @exportS3Method generics::glance
glance.cl_model <- function(x, ...) {
  history <- as.data.frame(x)
  scores <- history$value[history$metric == "score" & history$set == "validation"]
  data.frame(
    task = x$info$networks[[1]]$task$name, images = length(x$info$data$train),
    iterations = max(history$iteration, 0), seconds = max(history$seconds, 0),
    score = if (length(scores) > 0) max(scores) else NA_real_
  )
}

# nolint end

# dplyr's verbs, which would have to be written out for each class.
dplyr_verbs <- c(
  "filter", "mutate", "select", "arrange", "group_by", "summarise", "count", "slice", "rename",
  "transmute", "distinct", "pull", "left_join", "right_join", "inner_join", "full_join",
  "semi_join", "anti_join"
)

register_dplyr <- function(...) {
  space <- asNamespace("dplyr")
  for (verb in dplyr_verbs) {
    for (class in c("cl_found", "cl_scores", "cl_model")) {
      registerS3method(verb, class, on_table(get(verb, space)), envir = space)
    }
  }
}

# A verb that works on the table of what it is given.
on_table <- function(verb) {
  force(verb)
  function(.data, ...) verb(as.data.frame(.data), ...)
}
