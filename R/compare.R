#' Which of two models is better
#'
#' Scores two models on the same images with truth, and takes one score from the other image by
#' image: that some images are harder for both does not hide which model is better.
#'
#' @param model_a,model_b Two `cl_model`s of [cl_train()] or [cl_load()], or their folders. Of
#'   models of different tasks the scores are compared that both have; a copy of the first is
#'   refused as the second.
#' @param data A folder, a table or [cl_data()], as for [evaluate()][evaluate.cl_model]. A label
#'   value that was unknown in the training of one of the models is so for both.
#' @param rescale Factor by which images are enlarged for the networks, `NULL` for none, or
#'   `"auto"`, for each model as [predict()][predict.cl_model] decides it.
#' @param out Folder for the tables as CSV files.
#' @param overwrite Replace the comparison that is in `out`.
#' @param allow_training_images Compare also on images that one of the models was trained on.
#' @param block_px Edges of the blocks of images that are scored block by block, see
#'   [evaluate()][evaluate.cl_model]; one number or one per axis. By default as large as memory
#'   allows.
#' @param workers Processes of this machine that predict such blocks side by side; above 1 needs the
#'   extra `cluster`. At most as many as there are cores. Other images are scored by one process,
#'   which uses all cores: where no image is that large, `block_px`, `workers` and `client` are
#'   refused.
#' @param client Whose workers predict them instead, see [predict()][predict.cl_model]. They must
#'   see the image and the folder of temporary files by the same paths.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return A list of class `cl_comparison`: the data frames
#'   * `summary`: `metric`, `a` and `b` (means of the models over the images of which both have a
#'     score), `difference` (mean of a - b), `low` and `high` (95 % interval of the mean difference
#'     over all such images or, where they have groups, groups), `n` (images), `better`: `"a is
#'     better"`, `"b is better"` or `"no difference shown"`. More is better, but of
#'     errors, distances and `n_found_on_empty`, objects found where there are none;
#'   * `per_image`: `image`, `metric`, `a`, `b`, `difference`.
#'
#'   and `words`, a sentence about `metric`, that by which such models are known. `print()` shows it
#'   with the summary, `as.data.frame()` gives `per_image`. That no difference is shown does not
#'   mean that there is none: with more images there may be one. Of many metrics one in twenty shows
#'   a difference by chance.
#' @export
#' @examplesIf cl_available()
#' model <- cl_load(system.file("extdata", "simulated.cytoloom", package = "cytoloom"))
#' short <- cl_train(
#'   cl_simulate(tempfile("train"), images = 2),
#'   network = cl_unet(filters = 4, depth = 1),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), # far too few
#'   progress = FALSE
#' )
#' cl_compare(model, short, cl_simulate(tempfile("test"), images = 3, seed = 7), progress = FALSE)
cl_compare <- function(model_a, model_b, data, ..., rescale = "auto", out = NULL,
                       overwrite = FALSE, allow_training_images = FALSE, block_px = NULL,
                       workers = 1, client = NULL, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "compare",
    list(
      model_a = model_path(model_a, "model_a"), model_b = model_path(model_b, "model_b"),
      data = plain_data(data), rescale = rescale,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite,
      allow_training_images = allow_training_images, block_px = block_px, workers = workers,
      client = client
    ),
    progress
  )
  found$per_image <- as_given(found$per_image, data)
  new_verdict(found, "cl_comparison", "summary")
}

# What is said of several models: its table of them first, by which it is shown.
new_verdict <- function(found, class, table) {
  parts <- found[c(table, "per_image", "words", "metric")]
  structure(parts, run = found$run, class = c(class, "cl_verdict"))
}

#' Comparisons and rankings of models
#'
#' Methods for what [cl_compare()] and [cl_rank()] return.
#'
#' @param x,object A `cl_comparison` or a `cl_ranking`.
#' @param digits Digits to print, 0 to 22.
#' @param ... Must be empty.
#' @param row.names,optional,stringsAsFactors Ignored; they belong to the generic function.
#' @return `summary()` the table per metric of a comparison, that of the models of a ranking;
#'   `as.data.frame()` the table per image of a comparison, that of the models of a ranking;
#'   `print()` `x`, invisibly.
#' @name cl_comparison
#' @aliases cl_ranking
NULL

#' @rdname cl_comparison
#' @export
print.cl_verdict <- function(x, digits = 3, ...) {
  no_dots(...)
  digits <- checked_digits(digits)
  cat(x$words, "\n", sep = "")
  print(summary(x), digits = digits, row.names = FALSE)
  invisible(x)
}

#' @rdname cl_comparison
#' @export
format.cl_verdict <- function(x, ...) {
  paste0("<", class(x)[1], "> ", x$words)
}

#' @export
str.cl_verdict <- function(object, ...) {
  cat(" ", format(object), "\n", sep = "")
  utils::str(unclass(object), max.level = 1, give.attr = FALSE, no.list = TRUE)
}

#' @rdname cl_comparison
#' @export
summary.cl_verdict <- function(object, ...) {
  no_dots(...)
  object[[1]]
}

#' @rdname cl_comparison
#' @export
as.data.frame.cl_comparison <- function(x, row.names = NULL, optional = FALSE, ...,
                                        stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  x$per_image
}

#' @rdname cl_comparison
#' @export
as.data.frame.cl_ranking <- function(x, row.names = NULL, optional = FALSE, ...,
                                     stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  x$ranking
}
