#' Train a model
#'
#' The data are checked first; everything wrong with them is said in one message before any
#' training starts. A training that was killed goes on from `out` when the same call is made
#' again. At the console Ctrl-C (Esc in RStudio) ends training early and returns the model so
#' far; in scripts and documents it saves the state and stops.
#'
#' @param data A folder with `images/` and `masks/` or `labels/`, a CSV file or data frame with
#'   columns image, label\[, group, split\], `list(images = , labels = )`, or [cl_data()].
#' @param task What to learn: `"instances"`, `"binary"`, `"classes:a,b,c"`, or [cl_instances()],
#'   [cl_binary()], [cl_classes()].
#' @param network A [cl_unet()]; `NULL`: its defaults.
#' @param trainer A [cl_trainer()]; `NULL`: 10 minutes.
#' @param normalize A [cl_normalize()]; `NULL`: percentiles 1 to 99.8.
#' @param validation Share of the images (whole groups, where there are groups) held out to
#'   choose weights and thresholds; or data for that.
#' @param start Fine-tune from this model, a `cl_model` or its folder.
#' @param out Folder to write, by custom `name.cytoloom`; `NULL`: one that goes with the session.
#' @param overwrite Start anew where `out` holds a model or a started training.
#' @param seed The same seed and threads give the same model on one machine.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @param ... Must be empty.
#' @return A `cl_model`: a list of `path` and `info`, and whether it was `interrupted`. It holds
#'   no pointer: it can be saved and copied, as long as its folder is there. It has methods for
#'   `print()`, `summary()`, `plot()`, `as.data.frame()` (the history),
#'   [predict()][predict.cl_model] and [evaluate()][evaluate.cl_model].
#' @seealso [cl_check()], [cl_load()]
#' @export
#' @examplesIf cl_available()
#' folder <- cl_simulate(tempfile("nuclei"), images = 3)
#' model <- cl_train(
#'   folder,
#'   network = cl_unet(filters = 4, depth = 2),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), # far too few
#'   progress = FALSE
#' )
#' model
cl_train <- function(data, task = "instances", network = NULL, trainer = NULL, normalize = NULL,
                     validation = 0.2, start = NULL, out = NULL, overwrite = FALSE, seed = 0,
                     progress = "auto", ...) {
  no_dots(...)
  arguments <- list(
    data = plain_data(data),
    task = task,
    network = network,
    trainer = trainer,
    normalize = normalize,
    validation = if (is.numeric(validation)) validation else plain_data(validation),
    start = if (!is.null(start)) model_path(start),
    out = if (is.null(out)) temporary_model() else plain_path(out, "out"),
    overwrite = overwrite,
    seed = seed,
    keep_interrupted = keeps_interrupted()
  )
  new_model(run_events("train", arguments, progress))
}

temporary_model <- function() {
  path <- tempfile("model", fileext = ".cytoloom")
  message("The model is kept in ", path, " until R ends; pass `out` or use cl_save() to keep it.")
  path
}
