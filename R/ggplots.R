# autoplot(): the pictures of plot() as ggplots, for those who have ggplot2.

# nolint start: object_name_linter. The linter does not know ggplot2's generics.
# Columns that aes() names.
utils::globalVariables(
  c("iteration", "value", "set", "metric", "low", "high", "curve", "of"),
  add = TRUE
)

#' @rdname cl_tables
#' @exportS3Method ggplot2::autoplot
autoplot.cl_model <- function(object, metric = NULL, ...) {
  no_dots(...)
  history <- as.data.frame(object)
  rows <- history[history$metric %in% curves_of(history, metric), ]
  rows$curve <- paste(rows$set, curve_of(rows))
  members <- !is.null(rows$member)
  rows$of <- if (members) paste("member", rows$member) else rows$set
  line <- if (members) ggplot2::aes(linetype = set)
  ggplot2::ggplot(rows, ggplot2::aes(iteration, value, colour = of, group = curve)) +
    ggplot2::geom_line(line) +
    ggplot2::facet_wrap(~metric, scales = "free_y") +
    ggplot2::labs(y = NULL, colour = NULL, linetype = NULL)
}

#' @rdname cl_tables
#' @param metric For a model: which curves of the history, `"loss"` and `"score"`; default both.
#'   For scores: which metrics; default all but counts.
#' @exportS3Method ggplot2::autoplot
autoplot.cl_scores <- function(object, metric = NULL, ...) {
  no_dots(...)
  rows <- object$summary
  if (is.null(metric)) metric <- rows$metric[!startsWith(rows$metric, "n_")]
  rows <- rows[match(known_metric(metric, rows$metric), rows$metric), ]
  rows$metric <- factor(rows$metric, rev(metric))
  ggplot2::ggplot(rows, ggplot2::aes(value, metric)) +
    ggplot2::geom_linerange(ggplot2::aes(xmin = low, xmax = high), na.rm = TRUE) +
    ggplot2::geom_point(na.rm = TRUE) +
    ggplot2::labs(x = "mean and 95 % interval", y = NULL)
}

#' @rdname cl_tables
#' @exportS3Method ggplot2::autoplot
autoplot.cl_found <- function(object, i = 1, ..., images = NULL) {
  no_dots(...)
  drawn <- picture(object, i, images)
  size <- dim(drawn)
  # positions as in the tables: the middle of the first pixel is 0, y runs downwards
  ggplot2::ggplot() +
    ggplot2::annotation_raster(drawn, -0.5, size[2] - 0.5, 0.5 - size[1], 0.5) +
    ggplot2::scale_x_continuous(limits = c(-0.5, size[2] - 0.5), expand = c(0, 0)) +
    ggplot2::scale_y_reverse(limits = c(size[1] - 0.5, -0.5), expand = c(0, 0)) +
    ggplot2::coord_fixed() +
    ggplot2::labs(x = "x (px)", y = "y (px)", title = names(object)[found_place(object, i)])
}
# nolint end
