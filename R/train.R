#' Train a model
#'
#' The data are checked first; everything wrong with them is said in one message before any
#' training starts. A training that was killed goes on from `out` when the same call is made
#' again. At the console Ctrl-C (Esc in RStudio) ends training early and returns the model so
#' far; in scripts and documents it saves the state and stops, and so does a limit of time, as of
#' [setTimeLimit()] or `R.utils::withTimeout()`, everywhere.
#'
#' @param data A folder with `images/` and `masks/` or `labels/`, a CSV file or data frame with
#'   columns image, label\[, group, split\], `list(images = , labels = )`, or [cl_data()]; or
#'   cells of [cl_cells()].
#' @param task What to learn: `"instances"`, `"boundary"`, `"affinities"` (of stacks
#'   `"affinities:3d"`), `"binary"`, `"distance"`, `"hot_distance"`, `"inner_distance"`,
#'   `"centres"`, `"classes:a,b,c"`, `"instances:a,b"` (a class for each object), `"MODULE:CLASS"`
#'   for one of your own in Python, or with settings [cl_instances()], [cl_boundary()],
#'   [cl_affinities()], [cl_binary()], [cl_distance()], [cl_classes()], [cl_centres()]; of cells
#'   `"autoencoder"` or [cl_reconstruction()]. `NULL`: that of `start`, or `"instances"`.
#' @param network A [cl_unet()]; `NULL`: planned, see [cl_plan()]. Of cells a [cl_autoencoder()].
#' @param trainer A [cl_trainer()]; `NULL`: 10 minutes.
#' @param normalize A [cl_normalize()]; `NULL`: percentiles 1 to 99.8.
#' @param validation Share of the images (whole groups, where there are groups) held out to
#'   choose weights and thresholds; or data for that.
#' @param start Fine-tune from this model, a `cl_model` or its folder. Of another task, or one with
#'   other classes, heads and classes of the same names are taken over; what starts fresh is said.
#' @param members Networks that are trained one after the other and predict together, by the mean
#'   of their maps. Each holds out one fold of the images (whole groups, where there are groups), by
#'   which its weights are chosen and it is scored. `minutes` is the time of all. The scores of all
#'   images, each by the member that has not seen it: [evaluate()][evaluate.cl_model] without data.
#' @param folds Parts of the images, for `members`; `NULL`: as many as members.
#' @param out Folder to write, by custom `name.cytoloom`; `NULL`: one that goes with the session.
#' @param overwrite Replace the model that `out` holds, once the new one is whole, and give up a
#'   training that was started there with other settings or data.
#' @param seed The same seed gives the same model on one machine.
#' @param progress `TRUE`, `FALSE`, or `"auto"`: say how far it is, but not in documents.
#' @param ... Must be empty.
#' @return A `cl_model`: a list of `path` and `info`, and whether it was `interrupted`. It holds
#'   no pointer: it can be saved and copied, as long as its folder is there. It has methods for
#'   `print()`, `summary()`, `plot()`, `as.data.frame()` (the history),
#'   [predict()][predict.cl_model] and [evaluate()][evaluate.cl_model].
#' @seealso [cl_check()], [cl_load()]
#' @export
#' @examplesIf cl_available()
#' folder <- cl_simulate(tempfile("nuclei"), images = 2)
#' model <- cl_train(
#'   folder,
#'   task = "binary",
#'   network = cl_unet(filters = 4, depth = 1),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), # far too few
#'   progress = FALSE
#' )
#' model
cl_train <- function(data, task = NULL, network = NULL, trainer = NULL, normalize = NULL,
                     validation = 0.2, start = NULL, members = 1, folds = NULL, out = NULL,
                     overwrite = FALSE, seed = 0, progress = "auto", ...) {
  no_dots(...)
  arguments <- list(
    data = if (inherits(data, "cl_cells")) told_cells(data) else plain_data(data),
    task = task,
    network = network,
    trainer = trainer,
    normalize = normalize,
    validation = plain_validation(validation),
    start = if (!is.null(start)) model_path(start, "start"),
    members = members,
    folds = folds,
    out = if (is.null(out)) tempfile("model", fileext = ".cytoloom") else plain_path(out, "out"),
    overwrite = overwrite,
    seed = seed,
    keep_interrupted = keeps_interrupted()
  )
  model <- new_model(run_events("train", arguments, progress))
  if (is.null(out)) {
    message(
      "The model goes with the session: pass `out` or use cl_save() to keep it."
    )
  }
  model
}

plain_validation <- function(x) {
  plain <- is.null(x) || is.logical(x) || (is.numeric(x) && is.null(dim(x)))
  if (plain) x else plain_data(x, "validation")
}

#' What a training would use, and why, or what the prediction of a volume would take
#'
#' [cl_train()] makes the same plan for whatever it is not given. With a model three parts of an
#' image are tried, and what its prediction block by block will take is estimated.
#'
#' @param data As for [cl_train()]; with a model the path of one image.
#' @param model A model or its path; the settings of a training say nothing, then.
#' @param task,validation,seed,progress,... As for [cl_train()].
#' @param minutes Wall time of the training; `NULL`: that of `trainer`.
#' @param memory_gb Memory that it may use, above 0; `NULL`: half of the machine's.
#' @param network,trainer,normalize What is decided already; the rest is chosen to go with it.
#' @return A list of class `cl_plan`: `network`, `trainer` and `normalize` for [cl_train()], and
#'   a data frame `table` with columns setting, value, why. With a model, instead of components
#'   `hours`, `labels_gb`, `pyramid_gb`, `maps_gb` and `working_gb` (disk), `memory_gb` (of each
#'   worker, with the process itself) and `level`, which copy of the image to name where it holds
#'   smaller ones.
#' @export
#' @examplesIf cl_available()
#' folder <- cl_simulate(tempfile("nuclei"), images = 3)
#' cl_plan(folder, minutes = 5, progress = FALSE)
cl_plan <- function(data, model = NULL, task = "instances", minutes = NULL, memory_gb = NULL,
                    network = NULL, trainer = NULL, normalize = NULL, validation = 0.2, seed = 0,
                    progress = "auto", ...) {
  no_dots(...)
  arguments <- list(
    data = if (is.null(model)) plain_data(data) else plain_path(data, "data"),
    model = if (!is.null(model)) model_path(model),
    task = task,
    minutes = minutes,
    memory_gb = memory_gb,
    network = network,
    trainer = trainer,
    normalize = normalize,
    validation = plain_validation(validation),
    seed = seed
  )
  if (!is.null(model)) {
    found <- run_events("plan", arguments, progress)
    return(structure(found[names(found) != "reasons"], class = "cl_plan"))
  }
  chosen <- c("network", "trainer", "normalize")
  found <- run_events("plan", arguments, progress)[c(chosen, "table", "text")]
  found[chosen] <- lapply(found[chosen], as_component)
  structure(found, class = "cl_plan")
}

#' @export
print.cl_plan <- function(x, ...) {
  no_dots(...)
  cat(x$text, "\n", sep = "")
  invisible(x)
}
