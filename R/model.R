# A model in R is where its folder is and what model.json says; Python loads it when needed.

new_model <- function(told) {
  info <- c(told$info, list(facts = told$facts))
  structure(
    list(path = told$path, info = info, interrupted = isTRUE(info$interrupted)),
    md5 = manifest_md5(told$path), class = "cl_model"
  )
}

model_path <- function(x, what = "model") {
  path <- if (inherits(x, "cl_model")) unclass(x)$path else unfactored(x)
  if (!is_one_path(path)) refuse(what, "a model, as cl_load() returns it, or its folder", x)
  path <- plain_path(path, what)
  if (!file.exists(file.path(path, "model.json"))) {
    keep <- "A model lives as long as its folder: keep it with `out` in cl_train(), or cl_save()."
    refuse(what, "a model folder (with model.json)", I(path), keep)
  }
  known <- if (inherits(x, "cl_model")) attr(x, "md5")
  if (!is.null(known) && !identical(known, manifest_md5(path))) {
    refuse(
      what, "the model that was loaded", I(paste0(path, ", in which there is another model now")),
      "Load the model again, with cl_load()."
    )
  }
  path
}

# model.json holds the hash of every other file, which Python compares: by it a model is known.
manifest_md5 <- function(path) unname(tools::md5sum(file.path(path, "model.json")))

#' Load and save models
#'
#' A model is a folder, the same for R and Python. `cl_load()` reads what it says of itself;
#' nothing in it is executed. `cl_save()` writes a copy. [predict()][predict.cl_model] and
#' [evaluate()][evaluate.cl_model] take what `cl_load()` returns, not the path, and say so.
#'
#' @param path Folder to read or to write, by custom `name.cytoloom`.
#' @param task Module and class of the model's task, such as `"my_task:Ridges"`, where it is one of
#'   your own and was not named in this session.
#' @param model A `cl_model`.
#' @param overwrite Replace a model that is there.
#' @param ... Must be empty.
#' @return A `cl_model`; for `cl_save()` that of the new folder, invisibly.
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' model
#' plot(model)
#' copy <- cl_save(model, file.path(tempdir(), "copy.cytoloom"), overwrite = TRUE)
cl_load <- function(path, task = NULL, ...) {
  no_dots(...)
  new_model(call_python("load", path = plain_path(path), task = task))
}

#' @rdname cl_load
#' @export
cl_save <- function(model, path, overwrite = FALSE, ...) {
  no_dots(...)
  saved <- call_python(
    "save",
    path = model_path(model), to = plain_path(path), overwrite = overwrite
  )
  invisible(cl_load(saved))
}

# Not a way of their own: paths of models, of images and of data would be told apart by their place.
#' @export
predict.character <- function(object, ...) load_first("predict", object)

#' @export
evaluate.character <- function(x, ...) load_first("evaluate", x)

load_first <- function(verb, path) {
  stop_clean(
    "Invalid model. Expected a model, as cl_load() returns it. Received: a path. ",
    "Run: ", verb, "(cl_load(", deparse(path[1]), "), ...)"
  )
}

#' What a model says of itself
#'
#' `print()` gives a few lines, `summary()` also what is in `model.json` of training and
#' software, `as.data.frame()` the history, `plot()` its curves, or how often what it says of pixels
#' and objects is so.
#'
#' @param x,object A `cl_model` of [cl_train()] or [cl_load()].
#' @param metric For `plot()`: which curves of the history, `"loss"` and `"score"`; default both.
#'   `"reliability"`: how often what was said with a probability was so, of images that were held
#'   out, before (dashed) and after it was fitted; the nearer to the diagonal the better. Bins of
#'   fewer than ten are not drawn.
#' @param ... Must be empty; for `plot()`, settings of [graphics::plot.default()] such as `main`,
#'   `xlab` and `xlim`, which take the place of ours; `col`, `lwd` and `lty` are of
#'   the curves, training first. Of an ensemble `col` is of the members, whose training is dotted;
#'   of a model of [cl_train_tracker()] of its networks.
#' @param row.names,optional,stringsAsFactors Ignored; they belong to the generic function.
#' @return `as.data.frame()`: columns epoch, iteration, seconds, set, metric, value; of an
#'   ensemble also member, of a model of several networks network. `summary()`:
#'   a named character vector of class `summary.cl_model`. The others: `x`, invisibly.
#' @name cl_model
NULL

#' @rdname cl_model
#' @export
print.cl_model <- function(x, ...) {
  no_dots(...)
  facts <- x$info$facts
  cat("cytoloom model in ", shown_path(x$path), "\n", sep = "")
  print_facts(facts[c("task", "channels", "trained on", "validation")])
  if (isTRUE(x$interrupted)) cat("  interrupted: stopped by hand before the end\n")
  invisible(x)
}

#' @rdname cl_model
#' @export
summary.cl_model <- function(object, ...) {
  no_dots(...)
  facts <- c(folder = shown_path(object$path), unlist(object$info$facts))
  structure(facts, class = "summary.cl_model")
}

#' @export
print.summary.cl_model <- function(x, ...) {
  no_dots(...)
  print_facts(x)
  invisible(x)
}

