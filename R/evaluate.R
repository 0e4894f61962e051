#' Score a model on images with truth
#'
#' Images whose pixels the model saw in training are recognised and refused. What is scored is
#' what [predict()][predict.cl_model] finds in the same images with the same `rescale` and
#' `views`. Images whose labels are more than 134 million pixels, and are read by region, are
#' predicted and scored block by block, without scores that need distances.
#'
#' @param x A `cl_model`.
#' @param data A folder, a table or [cl_data()], as for [cl_train()]. `NULL`: the images of an
#'   ensemble's training, each as it was scored by the member that had not seen it.
#' @param rescale Factor by which images are enlarged for the network, `NULL` for none, or `"auto"`,
#'   as for [predict()][predict.cl_model]; which was used is said, and is in `per_image$scale`.
#' @param views In how many views, flipped (4) and turned (8), the network sees each tile, as for
#'   [predict()][predict.cl_model].
#' @param out Folder for the tables as CSV files. What was killed among the blocks of a large image
#'   goes on when the same call is made again.
#' @param overwrite Replace the scores that are in `out`.
#' @param allow_training_images Score also images that the model was trained on.
#' @param block_px Edges of the blocks of an image that is scored block by block, one number or one
#'   per axis. By default as large as memory allows.
#' @param workers Processes of this machine that predict such blocks side by side; above 1 needs the
#'   extra `cluster`. At most as many as there are cores. Other images are scored by one process,
#'   which uses all cores: where no image is that large, `block_px`, `workers` and `client` are
#'   refused.
#' @param client Whose workers predict them instead, see [predict()][predict.cl_model]. They must
#'   see the image and `out`, or without it the folder of temporary files, by the same paths.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return A list of class `cl_scores` of data frames: `summary` (metric, value, low and high of
#'   the 95 % interval of the mean over all such images or, where they have groups, groups; n),
#'   `per_image` (image, `scale`, the factor by which it was enlarged for the network, then a column
#'   per metric) and `per_object` (image, truth, found, iou, matched). Of a model of objects that
#'   have classes `per_object` also has `class_truth` and `class_found`, and there is `confusion`:
#'   how many objects of which class were found as which, `NA` standing for none. Where there is
#'   nothing to find and nothing was found a metric is `NA` and no part of the mean: `n` counts the
#'   others. `n_found_on_empty`, where an image has no objects, counts those found on it. `low` and
#'   `high` are `NA` where nothing can be promised: of a single image or group, and of counts that
#'   are all alike. `as.data.frame()` gives `per_image`; `plot()` shows the worst images, and below
#'   them the best.
#' @method evaluate cl_model
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' test <- cl_simulate(tempfile("test"), images = 3, seed = 7)
#' scores <- evaluate(model, test, progress = FALSE)
#' scores
#' plot(scores, n = 1)
evaluate.cl_model <- function(x, data = NULL, ..., rescale = "auto", views = 1, out = NULL,
                              overwrite = FALSE, allow_training_images = FALSE, block_px = NULL,
                              workers = 1, client = NULL, progress = "auto") {
  no_dots(...)
  plain <- if (!is.null(data)) plain_data(data)
  tables <- run_events(
    "evaluate",
    list(
      model = model_path(x), data = plain, rescale = rescale, views = views,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite,
      allow_training_images = allow_training_images, block_px = block_px, workers = workers,
      client = client
    ),
    progress
  )
  run <- tables$run
  tables <- Filter(Negate(is.null), tables[c("summary", "per_image", "per_object", "confusion")])
  if (!is.null(data)) tables$per_image <- as_given(tables$per_image, data)
  images <- if (!is.null(data)) lasting(as_cl_data(data))
  structure(tables, model = x, data = images, run = run, class = "cl_scores")
}

#' Scores
#'
#' Methods for what [evaluate()][evaluate.cl_model] returns.
#'
#' @param x,object A `cl_scores`.
#' @param n How many images of each kind to show, a whole number.
#' @param metric The metric to sort by; default the first.
#' @param digits Digits to print, 0 to 22.
#' @param ... Must be empty; for `plot()`, settings of [graphics::plot.default()] such as `main`,
#'   `xlab` and `xlim`, which take the place of ours in each picture.
#' @param row.names,optional,stringsAsFactors Ignored; they belong to the generic function.
#' @return `as.data.frame()` the table per image, `summary()` the table per metric, the others
#'   `x`, invisibly.
#' @name cl_scores
NULL

#' @rdname cl_scores
#' @export
print.cl_scores <- function(x, digits = 3, ...) {
  no_dots(...)
  digits <- checked_digits(digits)
  count <- counted(nrow(x$per_image), "image")
  cat("Scores of ", count, "; low and high bound a 95 % interval\n", sep = "")
  print(x$summary, digits = digits, row.names = FALSE)
  if (any(is.na(x$summary$low) & x$summary$n > 0)) {
    cat(
      "No interval: of a single image or group, and of counts that are all alike, nothing can be",
      "promised of others.\n"
    )
  }
  invisible(x)
}

#' @rdname cl_scores
#' @export
summary.cl_scores <- function(object, ...) {
  no_dots(...)
  object$summary
}

#' @rdname cl_scores
#' @export
as.data.frame.cl_scores <- function(x, row.names = NULL, optional = FALSE, ...,
                                   stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  x$per_image
}

#' @rdname cl_scores
#' @export
plot.cl_scores <- function(x, n = 2, metric = NULL, ...) {
  if (is.null(attr(x, "data"))) {
    stop_clean(
      "These scores are of the training's images, which they do not keep. To see them: ",
      "evaluate() with these images as `data` and `allow_training_images = TRUE`."
    )
  }
  table <- x$per_image
  metrics <- x$summary$metric
  if (is.null(metric)) metric <- metrics[1]
  known_metric(metric, metrics, several = FALSE)
  whole_from(1, n, "n")
  table <- table[order(table[[metric]], na.last = NA), ]
  if (nrow(table) == 0) {
    stop_clean("Invalid `metric`. Expected one that images have. Received: ", metric, ", all NA.")
  }
  rows <- unique(c(utils::head(seq_len(nrow(table)), n), utils::tail(seq_len(nrow(table)), n)))
  below <- sprintf("%s %.3f", metric, table[[metric]][rows])
  scored <- call_python(
    "scored",
    model = model_path(attr(x, "model")), data = plain_data(attr(x, "data")),
    names = as.list(table$image[rows]), scales = as.list(table$scale[rows])
  )
  old <- graphics::par(
    mfrow = worst_above(length(rows)),
    mar = c(0.5, 0.5, 2.5, 0.5), oma = c(1.5, 0, 0, 0)
  )
  on.exit(graphics::par(old))
  for (k in seq_along(rows)) {
    one <- scored[[k]]
    drawn <- outlined(one$image, list(`#00C2FF` = one$truth, `#FFB000` = one$found))
    draw_picture(drawn, c(table$image[rows[k]], below[k]), ...)
  }
  key <- c("#00C2FF" = "truth", "#FFB000" = "found")
  graphics::mtext(key, 1, 0, outer = TRUE, at = c(0.4, 0.6), col = names(key), font = 2, cex = 0.9)
  invisible(x)
}

# Rows and columns of so many pictures: the worst in the upper row.
worst_above <- function(n) if (n > 2) c(2, ceiling(n / 2)) else c(1, n)
