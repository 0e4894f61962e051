# Results as tables for the packages that R's users know: methods that are registered when these
# are loaded, so that none of them is needed.

#' Results as tables and ggplots
#'
#' [cl_found], [cl_scores], [cl_model], [cl_consensus()], [cl_compare()] and [cl_rank()] objects are
#' taken as their tables (objects, scores per image, history, experts, differences per image,
#' models) by `data.frame()`, `write.csv()`,
#' `subset()`, `with()`, `merge()`, `tibble::as_tibble()`, by `ggplot()`, and by the verbs of dplyr
#' and tidyr, joins among them.
#' Functions that are no generics take a data frame alone, such as `found$objects`:
#' `readr::write_csv()`, `dplyr::bind_rows()`, `knitr::kable()`, and joins of what is given second.
#'
#' `tidy()` and `glance()` (of generics, broom) give a table of estimates and a table of one row.
#' `autoplot()` (of ggplot2) draws what `plot()` draws, as a ggplot to which layers can be added.
#'
#' @param x,object A `cl_found`, `cl_scores`, `cl_model`, `cl_consensus`, `cl_comparison` or
#'   `cl_ranking`.
#' @param i Name or number of an image.
#' @param images Where the images are, where `object` does not know, as one of [cl_results()].
#' @param ... What the generic function takes.
#' @return `tidy()` of scores, of differences, and of the models of a ranking: a data frame of term,
#'   estimate, conf.low, conf.high (bounds of the 95 % interval) and n, of models their rank; else
#'   the table. `glance()`: a data frame of one row. `autoplot()`: a `ggplot`.
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

#' @exportS3Method tibble::as_tibble
as_tibble.cl_consensus <- as_tibble.cl_found

#' @exportS3Method tibble::as_tibble
as_tibble.cl_comparison <- as_tibble.cl_found

#' @exportS3Method tibble::as_tibble
as_tibble.cl_ranking <- as_tibble.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_found <- function(model, data, ...) as.data.frame(model)

#' @exportS3Method ggplot2::fortify
fortify.cl_scores <- fortify.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_model <- fortify.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_consensus <- fortify.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_comparison <- fortify.cl_found

#' @exportS3Method ggplot2::fortify
fortify.cl_ranking <- fortify.cl_found

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
tidy.cl_comparison <- function(x, ...) {
  table <- x$summary
  data.frame(
    term = table$metric, estimate = table$difference, conf.low = table$low,
    conf.high = table$high, n = table$n, better = table$better
  )
}

#' @exportS3Method generics::tidy
tidy.cl_ranking <- function(x, ...) {
  table <- x$ranking
  data.frame(
    term = table$model, estimate = table$consistency, conf.low = table$low,
    conf.high = table$high, rank = table$rank
  )
}

#' @exportS3Method generics::tidy
tidy.cl_model <- function(x, ...) as.data.frame(x)

#' @exportS3Method generics::tidy
tidy.cl_found <- function(x, ...) as.data.frame(x)

#' @exportS3Method generics::tidy
tidy.cl_consensus <- function(x, ...) as.data.frame(x)

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
    images = length(x), failed = sum(files$status != "ok"),
    objects = sum(files$objects, na.rm = TRUE),
    median_area_px = stats::median(each_once(x$objects)$area_px)
  )
}

#' @exportS3Method generics::glance
glance.cl_consensus <- function(x, ...) {
  images <- x$per_image
  means <- c("kappa", "pair_dice", "dice", "pair_ap50", "ap50")
  data.frame(
    method = x$method, task = x$task, experts = nrow(x$per_expert), images = length(x$labels),
    failed = sum(images$status != "ok"), objects = sum(images$objects, na.rm = TRUE),
    lapply(images[intersect(means, names(images))], mean, na.rm = TRUE)
  )
}

#' @exportS3Method generics::glance
glance.cl_comparison <- function(x, ...) {
  data.frame(as.list(x$summary[x$summary$metric == x$metric, ]))
}

#' @exportS3Method generics::glance
glance.cl_ranking <- function(x, ...) {
  data.frame(models = nrow(x$ranking), metric = x$metric, x$ranking[1, ])
}

#' @exportS3Method generics::glance
glance.cl_model <- function(x, ...) {
  # as print() and summary() say it; of an ensemble all members together
  training <- x$info$training
  data.frame(
    task = x$info$networks[[1]]$task$name, images = training$images,
    iterations = training$iterations, seconds = training$seconds,
    score = if (is.null(training$score)) NA_real_ else training$score
  )
}

# nolint end

# Verbs that take a data frame first; for each of our classes one that takes its table. Of a package
# all that have a method for data frames.
register_verbs <- function() {
  for (verb in c("subset", "with", "within")) register_verb(verb, baseenv(), in_call)
  for (package in c("dplyr", "tidyr")) {
    if (isNamespaceLoaded(package)) register_verbs_of(package)
    setHook(packageEvent(package, "onLoad"), register_verbs_of)
  }
}

register_verbs_of <- function(package, ...) {
  space <- asNamespace(package)
  methods <- grep("[.]data[.]frame$", ls(space[[".__S3MethodsTable__."]]), value = TRUE)
  verbs <- intersect(sub("[.]data[.]frame$", "", methods), getNamespaceExports(package))
  for (verb in verbs) register_verb(verb, space, on_table)
}

register_verb <- function(verb, space, make) {
  method <- make(get(verb, space))
  classes <- c("found", "scores", "model", "consensus", "comparison", "ranking")
  for (class in paste0("cl_", classes)) {
    registerS3method(verb, class, method, envir = space)
  }
}

# A verb that works on the table of what it is given.
on_table <- function(verb) {
  first <- as.name(names(formals(verb))[1])
  with_formals_of(verb, bquote(verb(as.data.frame(.(first)), ...)))
}

# One that looks for columns, and for all else where it was called.
in_call <- function(verb) {
  first <- names(formals(verb))[1]
  with_formals_of(verb, bquote({
    called <- match.call()
    called[[1]] <- verb
    called[[.(first)]] <- as.data.frame(.(as.name(first)))
    eval(called, parent.frame())
  }))
}

with_formals_of <- function(verb, body) {
  eval(call("function", as.pairlist(c(formals(verb)[1], formals(no_dots))), body))
}
