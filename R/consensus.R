#' What several experts agree on
#'
#' Finds the labels that experts agree on, and how well each of them does: by STAPLE (Warfield et
#' al., \doi{10.1109/TMI.2004.828354}), which estimates truth and experts together, by majority, or
#' as shares of the experts. Objects of different experts are matched and then voted: each pixel of
#' the foreground belongs to the object that most experts say, of as many the smaller one.
#'
#' @param experts Label images of two experts or more: a folder with a folder for each expert, in
#'   which files have the same names; these folders, or a pattern; a list with, for each expert, a
#'   matrix `[y, x]` or stack `[z, y, x]`, or a list of these, named by image or in the same order
#'   with `NULL` where an expert drew nothing (names of experts, and of the images of one, differ);
#'   or [cl_data()] of which images have several annotations.
#' @param method `"staple"`: better experts count more. `"majority"`: the label that most experts
#'   gave, and where several have as many votes the lowest, so background first. `"soft"`: the same,
#'   and the share of experts for each class.
#' @param task `"binary"`, `"classes"` or `"instances"`: whether labels are foreground, numbers of
#'   classes, or of objects (of a mask each piece is an object). `"auto"`: foreground, where all are
#'   masks, 0/1 or 0/255; objects, where other numbers are many and hardly any in pieces, which is
#'   said; else to be told.
#' @param ... Must be empty.
#' @param out Folder for labels/ and the tables as CSV.
#' @param overwrite Replace the consensus that is in `out`.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @return A list of class `cl_consensus`: the data frames
#'   * `per_image`: `image`, `status` (`"ok"` or what is wrong), `experts` (how many drew it),
#'     `objects`, `disputed` (of instances: how many somebody split or merged), `foreground` (share
#'     of the pixels), `kappa` (Fleiss'), `pair_dice` (mean over pairs of experts), `dice` (mean
#'     over experts against the consensus), of instances also `pair_ap50` and `ap50`, `flags`,
#'     `labels` (path, `NA` of labels in memory); counts are `NA` where there is no consensus;
#'   * `per_expert`: `expert`, `images`, and means over images of `dice`, `iou`, `ap50`, `ap`
#'     (the mean over IoU 0.5 to 0.95), `sensitivity` and `specificity` against the consensus,
#'     `agreement` (Dice with the others), of instances `agreement_ap50`; `flags`, `NA` where there
#'     are none. Of instances `ap50`, matched at an IoU of 0.5, `ap` and `agreement_ap50` are of
#'     objects, all others of the foreground;
#'   * `per_label`: `image`, `expert`, `objects` and the same scores of each label image;
#'   * `pairs`: `image`, `expert`, `other`, `dice`, `iou`, of instances `ap50`;
#'   * `objects`, of instances: `image`, `object`, `area_px`, `drawn_by` (how many have it, too, at
#'     an IoU of 0.5), `split_by`, `merged_by` and `missed_by` (names).
#'
#'   and `labels`, a list of matrices by image, in the class of what went in; for `"soft"` also
#'   `soft`, a list of arrays `[y, x, class]`, whose last dimension is named by the labels. `flags`
#'   name an expert, or an image, that agrees less than the others: lower than the median by more
#'   than 0.1 and by more than three times 1.4826 times the median distance from the median.
#'   `as.data.frame()` gives `per_expert`.
#' @export
#' @examplesIf cl_available()
#' truth <- cl_simulate(shape = c(96, 96), count = 8)$labels > 0
#' drawn <- list(
#'   anna = truth, ben = truth & row(truth) > 30, eva = truth | row(truth) > 90
#' )
#' agreed <- cl_consensus(drawn)
#' agreed
#' dim(agreed$labels[[1]])
#' plot(agreed)
cl_consensus <- function(experts, method = "staple", ..., task = "auto", out = NULL,
                         overwrite = FALSE, progress = "auto") {
  no_dots(...)
  folder <- if (is.null(out)) tempfile("consensus") else plain_path(out, "out")
  found <- run_events(
    "consensus",
    list(
      experts = plain_experts(experts), method = method, task = task, out = folder,
      overwrite = overwrite
    ),
    progress
  )
  new_consensus(found, image_class(first_drawn(experts)), if (is.null(out)) folder)
}

