#' Which images a run learns from, holds out, and is scored on
#'
#' @param train Folder or CSV file, as [cl_train()] takes it. Relative paths are so to the working
#'   directory.
#' @param validation Share that is held out, or a folder or CSV file.
#' @param test Folder or CSV file with images that the trained model is scored on, or `NULL`.
#' @param channels,unknown,axes,pixel_size_um,pattern,class_ids How images are read, as for
#'   [cl_data()].
#' @param normalize A [cl_normalize()]; `NULL`: as [cl_train()] has it.
#' @param object_classes CSV file with the classes of objects of `train`, as for [cl_data()]; others
#'   have it beside them.
#' @param also More paths to learn from, as different as they are; see [cl_data()].
#' @param weights How often patches of each are seen, `train` first and then `also`.
#' @return A list of class `cl_data_split`, for [cl_grid()].
#' @export
#' @examples
#' cl_data_split("data/train", test = "data/test")
cl_data_split <- function(train, validation = 0.2, test = NULL, channels = NULL, unknown = NULL,
                          axes = NULL, pixel_size_um = NULL, pattern = NULL, class_ids = NULL,
                          normalize = NULL, object_classes = NULL, also = NULL, weights = NULL) {
  all_given(sys.nframe())
  given <- settings()
  given$train <- plain_path(train, "train")
  if (!is.null(object_classes)) given$object_classes <- plain_path(object_classes, "object_classes")
  if (!is.null(also)) given$also <- as.list(plain_paths(also, "also"))
  if (is.character(validation)) given$validation <- plain_path(validation, "validation")
  if (!is.null(test)) given$test <- plain_path(test, "test")
  given["class_ids"] <- list(plain_class_ids(class_ids))
  component("DataSplit", given)
}

#' Runs: each data with each network, task and trainer
#'
#' @param data A [cl_data_split()] or the path of training images, or a list of them; its names are
#'   those in the tables. Parts without names are named by what they are.
#' @param network A [cl_unet()] or a list of them; `NULL`: planned from the images.
#' @param task `"instances"`, `"binary"`, `"classes:background,NAME,..."`, a [cl_instances()] and so
#'   on, or a list of them.
#' @param trainer A [cl_trainer()] or a list of them; `NULL`: ten minutes.
#' @param start Name of a run in the same store, or folder of a model, that all go on from; heads
#'   and classes of the same names are taken over and the others start fresh, which is said.
#' @param repetitions How often each, with seeds `seed`, `seed + 1`, ...: other images held out,
#'   other weights.
#' @param seed Of the first repetition.
#' @param members,folds Of each run an ensemble, as for [cl_train()].
#' @param ... Must be empty.
#' @return A list of class `cl_grid`, for [cl_run_start()].
#' @export
#' @examples
#' cl_grid("data/train",
#'   network = list(small = cl_unet(filters = 8), large = cl_unet(filters = 16)),
#'   trainer = cl_trainer(minutes = 2), repetitions = 3
#' )
cl_grid <- function(data, network = NULL, task = "instances", trainer = NULL, ..., start = NULL,
                    repetitions = 1, seed = 0, members = 1, folds = NULL) {
  no_dots(...)
  whole_from(1, repetitions, "repetitions")
  whole_from(0, seed, "seed")
  whole_from(1, members, "members")
  if (!is.null(folds)) {
    whole_from(1, folds, "folds")
    if (members == 1 || folds < members) {
      refuse("folds", "no fewer than members, of which there are 2 or more", folds)
    }
  }
  parts <- list(data = data, network = network, task = task, trainer = trainer)
  more <- list(start = start, repetitions = repetitions, seed = seed, members = members,
    folds = folds)
  structure(c(lapply(parts, grid_part), more), class = "cl_grid")
}

# Components are lists themselves; paths and words are taken one by one.
grid_part <- function(part) {
  part <- unfactored(part)
  if (is.character(part) && length(part) > 1) as.list(part) else part
}

#' @export
print.cl_grid <- function(x, ...) {
  no_dots(...)
  many <- function(part) if (inherits(part, "cl_component") || !is.list(part)) 1 else length(part)
  counts <- vapply(unclass(x)[c("data", "network", "task", "trainer")], many, 1)
  cat("<cl_grid> ", paste(counts, names(counts), collapse = " x "), ", ", x$repetitions,
    " repetition", if (!identical(x$repetitions, 1)) "s", "\n",
    sep = ""
  )
  invisible(x)
}