print_facts <- function(facts) {
  cat(sprintf("  %-14s%s\n", names(facts), unlist(facts)), sep = "")
}

#' @rdname cl_model
#' @export
as.data.frame.cl_model <- function(x, row.names = NULL, optional = FALSE, ...,
                                   stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  call_python("history", path = model_path(x))
}

#' @rdname cl_model
#' @export
plot.cl_model <- function(x, metric = NULL, ...) {
  if (identical(metric, "reliability")) {
    return(plot_reliability(x, ...))
  }
  history <- as.data.frame(x)
  metrics <- curves_of(history, metric)
  old <- graphics::par(mfrow = c(1, length(metrics)), mar = c(4.5, 5, 1, 1), mgp = c(3.3, 0.8, 0))
  on.exit(graphics::par(old))
  # of a model of several networks each has a curve of its own, as members have
  if (!is.null(history$network)) history$member <- history$network
  for (one in metrics) plot_curve(history[history$metric == one, ], one, ...)
  invisible(x)
}

# Each member of an ensemble has a curve of its own.
curve_of <- function(history) if (is.null(history$member)) rep(1, nrow(history)) else history$member

plot_reliability <- function(x, ..., col = c("#999999", "#0072B2"), lwd = 2, lty = c(2, 1)) {
  rows <- do.call(rbind, lapply(x$info$training$reliability, as.data.frame))
  if (is.null(rows)) stop_clean("Too few images were held out, or the model is an older one.")
  kinds <- unique(rows$of)
  old <- graphics::par(mfrow = c(1, length(kinds)), mar = c(4.5, 5, 1, 1), mgp = c(3.3, 0.8, 0))
  on.exit(graphics::par(old))
  for (kind in kinds) {
    said <- paste("probability said of", kind)
    ours <- list(type = "n", las = 1, xlab = said, ylab = "share that is so")
    plot_with(c(0, 1), c(0, 1), ours, ...)
    graphics::abline(0, 1, lty = 3, col = "#999999")
    for (k in 1:2) {
      own <- rows[rows$of == kind & rows$when == c("before", "after")[k], ]
      total <- sum(own$n)
      own <- own[own$n >= 10, ] # of fewer it says nothing how many of them are right
      style <- list(col = rep_len(col, 2)[k], lwd = rep_len(lwd, 2)[k], lty = rep_len(lty, 2)[k])
      do.call(graphics::lines, c(list(own$said, own$so), style))
      sizes <- 3 * sqrt(own$n / total)
      graphics::points(own$said, own$so, pch = 19, col = style$col, cex = sizes)
    }
    graphics::legend("topleft", c("before", "after"), col = col, lwd = lwd, lty = lty, bty = "n")
  }
  invisible(x)
}

curves_of <- function(history, metric) {
  known <- unique(history$metric)
  if (length(known) == 0) stop_clean("This model has no history to plot.")
  if (is.null(metric)) {
    return(intersect(c("loss", "score"), known))
  }
  known_metric(metric, known)
}

# The metrics that were asked for, of those that there are.
known_metric <- function(metric, known, several = TRUE) {
  if (length(metric) == 0 || !all(metric %in% known) || (!several && length(metric) > 1)) {
    refuse("metric", paste(if (several) "one or more of" else "one of", toString(known)), metric)
  }
  metric
}

plot_curve <- function(rows, metric, ..., col = c("#0072B2", "#D55E00"), lwd = 2, lty = 1) {
  both <- c("train", "validation")
  sets <- intersect(both, rows$set)
  members <- if (!is.null(rows$member)) unique(rows$member)
  if (!is.null(members)) {
    if (missing(col)) col <- member_colours
    if (missing(lty)) lty <- c(3, 1)
  }
  colours <- rep_len(col, max(length(members), 2))
  # a set has one colour in all panels
  styles <- lapply(list(lwd = lwd, lty = lty), function(one) rep_len(one, 2)[match(sets, both)])
  ours <- list(type = "n", xlab = "iteration", ylab = metric, las = 1)
  plot_with(rows$iteration, rows$value, ours, ...)
  for (k in seq_along(sets)) {
    own <- rows[rows$set == sets[k], ]
    for (one in split(own, curve_of(own))) {
      shade <- if (is.null(members)) match(sets[k], both) else match(one$member[1], members)
      style <- c(lapply(styles, `[[`, k), list(col = colours[shade]))
      do.call(graphics::lines, c(list(one$iteration, one$value), style))
    }
  }
  place <- if (metric == "loss") "topright" else "bottomright"
  if (is.null(members)) {
    shown <- c(list(sets, col = colours[match(sets, both)]), styles)
  } else {
    named <- if (is.character(members)) members else paste("member", members)
    solid <- list(named, col = colours[seq_along(members)], lwd = lwd, lty = 1)
    dotted <- if ("train" %in% sets) list("training", "black", lwd[1], lty[1]) else list(NULL)
    shown <- Map(c, solid, dotted)
  }
  do.call(graphics::legend, c(list(place, bty = "n"), shown))
}

# Those of Python's figure.
member_colours <- c(
  "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
)