# Paths, cl_data(), or arrays by expert and image.
plain_experts <- function(experts) {
  refuse_pair(experts, "experts", "labels")
  experts <- unfactored(experts)
  if (inherits(experts, "cl_data")) {
    return(list(source = plain_data(experts, "experts"), data = TRUE))
  }
  if (is.character(experts) && length(experts) > 0) {
    paths <- plain_paths(experts, "experts")
    return(list(source = named_paths(paths, names(experts))))
  }
  if (!is_plain_list(experts) || length(experts) == 0) {
    refuse("experts", "a folder, folders, a list of what each expert drew, or cl_data()", experts)
  }
  experts <- lapply(experts, unfactored)
  if (all(vapply(experts, is_one_path, NA))) {
    return(plain_experts(stats::setNames(as.character(experts), names(experts))))
  }
  drawn <- said_of("experts", "labels", lapply(unname(experts), plain_drawn))
  list(source = list(drawn = drawn, names = as.list(names(experts))))
}

named_paths <- function(paths, names) {
  if (!is.null(names)) {
    return(list(folders = as.list(paths), names = as.list(names)))
  }
  if (length(paths) == 1) paths else as.list(paths)
}

# What one expert drew: one label image, or a list of them, NULL among them.
plain_drawn <- function(one) {
  refuse_pair(one, "experts", "labels")
  many <- as_list(one)
  images <- each_or_refused(many, function(x) if (!is.null(x)) plain_label(x))
  list(images = images, names = as.list(names(many)))
}

first_drawn <- function(experts) {
  if (!is.list(experts) || inherits(experts, "cl_data")) {
    return(NULL)
  }
  first_image(as_list(experts[[1]]))
}

new_consensus <- function(told, like, temporary) {
  done <- told$per_image$status == "ok"
  paths <- lasting(told$per_image$labels[done])
  names <- told$per_image$image[done]
  soft <- if (told$method == "soft") lapply(paths, read_shares, told$classes, like)
  labels <- labels_in_memory(paths, like)
  if (!is.null(temporary)) {
    paths <- if (is.null(labels)) keep_folder(temporary, paths) else NA_character_
    unlink(temporary, recursive = TRUE)
    told$origin$sha256[] <- "" # of no other run's folder
  }
  told$per_image$labels[done] <- paths
  told$per_image <- without_blanks(told$per_image)
  told$per_expert <- without_blanks(told$per_expert)
  told$objects <- without_blanks(told$objects)
  if (is.null(labels)) labels <- in_files(paths, like, told$origin$sha256)
  tables <- c("per_image", "per_expert", "per_label", "pairs", "objects", "method", "task")
  parts <- c(told[tables], list(labels = stats::setNames(labels, names)))
  if (!is.null(soft)) parts$soft <- stats::setNames(soft, names)
  structure(parts, run = told$run, class = "cl_consensus")
}

read_shares <- function(path, classes, like) {
  path <- file.path(dirname(dirname(path)), "maps", basename(path))
  shares <- call_python("read", path = path)$array
  as_class(name_classes(shares, as.character(unlist(classes))), like)
}

#' Consensus of experts
#'
#' Methods for what [cl_consensus()] returns.
#'
#' @param x,object A `cl_consensus`.
#' @param metric `"dice"`, `"iou"` or, of instances, `"ap50"`, which is of objects; default of
#'   instances `"ap50"`, else `"dice"`.
#' @param digits Digits to print, 0 to 22.
#' @param ... Must be empty; for `plot()`, settings of [graphics::plot.default()] such as `main`,
#'   `xlab` and `xlim`, which take the place of ours.
#' @param row.names,optional,stringsAsFactors Ignored; they belong to the generic function.
#' @return `as.data.frame()` and `summary()` the table per expert, `plot()` and `print()` `x`,
#'   invisibly.
#' @name cl_consensus_methods
NULL