#' Train, list and compare runs
#'
#' A run is data x network x task x trainer, and perhaps a start. What each of these is stands in a
#' store under its name; so do the runs, how they ended, their curves and their scores.
#'
#' A run that fails is told of with its reason, and does not stop the others. A run that is done is
#' not trained again, nor is one that is the same under another name; what was cut off goes on.
#' Several processes may work through the same runs at once.
#'
#' @param runs A [cl_grid()], or files of YAML with its arguments.
#' @param names Names of runs; `NULL`: all, of `cl_run_compare()` all that are done.
#' @param name Name of a run.
#' @param store Folder, or address of a database such as `"sqlite:///runs.db"` (which needs
#'   `cl_install(extras = "runs")`).
#' @param client Whose workers train the runs, each one at a time, instead of this process: the
#'   address of a scheduler of Dask, `"tcp://10.0.0.1:8786"`, or the file that it writes. They must
#'   see store and images by the same paths, from the same working directory.
#' @param metric By which runs are sorted; `NULL`: that by which their models are known.
#' @param out Folder for the tables and a picture of a comparison.
#' @param overwrite Replace the comparison that is in `out`.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return `cl_runs()`, `cl_run_start()` and `cl_run_resume()` a data frame with a row for each run:
#'   `run`; the names of its `data`, `network`, `task` and `trainer`; `seed`; `start`; `status`
#'   (`"waiting"`, `"running"`, `"cut off"`, `"failed"` or `"done"`); `set`, `metric` and `score`
#'   (the mean over images of the test, or else of those that were held out); `iterations`;
#'   `minutes`; `why` it failed.
#'
#'   `cl_run_show()` a list of class `cl_run`: `name`, `status`, `why`, and the data frames `parts`,
#'   `facts`, `scores`, `best` (where each curve is best) and `history`; `plot()` draws the curves.
#'
#'   `cl_run_compare()` a list of class `cl_run_comparison`: the data frames `summary` (means over
#'   runs that differ in nothing but their seed, `low` and `high` the 95 % interval of the mean over
#'   all such runs, `n` runs) and `runs`, and `metric`. `as.data.frame()` gives the summary,
#'   `plot()` draws it.
#'
#'   `cl_run_remove()` what was removed, invisibly.
#' @export
#' @examplesIf cl_available()
#' images <- cl_simulate(tempfile("train"), images = 3)
#' store <- tempfile("runs")
#' grid <- cl_grid(images,
#'   network = cl_unet(filters = 4, depth = 1),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32) # far too few
#' )
#' cl_run_start(grid, store = store, progress = FALSE)$status
#' cl_run_compare(store = store)
cl_run_start <- function(runs, ..., store = "runs", client = NULL, progress = "auto") {
  no_dots(...)
  given <- if (inherits(runs, "cl_grid")) unclass(runs) else as.list(plain_paths(runs, "runs"))
  run_events(
    "run_start", list(runs = given, store = plain_store(store), client = client), progress
  )
}

#' @rdname cl_run_start
#' @export
cl_runs <- function(..., store = "runs", progress = "auto") {
  no_dots(...)
  run_events("run_list", list(store = plain_store(store)), progress)
}

#' @rdname cl_run_start
#' @export
cl_run_show <- function(name, ..., store = "runs", progress = "auto") {
  no_dots(...)
  found <- run_events("run_show", list(name = name, store = plain_store(store)), progress)
  structure(found, class = "cl_run")
}

#' @rdname cl_run_start
#' @export
cl_run_compare <- function(names = NULL, ..., store = "runs", metric = NULL, out = NULL,
                           overwrite = FALSE, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "run_compare",
    list(
      names = names, store = plain_store(store), metric = metric,
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  structure(found, class = "cl_run_comparison")
}

#' @rdname cl_run_start
#' @export
cl_run_resume <- function(names = NULL, ..., store = "runs", client = NULL, progress = "auto") {
  no_dots(...)
  run_events(
    "run_resume", list(names = names, store = plain_store(store), client = client), progress
  )
}

#' @rdname cl_run_start
#' @export
cl_run_remove <- function(names, ..., store = "runs", progress = "auto") {
  no_dots(...)
  given <- list(names = names, store = plain_store(store))
  invisible(unlist(run_events("run_remove", given, progress)))
}

# An address of a database is no path, in which ~ would be the home folder.
plain_store <- function(store) {
  path <- plain_path(store, "store")
  if (grepl("://", store, fixed = TRUE)) enc2utf8(store) else path
}

#' @export
print.cl_run <- function(x, ...) {
  no_dots(...)
  cat(x$text, "\n", sep = "")
  invisible(x)
}

#' @export
print.cl_run_comparison <- print.cl_run

#' @export
plot.cl_run <- function(x, metric = NULL, ...) {
  metrics <- curves_of(x$history, metric)
  old <- graphics::par(mfrow = c(1, length(metrics)), mar = c(4.5, 5, 1, 1), mgp = c(3.3, 0.8, 0))
  on.exit(graphics::par(old))
  for (one in metrics) plot_curve(x$history[x$history$metric == one, ], one, ...)
  invisible(x)
}

#' @export
as.data.frame.cl_run_comparison <- function(x, row.names = NULL, optional = FALSE, ...,
                                            stringsAsFactors = FALSE) { # nolint
  no_dots(...)
  x$summary
}

#' @export
plot.cl_run_comparison <- function(x, metric = x$metric, ...) {
  rows <- x$summary[x$summary$metric == metric, ]
  if (nrow(rows) == 0) refuse("metric", "a metric of the summary", metric)
  levels <- c("data", "network", "task", "trainer", "start", "members")
  several <- vapply(rows[levels], function(one) length(unique(one)) > 1, NA)
  shown <- if (any(several)) levels[several] else "network"
  each <- x$runs$value[x$runs$metric == metric]
  ends <- range(rows[c("value", "low", "high")], each, na.rm = TRUE)
  names <- do.call(paste, c(unname(rows[shown]), sep = ", "))
  graphics::dotchart(rev(rows$value), labels = rev(names), xlab = metric, xlim = ends, ...)
  graphics::segments(rev(rows$low), seq_along(names), rev(rows$high), seq_along(names))
  invisible(x)
}

#' Train again as a model was trained
#'
#' All settings are those of its model.json: task, network, scaling, trainer, seed, which images
#' were learned from and which were held out, by each member of an ensemble; a training by time is
#' replayed step by step. On one machine with the same versions the weights are equal to the last
#' bit.
#'
#' @param model A `cl_model` of [cl_train()] or [cl_load()], or its folder.
#' @param data Its images with labels, as for [cl_train()]; they are known by name and pixels.
#'   `NULL`: of a run in a folder of runs, those of the run.
#' @param out Model folder for the new one; `NULL`: it is not kept.
#' @param overwrite Replace the model that `out` holds.
#' @param progress `TRUE`, `FALSE` or `"auto"`.
#' @param ... Must be empty.
#' @return A list of class `cl_rerun`: `equal`, whether all weights, of all members, are equal
#'   to the last bit; `difference`, the largest one; the data frame `changed` with `what`, `then`
#'   and `now`: versions, device and so on that are not as they were.
#' @export
#' @examplesIf cl_available()
#' images <- cl_simulate(tempfile("train"), images = 3)
#' model <- cl_train(images,
#'   network = cl_unet(filters = 4, depth = 1),
#'   trainer = cl_trainer(iterations = 2, batch_size = 1, patch_px = 32), # far too few
#'   progress = FALSE
#' )
#' cl_rerun(model, images, progress = FALSE)
cl_rerun <- function(model, data = NULL, ..., out = NULL, overwrite = FALSE, progress = "auto") {
  no_dots(...)
  found <- run_events(
    "rerun",
    list(
      model = model_path(model), data = if (!is.null(data)) plain_data(data),
      out = if (!is.null(out)) plain_path(out, "out"), overwrite = overwrite
    ),
    progress
  )
  structure(found[c("equal", "difference", "changed", "text")], class = "cl_rerun")
}

#' @export
print.cl_rerun <- print.cl_run