#' @rdname cl_consensus_methods
#' @export
print.cl_consensus <- function(x, digits = 3, ...) {
  no_dots(...)
  digits <- checked_digits(digits)
  cat(format(x), "\n", sep = "")
  print(x$per_expert[names(x$per_expert) != "flags"], digits = digits, row.names = FALSE)
  if (x$task == "instances") {
    cat("ap50, ap and agreement_ap50 are of objects; the others of the foreground\n")
  }
  for (table in x[c("per_expert", "per_image")]) {
    odd <- table[!table$flags %in% c(NA, ""), ]
    if (nrow(odd) > 0) cat(sprintf("%s: %s\n", odd[[1]], odd$flags), sep = "")
  }
  failed <- utils::head(x$per_image[x$per_image$status != "ok", ], 10)
  if (nrow(failed) > 0) cat(sprintf("failed: %s: %s\n", failed$image, failed$status), sep = "")
  invisible(x)
}

#' @rdname cl_consensus_methods
#' @export
format.cl_consensus <- function(x, ...) {
  experts <- counted(nrow(x$per_expert), "expert")
  images <- counted(length(x$labels), "image")
  of <- c(binary = "foreground", classes = "classes", instances = "objects")[[x$task]]
  paste0("<cl_consensus> ", x$method, " of ", experts, " on ", images, ", of ", of)
}

#' @export
str.cl_consensus <- function(object, ...) {
  cat(" ", format(object), "\n", sep = "")
  utils::str(unclass(object), max.level = 1, give.attr = FALSE, no.list = TRUE)
}

#' @rdname cl_consensus_methods
#' @export
summary.cl_consensus <- function(object, ...) {
  no_dots(...)
  object$per_expert
}

#' @rdname cl_consensus_methods
#' @export
as.data.frame.cl_consensus <- function(x, row.names = NULL, optional = FALSE, ...,
                                      stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  x$per_expert
}

consensus_metric <- function(x, metric) {
  known <- intersect(c("ap50", "dice", "iou"), names(x$pairs))
  if (is.null(metric)) known[1] else one_of(metric, known, "metric")
}

#' @rdname cl_consensus_methods
#' @export
plot.cl_consensus <- function(x, metric = NULL, ...) {
  metric <- consensus_metric(x, metric)
  rows <- x$per_label
  names <- x$per_expert$expert
  ours <- list(
    xlim = c(0.5, length(names) + 0.5), ylim = 0:1, xaxt = "n", xlab = "", pch = 19,
    col = "#0072B280", ylab = paste(metric, "against the consensus")
  )
  plot_with(match(rows$expert, names), rows[[metric]], ours, ...)
  graphics::axis(1, seq_along(names), names)
  means <- x$per_expert[[metric]]
  graphics::segments(seq_along(names) - 0.2, means, seq_along(names) + 0.2, means, lwd = 2)
  invisible(x)
}

# nolint start: object_name_linter. The linter does not know ggplot2's generics.
utils::globalVariables("expert", add = TRUE)

#' @rdname cl_consensus_methods
#' @return `autoplot()` (of ggplot2): what `plot()` draws, as a ggplot.
#' @exportS3Method ggplot2::autoplot
autoplot.cl_consensus <- function(object, metric = NULL, ...) {
  no_dots(...)
  metric <- consensus_metric(object, metric)
  as_drawn <- function(table) {
    data.frame(expert = factor(table$expert, object$per_expert$expert), value = table[[metric]])
  }
  ggplot2::ggplot(as_drawn(object$per_label), ggplot2::aes(expert, value)) +
    ggplot2::geom_point(alpha = 0.5, na.rm = TRUE) +
    ggplot2::geom_point(data = as_drawn(object$per_expert), shape = "_", size = 9, na.rm = TRUE) +
    ggplot2::ylim(0, 1) +
    ggplot2::labs(x = NULL, y = paste(metric, "against the consensus"))
}
# nolint end
